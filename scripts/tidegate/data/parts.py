"""The files of a dataset, put together into the tables that are judged."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from tidegate.data.judging import is_sound
from tidegate.data.schemas import Schema
from tidegate.errors import DataError


@dataclass(frozen=True)
class Part:
    """Files that are judged as one table."""

    files: tuple[Path, ...]
    table: pl.DataFrame
    starts: tuple[int, ...]  # row number at which each file begins

    def place(self, row: int) -> tuple[str, int]:
        index = bisect_right(self.starts, row) - 1
        return self.files[index].name, row - self.starts[index]


def parts_of(
    schema: Schema, files: Sequence[Path], tables: Sequence[pl.DataFrame]
) -> Iterator[Part]:
    """The files as one table, save those whose columns are not those that the schema wants.

    So a month that lost a column is named, and the other months are not blamed for it.
    """
    structures: dict[tuple[tuple[str, pl.DataType], ...], list[int]] = {}
    for number, table in enumerate(tables):
        if table.height:
            structures.setdefault(tuple(table.schema.items()), []).append(number)
    sound: list[int] = []
    for numbers in structures.values():
        if len(structures) == 1 or is_sound(schema, tables[numbers[0]]):
            sound += numbers
        else:
            yield _part(files, tables, numbers)
    if sound:
        yield _part(files, tables, sorted(sound))


def _part(files: Sequence[Path], tables: Sequence[pl.DataFrame], numbers: Sequence[int]) -> Part:
    starts = np.cumsum([0, *(tables[number].height for number in numbers)])
    try:
        table = pl.concat([tables[number] for number in numbers], how="diagonal_relaxed")
    except pl.exceptions.PolarsError:
        raise _disagreement(files, tables, numbers) from None
    return Part(tuple(files[number] for number in numbers), table, tuple(starts[:-1].tolist()))


def _disagreement(
    files: Sequence[Path], tables: Sequence[pl.DataFrame], numbers: Sequence[int]
) -> DataError:
    """For want of a type for some column that would hold the values of all files."""
    for column in dict.fromkeys(name for number in numbers for name in tables[number].columns):
        having = [number for number in numbers if column in tables[number].columns]
        types = [tables[number].schema[column] for number in having]
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
        f"the column {column!r} is {here} here and {there} in {files[having[0]].name}",
        where=str(files[having[other]]),
        remedy="write the files of a dataset with the same columns and types",
    )
