"""Every metric through the gate's passes: values beside scikit-learn's, influence beside slopes."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
import sklearn
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from evaluation_sets import ANYTHING, CLASSES, DRAWS, Passes, make_config
from tidegate import config
from tidegate.gate.statistics.metrics import METRICS, Solution, _pr_auc
from tidegate.gate.statistics.sums import CALIBRATION_BINS, Bins, Floats

THRESHOLD = 0.3
QUANTILE = 0.8
SCORES = [f"p_{name}" for name in CLASSES]
Oracle = Callable[[pl.DataFrame, Floats], float | None]

# The next numbers below and above one half and one; 0.1 + 0.2 is 0.3 but for its last bit.
TINY_STEPS = [0.1 + 0.2, 0.3, np.nextafter(0.5, 0), 0.5, np.nextafter(0.5, 1),
              np.nextafter(1, 0), 1.0, 0.0, 1e-300]  # fmt: skip
# Weights that add up without rounding: scikit-learn decides a tie of the median by the last bit.
WEIGHTS = [0.0, 0.5, 1.0, 0.375, 7.25, 1e3]
VALUES = [-7.5, -1.0, -1 / 3, 0.0, 0.1, 1.0, 2.5, 40.0]


def of_classes(metric: Callable[..., float], **options: Any) -> Oracle:
    """A metric of scikit-learn on label and answered class."""

    def oracle(rows: pl.DataFrame, weight: Floats) -> float:
        return metric(rows["label"].to_numpy(), rows["answer"].to_numpy(),
                      sample_weight=weight, **options)  # fmt: skip

    return oracle


def of_output(metric: Callable[..., float], **options: Any) -> Oracle:
    """A metric of scikit-learn on label and score or predicted value."""

    def oracle(rows: pl.DataFrame, weight: Floats) -> float:
        return metric(rows["label"].to_numpy(), rows["output"].to_numpy(),
                      sample_weight=weight, **options)  # fmt: skip

    return oracle


def calibration_error(rows: pl.DataFrame, weight: Floats) -> float:
    """Guo et al. 2017: the gap of each bin, weighed by its share of the rows."""
    label, score = rows["label"].to_numpy().astype(float), rows["output"].to_numpy()
    total = 0.0
    for number in range(CALIBRATION_BINS):
        last = number == CALIBRATION_BINS - 1
        inside = (np.floor(score * CALIBRATION_BINS) == number) | (last & (score == 1))
        if not inside.any():
            continue
        part = weight[inside]
        rate = np.average(label[inside], weights=part)
        total += part.sum() * abs(rate - np.average(score[inside], weights=part))
    return float(total / weight.sum())


def log_loss_of_classes(rows: pl.DataFrame, weight: Floats) -> float:
    given_scores = rows.select(SCORES).to_numpy()
    return sk.log_loss(rows["label"], given_scores, sample_weight=weight, labels=list(CLASSES))


def needs(defined: Callable[[pl.DataFrame], bool], oracle: Oracle) -> Oracle:
    """An oracle of rows on which the metric has a value at all."""
    return lambda rows, weight: oracle(rows, weight) if defined(rows) else None


def both_classes(rows: pl.DataFrame) -> bool:
    return rows["label"].n_unique() == 2


def a_positive_label(rows: pl.DataFrame) -> bool:
    return bool(rows["label"].any())


def a_positive(rows: pl.DataFrame) -> bool:
    return bool((rows["label"] | rows["answer"]).any())


ORACLES: dict[str, dict[str, Oracle]] = {
    "binary": {
        "accuracy": of_classes(sk.accuracy_score),
        "balanced-accuracy": of_classes(sk.balanced_accuracy_score),
        "precision": needs(a_positive, of_classes(sk.precision_score, zero_division=0)),
        "recall": needs(a_positive_label, of_classes(sk.recall_score)),
        "f1": needs(a_positive, of_classes(sk.f1_score)),
        "roc-auc": needs(both_classes, of_output(sk.roc_auc_score)),
        "pr-auc": needs(both_classes, of_output(sk.average_precision_score)),
        "log-loss": of_output(sk.log_loss, labels=[False, True]),
        "brier-score": of_output(sk.brier_score_loss, pos_label=True),
        "expected-calibration-error": calibration_error,
    },
    "multiclass": {
        "accuracy": of_classes(sk.accuracy_score),
        "balanced-accuracy": of_classes(sk.balanced_accuracy_score),
        "macro-f1": of_classes(sk.f1_score, average="macro"),
        "weighted-f1": of_classes(sk.f1_score, average="weighted"),
        "log-loss": log_loss_of_classes,
        **{
            f"recall-per-class/{name}": needs(
                lambda rows, name=name: bool((rows["label"] == name).any()),
                lambda rows, weight, name=name: sk.recall_score(
                    rows["label"], rows["answer"], sample_weight=weight,
                    labels=[name], average=None,
                )[0],
            )
            for name in CLASSES
        },
    },
    "regression": {
        "mae": of_output(sk.mean_absolute_error),
        "rmse": of_output(sk.root_mean_squared_error),
        "median-absolute-error": of_output(sk.median_absolute_error),
        "r2": needs(lambda rows: rows["label"].n_unique() > 1, of_output(sk.r2_score)),
        "mape": of_output(sk.mean_absolute_percentage_error),
        "pinball-loss": of_output(sk.mean_pinball_loss, alpha=QUANTILE),
        "bias": lambda rows, weight: abs(
            float(np.average(rows["output"] - rows["label"], weights=weight))
        ),
    },
}  # fmt: skip
SETTINGS: dict[str, dict[str, Any]] = {
    "binary": {"threshold": THRESHOLD},
    "multiclass": {},
    "regression": {"quantile": QUANTILE},
}


@st.composite
def tables(draw: st.DrawFn, task: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Candidate's and baseline's tables of a few rows: ties, constants, slices of a row or two."""
    n = draw(st.integers(2, 24))

    def column(values: list[Any]) -> pl.Series:
        return pl.Series(draw(hnp.arrays(np.array(values).dtype, n,
                                         elements=st.sampled_from(values))))  # fmt: skip

    def answers() -> dict[str, pl.Series]:
        if task == "multiclass":
            parts = np.array([draw(st.sampled_from(LEANINGS)) for _ in range(n)])
            return {name: pl.Series(parts[:, number]) for number, name in enumerate(SCORES)}
        if task == "regression":
            return {"prediction": column(VALUES)}
        constant = draw(st.booleans())
        few = [draw(st.sampled_from(TINY_STEPS))] if constant else TINY_STEPS
        return {"score": column(few)}

    label = {"binary": [False, True], "multiclass": list(CLASSES), "regression": VALUES}[task]
    rows = pl.DataFrame({"id": range(n), "label": column(label), "group": column(["x", "y"])})
    if draw(st.booleans()):
        weight = column(WEIGHTS)
        weight[0] = 1.0
        rows = rows.with_columns(weight=weight)
    return rows.with_columns(**answers()), rows.with_columns(**answers())


