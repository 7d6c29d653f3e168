from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tidegate import config
from tidegate.gate.metrics import CALIBRATION_BINS, METRICS, Floats, Undefined

ORACLES = {
    "accuracy": sk.accuracy_score,
    "balanced-accuracy": sk.balanced_accuracy_score,
    "precision": sk.precision_score,
    "recall": sk.recall_score,
    "f1": sk.f1_score,
    "roc-auc": sk.roc_auc_score,
    "pr-auc": sk.average_precision_score,
    "log-loss": sk.log_loss,
    "brier-score": sk.brier_score_loss,
    "macro-f1": lambda label, output: sk.f1_score(label, output, average="macro"),
    "mae": sk.mean_absolute_error,
    "rmse": sk.root_mean_squared_error,
    "r2": sk.r2_score,
    "bias": lambda label, output: abs(float(np.mean(output - label))),
}
BINARY = [name for name in config.METRICS["binary"] if name in ORACLES]


def output_for(name: str, score: Floats) -> Floats:
    return (score >= 0.5).astype(float) if METRICS[name].threshold else score


def binary_rows(n: int, seed: int, share: float = 0.3) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    label = (rng.random(n) < share).astype(float)
    label[:2] = 0, 1
    score = 1 / (1 + np.exp(-(rng.normal(size=n) + 1.2 * label - 1)))
    return label, score


def test_metrics__every_name_of_the_config_is_computed() -> None:
    assert {name for names in config.METRICS.values() for name in names} == set(METRICS)


@pytest.mark.parametrize("name", BINARY)
@settings(max_examples=60, deadline=None)
@given(data=st.data(), n=st.integers(4, 60))
def test_metric__binary_value_agrees_with_scikit_learn(
    name: str, data: st.DataObject, n: int
) -> None:
    # Few distinct scores: ties everywhere, and whole columns of one score.
    score = data.draw(hnp.arrays(float, n, elements=st.sampled_from([0.0, 0.1, 0.5, 0.7, 1.0])))
    label = data.draw(hnp.arrays(float, n, elements=st.sampled_from([0.0, 1.0])))
    label[0], label[1], score[2] = 0.0, 1.0, 0.7
    output = output_for(name, score)
    assert METRICS[name].compute(label, output).value == pytest.approx(
        ORACLES[name](label, output), abs=1e-9, rel=1e-9
    )


@pytest.mark.parametrize("name", [*config.METRICS["regression"]])
@settings(max_examples=40, deadline=None)
@given(data=st.data(), n=st.integers(2, 40))
def test_metric__regression_value_agrees_with_scikit_learn(
    name: str, data: st.DataObject, n: int
) -> None:
    values = st.floats(-1e3, 1e3).map(lambda x: round(x, 3))
    label = data.draw(hnp.arrays(float, n, elements=values))
    output = data.draw(hnp.arrays(float, n, elements=values))
    label[0] = label[1] + 1
    assert METRICS[name].compute(label, output).value == pytest.approx(
        ORACLES[name](label, output), abs=1e-9, rel=1e-9
    )


@pytest.mark.parametrize("name", [*config.METRICS["multiclass"]])
@settings(max_examples=40, deadline=None)
@given(data=st.data(), n=st.integers(4, 40))
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_metric__multiclass_value_agrees_with_scikit_learn(
    name: str, data: st.DataObject, n: int
) -> None:
    classes = st.sampled_from([0.0, 1.0, 2.0, 3.0])
    label = data.draw(hnp.arrays(float, n, elements=classes))
    output = data.draw(hnp.arrays(float, n, elements=classes))
    label[:2] = 0, 1
    assert METRICS[name].compute(label, output).value == pytest.approx(
        ORACLES[name](label, output), abs=1e-9
    )


def test_expected_calibration_error__agrees_with_its_definition() -> None:
    label, score = binary_rows(500, seed=1)
    bins = np.clip(np.floor(score * CALIBRATION_BINS), 0, CALIBRATION_BINS - 1)
    expected = sum(
        abs(label[bins == b].mean() - score[bins == b].mean()) * (bins == b).mean()
        for b in np.unique(bins)
    )
    value = METRICS["expected-calibration-error"].compute(label, score).value
    assert value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", sorted(METRICS))
def test_metric__influence_has_mean_zero_and_predicts_the_jackknife(name: str) -> None:
    """Leaving row i out moves the value by about -influence[i] / (n - 1)."""
    label, output = binary_rows(400, seed=2)
    output = output_for(name, output)
    if name in config.METRICS["regression"]:
        label = label * 3 + output
    estimate = METRICS[name].compute(label, output)
    n = label.size
    assert abs(estimate.influence.mean()) < 1e-9
    left_out = np.array(
        [METRICS[name].compute(np.delete(label, i), np.delete(output, i)).value for i in range(n)]
    )
    jackknife = (n - 1) * (left_out.mean() - left_out)
    if name == "expected-calibration-error":
        # Its small bins change sign when a row leaves, which the influence leaves out.
        assert estimate.influence.std() == pytest.approx(jackknife.std(), rel=0.1)
        return
    assert estimate.influence.std() == pytest.approx(jackknife.std(), rel=0.03)
    assert np.corrcoef(estimate.influence, jackknife)[0, 1] > 0.99


@pytest.mark.parametrize("name", ["roc-auc", "pr-auc", "recall"])
def test_metric__one_class_alone_is_undefined(name: str) -> None:
    with pytest.raises(Undefined):
        METRICS[name].compute(np.zeros(5), np.linspace(0, 1, 5))


def test_precision__without_a_positive_prediction_is_zero_or_undefined() -> None:
    precision = METRICS["precision"].compute
    assert precision(np.array([0.0, 1.0]), np.zeros(2)).value == 0
    with pytest.raises(Undefined):
        precision(np.zeros(2), np.zeros(2))
