"""The few distribution functions that drift needs: scipy would cost 100 MB and 0.3 s to import."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

_NORMAL = NormalDist()
_LARGE = 1e4  # from here on a noncentral chi-squared is taken by Sankaran's normal approximation


def chi_squared_above(value: float, freedom: int) -> float:
    """Chance of more than `value`."""
    if value <= 0:
        return 1.0
    return float(_central_above(value, freedom, 1)[0])


def chi_squared_median(freedom: int) -> float:
    """Wilson and Hilferty 1931; within 4 % for one degree of freedom, 1 % for more."""
    return float(freedom * (1 - 2 / (9 * freedom)) ** 3)


def noncentral_below(value: float, freedom: int, centre: float) -> float:
    """Chance that a noncentral chi-squared is at most `value`; centre: its noncentrality.

    A Poisson mixture of central ones; where it is large, by Sankaran 1963.
    """
    if value <= 0:
        return 0.0
    if max(value, centre) > _LARGE:
        power, mean, deviation = _sankaran(freedom, centre)
        return _NORMAL.cdf(((value / (freedom + centre)) ** power - mean) / deviation)
    half = centre / 2
    last = int(half + 12 * math.sqrt(half) + 50)
    weights = np.exp(_log_terms(half, 0.0, last + 1)) if half else np.ones(1)
    return float(weights @ (1 - _central_above(value, freedom, weights.size)))


def noncentral_quantile(probability: float, freedom: int, centre: float) -> float:
    """By Sankaran's approximation, which is good to a few percent of the tail's chance."""
    power, mean, deviation = _sankaran(freedom, centre)
    root = max(0.0, mean + _NORMAL.inv_cdf(probability) * deviation)
    return (freedom + centre) * math.pow(root, 1 / power)


def kolmogorov_above(distance: float, rows: int, reference_rows: int) -> float:
    """Chance, with no difference, of a two-sample distance as large as this (asymptotic).

    With Stephens' correction for few rows (1970). Too large where values are tied.
    """
    root = math.sqrt(rows * reference_rows / (rows + reference_rows))
    scaled = (root + 0.12 + 0.11 / root) * distance
    if scaled < 0.2:
        return 1.0
    terms = [(-1.0) ** (k - 1) * math.exp(-2 * (k * scaled) ** 2) for k in range(1, 101)]
    return min(1.0, max(0.0, 2 * math.fsum(terms)))


def _central_above(value: float, freedom: int, count: int) -> NDArray[np.float64]:
    """Chance of more than `value` for freedom, freedom + 2, ...: `count` of them.

    Q(a + 1, y) = Q(a, y) + y^a e^-y / Γ(a + 1), from Q(1/2, y) = erfc(√y) or Q(0, y) = 0.
    """
    half, odd = value / 2, freedom % 2
    steps = freedom // 2 + count
    terms = np.exp(_log_terms(half, odd / 2, steps))
    start = math.erfc(math.sqrt(half)) if odd else 0.0
    above = np.minimum(start + np.concatenate([[0.0], np.cumsum(terms)]), 1.0)
    wanted: NDArray[np.float64] = above[freedom // 2 : freedom // 2 + count]
    return wanted


def _log_terms(mean: float, first: float, count: int) -> NDArray[np.float64]:
    """log of mean^a e^-mean / Γ(a + 1) for a = first, first + 1, ..."""
    logs = np.full(count, math.log(mean))
    logs[0] = first * math.log(mean) - mean - math.lgamma(first + 1)
    logs[1:] -= np.log(first + np.arange(1, count))
    return np.cumsum(logs)


def _sankaran(freedom: int, centre: float) -> tuple[float, float, float]:
    """(power, mean, deviation) of (x / mean of x)^power, which is nearly normal."""
    whole, twice = freedom + centre, freedom + 2 * centre
    power = 1 - 2 * whole * (freedom + 3 * centre) / (3 * twice**2)
    p = twice / whole**2
    m = (power - 1) * (1 - 3 * power)
    mean = 1 + power * p * (power - 1 - 0.5 * (2 - power) * m * p)
    return power, mean, power * math.sqrt(2 * p) * (1 + 0.5 * m * p)
