"""Tidegate's gate beside MLflow's in one situation after another: the rows of docs/other-gates.md.

MLflow's gate runs here, on numbers that scikit-learn computes from the same tables. TFMA needs
TensorFlow and does not run: the page names the source of what it says of it.
"""

from __future__ import annotations

import decimal
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from mlflow import validate_evaluation_results
from mlflow.exceptions import MlflowException
from mlflow.models import EvaluationResult, MetricThreshold
from mlflow.models.evaluation.validation import ModelValidationFailedException
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import accuracy_score, log_loss, mean_absolute_error, roc_auc_score

from tidegate import config as configs
from tidegate.context import Context
from tidegate.errors import ConfigError, DataError, TidegateError
from tidegate.gate.gate import gate_model
from tidegate.registry import Registry

Report = dict[str, Any]
Gate = Callable[..., Report]

PAGE = Path(__file__).parents[3] / "docs" / "other-gates.md"
NOT_WORSE = MetricThreshold(min_relative_change=0.0, greater_is_better=True)


def evaluation_set(n: int = 4_000, world: int = 0) -> pl.DataFrame:
    """Rows with a label that `signal` tells of, without any model's answer."""
    rng = np.random.default_rng(world)
    signal = rng.normal(size=n)
    return pl.DataFrame(
        {
            "id": np.arange(n),
            "bought": (rng.random(n) < 1 / (1 + np.exp(-2 * signal))).astype(int),
            "country": rng.choice(["DE", "FR", "IT"], size=n),
            "day": np.arange(n) % 60,
            "signal": signal,
        }
    )


def scored(rows: pl.DataFrame, seed: int, noise: float = 0.3) -> pl.DataFrame:
    """The rows with a model's score: models of one noise are equally good, whatever their seed."""
    errors = np.random.default_rng([seed, 1]).normal(size=rows.height)
    return rows.with_columns(
        score=1 / (1 + (-(pl.col("signal") + noise * pl.Series(errors))).exp())
    ).drop("signal")


def roc_auc(table: pl.DataFrame) -> float:
    return float(roc_auc_score(table["bought"], table["score"]))


def accuracy(table: pl.DataFrame) -> float:
    return float(accuracy_score(table["bought"], table["score"] >= 0.5))


def by_country(table: pl.DataFrame, metric: Callable[[pl.DataFrame], float]) -> dict[str, float]:
    """A metric of each country under a name of its own, as MLflow has no slices."""
    return {str(key[0]): metric(part) for key, part in table.group_by("country")}


def mlflow_passes(
    thresholds: dict[str, MetricThreshold],
    candidate: dict[str, float],
    baseline: dict[str, float] | None = None,
) -> bool:
    """Whether MLflow's gate lets the candidate through; an error that is no verdict is raised."""

    def result(metrics: dict[str, float]) -> EvaluationResult:
        return EvaluationResult(metrics=metrics, artifacts={}, run_id="none")

    try:
        validate_evaluation_results(
            thresholds, result(candidate), None if baseline is None else result(baseline)
        )
    except ModelValidationFailedException:
        return False
    return True


def no_registry() -> Registry:
    raise AssertionError("the registry was asked")


@pytest.fixture
def tidegate(tmp_path: Path) -> Gate:
    """Run Tidegate's gate on real tables; gives its report as published (JSON)."""

    def run(
        candidate: pl.DataFrame,
        baseline: pl.DataFrame | None,
        gate: dict[str, Any],
        task: str = "binary",
        **evaluation: Any,
    ) -> Report:
        output = {"score": "score"} if task == "binary" else {"prediction": "prediction"}
        columns = {"predictions": "candidate.parquet", "key": "id", "label": "bought"}
        settings = {
            "service": "shop",
            "task": task,
            "evaluation": {**columns, **output, **evaluation},
            "gate": gate,
        }
        (tmp_path / "tidegate.yaml").write_text(yaml.safe_dump(settings))
        candidate.write_parquet(tmp_path / "candidate.parquet")
        if baseline is not None:
            baseline.write_parquet(tmp_path / "baseline.parquet")
        return gate_model(
            configs.load(tmp_path / "tidegate.yaml"),
            Context(environ={"TIDEGATE_COMMIT": "c0ffee"}),
            baseline="none" if baseline is None else "baseline.parquet",
            open_registry=no_registry,
        ).to_dict()

    return run


