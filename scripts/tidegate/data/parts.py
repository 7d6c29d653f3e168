"""The files of a dataset, put together into the tables that are judged."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import polars as pl

from tidegate.data.engines.by_pandera import is_sound
from tidegate.data.engines.columns import column
from tidegate.data.schemas import Schema
from tidegate.data.sources.opening import TableFile
from tidegate.errors import DataError

# Rows that are near one another are read in one go.
_NEAR = 100_000
# Where rows become nothing but constants, Polars thinks that their order does not matter.
IN_ORDER = pl.QueryOptFlags(check_order_observe=False)


@dataclass(frozen=True)
class Part:
    """Files that are judged as one table.

    schema: the columns of that table. batch_rows: how many rows are in memory in one go.
    """

    files: Sequence[TableFile]
    schema: Mapping[str, pl.DataType]
    batch_rows: int = 100_000

    @cached_property
    def starts(self) -> Sequence[int]:
        """The number of the row at which each file begins, and last of all that of the rows."""
        return [0, *accumulate(file.rows for file in self.files)]

    @property
    def rows(self) -> int:
        return self.starts[-1]

    def scan(self) -> pl.LazyFrame:
        scans = [file.scan() for file in self.files]
        if all(dict(file.schema) == dict(self.schema) for file in self.files):
            return pl.concat(scans)
        return pl.concat(scans, how="diagonal_relaxed")

    def batches(self, query: pl.LazyFrame) -> Iterator[pl.DataFrame]:
        """What a query over `scan()` gives, in order, without all of it in memory."""
        return iter(query.collect_batches(chunk_size=self.batch_rows, optimizations=IN_ORDER))

    def in_order(self) -> pl.LazyFrame:
        """All rows, for whoever collects them without IN_ORDER."""
        return self.scan().map_batches(_same, streamable=True)  # Polars cannot see what that does

    def place(self, row: int) -> tuple[str, int]:
        """The name of the file that has a row, and the row's number there."""
        index = bisect_right(self.starts, row) - 1
        return self.files[index].name, row - self.starts[index]

    def look_up(self, wanted: Mapping[int, Collection[str]]) -> dict[int, pl.DataFrame]:
        """The named columns of some rows, each row a table, read without the rest of the table."""
        found: dict[int, pl.DataFrame] = {}
        for rows in _near_one_another(sorted(wanted)):
            named = {name for row in rows for name in wanted[row]}
            columns = [column(name) for name in self.schema if name in named]
            low, high = rows[0], rows[-1] + 1
            table = (
                self.scan().select(columns).slice(low, high - low).collect(optimizations=IN_ORDER)
            )
            found |= {row: table.slice(row - low, 1) for row in rows}
        return found


def parts_of(schema: Schema, files: Sequence[TableFile]) -> Iterator[Part]:
    """The files as one table, save those whose columns are not those that the schema wants.

    So a month that lost a column is named, and the other months are not blamed for it. Files
    without rows are left out.
    """
    structures: dict[tuple[tuple[str, pl.DataType], ...], list[int]] = {}
    for number, file in enumerate(files):
        if file.rows:
            structures.setdefault(tuple(file.schema.items()), []).append(number)
    sound: list[int] = []
    for structure, numbers in structures.items():
        if len(structures) == 1 or is_sound(schema, pl.DataFrame(schema=dict(structure))):
            sound += numbers
        else:
            yield table_of([files[number] for number in numbers])
    if sound:
        yield table_of([files[number] for number in sorted(sound)])


def table_of(files: Sequence[TableFile]) -> Part:
    """All files as one table. Raises DataError where a column has no type that holds them all."""
    try:
        empty = pl.concat([_without_rows(file) for file in files], how="diagonal_relaxed")
    except pl.exceptions.PolarsError:
        raise _disagreement(files) from None
    return Part(files, dict(empty.schema))


def _same(rows: pl.DataFrame) -> pl.DataFrame:
    return rows


def _without_rows(file: TableFile) -> pl.DataFrame:
    return pl.DataFrame(schema=dict(file.schema))


def _near_one_another(rows: Sequence[int]) -> Iterator[list[int]]:
    group: list[int] = []
    for row in rows:
        if group and row - group[0] > _NEAR:
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def _disagreement(files: Sequence[TableFile]) -> DataError:
    """For want of a type for some column that would hold the values of all files."""
    for name in dict.fromkeys(name for file in files for name in file.schema):
        having = [file for file in files if name in file.schema]
        types = [file.schema[name] for file in having]
        try:
            pl.concat(
                [pl.Series(dtype=dtype).to_frame() for dtype in types], how="vertical_relaxed"
            )
        except pl.exceptions.PolarsError:
            break
    other = next(at for at, dtype in enumerate(types) if dtype != types[0])
    # Not the types in full: those of some columns list their values.
    here, there = types[other].base_type(), types[0].base_type()
    return DataError(
        f"the column {name!r} is {here} here and {there} in {having[0].name}",
        where=having[other].path,
        remedy="write the files of a dataset with the same columns and types",
    )
