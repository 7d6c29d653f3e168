from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidegate import digest
from tidegate.config import Config, Dataset
from tidegate.data.sources import Location, data_digest, dataset_digest, find_files, locate
from tidegate.data.sources.formats import SUFFIXES, compression_of, format_of
from tidegate.data.sources.listing import is_match, matches
from tidegate.data.sources.opening import TableFile, open_files, readable
from tidegate.data.sources.reading import read_table
from tidegate.errors import DataError

TABLE = pl.DataFrame({"id": list(range(500)), "name": [f"row {n}" for n in range(500)]})


@contextmanager
def as_somebody_else() -> Iterator[None]:
    """Root may read anything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def service(tmp_path: Path) -> Path:
    (tmp_path / "data" / "deep").mkdir(parents=True)
    for name in ("b.parquet", "a.parquet", "deep/c.parquet"):
        TABLE.write_parquet(tmp_path / "data" / name)
    return tmp_path


def found(service: Path, path: str) -> list[str]:
    files = find_files(path, service, where="dataset orders")
    return [file.relative_to(service / "data").as_posix() for file in files]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("data/b.parquet", ["b.parquet"]),
        ("data/*.parquet", ["a.parquet", "b.parquet"]),
        ("data/**/*.parquet", ["a.parquet", "b.parquet", "deep/c.parquet"]),
        ("data", ["a.parquet", "b.parquet", "deep/c.parquet"]),
        ("data/[a]*", ["a.parquet"]),
    ],
)
def test_find_files__file_folder_and_glob_in_order(
    service: Path, path: str, expected: list[str]
) -> None:
    assert found(service, path) == expected
    assert found(service, str(service / path)) == expected


def test_find_files__file_whose_name_is_a_pattern(service: Path) -> None:
    TABLE.write_parquet(service / "data/[1].parquet")
    assert found(service, "data/[1].parquet") == ["[1].parquet"]
    assert read_table(service / "data/[1].parquet").equals(TABLE)


def test_find_files__hidden_and_other_files_of_a_folder_are_passed_over(service: Path) -> None:
    (service / "data/.ipynb_checkpoints").mkdir()
    for name in (".ipynb_checkpoints/x.csv", ".a.csv", "notes.txt", "_SUCCESS"):
        (service / "data" / name).write_text("a\n1\n")
    assert found(service, "data") == ["a.parquet", "b.parquet", "deep/c.parquet"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("data/none.parquet", "no data file is there"),
        ("data/*.csv", "no data file is there"),
        ("empty", "no data file is there"),
        ("nowhere/*", "no data file is there"),
        ("mixed", "CSV and Parquet files are mixed in one dataset: a.csv and b.parquet"),
        ("mixed/*", "CSV and Parquet files are mixed in one dataset: a.csv and b.parquet"),
        ("odd/*", r"notes\.txt is neither Parquet, CSV nor JSON lines"),
    ],
)
def test_find_files__what_cannot_be_a_dataset(service: Path, path: str, message: str) -> None:
    (service / "empty").mkdir()
    for name in ("mixed/a.csv", "odd/notes.txt"):
        (service / name).parent.mkdir()
        (service / name).write_text("a\n1\n")
    TABLE.write_parquet(service / "mixed/b.parquet")
    with pytest.raises(DataError, match=message) as caught:
        found(service, path)
    assert caught.value.where == f"dataset orders: {path}"


@pytest.mark.parametrize("path", ["data", "data/**/*.parquet", "data/*/*.parquet", "*"])
def test_locate__folder_that_may_not_be_listed_is_not_passed_over(
    tmp_path: Path, path: str
) -> None:
    # Not in pytest's folder, which nobody else may enter at all.
    with TemporaryDirectory() as folder:
        root = Path(folder)
        for name in ("data/open", "data/closed"):
            (root / name).mkdir(parents=True)
            TABLE.write_parquet(root / name / "a.parquet")
        root.chmod(0o755)
        (root / "data/closed").chmod(0)
        closed = pytest.raises(DataError, match="a folder may not be listed by this user")
        with as_somebody_else(), closed as caught:
            locate(path, root, where="dataset orders")
        (root / "data/closed").chmod(0o755)
    assert str(caught.value.where).startswith(f"dataset orders: {path}: ")
    assert str(caught.value.where).endswith("data/closed")


def test_locate__linked_folders_are_followed_but_not_in_circles(service: Path) -> None:
    (service / "elsewhere").mkdir()
    TABLE.write_parquet(service / "elsewhere/d.parquet")
    (service / "data/linked").symlink_to(service / "elsewhere")
    (service / "data/deep/up").symlink_to(service / "data")
    names = [location.name for location in locate("data", service, where="")]
    assert names == ["a.parquet", "b.parquet", "deep/c.parquet", "linked/d.parquet"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pattern=st.lists(
        st.sampled_from(["*", "**", "a*", "[ab].csv", "?", "a", "b", "*.csv"]),
        min_size=1,
        max_size=4,
    )
)
def test_matches__finds_what_path_glob_finds(forest: Path, pattern: list[str]) -> None:
    found = set(matches(forest, pattern))
    expected = set(forest.glob("/".join(pattern)))
    assert found == expected
    # Of a bucket there is nothing but names to hold against a pattern.
    files = {path for path in forest.rglob("*") if path.is_file()}
    by_name = {file for file in files if is_match(file.relative_to(forest).parts, pattern)}
    if pattern[-1] != "**":
        assert by_name == expected & files


@pytest.fixture(scope="module")
def forest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("forest")
    for folder in (".", "a", "b", "a/b", "a/a", "a/b/a", "ab"):
        (root / folder).mkdir(parents=True, exist_ok=True)
        for name in ("a.csv", "b.csv", "ab.csv", "c"):
            (root / folder / name).touch()
    return root


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("data/b.parquet", ["b.parquet"]),
        ("data", ["a.parquet", "b.parquet", "deep/c.parquet"]),
        ("data/**/c.parquet", ["deep/c.parquet"]),
        ("data/d*", ["deep/c.parquet"]),
        ("*/deep", ["data/deep/c.parquet"]),
    ],
)
def test_locate__names_are_paths_below_the_dataset(
    service: Path, path: str, names: list[str]
) -> None:
    for written in (path, str(service / path)):
        found = locate(written, service, where="")
        assert [location.name for location in found] == names
        assert all(Path(location.address).is_file() for location in found)


def test_locate__service_in_a_folder_whose_name_is_a_pattern(tmp_path: Path) -> None:
    root = tmp_path / "[x]*"
    root.mkdir()
    TABLE.write_parquet(root / "a.parquet")
    assert [found.name for found in locate("*.parquet", root, where="")] == ["a.parquet"]


def test_locate__folders_of_work_in_progress_are_passed_over(service: Path) -> None:
    for folder in ("_temporary/0", "_partition=1"):
        (service / "data" / folder).mkdir(parents=True)
        TABLE.write_parquet(service / "data" / folder / "d.parquet")
    names = [location.name for location in locate("data", service, where="")]
    assert names == ["_partition=1/d.parquet", "a.parquet", "b.parquet", "deep/c.parquet"]
    assert names == [location.name for location in locate("data/**/*.parquet", service, where="")]


@pytest.mark.parametrize("path", ["data", "data/*", "*"])
def test_locate__delta_table_is_not_read_as_if_all_its_files_counted(
    service: Path, path: str
) -> None:
    (service / "data/_delta_log").mkdir()
    if path == "data/*":
        (service / "data/_delta_log").rename(service / "data/deep/_delta_log")
    with pytest.raises(DataError, match="the folder is a Delta table"):
        locate(path, service, where="")


@pytest.mark.parametrize("path", ["data", "data/*.parquet", "data/z.parquet"])
def test_locate__link_to_nothing(service: Path, path: str) -> None:
    (service / "data/z.parquet").symlink_to(service / "cache/1234")
    with pytest.raises(DataError, match=r"z\.parquet is a link to nothing") as caught:
        locate(path, service, where="dataset orders")
    assert "dvc pull" in str(caught.value.remedy)


@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".ndjson"])
def test_format_of__each_text_format_and_how_it_is_packed(suffix: str, ending: str) -> None:
    name = f"A.2013{suffix}{ending}"
    packed = {"": None, ".gz": "gzip", ".zst": "zstd"}[ending]
    for spelt in (name, name.upper()):
        assert format_of(spelt) == ("CSV" if suffix == ".csv" else "JSON lines")
        assert compression_of(spelt) == packed


@pytest.mark.parametrize("name", ["a.parquet.gz", "a.txt", "csv", "a.csv.bz2", "a.json", "a.gz"])
def test_format_of__names_that_are_of_no_table(name: str) -> None:
    assert format_of(name) is None


def test_suffixes__are_those_that_the_hook_looks_at() -> None:
    hooks = yaml.safe_load(
        Path(__file__, "../../../../.pre-commit-hooks.yaml").resolve().read_text()
    )
    (pattern,) = (hook["files"] for hook in hooks if hook["id"] == "tidegate-check-data")
    assert all(re.search(pattern, f"data/a{suffix}") for suffix in (*SUFFIXES, ".csv.dvc"))
    assert not any(re.search(pattern, name) for name in ("a.py", "a.csv.bak", "parquet", "a.gz"))


# Reading one file into memory.


@pytest.mark.parametrize("kept", [0, 3, 100, -1, -8])
def test_read_table__cut_off_parquet_names_the_file(service: Path, kept: int) -> None:
    path = service / "data/a.parquet"
    path.write_bytes(path.read_bytes()[:kept])
    what = "empty" if kept == 0 else "cut off"
    with pytest.raises(DataError, match=rf"a\.parquet: the file cannot be read: it is {what}"):
        read_table(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.parquet", b"a,b\n1,2\n"),
        ("a.csv.gz", b"a,b\n1,2\n"),
        ("b.csv.gz", b"\x1f\x8b\x08\x00ab"),
    ],
)
def test_read_table__not_what_its_name_says(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"{name}: the file cannot be read"):
        read_table(tmp_path / name)


def test_read_table__missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        read_table(tmp_path / "a.parquet")


def test_read_table__folder_in_place_of_a_file(tmp_path: Path) -> None:
    for name in ("a.parquet", "a.csv", "a.jsonl"):
        (tmp_path / name).mkdir()
        with pytest.raises(DataError, match=f"{name}: it is a folder, not a file"):
            read_table(tmp_path / name)


def test_read_table__name_that_is_of_no_table(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a\n1\n")
    with pytest.raises(DataError, match="neither Parquet, CSV nor JSON lines, by its name"):
        read_table(tmp_path / "a.txt")


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.csv.gz", "a.jsonl"])
def test_open_files__file_that_may_not_be_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"a\n1\n")
    path.chmod(0)
    files = [Location(name, str(path))]
    denied = pytest.raises(DataError, match=f"{name}: the file may not be read by this user")
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        with as_somebody_else(), denied as caught:
            open_files(files, Path(folder))
    assert caught.value.remedy


# Opening: footers alone, rows later.


def opened(service: Path, path: str, **declared: pl.DataType) -> list[TableFile]:
    found = locate(path, service, where="")
    return open_files(found, service / "work", declared.get)


def without_rows(path: Path) -> None:
    """Take out what stands between the first bytes and the footer, but keep its size."""
    content = path.read_bytes()
    footer = int.from_bytes(content[-8:-4], "little") + 8
    path.write_bytes(content[:4] + b"\xff" * (len(content) - 4 - footer) + content[-footer:])


def test_open_files__of_parquet_no_rows_are_read(service: Path) -> None:
    for path in service.rglob("*.parquet"):
        without_rows(path)
    files = opened(service, "data")
    assert [(file.name, file.rows) for file in files] == [
        ("a.parquet", 500), ("b.parquet", 500), ("deep/c.parquet", 500)
    ]  # fmt: skip
    assert all(dict(file.schema) == dict(TABLE.schema) for file in files)
    assert not (service / "work").exists()


def test_readable__names_the_file_whose_rows_are_damaged(service: Path) -> None:
    without_rows(service / "data/b.parquet")
    files = opened(service, "data")
    damaged = pytest.raises(DataError, match=r"data/b\.parquet: the file cannot be read")
    with damaged, readable(files):
        pl.concat([file.scan() for file in files]).collect(engine="streaming")


def test_readable__query_that_fails_over_sound_files_keeps_its_error(service: Path) -> None:
    files = opened(service, "data")
    with pytest.raises(pl.exceptions.ColumnNotFoundError), readable(files):
        pl.concat([file.scan() for file in files]).select("nothing").collect()


def test_readable__file_that_vanished_after_it_was_opened(service: Path) -> None:
    files = opened(service, "data")
    (service / "data/deep/c.parquet").unlink()
    gone = pytest.raises(DataError, match=r"deep/c\.parquet: the file does not exist \(any more\)")
    with gone, readable(files):
        pl.concat([file.scan() for file in files]).collect()


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.jsonl.gz"])
def test_open_files__file_that_vanished_after_it_was_listed(tmp_path: Path, name: str) -> None:
    TABLE.write_parquet(tmp_path / name)
    found = locate(name, tmp_path, where="")
    (tmp_path / name).unlink()
    with pytest.raises(DataError, match=f"{name}: the file does not exist"):
        open_files(found, tmp_path / "work")


@pytest.mark.parametrize("at", ["start", "middle", "length"])
def test_open_files__damaged_footer(service: Path, at: str) -> None:
    path = service / "data/a.parquet"
    content = bytearray(path.read_bytes())
    footer = int.from_bytes(content[-8:-4], "little")
    content[{"start": -8 - footer, "middle": -8 - footer // 2, "length": -6}[at]] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.parquet: the file cannot be read"):
        opened(service, "data/a.parquet")


def test_open_files__parquet_with_two_columns_of_one_name(tmp_path: Path) -> None:
    table = pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(DataError, match="column with name 'a' has more than one occurrence"):
        opened(tmp_path, "a.parquet")


def test_open_files__no_room_for_text_files(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n")
    (tmp_path / "work").write_text("in the way")
    with pytest.raises(DataError, match="a table is copied here to be read, and that fails"):
        open_files(locate("a.csv", tmp_path, where=""), tmp_path / "work")


def test_open_files__text_formats_side_by_side(tmp_path: Path) -> None:
    for name in ("x/a.csv", "y/a.csv"):
        (tmp_path / name).parent.mkdir()
        TABLE.write_csv(tmp_path / name)
    files = opened(tmp_path, "*/a.csv", id=pl.Int16())
    assert [file.name for file in files] == ["x/a.csv", "y/a.csv"]
    for file in files:
        assert file.scan().collect().equals(TABLE.with_columns(pl.col("id").cast(pl.Int16)))


# Hive partitions.


def partitioned(root: Path, *folders: str, table: pl.DataFrame = TABLE) -> None:
    for folder in folders:
        (root / "data" / folder).mkdir(parents=True)
        table.write_parquet(root / "data" / folder / "x.parquet")


def values_of(files: Sequence[TableFile], column: str) -> list[object]:
    found = [file.scan().select(pl.col(column).unique()).collect() for file in files]
    assert all(dict(file.schema)[column] == frame.schema[column]
               for file, frame in zip(files, found, strict=True))  # fmt: skip
    return [frame.item() for frame in found]


def test_open_files__folders_are_columns_of_one_type_over_all_files(tmp_path: Path) -> None:
    partitioned(
        tmp_path,
        "year=2013/month=01/kind=1/day=2013-01-05",
        "year=2013/month=12/kind=b%2Fc/day=2013-12-05",
        "year=2014/month=__HIVE_DEFAULT_PARTITION__/kind=b c/day=2014-01-06",
    )
    files = opened(tmp_path, "data", year=pl.Int16())
    assert [file.name.split("/")[0] for file in files] == ["year=2013", "year=2013", "year=2014"]
    assert list(files[0].schema) == ["id", "name", "year", "month", "kind", "day"]
    assert values_of(files, "year") == [2013, 2013, 2014]
    assert values_of(files, "month") == [1, 12, None]
    assert values_of(files, "kind") == ["1", "b/c", "b c"]
    assert values_of(files, "day") == [date(2013, 1, 5), date(2013, 12, 5), date(2014, 1, 6)]
    assert {str(files[0].schema[name]) for name in ("year", "month")} == {"Int16", "Int64"}
    assert [file.rows for file in files] == [TABLE.height] * 3
    table = pl.concat([file.scan() for file in files]).collect(engine="streaming")
    assert table.drop("year", "month", "kind", "day").equals(pl.concat([TABLE] * 3))


@pytest.mark.parametrize(
    ("path", "columns"),
    [
        ("data", ["year", "month"]),
        ("data/*/*/*.parquet", ["year", "month"]),
        ("data/year=*", ["year", "month"]),
        # As Spark and Polars have it: what the path itself settles is no column.
        ("data/year=2013", ["month"]),
        ("data/year=2013/*", ["month"]),
        ("data/year=2013/month=1/x.parquet", []),
    ],
)
def test_open_files__folders_below_the_path_are_columns(
    tmp_path: Path, path: str, columns: list[str]
) -> None:
    partitioned(tmp_path, "year=2013/month=1")
    (file,) = opened(tmp_path, path)
    assert [name for name in file.schema if name not in TABLE.columns] == columns
    assert file.scan().collect().columns == [*TABLE.columns, *columns]


def test_open_files__what_a_file_holds_itself_is_not_taken_from_its_folder(tmp_path: Path) -> None:
    partitioned(tmp_path, "id=7/year=2013")
    (file,) = opened(tmp_path, "data")
    assert file.scan().select("id").collect().equals(TABLE.select("id"))
    assert list(file.schema) == ["id", "name", "year"]


def test_open_files__folders_of_text_formats_and_of_empty_files(tmp_path: Path) -> None:
    for year, table in ((2013, TABLE), (2014, TABLE.clear())):
        (tmp_path / f"year={year}").mkdir()
        table.write_csv(tmp_path / f"year={year}" / "x.csv")
    files = opened(tmp_path, "year=*/x.csv")
    years = pl.concat([file.scan().select("year") for file in files]).collect()["year"]
    assert years.equals(pl.Series("year", [2013] * TABLE.height))


# Digests.


def test_dataset_digest__follows_content_and_names(service: Path) -> None:
    files = find_files("data", service, where="")
    before = dataset_digest(files, service)
    assert before == dataset_digest(files[::-1], service)
    assert before == dataset_digest(locate("data", service, where=""), service)
    assert before == digest.of_files(files, service)
    TABLE.head(499).write_parquet(files[0])
    assert dataset_digest(files, service) != before


def test_data_digest__of_all_datasets_or_none(service: Path) -> None:
    orders = Dataset.model_validate({"path": "data", "schema": "schemas.py:Orders"})
    config = Config.model_construct(service="shop", model="shop", data={"orders": orders})
    config._path = service / "tidegate.yaml"
    files = find_files("data", service, where="")
    assert data_digest(config) == digest.of_json({"orders": dataset_digest(files, service)})
    assert data_digest(config.model_copy(update={"data": {}})) is None
