"""A column of two datasets as rows by level: bins of the reference's quantiles, or values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from tidegate.data.drift.columns import Column
from tidegate.data.drift.measures import Distance
from tidegate.data.drift.sketches import Ints, Numbers, from_codes
from tidegate.data.drift.survey import Survey, heavy_buckets

BINS = 10  # what the usual thresholds of PSI are for
FEWEST_EXPECTED = 5  # rows of a level, where nothing has moved (Cochran 1954)
_MOST_VALUES = 50
_FREQUENT = 1e-3  # a rarer value of a column with too many is never told apart
OTHER = "(other)"
NULL = "(null)"


@dataclass(frozen=True)
class Levels:
    """Rows of both sides by level, levels that hold none left out.

    counts: (2, levels), now and reference; nulls, other: rows of these levels, (2,). labels are
    those of values alone: bins have none.
    """

    labels: tuple[str, ...]
    counts: Ints
    nulls: Ints
    other: Ints

    @property
    def rows(self) -> Ints:
        total: Ints = self.counts.sum(axis=1)
        return total


@dataclass(frozen=True)
class Sizes:
    """Two sketches of numbers over the same buckets. Arrays (2, ...): now, reference.

    missing: rows of null, NaN and minus infinity, which stand below all numbers; highest: those of
    infinity, which stand above.
    """

    codes: Ints
    counts: Ints
    missing: Ints
    highest: Ints
    shift: int

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
        return cls(codes, counts, np.array(missing), np.array(highest), shift)

    @property
    def rows(self) -> Ints:
        total: Ints = self.counts.sum(axis=1) + self.missing.sum(axis=1) + self.highest
        return total

    def distance(self) -> Distance:
        """Exact where the sketches are; else what lies within a bucket may come in any order."""
        parts = [self.missing, self.counts, self.highest[:, None]]
        reached = np.cumsum(np.concatenate(parts, axis=1), axis=1) / self.rows[:, None]
        least = most = float(np.abs(reached[0] - reached[1]).max())
        if self.shift and self.codes.size:
            within = slice(self.missing.shape[1], -1)
            end = reached[:, within]
            start = reached[:, self.missing.shape[1] - 1 : -2]
            crossing = np.maximum(end[0] - start[1], end[1] - start[0])
            most = max(most, float(crossing[(self.counts > 0).all(axis=0)].max(initial=0.0)))
        return Distance(least, most, float((1 / self.rows).sum()))

    def levels(self) -> Levels:
        """Ten bins of the reference's quantiles; a value that fills one has a bin of its own."""
        cuts = self._cuts()
        bins = np.searchsorted(cuts, self.codes, side="right")
        counts = [
            np.bincount(bins, weights=side, minlength=cuts.size + 1).astype(np.int64)
            for side in self.counts
        ]
        both = np.concatenate([self.missing, np.stack(counts), self.highest[:, None]], axis=1)
        held = both[:, both.sum(axis=0) > 0]
        return Levels((), held, self.missing[:, 0], np.zeros_like(self.highest))

    def _cuts(self) -> Ints:
        """The codes at which a new bin begins."""
        numbers = self.counts.sum(axis=1)
        bins = min(BINS, int(numbers.min()) // FEWEST_EXPECTED)
        if bins < 2:
            return np.zeros(0, dtype=np.int64)
        reference = self.counts[1]
        reached = np.cumsum(reference)
        targets = np.arange(1, bins) * numbers[1] / bins
        after = np.searchsorted(reached, targets)
        alone = np.flatnonzero(reference >= numbers[1] / bins)
        cuts = [self.codes[after] + 1, self.codes[alone], self.codes[alone] + 1]
        return np.unique(np.concatenate(cuts))

    def median(self, side: int) -> float | None:
        """To the width of a bucket; None where there is no number."""
        reached = np.cumsum(self.counts[side])
        if not reached.size or not reached[-1]:
            return None
        at = int(np.searchsorted(reached, reached[-1] / 2))
        return float(from_codes(self.codes[at : at + 1] << self.shift)[0])


def value_levels(column: Column, current: Survey, reference: Survey, max_psi: float) -> Levels:
    """The values that are frequent on average of both sides, and all others as one level."""
    counts, rows, nulls = value_counts(column, current, reference)
    both = counts.select("current", "reference").to_numpy().T
    expected = (both / np.maximum(rows, 1)[:, None]).mean(axis=0) * rows.min()
    # So many levels at most that PSI, which grows with them by chance, stays well below the limit.
    spread = float((1 / np.maximum(rows, 1)).sum())
    most = int(np.clip(max_psi / 4 / spread, BINS, _MOST_VALUES))
    kept = min(most - 1, int(np.count_nonzero(expected >= FEWEST_EXPECTED)))
    other = rows - nulls - both[:, :kept].sum(axis=1)
    levels = np.column_stack([both[:, :kept], other, nulls])
    labels = np.array([*counts["value"][:kept], OTHER, NULL], dtype=object)
    held = levels.sum(axis=0) > 0
    return Levels(tuple(labels[held]), levels[:, held], nulls, other)


def value_counts(
    column: Column, current: Survey, reference: Survey
) -> tuple[pl.DataFrame, Ints, Ints]:
    """(value, current, reference), those first that are frequent on average; rows; nulls.

    Of a column with too many values, those alone that are frequent.
    """
    sides = current.values_sketch(column), reference.values_sketch(column)
    rows = np.array([side.rows for side in sides])
    frequent = None
    if any(side.is_crowded for side in sides):
        frequent = heavy_buckets(*sides, _FREQUENT)
    now = current.values(column, frequent).rename({"rows": "current"})
    before = reference.values(column, frequent).rename({"rows": "reference"})
    weights = [0.5 / max(1, int(total)) for total in rows]
    share = pl.col("current") * weights[0] + pl.col("reference") * weights[1]
    counts = (
        now.join(before, on="value", how="full", coalesce=True)
        .with_columns(pl.col("current", "reference").fill_null(0))
        .with_columns(share.alias("share"))
        .filter(pl.col("share") >= (0.0 if frequent is None else _FREQUENT))
        .sort("share", "value", descending=[True, False])
    )
    return counts, rows, np.array([side.nulls for side in sides])
