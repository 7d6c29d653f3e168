"""A column of numbers of two datasets: rows of both by bucket, their distance, bins and medians."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tidegate.data.drift.columns import Column
from tidegate.data.drift.levels import BINS, FEWEST_EXPECTED, Levels
from tidegate.data.drift.measures import Distance
from tidegate.data.drift.sketches import Ints, Numbers, from_codes
from tidegate.data.drift.survey import Sketch, Survey

# A bucket that holds so many times an even share of the rows is looked at once more: 0.2 % of them
# where a column has all the entries there can be.
_HEAVY = 128
_MOST_LOOKS = 4  # each divides a bucket by some ten thousand, and there are 2^64 codes


@dataclass(frozen=True)
class Sizes:
    """Two sketches of numbers over the same buckets. Arrays (2, ...): now, reference.

    codes, lasts: the first and the last code of each bucket, which are one where it is a single
    value. missing: rows of null, NaN and minus infinity, which stand below all numbers; highest:
    those of infinity, which stand above.
    """

    codes: Ints
    lasts: Ints
    counts: Ints
    missing: Ints
    highest: Ints

    @classmethod
    def of(cls, current: Numbers, reference: Numbers) -> Sizes:
        shift = max(current.shift, reference.shift)
        sides = current.coarser(shift), reference.coarser(shift)
        codes = np.union1d(sides[0].codes, sides[1].codes)
        counts = np.zeros((2, codes.size), dtype=np.int64)
        for row, side in zip(counts, sides, strict=True):
            row[np.searchsorted(codes, side.codes)] = side.counts
        missing = [[side.nulls, side.nans, side.lowest] for side in sides]
        highest = [side.highest for side in sides]
        first = codes << shift
        last = first | ((1 << shift) - 1)
        return cls(first, last, counts, np.array(missing), np.array(highest))

    def finer(self, most: float, look: Callable[[Ints, Ints], Sizes]) -> Sizes:
        """With the buckets of too many rows divided: those of a value that many rows have.

        most: the share of either side's rows that a bucket may hold; look: both sides' rows between
        some codes, of which it is given the first and the last.
        """
        heavy = (self.counts / np.maximum(1, self.rows)[:, None]).max(axis=0) > most
        heavy &= self.lasts > self.codes
        if not heavy.any():
            return self
        inner = look(self.codes[heavy], self.lasts[heavy])
        codes = np.concatenate([self.codes[~heavy], inner.codes])
        order = np.argsort(codes)
        lasts = np.concatenate([self.lasts[~heavy], inner.lasts])
        counts = np.concatenate([self.counts[:, ~heavy], inner.counts], axis=1)
        return Sizes(codes[order], lasts[order], counts[:, order], self.missing, self.highest)

    @property
    def rows(self) -> Ints:
        total: Ints = self.counts.sum(axis=1) + self.missing.sum(axis=1) + self.highest
        return total

    def distance(self) -> Distance:
        """Exact where the buckets are; else what lies within one may come in any order."""
        parts = [self.missing, self.counts, self.highest[:, None]]
        reached = np.cumsum(np.concatenate(parts, axis=1), axis=1) / self.rows[:, None]
        least = float(np.abs(reached[0] - reached[1]).max())
        before = self.missing.shape[1] - 1
        start, end = reached[:, before:-2], reached[:, before + 1 : -1]
        crossing = np.maximum(end[0] - start[1], end[1] - start[0])
        unordered = (self.counts > 0).all(axis=0) & (self.lasts > self.codes)
        most = max(least, float(crossing[unordered].max(initial=0.0)))
        return Distance(least, most, float((1 / self.rows).sum()))

    def levels(self) -> Levels:
        """Ten bins of the reference's quantiles; a value that fills one has a bin of its own."""
        bins = np.searchsorted(self._cuts(), np.arange(self.codes.size), side="right")
        counts = np.stack([np.bincount(bins, side, 1).astype(np.int64) for side in self.counts])
        both = np.concatenate([self.missing, counts, self.highest[:, None]], axis=1)
        held = both[:, both.sum(axis=0) > 0]
        return Levels((), held, self.missing[:, 0], np.zeros_like(self.highest))

    def _cuts(self) -> Ints:
        """The buckets at which a new bin begins."""
        numbers = self.counts.sum(axis=1)
        bins = min(BINS, int(numbers.min()) // FEWEST_EXPECTED)
        if bins < 2:
            return np.zeros(0, dtype=np.int64)
        reached = np.cumsum(self.counts[1])
        after = np.searchsorted(reached, np.arange(1, bins) * numbers[1] / bins)
        alone = np.flatnonzero(self.counts[1] >= numbers[1] / bins)
        return np.unique(np.concatenate([after + 1, alone, alone + 1]))

    def median(self, side: int) -> float | None:
        """To the width of a bucket; None where there is no number."""
        reached = np.cumsum(self.counts[side])
        if not reached.size or not reached[-1]:
            return None
        at = int(np.searchsorted(reached, reached[-1] / 2))
        return float(from_codes(self.codes[at : at + 1])[0])


def sizes_of(column: Column, current: Survey, reference: Survey) -> Sizes:
    """Of a column of numbers."""
    found = _sizes_from(current.sketches[column], reference.sketches[column])

    def look(starts: Ints, ends: Ints) -> Sizes:
        return _sizes_from(*(side.between(column, starts, ends) for side in (current, reference)))

    for _ in range(_MOST_LOOKS):
        finer = found.finer(_HEAVY / min(current.entries, reference.entries), look)
        if finer is found:
            break
        found = finer
    return found


def _sizes_from(current: Sketch, reference: Sketch) -> Sizes:
    assert isinstance(current, Numbers)  # noqa: S101 - such columns are counted by size
    assert isinstance(reference, Numbers)  # noqa: S101
    return Sizes.of(current, reference)
