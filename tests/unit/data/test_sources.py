from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tidegate import digest
from tidegate.config import Config, Dataset
from tidegate.data.sources import data_digest, dataset_digest, find_files, read_table
from tidegate.errors import DataError

TABLE = pl.DataFrame({"id": list(range(500)), "name": [f"row {n}" for n in range(500)]})


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


@pytest.mark.parametrize("kept", [0, 3, 100, -1, -8])
def test_read_table__cut_off_parquet_names_the_file(service: Path, kept: int) -> None:
    path = service / "data/a.parquet"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DataError, match=r"a\.parquet: the file cannot be read"):
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


def test_dataset_digest__follows_content_and_names(service: Path) -> None:
    files = find_files("data", service, where="")
    before = dataset_digest(files, service)
    assert before == dataset_digest(files[::-1], service)
    TABLE.head(499).write_parquet(files[0])
    assert dataset_digest(files, service) != before


def test_data_digest__of_all_datasets_or_none(service: Path) -> None:
    orders = Dataset.model_validate({"path": "data", "schema": "schemas.py:Orders"})
    config = Config.model_construct(service="shop", model="shop", data={"orders": orders})
    config._path = service / "tidegate.yaml"
    files = find_files("data", service, where="")
    assert data_digest(config) == digest.of_json({"orders": dataset_digest(files, service)})
    assert data_digest(config.model_copy(update={"data": {}})) is None
