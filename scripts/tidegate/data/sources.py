"""Where tables come from: files, folders and globs of Parquet or CSV."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import polars as pl

from tidegate import digest
from tidegate.config import Config, Dataset, place_of
from tidegate.data.csv_files import read_csv
from tidegate.errors import DataError

_SUFFIXES = (".parquet", ".csv", ".csv.gz")


def find_files(path: str, root: Path, *, where: str) -> list[Path]:
    """The files behind a file, folder or glob, in order of their names.

    Raises DataError when there are none, or when Parquet and CSV are mixed.
    """
    target = root / path
    if target.is_dir():
        found = [file for file in target.rglob("*") if _kind(file) and not _hidden(file, target)]
    elif target.is_file():
        found = [target]
    elif Path(path).is_absolute():
        found = sorted(Path(target.anchor).glob(str(target.relative_to(target.anchor))))
    else:
        found = sorted(root.glob(path))
    files = sorted(file for file in found if file.is_file() and not _hidden(file, file.parent))
    if not files:
        raise DataError(
            "no data file is there",
            where=f"{where}: {path}",
            remedy="fetch the data (`dvc pull`), or mend the path; it takes Parquet and CSV files, "
            "folders and globs",
        )
    kinds = {_kind(file) for file in files}
    if None in kinds:
        odd = next(file for file in files if _kind(file) is None)
        raise DataError(
            f"{odd.name} is neither Parquet nor CSV",
            where=f"{where}: {path}",
            remedy=f"name files that end in {', '.join(_SUFFIXES)}",
        )
    if len(kinds) > 1:
        raise DataError(
            "Parquet and CSV files are mixed in one dataset",
            where=f"{where}: {path}",
            remedy="make two datasets of them",
        )
    return files


def read_table(
    path: Path, declared: Callable[[str], pl.DataType | None] = lambda _: None
) -> pl.DataFrame:
    """Read one Parquet or CSV file; `declared` says what type a column of a CSV should have.

    Raises DataError when the file is missing, cut off, or not what its name says.
    """
    try:
        if _kind(path) == "parquet":
            return pl.read_parquet(path, hive_partitioning=False, glob=False)
        return read_csv(path, declared)
    except FileNotFoundError:
        raise DataError(
            "the file does not exist", where=str(path), remedy="run the pipeline that writes it"
        ) from None
    except (pl.exceptions.PolarsError, OSError, EOFError, zlib.error) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    except pl.exceptions.PanicException:
        reason = "its content is damaged"
    raise DataError(
        f"the file cannot be read: {reason[:300]}",
        where=str(path),
        remedy="it is cut off, damaged, or not what its name says: write it again",
    ) from None


def dataset_files(config: Config, name: str, dataset: Dataset) -> list[Path]:
    return find_files(dataset.path, config.root, where=place_of(config, "data", name, "path"))


def data_digest(config: Config) -> str | None:
    """Digest of the contents of every dataset of the config; None when it names none."""
    if not config.data:
        return None
    return combined_digest(
        {
            name: dataset_digest(dataset_files(config, name, dataset), config.root)
            for name, dataset in config.data.items()
        }
    )


def dataset_digest(files: Sequence[Path], root: Path) -> str:
    """Digest of a dataset's files: their paths below the service's folder, and their contents."""
    inside = all(file.is_relative_to(root) for file in files)
    return digest.of_files(files, root if inside else Path(files[0].anchor))


def combined_digest(digests: Mapping[str, str]) -> str:
    """One digest for several named datasets."""
    return digest.of_json(dict(digests))


def _kind(path: Path) -> str | None:
    name = path.name.lower()
    if name.endswith(".parquet"):
        return "parquet"
    return "csv" if name.endswith((".csv", ".csv.gz")) else None


def _hidden(file: Path, below: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(below).parts)
