from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidegate import config as configs
from tidegate.context import Context
from tidegate.errors import ConfigError, DataError, RegistryError, TidegateError
from tidegate.gate import record as records
from tidegate.gate.gate import GateReport, gate_model
from tidegate.registry import Registry
from tidegate.verdict import Verdict

SETTINGS: dict[str, Any] = {
    "service": "shop",
    "evaluation": {
        "predictions": "candidate.parquet",
        "key": "id",
        "label": "bought",
        "score": "score",
        "cluster": "day",
        "slices": ["country"],
    },
    "gate": {
        "metrics": {"roc-auc": {"min": 0.6, "max-regression": 0.01}},
        "slice-metrics": {"roc-auc": {"max-regression": 0.05}},
    },
}


def predictions(seed: int = 0, n: int = 6_000, broken: str | None = None) -> pl.DataFrame:
    """A table whose label and key depend on nothing but n; `broken` names a country to spoil."""
    world = np.random.default_rng(99)
    signal = world.normal(size=n)
    country = world.choice(["DE", "FR", "IT"], size=n)
    bought = world.random(n) < 1 / (1 + np.exp(-2 * signal))
    noise = np.random.default_rng(seed).normal(size=n)
    score = 1 / (1 + np.exp(-(signal + 0.3 * noise)))
    if broken:
        score = np.where(country == broken, 1 / (1 + np.exp(-(0.3 * signal + noise))), score)
    return pl.DataFrame(
        {
            "id": np.arange(n),
            "bought": bought.astype(int),
            "score": score,
            "day": np.arange(n) % 60,
            "country": country,
        }
    )


def no_registry() -> Registry:
    raise AssertionError("the registry was asked")


@pytest.fixture
def judge(tmp_path: Path) -> Callable[..., GateReport]:
    def run(
        candidate: pl.DataFrame | None,
        baseline: pl.DataFrame | str | None = None,
        open_registry: Callable[[], Registry] = no_registry,
        **changes: Any,
    ) -> GateReport:
        settings = {name: dict(value) if isinstance(value, dict) else value
                    for name, value in SETTINGS.items()}  # fmt: skip
        for place, value in changes.items():
            settings[place] = {**settings[place], **value} if isinstance(value, dict) else value
        (tmp_path / "tidegate.yaml").write_text(yaml.safe_dump(settings))
        if candidate is not None:
            candidate.write_parquet(tmp_path / "candidate.parquet")
        named = "none"
        if isinstance(baseline, pl.DataFrame):
            baseline.write_parquet(tmp_path / "baseline.parquet")
            named = "baseline.parquet"
        elif baseline is not None:
            named = baseline
        return gate_model(
            configs.load(tmp_path / "tidegate.yaml"),
            Context(environ={"TIDEGATE_COMMIT": "c0ffee"}),
            baseline=None if named == "champion" else named,
            open_registry=open_registry,
        )

    return run


def assert_same_results(first: GateReport, second: GateReport) -> None:
    """The same verdicts, and numbers equal to 1e-9."""
    assert len(first.results) == len(second.results)
    for one, two in zip(first.results, second.results, strict=True):
        one_dict, two_dict = one.to_dict(), two.to_dict()
        for name, value in one_dict.items():
            if isinstance(value, float):
                assert two_dict[name] == pytest.approx(value, rel=1e-9, abs=1e-12), name
            elif name != "reason":
                assert two_dict[name] == value, name


def by_slice(report: GateReport) -> dict[str | None, Verdict]:
    return {
        None if result.slice is None else result.slice["country"]: result.judgement.verdict
        for result in report.results
    }


def test_gate_model__as_good_as_before_passes(judge: Callable[..., GateReport]) -> None:
    report = judge(predictions(1), predictions(2))
    assert (report.verdict, report.blocked) == (Verdict.PASS, False)
    assert report.clusters == 60
    assert set(by_slice(report)) == {None, "DE", "FR", "IT"}


def test_gate_model__one_bad_slice_fails_and_is_named(judge: Callable[..., GateReport]) -> None:
    loose = {"metrics": {"roc-auc": {"max-regression": 0.2}}}
    report = judge(predictions(1, broken="IT"), predictions(2), gate=loose)
    verdicts = by_slice(report)
    assert verdicts.pop("IT") is Verdict.FAIL
    assert set(verdicts.values()) == {Verdict.PASS}
    assert (report.verdict, report.blocked) == (Verdict.FAIL, True)


