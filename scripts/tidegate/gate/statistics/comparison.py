"""One metric on one slice: the estimate, its interval, and the verdict by the bounds."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from tidegate.config import Bound
from tidegate.gate.statistics.sums import Floats
from tidegate.verdict import Verdict, worst

MIN_CLUSTERS = 5
# rows_needed aims at a decision with this probability, were the present estimate the truth.
POWER = 0.95


@dataclass(frozen=True)
class Estimate:
    """A value with what its interval is made of.

    second, fourth: sums over clusters of the squares and the fourth powers of their influence;
    clusters: how many there are (rows, where each is its own); slack: what the value may be off;
    step, bias: see metrics.Solution, but step for a row of average weight; rows: of the slice;
    added: so many rows, answered the other way, are added to the variance of a metric that counts
    right answers; within: what the truth can be at all.
    """

    value: float
    second: float
    fourth: float
    clusters: int
    slack: float = 0.0
    step: float = 0.0
    bias: float = 0.0
    rows: int = 0
    added: float = 0.0
    within: tuple[float, float] = (-math.inf, math.inf)

    @property
    def is_flat(self) -> bool:
        """Whether all clusters agree, so that nothing is seen of how they might differ."""
        size = max(abs(self.value), self.step if math.isfinite(self.step) else 0.0)
        return math.sqrt(self.second) <= 1e-9 * size

    @property
    def middle(self) -> float:
        """The value less its bias: what the interval is put around."""
        return self.value - self.bias

    @property
    def mirrored(self) -> Estimate:
        least, most = self.within
        return replace(self, value=-self.value, bias=-self.bias, within=(-most, -least))


@dataclass(frozen=True)
class Confidence:
    """How sure each end is: of the end that a pass needs, and of the one that a fail needs."""

    passing: float
    failing: float


@dataclass(frozen=True)
class Judgement:
    """What one metric came to on one slice.

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
    clusters_needed: int | None
    reason: str


def estimate(value: float, sums: Floats, groups: int, *, clustered: bool) -> Estimate:
    """From what passes.spread added up for one level."""
    if clustered:
        return Estimate(value, float((sums**2).sum()), float((sums**4).sum()), groups)
    return Estimate(value, float(sums[0]), float(sums[1]), groups)


def standard_error(of: Estimate, confidence: float) -> float:
    """Of a sum of influence over G independent clusters, with G/(G-1) for the small sample.

    Liang and Zeger 1986 for the sum over clusters; Cameron and Miller 2015 for the factor. A metric
    that counts right answers gets the square of a row's step on top (Agresti and Coull 1998 add
    rows; half of it for a difference, which covers enough), and at least what makes the interval as
    wide as the exact binomial one of a share of 0 or 1 (the "rule of three"). Where all clusters
    agree, that is asked of every metric, with a whole cluster's step.
    """
    if of.clusters < MIN_CLUSTERS:
        return math.inf
    variance = of.second * of.clusters / (of.clusters - 1)
    three = math.log(1 / (1 - confidence)) / NormalDist().inv_cdf(confidence)
    if of.added:
        variance = max(variance + of.added * of.step**2, (three * of.step) ** 2)
    if of.step and of.is_flat:
        variance = max(variance, (three * of.step * max(of.rows, 1) / of.clusters) ** 2)
    return math.sqrt(variance)


def degrees_of_freedom(of: Estimate) -> float:
    """Of the estimated variance: clusters - 1, and fewer where few clusters carry most of it.

    By the fourth moment of the clusters' influence, as Satterthwaite 1946 for a sum of squares:
    2 (sum s²)² / (sum s⁴ - (sum s²)²/G) (see Pan and Wall 2002 for clusters).
    """
    most = float(of.clusters - 1)
    excess = of.fourth - of.second**2 / max(of.clusters, 1)
    if of.second == 0 or excess <= 0:
        return most
    return min(most, 2 * of.second**2 / excess)


def ends(of: Estimate, confidence: float) -> tuple[float, float]:
    """Lower and upper end; each alone holds at the confidence, and neither is out of range."""
    error = standard_error(of, confidence)
    degrees = degrees_of_freedom(of)
    if not math.isfinite(error) or degrees < 1:
        return -math.inf, math.inf
    half = student_quantile(confidence, degrees) * error + of.slack
    least, most = of.within
    return min(max(of.middle - half, least), most), max(min(of.middle + half, most), least)


def judge(
    bound: Bound,
    own: Estimate | None,
    harm: Estimate | None,
    candidate: float,
    baseline: float | None,
    rows: int,
    confidence: Confidence,
) -> Judgement | None:
    """Hold one metric to its bound; None when only a baseline could judge it and there is none.

    own, harm: the estimates that the bound asks for.
    """
    parts: list[_Part] = []
    if own is not None and bound.min is not None:
        # A value below its minimum is harm of `min - value`; so one rule serves all bounds.
        lower, upper = _both(own.mirrored, confidence)
        said = _value_in_words(own.value, (-upper, -lower), f"minimum {bound.min:g}")
        parts.append(_Part(own.mirrored, -bound.min, (lower, upper), (-upper, -lower), said))
    if own is not None and bound.max is not None:
        both = _both(own, confidence)
        said = _value_in_words(own.value, both, f"maximum {bound.max:g}")
        parts.append(_Part(own, bound.max, both, both, said))
    if harm is not None and bound.max_regression is not None:
        both = _both(harm, confidence)
        said = _harm_in_words(harm.value, both, bound.max_regression)
        parts.append(_Part(harm, bound.max_regression, both, both, said))
    if not parts:
        return None
    verdict = worst(part.verdict for part in parts)
    deciding = next(part for part in parts if part.verdict is verdict)
    of, reason = deciding.of, deciding.reason
    if of.clusters < MIN_CLUSTERS:
        reason += f"; {of.clusters} clusters decide nothing, it takes {MIN_CLUSTERS}"
    inconclusive = verdict is Verdict.INCONCLUSIVE
    factor = _growth(of, deciding.limit, confidence) if inconclusive else None
    shown = parts[-1].shown if harm is not None else deciding.shown
    return Judgement(
        candidate=candidate,
        baseline=baseline,
        harm=None if harm is None else harm.value,
        lower=shown[0],
        upper=shown[1],
        verdict=verdict,
        rows_needed=None if factor is None else math.ceil(rows * factor),
        clusters_needed=None if factor is None else math.ceil(of.clusters * factor),
        reason=reason,
    )


