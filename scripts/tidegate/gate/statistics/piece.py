"""Paired rows in memory, as arrays."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np
import polars as pl

from tidegate.gate.rows.pairing import bucket_of
from tidegate.gate.statistics.design import Design
from tidegate.gate.statistics.sums import (
    ByValue,
    Histogram,
    Ints,
    Rows,
    Statistic,
    histogram,
)

Place = tuple[int, Statistic]  # model and statistic


class Piece:
    """Rows as arrays, and what was worked out on them: kept while the piece is in memory."""

    def __init__(self, design: Design, frame: pl.DataFrame):
        self.design, self.frame = design, frame
        self.levels = [slicing.of(frame) for slicing in design.slicings]
        self.weight = frame["weight"].to_numpy() if "weight" in frame.columns else None
        self.models = [self._rows(suffix) for suffix in ("", ".baseline")[: design.models]]
        self._histograms: dict[Place, tuple[Histogram, list[Ints]]] = {}

    def _rows(self, suffix: str) -> Rows:
        design, frame = self.design, self.frame
        output, truth, answer = frame[f"output{suffix}"], None, None
        label = frame["label"]
        if design.task == "multiclass":
            names = pl.Enum(design.classes)
            label, output = (
                values.cast(names).to_physical().cast(pl.Int64) for values in (label, output)
            )
            answer = output.to_numpy()
            if f"truth{suffix}" in frame.columns:
                truth = frame[f"truth{suffix}"].to_numpy()
        values = output.cast(pl.Float64).to_numpy()
        if design.task == "binary":
            threshold = 0.5 if design.threshold is None else design.threshold
            answer = (values >= threshold).astype(np.int64)
        return Rows(
            label=label.cast(pl.Float64).to_numpy(),
            output=values,
            answer=answer,
            truth=truth,
            weight=self.weight,
            classes=max(2, len(design.classes)),
            quantile=design.quantile,
        )

    def rows(self, model: int, statistic: Statistic, slicing: int) -> Rows:
        """One model's answers; labels around the mean of their slice, where that is asked."""
        rows = self.models[model]
        if not statistic.is_centred:
            return rows
        return replace(rows, centre=self.design.slicings[slicing].centres[self.levels[slicing]])

    @cached_property
    def cluster(self) -> Ints:
        names = self.frame["cluster"].fill_null("")
        if self.design.clusters is not None:
            known = pl.Enum(self.design.clusters)
            return names.cast(known).to_physical().cast(pl.Int64).to_numpy()
        once = names.unique()
        numbers = pl.Series([bucket_of(name) for name in once], dtype=pl.Int64)
        return names.replace_strict(once, numbers, return_dtype=pl.Int64).to_numpy()

    def histogram(
        self, model: int, statistic: ByValue, bits: int | None
    ) -> tuple[Histogram, list[Ints]]:
        """Of one model, over the slicings that need it; and the entry of each row in each.

        bits: as many as the whole will keep at most, where that is known.
        """
        held = self._histograms.get((model, statistic))
        if held is None or (bits is not None and held[0].bits > bits):
            design = self.design
            levels = [
                (design.first_level(number), design.slicings[number].count, self.levels[number])
                for number in design.needs[statistic]
            ]
            held = histogram(statistic, self.models[model], levels, bits)
            self._histograms[model, statistic] = held
        return held
