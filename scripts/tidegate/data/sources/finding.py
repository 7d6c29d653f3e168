"""The files behind a dataset's path: a file, a folder, a glob."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tidegate.config import Config, Dataset, place_of
from tidegate.data.sources.formats import SUFFIXES, format_of
from tidegate.errors import DataError

_WILDCARDS = ("*", "?", "[")


@dataclass(frozen=True)
class Location:
    """Where one file of a dataset is.

    name: as people are shown it, its path below the dataset's folder.
    """

    name: str
    path: Path

    def __str__(self) -> str:
        return str(self.path)


def locate(path: str, root: Path, *, where: str) -> list[Location]:
    """The files behind a file, folder or glob, in order of their names.

    Raises DataError when there are none, or when their formats are mixed.
    """
    files = find_files(path, root, where=where)
    folder = _fixed_part(path, root)
    return [
        Location(file.relative_to(folder).as_posix() if file != folder else file.name, file)
        for file in files
    ]


def locate_dataset(config: Config, name: str, dataset: Dataset) -> list[Location]:
    return locate(dataset.path, config.root, where=place_of(config, "data", name, "path"))


def dataset_files(config: Config, name: str, dataset: Dataset) -> list[Path]:
    return find_files(dataset.path, config.root, where=place_of(config, "data", name, "path"))


def find_files(path: str, root: Path, *, where: str) -> list[Path]:
    """The files behind a file, folder or glob, in order of their names.

    Raises DataError when there are none, or when Parquet and CSV are mixed.
    """
    target = root / path
    if target.is_dir():
        found = [
            file for file in target.rglob("*") if format_of(file) and not _hidden(file, target)
        ]
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
    kinds = {format_of(file) for file in files}
    if None in kinds:
        odd = next(file for file in files if format_of(file) is None)
        raise DataError(
            f"{odd.name} is neither Parquet nor CSV",
            where=f"{where}: {path}",
            remedy=f"name files that end in {', '.join(SUFFIXES)}",
        )
    if len(kinds) > 1:
        raise DataError(
            "Parquet and CSV files are mixed in one dataset",
            where=f"{where}: {path}",
            remedy="make two datasets of them",
        )
    return files


def _fixed_part(path: str, root: Path) -> Path:
    """The folder that a path names before its first wildcard; the file itself, if it is one."""
    target = root / path
    if target.exists():
        return target
    fixed = Path(target.anchor)
    for part in target.parts[1:]:
        if any(mark in part for mark in _WILDCARDS):
            break
        fixed /= part
    return fixed


def _hidden(file: Path, below: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(below).parts)
