"""How far two samples of a column lie apart, with bounds: PSI and the Kolmogorov-Smirnov distance.

Both bounds are one-sided: `lower` is above the truth with a chance of at most the risk given,
`upper` below it likewise. `spread` is 1/rows + 1/reference rows throughout.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, Protocol

import numpy as np

from tidegate.data.drift.distributions import (
    chi_squared_above,
    chi_squared_median,
    noncentral_below,
    noncentral_quantile,
)
from tidegate.data.drift.sketches import Floats, Ints

# The rows advised give a decision with this probability, were the present estimate the truth.
POWER = 0.95
_ROUNDS = 40  # of bisection
_FARTHEST = 1e-9  # no more than 2 / this, two billion rows, are advised
# A rarer level is taken to be so frequent: one that was not there at all would make PSI infinite,
# and no sample can tell "not at all" from "hardly ever".
RAREST = 1e-3
MeasureName = Literal["psi", "ks-distance", "roc-auc"]


@dataclass(frozen=True)
class Risks:
    """Chances of an error: of a pass that should not be, and of a fail that should not be."""

    passing: float
    failing: float

    @classmethod
    def of(cls, confidence: float, tests: int) -> Risks:
        """For so many tests together.

        One fail is enough to warn or block, so the risk of a fail is divided after Šidák 1967. A
        dataset passes only where all its columns do, and then a pass needs no division (Berger
        1982).
        """
        return cls(1 - confidence, -math.expm1(math.log(confidence) / max(1, tests)))


class Measure(Protocol):
    """An effect as it is judged."""

    @property
    def name(self) -> MeasureName: ...
    @property
    def value(self) -> float: ...
    def lower(self, risk: float) -> float: ...
    def upper(self, risk: float) -> float: ...
    def spread_needed(self, limit: float, risks: Risks) -> float | None:
        """The spread at which it would be decided whether the effect is above the limit.

        None where the estimate stands so near the limit that nobody can say.
        """
        ...


@dataclass(frozen=True)
class Psi:
    """The population stability index, Σ (p - q) ln(p / q) over levels.

    Over its scale it is about noncentral chi-squared with the levels' degrees of freedom: without
    drift this is the chi-squared of Yurdakul 2018, with a mean of (levels - 1) · spread; with drift
    the scale is what gives it the variance of the delta method.
    """

    value: float
    scale: float
    freedom: int
    spread: float
    name: MeasureName = "psi"

    @classmethod
    def of(cls, current: Ints, reference: Ints) -> Psi:
        """From rows by level. A single level leaves room for one that was not seen."""
        spread = 1 / float(current.sum()) + 1 / float(reference.sum())
        freedom = max(1, current.size - 1)
        p, q = shares(current), shares(reference)
        logs = np.log(p / q)
        value = float(((p - q) * logs).sum())
        variance = _variance(p, logs + 1 - q / p) / float(current.sum())
        variance += _variance(q, -logs + 1 - p / q) / float(reference.sum())
        scale = max(spread, variance / (4 * value)) if value > 1e-12 else spread
        return cls(value, scale, freedom, spread)

    def lower(self, risk: float) -> float:
        seen = self.value / self.scale

        def too_large(centre: float) -> bool:
            return 1 - noncentral_below(seen, self.freedom, centre) > risk

        # The complement of a chance near 1 is too coarse for a tail: asked of the central one.
        if chi_squared_above(seen, self.freedom) > risk:
            return 0.0
        return self.scale * _least(too_large, 0.0, seen)

    def upper(self, risk: float) -> float:
        # Two samples that agree more than samples do prove no more than samples can.
        seen = max(self.value / self.scale, chi_squared_median(self.freedom))
        centre = _first(lambda at: noncentral_below(seen, self.freedom, at) <= risk, seen)
        # The estimate holds what chance adds; a bound below it would only puzzle.
        return max(self.value, self.scale * centre)

    def spread_needed(self, limit: float, risks: Risks) -> float | None:
        likely = max(0.0, self.value - self.scale * self.freedom)  # less what is bias

        def decides(scale: float) -> bool:
            if likely < limit:
                seen = noncentral_quantile(POWER, self.freedom, likely / scale)
                return Psi(seen * scale, scale, self.freedom, scale).passes(limit, risks)
            seen = noncentral_quantile(1 - POWER, self.freedom, likely / scale)
            return 1 - noncentral_below(seen, self.freedom, limit / scale) <= risks.failing

        scale = _most(decides, self.scale)
        return None if scale is None else scale * self.spread / self.scale

    def passes(self, limit: float, risks: Risks) -> bool:
        seen = max(self.value / self.scale, chi_squared_median(self.freedom))
        surely = noncentral_below(seen, self.freedom, limit / self.scale) <= risks.passing
        return surely and self.value <= limit


@dataclass(frozen=True)
class Distance:
    """The Kolmogorov-Smirnov distance: the largest difference in the share of rows below a value.

    least, most: where values share buckets it is between the two.
    """

    least: float
    most: float
    spread: float
    name: MeasureName = "ks-distance"

    @property
    def value(self) -> float:
        return self.least

    def lower(self, risk: float) -> float:
        """By the inequality of Dvoretzky, Kiefer and Wolfowitz, with Massart's constant (1990)."""
        return max(0.0, self.least - math.sqrt(math.log(2 / risk) / 2 * self.spread))

    def upper(self, risk: float) -> float:
        """By Hoeffding's inequality at the place of the true distance: what is seen is no less."""
        return min(1.0, self.most + math.sqrt(math.log(1 / risk) / 2 * self.spread))

    def spread_needed(self, limit: float, risks: Risks) -> float | None:
        # Without drift the square of the distance is π²/12 · spread on average.
        likely = math.sqrt(max(0.0, self.least**2 - math.pi**2 / 12 * self.spread))
        reach = math.log(1 / risks.passing if likely < limit else 2 / risks.failing) / 2
        noise = NormalDist().inv_cdf(POWER) / 2
        spread = ((limit - likely) / (math.sqrt(reach) + noise)) ** 2
        return None if spread < _FARTHEST else min(spread, self.spread)


