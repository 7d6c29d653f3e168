"""Files opened: what they hold is read from their ends, their rows when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

import polars as pl

from tidegate.data.sources.conversion import Converted, convert, pieces_of
from tidegate.data.sources.finding import Location
from tidegate.data.sources.partitions import PartitionColumns, partition_columns, with_partitions
from tidegate.data.sources.reading import damage_named, refuse_without_content
from tidegate.data.sources.stores import trouble_named
from tidegate.data.sources.streams import room_in
from tidegate.data.sources.text_types import DeclaredType, nothing_declared

Scan = Callable[[], pl.LazyFrame]


@dataclass(frozen=True)
class TableFile:
    """One file of a dataset.

    name: as people are shown it; path: in full, or its address in an object store. Rows are in the
    file's order: row 0 is its first. Columns that its folders are for (`year=2013`) come last.
    is_stored: whether it is in an object store.
    """

    name: str
    path: str
    schema: Mapping[str, pl.DataType]
    rows: int
    is_stored: bool
    _scan: Scan = field(repr=False, compare=False)

    def scan(self) -> pl.LazyFrame:
        """All rows, read when they are needed. Collect under `readable`."""
        return self._scan()


def open_files(
    files: Sequence[Location], folder: Path, declared: DeclaredType = nothing_declared
) -> list[TableFile]:
    """Open the files of a dataset. Of Parquet files nothing but the footers is read.

    folder: a temporary folder, which must outlast the use of the files. Text formats are kept
    there as Parquet, written a piece at a time.
    declared: what type a column of a text format, or one that folders are for, should have.
    Raises DataError for a file that is missing, cut off, or not what its name says.
    """
    partitions = partition_columns([file.name for file in files], declared)
    return [
        _opened(file, folder / f"{number:06}", declared, columns)
        for number, (file, columns) in enumerate(zip(files, partitions, strict=True))
    ]


@contextmanager
def readable(files: Sequence[TableFile]) -> Iterator[None]:
    """Around a query over `scan()`s: what goes wrong with a file is a DataError that names it.

    A query that fails although every file can be read raises what it raised.
    """
    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        for file in files:
            with _named(file.path, stored=file.is_stored):
                # Whatever the query was, each page of the file is looked at once.
                for _ in file.scan().collect_batches():
                    pass
        raise


def _opened(
    file: Location, folder: Path, declared: DeclaredType, columns: PartitionColumns
) -> TableFile:
    with _named(file.address, stored=file.store is not None):
        if file.format == "Parquet":
            scan: Scan = partial(_scan_parquet, file)
            schema = dict(scan().collect_schema())
            rows = scan().select(pl.len()).collect().item()
        else:
            converted = _converted(file, folder, declared)
            scan, schema, rows = converted.scan, dict(converted.schema), converted.rows
    added = {name: column for name, column in columns.items() if name not in schema}
    if added:
        scan = partial(_with_partitions, scan, added)
        schema |= {name: dtype for name, (_, dtype) in added.items()}
    return TableFile(file.name, file.address, schema, rows, file.store is not None, scan)


def _scan_parquet(file: Location) -> pl.LazyFrame:
    if file.store is None:
        refuse_without_content(file.path)
        return pl.scan_parquet(file.path, hive_partitioning=False, glob=False)
    return pl.scan_parquet(
        file.address, hive_partitioning=False, glob=False, **file.store.scan_options()
    )


def _with_partitions(scan: Scan, columns: PartitionColumns) -> pl.LazyFrame:
    return with_partitions(scan(), columns)


def _converted(file: Location, folder: Path, declared: DeclaredType) -> Converted:
    with room_in(folder):
        folder.mkdir(parents=True)
    if file.store is None or file.object is None:
        return convert(pieces_of(file.path, file.format, declared), folder)
    copy = folder / PurePosixPath(file.name).name
    file.store.fetch(file.object, copy)
    try:
        return convert(pieces_of(copy, file.format, declared, shown=file.address), folder)
    finally:
        copy.unlink()


@contextmanager
def _named(where: str, *, stored: bool) -> Iterator[None]:
    with damage_named(where), trouble_named(where) if stored else nullcontext():
        yield
