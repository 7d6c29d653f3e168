"""The intervals hold what they promise: seeded simulations, each of a second or two.

A one-sided 95 % end may miss in 5 % of the repetitions; `allowed` adds three binomial standard
deviations, so that a correct interval stays below it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.random import Generator
from numpy.typing import NDArray

from tidegate import config
from tidegate.config import Bound
from tidegate.gate.comparison import interval, judge
from tidegate.gate.metrics import METRICS, Estimate, Floats
from tidegate.verdict import Verdict

Rows = tuple[Floats, Floats, Floats]  # label, candidate's output, baseline's output
Draw = Callable[[int, Generator], Rows]


def allowed(repetitions: int, rate: float = 0.05) -> float:
    return repetitions * rate + 3 * math.sqrt(repetitions * rate * (1 - rate))


def binary(share: float, damage: float = 0.0) -> Draw:
    """Two noisy views of one signal, the candidate's noisier by `damage`."""
    shift = math.log(share / (1 - share))

    def draw(n: int, rng: Generator) -> Rows:
        signal = shift + rng.normal(size=n)
        label = (rng.random(n) < _logistic(signal)).astype(float)
        candidate = _logistic(signal + (0.8 + damage) * rng.normal(size=n))
        return label, candidate, _logistic(signal + 0.8 * rng.normal(size=n))

    return draw


def multiclass(n: int, rng: Generator) -> Rows:
    label = rng.choice(3, size=n, p=[0.6, 0.3, 0.1])
    outputs = [np.where(rng.random(n) < 0.7, label, rng.choice(3, size=n)) for _ in range(2)]
    return label.astype(float), outputs[0].astype(float), outputs[1].astype(float)


def regression(n: int, rng: Generator) -> Rows:
    """Errors with a bias, and larger where the label is."""
    label = rng.gamma(2.0, 2.0, size=n)
    outputs = [label + 0.3 + 0.5 * np.sqrt(label) * rng.normal(size=n) for _ in range(2)]
    return label, outputs[0], outputs[1]


DRAWS = {"binary": binary(0.3), "multiclass": multiclass, "regression": regression}


def estimates(name: str, rows: Rows, threshold: float | None) -> tuple[Estimate, Estimate]:
    """(candidate's own estimate, harm)."""
    label, candidate, baseline = rows
    if threshold is not None and METRICS[name].threshold:
        candidate, baseline = (
            (output >= threshold).astype(float) for output in (candidate, baseline)
        )
    own = METRICS[name].compute(label, candidate)
    return own, METRICS[name].harm(own, METRICS[name].compute(label, baseline))


@pytest.mark.parametrize(
    ("task", "name"), [(task, name) for task, names in config.METRICS.items() for name in names]
)
def test_interval__each_end_covers_the_truth_for_every_metric(task: str, name: str) -> None:
    rng = np.random.default_rng(1)
    threshold = 0.5 if task == "binary" else None
    truth = estimates(name, DRAWS[task](500_000, rng), threshold)[0].value
    repetitions = 400
    own_above = own_below = harm_above = harm_below = 0
    for _ in range(repetitions):
        own, harm = estimates(name, DRAWS[task](1_000, rng), threshold)
        ends, harm_ends = interval(own, None, 0.95), interval(harm, None, 0.95)
        own_above += ends.lower > truth
        own_below += ends.upper < truth
        harm_above += harm_ends.lower > 0
        harm_below += harm_ends.upper < 0
    assert harm_above <= allowed(repetitions)
    assert harm_below <= allowed(repetitions)
    assert own_below <= allowed(repetitions)
    # The calibration error is biased upwards, so that its lower end misses more often.
    rate = 0.12 if name == "expected-calibration-error" else 0.05
    assert own_above <= allowed(repetitions, rate)


@pytest.mark.parametrize("name", config.METRICS["binary"])
def test_interval__rare_positives_raise_few_false_alarms(name: str) -> None:
    """About 20 positives in 1,000 rows; equal models, no regression tolerated."""
    rng = np.random.default_rng(2)
    repetitions = 400
    alarms = 0
    for _ in range(repetitions):
        _, harm = estimates(name, binary(0.02)(1_000, rng), threshold=0.05)
        alarms += interval(harm, None, 0.95).lower > 0
    assert alarms <= allowed(repetitions, 0.06)


def test_interval__clusters_are_what_keeps_dependent_rows_from_false_alarms() -> None:
    """50 rows a day; each day moves the label and, in its own way, each model."""
    rng = np.random.default_rng(3)
    day: NDArray[np.int64] = np.arange(2_000) // 50
    repetitions = 300
    alarms = ignored = 0
    for _ in range(repetitions):
        shared, first, second = (rng.normal(size=40)[day] for _ in range(3))
        signal = rng.normal(size=2_000)
        label = (rng.random(2_000) < _logistic(signal + shared)).astype(float)
        rows = label, _logistic(signal + 0.7 * first), _logistic(signal + 0.7 * second)
        _, harm = estimates("log-loss", rows, None)
        alarms += interval(harm, day, 0.95).lower > 0
        ignored += interval(harm, None, 0.95).lower > 0
    assert alarms <= allowed(repetitions)
    assert ignored > 3 * allowed(repetitions)


@pytest.mark.parametrize("name", ["roc-auc", "log-loss", "brier-score"])
def test_judge__harm_of_twice_the_margin_fails_with_ample_rows(name: str) -> None:
    rng = np.random.default_rng(4)
    worse = binary(0.3, damage=0.4)
    margin = estimates(name, worse(500_000, rng), None)[1].value / 2
    bound = Bound.model_validate({"max-regression": margin})
    verdicts = []
    for _ in range(40):
        label, candidate, baseline = worse(20_000, rng)
        judged = judge(METRICS[name], bound, (label, candidate), (label, baseline), None, 0.95)
        assert judged is not None
        verdicts.append(judged.verdict)
    assert verdicts.count(Verdict.FAIL) >= 36
    assert Verdict.PASS not in verdicts


def test_judge__growing_to_the_rows_advised_mostly_decides() -> None:
    rng = np.random.default_rng(5)
    worse = binary(0.3, damage=0.4)
    margin = estimates("log-loss", worse(500_000, rng), None)[1].value / 2
    bound = Bound.model_validate({"max-regression": margin})

    def judged_on(n: int) -> tuple[Verdict, int | None]:
        label, candidate, baseline = worse(n, rng)
        judged = judge(
            METRICS["log-loss"], bound, (label, candidate), (label, baseline), None, 0.95
        )
        assert judged is not None
        return judged.verdict, judged.rows_needed

    first = [judged_on(1_000) for _ in range(60)]
    advised = [
        rows
        for verdict, rows in first
        if verdict is Verdict.INCONCLUSIVE and rows is not None and rows < 200_000
    ]
    assert len(advised) >= 20
    decided = [judged_on(rows)[0] is not Verdict.INCONCLUSIVE for rows in advised]
    assert np.mean(decided) >= 0.7


def _logistic(values: Floats) -> Floats:
    odds: Floats = 1 / (1 + np.exp(-values))
    return odds
