"""What the two passes are to compute: metrics, on ways of slicing, of how many models."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from tidegate.gate.rows.pairing import MAX_CLUSTERS
from tidegate.gate.statistics.metrics import Metric
from tidegate.gate.statistics.sums import (
    Floats,
    Ints,
    Statistic,
)

# Sums of clusters by slice are kept within this many numbers; beyond, clusters share buckets.
_MAX_CLUSTER_SUMS = 1 << 24


@dataclass(frozen=True)
class Slicing:
    """One way of slicing, and the levels judged.

    levels: frame of the slice columns (slice.N; none: overall), `rows`, the rows of each, and
    `label_sum`, the sum of their labels (0 where labels are classes).
    """

    levels: pl.DataFrame

    @property
    def columns(self) -> list[str]:
        return [name for name in self.levels.columns if name.startswith("slice.")]

    @property
    def count(self) -> int:
        return self.levels.height

    @cached_property
    def centres(self) -> Floats:
        """The mean label of each level, and a 0 for rows in none."""
        return np.append((self.levels["label_sum"] / self.levels["rows"]).to_numpy(), 0.0)

    def of(self, piece: pl.DataFrame) -> Ints:
        """Number of each row's level; `count` for a row whose level is not judged."""
        if not self.columns:
            return np.zeros(piece.height, dtype=np.int64)
        numbered = self.levels.select(self.columns).with_row_index("number")
        found = piece.select(self.columns).join(
            numbered, on=self.columns, how="left", nulls_equal=True, maintain_order="left"
        )
        return found["number"].fill_null(self.count).cast(pl.Int64).to_numpy()


@dataclass(frozen=True)
class Question:
    """One metric on every level of one way of slicing.

    own, harm: whether the interval of the candidate's value, or of the harm, is asked for.
    """

    name: str
    metric: Metric
    slicing: int
    own: bool
    harm: bool
    answer_class: str | None = None


@dataclass(frozen=True)
class Design:
    """Everything that the passes need to know; it can be sent to another process."""

    task: str
    threshold: float | None  # of a score, for metrics of classes
    quantile: float
    classes: tuple[str, ...]
    clusters: tuple[str, ...] | None  # None: more than can be kept apart
    clustered: bool
    models: int
    slicings: tuple[Slicing, ...]
    questions: tuple[Question, ...]

    @cached_property
    def needs(self) -> dict[Statistic, list[int]]:
        """Each statistic with the slicings it is asked on."""
        found: dict[Statistic, list[int]] = {}
        for question in self.questions:
            slicings = found.setdefault(question.metric.statistic, [])
            if question.slicing not in slicings:
                slicings.append(question.slicing)
        return found

    def first_level(self, slicing: int) -> int:
        """Number of a slicing's first level among the levels of all."""
        return sum(other.count for other in self.slicings[:slicing])

    def buckets(self, slicing: int) -> int:
        """How many sums of clusters are kept for a level."""
        wanted = MAX_CLUSTERS if self.clusters is None else len(self.clusters)
        return min(wanted, max(1 << 10, _MAX_CLUSTER_SUMS // (self.slicings[slicing].count + 1)))