def _both(of: Estimate, confidence: Confidence) -> tuple[float, float]:
    """The end that a fail of a maximum needs, below; the one that its pass needs, above."""
    return ends(of, confidence.failing)[0], ends(of, confidence.passing)[1]


@dataclass(frozen=True)
class _Part:
    """An estimate held to one limit from above. shown: its ends as people are told them."""

    of: Estimate
    limit: float
    ends: tuple[float, float]
    shown: tuple[float, float]
    reason: str

    @property
    def verdict(self) -> Verdict:
        """The design's rule: pass where the upper end is at most the limit, fail where the lower
        end is above it.
        """
        lower, upper = self.ends
        if upper <= self.limit:
            return Verdict.PASS
        return Verdict.FAIL if lower > self.limit else Verdict.INCONCLUSIVE


def _growth(of: Estimate, limit: float, confidence: Confidence) -> float | None:
    """By which factor the set must grow to be decided; None when nothing says so.

    The estimate that is left inconclusive is a noisy one: it may stand on either side of the
    limit, and the truth nearer to it. So the distance counted on is that of the estimate from the
    limit, and the power aimed at is high.
    """
    side = confidence.failing if of.middle > limit else confidence.passing
    error = standard_error(of, side)
    distance = abs(of.middle - limit) - of.slack
    if distance <= 0 or not math.isfinite(error) or error == 0:
        return None
    degrees = max(degrees_of_freedom(of), 1)
    needed = student_quantile(side, degrees) + NormalDist().inv_cdf(POWER)
    ratio = needed * error / distance
    return max(ratio**2, 1.0) if ratio < 3e4 else None


def growth_for_equals(of: Estimate, margin: float, confidence: Confidence) -> float:
    """By which factor the set must grow for a harm of 0 to pass, and one of 2 margins to fail.

    With probability POWER; infinite for a margin of 0.
    """
    side = max(confidence.passing, confidence.failing)
    error = standard_error(of, side)
    if error == 0:
        return 0.0
    if margin <= of.slack or not math.isfinite(error):
        return math.inf
    needed = student_quantile(side, max(degrees_of_freedom(of), 1)) + NormalDist().inv_cdf(POWER)
    return (needed * error / (margin - of.slack)) ** 2


def _value_in_words(value: float, ends: tuple[float, float], limit: str) -> str:
    return f"{value:.4g} (between {ends[0]:.4g} and {ends[1]:.4g}), {limit}"


def _harm_in_words(harm: float, ends: tuple[float, float], tolerated: float) -> str:
    word = "worse" if harm > 0 else "better" if harm < 0 else "changed"
    return (
        f"{word} by {abs(harm):.4g} (harm between {ends[0]:.4g} and {ends[1]:.4g}), "
        f"tolerated {tolerated:g}"
    )


def student_quantile(probability: float, degrees: float) -> float:
    """Quantile of Student's t for 1 degree of freedom or more.

    Newton's method on the distribution function, from the expansion of Abramowitz and Stegun
    26.7.5.
    """
    z = NormalDist().inv_cdf(probability)
    t = z + (z**3 + z) / (4 * degrees)
    if degrees > 1e5:  # the next term is of the order of 1e-10
        return t
    log_scale = math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2)
    scale = math.exp(log_scale) / math.sqrt(math.pi)
    for _ in range(60):
        slope = scale / math.sqrt(degrees) * (1 + t * t / degrees) ** (-(degrees + 1) / 2)
        tail = _upper_tail(math.atan(t / math.sqrt(degrees)), degrees, scale)
        step = (1 - probability - tail) / slope
        # From below the quantile a step can overshoot far into a heavy tail.
        t -= max(-1 - abs(t), min(step, 1 + abs(t)))
        if abs(step) < 1e-10 * (1 + abs(t)):
            break
    return t


def _upper_tail(angle: float, degrees: float, scale: float) -> float:
    """The probability above t = √ν tan(angle): scale times the integral of cos(φ)^(ν-1) from there.

    By Gauss and Legendre, in a variable in which the integrand is smooth. Where ν is small that is
    not φ, since the power has no derivative at π/2, but w = (π/2 - φ)^ν.
    """
    if degrees > 1.9:
        powers: Floats = np.cos(angle / 2 * (_NODES + 1)) ** (degrees - 1)
        return 0.5 - scale * angle / 2 * float(_WEIGHTS @ powers)
    half = (math.pi / 2 - angle) ** degrees / 2
    angles: Floats = (half * (_NODES + 1)) ** (1 / degrees)
    powers = np.sinc(angles / math.pi) ** (degrees - 1)
    tail: float = scale * half / degrees * float(_WEIGHTS @ powers)
    return tail


_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(80)
