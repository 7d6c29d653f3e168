"""What stands on the page of gate-model: every slice with its interval, and the curves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tidegate.report import calibration_chart, forest_plot, gate_wording, histogram
from tidegate.report.numbers import limit

Report = Mapping[str, Any]

# Slices on the page, over all metrics: the rest stand in the JSON.
_STEPS = (1_000, 300, 100, 30)


@dataclass(frozen=True)
class Metric:
    """A metric's results by slice, the worst first, with what is drawn of each.

    plots: of each of rows; None for one that was judged alone.
    """

    name: str
    rows: Sequence[Report]
    left_out: int
    scale: forest_plot.Scale | None
    plots: Sequence[forest_plot.Plot | None]


@dataclass(frozen=True)
class Curves:
    """The charts of the answers; None for what the task does not have."""

    calibration: calibration_chart.Chart | None
    spread: histogram.Chart | None
    spread_of: str


def contents(report: Report) -> Iterator[dict[str, Any]]:
    """What the template is given, from everything to the least of it."""
    if report["error"] is not None:
        yield {"report": report, "overall": None, "metrics": [], "curves": None}
        return
    overall = [result for result in report["results"] if result["slice"] is None]
    for room in _STEPS:
        yield {
            "report": report,
            "overall": _metric("overall", overall, len(overall)),
            "metrics": _by_metric(report, room),
            "curves": _curves(report.get("curves")),
        }


def _by_metric(report: Report, room: int) -> list[Metric]:
    by_name: dict[str, list[Report]] = {}
    for result in report["results"]:
        if result["slice"] is not None:
            by_name.setdefault(result["metric"], []).append(result)
    if not by_name:
        return []
    each = max(5, room // len(by_name))
    return [_metric(name, results, each) for name, results in [*by_name.items()][:room]]


def _metric(name: str, results: Sequence[Report], room: int) -> Metric:
    rows = gate_wording.worst_first(results)[:room]
    scale = forest_plot.scale_of(rows)
    plots = [None if scale is None else forest_plot.plot(scale, result) for result in rows]
    return Metric(name, rows, len(results) - len(rows), scale, plots)


def _curves(found: Report | None) -> Curves | None:
    if found is None:
        return None
    candidate, baseline = found["candidate"], found["baseline"]
    kind = "scores" if candidate["scores"] else "errors"
    counts = [side[kind]["counts"] for side in (candidate, baseline) if side]
    profile = {
        "labels": _labels(candidate[kind]["edges"], closed=kind == "scores"),
        "current": counts[0],
        "reference": counts[1] if len(counts) > 1 else None,
    }
    return Curves(
        calibration_chart.chart(candidate["calibration"], baseline and baseline["calibration"])
        if candidate["calibration"]
        else None,
        histogram.chart(profile),
        kind,
    )


def _labels(edges: Sequence[float], *, closed: bool) -> list[str]:
    """Of the bins between the edges; and of those beyond them, where they are not closed."""
    inner = [f"{limit(a)} to {limit(b)}" for a, b in pairwise(edges)]
    if closed:
        return inner
    return [f"below {limit(edges[0])}", *inner, f"{limit(edges[-1])} and above"]
