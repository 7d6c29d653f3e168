"""PSI, KS and chi-squared against scipy and plain numpy; their bounds in simulations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from tidegate.data.drift.judging import Part, rows_for, tolerated_distance
from tidegate.data.drift.measures import Distance, Psi, Risks, chi_squared
from tidegate.data.drift.sizes import Sizes
from tidegate.data.drift.sketches import Floats, Ints, Numbers
from tidegate.verdict import Verdict

UNHURRIED = settings(deadline=None)
COUNTS = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=2, max_size=12)
RISKS = Risks.of(0.99, 20)


def numbers(values: Floats, limit: int = 1 << 16) -> Numbers:
    import polars as pl

    return Numbers.of(pl.Series(values, dtype=pl.Float64), limit=limit)


def two(table: list[tuple[int, int]]) -> tuple[Ints, Ints]:
    both = np.array(table).T
    assume(both.sum(axis=1).all())
    return both[0], both[1]


@UNHURRIED
@given(COUNTS)
def test_psi__is_the_formula_of_shares_that_are_never_nothing(
    table: list[tuple[int, int]],
) -> None:
    current, reference = two(table)
    p = np.maximum((current + 0.5) / (current + 0.5).sum(), 0.001)
    q = np.maximum((reference + 0.5) / (reference + 0.5).sum(), 0.001)
    expected = sum((a - b) * math.log(a / b) for a, b in zip(p, q, strict=True))
    psi = Psi.of(current, reference)
    assert psi.value == pytest.approx(expected, abs=1e-12)
    assert psi.value == pytest.approx(Psi.of(reference, current).value, abs=1e-12)


@UNHURRIED
@given(COUNTS)
def test_psi__bounds_enclose_it_and_widen_with_the_risk(table: list[tuple[int, int]]) -> None:
    psi = Psi.of(*two(table))
    assert 0 <= psi.lower(1e-4) <= psi.lower(0.05) <= psi.value + 1e-12
    assert psi.value <= psi.upper(0.05) <= psi.upper(1e-4)


@UNHURRIED
@given(st.lists(st.integers(0, 1000), min_size=1, max_size=12), st.integers(1, 50))
def test_psi__same_shares_never_fail(counts: list[int], times: int) -> None:
    assume(sum(counts))
    current = np.array(counts)
    psi = Psi.of(current, current * times)
    assert Part(psi, 0.2, RISKS).verdict is not Verdict.FAIL
    assert Part(Psi.of(current, current), 1e-9, RISKS).lower == 0


@UNHURRIED
@given(st.integers(0, 10**6), st.integers(9, 400), st.integers(9, 400), st.integers(0, 3))
def test_distance__is_scipys(seed: int, rows: int, reference_rows: int, digits: int) -> None:
    rng = np.random.default_rng(seed)
    now = rng.normal(size=rows).round(digits)
    before = rng.normal(0.3, 1, reference_rows).round(digits)
    found = Sizes.of(numbers(now), numbers(before)).distance()
    assert found.least == found.most
    expected = stats.ks_2samp(now, before, method="asymp").statistic
    assert found.value == pytest.approx(expected, abs=1e-12)


@UNHURRIED
@given(st.integers(0, 10**6), st.sampled_from([4, 8, 32, 128]))
def test_distance__of_coarse_buckets_encloses_scipys(seed: int, limit: int) -> None:
    rng = np.random.default_rng(seed)
    now, before = rng.normal(size=300), rng.normal(rng.normal(), 1, 200)
    found = Sizes.of(numbers(now, limit), numbers(before, limit)).distance()
    exact = float(stats.ks_2samp(now, before, method="asymp").statistic)
    assert found.least - 1e-12 <= exact <= found.most + 1e-12


def test_distance__what_is_missing_stands_below_all_numbers() -> None:
    now = np.array([np.nan, np.nan, -np.inf, 1.0])
    before = np.array([np.nan, 2.0, 1.0, np.inf])
    order = [0.0, 0.0, 1.0, 2.0], [0.0, 3.0, 2.0, 4.0]
    expected = stats.ks_2samp(*order, method="asymp").statistic
    assert Sizes.of(numbers(now), numbers(before)).distance().value == expected


@UNHURRIED
@given(COUNTS)
def test_chi_squared__is_scipys(table: list[tuple[int, int]]) -> None:
    current, reference = two(table)
    both = np.stack([current, reference])
    held = both[:, both.sum(axis=0) > 0]
    assume(held.shape[1] > 1)
    expected = stats.chi2_contingency(held, correction=False)
    statistic, p_value, v = chi_squared(current, reference)
    assert statistic == pytest.approx(expected.statistic, rel=1e-9, abs=1e-9)
    assert p_value == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-12)
    cramer = stats.contingency.association(held, method="cramer")
    assert v == pytest.approx(cramer, rel=1e-9, abs=1e-9)


def test_chi_squared__one_level_tells_nothing() -> None:
    assert chi_squared(np.array([5, 0]), np.array([9, 0])) == (0.0, 1.0, 0.0)


# Simulations. The truth stands on the limit itself, where an error is most likely.
REPEATS = 250


def mixed(p: Floats, q: Floats, psi: float) -> Floats:
    """A mixture of p and q whose PSI from q is as asked."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        r = np.maximum(q + (p - q) * middle, 0.001)
        least = np.maximum(q, 0.001)
        above = ((r - least) * np.log(r / least)).sum() > psi
        low, high = (low, middle) if above else (middle, high)
    return q + (p - q) * low


