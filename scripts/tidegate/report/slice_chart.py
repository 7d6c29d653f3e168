"""The worst slices as a Mermaid chart, which GitHub draws in a comment.

Mermaid has no intervals. A horizontal bar chart stands in: a bar to the upper end in the verdict's
colour, and over it one to the lower end in the colour of the ground, leave the interval between.
Its ground is white in a dark page, too. Drawn alike by Mermaid 10.9 to 12.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidegate.report.escape import plain

Result = Mapping[str, Any]

MAX_BARS = 10
_MAX_LABEL = 44
_INK, _GROUND = "#1f2328", "#ffffff"
_NOT_PLAIN = re.compile(r"[^\w .,:()/+=-]")
_COLOURS = {"fail": "#cf222e", "inconclusive": "#bf8700", "pass": "#1a7f37"}
_INKS = ("titleColor", "xAxisLabelColor", "yAxisLabelColor", "xAxisTitleColor", "yAxisTitleColor")


@dataclass(frozen=True)
class Chart:
    """text: of a mermaid block; metric, count: what it shows of how many slices."""

    text: str
    metric: str
    count: int


def chart(
    slices: Sequence[Result], against: str, name: Callable[[Result], str], bars: int = MAX_BARS
) -> Chart | None:
    """slices: results, the worst first. None where none of them has an interval of harm."""
    drawable = [result for result in slices if _is_drawable(result)]
    if not drawable:
        return None
    metric = drawable[0]["metric"]
    results = [result for result in drawable if result["metric"] == metric][:bars]
    margin = float(results[0]["max_regression"])
    low = min(0.0, margin, *(result["lower"] for result in results))
    high = max(0.0, margin, *(result["upper"] for result in results))
    room = (high - low) * 0.05 or abs(high) * 0.05 or 1.0
    low, high = low - room, high + room
    uppers = [
        [result["upper"] if result["verdict"] == verdict else low for result in results]
        for verdict in _COLOURS
    ]
    lower = [result["lower"] for result in results]
    series = [
        *(f"bar {_numbers(bar)}" for bar in uppers),
        *[f"bar {_numbers(lower)}"] * 2,  # twice: the edge of one shines through
        f"line {_numbers([0.0] * len(results))}",
        f"line {_numbers([margin] * len(results))}",
    ]
    labels = ", ".join(f'"{_label(one)}"' for one in map(name, results))
    lines = [
        f"%%{{init: {json.dumps(_settings(len(results)))}}}%%",
        "xychart-beta horizontal",
        f'  title "{_label(str(metric))}: harm by slice, worst first"',
        f"  x-axis [{labels}]",
        f'  y-axis "worse than {_label(against)} by" {_number(low)} --> {_number(high)}',
        *(f"  {one}" for one in series),
    ]
    return Chart("\n".join(lines), str(metric), len(results))


def _is_drawable(result: Result) -> bool:
    known = (result["harm"], result["lower"], result["upper"], result["max_regression"])
    return None not in known


def _settings(bars: int) -> dict[str, Any]:
    palette = [*_COLOURS.values(), _GROUND, _GROUND, "#57606a", "#0969da"]
    ink = dict.fromkeys(_INKS, _INK)
    colours = {"backgroundColor": _GROUND, **ink, "plotColorPalette": ", ".join(palette)}
    size = {"width": 860, "height": 110 + 32 * bars, "titleFontSize": 15}
    return {
        "theme": "base",
        "themeVariables": {"xyChart": colours},
        "xyChart": {**size, "xAxis": {"labelFontSize": 12}, "yAxis": {"labelFontSize": 12}},
    }


def _label(text: str) -> str:
    """A name between quotes. What Mermaid might act on is a dot here: the table has it all."""
    return _NOT_PLAIN.sub("·", plain(text, _MAX_LABEL)) or "·"


def _numbers(values: Sequence[float]) -> str:
    return f"[{', '.join(map(_number, values))}]"


def _number(value: float) -> str:
    """Mermaid reads no exponents."""
    return f"{float(f'{value:.5g}'):.12f}".rstrip("0").rstrip(".")
