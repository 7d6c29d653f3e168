"""Histograms for the page: at most MAX_BINS bins a column, from the sketches of drift.

Counts are exact. Where a column has too many distinct numbers to be sketched exactly, edges are
moved to the next bucket's, by less than a thousandth.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import pairwise

import numpy as np
import polars as pl

from tidegate.data.drift.columns import Column, Kind
from tidegate.data.drift.levels import OTHER, value_counts
from tidegate.data.drift.results import ColumnProfile
from tidegate.data.drift.sizes import Sizes
from tidegate.data.drift.sketches import Floats, Ints, Numbers, from_codes, to_codes
from tidegate.data.drift.survey import Survey

MAX_BINS = 20
MAX_COLUMNS = 40
_LABEL = 60
_SPECIAL = ("NaN", "-inf", "inf")  # they have bins of their own
_TAIL = 0.05  # share of the rows that each of the two outer bins holds, on average of both sides
_SEEN = 0.005  # share of the rows from which a value has a bar of its own, where there are many
_SECOND, _MINUTE, _DAY = 1_000_000, 60_000_000, 86_400_000_000  # in microseconds
_TIME_STEPS = (
    *(_SECOND * n for n in (1, 5, 15)),
    *(_MINUTE * n for n in (1, 5, 15, 60, 180, 360, 720)),
    *(_DAY * n for n in (1, 2, 7, 14)),
)
_GREATEST = int(to_codes(np.array([np.finfo(np.float64).max]))[0]) - 1  # code of a finite edge
_TINIEST = 1e-290
_LONGEST = 1e9 * _DAY  # that Python's timedelta holds


def profiles(
    columns: Sequence[Column], current: Survey, reference: Survey | None
) -> Iterator[ColumnProfile]:
    """Of the first MAX_COLUMNS columns; a last one without a column says how many were left out."""
    for column in columns[:MAX_COLUMNS]:
        sketch = current.sketches[column]
        compared = reference if reference is not None and column in reference.sketches else None
        if not isinstance(sketch, Numbers):
            yield _of_values(column, current, compared)
            continue
        other = None if compared is None else compared.sketches[column]
        yield _of_sizes(column, sketch, other if isinstance(other, Numbers) else None)
    if len(columns) > MAX_COLUMNS:
        left = len(columns) - MAX_COLUMNS
        detail = f"{left:,} more {'column is' if left == 1 else 'columns are'} not shown"
        yield ColumnProfile(None, "unsupported", (), None, (), None, 0, None, detail)


def _of_values(column: Column, current: Survey, reference: Survey | None) -> ColumnProfile:
    counts, rows, nulls = value_counts(column, current, reference or current)
    kept = counts.height
    if kept > MAX_BINS:
        share = counts.select(pl.col("current") / rows[0] + pl.col("reference") / rows[1])
        kept = min(MAX_BINS - 1, int((share.to_series() / 2 >= _SEEN).sum()))
    labels = [_clipped(value) for value in counts["value"][:kept]]
    bins = counts.select("current", "reference").to_numpy().T[:, :kept]
    rest = rows - nulls - bins.sum(axis=1)
    if rest.any():
        bins, labels = np.column_stack([bins, rest]), [*labels, OTHER]
    return _profile(column, labels, None, bins, nulls, alone=reference is None)


def _of_sizes(column: Column, current: Numbers, reference: Numbers | None) -> ColumnProfile:
    sizes = Sizes.of(current, reference or current)
    edges: Sequence[float | str] | None = None
    if sizes.codes.size <= MAX_BINS - len(_SPECIAL) and (sizes.codes == sizes.lasts).all():
        bins, labels = sizes.counts, _names(column.kind, from_codes(sizes.codes))
    else:
        bins, labels, edges = _binned(column.kind, sizes)
    for label, rows in zip(_SPECIAL, [*sizes.missing[:, 1:].T, sizes.highest], strict=True):
        if rows.any():
            bins, labels = np.column_stack([bins, rows]), [*labels, label]
    return _profile(column, labels, edges, bins, sizes.missing[:, 0], alone=reference is None)


def _binned(kind: Kind, sizes: Sizes) -> tuple[Ints, list[str], list[float | str]]:
    """Rows of bins (2, bins) between round numbers, their labels and edges."""
    wanted, step = _round_edges(kind, *_range(sizes))
    cuts, kept = np.unique(_between_buckets(sizes, to_codes(wanted)), return_index=True)
    places = np.searchsorted(cuts, sizes.codes, side="right")
    counts = [np.bincount(places, side, cuts.size + 1).astype(np.int64) for side in sizes.counts]
    texts = [_text(kind, edge, step) for edge in wanted[kept].tolist()]
    inner = [f"{low} to {high}" for low, high in pairwise(texts)]
    labels = [f"below {texts[0]}", *inner, f"{texts[-1]} and above"]
    edges: list[float | str] = from_codes(cuts).tolist()
    if kind in ("timestamp", "time"):
        edges = [*texts]
    return np.stack(counts), labels, edges


def _between_buckets(sizes: Sizes, codes: Ints) -> Ints:
    """The codes moved to the nearest end of the bucket that they are in."""
    at = np.maximum(np.searchsorted(sizes.codes, codes, side="right") - 1, 0)
    first, last = sizes.codes[at], sizes.lasts[at]
    inside = (first < codes) & (codes <= last)
    nearest = np.where(codes - first > (last - first) // 2, np.minimum(last, _GREATEST) + 1, first)
    return np.where(inside, nearest, codes)


def _range(sizes: Sizes) -> tuple[float, float]:
    """What all but the outermost rows of both sides lie between."""
    reached = np.cumsum(sizes.counts, axis=1)
    held = reached[reached[:, -1] > 0]
    share = (held / held[:, -1:]).mean(axis=0)
    ends = np.searchsorted(share, [_TAIL, 1 - _TAIL])
    low, high = from_codes(sizes.codes[ends]).tolist()
    return low, high


def _round_edges(kind: Kind, low: float, high: float) -> tuple[Floats, float]:
    """Multiples of a round step between the two, and the step; both ends where there is none."""
    least = 2 * ((high / 2 - low / 2) / (MAX_BINS - len(_SPECIAL) - 2))  # halves do not overflow
    step = _round_step(kind, least)
    if not (0 < step < math.inf and max(abs(low), abs(high)) / step < 2**52):
        return np.array([low] if low == high else [low, high]), max(least, _TINIEST)
    edges: Floats = step * np.arange(math.ceil(low / step), math.floor(high / step) + 1.0)
    return (edges, step) if edges.size else (np.array([high]), step)


def _round_step(kind: Kind, least: float) -> float:
    """The smallest of 1, 2, 5, 10, ... or of a clock's steps that is no less; 0 for none."""
    unit = 1.0
    if kind in ("timestamp", "duration", "time"):
        for step in _TIME_STEPS:
            if least <= step:
                return float(step)
        unit = float(_DAY)
    if least < _TINIEST:
        return 0.0
    power = unit * 10.0 ** math.floor(math.log10(least / unit))
    return next((power * part for part in (1, 2, 5, 10) if least <= power * part), 20 * power)


