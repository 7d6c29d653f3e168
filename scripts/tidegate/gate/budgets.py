"""Budgets: measured figures held to what the config allows, and to what the champion's were."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Any

from tidegate.config import IMAGE_BUDGETS, Budget
from tidegate.errors import DataError
from tidegate.registry import MEASUREMENT_TAG
from tidegate.verdict import Verdict


@dataclass(frozen=True)
class BudgetResult:
    """One measured figure against its budget, in the unit that the name ends with.

    before: the champion's figure, where its record holds one. limit: the smaller of max and what
    max_increase (in the figure's unit, or a share such as "10%") makes of `before`; None where the
    figure is held to `min` alone.
    """

    name: str
    value: float
    limit: float | None
    max: float | None
    max_increase: float | str | None
    before: float | None
    min: float | None = None

    @property
    def verdict(self) -> Verdict:
        # Written so that NaN, which compares false with everything, fails.
        kept = (self.min is None or self.value >= self.min) and (
            self.limit is None or self.value <= self.limit
        )
        return Verdict.PASS if kept else Verdict.FAIL

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "value": self.value,
            "max": self.max,
            "verdict": str(self.verdict),
            "blocking": True,
            "champion": self.before,
            "max_increase": self.max_increase,
            "limit": self.limit,
            "min": self.min,
        }


def judge_budgets(
    budgets: Mapping[str, Budget],
    measurements: Mapping[str, float],
    before: Mapping[str, float] | None,
) -> tuple[list[BudgetResult], list[str]]:
    """(results, notes) of the budgets whose figure is among the measurements.

    before: the figures in the champion's record; None where there is no champion to compare with.
    A max-increase without a figure to start from is no result: a note names it, and max and min,
    where they are there, are judged alone.
    """
    results, notes = [], []
    for name, budget in budgets.items():
        if name not in measurements:
            continue
        champion = None if before is None else before.get(name)
        if budget.max_increase is not None and champion is None:
            notes.append(_unjudged(name, budget, no_champion=before is None))
        limits = [] if budget.max is None else [budget.max]
        if budget.max_increase is not None and champion is not None:
            limits.append(_increased(champion, budget.max_increase))
        if limits or budget.min is not None:
            results.append(
                BudgetResult(
                    name,
                    measurements[name],
                    min(limits, default=None),
                    budget.max,
                    budget.max_increase,
                    champion,
                    budget.min,
                )
            )
    return results, notes


def _increased(before: float, increase: float | str) -> float:
    # In decimals, as people reckon: 0.1 + 0.2 is 0.3, and a figure of 0.3 is within it.
    start = Decimal(str(before))
    if isinstance(increase, str):
        return float(start * (1 + Decimal(increase.removesuffix("%").strip()) / 100))
    return float(start + Decimal(str(increase)))


def _unjudged(name: str, budget: Budget, *, no_champion: bool) -> str:
    others = [word for word in ("max", "min") if getattr(budget, word) is not None]
    judged = f"held to its {' and '.join(others)} alone" if others else "not judged"
    if no_champion:
        return f"{name} was {judged}: there is no champion to compare it with."
    if name in IMAGE_BUDGETS:
        remedy = "tidegate test-image with the champion's release logs it there"
    else:
        remedy = (
            "tidegate register-model logs it with each new version; for the champion, set the tag "
            f"{MEASUREMENT_TAG}{name} on its version in MLflow"
        )
    return f"{name} was {judged}: the champion's record does not hold it ({remedy})."


def read_measurements(path: Path) -> dict[str, float]:
    """Figures that the pipeline measured: a JSON object of numbers. Any name is allowed.

    Raises DataError for anything else.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"the measurements cannot be read: {error}",
            where=str(path),
            remedy='write a JSON object such as {"train-minutes": 2.5}',
        ) from None
    return checked_figures(values, str(path))


def checked_figures(values: object, where: str) -> dict[str, float]:
    """`values` as figures by name. Raises DataError unless they are finite numbers, 0 or more."""
    if not isinstance(values, dict) or not all(map(_is_number, values.values())):
        raise DataError(
            "the measurements are no JSON object of numbers",
            where=where,
            remedy='write a JSON object such as {"train-minutes": 2.5}',
        )
    negative = [f"{name} is {value:g}" for name, value in values.items() if value < 0]
    if negative:
        raise DataError(
            f"measurements are 0 or more: {', '.join(negative)}",
            where=where,
            remedy="mend what measures it: below nothing, every budget would be kept",
        )
    return {name: float(value) for name, value in values.items()}


def _is_number(value: object) -> bool:
    try:
        return (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and isfinite(float(value))
        )
    except OverflowError:  # JSON's whole numbers have no end
        return False


def folder_megabytes(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