def verdicts(report: Report) -> dict[str | None, str]:
    """The verdict overall (None) and of each country."""
    return {
        None if result["slice"] is None else result["slice"]["country"]: result["verdict"]
        for result in report["results"]
    }


def test_other_gates__metric_without_a_value(tidegate: Gate) -> None:
    rows = evaluation_set()
    good, candidate = scored(rows, 1), scored(rows.filter(bought=0), 2)
    with pytest.warns(UndefinedMetricWarning, match="Only one class"):
        nan = {"roc_auc": roc_auc(candidate)}
    assert np.isnan(nan["roc_auc"])
    value = {"roc_auc": roc_auc(good)}
    improved = MetricThreshold(min_relative_change=0.05, greater_is_better=True)
    assert mlflow_passes({"roc_auc": improved}, nan, value)
    assert mlflow_passes({"roc_auc": improved}, value, nan)
    at_least = MetricThreshold(threshold=0.7, greater_is_better=True)
    assert not mlflow_passes({"roc_auc": at_least}, nan)
    with pytest.raises(decimal.InvalidOperation):
        mlflow_passes(
            {"roc_auc": MetricThreshold(min_absolute_change=0.01, greater_is_better=True)},
            nan,
            value,
        )

    bounds = {"metrics": {"roc-auc": {"min": 0.6, "max-regression": 0.05}}}
    with pytest.raises(DataError, match="one class"):
        tidegate(candidate, scored(rows.filter(bought=0), 3), bounds)
    broken = good.with_columns(score=pl.when(pl.col("id") == 7).then(np.nan).otherwise("score"))
    with pytest.raises(DataError, match="NaN"):
        tidegate(broken, good, bounds)
    with pytest.raises(DataError, match="NaN"):
        tidegate(good, broken, bounds)


def test_other_gates__no_rule_or_a_rule_without_a_bound(tidegate: Gate) -> None:
    rows = evaluation_set()
    bad, good = scored(rows, 1, noise=9), scored(rows, 2)
    assert mlflow_passes({}, {"roc_auc": roc_auc(bad)}, {"roc_auc": roc_auc(good)})
    assert mlflow_passes({}, {})
    with pytest.raises(MlflowException, match="no threshold was specified"):
        MetricThreshold(greater_is_better=True)

    with pytest.raises(ConfigError, match="a gate without rules is no gate"):
        tidegate(bad, good, {"metrics": {}})
    with pytest.raises(ConfigError, match="without a bound decides nothing"):
        tidegate(bad, good, {"metrics": {"roc-auc": {}}})


def test_other_gates__missing_baseline(tidegate: Gate) -> None:
    rows = evaluation_set()
    candidate, baseline = scored(rows, 1), scored(rows, 2)
    ours, theirs = {"roc_auc": roc_auc(candidate)}, {"accuracy_score": accuracy(baseline)}
    improved = MetricThreshold(min_absolute_change=0.01, greater_is_better=True)
    assert not mlflow_passes({"roc_auc": improved}, ours)
    with pytest.raises(TypeError):
        mlflow_passes({"roc_auc": NOT_WORSE}, ours)
    absolute = MetricThreshold(threshold=0.7, greater_is_better=True)
    for threshold in (improved, NOT_WORSE, absolute):  # the last asks for no baseline
        with pytest.raises(KeyError):
            mlflow_passes({"roc_auc": threshold}, ours, theirs)
    assert not mlflow_passes({"roc_auc": absolute}, theirs), "a candidate's lack is a failure"

    both = {"metrics": {"roc-auc": {"min": 0.7, "max-regression": 0.01}}}
    with pytest.raises(TidegateError, match="'score'"):
        tidegate(candidate, baseline.drop("score"), both)
    with pytest.raises(TidegateError, match="'score'"):
        tidegate(candidate.drop("score"), baseline, both)
    with pytest.raises(DataError, match="there is no baseline"):
        tidegate(candidate, None, {**both, "on-missing-baseline": "fail"})
    report = tidegate(candidate, None, {**both, "on-missing-baseline": "absolute-only"})
    assert (verdicts(report), report["record"]["baseline"]) == ({None: "pass"}, None)
    with pytest.raises(DataError, match="nothing could be judged"):
        tidegate(candidate, None, {"metrics": {"roc-auc": {"max-regression": 0.01}}})


