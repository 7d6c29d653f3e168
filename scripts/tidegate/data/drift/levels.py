"""A column of two datasets as rows by level, and what the levels are where they are values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from tidegate.data.drift.columns import Column
from tidegate.data.drift.sketches import Ints
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
