"""Figures of a service at work over time, for the board: a chart of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidegate.report.numbers import figure, plural
from tidegate.report.times import moment
from tidegate.report.trend_chart import Chart, bounds_in_words, chart

Report = Mapping[str, Any]


@dataclass(frozen=True)
class Figure:
    """A figure with its chart, whose words say what is on it."""

    name: str
    newest: float
    chart: Chart
    words: str


def figures(report: Report, most: int) -> list[Figure]:
    """The first `most` figures of the history of watches."""
    watch = report.get("watch")
    if watch is None:
        return []
    return [_figure(one) for one in watch["figures"][:most] if one["points"]]


def going_on(report: Report) -> Report | None:
    """The incident that stands, by the history of watches."""
    watch = report.get("watch")
    newest: Report | None = watch["incidents"][0] if watch and watch["incidents"] else None
    return newest if newest is not None and newest["ended"] is None else None


def _figure(found: Report) -> Figure:
    points = found["points"]
    bounds = {"min": found["min"], "max": found["max"]}
    unset = dict.fromkeys(("baseline", "lower", "upper", "max_regression"))
    drawn = [
        {"release": point["at"], "candidate": point["value"], **bounds, **unset} for point in points
    ]
    made = chart([point["at"] for point in points], drawn, [])
    return Figure(found["name"], points[-1]["value"], made, _words(points, drawn))


def _words(points: Sequence[Report], drawn: Sequence[Report]) -> str:
    values = [point["value"] for point in points]
    told = f"{figure(values[-1])} on {moment(points[-1]['at'])}"
    if len(points) > 1:
        between = f"between {figure(min(values))} and {figure(max(values))}"
        told += f", the newest of {plural(len(points), 'run')}, {between}"
    asked = bounds_in_words(drawn[-1])
    return f"{told}. Asked for: {asked}." if asked else f"{told}."