# Ties between classes, a probability of 0 for what may be the truth, and one of 1.
LEANINGS = [(0.5, 0.5, 0.0), (0.25, 0.25, 0.5), (1.0, 0.0, 0.0), (0.2, 0.5, 0.3), (0.0, 0.5, 0.5)]


def answered(task: str, table: pl.DataFrame) -> pl.DataFrame:
    """With the columns output and answer, from the definition of each."""
    if task == "multiclass":
        best = np.argmax(table.select(SCORES).to_numpy(), axis=1)
        return table.with_columns(answer=pl.Series([CLASSES[number] for number in best]))
    output = table["score" if task == "binary" else "prediction"]
    return table.with_columns(output=output, answer=output >= THRESHOLD)


def test_metrics__every_name_of_the_config_is_computed_and_has_an_oracle() -> None:
    assert {name for names in config.METRICS.values() for name in names} == set(METRICS)
    for task, names in config.METRICS.items():
        assert {name.partition("/")[0] for name in ORACLES[task]} == set(names)


@pytest.mark.parametrize("task", ORACLES)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.filterwarnings("ignore:A single label was found in 'y_true' and 'y_pred'")
@pytest.mark.filterwarnings("ignore:Only one class is present in y_true")
def test_metrics__value_overall_and_by_slice_agrees_with_scikit_learn(
    task: str, data: st.DataObject
) -> None:
    pair = data.draw(tables(task))
    weighted = "weight" in pair[0].columns
    passes = Passes.over(
        make_config(
            task, slices=["group"], weight="weight" if weighted else None, **SETTINGS[task]
        ),
        *pair,
        parts=data.draw(st.sampled_from([1, 2])),
    )
    counted = [answered(task, table) for table in pair]
    if weighted:
        counted = [table.filter(pl.col("weight") > 0) for table in counted]
    seen = set()
    for name, level, solutions in passes.values():
        group = level.get("slice.0")
        seen.add((name, group))
        expected = []
        for table in counted:
            rows = table if group is None else table.filter(pl.col("group") == group)
            weight = rows["weight"].to_numpy() if weighted else np.ones(rows.height)
            with sklearn.config_context(skip_parameter_validation=True):
                expected.append(ORACLES[task][name](rows, weight))
        if isinstance(solutions, str):
            # One model's answers can leave a metric without a value, and so without a harm.
            assert None in expected, (name, solutions)
        else:
            found = [solution.value for solution in solutions]
            assert found == pytest.approx(expected, rel=1e-9, abs=1e-9), name
    groups = {None, *counted[0]["group"]}
    asked = {question.name for question in passes.design.questions}
    assert seen == {(name, group) for name in asked for group in groups}


