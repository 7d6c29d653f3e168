from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.config import Budget
from tidegate.errors import DataError
from tidegate.gate.budgets import (
    BudgetResult,
    folder_megabytes,
    judge_budgets,
    read_measurements,
)
from tidegate.verdict import Verdict


def budget(limits: Any) -> Budget:
    """As the config reads it: {"max": 5, "max-increase": "10%"}."""
    return Budget.model_validate(limits)


def judged(
    limits: dict[str, Any],
    value: float,
    before: dict[str, float] | None,
    name: str = "latency-p95-ms",
) -> tuple[BudgetResult | None, list[str]]:
    results, notes = judge_budgets({name: budget(limits)}, {name: value}, before)
    assert len(results) <= 1
    return (results[0] if results else None), notes


def test_judge_budgets__figure_above_its_budget_fails_and_an_equal_one_passes() -> None:
    results, notes = judge_budgets(
        {"latency-p95-ms": budget({"max": 50}), "train-minutes": budget({"max": 20})},
        {"latency-p95-ms": 50.1, "train-minutes": 20},
        None,
    )
    assert {result.name: result.verdict for result in results} == {
        "latency-p95-ms": Verdict.FAIL,
        "train-minutes": Verdict.PASS,
    }
    assert notes == []


def test_judge_budgets__what_has_not_been_measured_is_left_to_where_it_is() -> None:
    budgets = {"image-size-mb": budget({"max": 900, "max-increase": 5})}
    assert judge_budgets(budgets, {"train-minutes": 2}, None) == ([], [])


@pytest.mark.parametrize(
    ("limits", "before", "limit"),
    [
        ({"max-increase": "10%"}, 48.0, 52.8),
        ({"max-increase": "10 %"}, 48.0, 52.8),
        ({"max-increase": "0%"}, 48.0, 48.0),
        ({"max-increase": "250%"}, 2.0, 7.0),
        ({"max-increase": 5}, 48.0, 53.0),
        ({"max-increase": 0}, 48.0, 48.0),
        ({"max-increase": 0.2}, 0.1, 0.3),  # as floats, 0.1 + 0.2 is more
        ({"max-increase": "10%"}, 0.0, 0.0),
        ({"max-increase": 5}, 0.0, 5.0),
        ({"max": 60, "max-increase": "10%"}, 48.0, 52.8),
        ({"max": 50, "max-increase": "10%"}, 48.0, 50.0),
        ({"max": 50}, 48.0, 50.0),
    ],
)
def test_judge_budgets__with_a_champion_the_smaller_limit_holds(
    limits: dict[str, Any], before: float, limit: float
) -> None:
    figures = {"latency-p95-ms": before}
    at, notes = judged(limits, limit, figures)
    above, _ = judged(limits, limit + 0.001, figures)
    assert at is not None
    assert above is not None
    assert (at.limit, at.before, notes) == (limit, before, [])
    assert (at.verdict, above.verdict) == (Verdict.PASS, Verdict.FAIL)


def test_judge_budgets__relative_alone_without_a_champion_is_a_note_and_no_result() -> None:
    assert judged({"max-increase": "10%"}, 9e9, None) == (
        None,
        ["latency-p95-ms was not judged: there is no champion to compare it with."],
    )


def test_judge_budgets__without_a_champion_max_is_judged_alone_and_said_so() -> None:
    within, notes = judged({"max": 50, "max-increase": "10%"}, 50, None)
    above, _ = judged({"max": 50, "max-increase": "10%"}, 51, None)
    assert within is not None
    assert above is not None
    assert (within.verdict, above.verdict) == (Verdict.PASS, Verdict.FAIL)
    assert (within.limit, within.before) == (50, None)
    assert notes == [
        "latency-p95-ms was held to its max alone: there is no champion to compare it with."
    ]


@pytest.mark.parametrize("limits", [{"max-increase": "10%"}, {"max": 50, "max-increase": "10%"}])
@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("latency-p95-ms", "tidegate test-image with the champion's release logs it there"),
        ("train-cost", "set the tag tidegate.measured.train-cost on its version in MLflow"),
    ],
)
def test_judge_budgets__champion_without_the_figure_is_named_with_what_to_do(
    limits: dict[str, Any], name: str, remedy: str
) -> None:
    result, (note,) = judged(limits, 40, {"memory-mb": 300.0}, name)
    assert (result is None) == ("max" not in limits)
    how = "not judged" if result is None else "held to its max alone"
    assert note.startswith(f"{name} was {how}: the champion's record does not hold it (")
    assert remedy in note


def test_judge_budgets__absolute_budget_needs_no_champion_and_shows_its_figure() -> None:
    assert judged({"max": 50}, 40, {})[1] == []
    result, notes = judged({"max": 50}, 40, {"latency-p95-ms": 48.0})
    assert result is not None
    assert (result.limit, result.before, notes) == (50, 48.0, [])


