"""A metric of the user's own: its value, its interval by resampling, and what can go wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml

from evaluation_sets import ANSWERS, CLASSES, DRAWS, Pair
from tidegate import config as configs
from tidegate.context import Context
from tidegate.errors import ConfigError, DataError
from tidegate.gate.gate import GateReport, gate_model
from tidegate.gate.judging import Result
from tidegate.gate.statistics import own_metric
from tidegate.gate.statistics.comparison import ends
from tidegate.gate.statistics.metrics import Undefined
from tidegate.gate.statistics.own_metric import OwnMetric
from tidegate.gate.statistics.sums import Floats
from tidegate.registry import Registry
from tidegate.verdict import Verdict

METRICS = """\
import numpy as np

def cost(label, output):
    return float(np.mean(np.abs(output - label)))

def weighed_cost(label, output, weight):
    return float(np.average(np.abs(output - label), weights=weight))

def right(label, output):
    return float(np.mean(label == output))

def broken(label, output):
    raise ValueError("no such column: price")

def helped(label, output):
    return broken(label, output)

def endless(label, output):
    return float("inf")

def none_without_a_positive(label, output):
    return float(output[label == 1].mean()) if label.any() else float("nan")

def nothing(label, output):
    return None

limit = 3
"""


def no_registry() -> Registry:
    raise AssertionError("the registry was asked")


@pytest.fixture
def judge(tmp_path: Path) -> Callable[..., GateReport]:
    def run(pair: Pair | pl.DataFrame, function: str, task: str = "regression", *,
            name: str = "cost", bound: dict[str, Any] | None = None, parts: int | None = None,
            gate: dict[str, Any] | None = None, **evaluation: Any) -> GateReport:  # fmt: skip
        (tmp_path / "own.py").write_text(METRICS)
        tables = pair if isinstance(pair, tuple) else (pair,)
        for table, side in zip(tables, ("candidate", "baseline"), strict=False):
            table.write_parquet(tmp_path / f"{side}.parquet")
        asked = {
            name: {
                "function": f"own.py:{function}", "higher-is-better": False,
                **({"max": 1e6, "max-regression": 1e6} if bound is None else bound),
            }
        }  # fmt: skip
        written = {
            "service": "shop",
            "task": task,
            "evaluation": {"predictions": "candidate.parquet", "key": "id", "label": "label",
                           **ANSWERS[task], **evaluation},
            "gate": {"metrics": asked, **(gate or {})},
        }  # fmt: skip
        (tmp_path / "tidegate.yaml").write_text(yaml.safe_dump(written, sort_keys=False))
        return gate_model(
            configs.load(tmp_path / "tidegate.yaml"),
            Context(environ={"TIDEGATE_COMMIT": "c0ffee"}),
            baseline="baseline.parquet" if len(tables) > 1 else "none",
            parts=parts,
            open_registry=no_registry,
        )

    return run


Judge = Callable[..., GateReport]


def only(report: GateReport) -> Result:
    (result,) = report.results
    return result


def mean_metric(function: Callable[..., float], *, higher_is_better: bool = True) -> OwnMetric:
    return OwnMetric("mean", function, "gate.metrics.mean", higher_is_better)


def mean(label: Floats, output: Floats) -> float:
    return float(output.mean())


def test_own_metric__value_and_harm_are_the_functions(judge: Judge) -> None:
    pair = DRAWS["regression"](500, np.random.default_rng(0))
    result = only(judge(pair, "cost"))
    errors = [(table["prediction"] - table["label"]).abs().mean() for table in pair]
    assert result.judgement.candidate == pytest.approx(errors[0])
    assert result.judgement.baseline == pytest.approx(errors[1])
    assert result.judgement.harm == pytest.approx(errors[0] - errors[1])


def test_own_metric__higher_is_better_turns_the_sign_of_the_harm(judge: Judge) -> None:
    pair = DRAWS["regression"](500, np.random.default_rng(0))
    bound = {"max-regression": 1e6}
    one = only(judge(pair, "cost", bound=bound))
    other = only(judge(pair, "cost", bound={**bound, "higher-is-better": True}))
    assert one.judgement.harm == pytest.approx(-(other.judgement.harm or math.nan))


def test_own_metric__standard_error_is_near_the_analytic_one() -> None:
    rng = np.random.default_rng(1)
    label, first = np.zeros(400), rng.gamma(2.0, size=400)
    second = 0.7 * first + rng.normal(size=400)
    _, _, own, harm = mean_metric(mean).estimates(label, [first, second], None, None)
    assert harm is not None
    for found, values in ((own, first), (harm, first - second)):
        assert found.clusters == 400
        assert math.sqrt(found.second) == pytest.approx(values.std(ddof=1) / 20, rel=0.12)


def test_own_metric__ends_of_a_mean_cover_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_metric, "REPLICATES", 100)  # enough for the error, and quicker
    rng = np.random.default_rng(2)
    repetitions = 300
    above = below = 0
    for _ in range(repetitions):
        output = rng.normal(size=100)
        _, _, own, _ = mean_metric(mean).estimates(np.zeros(100), [output], None, None)
        lower, upper = ends(own, 0.95)
        above += lower > 0
        below += upper < 0
    # 6 %, and three binomial standard deviations more
    assert max(above, below) <= 0.06 * repetitions + 3 * math.sqrt(repetitions * 0.06 * 0.94)
    assert min(above, below) >= 2


def test_own_metric__whole_clusters_are_drawn() -> None:
    """Each value 20 times over: the error is that of the 60 different ones."""
    rng = np.random.default_rng(3)
    values = rng.normal(size=60)
    output, cluster = np.repeat(values, 20), np.repeat(np.arange(60), 20)
    order = rng.permutation(1_200)
    label = np.zeros(1_200)
    metric = mean_metric(mean)
    _, _, told, _ = metric.estimates(label, [output[order]], None, cluster[order])
    _, _, untold, _ = metric.estimates(label, [output[order]], None, None)
    assert told.clusters == 60
    assert math.sqrt(told.second) == pytest.approx(values.std(ddof=1) / math.sqrt(60), rel=0.15)
    assert math.sqrt(untold.second) < 0.4 * math.sqrt(told.second)


def test_own_metric__clusters_of_different_sizes_keep_their_rows() -> None:
    """Each resample is made of whole clusters, with the label beside its output and weight."""
    seen = []

    def look(label: Floats, output: Floats, weight: Floats) -> float:
        assert np.array_equal(label, output)
        assert np.array_equal(weight, 1 + label)
        counts = np.bincount(label.astype(int), minlength=6)
        sizes = np.array([1, 2, 3, 4, 5, 6])
        assert (counts % sizes == 0).all()
        assert (counts // sizes).sum() == 6
        seen.append(counts)
        return float(label.mean())

    cluster = np.repeat(np.arange(6), np.arange(1, 7))[::-1].copy()
    label = cluster.astype(float)
    mean_metric(look).estimates(label, [label], 1 + label, cluster)
    assert len(seen) == 1 + own_metric.REPLICATES
    assert len(np.unique(np.array(seen), axis=0)) > 100


def test_own_metric__the_same_rows_give_the_same_interval() -> None:
    output = np.random.default_rng(4).normal(size=80)
    one, two = (
        mean_metric(mean).estimates(np.zeros(80), [output], None, None)[2] for _ in range(2)
    )
    assert one == two


@pytest.mark.parametrize("groups", [2, 4])
def test_own_metric__fewer_than_five_clusters_decide_nothing(groups: int) -> None:
    cluster = np.arange(100) % groups
    output = np.random.default_rng(5).normal(size=100)
    _, _, own, _ = mean_metric(mean).estimates(np.zeros(100), [output], None, cluster)
    assert ends(own, 0.95) == (-math.inf, math.inf)


def test_own_metric__weights_are_the_third_argument(judge: Judge) -> None:
    rng = np.random.default_rng(6)
    candidate, baseline = DRAWS["regression"](400, rng)
    weight = rng.gamma(1.0, size=400)
    weight[:40] = 0
    pair = candidate.with_columns(w=weight), baseline
    result = only(judge(pair, "weighed_cost", weight="w"))
    error = (candidate["prediction"] - candidate["label"]).abs().to_numpy()
    assert result.judgement.candidate == pytest.approx(np.average(error, weights=weight))
    assert result.rows == 360


def test_own_metric__clusters_of_the_config_are_resampled(judge: Judge) -> None:
    rng = np.random.default_rng(7)
    once = DRAWS["regression"](100, rng)[0].with_columns(day=pl.format("day {}", "id"))
    repeated = pl.concat([once] * 10).with_columns(id=pl.int_range(pl.len()))
    told, untold = (only(judge(repeated, "cost", cluster=name)).own for name in ("day", None))
    assert told is not None
    assert untold is not None
    assert (told.clusters, untold.clusters) == (100, 1_000)
    assert math.sqrt(told.second / untold.second) == pytest.approx(math.sqrt(10), rel=0.2)


def test_own_metric__classes_come_as_their_names(judge: Judge) -> None:
    label = np.array(CLASSES)[np.arange(90) % 3]
    answer = np.where(np.arange(90) < 60, label, "a")
    table = pl.DataFrame({"id": range(90), "label": label, "answer": answer})
    result = only(
        judge(table, "right", "multiclass", name="right", bound={"min": 0.5},
              scores={}, prediction="answer")
    )  # fmt: skip
    assert result.judgement.candidate == pytest.approx((60 + 10) / 90)


def test_own_metric__is_judged_by_slice_beside_those_of_tidegate(judge: Judge) -> None:
    rng = np.random.default_rng(8)
    candidate, baseline = DRAWS["regression"](900, rng)
    candidate = candidate.with_columns(shop=pl.Series(["x", "y", "z"] * 300)).with_columns(
        prediction=pl.col("prediction") + pl.when(pl.col("shop") == "z").then(3.0).otherwise(0.0)
    )
    own = {"function": "own.py:cost", "higher-is-better": False, "max-regression": 0.3}
    report = judge(
        (candidate, baseline), "cost", slices=["shop"],
        gate={"metrics": {"cost": {**own, "max-regression": 5.0}, "mae": {"max-regression": 5.0}},
              "slice-metrics": {"mae": {"max-regression": 0.3}, "cost": own}},
    )  # fmt: skip
    verdicts = {(r.metric, r.slice and r.slice["shop"]): r.judgement for r in report.results}
    assert len(verdicts) == 8
    for shop in (None, "x", "y", "z"):
        mine, theirs = verdicts["cost", shop], verdicts["mae", shop]
        assert mine.candidate == pytest.approx(theirs.candidate)
        assert mine.verdict is theirs.verdict is (Verdict.FAIL if shop == "z" else Verdict.PASS)
        assert mine.upper - mine.lower == pytest.approx(theirs.upper - theirs.lower, rel=0.2)


@pytest.mark.parametrize("function", ["broken", "helped"])
def test_own_metric__exception_is_one_error_that_names_the_line(
    judge: Judge, function: str
) -> None:
    table = DRAWS["regression"](50, np.random.default_rng(9))[0]
    with pytest.raises(DataError) as raised:
        judge(table, function)
    said = str(raised.value)
    line = METRICS.splitlines().index('    raise ValueError("no such column: price")') + 1
    assert "cost failed: ValueError: no such column: price" in said
    assert f"own.py:{line}: raise ValueError" in said
    assert "tidegate.yaml:" in said
    assert "own_metric.py" not in said
    if function == "helped":
        assert "return broken(label, output)" in said


def test_own_metric__wrong_number_of_arguments_says_how_it_is_called(judge: Judge) -> None:
    table = DRAWS["regression"](50, np.random.default_rng(9))[0]
    with pytest.raises(DataError, match="missing 1 required positional argument: 'weight'") as said:
        judge(table, "weighed_cost")
    assert "(label, output)" in str(said.value)


@pytest.mark.parametrize(
    ("function", "message"),
    [("endless", "no finite number"), ("nothing", "cost failed: TypeError")],
)
def test_own_metric__answer_that_is_no_number_is_an_error(
    judge: Judge, function: str, message: str
) -> None:
    table = DRAWS["regression"](50, np.random.default_rng(9))[0]
    with pytest.raises(DataError, match=message):
        judge(table, function)


def test_own_metric__slice_without_a_value_is_a_note(judge: Judge) -> None:
    table = DRAWS["binary"](600, np.random.default_rng(10))[0].with_columns(
        shop=pl.Series(["x", "y"] * 300)
    ).with_columns(label=pl.col("label") & (pl.col("shop") == "x"))  # fmt: skip
    own = {"function": "own.py:none_without_a_positive", "higher-is-better": True, "min": 0.0}
    report = judge(
        table, "cost", "binary", slices=["shop"],
        gate={"metrics": {"accuracy": {"min": 0.0}}, "slice-metrics": {"cost": own}},
    )  # fmt: skip
    assert [result.slice["shop"] for result in report.results if result.slice] == ["x"]
    assert any("cost was not judged for shop=y" in note for note in report.notes)


def test_own_metric__without_a_value_on_too_many_resamples_has_no_interval() -> None:
    """One positive in 50 rows: a third of the resamples have none."""
    label = (np.arange(50) == 0).astype(float)

    def rate(label: Floats, output: Floats) -> float:
        return float(output[label == 1].mean()) if label.any() else math.nan

    with pytest.raises(Undefined, match=r"no number on \d+ of 400 resamples"):
        mean_metric(rate).estimates(label, [label], None, None)


@pytest.mark.parametrize(("reference", "message"), [
    ("nowhere.py:cost", "names a file that does not exist"),
    ("own.py:costs", "has no 'costs'"),
    ("own.py:limit", "is no function"),
])  # fmt: skip
def test_own_metric__reference_that_names_nothing_is_an_error(
    judge: Judge, reference: str, message: str
) -> None:
    table = DRAWS["regression"](50, np.random.default_rng(9))[0]
    with pytest.raises((ConfigError, DataError), match=message) as raised:
        judge(table, "", bound={"function": reference, "max": 1.0})
    assert "tidegate.yaml:" in str(raised.value)


def test_own_metric__rows_that_are_not_in_memory_are_refused(judge: Judge) -> None:
    table = DRAWS["regression"](50, np.random.default_rng(9))[0]
    with pytest.raises(DataError, match="needs all rows in memory") as raised:
        judge(table, "cost", parts=3)
    assert "tidegate.yaml:" in str(raised.value)


def test_own_metric__name_with_a_slash_is_refused(judge: Judge) -> None:
    """What stands after a slash is the class of a recall-per-class."""
    table = DRAWS["regression"](50, np.random.default_rng(9))[0]
    with pytest.raises(ConfigError, match="it has a slash"):
        judge(table, "cost", name="cost/order")