def test_gate_model__rows_in_another_order_give_the_same_report(
    judge: Callable[..., GateReport],
) -> None:
    first = judge(predictions(1), predictions(2))
    second = judge(predictions(1).sample(fraction=1, shuffle=True, seed=5), predictions(2))
    assert_same_results(first, second)
    assert first.record["results_digest"] == second.record["results_digest"]
    assert first.record["evaluation_digest"] == second.record["evaluation_digest"]


def test_gate_model__no_baseline_is_recorded_as_such(judge: Callable[..., GateReport]) -> None:
    report = judge(predictions(1))
    assert report.verdict is Verdict.PASS
    assert report.record["baseline"] is None
    assert "No baseline was asked for" in report.notes[0]
    assert all(result.judgement.harm is None for result in report.results)


def test_gate_model__no_baseline_where_one_is_asked_for_is_an_error(
    judge: Callable[..., GateReport],
) -> None:
    with pytest.raises(DataError, match="there is no baseline"):
        judge(predictions(1), gate={"on-missing-baseline": "fail"})


def test_gate_model__nothing_to_judge_is_an_error_not_a_pass(
    judge: Callable[..., GateReport],
) -> None:
    with pytest.raises(DataError, match="nothing could be judged"):
        judge(predictions(1), gate={"metrics": {"roc-auc": {"max-regression": 0.1}}})


def test_gate_model__registry_that_cannot_be_reached_is_not_a_missing_baseline(
    judge: Callable[..., GateReport],
) -> None:
    def unreachable() -> Registry:
        raise RegistryError("MLflow did not answer")

    with pytest.raises(RegistryError):
        judge(predictions(1), "champion", unreachable)


@pytest.mark.parametrize(("mode", "blocked"), [("enforce", True), ("warn", False), ("off", False)])
def test_gate_model__mode_decides_whether_a_failure_blocks(
    judge: Callable[..., GateReport], mode: str, blocked: bool
) -> None:
    report = judge(predictions(1), gate={"mode": mode, "metrics": {"roc-auc": {"min": 0.999}}})
    assert (report.verdict, report.blocked) == (Verdict.FAIL, blocked)


@pytest.mark.parametrize(("policy", "blocked"), [("fail", True), ("warn", False)])
def test_gate_model__inconclusive_blocks_unless_the_config_only_warns(
    judge: Callable[..., GateReport], policy: str, blocked: bool
) -> None:
    tight = {"roc-auc": {"max-regression": 0.0005}}
    report = judge(
        predictions(5), predictions(6),
        gate={"metrics": tight, "slice-metrics": {}, "on-inconclusive": policy},
    )  # fmt: skip
    assert (report.verdict, report.blocked) == (Verdict.INCONCLUSIVE, blocked)
    assert report.results[0].judgement.rows_needed is not None


def test_gate_model__small_slice_is_not_judged_and_is_named(
    judge: Callable[..., GateReport],
) -> None:
    table = predictions(1).with_columns(
        pl.when(pl.col("id") < 10).then(pl.lit("AT")).otherwise("country").alias("country")
    )
    report = judge(table, table, gate={"allow-same-version": True})
    assert "AT" not in by_slice(report)
    assert any("country=AT (10)" in note for note in report.notes)


def test_gate_model__null_slice_is_a_slice_of_its_own(judge: Callable[..., GateReport]) -> None:
    table = predictions(1).with_columns(
        pl.when(pl.col("country") == "IT").then(None).otherwise("country").alias("country")
    )
    results = judge(table, table, gate={"allow-same-version": True}).results
    assert [r.slice["country"] for r in results if r.slice] == ["DE", "FR", None]


