"""What stands on the board: as much of its long lists as there is room for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidegate.report import watch_figures
from tidegate.report.escape import plain
from tidegate.report.numbers import plural
from tidegate.report.times import moment
from tidegate.report.trend_chart import Chart, chart

Report = Mapping[str, Any]

KINDS = {
    "release": ("unsure", "release made"),
    "promotion": ("pass", "promotion"),
    "rollback": ("warn", "roll-back"),
    "hold": ("warn", "hold"),
    "unhold": ("unsure", "hold released"),
}


@dataclass(frozen=True)
class _Shown:
    """How much of the long lists there is room for. rows: of each metric's table."""

    events: int
    metrics: int
    rows: int


_STEPS = (_Shown(200, 30, 50), _Shown(100, 12, 20), _Shown(30, 6, 10), _Shown(10, 3, 5))


@dataclass(frozen=True)
class Metric:
    """A metric with its chart, and its newest points first for its table."""

    name: str
    newest: Report
    chart: Chart
    rows: Sequence[Report]


def contents(report: Report) -> Iterator[dict[str, Any]]:
    """What the template is given, from everything to the least of it."""
    if report["error"] is not None:
        yield {"report": report, "events": [], "metrics": [], "running": {}, "figures": []}
        return
    running = _running(report)
    for shown in _STEPS:
        yield {
            "report": report,
            "events": report["ledger"][::-1][: shown.events],
            "metrics": _metrics(report, running, shown),
            "running": running,
            "figures": watch_figures.figures(report, shown.metrics),
        }


def headline(report: Report) -> str:
    """Whether something is off, in one line; plain text."""
    if report["error"] is not None:
        return "The board could not be made"
    environments = report["environments"]
    if drifted := [item["name"] for item in environments if item["drift"]]:
        have = "has" if len(drifted) == 1 else "have"
        return f"{_listed(drifted)} {have} drifted from the ledger"
    if unseen := [item["name"] for item in environments if not item["looked_at"]]:
        return f"Cannot be seen from here: {_listed(unseen)}"
    if all(item["release"] is None for item in environments):
        return "Nothing runs yet"
    return "Everything runs as the ledger says"


def noted(report: Report) -> str:
    """What a person should know beside it: holds and approvals."""
    held = [item["name"] for item in report["environments"] if item["hold"]]
    waiting = len(report["approvals"]["waiting"])
    told = f"On hold: {_listed(held)}." if held else "No environment is on hold."
    if incident := watch_figures.going_on(report):
        told = f"{_listed(incident['failing'])} not well since {moment(incident['since'])}. {told}"
    if not report["approvals"]["asked"]:
        return told
    if not waiting:
        return f"{told} Nothing waits for approval."
    return f"{told} {plural(waiting, 'run')} {'waits' if waiting == 1 else 'wait'} for approval."


def state(environment: Report) -> tuple[str, str]:
    """The badge of an environment: its verdict and words."""
    if environment["drift"]:
        return "fail", "not what the ledger says"
    if not environment["looked_at"]:
        return "inconclusive", "cannot be seen from here"
    return ("pass", "as the ledger says") if environment["release"] else ("inconclusive", "empty")


def _running(report: Report) -> dict[str, list[str]]:
    """Releases that run somewhere, by the ledger, each with its environments."""
    running: dict[str, list[str]] = {}
    for environment in report["environments"]:
        if environment["release"]:
            running.setdefault(environment["release"], []).append(environment["name"])
    return running


def _metrics(report: Report, running: Mapping[str, list[str]], shown: _Shown) -> list[Metric]:
    trend = report["trend"]
    return [
        Metric(
            item["metric"],
            item["points"][-1],
            chart(trend["releases"], item["points"], [*running]),
            item["points"][::-1][: shown.rows],
        )
        for item in trend["metrics"][: shown.metrics]
    ]


def _listed(names: Sequence[str]) -> str:
    shown = [plain(name, 60) for name in names]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
