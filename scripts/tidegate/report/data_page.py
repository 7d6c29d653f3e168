"""What stands on the page of check-data: as much of each dataset as there is room for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidegate.report import findings
from tidegate.report.redaction import censored

Report = Mapping[str, Any]

_MARKS = {"tolerated": "tolerated", "warning": "warning", "unjudged": "not judged"}


@dataclass(frozen=True)
class _Shown:
    """How much of the long lists there is room for, over all datasets."""

    datasets: int
    broken: int
    columns: int
    findings: int
    rules: int


# The least important goes first: rules that hold, then charts, then findings.
_STEPS = (
    _Shown(500, 400, 600, 1_000, 3_000),
    _Shown(500, 400, 200, 500, 500),
    _Shown(200, 200, 60, 200, 0),
    _Shown(100, 60, 20, 60, 0),
    _Shown(30, 30, 5, 30, 0),
)


@dataclass(frozen=True)
class Section:
    """One dataset on the page: as much of each of its lists as there is room for."""

    dataset: Report
    broken: findings.Portion
    unjudged: findings.Portion
    warnings: findings.Portion
    changes: findings.Portion
    files: findings.Portion
    drift: findings.Portion
    columns: findings.Portion
    rules: findings.Portion


def contents(report: Report) -> Iterator[dict[str, Any]]:
    """What the template is given, from everything to the least of it."""
    if report["error"] is not None:
        yield {"report": report, "sections": [], "left_out": 0}
        return
    data = censored(report)
    datasets = findings.worst_first(data["datasets"])
    for shown in _STEPS:
        yield {
            "report": data,
            "sections": _sections(datasets[: shown.datasets], shown),
            "left_out": max(0, len(datasets) - shown.datasets),
        }


def marks(dataset: Report) -> dict[str | None, list[tuple[str, str]]]:
    """For each column that something was found in, the badges of its card: verdict and words."""
    marks: dict[str | None, list[tuple[str, str]]] = {}
    for check in reversed(dataset["checks"]):
        state = findings.state(check, dataset)
        if state == "broken":
            marks[check["column"]] = [("fail", "broken rule")]
        elif state != "holding":
            marks.setdefault(check["column"], [(state, _MARKS[state])])
    for found in findings.drifting(dataset):
        verdict = "fail" if found["blocking"] else "warning"
        marks.setdefault(found["column"], []).append((verdict, "drift"))
    return marks


def _sections(datasets: Sequence[Report], shown: _Shown) -> list[Section]:
    def of(room: int, choose: Callable[[Report], list[Report]]) -> list[findings.Portion]:
        return findings.portions(datasets, room, choose)

    lists = zip(
        of(shown.broken, findings.broken),
        of(shown.findings, findings.unjudged),
        of(shown.findings, findings.warnings),
        of(shown.findings, findings.schema_changes),
        of(shown.findings, findings.data_changes),
        of(shown.findings, findings.all_drift),
        of(shown.columns, findings.columns),
        of(shown.rules, lambda dataset: list(dataset["checks"])),
        strict=True,
    )
    return [Section(dataset, *portions) for dataset, portions in zip(datasets, lists, strict=True)]