def shares(counts: Ints) -> Floats:
    """Of each level, RAREST at least, with half a row more: of few rows none is left empty."""
    held: Floats = counts.astype(np.float64) + 0.5
    return np.maximum(held / float(held.sum()), RAREST)


def chi_squared(current: Ints, reference: Ints) -> tuple[float, float, float]:
    """(statistic, p-value, Cramér's V) of Pearson's test that both have the same shares."""
    table = np.stack([current, reference]).astype(np.float64)
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2:
        return 0.0, 1.0, 0.0
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return (
        statistic,
        chi_squared_above(statistic, table.shape[1] - 1),
        math.sqrt(statistic / table.sum()),
    )


def _variance(shares: Floats, influence: Floats) -> float:
    """Of the influence of one row."""
    mean = float(shares @ influence)
    return float(shares @ (influence - mean) ** 2)


def _first(holds: Callable[[float], bool], start: float) -> float:
    """The least number from which on a condition holds."""
    low, high = 0.0, start + 10.0
    while not holds(high):
        low, high = high, 2 * high
    for _ in range(_ROUNDS):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _least(holds: Callable[[float], bool], low: float, high: float) -> float:
    """The same, rounded down, of a condition that holds at `high`."""
    for _ in range(_ROUNDS):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return low


def _most(decides: Callable[[float], bool], now: float) -> float | None:
    """The largest scale, at most the present one, that would decide."""
    if decides(now):
        return now
    low, high = math.log(_FARTHEST), math.log(now)
    if low >= high or not decides(math.exp(low)):
        return None
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if decides(math.exp(middle)) else (low, middle)
    return math.exp(low)