NORMAL = np.diff(stats.norm.cdf([-np.inf, *(stats.norm.ppf(np.arange(1, 10) / 10) - 1.2), np.inf]))
TENTHS = np.full(10, 0.1)
SHAPES: dict[str, tuple[Floats, Floats]] = {
    "a shift": (NORMAL, TENTHS),
    "one bin grows": (np.array([0.9, *[0.1 / 9] * 9]), TENTHS),
    "two values": (np.array([0.95, 0.05]), np.array([0.5, 0.5])),
    "a rare value": (np.array([0.6, 0.4]), np.array([0.95, 0.05])),
    "a new value": (TENTHS, np.array([1e-5, *[(1 - 1e-5) / 9] * 9])),
    "a value of one row": (TENTHS, np.array([0.002, *[0.998 / 9] * 9])),
}
# By what factor a pass may be wrong oftener than asked; docs/data-drift.md has these.
ALLOWED = {"a new value": 2.0, "a value of one row": 5.0}


def at_most(seen: float, promised: float, times: int) -> bool:
    """Within four standard deviations of a binomial share."""
    return seen <= promised + 4 * math.sqrt(promised * (1 - promised) / times)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("rows", "reference_rows"), [(500, 500), (10**6, 1_000)])
def test_psi__bounds_miss_a_truth_on_the_limit_as_often_as_they_may(
    shape: str, rows: int, reference_rows: int
) -> None:
    risk, limit = 0.02, 0.2
    p, q = SHAPES[shape]
    p = mixed(p, q, limit)
    rng = np.random.default_rng(7)
    now, before = (
        rng.multinomial(rows, p, REPEATS),
        rng.multinomial(reference_rows, q, REPEATS),
    )
    wrong_fail = wrong_pass = 0
    for current, reference in zip(now, before, strict=True):
        part = Part(Psi.of(current, reference), limit, Risks(risk, risk))
        wrong_fail += part.verdict is Verdict.FAIL
        wrong_pass += part.verdict is Verdict.PASS
    assert at_most(wrong_fail / REPEATS, risk, REPEATS)
    assert at_most(wrong_pass / REPEATS, ALLOWED.get(shape, 1.3) * risk, REPEATS)
    assert wrong_fail or wrong_pass or shape in ALLOWED  # they are no wider than that


def test_distance__bounds_miss_a_truth_on_the_limit_no_oftener_than_they_may() -> None:
    limit = tolerated_distance(0.2)
    shift = 2 * stats.norm.ppf(0.5 + limit / 2)
    rng = np.random.default_rng(3)
    wrong = {Verdict.FAIL: 0, Verdict.PASS: 0, Verdict.INCONCLUSIVE: 0}
    for _ in range(500):
        sizes = Sizes.of(numbers(rng.normal(shift, 1, 300)), numbers(rng.normal(size=300)))
        wrong[Part(sizes.distance(), limit, Risks(0.05, 0.05)).verdict] += 1
    assert at_most(wrong[Verdict.FAIL] / 500, 0.05, 500)
    assert at_most(wrong[Verdict.PASS] / 500, 0.05, 500)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("psi", [0.0, 0.5])
def test_psi__decided_on_the_rows_advised(shape: str, psi: float) -> None:
    """As often as rows_needed aims at, less the noise of the first look."""
    p, q = SHAPES[shape]
    p = mixed(p, q, psi) if psi else q
    rng = np.random.default_rng(11)
    first = advised = decided = right = 0
    while advised < 80 and first < 1_000:
        first += 1
        part = Part(Psi.of(rng.multinomial(100, p), rng.multinomial(100, q)), 0.2, RISKS)
        if part.verdict is not Verdict.INCONCLUSIVE:
            continue
        needed = rows_for([part.spread_needed()], np.array([100, 100]))
        if needed is None or needed[0] > 10**7:
            continue
        advised += 1
        again = Psi.of(rng.multinomial(needed[0], p), rng.multinomial(needed[1], q))
        verdict = Part(again, 0.2, RISKS).verdict
        decided += verdict is not Verdict.INCONCLUSIVE
        right += verdict is (Verdict.FAIL if psi else Verdict.PASS)
    assert advised >= 60
    assert right == decided
    assert decided / advised > (0.5 if shape in ALLOWED else 0.7)


def test_rows_for__one_side_alone_where_it_suffices() -> None:
    assert rows_for([0.01], np.array([50, 10_000])) == (102, 10_000)
    assert rows_for([0.01], np.array([10_000, 50])) == (10_000, 102)
    assert rows_for([0.01], np.array([50, 60])) == (200, 200)
    assert rows_for([0.01, 0.001], np.array([50, 60])) == (2000, 2000)
    assert rows_for([0.01, None], np.array([50, 60])) is None


def test_risks__fails_are_divided_and_passes_are_not() -> None:
    risks = Risks.of(0.99, 10)
    assert risks.passing == pytest.approx(0.01)
    assert (1 - risks.failing) ** 10 == pytest.approx(0.99)


@UNHURRIED
@given(st.floats(0.01, 3), st.integers(2, 10), st.integers(0, 10**6))
def test_tolerated_distance__none_beyond_it_within_the_tolerated_psi(
    max_psi: float, bins: int, seed: int
) -> None:
    """Pinsker's inequality, on any two distributions."""
    rng = np.random.default_rng(seed)
    p, q = rng.dirichlet(np.full(bins, 0.7), size=2) + 1e-9
    p, q = p / p.sum(), q / q.sum()
    distance = np.abs(np.cumsum(p - q)).max()
    if distance > tolerated_distance(max_psi):
        assert ((p - q) * np.log(p / q)).sum() > max_psi


def test_distance__names_what_is_judged() -> None:
    assert Distance(0.1, 0.1, 0.01).name == "ks-distance"