def _profile(
    column: Column, labels: Sequence[str], edges: Sequence[float | str] | None, bins: Ints,
    nulls: Ints, *, alone: bool,
) -> ColumnProfile:  # fmt: skip
    return ColumnProfile(
        column=column.name,
        kind=column.kind,
        labels=tuple(labels),
        edges=None if edges is None else tuple(edges),
        current=tuple(bins[0].tolist()),
        reference=None if alone else tuple(bins[1].tolist()),
        nulls=int(nulls[0]),
        reference_nulls=None if alone else int(nulls[1]),
    )


def _names(kind: Kind, values: Floats) -> list[str]:
    """Distinct texts of distinct values."""
    if kind != "number":
        return [_text(kind, value, 1.0) for value in values]
    short = [f"{value:,.0f}" if value % 1 == 0 and abs(value) < 1e15 else f"{value:.6g}"
             for value in values]  # fmt: skip
    return short if len(set(short)) == len(short) else [repr(float(value)) for value in values]


def _text(kind: Kind, value: float, step: float) -> str:
    """With as many digits as tell it from its neighbours, which are a step away."""
    if kind in ("timestamp", "time"):
        unit = "D" if step % _DAY == 0 else "m" if step % _MINUTE == 0 else "us"
        if not abs(value) < 2.0**63:
            return f"{value:.6g} µs"
        text = str(np.datetime64(round(value), "us").astype(f"datetime64[{unit}]"))
        return text[11:] if kind == "time" else text.replace("T", " ")
    if kind == "duration":
        return str(timedelta(microseconds=value)) if abs(value) < _LONGEST else f"{value:.6g} µs"
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    if abs(value) < 1e9 and decimals <= 6:
        return f"{value + 0.0:,.{decimals}f}"
    return f"{value:.{min(17, max(4, math.ceil(math.log10(max(abs(value), step) / step)) + 1))}g}"


def _clipped(text: str) -> str:
    return text if len(text) <= _LABEL else f"{text[: _LABEL - 1]}…"