def test_gate_model__record_binds_everything_and_an_edit_shows(
    judge: Callable[..., GateReport],
) -> None:
    record = dict(judge(predictions(1), predictions(2)).record)
    assert record["commit"] == "c0ffee"
    assert records.is_intact(record)
    assert not records.is_intact({**record, "blocked": not record["blocked"]})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda t: t.drop("id"), "no column 'id'"),
        (lambda t: t.drop("country"), "no column 'country'"),
        (lambda t: t.drop("score"), "no column 'score'"),
        (lambda t: t.clear(), "empty"),
        (lambda t: pl.concat([t, t.head(3)]), "share their key"),
        (lambda t: t.with_columns(score=pl.lit(float("nan"))), "NaN"),
        (lambda t: t.with_columns(score=pl.lit(float("inf"))), "infinite"),
        (lambda t: t.with_columns(score=pl.col("score") * 3), "outside 0 to 1"),
        (lambda t: t.with_columns(score=pl.lit(None, pl.Float64)), "have no value"),
        (lambda t: t.with_columns(bought=pl.lit("yes")), "text other than 0, 1"),
        (lambda t: t.with_columns(bought=pl.lit(date(2013, 1, 1))), "not numbers"),
        (lambda t: t.with_columns(bought=pl.lit(2)), "other than 0 and 1"),
        (lambda t: t.tail(-2), "2 keys stand in the baseline's table alone"),
        (lambda t: t.with_columns(id=pl.col("id") + 2), "2 keys stand in the candidate's"),
        (lambda t: t.with_columns(bought=1 - pl.col("bought")), "another label"),
        (lambda t: t.with_columns(id=pl.col("id").cast(pl.String)), "the key 'id' is String"),
        (lambda t: t.with_columns(country=pl.concat_list("country")), "not plain values"),
    ],
)
def test_gate_model__damaged_table_is_one_clear_error(
    judge: Callable[..., GateReport],
    damage: Callable[[pl.DataFrame], pl.DataFrame],
    message: str,
) -> None:
    with pytest.raises(TidegateError, match=message):
        judge(damage(predictions(1)), predictions(2))


def test_gate_model__one_class_alone_is_an_error(judge: Callable[..., GateReport]) -> None:
    with pytest.raises(DataError, match="only one class"):
        judge(predictions(1).with_columns(bought=pl.lit(0)))


def test_gate_model__missing_column_points_at_the_line_of_the_config(
    judge: Callable[..., GateReport],
) -> None:
    with pytest.raises(ConfigError, match=r"tidegate\.yaml:\d+: .*no column 'country'"):
        judge(predictions(1).drop("country"))


def test_gate_model__missing_table_is_an_error(judge: Callable[..., GateReport]) -> None:
    with pytest.raises(DataError, match="does not exist"):
        judge(None)


@pytest.mark.parametrize("kind", [pl.Boolean, pl.Float32, pl.UInt8])
def test_gate_model__type_of_the_label_makes_no_difference(
    judge: Callable[..., GateReport], kind: type[pl.DataType]
) -> None:
    plain = judge(predictions(1), predictions(2))
    cast = judge(predictions(1), predictions(2).with_columns(pl.col("bought").cast(kind)))
    assert [r.to_dict() for r in cast.results] == [r.to_dict() for r in plain.results]


def classes(right: float, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    label = np.arange(3_000) % 3
    return pl.DataFrame(
        {
            "id": np.arange(3_000),
            "bought": label,
            "score": np.where(rng.random(3_000) < right, label, (label + 1) % 3),
        }
    )


MULTICLASS: dict[str, Any] = {
    "task": "multiclass",
    "evaluation": {"score": None, "prediction": "score", "cluster": None, "slices": []},
    "gate": {"metrics": {"accuracy": {"max-regression": 0.01}}, "slice-metrics": {}},
}


@pytest.mark.parametrize("kind", [pl.Float64, pl.Int32, pl.String])
def test_gate_model__type_of_a_class_cannot_turn_a_failure_into_a_pass(
    judge: Callable[..., GateReport], kind: type[pl.DataType]
) -> None:
    report = judge(
        classes(0.5), classes(0.8).with_columns(pl.col("score").cast(kind)), **MULTICLASS
    )
    assert report.verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda t: t.with_columns(score=pl.format("class {}", "score")), "no class of 'score'"),
        (lambda t: t.with_columns(score=pl.lit(float("nan"))), "have no value"),
    ],
)
def test_gate_model__classes_that_cannot_be_matched_are_an_error(
    judge: Callable[..., GateReport],
    damage: Callable[[pl.DataFrame], pl.DataFrame],
    message: str,
) -> None:
    with pytest.raises(DataError, match=message):
        judge(classes(0.5), damage(classes(0.8)), **MULTICLASS)


