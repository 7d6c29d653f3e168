"""The files behind a dataset's path: a file, a folder or a glob, here or in an object store."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from tidegate.config import Config, Dataset, place_of
from tidegate.data.sources.formats import SUFFIXES, Format, format_of
from tidegate.data.sources.listing import files_below, has_wildcards, is_hidden, is_match, matches
from tidegate.data.sources.stores import Store, StoredObject, is_address, store_of
from tidegate.errors import DataError

_DELTA_LOG = "_delta_log"


@dataclass(frozen=True)
class Location:
    """Where one file of a dataset is.

    name: as people are shown it, its path below the dataset's folder. address: a path, or where
    it is in an object store.
    """

    name: str
    address: str
    store: Store | None = None
    object: StoredObject | None = None

    @property
    def path(self) -> Path:
        """The path of a file that is in no object store."""
        return Path(self.address)

    @property
    def format(self) -> Format:
        form = format_of(self.name)
        assert form is not None  # noqa: S101 - `locate` refuses other names
        return form

    def __str__(self) -> str:
        return self.address


def locate(
    path: str, root: Path, *, where: str, environ: Mapping[str, str] = os.environ
) -> list[Location]:
    """The files behind a file, folder, glob or address, in order of their names.

    A folder stands for every table in it and below, save hidden ones (`.x`, and folders `_x`); so
    does a folder that a glob matches.
    Raises DataError when there are none, or when they are not all of one format, ConfigError for
    an object store that this installation cannot read.
    """
    place = f"{where}: {path}"
    if is_address(path):
        found = _stored(*store_of(path, environ, where=where), place)
    else:
        found = _local(path, root, place)
    if not found:
        raise DataError(
            "no data file is there",
            where=place,
            remedy="fetch the data (`dvc pull`), or mend the path; it takes files that end in "
            f"{', '.join(SUFFIXES)}, folders and globs",
        )
    _hold_to_one_format(found, place)
    return found


def locate_dataset(config: Config, name: str, dataset: Dataset) -> list[Location]:
    return locate(dataset.path, config.root, where=place_of(config, "data", name, "path"))


def find_files(path: str, root: Path, *, where: str) -> list[Path]:
    """The same as `locate`, for files that must be in no object store."""
    if is_address(path):
        raise DataError(
            "the file must be on this machine, not in an object store",
            where=f"{where}: {path}",
            remedy="let the pipeline copy it here",
        )
    return [location.path for location in locate(path, root, where=where)]


def _hold_to_one_format(found: Sequence[Location], place: str) -> None:
    odd = next((file for file in found if format_of(file.name) is None), None)
    if odd is not None:
        raise DataError(
            f"{odd.name} is neither Parquet, CSV nor JSON lines",
            where=place,
            remedy=f"name files that end in {', '.join(SUFFIXES)}",
        )
    first = found[0]
    other = next((file for file in found if file.format != first.format), None)
    if other is not None:
        raise DataError(
            f"{first.format} and {other.format} files are mixed in one dataset: {first.name} and "
            f"{other.name}",
            where=place,
            remedy="make two datasets of them",
        )


def _local(path: str, root: Path, place: str) -> list[Location]:
    try:
        folder, found = _listed(path, root, place)
    except PermissionError as error:
        raise DataError(
            "a folder may not be listed by this user",
            where=f"{place}: {error.filename}",
            remedy="give the user who runs tidegate the right to list it, or leave it out",
        ) from None
    files = sorted(set(found))
    lost = next((file for file in files if not file.exists()), None)
    if lost is not None:
        raise DataError(
            f"{lost.name} is a link to nothing",
            where=place,
            remedy="fetch the data (`dvc pull`), or remove the link",
        )
    return [Location(file.relative_to(folder).as_posix(), str(file)) for file in files]


def _listed(path: str, root: Path, place: str) -> tuple[Path, list[Path]]:
    """The dataset's folder, and its files in any order."""
    target = root / path
    if target.is_dir():
        return target, _tables_below(target, place)
    if target.is_file() or target.is_symlink():
        return target.parent, [target]
    start = Path(target.anchor) if Path(path).is_absolute() else root
    pattern = target.relative_to(start).as_posix()
    found = [
        file
        for match in matches(start, pattern.split("/"))
        for file in (_tables_below(match, place) if match.is_dir() else [match])
    ]
    return start / _fixed(pattern), found


def _tables_below(folder: Path, place: str) -> list[Path]:
    if (folder / _DELTA_LOG).is_dir():
        raise _delta_table(place)
    return [file for file in files_below(folder) if format_of(file.name)]


def _stored(store: Store, path: str, place: str) -> list[Location]:
    key, is_pattern = path.strip("/"), has_wildcards(path)
    if key and not path.endswith("/") and not is_pattern:
        single = store.object(key, where=place)
        if single is not None:
            return [Location(key.rpartition("/")[2], f"{store.address}/{key}", store, single)]
    folder, pattern = _fixed(key), key.split("/")
    depth = len(folder.split("/")) if folder else 0
    found = []
    for item in store.objects(folder, where=place):
        parts = item.key.split("/")
        is_table = format_of(item.key) is not None
        if is_pattern:
            below = any(is_match(parts[:end], pattern) for end in range(depth + 1, len(parts)))
            is_table = (is_table and below) or is_match(parts, pattern)
        if _DELTA_LOG in parts[depth:]:
            raise _delta_table(place)
        if is_table and not is_hidden(parts[depth:]):
            name, address = "/".join(parts[depth:]), f"{store.address}/{item.key}"
            found.append(Location(name, address, store, item))
    return sorted(found, key=lambda location: location.name.split("/"))


def _fixed(path: str) -> str:
    """The folder that a path names before its first wildcard."""
    return "/".join(takewhile(lambda part: not has_wildcards(part), path.split("/")))


def _delta_table(place: str) -> DataError:
    return DataError(
        "the folder is a Delta table, whose log says which of its files count",
        where=place,
        remedy="write the rows that count as Parquet files, and check those",
    )