def test_other_gates__candidate_is_the_baseline(tidegate: Gate) -> None:
    model = scored(evaluation_set(), 1)
    value = {"roc_auc": roc_auc(model)}
    assert mlflow_passes({"roc_auc": NOT_WORSE}, value, value)

    bounds = {"metrics": {"roc-auc": {"max-regression": 0}}}
    with pytest.raises(DataError, match="compared with itself"):
        tidegate(model, model, bounds)
    assert verdicts(tidegate(model, model, {**bounds, "allow-same-version": True})) == {
        None: "pass"
    }


def test_other_gates__at_most_this_much_worse(tidegate: Gate) -> None:
    for demand in ({"min_absolute_change": -0.02}, {"min_relative_change": -0.02}):
        with pytest.raises(MlflowException, match=r"positive|between 0 and 1"):
            MetricThreshold(**demand, greater_is_better=True)
    rows = evaluation_set(20_000)
    slightly_worse, good = scored(rows, 1, noise=0.35), scored(rows, 2)
    assert not mlflow_passes(
        {"roc_auc": NOT_WORSE}, {"roc_auc": roc_auc(slightly_worse)}, {"roc_auc": roc_auc(good)}
    )

    report = tidegate(slightly_worse, good, {"metrics": {"roc-auc": {"max-regression": 0.02}}})
    (result,) = report["results"]
    assert 0 < result["lower"] < result["upper"] < 0.02, "it is worse, and by less than tolerated"
    assert (result["verdict"], report["record"]["blocked"]) == ("pass", False)


def test_other_gates__baseline_of_zero(tidegate: Gate) -> None:
    amount = np.arange(500.0)
    perfect = pl.DataFrame({"id": np.arange(500), "bought": amount, "prediction": amount})
    mae = {"mae": float(mean_absolute_error(perfect["bought"], perfect["prediction"]))}
    no_worse = MetricThreshold(min_relative_change=0.0, greater_is_better=False)
    assert not mlflow_passes({"mae": no_worse}, mae, mae)
    assert mlflow_passes({"mae": no_worse}, {"mae": 0.1}, {"mae": 0.1})

    # Two models without an error answer the same; Tidegate wants to be told that this is meant.
    bounds = {"metrics": {"mae": {"max-regression": 0}}, "allow-same-version": True}
    assert verdicts(tidegate(perfect, perfect, bounds, task="regression")) == {None: "pass"}


def test_other_gates__direction_of_a_metric(tidegate: Gate) -> None:
    good = scored(evaluation_set(), 1)
    reversed_ = good.with_columns(score=1 - pl.col("score"))
    loss = {"log_loss": float(log_loss(reversed_["bought"], reversed_["score"]))}
    mistaken = MetricThreshold(threshold=0.6, greater_is_better=True)
    assert mlflow_passes({"log_loss": mistaken}, loss)
    right = MetricThreshold(threshold=0.6, greater_is_better=False)
    assert not mlflow_passes({"log_loss": right}, loss)

    bound = {"max-regression": 0.02}
    assert verdicts(tidegate(reversed_, good, {"metrics": {"log-loss": bound}})) == {None: "fail"}
    with pytest.raises(ConfigError, match="higher-is-better"):
        tidegate(reversed_, good, {"metrics": {"log-loss": {**bound, "higher-is-better": True}}})


