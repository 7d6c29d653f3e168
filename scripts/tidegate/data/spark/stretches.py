"""The rows of a part as they go to Spark's executors: in stretches, read there or sent along."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import polars as pl

from tidegate.data.parts import IN_ORDER, Part
from tidegate.data.sources.opening import TableFile, readable
from tidegate.errors import DataError
from tidegate.spark.rows import BLOB_BYTES, Row

STRETCH = "stretch"
# So many rows of a file are one stretch.
STRETCH_ROWS = 1_000_000
# A table of no more values than these is sent along: executors need not see its files.
SENT_VALUES = 2_000_000


@dataclass(frozen=True)
class Stretch:
    """Rows of a part that follow one another in one file.

    number: which one of the part's stretches; first: the number in the part of its first row.
    schema: the part's columns. The file may lack some of them, or have them in narrower types.
    """

    number: int
    first: int
    rows: int
    file: TableFile
    offset: int
    schema: Mapping[str, pl.DataType]

    def part(self) -> Part:
        """These rows as a part of their own."""
        scan = partial(_scan, self.file, self.offset, self.rows, self.schema)
        file = replace(self.file, schema=self.schema, rows=self.rows, _scan=scan)
        return Part([file], self.schema)


def stretches_of(part: Part) -> Iterator[Stretch]:
    """All rows of a part, in order."""
    sent = part.rows * len(part.schema) <= SENT_VALUES
    number = 0
    for start, file in zip(part.starts, part.files, strict=False):
        pieces = _sent(file) if sent else _read_there(file)
        for source, offset, rows, first in pieces:
            yield Stretch(number, start + first, rows, source, offset, part.schema)
            number += 1


def stretch_rows(part: Part) -> Iterator[Row]:
    for stretch in stretches_of(part):
        yield Row(stretch.number, STRETCH, 0, pickle.dumps(stretch))


@contextmanager
def found_there(part: Part) -> Iterator[None]:
    """Around an executor's work on a part: a file that it cannot read is a DataError.

    As `readable`, and a file that it does not see is told apart.
    """
    with readable(part.files):
        try:
            part.scan().collect_schema()
        except FileNotFoundError:
            raise DataError(
                "a Spark executor does not find the file",
                where=part.files[0].path,
                remedy="a large table must stand where the driver and every executor find it "
                "under the same path; for CSV and JSON lines, which are read by way of a temporary "
                "folder, set TMPDIR to a folder of that kind",
            ) from None
        yield


# What is scanned, the offset there, how many rows, and the number in the file of the first.
_Piece = tuple[TableFile, int, int, int]


def _read_there(file: TableFile) -> Iterator[_Piece]:
    for offset in range(0, file.rows, STRETCH_ROWS):
        yield file, offset, min(STRETCH_ROWS, file.rows - offset), offset


def _sent(file: TableFile) -> Iterator[_Piece]:
    with readable([file]):
        frame = file.scan().collect(optimizations=IN_ORDER)
    height = max(1, int(frame.height * BLOB_BYTES / max(1, frame.estimated_size())))
    first = 0
    for rows in frame.iter_slices(height):
        yield replace(file, _scan=rows.lazy), 0, rows.height, first
        first += rows.height


def _scan(
    file: TableFile, offset: int, rows: int, schema: Mapping[str, pl.DataType]
) -> pl.LazyFrame:
    stretch = file.scan().slice(offset, rows)
    if dict(file.schema) == dict(schema):
        return stretch
    return pl.concat([pl.LazyFrame(schema=dict(schema)), stretch], how="diagonal_relaxed")
