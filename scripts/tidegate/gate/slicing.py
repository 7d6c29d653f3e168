"""The slices of an evaluation set that are judged, and what they are called."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
import polars.selectors as cs

from tidegate.config import Evaluation, Gate
from tidegate.gate.rows.pairing import Tally
from tidegate.gate.statistics.design import Slicing

OVERALL = 0

MAX_NAMED_SLICES = 30


def slicings_of(
    evaluation: Evaluation, gate: Gate, tally: Tally, notes: list[str]
) -> list[Slicing]:
    """Overall, then each way of slicing with the levels that are large enough."""
    whole = pl.DataFrame({"rows": [tally.paired], "label_sum": [tally.label_sum]})
    slicings = [Slicing(whole)]
    if not gate.slice_metrics:
        return slicings
    small = []
    for levels in tally.levels:
        ordered = levels.sort(cs.starts_with("slice."), nulls_last=True)
        slicing = Slicing(ordered.filter(pl.col("rows") >= gate.min_slice_rows))
        slicings.append(slicing)
        rest = Slicing(ordered.filter(pl.col("rows") < gate.min_slice_rows))
        small += [
            f"{slice_name(slice_label(evaluation, rest, len(slicings) - 1, level))} "
            f"({rest.levels['rows'][level]})"
            for level in range(rest.count)
        ]
    if small:
        more = len(small) - MAX_NAMED_SLICES
        shown = ", ".join(_short(name) for name in small[:MAX_NAMED_SLICES])
        notes.append(
            f"Slices below {gate.min_slice_rows} rows were not judged: {shown}"
            + (f", and {more:,} more." if more > 0 else ".")
        )
    return slicings


def slice_label(
    evaluation: Evaluation, slicing: Slicing, number: int, level: int
) -> dict[str, str | None]:
    """{column: value} of a level."""
    values = slicing.levels.select(slicing.columns).row(level)
    parts = evaluation.slices[number - 1]
    return {part.column: value for part, value in zip(parts, values, strict=True)}


def slice_name(label: Mapping[str, str | None]) -> str:
    return ", ".join(f"{name}={value}" for name, value in label.items())


def _short(name: str) -> str:
    return name if len(name) <= 60 else f"{name[:50]}… {name[-8:]}"