@pytest.mark.parametrize("task", DRAWS)
@pytest.mark.parametrize("weighted", [False, True])
def test_metrics__value_on_many_rows_agrees_with_scikit_learn(task: str, weighted: bool) -> None:
    rng = np.random.default_rng(3)
    pair = DRAWS[task](3_000, rng)
    weight = rng.gamma(1.0, size=3_000) if weighted else np.ones(3_000)
    pair = (pair[0].with_columns(weight=weight), pair[1])
    passes = Passes.over(make_config(task, weight="weight", **SETTINGS[task]), *pair, parts=5)
    for name, _, solutions in passes.values():
        assert not isinstance(solutions, str)
        for model, table in enumerate(pair):
            expected = ORACLES[task][name](answered(task, table), weight)
            assert solutions[model].value == pytest.approx(expected, rel=1e-9, abs=1e-12), name


def solution_of(name: str, label: list[float], output: list[float], **settings: Any) -> Solution:
    """One regression metric on a few rows."""
    table = pl.DataFrame({"id": range(len(label)), "label": label, "prediction": output})
    if "weights" in settings:
        table = table.with_columns(weight=pl.Series(settings.pop("weights"), dtype=pl.Float64))
        settings["weight"] = "weight"
    return Passes.over(make_config("regression", {name: ANYTHING}, **settings), table).overall(name)


@pytest.mark.parametrize(
    ("errors", "weights", "median"),
    [
        ([1.0, 2.0, 4.0], None, 2.0),
        ([1.0, 2.0, 4.0, 8.0], None, 3.0),
        ([1.0, 2.0, 4.0], [1, 1, 2], 3.0),
        ([1.0, 2.0, 4.0], [1, 1, 3], 4.0),
        ([1.0, 2.0, 4.0, 4.0], [2, 1, 0, 1], 1.5),
        ([5.0, 5.0, 5.0, 5.0], None, 5.0),
    ],
)
def test_median_absolute_error__even_counts_and_weights(
    errors: list[float], weights: list[float] | None, median: float
) -> None:
    found = solution_of(
        "median-absolute-error", [0.0] * len(errors), errors,
        **({} if weights is None else {"weights": weights}),
    )  # fmt: skip
    assert found.value == pytest.approx(median, rel=1e-12)


def test_mape__label_of_zero_counts_as_the_smallest_step() -> None:
    label, output = [0.0, 2.0], [1.0, 3.0]
    expected = sk.mean_absolute_percentage_error(label, output)
    assert expected > 1e15
    assert solution_of("mape", label, output).value == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("quantile", [0.05, 0.5, 0.9])
def test_pinball_loss__takes_the_quantile_of_the_config(quantile: float) -> None:
    label, output = [1.0, 2.0, 3.0], [2.0, 2.0, 0.0]
    expected = sk.mean_pinball_loss(label, output, alpha=quantile)
    found = solution_of("pinball-loss", label, output, quantile=quantile)
    assert found.value == pytest.approx(expected, rel=1e-12)