@pytest.mark.parametrize(
    ("limits", "value", "verdict"),
    [
        ({"min": 50}, 50, "pass"),
        ({"min": 50}, 49.9, "fail"),
        ({"min": 50}, float("nan"), "fail"),
        ({"min": 50, "max": 60}, 60, "pass"),
        ({"min": 50, "max": 60}, 61, "fail"),
        ({"min": 50, "max-increase": "10%"}, 60, "fail"),
    ],
)
def test_judge_budgets__min_holds_from_below(
    limits: dict[str, Any], value: float, verdict: str
) -> None:
    result, notes = judged(limits, value, {"throughput-rps": 50.0}, "throughput-rps")
    assert result is not None
    assert (str(result.verdict), result.min, notes) == (verdict, 50, [])
    assert (result.limit is None) == (limits == {"min": 50})


def test_judge_budgets__without_a_champion_min_is_judged_alone_and_said_so() -> None:
    result, (note,) = judged({"min": 50, "max-increase": "10%"}, 40, None)
    assert result is not None
    assert result.verdict is Verdict.FAIL
    assert note.startswith("latency-p95-ms was held to its min alone:")


def test_budget_result__json_keeps_its_keys_and_adds_to_them() -> None:
    result, _ = judged({"max": 60, "max-increase": "10%"}, 53, {"latency-p95-ms": 48.0})
    assert result is not None
    assert result.to_dict() == {
        "name": "latency-p95-ms",
        "value": 53,
        "max": 60.0,
        "verdict": "fail",
        "blocking": True,
        "champion": 48.0,
        "max_increase": "10%",
        "limit": 52.8,
        "min": None,
    }


amounts = st.floats(min_value=0, max_value=1e9)


@given(
    limits=st.fixed_dictionaries(
        {},
        optional={
            "max": amounts.filter(bool),
            "max-increase": amounts | amounts.map(lambda percent: f"{percent}%"),
        },
    ).filter(bool),
    value=amounts,
    before=st.none() | st.just({}) | st.fixed_dictionaries({"latency-p95-ms": amounts}),
)
def test_judge_budgets__a_pass_keeps_every_limit_and_what_was_not_held_is_noted(
    limits: dict[str, Any], value: float, before: dict[str, float] | None
) -> None:
    result, notes = judged(limits, value, before)
    start = (before or {}).get("latency-p95-ms")
    increase = limits.get("max-increase")
    assert len(notes) == (increase is not None and start is None)
    if result is None:
        assert "max" not in limits
        assert notes
        return
    exact = [Fraction(limits["max"])] if "max" in limits else []
    if start is not None and isinstance(increase, str):
        exact.append(Fraction(str(start)) * (1 + Fraction(increase.removesuffix("%")) / 100))
    elif start is not None and increase is not None:
        exact.append(Fraction(str(start)) + Fraction(str(increase)))
    assert result.limit == pytest.approx(float(min(exact)), rel=1e-15)
    assert (result.verdict is Verdict.PASS) == (value <= result.limit)


def test_read_measurements__numbers_by_name_whatever_the_name(tmp_path: Path) -> None:
    (tmp_path / "measured.json").write_text('{"train-minutes": 2, "gpu hours": 31.5, "x": 0}')
    assert read_measurements(tmp_path / "measured.json") == {
        "train-minutes": 2.0,
        "gpu hours": 31.5,
        "x": 0.0,
    }


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[1]",
        '{"train-minutes": "2"}',
        '{"train-minutes": null}',
        '{"train-minutes": true}',
        '{"train-minutes": NaN}',
        '{"train-minutes": Infinity}',
        '{"train-minutes": 1%s}' % ("0" * 400),
    ],
)
def test_read_measurements__anything_but_finite_numbers_is_an_error(
    tmp_path: Path, content: str
) -> None:
    (tmp_path / "measured.json").write_text(content)
    with pytest.raises(DataError, match="measurements"):
        read_measurements(tmp_path / "measured.json")


def test_read_measurements__negative_figures_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "measured.json"
    path.write_text('{"train-minutes": -1, "memory-mb": 3, "train-cost": -0.5}')
    with pytest.raises(DataError, match=r"train-minutes is -1, train-cost is -0\.5") as caught:
        read_measurements(path)
    assert caught.value.where == str(path)
    assert caught.value.remedy


def test_read_measurements__missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_measurements(tmp_path / "measured.json")


def test_folder_megabytes__counts_every_file_below(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "weights.bin").write_bytes(bytes(1_500_000))
    (tmp_path / "MLmodel").write_text(json.dumps({}))
    assert folder_megabytes(tmp_path) == pytest.approx(1.500002)
