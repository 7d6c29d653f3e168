"""What travels between Spark's driver and its executors: rows of one form.

Tables and sums are pickled in `data`, so that a column keeps the very type that it has on one
machine, whether Spark knows that type or not.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import polars as pl
import pyarrow as pa

SCHEMA = "part int, kind string, number int, data binary"
_TYPES = {"part": pa.int32(), "kind": pa.string(), "number": pa.int32(), "data": pa.binary()}
# What a row can be, besides the kinds that those who send it give it.
SUMS, ERROR = "sums", "error"
# About so much in one row, and in one batch: little beside the heap of a JVM.
BLOB_BYTES = 2 << 20


class ExecutorError(Exception):
    """What an executor met that is no TidegateError: its type's name, and its text.

    It travels as a row: Spark's own message would quote it, and it may quote the data.
    """

    def __init__(self, kind: str, text: str):
        super().__init__(kind, text)
        self.kind = kind
        self.text = text

    @classmethod
    def of(cls, error: BaseException) -> ExecutorError:
        return cls(type(error).__name__, str(error))

    def as_raised(self) -> Exception:
        """An exception of the same name and text."""
        error: Exception = type(self.kind, (Exception,), {})(self.text)
        return error


class Row(NamedTuple):
    """kind: what it is. part: of which piece, or for which; number: which of the rows it is that
    make one thing together.
    """

    part: int
    kind: str
    number: int
    data: bytes


def loaded(row: Row) -> Any:
    """What a row holds that is whole in itself. It was written by our own driver or executors."""
    return pickle.loads(row.data)  # noqa: S301


def frame_rows(part: int, kind: str, frame: pl.DataFrame) -> Iterator[Row]:
    """A frame in rows that are each a frame; none for an empty one."""
    if frame.is_empty():
        return
    height = max(1, int(frame.height * BLOB_BYTES / max(1, frame.estimated_size())))
    for number, held in enumerate(frame.iter_slices(height)):
        yield Row(part, kind, number, pickle.dumps(held))


def sums_rows(part: int, sums: Any) -> Iterator[Row]:
    """Sums in rows that make them together."""
    data = pickle.dumps(sums)
    for number, start in enumerate(range(0, len(data), BLOB_BYTES)):
        yield Row(part, SUMS, number, data[start : start + BLOB_BYTES])


def sums_of(rows: Iterable[Row]) -> Any:
    """The sums that these rows, in the order of their numbers, make together."""
    return pickle.loads(b"".join(row.data for row in rows))  # noqa: S301


def packed(rows: Iterable[Row]) -> Iterator[pa.RecordBatch]:
    """Rows in batches of about BLOB_BYTES."""
    held: list[Row] = []
    size = 0
    for row in rows:
        held.append(row)
        size += len(row.data)
        if size >= BLOB_BYTES:
            yield _batch(held)
            held, size = [], 0
    if held:
        yield _batch(held)


def unpacked(batches: Iterable[pa.RecordBatch]) -> Iterator[Row]:
    for batch in batches:
        columns = (batch.column(name).to_pylist() for name in Row._fields)
        yield from map(Row._make, zip(*columns, strict=True))


def errors_raised(rows: Iterable[Row]) -> Iterator[Row]:
    """The same rows. Raises the TidegateError or ExecutorError that an executor met."""
    for row in rows:
        if row.kind == ERROR:
            raise loaded(row)
        yield row


def _batch(rows: list[Row]) -> pa.RecordBatch:
    columns = zip(*rows, strict=True)
    return pa.RecordBatch.from_arrays(
        [pa.array(values, kind) for values, kind in zip(columns, _TYPES.values(), strict=True)],
        names=list(_TYPES),
    )
