"""Data files that DVC tracks: which changed, and by how many rows."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from tidegate.config import Dataset
from tidegate.data.contract import DataChange
from tidegate.data.contract.data_changes import MAX_NAMED, data_changes
from tidegate.data.contract.patterns import Pattern


@pytest.fixture
def service(service: Any) -> Any:
    service.configure()
    service.commit()
    return service


def found(service: Any, path: str = "data/orders", **more: Any) -> list[DataChange]:
    dataset = Dataset.model_validate({"path": path, "schema": "s.py:S", **more})
    return data_changes(dataset, service.base())


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".csv.gz"])
def test_data_changes__file_with_its_rows(service: Any, suffix: str) -> None:
    name = "data/orders" + suffix
    service.track_file(name, 10)
    service.commit()
    assert found(service, name) == []
    service.track_file(name, 12)
    assert found(service, name) == [DataChange(name, "changed", 10, 12)]


def test_data_changes__files_of_a_folder_one_by_one(service: Any) -> None:
    service.track_folder("data/orders", {"a.csv": 1, "b.csv": 2, "c/d.csv": 3})
    service.commit()
    service.track_folder("data/orders", {"a.csv": 1, "c/d.csv": 5, "e.csv": 7})
    assert found(service) == [
        DataChange("data/orders/b.csv", "removed", 2, 0),
        DataChange("data/orders/c/d.csv", "changed", 3, 5),
        DataChange("data/orders/e.csv", "added", 0, 7),
    ]


@pytest.mark.parametrize(
    ("path", "files"),
    [
        ("data/orders/*.csv", ["a.csv"]),
        ("data/orders/**/*.csv", ["a.csv", "c/d.csv"]),
        ("data/*", ["a.csv", "c/d.csv"]),
        ("data/orders/c", ["c/d.csv"]),
        ("data", ["a.csv", "c/d.csv"]),
        ("../shop/data/orders", ["a.csv", "c/d.csv"]),
        ("data/others", []),
        ("data/orders/a.parquet", []),
        ("s3://bucket/data/orders", []),
        ("/data/orders", []),
    ],
)
def test_data_changes__are_those_of_the_dataset(
    service: Any, path: str, files: Sequence[str]
) -> None:
    service.track_folder("data/orders", {"a.csv": 1, "c/d.csv": 3})
    assert [change.file for change in found(service, path)] == [
        f"data/orders/{file}" for file in files
    ]


def test_data_changes__earlier_version_that_is_not_here_has_unknown_rows(service: Any) -> None:
    digest = service.track_file("data/orders.csv", 10)
    service.commit()
    service.track_file("data/orders.csv", 12)
    service.cached(digest).unlink()
    (change,) = found(service, "data/orders.csv")
    assert (change.rows_before, change.rows_after) == (None, 12)
    assert change.note == (
        "rows unknown: the earlier version is not in the cache; "
        "`dvc fetch --all-commits data/orders.csv` brings it"
    )


def test_data_changes__version_in_the_workspace_counts_where_it_is_the_recorded_one(
    service: Any,
) -> None:
    digest = service.track_file("data/orders.csv", 10)
    service.cached(digest).unlink()
    assert found(service, "data/orders.csv") == [DataChange("data/orders.csv", "added", 0, 10)]
    (service.root / "data/orders.csv").write_text("id\n1\n")
    (change,) = found(service, "data/orders.csv")
    assert change.rows_after is None
    assert change.note == (
        "rows unknown: this version is not here; `dvc pull data/orders.csv` brings it"
    )


def test_data_changes__folder_whose_earlier_listing_is_not_here_is_one_change(
    service: Any,
) -> None:
    digest = service.track_folder("data/orders", {"a.csv": 1, "b.csv": 2})
    service.commit()
    service.cached(digest).unlink()
    digest = service.track_folder("data/orders", {"a.csv": 1, "b.csv": 5, "c.csv": 9})
    expected = DataChange(
        "data/orders", "changed", None, 15,
        "2 → 3 files; rows unknown: the earlier version is not in the cache; "
        "`dvc fetch --all-commits data/orders` brings it",
    )  # fmt: skip
    assert found(service) == [expected]
    # As much is known from the workspace alone, as long as it is what is recorded.
    shutil.rmtree(service.root / ".dvc/cache")
    assert found(service) == [expected]
    service.write("data/orders/d.csv", "id\n1\n")
    (change,) = found(service)
    assert (change.rows_before, change.rows_after) == (None, None)
    assert "`dvc pull data/orders` brings it" in str(change.note)


def test_data_changes__outputs_of_stages(service: Any) -> None:
    def lock(rows: int) -> None:
        digest = service.store(b"id\n" + b"1\n" * rows)
        output = f"{{path: data/orders.csv, hash: md5, md5: {digest}, size: {3 + 2 * rows}}}"
        stage = f"split: {{cmd: split, outs: [{output}]}}"
        service.write("pipeline/dvc.lock", f"{{schema: '2.0', stages: {{{stage}}}}}")

    outputs = "[data/orders.csv: {cache: true}, data/later.csv]"
    stage = f"split: {{cmd: split, wdir: .., outs: {outputs}}}"
    service.write("pipeline/dvc.yaml", f"stages: {{{stage}}}")
    lock(4)
    service.commit()
    lock(6)
    assert found(service, "data/*.csv") == [DataChange("data/orders.csv", "changed", 4, 6)]
    # A stage that is new and has not been run.
    service.write("dvc.yaml", "stages:\n  s@x: {cmd: x, outs: [data/new.csv, 'data/${y}.csv']}\n")
    (change,) = found(service, "data/new.csv")
    assert (change.change, change.rows_after) == ("added", None)
    assert "run `dvc repro`" in str(change.note)


def test_data_changes__forms_of_older_versions_and_other_caches(service: Any) -> None:
    service.write(
        ".dvc/config",
        "[core]\n    remote = store\n    autostage = true\n"
        "[cache]\n    dir = ../../../cache\n"
        "['remote \"store\"']\n    url = s3://bucket\n",
    )
    for rows in (1, 2):
        content = b"id\n" + b"1\n" * rows
        digest = service.store(content)
        place = service.top.parent / "repository/cache" / digest[:2] / digest[2:]
        place.parent.mkdir(parents=True, exist_ok=True)
        service.cached(digest).rename(place)
        service.write("track.dvc", f"md5: 0\nwdir: data\nouts:\n- md5: {digest}\n  path: a.csv\n")
        if rows == 1:
            service.write("../../.gitignore", "/cache\n")
            service.commit()
    assert found(service, "data/a.csv") == [DataChange("data/a.csv", "changed", 1, 2)]


def test_data_changes__files_that_a_folder_s_own_file_lists(service: Any) -> None:
    digests = [service.store(b"id\n" + b"1\n" * rows) for rows in (1, 2)]
    form = ("outs:\n- path: orders\n  files:\n  - relpath: a.csv\n    md5: {}\n    size: 5\n"
            "    cloud: {{s3: {{version_id: x}}}}\n")  # fmt: skip
    service.write("data/orders.dvc", form.format(digests[0]))
    service.commit()
    service.write("data/orders.dvc", form.format(digests[1]))
    assert found(service) == [DataChange("data/orders/a.csv", "changed", 1, 2)]


def test_data_changes__files_of_dvc_that_are_damaged_name_nothing(service: Any) -> None:
    for number, text in enumerate(
        ("outs: [", "- a", "outs: [1, {path: 3}, {md5: x}]", "", "outs:")
    ):
        service.write(f"data/{number}.dvc", text)
    service.write("dvc.lock", "stages: [a]")
    service.write("dvc.yaml", "stages: {a: b, c: {outs: [{}, 1]}}")
    service.write(".dvc/config", "no section\n")
    assert found(service) == []


def test_data_changes__damaged_data_is_told(service: Any) -> None:
    digest = service.store(b"PAR1 is not all")
    service.write("data/a.parquet.dvc", f"outs:\n- {{md5: {digest}, path: a.parquet}}\n")
    (change,) = found(service, "data")
    assert change.rows_after is None
    assert str(change.note).startswith("rows unknown: the file cannot be read")
    (change,) = found(service, "data", redact=["id"])
    assert change.note == "rows unknown"


def test_data_changes__many_are_capped_in_number_and_exact_in_sum(service: Any) -> None:
    service.track_folder("data/orders", {f"{n:03}.csv": 1 for n in range(30)})
    service.commit()
    service.track_folder("data/orders", {f"{n:03}.csv": 2 for n in range(1, 35)})
    changes = found(service)
    assert len(changes) == MAX_NAMED + 1
    assert changes[-1] == DataChange("15 more files", "changed", 10, 30, "10 changed, 5 added")


def test_data_changes__folder_named_for_a_redacted_value_is_shown_without_it(service: Any) -> None:
    service.track_folder("data/orders", {"tail=N987/year=2013/a.csv": 1})
    shown = found(service, redact=["tail"])
    assert [change.file for change in shown] == ["data/orders/tail=…/year=2013/a.csv"]
    assert "987" not in str(shown)


def test_data_changes__as_dvc_itself_writes_them(service: Any) -> None:
    shutil.rmtree(service.root / ".dvc")
    for name, rows in (("orders/a.csv", 1), ("orders/b.csv", 2), ("one.csv", 3)):
        service.write_data(f"data/{name}", b"id\n" + b"1\n" * rows)
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from dvc.repo import Repo\n"
        "repo = Repo.init('.', subdir=True)\n"
        "tracked = ['data/orders', 'data/one.csv']\n"
        "repo.add(tracked)\n"
        "for name in tracked:\n"
        "    Path(f'{name}.dvc.txt').write_text(Path(f'{name}.dvc').read_text())\n"
        "for name in ('data/orders/b.csv', 'data/one.csv'):\n"
        "    Path(name).unlink()\n"
        "    Path(name).write_text('id\\n' + '1\\n' * 9)\n"
        "repo.add(tracked)\n"
    )
    subprocess.run(
        [sys.executable, "-c", program], cwd=service.root, check=True, capture_output=True
    )
    now = {}
    for name in ("data/orders", "data/one.csv"):
        now[name] = (service.root / f"{name}.dvc").read_text()
        service.write(f"{name}.dvc", (service.root / f"{name}.dvc.txt").read_text())
    service.commit()
    for name, text in now.items():
        service.write(f"{name}.dvc", text)
    assert found(service, "data") == [
        DataChange("data/one.csv", "changed", 3, 9),
        DataChange("data/orders/b.csv", "changed", 2, 9),
    ]


@pytest.mark.parametrize("pattern", ["a", "a/*", "a/**/*.csv", "*/b", "**/b.csv", "a/b.csv"])
def test_pattern__agrees_with_what_a_folder_matches(pattern: str, tmp_path: Path) -> None:
    files = ["a/b.csv", "a/c/b.csv", "b.csv", "a/b/c.csv", "d/b/e/f.csv"]
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    matched = [tmp_path / pattern] if "*" not in pattern else list(tmp_path.glob(pattern))
    expected = {
        file for file in files
        if any(match in (tmp_path / file, *(tmp_path / file).parents) for match in matched)
    }  # fmt: skip
    made = Pattern.of(pattern, tmp_path, tmp_path)
    assert made is not None
    assert {file for file in files if made.has(PurePosixPath(file))} == expected
    for file in expected:
        assert made.overlaps(PurePosixPath(file).parent)
