"""Counts of a column's values within bounded memory, from sums that merge in any order.

Both sketches are exact until a column has more than `limit` distinct values. What they become then
depends on all rows together, not on their order or on how they were split.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MAX_ENTRIES = 1 << 16
_BUCKETS = 1 << 16  # of values that are too many to be kept apart
_ALL_BUT_SIGN = np.int64(0x7FFF_FFFF_FFFF_FFFF)
LONG = 100  # bytes; a longer text is held by its beginning and a hash
_BEGINNING = 40


@dataclass(frozen=True)
class Numbers:
    """Rows by size. Values share a bucket when their codes agree in all but `shift` low bits.

    A code is the bits of a float64 as a whole number that sorts as the float does. Buckets are as
    fine near any value as the data is, to a relative width of 2^(shift - 52). codes: of the buckets
    that hold rows, increasing, shifted; counts: their rows.
    """

    codes: Ints
    counts: Ints
    shift: int = 0
    nulls: int = 0
    nans: int = 0
    lowest: int = 0  # rows of minus infinity
    highest: int = 0  # rows of infinity

    @classmethod
    def of(cls, values: pl.Series, *, shift: int = 0, limit: int = MAX_ENTRIES) -> Numbers:
        """shift: what the rows before have come to; no bucket need be finer."""
        held = np.sort(values.drop_nulls().to_numpy())  # NaN last
        nans = int(held.size - np.searchsorted(held, np.nan))
        held = held[: held.size - nans]
        first, last = np.searchsorted(held, -np.inf, "right"), np.searchsorted(held, np.inf)
        codes, counts = _runs(_codes_in_place(held[first:last], shift))
        return cls(
            codes, counts, shift, values.null_count(), nans, int(first), int(held.size - last)
        ).bounded(limit)

    @classmethod
    def between(
        cls,
        values: pl.Series,
        starts: Ints,
        ends: Ints,
        *,
        shift: int = 0,
        limit: int = MAX_ENTRIES,
    ) -> Numbers:
        """Only of the finite numbers whose codes lie in one of these ranges, in increasing order.

        ends: of the ranges, within them.
        """
        held = np.sort(values.drop_nulls().to_numpy())
        first, last = np.searchsorted(held, -np.inf, "right"), np.searchsorted(held, np.inf)
        codes = _codes_in_place(held[first:last], 0)
        ranges = zip(
            np.searchsorted(codes, starts), np.searchsorted(codes, ends, "right"), strict=True
        )
        inside = np.concatenate([codes[:0], *(codes[low:high] for low, high in ranges)])
        return cls(*_runs(inside >> shift), shift).bounded(limit)

    @property
    def rows(self) -> int:
        return int(self.counts.sum()) + self.nulls + self.nans + self.lowest + self.highest

    @classmethod
    def none(cls) -> Numbers:
        return cls(np.zeros(0, np.int64), np.zeros(0, np.int64))

    def add(self, values: pl.Series, *, limit: int = MAX_ENTRIES) -> Numbers:
        """With more rows."""
        return self.merge(Numbers.of(values, shift=self.shift, limit=limit), limit=limit)

    def merge(self, other: Numbers, *, limit: int = MAX_ENTRIES) -> Numbers:
        shift = max(self.shift, other.shift)
        parts = self.coarser(shift), other.coarser(shift)
        codes = np.concatenate([part.codes for part in parts])
        order = np.argsort(codes, kind="stable")  # two sorted runs: a merge
        counts = np.concatenate([part.counts for part in parts])[order]
        codes, counts = _summed(codes[order], counts)
        return Numbers(
            codes, counts, shift, self.nulls + other.nulls, self.nans + other.nans,
            self.lowest + other.lowest, self.highest + other.highest,
        ).bounded(limit)  # fmt: skip

    def coarser(self, shift: int) -> Numbers:
        if shift == self.shift:
            return self
        codes, counts = _summed(self.codes >> (shift - self.shift), self.counts)
        return Numbers(
            codes, counts, shift, self.nulls, self.nans, self.lowest, self.highest
        )  # fmt: skip

    def bounded(self, limit: int) -> Numbers:
        """With the finest buckets of which at most `limit` hold rows."""
        if self.codes.size <= limit:
            return self
        low, high = self.shift, 64 - limit.bit_length() + 1  # so few bits are never too many
        while high - low > 1:
            middle = (low + high) // 2
            size = 1 + np.count_nonzero(np.diff(self.codes >> (middle - self.shift)))
            low, high = (low, middle) if size <= limit else (middle, high)
        return self.coarser(high)


@dataclass(frozen=True)
class Values:
    """Rows by value, as text.

    counts: frame of value and rows, None when there were too many values; then buckets: rows by the
    hash of their value.
    """

    counts: pl.DataFrame | None
    buckets: Ints | None = None
    nulls: int = 0

    @classmethod
    def of(cls, values: pl.Series, *, crowded: bool = False, limit: int = MAX_ENTRIES) -> Values:
        """crowded: whether the rows before already had too many values."""
        values = values.alias("value")
        nulls, held = values.null_count(), values.drop_nulls()
        longest = held.str.len_bytes().max()
        if isinstance(longest, int) and longest > LONG:
            held = held.to_frame().select(shortened(pl.col("value"))).to_series()
        if crowded:
            return cls(None, _hashed(held), nulls)
        counts = held.value_counts(name="rows").cast({"rows": pl.Int64})
        return cls(counts, None, nulls)._bounded(limit)

    @property
    def rows(self) -> int:
        held = self.buckets if self.counts is None else self.counts["rows"]
        assert held is not None  # noqa: S101 - one of the two is kept
        return int(held.sum()) + self.nulls

    @property
    def is_crowded(self) -> bool:
        return self.counts is None

    @classmethod
    def none(cls) -> Values:
        return cls(pl.DataFrame(schema={"value": pl.String, "rows": pl.Int64}))

    def add(self, values: pl.Series, *, limit: int = MAX_ENTRIES) -> Values:
        """With more rows."""
        return self.merge(
            Values.of(values, crowded=self.is_crowded, limit=limit), limit=limit
        )  # fmt: skip

    def merge(self, other: Values, *, limit: int = MAX_ENTRIES) -> Values:
        nulls = self.nulls + other.nulls
        if self.counts is None or other.counts is None:
            return Values(None, self.hashed() + other.hashed(), nulls)
        both = pl.concat([self.counts, other.counts])
        summed = both.group_by("value").agg(pl.col("rows").sum())
        return Values(summed, None, nulls)._bounded(limit)

    def hashed(self) -> Ints:
        """Rows by the hash of their value."""
        if self.buckets is not None:
            return self.buckets
        assert self.counts is not None  # noqa: S101 - one of the two is kept
        return _hashed(self.counts["value"], self.counts["rows"].to_numpy())

    def _bounded(self, limit: int) -> Values:
        if self.counts is None or self.counts.height <= limit:
            return self
        return Values(None, self.hashed(), self.nulls)


def to_codes(values: Floats) -> Ints:
    """Whole numbers that sort as the floats do. Minus zero is zero."""
    bits = (values + 0.0).view(np.int64)
    return bits ^ ((bits >> 63) & _ALL_BUT_SIGN)


def _codes_in_place(ordered: Floats, shift: int) -> Ints:
    """The shifted codes of sorted numbers, which they are overwritten with: much faster."""
    negative = int(np.searchsorted(ordered, 0.0))
    zero = int(np.searchsorted(ordered, 0.0, "right"))
    ordered[negative:zero] = 0.0  # minus zero, too
    codes = ordered.view(np.int64)
    codes[:negative] ^= _ALL_BUT_SIGN
    codes >>= shift
    return codes


def from_codes(codes: Ints) -> Floats:
    return (codes ^ ((codes >> 63) & _ALL_BUT_SIGN)).view(np.float64)


def bucket_of(value: pl.Expr) -> pl.Expr:
    """The bucket of a text, 0 to _BUCKETS - 1."""
    return (value.hash(seed=0) % _BUCKETS).cast(pl.Int64)


def shortened(value: pl.Expr) -> pl.Expr:
    """A long text by its beginning and a hash, so that memory is bounded."""
    short = value.str.slice(0, _BEGINNING) + "… #" + value.hash(seed=1).cast(pl.String)
    return pl.when(value.str.len_bytes() > LONG).then(short).otherwise(value)


def _hashed(values: pl.Series, rows: Ints | None = None) -> Ints:
    places = values.alias("value").to_frame().select(bucket_of(pl.col("value"))).to_series()
    return np.bincount(places.to_numpy(), weights=rows, minlength=_BUCKETS).astype(np.int64)


def _runs(ordered: Ints) -> tuple[Ints, Ints]:
    """The distinct values of a sorted array, and how often each is there."""
    starts = _starts(ordered)
    return ordered[starts], np.diff(starts, append=ordered.size)


def _summed(ordered: Ints, counts: Ints) -> tuple[Ints, Ints]:
    starts = _starts(ordered)
    if not starts.size:
        return ordered, counts
    return ordered[starts], np.add.reduceat(counts, starts)


def _starts(ordered: Ints) -> Ints:
    """Where the runs of equal values begin."""
    if not ordered.size:
        return np.zeros(0, dtype=np.int64)
    return np.concatenate([[0], np.flatnonzero(ordered[1:] != ordered[:-1]) + 1])