def test_other_gates__equal_models(tidegate: Gate) -> None:
    repetitions = 40
    blocked, failed, passed = 0, 0, 0
    for seed in range(repetitions):
        rows = evaluation_set(2_000, world=seed)
        candidate, baseline = scored(rows, 2 * seed), scored(rows, 2 * seed + 1)
        values = {"roc_auc": roc_auc(candidate)}, {"roc_auc": roc_auc(baseline)}
        blocked += not mlflow_passes({"roc_auc": NOT_WORSE}, *values)
        strict = tidegate(candidate, baseline, {"metrics": {"roc-auc": {"max-regression": 0}}})
        failed += verdicts(strict) == {None: "fail"}
        tolerant = tidegate(candidate, baseline, {"metrics": {"roc-auc": {"max-regression": 0.02}}})
        passed += verdicts(tolerant) == {None: "pass"}
    assert 0.3 < blocked / repetitions < 0.7
    assert failed <= 6  # 5 % of 40 is 2; three standard deviations more is 6
    assert passed == repetitions


def test_other_gates__evaluation_set_too_small_to_tell(tidegate: Gate) -> None:
    # On many rows this model's ROC AUC is 0.63; on some 50 it looks like 0.75 and more.
    many = scored(evaluation_set(50_000), 1, noise=2.5)
    assert roc_auc(many) < 0.65
    few = next(
        table
        for world in range(100)
        if roc_auc(table := scored(evaluation_set(50, world), world, noise=2.5)) >= 0.75
    )
    at_least = MetricThreshold(threshold=0.7, greater_is_better=True)
    assert mlflow_passes({"roc_auc": at_least}, {"roc_auc": roc_auc(few)})

    report = tidegate(few, None, {"metrics": {"roc-auc": {"min": 0.7}}})
    (result,) = report["results"]
    assert (result["verdict"], report["record"]["blocked"]) == ("inconclusive", True)
    assert result["rows_needed"] > 50
    assert verdicts(tidegate(many, None, {"metrics": {"roc-auc": {"min": 0.7}}})) == {None: "fail"}


def test_other_gates__model_that_fails_one_slice(tidegate: Gate) -> None:
    rows = evaluation_set(6_000)
    baseline = scored(rows, 2)
    guess = pl.Series(np.random.default_rng(5).random(rows.height))
    candidate = scored(rows, 1, noise=0.1).with_columns(
        score=pl.when(pl.col("country") == "IT").then(guess).otherwise("score")
    )
    at_least = MetricThreshold(threshold=0.7, greater_is_better=True)
    assert mlflow_passes({"roc_auc": at_least}, {"roc_auc": roc_auc(candidate)})

    bounds = {
        "metrics": {"roc-auc": {"min": 0.7}},
        "slice-metrics": {"roc-auc": {"max-regression": 0.05}},
    }
    report = tidegate(candidate, baseline, bounds, slices=["country"])
    assert verdicts(report) == {None: "pass", "DE": "pass", "FR": "pass", "IT": "fail"}
    assert report["record"]["blocked"]


def test_other_gates__many_slices_of_equal_models(tidegate: Gate) -> None:
    repetitions = 12
    blocked, failed = 0, 0
    for seed in range(repetitions):
        rows = evaluation_set(9_000, world=seed).with_columns(
            country=(pl.col("id") % 30).cast(pl.String)
        )
        candidate, baseline = scored(rows, 2 * seed), scored(rows, 2 * seed + 1)
        ours, theirs = by_country(candidate, roc_auc), by_country(baseline, roc_auc)
        blocked += not mlflow_passes(dict.fromkeys(ours, NOT_WORSE), ours, theirs)
        bounds = {
            "metrics": {"roc-auc": {"min": 0.7}},
            "slice-metrics": {"roc-auc": {"max-regression": 0}},
        }
        report = tidegate(candidate, baseline, bounds, slices=["country"])
        assert len(report["results"]) == 31
        failed += "fail" in verdicts(report).values()
    assert blocked == repetitions
    assert failed <= 2  # 5 % of 12 is 0.6; two standard deviations more is 2


