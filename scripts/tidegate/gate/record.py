"""The gate record: what binds a verdict to everything it depends on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tidegate import __version__, digest

if TYPE_CHECKING:
    from tidegate.gate.budgets import BudgetResult
    from tidegate.gate.judging import Result

SCHEMA_VERSION = 1


def seal(content: Mapping[str, Any]) -> dict[str, Any]:
    """The record of `content`, with the versions and its own digest."""
    record = {"schema_version": SCHEMA_VERSION, "tool_version": __version__, **content}
    return {**record, "digest": digest.of_json(record)}


def is_intact(record: Mapping[str, Any]) -> bool:
    """Whether nobody edited the record since it was sealed."""
    content = {name: value for name, value in record.items() if name != "digest"}
    return record.get("digest") == digest.of_json(content)


def results_digest(results: Sequence[Result], budgets: Sequence[BudgetResult]) -> str:
    """Digest of every verdict and figure, to six significant digits: the rest is rounding."""
    items = [result.to_dict() for result in results] + [budget.to_dict() for budget in budgets]
    return figures_digest(items)


def figures_digest(items: Sequence[Mapping[str, Any]]) -> str:
    """results_digest of results and budgets as they stand in a report."""

    def plain(value: Any) -> Any:
        return float(f"{value:.5e}") if isinstance(value, float) else value

    return digest.of_json(
        [{name: plain(value) for name, value in item.items() if name != "reason"} for item in items]
    )
