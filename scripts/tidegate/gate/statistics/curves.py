"""Calibration, and how scores or errors are spread: for those who look. No verdict hangs on them.

Their sums merge like all others, so that they cost no pass of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tidegate.gate.statistics.design import Design
from tidegate.gate.statistics.sums import Floats, Ints, Rows, weighted

Curves = Mapping[str, Any] | None  # as the report has them

SCORE_BINS = 20
_ERROR_BINS = 30
_CODES = 1 << 16
_TAIL = 0.005  # share of the errors beyond either end of the edges


def has_curves(design: Design) -> bool:
    """Whether there is something to draw: scores, or errors with a size."""
    return design.task == "regression" or (design.task == "binary" and design.threshold is not None)


def curve_sums(design: Design, rows: Rows) -> Floats:
    """Sums (bin, term) of one model's answers on some rows.

    Of scores, in bins of equal width: rows, weight, score, label. Of errors: rows, in a bin for
    each number that the leading 16 bits of a float32 can say (sign, exponent, 7 bits of mantissa).
    """
    if design.task == "regression":
        codes = _codes(rows.output - rows.label)
        return np.bincount(codes, minlength=_CODES).astype(np.float64)[:, None]
    bins = np.minimum((rows.output * SCORE_BINS).astype(np.int64), SCORE_BINS - 1)
    counts = np.bincount(bins, minlength=SCORE_BINS).astype(np.float64)
    total, score, label = (
        np.bincount(bins, weights=weights, minlength=SCORE_BINS)
        for weights in (
            rows.weight,
            weighted(rows.output, rows.weight),
            weighted(rows.label, rows.weight),
        )
    )
    return np.column_stack([counts, total, score, label])


def curves(design: Design, sums: Sequence[Floats]) -> Curves:
    """The report's `curves` from the sums of each model; None where there is nothing to draw."""
    if not sums:
        return None
    if design.task == "regression":
        edges = _error_edges(np.sum(sums, axis=0)[:, 0])
        drawn = [_curve(errors=_errors(of[:, 0], edges)) for of in sums]
    else:
        drawn = [_curve(calibration=_calibration(of), scores=_scores(of)) for of in sums]
    return {"candidate": drawn[0], "baseline": drawn[1] if len(drawn) > 1 else None}


def _curve(**parts: Any) -> dict[str, Any]:
    return {"calibration": None, "scores": None, "errors": None, **parts}


def _calibration(sums: Floats) -> list[dict[str, float | int]]:
    return [
        {
            "lower": number / SCORE_BINS,
            "upper": (number + 1) / SCORE_BINS,
            "rows": int(rows),
            "mean_score": float(score / weight),
            "rate": float(label / weight),
        }
        for number, (rows, weight, score, label) in enumerate(sums)
        if weight > 0
    ]


def _scores(sums: Floats) -> dict[str, list[Any]]:
    edges = [number / SCORE_BINS for number in range(SCORE_BINS + 1)]
    return {"edges": edges, "counts": [int(rows) for rows in sums[:, 0]]}


def _codes(errors: Floats) -> Ints:
    with np.errstate(over="ignore"):  # what a float32 cannot hold is in its last bin
        codes: Ints = (errors.astype(np.float32).view(np.uint32) >> 16).astype(np.int64)
    return codes


def _lowest_of_codes() -> Floats:
    """The lowest error of each code's bin; NaN for the codes that are no number."""
    with np.errstate(invalid="ignore"):
        values = (np.arange(_CODES, dtype=np.uint32) << 16).view(np.float32).astype(np.float64)
    # Errors are cut towards zero: those of a negative code lie below its value.
    values[_CODES // 2 : -1] = values[_CODES // 2 + 1 :].copy()
    values[_codes(np.array([-np.inf]))] = -np.inf
    return values


def _error_edges(counts: Floats) -> Floats:
    """Edges of about equal steps over all but the tails, each the edge of some codes' bins."""
    lowest = _lowest_of_codes()
    order = np.argsort(lowest)
    order = order[np.isfinite(lowest[order])]
    reached = np.cumsum(counts[order])
    total = reached[-1]
    if not total:
        return np.zeros(1)
    ends = [
        lowest[order][min(int(np.searchsorted(reached, total * share)), order.size - 1)]
        for share in (_TAIL, 1 - _TAIL)
    ]
    wanted = np.linspace(ends[0], ends[1], _ERROR_BINS + 1)
    found: Floats = np.unique(lowest[_codes(wanted)])
    return found


def _errors(counts: Floats, edges: Floats) -> dict[str, list[Any]]:
    """Rows below the first edge, between each two, and from the last edge on."""
    lowest = _lowest_of_codes()
    held = counts > 0
    places = np.searchsorted(edges, lowest[held], side="right")
    of_bins = np.bincount(places, weights=counts[held], minlength=edges.size + 1)
    return {"edges": [float(edge) for edge in edges], "counts": [int(n) for n in of_bins]}