def test_other_gates__slice_of_a_few_rows(tidegate: Gate) -> None:
    rows = evaluation_set().with_columns(
        country=pl.when(pl.col("id") < 10).then(pl.lit("AT")).otherwise("country")
    )
    baseline = scored(rows, 2)
    # The models differ on three rows out of 4,000, and all three are in this slice of ten.
    right = pl.when(pl.col("bought") == 1).then(0.9).otherwise(0.1)
    in_slice = pl.col("country") == "AT"
    baseline = baseline.with_columns(score=pl.when(in_slice).then(right).otherwise("score"))
    candidate = baseline.with_columns(
        score=pl.when(pl.col("id") < 3).then(1 - pl.col("score")).otherwise("score")
    )
    ours, theirs = by_country(candidate, accuracy), by_country(baseline, accuracy)
    assert (round(ours["AT"], 9), theirs["AT"]) == (0.7, 1.0)
    assert not mlflow_passes(dict.fromkeys(ours, NOT_WORSE), ours, theirs)

    bounds = {
        "metrics": {"accuracy": {"max-regression": 0.01}},
        "slice-metrics": {"accuracy": {"max-regression": 0.05}},
    }
    report = tidegate(candidate, baseline, bounds, slices=["country"])
    assert verdicts(report) == {None: "pass", "DE": "pass", "FR": "pass", "IT": "pass"}
    assert any(re.search(r"\bAT\b.*\b10\b", note) for note in report["notes"])


def by_day(seed: int, days: int = 40, rows: int = 50) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Two models, equally good over all days; on each day one of them is right more often."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, size=days * rows)
    day = np.repeat(np.arange(days), rows)

    def model() -> pl.DataFrame:
        right = rng.random(days * rows) < np.repeat(rng.uniform(0.2, 1.0, size=days), rows)
        score = np.where(right == (label == 1), 0.9, 0.1)
        return pl.DataFrame(
            {"id": np.arange(days * rows), "bought": label, "day": day, "score": score}
        )

    return model(), model()


def test_other_gates__rows_that_belong_together(tidegate: Gate) -> None:
    repetitions = 40
    blocked, as_single_rows, as_days = 0, 0, 0
    bounds = {"metrics": {"accuracy": {"max-regression": 0}}}
    for seed in range(repetitions):
        candidate, baseline = by_day(seed)
        values = {"accuracy_score": accuracy(candidate)}, {"accuracy_score": accuracy(baseline)}
        blocked += not mlflow_passes({"accuracy_score": NOT_WORSE}, *values)
        as_single_rows += verdicts(tidegate(candidate, baseline, bounds)) == {None: "fail"}
        report = tidegate(candidate, baseline, bounds, cluster="day")
        assert report["clusters"] == 40
        as_days += verdicts(report) == {None: "fail"}
    assert 0.3 < blocked / repetitions < 0.7
    assert as_single_rows > 8, "an interval that takes rows as independent is too short here"
    assert as_days <= 6  # 5 % of 40 is 2; three standard deviations more is 6


def test_other_gates__models_evaluated_on_different_rows(tidegate: Gate) -> None:
    rows = evaluation_set()
    baseline = scored(rows, 2)
    candidate = scored(rows, 1, noise=0.6)
    assert roc_auc(candidate) < roc_auc(baseline)
    easy = candidate.filter((pl.col("score") - 0.5).abs() > 0.2)
    assert mlflow_passes(
        {"roc_auc": MetricThreshold(min_absolute_change=0.02, greater_is_better=True)},
        {"roc_auc": roc_auc(easy)},
        {"roc_auc": roc_auc(baseline)},
    )

    with pytest.raises(DataError, match=r"baseline's table alone"):
        tidegate(easy, baseline, {"metrics": {"roc-auc": {"max-regression": 0.01}}})


def test_other_gates__every_row_of_the_page_has_its_test() -> None:
    named = re.findall(r"`(test_other_gates__\w+)`", PAGE.read_text(encoding="utf-8"))
    here = [name for name in globals() if name.startswith("test_other_gates__")]
    here.remove("test_other_gates__every_row_of_the_page_has_its_test")
    assert named == here
