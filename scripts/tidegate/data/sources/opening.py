"""Files opened: what they hold is read from their ends, their rows when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from tidegate.data.sources.finding import Location
from tidegate.data.sources.formats import format_of
from tidegate.data.sources.reading import DeclaredType, damage_named, read_table


@dataclass(frozen=True)
class TableFile:
    """One file of a dataset.

    name: as people are shown it; path: in full. Rows are in the file's order: row 0 is its first.
    """

    name: str
    path: str
    schema: Mapping[str, pl.DataType]
    rows: int
    _scan: Callable[[], pl.LazyFrame] = field(repr=False, compare=False)

    def scan(self) -> pl.LazyFrame:
        """All rows, read when they are needed. Collect under `readable`."""
        return self._scan()


def open_files(
    files: Sequence[Location],
    folder: Path,  # noqa: ARG001 - text formats are read into memory for now
    declared: DeclaredType = lambda _: None,
) -> list[TableFile]:
    """Open the files of a dataset.

    folder: a temporary folder, which must outlast the use of the files; text formats are kept
    there in another form. declared: what type a column of a text format should have.
    Raises DataError for a file that is missing, cut off, or not what its name says.
    """
    return [_opened(file, declared) for file in files]


def _opened(file: Location, declared: DeclaredType) -> TableFile:
    if format_of(file.path) != "parquet":
        table = read_table(file.path, declared)
        return TableFile(file.name, str(file), dict(table.schema), table.height, table.lazy)

    def scan() -> pl.LazyFrame:
        return pl.scan_parquet(file.path, hive_partitioning=False, glob=False)

    with damage_named(str(file)):
        schema = scan().collect_schema()
        rows = scan().select(pl.len()).collect().item()
    return TableFile(file.name, str(file), dict(schema), rows, scan)


@contextmanager
def readable(files: Sequence[TableFile]) -> Iterator[None]:
    """Around a query over `scan()`s: what goes wrong with a file is a DataError that names it.

    A query that fails although every file can be read raises what it raised.
    """
    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        for file in files:
            with damage_named(file.path):
                # Whatever the query was, each page of the file is looked at once.
                for _ in file.scan().collect_batches():
                    pass
        raise