def test_roc_auc__a_negative_zero_ties_with_zero() -> None:
    table = pl.DataFrame({"id": range(4), "label": [0, 1, 0, 1], "score": [0.0, -0.0, 0.0, -0.0]})
    passes = Passes.over(make_config("binary", {"roc-auc": ANYTHING}), table)
    assert passes.overall("roc-auc").value == 0.5


def test_r2__slice_far_from_the_others_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    group = np.arange(400) % 2
    label = np.where(group == 0, 1e6, -1e6) + rng.normal(size=400)
    table = pl.DataFrame({"id": range(400), "group": group, "label": label})
    table = table.with_columns(prediction=pl.col("label") + 0.5 * pl.Series(rng.normal(size=400)))
    passes = Passes.over(make_config("regression", {"r2": ANYTHING}, slices=["group"]), table)
    for _, level, solutions in passes.values():
        if level:
            rows = table.filter(pl.col("group") == int(str(level["slice.0"])))
            expected = sk.r2_score(rows["label"], rows["prediction"])
            assert not isinstance(solutions, str)
            assert solutions[0].value == pytest.approx(expected, rel=1e-9)


@st.composite
def smooth_tables(draw: st.DrawFn, task: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Candidate's and baseline's tables away from the kinks of calibration error and bias."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(12, 60))
    candidate, baseline = DRAWS[task](n, rng)
    if task == "binary" and draw(st.booleans()):  # ties, yet no bin whose gap is 0
        candidate = candidate.with_columns(score=(pl.col("score") * 8).floor() / 8.3 + 0.0137)
    extra = {
        "weight": rng.gamma(2.0, size=n) if draw(st.booleans()) else np.ones(n),
        "group": rng.choice(["x", "y"], size=n),
        "row": np.char.zfill(np.arange(n).astype(str), 4),
    }
    return candidate.with_columns(**extra), baseline


def values_with(
    settings: config.Config, candidate: pl.DataFrame, baseline: pl.DataFrame, row: int, add: float
) -> dict[tuple[str, str | None], list[float]]:
    weight = candidate["weight"].to_numpy().copy()
    weight[row] += add
    passes = Passes.over(settings, candidate.with_columns(weight=weight), baseline)
    return {
        (name, level.get("slice.0")): [solution.value for solution in solutions]
        for name, level, solutions in passes.values()
        if not isinstance(solutions, str)
    }


@pytest.mark.parametrize("task", DRAWS)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_metrics__influence_is_the_slope_by_the_weight_of_a_row_and_adds_up_to_zero(
    task: str, data: st.DataObject
) -> None:
    """A row's influence is its weight times the derivative of the value by that weight."""
    candidate, baseline = data.draw(smooth_tables(task))
    # A cluster for each row: the sum of its influence is that row's own.
    each = make_config(task, slices=["group"], weight="weight", cluster="row", **SETTINGS[task])
    passes = Passes.over(each, candidate, baseline, parts=data.draw(st.sampled_from([1, 3])))
    row = data.draw(st.integers(0, candidate.height - 1))
    weight, step = candidate["weight"][row], 1e-5 * candidate["weight"][row]
    up, down = (values_with(each, candidate, baseline, row, add) for add in (step, -step))
    shown = list(passes.values())
    solved = {(name, level.get("slice.0")): s for name, level, s in shown}
    for name, slicing, own, harm in passes.influence():
        assert harm is not None
        levels = passes.design.slicings[slicing].levels
        for level in range(levels.height):
            group = levels.row(level, named=True).get("slice.0")
            if isinstance(solved[name, group], str):
                assert not own[level].any()
                continue
            for influence in (own[level], harm[level]):
                assert influence.shape == (candidate.height,)
                assert abs(influence.sum()) <= 1e-9 * max(1e-3, np.abs(influence).sum()), name
            # A step function of the weights: its influence rests on a density. The other's is
            # steadied on purpose, and looked at below.
            if name in ("median-absolute-error", "pr-auc"):
                continue
            slope = [weight * (high - low) / (2 * step) for high, low in
                     zip(up[name, group], down[name, group], strict=True)]  # fmt: skip
            in_slice = group is None or candidate["group"][row] == group
            scale = max(1.0, abs(up[name, group][0]), abs(up[name, group][1]))
            near = pytest.approx(slope[0] if in_slice else 0.0, rel=1e-4, abs=1e-8 * scale)
            assert own[level][row] == near, name
            sign = METRICS[name.partition("/")[0]].sign
            harm_slope = sign * (slope[0] - slope[1]) if in_slice else 0.0
            assert harm[level][row] == pytest.approx(harm_slope, rel=1e-4, abs=1e-8 * scale), name


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 40))
def test_pr_auc__derivatives_without_prior_rows_are_the_slopes(seed: int, n: int) -> None:
    """The sums by score and class are moved one by one, their weight with them."""
    rng = np.random.default_rng(seed)
    values = rng.gamma(2.0, size=(n, 2))

    def value(at: Floats) -> float:
        return _pr_auc(Bins(at, float(at.sum()), n)).value

    found = _pr_auc(Bins(values, float(values.sum()), n), prior_rows=0)
    assert (found.gradient * values).sum() == pytest.approx(0, abs=1e-12)
    for place in np.ndindex(*values.shape):
        step = np.zeros_like(values)
        step[place] = 1e-6
        slope = (value(values + step) - value(values - step)) / 2e-6
        assert found.gradient[place] == pytest.approx(slope, rel=1e-5, abs=1e-8)


