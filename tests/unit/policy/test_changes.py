"""Changes of the bar, named; the words are held to what the judges themselves say of either bar."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation_sets import judged, make_config
from tidegate.config import Config
from tidegate.gate.budgets import judge_budgets
from tidegate.gate.gate import decide
from tidegate.policy.changes import PolicyChange, data_changes, gate_changes

Gate = dict[str, Any]


def changes(before: Gate, after: Gate, **evaluation: Any) -> list[PolicyChange]:
    """Of two gates over the same evaluation; `metrics` is filled in where a test is of another."""
    one, other = (
        make_config("binary", gate.get("metrics", {"roc-auc": {"min": 0.5}}),
                    gate={k: v for k, v in gate.items() if k != "metrics"}, **evaluation)
        for gate in (before, after)
    )  # fmt: skip
    return gate_changes(one, other)


@cache
def tables() -> tuple[pl.DataFrame, pl.DataFrame]:
    """A candidate that is a little worse than its baseline, clearly so in the smallest of shops."""
    rng = np.random.default_rng(3)
    rows = 3_000
    signal = rng.normal(size=rows)
    shop = np.array(["a", "b", "c"])[np.minimum(2, rng.integers(0, 12, rows) // 5)]
    noise = np.where(shop == "c", 1.2, 0.65)
    frame = pl.DataFrame(
        {"id": np.arange(rows), "label": rng.random(rows) < 1 / (1 + np.exp(-2 * signal)),
         "shop": shop}
    )  # fmt: skip

    def score(scale: Any) -> pl.Series:
        return pl.Series("score", 1 / (1 + np.exp(-(signal + scale * rng.normal(size=rows)))))

    return frame.with_columns(score(noise)), frame.with_columns(score(0.55))


def blocks(gate: Gate, *, baseline: bool = True) -> bool:
    """What the real judge decides on the tables."""
    candidate, other = tables()
    config = make_config("binary", gate["metrics"], slices=["shop"],
                         gate={k: v for k, v in gate.items() if k != "metrics"})  # fmt: skip
    results = judged(config, candidate, other if baseline else None)
    return decide(config.need_gate(), results, [])[1]


def held_to_the_judge(before: Gate, after: Gate) -> tuple[list[str], bool, bool]:
    """(words, whether either blocks): what lets through what was blocked is looser."""
    words = [change.effect for change in changes(before, after, slices=["shop"])]
    was, now = blocks(before), blocks(after)
    if was and not now:
        assert words == ["looser"]
    if now and not was:
        assert words == ["tighter"]
    return words, was, now


def bound(section: str, metric: str, kind: str) -> Callable[[float], Gate]:
    def gate(value: float) -> Gate:
        made: Gate = {"metrics": {"roc-auc": {"min": 0.1}}}
        made.setdefault(section, {})[metric] = {kind: value}
        return made

    return gate


# (what makes a gate of a value, values around the point where the judge changes its mind).
KNOBS: Mapping[str, tuple[Callable[[Any], Gate], tuple[float, float]]] = {
    "min": (bound("metrics", "accuracy", "min"), (0.6, 0.9)),
    "max": (bound("metrics", "log-loss", "max"), (0.3, 0.9)),
    "max-regression": (bound("metrics", "log-loss", "max-regression"), (0.0, 0.2)),
    "slice min": (bound("slice-metrics", "accuracy", "min"), (0.5, 0.9)),
    "slice max": (bound("slice-metrics", "log-loss", "max"), (0.3, 0.9)),
    "slice max-regression": (bound("slice-metrics", "log-loss", "max-regression"), (0.0, 0.3)),
    "min-slice-rows": (
        lambda rows: {
            "metrics": {"roc-auc": {"min": 0.1}}, "min-slice-rows": max(1, int(rows)),
            "slice-metrics": {"log-loss": {"max-regression": 0.02}},
        },
        (1, 2_000),
    ),
}  # fmt: skip


@pytest.mark.parametrize("knob", KNOBS)
def test_gate_changes__the_judge_lets_through_more_where_it_is_said_to_be_looser(knob: str) -> None:
    make, (low, high) = KNOBS[knob]
    seen = set()
    for one in np.linspace(low, high, 7):
        for other in (low, high):
            if make(one) != make(other):
                words, was, now = held_to_the_judge(make(one), make(other))
                assert set(words) <= {"looser", "tighter"}
                seen.add((was, now))
    # The oracle had something to say: each knob moved the verdict, both ways.
    assert {(True, False), (False, True)} <= seen


def sure(on_inconclusive: str, on_slice: str) -> Callable[[float], Gate]:
    return lambda confidence: {
        "metrics": {"roc-auc": {"min": 0.1}, "accuracy": {"min": 0.781}},
        "slice-metrics": {"accuracy": {"min": 0.70}},
        "confidence": confidence,
        "on-inconclusive": on_inconclusive,
        "on-inconclusive-slice": on_slice,
    }


@pytest.mark.parametrize("on_inconclusive", ["fail", "warn"])
@pytest.mark.parametrize("on_slice", ["fail", "warn"])
@given(pair=st.tuples(*[st.sampled_from([0.51, 0.6, 0.8, 0.9, 0.95, 0.99, 0.9999])] * 2))
def test_gate_changes__confidence_is_never_called_tighter_where_it_lets_through(
    on_inconclusive: str, on_slice: str, pair: tuple[float, float]
) -> None:
    make = sure(on_inconclusive, on_slice)
    before, after = make(pair[0]), make(pair[1])
    words = [change.effect for change in changes(before, after, slices=["shop"])]
    assert len(words) == (pair[0] != pair[1])
    if blocks(before) and not blocks(after):
        assert words == ["looser"]


@pytest.mark.parametrize(
    ("key", "loose", "tight"),
    [
        ("mode", "warn", "enforce"), ("mode", "off", "enforce"),
        ("on-inconclusive", "warn", "fail"), ("on-inconclusive-slice", "warn", "fail"),
        ("on-missing-baseline", "absolute-only", "fail"),
        ("on-unscorable-baseline", "absolute-only", "fail"),
        ("allow-same-version", True, False),
    ],
)  # fmt: skip
def test_gate_changes__switches_are_named_both_ways(key: str, loose: Any, tight: Any) -> None:
    for before, after, effect in ((tight, loose, "looser"), (loose, tight, "tighter")):
        (change,) = changes({key: before}, {key: after})
        assert (change.path, change.effect) == (f"gate.{key}", effect)


def test_gate_changes__off_and_warn_block_as_little() -> None:
    (change,) = changes({"mode": "off"}, {"mode": "warn"})
    assert change.effect == "other"


@pytest.mark.parametrize("section", ["metrics", "slice-metrics"])
def test_gate_changes__metric_that_goes_is_looser_and_one_that_comes_tighter(section: str) -> None:
    few = {"metrics": {"roc-auc": {"min": 0.5}}, "slice-metrics": {"recall": {"min": 0.5}}}
    more = {**few, section: {**few[section], "accuracy": {"min": 0.7, "max-regression": 0.01}}}
    said = "min: 0.7, max-regression: 0.01"
    path = f"gate.{section}.accuracy"
    gone, come = changes(more, few, slices=["shop"]), changes(few, more, slices=["shop"])
    assert gone == [PolicyChange(path, said, None, "looser")]
    assert come == [PolicyChange(path, None, said, "tighter")]


BUDGETS = st.sampled_from(
    [None, {"max": 5}, {"max": 50}, {"max": 500}, {"max-increase": 5}, {"max-increase": "10%"},
     {"max-increase": "200%"}, {"max": 60, "max-increase": "0%"}, {"max": 60, "max-increase": 90},
     {"min": 10}, {"min": 45}, {"min": 10, "max": 70}]
)  # fmt: skip


@given(before=BUDGETS, after=BUDGETS, figure=st.sampled_from([4.0, 30.0, 52.0, 58.0, 90.0, 600.0]))
def test_gate_changes__budgets_are_what_the_judge_of_budgets_makes_of_them(
    before: Gate | None, after: Gate | None, figure: float
) -> None:
    one, other = ({} if budget is None else {"memory-mb": budget} for budget in (before, after))
    words = {change.effect for change in changes({"budgets": one}, {"budgets": other})}

    def kept(budgets: Gate) -> bool:
        config = make_config("binary", {"roc-auc": {"min": 0.5}}, gate={"budgets": budgets})
        held = config.need_gate().budgets
        results, _ = judge_budgets(held, {"memory-mb": figure}, {"memory-mb": 50.0})
        return all(result.verdict == "pass" for result in results)

    if not kept(one) and kept(other):
        assert words & {"looser", "other"}
    if kept(one) and not kept(other):
        assert words & {"tighter", "other"}


@given(before=st.sampled_from([0, 3, 300, "0%", "1%", "20%"]),
       after=st.sampled_from([0, 3, 300, "0%", "1%", "20%"]))  # fmt: skip
def test_gate_changes__unpaired_rows_are_what_the_judge_makes_of_them(
    before: int | str, after: int | str
) -> None:
    one, other = (
        make_config("binary", {"roc-auc": {"max-regression": 1}}, **{"max-unpaired-rows": value})
        for value in (before, after)
    )
    words = {change.effect for change in gate_changes(one, other)}
    tolerated = [config.need_evaluation().tolerated_unpaired(3_000) for config in (one, other)]
    if tolerated[1] > tolerated[0]:
        assert words <= {"looser", "other"}
        assert words
    if tolerated[1] < tolerated[0]:
        assert words <= {"tighter", "other"}
        assert words


def test_gate_changes__slice_that_goes_is_looser() -> None:
    cut = {"slices": ["shop", [{"age": [18, 65]}, "shop"]]}
    gate = {"metrics": {"roc-auc": {"min": 0.5}}, "gate": {"slice-metrics": {"recall": {"min": 0}}}}
    metrics, rest = gate["metrics"], gate["gate"]
    before = make_config("binary", metrics, gate=rest, **cut)
    after = make_config("binary", metrics, gate=rest, slices=["shop"])
    path, name = "evaluation.slices", "age [18, 65], shop"
    assert gate_changes(before, after) == [PolicyChange(path, name, None, "looser")]
    assert gate_changes(after, before) == [PolicyChange(path, None, name, "tighter")]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"model": "shop"}, {"model": "other"}, ("model", "shop", "other", "other")),
        ({}, {"registry": {"champion-alias": "none"}},
         ("registry.champion-alias", "champion", "none", "other")),
        ({}, {"override-label": False}, ("override-label", "tidegate-override", "off", "tighter")),
        ({"override-label": "off"}, {}, ("override-label", "off", "tidegate-override", "looser")),
    ],
)  # fmt: skip
def test_gate_changes__what_is_beside_the_gate(
    before: Gate, after: Gate, expected: tuple[str, ...]
) -> None:
    one, other = (Config.model_validate({"model": "shop", **given}) for given in (before, after))
    assert gate_changes(one, other) == [PolicyChange(*expected)]  # type: ignore[arg-type]


def test_gate_changes__gate_that_is_taken_out_is_one_change() -> None:
    config = make_config("binary", {"roc-auc": {"min": 0.5}})
    without = config.model_copy(update={"gate": None, "evaluation": None})
    assert [(c.path, c.effect) for c in gate_changes(config, without)] == [
        ("evaluation", "looser"), ("gate", "looser"),
    ]  # fmt: skip


def test_data_changes__of_datasets_and_their_rules() -> None:
    orders = {"path": "a.csv", "schema": "a.py:A", "max-failing-rows": 1}
    before = Config.model_validate({"data": {"orders": orders, "shops": orders}})
    loose = {**orders, "path": "b.csv", "max-failing-rows": 9}
    after = Config.model_validate({"data": {"orders": loose, "users": orders}})
    assert [(c.path, c.effect) for c in data_changes(before, after)] == [
        ("data.orders.max-failing-rows", "looser"), ("data.shops", "looser"),
        ("data.users", "tighter"),
    ]  # fmt: skip
