"""One streaming pass over a dataset: every column's sketch."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

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

Sketch = Numbers | Values
_CELLS_AT_ONCE = 1 << 22  # 32 MB of numbers
_LEAST_ROWS_AT_ONCE, _MOST_ROWS_AT_ONCE = 1 << 14, 1 << 20
# All sketches of a side together: 64 columns in full, the buckets of more are coarser.
_MOST_ENTRIES = 64 * MAX_ENTRIES


@dataclass(frozen=True)
class Survey:
    """The sketches of a dataset's columns.

    frame: what a second look is taken at, where needed; entries: how many each sketch may have.
    """

    frame: pl.LazyFrame
    rows: int
    sketches: dict[Column, Sketch]
    entries: int = MAX_ENTRIES
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
            self._second[column] = query.collect(engine="streaming")
        return self._second[column]

    def between(self, column: Column, starts: Ints, ends: Ints) -> Numbers:
        """A column's numbers in some ranges of codes, in another pass over it alone."""
        found = Numbers.none()
        for batch in _batches(self.frame, [column]):
            more = Numbers.between(batch.to_series(), starts, ends, shift=found.shift)
            found = found.merge(more)
        return found


def survey(frame: pl.LazyFrame, columns: Sequence[Column]) -> Survey:
    """Read the columns once.

    Polars' own errors pass through, so that whoever opened the files can name the damaged one.
    """
    if not columns:
        return Survey(frame, frame.select(pl.len()).collect().item(), {})
    limit = 1 << max(8, min(MAX_ENTRIES, _MOST_ENTRIES // len(columns)).bit_length() - 1)
    found: list[Sketch] = [Values.none() if one.by_value else Numbers.none() for one in columns]
    rows = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for batch in _batches(frame, columns):
            rows += batch.height
            found = list(pool.map(partial(_added, limit), found, batch.get_columns()))
    return Survey(frame, rows, dict(zip(columns, found, strict=True)), limit)


def _batches(frame: pl.LazyFrame, columns: Sequence[Column]) -> Iterator[pl.DataFrame]:
    schema = frame.collect_schema()
    chosen = [
        column.expression(schema[column.name]).alias(str(number))
        for number, column in enumerate(columns)
    ]
    size = max(_LEAST_ROWS_AT_ONCE, _CELLS_AT_ONCE // len(columns))
    size = min(size, _MOST_ROWS_AT_ONCE)
    return frame.select(chosen).collect_batches(chunk_size=size, maintain_order=False)


def _added(limit: int, sketch: Sketch, values: pl.Series) -> Sketch:
    return sketch.add(values, limit=limit)


def _falls_in(buckets: Ints) -> pl.Expr:
    return bucket_of(pl.col("value")).is_in(buckets.tolist())


def heavy_buckets(current: Values, reference: Values, share: float) -> Ints:
    """The hashes that may hold a value of at least this share, on average of both sides."""
    both = [side.hashed() / max(1, int(side.hashed().sum())) for side in (current, reference)]
    return np.flatnonzero((both[0] + both[1]) / 2 >= share)
