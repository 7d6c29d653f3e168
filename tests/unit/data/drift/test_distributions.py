"""scipy is the oracle of the distribution functions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from tidegate.data.drift.distributions import (
    chi_squared_above,
    chi_squared_median,
    kolmogorov_above,
    noncentral_below,
    noncentral_quantile,
)

UNHURRIED = settings(deadline=None)
FREEDOMS = st.integers(1, 60)
CHANCES = st.floats(1e-5, 1 - 1e-5)


@UNHURRIED
@given(FREEDOMS, st.floats(0.01, 2000))
def test_chi_squared_above__is_scipys(freedom: int, value: float) -> None:
    expected = stats.chi2.sf(value, freedom)
    assert chi_squared_above(value, freedom) == pytest.approx(expected, rel=1e-7, abs=1e-13)


@UNHURRIED
@given(FREEDOMS, st.floats(0, 5000), CHANCES)
def test_noncentral_below__is_scipys(freedom: int, centre: float, chance: float) -> None:
    value = (stats.ncx2(freedom, centre) if centre else stats.chi2(freedom)).ppf(chance)
    found = noncentral_below(float(value), freedom, centre)
    assert found == pytest.approx(chance, rel=1e-4, abs=1e-9)


@UNHURRIED
@given(FREEDOMS, st.floats(1e4, 1e7), CHANCES)
def test_noncentral_below__large_ones_by_an_approximation(
    freedom: int, centre: float, chance: float
) -> None:
    value = float(stats.ncx2(freedom, centre).ppf(chance))
    assert noncentral_below(value, freedom, centre) == pytest.approx(chance, rel=1e-3)


@UNHURRIED
@given(FREEDOMS, st.floats(0, 5000), st.sampled_from([0.05, 0.95]))
def test_noncentral_quantile__chance_within_a_few_percent(
    freedom: int, centre: float, chance: float
) -> None:
    """Its lower tail is asked for where there is drift alone."""
    assume(chance > 0.5 or centre >= 20)
    value = noncentral_quantile(chance, freedom, centre)
    assert noncentral_below(value, freedom, centre) == pytest.approx(chance, abs=0.012)


@UNHURRIED
@given(st.integers(1, 200))
def test_chi_squared_median__is_near(freedom: int) -> None:
    assert stats.chi2.cdf(chi_squared_median(freedom), freedom) == pytest.approx(0.5, abs=0.02)


@UNHURRIED
@given(st.floats(0.001, 1), st.integers(100, 10**6), st.integers(100, 10**6))
def test_kolmogorov_above__is_scipys_within_a_hundredth(
    distance: float, rows: int, reference_rows: int
) -> None:
    effective = rows * reference_rows / (rows + reference_rows)
    expected = stats.kstwo.sf(distance, max(1, round(effective)))
    assert kolmogorov_above(distance, rows, reference_rows) == pytest.approx(expected, abs=0.015)


def test_kolmogorov_above__no_distance_and_the_largest() -> None:
    assert kolmogorov_above(0.0, 100, 100) == 1.0
    assert kolmogorov_above(1.0, 10**6, 10**6) == 0.0
    assert np.isfinite(kolmogorov_above(0.5, 1, 1))
