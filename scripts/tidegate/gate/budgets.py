"""Budgets: measured figures held to what the config allows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from tidegate.errors import DataError
from tidegate.verdict import Verdict


@dataclass(frozen=True)
class BudgetResult:
    """One measured figure against its budget, in the unit that the name ends with."""

    name: str
    value: float
    max: float

    @property
    def verdict(self) -> Verdict:
        return Verdict.PASS if self.value <= self.max else Verdict.FAIL

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "value": self.value,
            "max": self.max,
            "verdict": str(self.verdict),
            "blocking": True,
        }


def judge_budgets(
    budgets: Mapping[str, float], measurements: Mapping[str, float]
) -> list[BudgetResult]:
    """The budgets whose figure has been measured; the others are judged where they are measured."""
    return [
        BudgetResult(name, measurements[name], limit)
        for name, limit in budgets.items()
        if name in measurements
    ]


def read_measurements(path: Path) -> dict[str, float]:
    """Figures that the pipeline measured: a JSON object of numbers.

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
    if not isinstance(values, dict) or not all(
        isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
        for value in values.values()
    ):
        raise DataError(
            "the measurements are no JSON object of numbers",
            where=str(path),
            remedy='write a JSON object such as {"train-minutes": 2.5}',
        )
    return {name: float(value) for name, value in values.items()}


def folder_megabytes(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
