"""One streaming pass over a dataset: every column's sketch."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from tidegate.data.drift.columns import Column
from tidegate.data.drift.sketches import (
    MAX_ENTRIES,
    Ints,
    Numbers,
    Values,
    bucket_of,
    shortened,
)
from tidegate.errors import DataError

Sketch = Numbers | Values
_CELLS_AT_ONCE = 1 << 22  # 32 MB of numbers
_MOST_ROWS_AT_ONCE = 1 << 20
# All sketches of a side together: 64 columns in full, the buckets of more are coarser.
_MOST_ENTRIES = 64 * MAX_ENTRIES


@dataclass(frozen=True)
class Survey:
    """The sketches of a dataset's columns. frame: what a second look is taken at, where needed."""

    frame: pl.LazyFrame
    rows: int
    sketches: dict[Column, Sketch]
    where: str
    quiet: bool = False  # whether an error's own words, which may quote the data, are kept back
    _second: dict[Column, pl.DataFrame] = field(default_factory=dict)

    def values_sketch(self, column: Column) -> Values:
        sketch = self.sketches[column]
        assert isinstance(sketch, Values)  # noqa: S101 - asked of such columns alone
        return sketch

    def values(self, column: Column, buckets: Ints | None = None) -> pl.DataFrame:
        """Rows by value (value, rows); where buckets are given, those values alone that fall there.

        A column with too many values takes another pass, over it alone.
        """
        sketch, value = self.values_sketch(column), pl.col("value")
        if buckets is None or sketch.counts is not None:
            assert sketch.counts is not None  # noqa: S101 - buckets are given where there is none
            counts = sketch.counts
            return counts if buckets is None else counts.filter(_falls_in(buckets))
        if not buckets.size:
            return pl.DataFrame(schema={"value": pl.String, "rows": pl.Int64})
        if column not in self._second:
            dtype = self.frame.collect_schema()[column.name]
            query = (
                self.frame.select(column.expression(dtype).alias("value"))
                .drop_nulls()
                .select(shortened(value))
                .filter(_falls_in(buckets))
                .group_by("value")
                .agg(pl.len().cast(pl.Int64).alias("rows"))
            )
            with readable(self.where, self.quiet):
                self._second[column] = query.collect(engine="streaming")
        return self._second[column]


def survey(
    frame: pl.LazyFrame, columns: Sequence[Column], *, where: str, quiet: bool = False
) -> Survey:
    """Read the columns once. Raises DataError where the files turn out to be damaged."""
    if not columns:
        with readable(where, quiet):
            return Survey(frame, frame.select(pl.len()).collect().item(), {}, where, quiet)
    limit = 1 << max(8, min(MAX_ENTRIES, _MOST_ENTRIES // len(columns)).bit_length() - 1)
    found: list[Sketch | None] = [None] * len(columns)
    rows = 0
    with readable(where, quiet), ThreadPoolExecutor(os.cpu_count()) as pool:
        for batch in _batches(frame, columns):
            rows += batch.height
            parts = batch.get_columns()
            found = list(pool.map(_added, found, parts, [limit] * len(parts)))
    sketches = {
        column: sketch or _added(None, pl.Series(dtype=_dtype(column)), limit)
        for column, sketch in zip(columns, found, strict=True)
    }
    return Survey(frame, rows, sketches, where, quiet)


def _batches(frame: pl.LazyFrame, columns: Sequence[Column]) -> Iterator[pl.DataFrame]:
    schema = frame.collect_schema()
    chosen = [
        column.expression(schema[column.name]).alias(str(number))
        for number, column in enumerate(columns)
    ]
    size = min(_MOST_ROWS_AT_ONCE, _CELLS_AT_ONCE // len(columns) + 1)
    return frame.select(chosen).collect_batches(chunk_size=size, maintain_order=False)


def _added(sketch: Sketch | None, values: pl.Series, limit: int) -> Sketch:
    """A sketch with more rows."""
    if values.dtype == pl.String:
        crowded = isinstance(sketch, Values) and sketch.is_crowded
        more = Values.of(values, crowded=crowded, limit=limit)
        return sketch.merge(more, limit=limit) if isinstance(sketch, Values) else more
    if isinstance(sketch, Numbers):
        return sketch.merge(Numbers.of(values, shift=sketch.shift, limit=limit), limit=limit)
    return Numbers.of(values, limit=limit)


def _falls_in(buckets: Ints) -> pl.Expr:
    return bucket_of(pl.col("value")).is_in(buckets.tolist())


def _dtype(column: Column) -> type[pl.DataType]:
    return pl.String if column.by_value else pl.Float64


@contextmanager
def readable(where: str, quiet: bool) -> Iterator[None]:
    """Turns what Polars raises on a damaged file into a DataError."""
    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        lines = str(error).strip().splitlines()
        reason = lines[0][:300] if lines and not quiet else type(error).__name__
        raise DataError(
            f"the data cannot be read: {reason}",
            where=where,
            remedy="a file is cut off, damaged, or has other columns than the rest: write it again",
        ) from None


def heavy_buckets(current: Values, reference: Values, share: float) -> Ints:
    """The hashes that may hold a value of at least this share, on average of both sides."""
    both = [side.hashed() / max(1, int(side.hashed().sum())) for side in (current, reference)]
    return np.flatnonzero((both[0] + both[1]) / 2 >= share)