def test_pr_auc__prior_rows_matter_less_the_more_rows_there_are() -> None:
    rng = np.random.default_rng(0)
    ratios = []
    for n in (200, 20_000):
        label = rng.random(n) < 0.2
        order = np.argsort(rng.normal(size=n) + label)
        values = np.column_stack((~label, label))[order].astype(float)
        steady, plain = (
            _pr_auc(Bins(values, float(n), n), prior_rows=rows).gradient for rows in (2.0, 0.0)
        )
        ratios.append((steady**2 * values).sum() / (plain**2 * values).sum())
    assert ratios[0] < ratios[1] < 1
    assert ratios[1] > 0.98


@pytest.mark.parametrize("name", ["precision", "f1", "recall", "roc-auc"])
def test_metrics__without_a_positive_anywhere_have_no_value(name: str) -> None:
    table = pl.DataFrame({"id": range(4), "label": [0, 0, 0, 0], "score": [0.1, 0.2, 0.3, 0.4]})
    passes = Passes.over(make_config("binary", {name: ANYTHING}), table)
    assert all(isinstance(solutions, str) for _, _, solutions in passes.values())


def test_precision__of_a_model_that_fell_silent_is_zero() -> None:
    table = pl.DataFrame({"id": range(4), "label": [0, 1, 0, 1], "score": [0.1, 0.2, 0.3, 0.4]})
    passes = Passes.over(make_config("binary", {"precision": ANYTHING}), table)
    assert passes.overall("precision").value == 0


def test_median_absolute_error__standard_error_is_that_of_its_distribution() -> None:
    """Of normal errors: the density of |error| at its median 0.6745 is 0.6356."""
    rng = np.random.default_rng(0)
    n = 200_000
    table = pl.DataFrame({"id": range(n), "label": np.zeros(n), "prediction": rng.normal(size=n)})
    passes = Passes.over(make_config("regression", {"median-absolute-error": ANYTHING}), table)
    (second, _), = passes.spread().own[0][:1]  # fmt: skip
    assert np.sqrt(second) == pytest.approx(0.5 / 0.6356 / np.sqrt(n), rel=0.05)


def test_metrics__warnings_stay_errors_where_sums_are_empty() -> None:
    """A slice whose only class is answered by nobody divides nothing by zero, aloud."""
    table = pl.DataFrame(
        {"id": range(3), "label": ["a", "a", "b"], "answer": ["b", "b", "b"], "group": [1, 1, 2]}
    )
    settings = make_config(
        "multiclass",
        dict.fromkeys(("balanced-accuracy", "macro-f1", "weighted-f1", "recall-per-class"),
                      ANYTHING),
        prediction="answer", scores={}, slices=["group"],
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = {
            (name, level.get("slice.0")): solutions if isinstance(solutions, str)
            else solutions[0].value
            for name, level, solutions in Passes.over(settings, table).values()
        }  # fmt: skip
    assert values["balanced-accuracy", "1"] == 0
    assert values["macro-f1", None] == pytest.approx((0 + 0.5) / 2)
    assert values["weighted-f1", None] == pytest.approx(0.5 / 3)
    assert values["recall-per-class/b", "1"] == "no row has this class as its label"