def test_gate_model__values_that_overflow_are_an_error(judge: Callable[..., GateReport]) -> None:
    huge = predictions(1).with_columns(bought=pl.col("id") * 1e160, score=pl.lit(1e200))
    with pytest.raises(DataError, match="overflows"):
        judge(
            huge,
            task="regression",
            evaluation={"score": None, "prediction": "score"},
            gate={"metrics": {"rmse": {"max": 1}}, "slice-metrics": {}, "on-inconclusive": "warn"},
        )


def test_gate_model__slice_in_which_the_model_fell_silent_fails(
    judge: Callable[..., GateReport],
) -> None:
    silent = predictions(1).with_columns(
        score=pl.when(pl.col("country") == "IT").then(0.0).otherwise("score")
    )
    bounds = {"metrics": {"roc-auc": {"min": 0.1}},
              "slice-metrics": {"precision": {"max-regression": 0.1}}}  # fmt: skip
    assert by_slice(judge(silent, predictions(2), gate=bounds))["IT"] is Verdict.FAIL


def test_gate_model__slice_metrics_without_slices_are_an_error(
    judge: Callable[..., GateReport],
) -> None:
    with pytest.raises(ConfigError, match="no slices to judge"):
        judge(predictions(1), evaluation={"slices": []})


@pytest.mark.parametrize("column", ["bought", "id"])
def test_gate_model__label_or_key_as_its_own_score_is_an_error(
    judge: Callable[..., GateReport], column: str
) -> None:
    with pytest.raises(ConfigError, match="both the model's answer"):
        judge(predictions(1), evaluation={"score": column})


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_gate_model__no_damage_turns_a_failure_into_a_pass(
    judge: Callable[..., GateReport], data: st.DataObject
) -> None:
    """A model that is clearly worse stays blocked, or becomes an error, whatever is broken."""
    bad, good = predictions(1, n=2_000, broken="IT"), predictions(2, n=2_000)
    column = data.draw(st.sampled_from(bad.columns))
    rows = data.draw(st.lists(st.integers(0, 1_999), min_size=1, max_size=40, unique=True))
    chosen = pl.col("id").is_in(rows)
    kind = data.draw(st.sampled_from(["null", "drop-rows", "drop-column", "repeat", "nan"]))
    if kind == "null":
        bad = bad.with_columns(pl.when(chosen).then(None).otherwise(column).alias(column))
    elif kind == "drop-rows":
        bad = bad.filter(~chosen)
    elif kind == "drop-column":
        bad = bad.drop(column)
    elif kind == "repeat":
        bad = pl.concat([bad, bad.filter(chosen)])
    else:
        bad = bad.with_columns(pl.when(chosen).then(float("nan")).otherwise("score").alias("score"))
    try:
        report = judge(bad, good, gate={"metrics": {"roc-auc": {"max-regression": 0.01}}})
    except TidegateError:
        return
    assert report.blocked


def test_gate_model__equal_models_rarely_fail_over_many_slices(
    judge: Callable[..., GateReport],
) -> None:
    """Family-wise: overall and 20 slices, no true difference, a margin of zero."""
    world = np.random.default_rng(7)
    failed = 0
    for seed in range(60):
        table = predictions(2 * seed + 10, n=8_000).with_columns(
            country=pl.Series(world.integers(0, 20, size=8_000).astype(str))
        )
        other = predictions(2 * seed + 11, n=8_000).with_columns(country=table["country"])
        report = judge(
            table, other,
            gate={"metrics": {"roc-auc": {"max-regression": 0}},
                  "slice-metrics": {"roc-auc": {"max-regression": 0}}},
        )  # fmt: skip
        failed += any(r.judgement.verdict is Verdict.FAIL for r in report.results if r.slice)
    assert failed <= 8  # 5 % of 60 is 3; three standard deviations more is 8


def test_gate_model__change_is_told_where_no_regression_is_judged(
    judge: Callable[..., GateReport],
) -> None:
    rules = {"metrics": {"brier-score": {"max": 0.9}}, "slice-metrics": {}}
    (result,) = judge(predictions(1), predictions(2), gate=rules).results
    judged = result.judgement
    assert judged.baseline is not None
    assert judged.harm == pytest.approx(judged.candidate - judged.baseline)
    # The ends are those of what was judged: the candidate's own value.
    assert judged.lower < judged.candidate < judged.upper
