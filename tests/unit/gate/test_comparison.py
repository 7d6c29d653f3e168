"""The interval of one estimate, and the verdict by its ends."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from evaluation_sets import ANYTHING, DRAWS, judged, make_config
from tidegate.config import METRICS as METRIC_NAMES
from tidegate.config import Bound
from tidegate.gate.statistics.comparison import (
    MIN_CLUSTERS,
    Confidence,
    Estimate,
    Judgement,
    degrees_of_freedom,
    ends,
    growth_for_equals,
    judge,
    standard_error,
    student_quantile,
)
from tidegate.gate.statistics.metrics import METRICS
from tidegate.verdict import Verdict

SURE = Confidence(0.95, 0.95)
NO_WORSE = Bound.model_validate({"max-regression": 0.0})


def of_normal(value: float, error: float, clusters: int = 1_000, **rest: float) -> Estimate:
    """An estimate whose clusters have normal influence and this standard error."""
    second = error**2 * (clusters - 1) / clusters
    return Estimate(value, second, 3 * second**2 / clusters, clusters, **rest)


def bound_of(**limits: float) -> Bound:
    return Bound.model_validate({name.replace("_", "-"): limit for name, limit in limits.items()})


def verdict_of(limits: dict[str, float], own: Estimate | None, harm: Estimate | None,
               confidence: Confidence = SURE, rows: int = 1_000) -> Judgement:  # fmt: skip
    found = judge(bound_of(**limits), own, harm, own.value if own else 0.0, 0.0, rows, confidence)
    assert found is not None
    return found


@settings(max_examples=200, deadline=None)
@given(
    degrees=st.one_of(st.floats(1, 40), st.floats(0, 6).map(lambda power: 10**power)),
    probability=st.one_of(st.floats(0.5, 0.99995), st.sampled_from([0.9, 0.95, 0.975, 0.99])),
)
def test_student_quantile__agrees_with_scipy(degrees: float, probability: float) -> None:
    expected = float(stats.t.ppf(probability, degrees))
    assert student_quantile(probability, degrees) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_ends__of_a_mean_are_those_of_the_t_test() -> None:
    values = np.random.default_rng(0).uniform(size=50)
    influence = (values - values.mean()) / values.size
    # Without its fourth moment: n - 1 degrees of freedom, as the t-test takes them.
    mean = Estimate(float(values.mean()), float((influence**2).sum()), 0.0, values.size)
    theirs = stats.ttest_1samp(values, 0).confidence_interval(0.90)
    assert ends(mean, 0.95) == pytest.approx((theirs.low, theirs.high), rel=1e-9)


@pytest.mark.parametrize("clusters", range(2, MIN_CLUSTERS))
@pytest.mark.parametrize("value", [-1e6, 0.0, 1e6])
def test_judge__fewer_than_five_clusters_decide_nothing(clusters: int, value: float) -> None:
    for second in (0.0, 1e-30, 1.0):
        few = Estimate(value, second, second**2, clusters)
        assert ends(few, 0.95) == (-math.inf, math.inf)
        found = verdict_of({"max_regression": 0.1}, None, few)
        assert found.verdict is Verdict.INCONCLUSIVE
        assert found.rows_needed is None
        assert growth_for_equals(few, 0.1, SURE) == math.inf


def test_degrees_of_freedom__are_those_of_the_clusters_that_matter() -> None:
    equal = np.array([1.0, -1.0] * 20)
    one_rules = np.concatenate([[100.0], equal])
    ten_rule = np.concatenate([[100.0, -100.0] * 5, 0.001 * equal])

    def degrees(influence: np.ndarray[Any, np.dtype[np.float64]]) -> float:
        second, fourth = float((influence**2).sum()), float((influence**4).sum())
        return degrees_of_freedom(Estimate(0.0, second, fourth, influence.size))

    assert degrees(equal) == 39
    assert degrees(one_rules) == pytest.approx(2, abs=0.2)
    assert degrees(ten_rule) == pytest.approx(25, abs=5)  # 2 / (1/10 - 1/50)
    assert degrees(np.zeros(7)) == 6


@pytest.mark.parametrize("positives", [20, 50, 200, 1_000])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_ends__recall_of_one_is_no_surer_than_the_exact_binomial_interval(
    positives: int, confidence: float
) -> None:
    """The rule of three: all of n found leaves a chance of (1 - confidence)^(1/n) apiece."""
    n = 10 * positives
    table = pl.DataFrame({"id": range(n), "label": np.arange(n) % 10 == 0})
    table = table.with_columns(score=pl.col("label").cast(pl.Float64))
    (found,) = judged(make_config("binary", {"recall": ANYTHING}), table)
    assert found.own is not None
    exact = stats.beta.ppf(1 - confidence, positives, 1)  # Clopper and Pearson's lower end
    lower = ends(found.own, confidence)[0]
    assert 1 - exact <= 1 - lower <= 1.2 * (1 - exact)


@pytest.mark.parametrize("metric", ["accuracy", "balanced-accuracy", "precision", "recall", "f1",
                                    "roc-auc", "pr-auc"])  # fmt: skip
def test_ends__a_perfect_value_on_few_rows_has_room_below(metric: str) -> None:
    table = pl.DataFrame({"id": range(40), "label": np.arange(40) % 2})
    table = table.with_columns(score=0.2 + 0.6 * pl.col("label"))
    (found,) = judged(make_config("binary", {metric: {"min": 0.99}}), table)
    assert found.judgement.candidate == 1
    assert found.judgement.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("task", DRAWS)
def test_judge__ends_on_few_rows_are_values_that_the_metric_can_have(task: str) -> None:
    limits = {"min": -1e300, "max": 1e300, "max-regression": 1e300}
    config = make_config(task, dict.fromkeys(METRIC_NAMES[task], limits))
    at_the_end = set()
    for result in judged(config, *DRAWS[task](12, np.random.default_rng(5))):
        metric = METRICS[result.metric.partition("/")[0]]
        for of, within in ((result.own, metric.within), (result.harm, metric.harm_within)):
            assert of is not None
            lower, upper = ends(of, 0.99)
            assert within[0] <= lower <= upper <= within[1], result.metric
            at_the_end |= {lower, upper} & {*within}
    assert at_the_end - {math.inf, -math.inf}, "nothing was drawn back"


VALUES = st.floats(-2, 2).map(lambda value: round(value, 6))
LIMITS = VALUES.map(abs)
ERRORS = st.floats(1e-6, 1)
CONFIDENCES = st.builds(
    Confidence, st.sampled_from([0.6, 0.9, 0.95, 0.99]), st.sampled_from([0.6, 0.95, 0.999])
)
CLUSTERS = st.integers(MIN_CLUSTERS, 10_000)


def oracle_ends(of: Estimate, below: float, above: float, degrees: float) -> tuple[float, float]:
    """Ends by scipy: lower at the confidence `below`, upper at `above`."""
    error = math.sqrt(of.second * of.clusters / (of.clusters - 1))
    return (of.value - stats.t.ppf(below, degrees) * error - of.slack,
            of.value + stats.t.ppf(above, degrees) * error + of.slack)  # fmt: skip


def expected_verdict(lower: float, upper: float, limit: float) -> Verdict:
    assume(abs(upper - limit) > 1e-7 and abs(lower - limit) > 1e-7)
    if upper <= limit:
        return Verdict.PASS
    return Verdict.FAIL if lower > limit else Verdict.INCONCLUSIVE


@settings(deadline=None)
@given(
    value=VALUES, error=ERRORS, limit=LIMITS, clusters=CLUSTERS, confidence=CONFIDENCES,
    slack=st.sampled_from([0.0, 0.01]),
)  # fmt: skip
def test_judge__regression_passes_by_its_upper_end_and_fails_by_its_lower(
    value: float, error: float, limit: float, clusters: int, confidence: Confidence, slack: float
) -> None:
    harm = replace(of_normal(value, error, clusters, slack=slack), fourth=0.0)
    lower, upper = oracle_ends(harm, confidence.failing, confidence.passing, clusters - 1)
    found = verdict_of({"max_regression": limit}, None, harm, confidence)
    assert found.verdict is expected_verdict(lower, upper, limit)
    assert (found.lower, found.upper) == pytest.approx((lower, upper), rel=1e-6, abs=1e-9)
    assert f"tolerated {limit:g}" in found.reason


@settings(deadline=None)
@given(
    value=VALUES, error=ERRORS, limit=VALUES, clusters=CLUSTERS, confidence=CONFIDENCES,
    side=st.sampled_from(["min", "max"]),
)  # fmt: skip
def test_judge__absolute_bound_is_held_to_the_end_that_could_break_it(
    value: float, error: float, limit: float, clusters: int, confidence: Confidence, side: str
) -> None:
    own = replace(of_normal(value, error, clusters), fourth=0.0)
    if side == "max":
        lower, upper = oracle_ends(own, confidence.failing, confidence.passing, clusters - 1)
        expected = expected_verdict(lower, upper, limit)
    else:
        lower, upper = oracle_ends(own, confidence.passing, confidence.failing, clusters - 1)
        expected = expected_verdict(-upper, -lower, -limit)
    found = verdict_of({side: limit}, own, None, confidence)
    assert found.verdict is expected
    assert f"{side}imum {limit:g}" in found.reason


def test_judge__the_ends_that_are_shown_are_those_that_decided_about_a_minimum() -> None:
    """Passing at 95 % takes a lower end above the minimum; the report shows another one."""
    confidence = Confidence(passing=0.95, failing=0.999)
    found = verdict_of({"min": 0.70}, of_normal(0.72, 0.01), None, confidence)
    assert found.verdict is Verdict.PASS
    assert found.lower >= 0.70


@settings(deadline=None)
@given(harm=st.floats(-1, 1), own=st.floats(-1, 1), error=ERRORS)
def test_judge__the_worst_bound_decides_and_is_named(harm: float, own: float, error: float) -> None:
    parts = {"min": -0.5, "max": 0.5, "max_regression": 0.2}
    estimates = of_normal(own, error), of_normal(harm, error)
    alone = {name: verdict_of({name: limit}, *estimates) for name, limit in parts.items()}
    together = verdict_of(parts, *estimates)
    order = [Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL]
    assert together.verdict is max((each.verdict for each in alone.values()), key=order.index)
    assert together.reason in {
        each.reason for each in alone.values() if each.verdict is together.verdict
    }


@settings(deadline=None)
@given(
    value=VALUES, error=ERRORS, limit=LIMITS, clusters=st.integers(30, 10_000),
    confidence=CONFIDENCES, size=st.integers(1, 50),
)  # fmt: skip
def test_judge__rows_needed_are_enough_if_the_estimate_holds(
    value: float, error: float, limit: float, clusters: int, confidence: Confidence, size: int
) -> None:
    rows = clusters * size
    harm = of_normal(value, error, clusters)
    found = verdict_of({"max_regression": limit}, None, harm, confidence, rows)
    if found.verdict is not Verdict.INCONCLUSIVE:
        assert (found.rows_needed, found.clusters_needed) == (None, None)
        return
    if found.rows_needed is None:
        assert abs(value - limit) < 1e-3 * error
        return
    assert found.clusters_needed is not None
    assert found.rows_needed >= rows
    assert found.clusters_needed == pytest.approx(found.rows_needed / size, abs=1)
    factor = found.clusters_needed / clusters
    grown = of_normal(value, error / math.sqrt(factor), found.clusters_needed)
    decided = verdict_of({"max_regression": limit}, None, grown, confidence)
    assert decided.verdict is (Verdict.FAIL if value > limit else Verdict.PASS)


def test_judge__rows_needed_give_the_power_that_is_promised() -> None:
    """Estimates drawn around the present one, on the rows advised: 95 % are decided."""
    rng = np.random.default_rng(0)
    found = verdict_of({"max_regression": 0.01}, None, of_normal(0.0, 0.02), rows=5_000)
    assert found.rows_needed is not None
    error = 0.02 / math.sqrt(found.rows_needed / 5_000)
    clusters = math.ceil(1_000 * found.rows_needed / 5_000)
    verdicts = [
        verdict_of({"max_regression": 0.01}, None, of_normal(value, error, clusters)).verdict
        for value in rng.normal(0.0, error, size=2_000)
    ]
    assert verdicts.count(Verdict.PASS) / 2_000 == pytest.approx(0.95, abs=0.02)


def test_judge__nothing_says_how_many_rows_settle_an_estimate_on_the_bound() -> None:
    found = verdict_of({"max_regression": 0.1}, None, of_normal(0.1, 0.02))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert (found.rows_needed, found.clusters_needed) == (None, None)


def test_judge__an_estimate_next_to_the_bound_is_as_one_on_it() -> None:
    found = verdict_of({"max_regression": 1e-200}, None, of_normal(0.0, 1.0))
    assert (found.verdict, found.rows_needed) == (Verdict.INCONCLUSIVE, None)


@settings(deadline=None)
@given(error=ERRORS, margin=st.floats(1e-3, 1), confidence=CONFIDENCES)
def test_growth_for_equals__decides_about_no_harm_and_about_twice_the_margin(
    error: float, margin: float, confidence: Confidence
) -> None:
    factor = growth_for_equals(of_normal(0.0, error), margin, confidence)
    grown = error / math.sqrt(factor)
    clusters = max(MIN_CLUSTERS, math.ceil(1_000 * factor))
    limit = {"max_regression": margin}
    assume(clusters > 100)
    none, double = (of_normal(value, grown, clusters) for value in (0.0, 2 * margin))
    assert verdict_of(limit, None, none, confidence).verdict is Verdict.PASS
    assert verdict_of(limit, None, double, confidence).verdict is Verdict.FAIL


def test_growth_for_equals__no_set_is_large_enough_for_a_margin_of_zero() -> None:
    assert growth_for_equals(of_normal(0.0, 0.1), 0.0, SURE) == math.inf
    assert growth_for_equals(Estimate(0.0, 0.0, 0.0, 100), 0.0, SURE) == 0.0


def test_judge__identical_predictions_pass_with_a_margin_of_zero() -> None:
    found = judge(NO_WORSE, None, Estimate(0.0, 0.0, 0.0, 500), 0.7, 0.7, 500, SURE)
    assert found is not None
    assert (found.verdict, found.harm) == (Verdict.PASS, 0.0)


def test_judge__regression_alone_without_a_baseline_is_not_judged() -> None:
    assert judge(NO_WORSE, of_normal(0.7, 0.01), None, 0.7, None, 500, SURE) is None
    assert judge(NO_WORSE, None, None, 0.7, None, 500, SURE) is None


def test_standard_error__grows_by_the_factor_of_a_small_sample() -> None:
    assert standard_error(Estimate(0.0, 0.04, 0.0, 5), 0.95) == pytest.approx(0.2 * 1.25**0.5)
