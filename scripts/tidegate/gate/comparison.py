"""One metric on one set of rows: the estimate, its interval, and the verdict by the bounds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from tidegate.config import Bound
from tidegate.errors import DataError
from tidegate.gate.metrics import Estimate, Floats, Metric
from tidegate.verdict import Verdict, worst

MIN_CLUSTERS = 5
# rows_needed aims at a decision with this probability, not at a coin's toss.
_POWER = 0.8


@dataclass(frozen=True)
class Interval:
    """An estimate with its one-sided ends: each alone holds at the confidence asked for."""

    estimate: float
    lower: float
    upper: float
    standard_error: float
    quantile: float


@dataclass(frozen=True)
class Judgement:
    """What one metric came to on one set of rows.

    lower and upper are the ends of the harm where a regression is judged, else of the candidate's
    own value. reason says which bound decided, and with which numbers.
    """

    candidate: float
    baseline: float | None
    harm: float | None
    lower: float
    upper: float
    verdict: Verdict
    rows_needed: int | None
    reason: str


def interval(estimate: Estimate, clusters: NDArray[np.int64] | None, confidence: float) -> Interval:
    """Interval of an estimate whose rows are independent, or independent between clusters.

    The variance of the value is that of a sum of influence over G clusters, G/(G-1) for the small
    sample; the quantile is Student's with G-1 degrees of freedom (Liang and Zeger 1986 for the
    sum over clusters; Cameron and Miller 2015 for the small-sample factors).
    clusters: number of each row's cluster, from 0; None when each row is its own.
    """
    n = estimate.influence.size
    sums = (
        estimate.influence
        if clusters is None
        else np.bincount(clusters, weights=estimate.influence)
    )
    groups = sums.size
    if groups < MIN_CLUSTERS:
        unknown = math.inf
        return Interval(estimate.value, -unknown, unknown, unknown, unknown)
    error = math.sqrt(float((sums**2).sum()) * groups / (groups - 1)) / n
    quantile = student_quantile(confidence, groups - 1)
    return Interval(
        estimate.value,
        estimate.value - quantile * error,
        estimate.value + quantile * error,
        error,
        quantile,
    )


def judge(
    metric: Metric,
    bound: Bound,
    candidate: tuple[Floats, Floats],
    baseline: tuple[Floats, Floats] | None,
    clusters: NDArray[np.int64] | None,
    confidence: float,
) -> Judgement | None:
    """Hold one metric to its bound; None when only a baseline could judge it and there is none.

    candidate and baseline: (label, output). Raises metrics.Undefined.
    """
    own = _estimate(metric, *candidate)
    own_interval = interval(own, clusters, confidence)
    n = own.influence.size
    parts: list[tuple[Verdict, str, int | None]] = []
    if bound.min is not None:
        # A value below its minimum is harm of `min - value`; so one rule serves all three bounds.
        shown = (
            f"{own.value:.4g} (at least {own_interval.lower:.4g}, at most {own_interval.upper:.4g})"
        )
        parts.append(
            _decide(_mirrored(own_interval), -bound.min, n, f"{shown}, minimum {bound.min:g}")
        )
    if bound.max is not None:
        shown = (
            f"{own.value:.4g} (at least {own_interval.lower:.4g}, at most {own_interval.upper:.4g})"
        )
        parts.append(_decide(own_interval, bound.max, n, f"{shown}, maximum {bound.max:g}"))
    harm = None
    ends = own_interval
    before = None
    if baseline is not None:
        before = _estimate(metric, *baseline)
        harm = metric.harm(own, before)
        if bound.max_regression is not None:
            ends = interval(harm, clusters, confidence)
            parts.append(
                _decide(ends, bound.max_regression, n, _harm_in_words(ends, bound.max_regression))
            )
    if not parts:
        return None
    verdict = worst(part[0] for part in parts)
    reason, rows_needed = next((text, rows) for v, text, rows in parts if v is verdict)
    return Judgement(
        candidate=own.value,
        baseline=None if before is None else before.value,
        harm=None if harm is None else harm.value,
        lower=ends.lower,
        upper=ends.upper,
        verdict=verdict,
        rows_needed=rows_needed,
        reason=reason,
    )


def _estimate(metric: Metric, label: Floats, output: Floats) -> Estimate:
    with np.errstate(over="ignore", invalid="ignore"):
        estimate = metric.compute(label, output)
    if not (math.isfinite(estimate.value) and np.isfinite(estimate.influence).all()):
        raise DataError(
            "a metric overflows: labels or predictions are too large to be squared",
            remedy="look for sentinel values, or express them in a larger unit",
        )
    return estimate


def _decide(ends: Interval, limit: float, n: int, words: str) -> tuple[Verdict, str, int | None]:
    """The design's rule: pass if the upper end is at most the limit, fail if the lower is above."""
    if ends.upper <= limit:
        return Verdict.PASS, words, None
    if ends.lower > limit:
        return Verdict.FAIL, words, None
    return Verdict.INCONCLUSIVE, words, _rows_needed(ends, limit, n)


def _rows_needed(ends: Interval, limit: float, n: int) -> int | None:
    """Rows at which this estimate would be decided; None when it sits on the limit itself."""
    distance = abs(ends.estimate - limit)
    if distance == 0 or not math.isfinite(ends.standard_error):
        return None
    needed = (
        n * ((ends.quantile + NormalDist().inv_cdf(_POWER)) * ends.standard_error / distance) ** 2
    )
    return math.ceil(needed) if math.isfinite(needed) and needed < 1e15 else None


def _mirrored(ends: Interval) -> Interval:
    return Interval(-ends.estimate, -ends.upper, -ends.lower, ends.standard_error, ends.quantile)


def _harm_in_words(ends: Interval, tolerated: float) -> str:
    size = abs(ends.estimate)
    word = "worse" if ends.estimate > 0 else "better" if ends.estimate < 0 else "changed"
    return (
        f"{word} by {size:.4g} (harm between {ends.lower:.4g} and {ends.upper:.4g}), "
        f"tolerated {tolerated:g}"
    )


def student_quantile(probability: float, degrees: int) -> float:
    """Quantile of Student's t, by the expansion in 1/degrees of Abramowitz and Stegun 26.7.5.

    Within 0.2 % for 4 degrees of freedom and a probability of 0.95, and closer for more; written
    here because the one other use of SciPy would be to bring it in.
    """
    z = NormalDist().inv_cdf(probability)
    terms: tuple[float, ...] = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return float(z + sum(term / degrees**power for power, term in enumerate(terms, start=1)))
