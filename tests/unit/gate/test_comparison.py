from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tidegate.config import Bound
from tidegate.gate.comparison import Judgement, interval, judge, student_quantile
from tidegate.gate.metrics import METRICS, Estimate, Floats
from tidegate.verdict import Verdict

NO_WORSE = Bound.model_validate({"max-regression": 0.0})


def models(
    n: int, seed: int, damage: float = 0.0, share: float = 0.3
) -> tuple[Floats, Floats, Floats]:
    """(label, candidate score, baseline score): two noisy views of one signal."""
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=n)
    label = (rng.random(n) < 1 / (1 + np.exp(-(signal + np.log(share / (1 - share)))))).astype(
        float
    )
    noise = 0.8 + damage
    candidate = signal + noise * rng.normal(size=n)
    baseline = signal + 0.8 * rng.normal(size=n)
    return label, 1 / (1 + np.exp(-candidate)), 1 / (1 + np.exp(-baseline))


def compare(name: str, bound: Bound, label: Floats, new: Floats, old: Floats) -> Judgement:
    if METRICS[name].threshold:
        new, old = (new >= 0.5).astype(float), (old >= 0.5).astype(float)
    judged = judge(METRICS[name], bound, (label, new), (label, old), None, 0.95)
    assert judged is not None
    return judged


@pytest.mark.parametrize("degrees", [4, 5, 10, 30, 1000])
@pytest.mark.parametrize("probability", [0.9, 0.95, 0.99])
def test_student_quantile__agrees_with_scipy(degrees: int, probability: float) -> None:
    expected = stats.t.ppf(probability, degrees)
    assert student_quantile(probability, degrees) == pytest.approx(expected, rel=0.012)


def test_interval__mean_agrees_with_the_t_interval_of_scipy() -> None:
    values = np.random.default_rng(0).normal(size=50)
    ours = interval(Estimate(float(values.mean()), values - values.mean()), None, 0.95)
    theirs = stats.ttest_1samp(values, 0).confidence_interval(0.90)
    assert (ours.lower, ours.upper) == pytest.approx((theirs.low, theirs.high), rel=1e-3)


def test_interval__rows_repeated_in_clusters_are_no_more_evidence() -> None:
    values = np.random.default_rng(0).normal(size=40)
    once = interval(Estimate(0.0, values - values.mean()), None, 0.95)
    repeated = np.repeat(values - values.mean(), 25)
    clusters = np.repeat(np.arange(40), 25)
    assert interval(Estimate(0.0, repeated), clusters, 0.95).upper == pytest.approx(once.upper)
    assert interval(Estimate(0.0, repeated), None, 0.95).upper < once.upper / 4


def test_interval__fewer_than_five_clusters_decide_nothing() -> None:
    values = np.array([0.1, -0.1, 0.2, -0.2])
    assert interval(Estimate(0.0, values), None, 0.95).upper == np.inf


@pytest.mark.parametrize("name", ["accuracy", "roc-auc", "pr-auc", "log-loss", "brier-score", "f1"])
def test_judge__interval_of_the_harm_covers_the_truth(name: str) -> None:
    """One-sided 95 % ends on 400 fresh pairs of equal models: the true harm is 0."""
    above = below = 0
    for seed in range(400):
        label, new, old = models(800, 1000 + seed)
        judged = compare(name, NO_WORSE, label, new, old)
        above += judged.lower > 0
        below += judged.upper < 0
    # 5 % of 400 is 20; its binomial spread at three standard deviations is 13.
    assert above <= 33
    assert below <= 33


def test_judge__identical_predictions_pass_with_a_margin_of_zero() -> None:
    label, new, _ = models(500, 1)
    judged = compare("roc-auc", NO_WORSE, label, new, new)
    assert (judged.verdict, judged.harm) == (Verdict.PASS, 0.0)


@pytest.mark.parametrize("name", ["roc-auc", "log-loss", "accuracy", "brier-score"])
def test_judge__clear_harm_fails_and_clear_gain_passes(name: str) -> None:
    label, worse, old = models(20_000, 2, damage=2.0)
    bound = Bound.model_validate({"max-regression": 0.005})
    assert compare(name, bound, label, worse, old).verdict is Verdict.FAIL
    assert compare(name, bound, label, old, worse).verdict is Verdict.PASS


def test_judge__too_few_rows_are_inconclusive_and_say_how_many_settle_it() -> None:
    label, new, old = models(200, 3)
    judged = compare("roc-auc", Bound.model_validate({"max-regression": 0.005}), label, new, old)
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert judged.rows_needed is not None
    assert judged.rows_needed > 200


def test_judge__worst_of_several_bounds_decides_and_is_named() -> None:
    label, new, old = models(5_000, 4)
    bound = Bound.model_validate({"min": 0.99, "max-regression": 0.2})
    judged = compare("roc-auc", bound, label, new, old)
    assert judged.verdict is Verdict.FAIL
    assert "minimum 0.99" in judged.reason


@pytest.mark.parametrize(
    ("bound", "verdict"),
    [
        ({"min": 0.5}, Verdict.PASS),
        ({"min": 0.95}, Verdict.FAIL),
        ({"max": 0.95}, Verdict.PASS),
        ({"max": 0.5}, Verdict.FAIL),
    ],
)
def test_judge__absolute_bounds_need_no_baseline(bound: dict[str, float], verdict: Verdict) -> None:
    label, new, _ = models(5_000, 5)
    judged = judge(METRICS["roc-auc"], Bound.model_validate(bound), (label, new), None, None, 0.95)
    assert judged is not None
    assert judged.verdict is verdict


def test_judge__regression_alone_without_a_baseline_is_not_judged() -> None:
    label, new, _ = models(500, 6)
    assert judge(METRICS["roc-auc"], NO_WORSE, (label, new), None, None, 0.95) is None
