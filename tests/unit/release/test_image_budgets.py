"""An image's figures against the budgets and the champion's record, in a registry on SQLite."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from shop import Shop
from tidegate.gate.budgets import BudgetResult
from tidegate.registry import MEASUREMENT_TAG, Registry
from tidegate.release.image_test import hold_to_budgets

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's own

NO_CHAMPION = "latency-p95-ms was not judged: there is no champion to compare it with."


def set_budgets(shop: Shop, **budgets: Any) -> None:
    path = shop.folder / "tidegate.yaml"
    settings = yaml.safe_load(path.read_text())
    named = {name.replace("_", "-"): budget for name, budget in budgets.items()}
    settings["gate"] = {"metrics": {"roc-auc": {"min": 0.5}}, "budgets": named}
    path.write_text(yaml.safe_dump(settings))


def held(shop: Shop, number: int, **figures: float) -> tuple[list[BudgetResult], list[str]]:
    registry = shop.registry
    version = registry.version(str(number))
    measured = {name.replace("_", "-"): value for name, value in figures.items()}
    return hold_to_budgets(shop.config, version, measured, registry)


def logged(shop: Shop, number: int) -> dict[str, float]:
    registry = shop.registry
    return registry.measurements(registry.version(str(number)))


def verdict(judged: tuple[list[BudgetResult], list[str]]) -> str:
    (result,), notes = judged
    assert notes == []
    return str(result.verdict)


@pytest.fixture
def relative(shop: Shop) -> Shop:
    set_budgets(shop, latency_p95_ms={"max-increase": "10%"})
    return shop


def test_hold_to_budgets__next_version_is_held_to_what_the_champion_was_measured_at(
    relative: Shop,
) -> None:
    assert held(relative, 1, latency_p95_ms=48.0, memory_mb=300.0) == ([], [NO_CHAMPION])
    assert logged(relative, 1) == {"latency-p95-ms": 48.0, "memory-mb": 300.0}
    relative.registry.set_alias("champion", "1")

    assert verdict(held(relative, 2, latency_p95_ms=52.8)) == "pass"
    judged = held(relative, 2, latency_p95_ms=52.9)
    assert verdict(judged) == "fail"
    ((result,), _) = judged
    assert (result.before, result.limit) == (48.0, 52.8)


def test_hold_to_budgets__run_again_ends_in_the_same_place_with_the_last_figures(
    relative: Shop,
) -> None:
    held(relative, 1, latency_p95_ms=48.0)
    relative.registry.set_alias("champion", "1")
    assert held(relative, 2, latency_p95_ms=60.0) == held(relative, 2, latency_p95_ms=60.0)
    held(relative, 2, latency_p95_ms=50.0)  # less than before: the greatest is not kept
    assert logged(relative, 2) == {"latency-p95-ms": 50.0}
    assert logged(relative, 1) == {"latency-p95-ms": 48.0}


def test_hold_to_budgets__champion_itself_is_not_its_own_measure(relative: Shop) -> None:
    relative.registry.set_alias("champion", "1")
    held(relative, 1, latency_p95_ms=1.0)
    assert held(relative, 1, latency_p95_ms=900.0) == ([], [NO_CHAMPION])

    set_budgets(relative, latency_p95_ms={"max": 500, "max-increase": "10%"})
    (result,), notes = held(relative, 1, latency_p95_ms=900.0)
    assert (str(result.verdict), result.before, result.limit) == ("fail", None, 500)
    assert notes == [
        "latency-p95-ms was held to its max alone: there is no champion to compare it with."
    ]


def test_hold_to_budgets__champion_of_an_older_version_is_named_until_it_is_measured(
    relative: Shop,
) -> None:
    relative.registry.set_alias("champion", "1")
    results, (note,) = held(relative, 2, latency_p95_ms=900.0)
    assert results == []
    assert "not judged: the champion's record does not hold it (tidegate test-image" in note

    held(relative, 1, latency_p95_ms=48.0)  # what the note says to do
    assert verdict(held(relative, 2, latency_p95_ms=900.0)) == "fail"


@pytest.mark.parametrize("gate", [True, False])
def test_hold_to_budgets__without_budgets_the_registry_is_not_asked(shop: Shop, gate: bool) -> None:
    if gate:
        set_budgets(shop)
    version = shop.registry.version("1")
    unreachable = Registry("http://127.0.0.1:9", "shop")
    figures = {"latency-p95-ms": 900.0}
    assert hold_to_budgets(shop.config, version, figures, unreachable) == ([], [])


def test_measurements__are_those_of_the_version_in_mlflow_itself(relative: Shop) -> None:
    held(relative, 1, latency_p95_ms=48.25)
    registry = relative.registry
    tags = registry.client.get_model_version("shop", "1").tags
    assert tags[f"{MEASUREMENT_TAG}latency-p95-ms"] == "48.25"
    # What else stands on the version is no figure.
    assert len(registry.version("1").tags) > len(logged(relative, 1)) == 1
    assert registry.measurements(replace(registry.version("1"), tags={})) == {}
