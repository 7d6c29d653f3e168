"""Intervals of harm below one another on one scale: how much worse, how sure, what is tolerated.

Each is stretched to the width that there is, so everything in it is a stroke, as in trend_chart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidegate.report.numbers import change, limit

Result = Mapping[str, Any]

WIDTH, HEIGHT = 600, 20
_MIDDLE = HEIGHT // 2
_REACH = 1.0  # so far beyond harms and margins, as a share of their spread, intervals are drawn


@dataclass(frozen=True)
class Scale:
    """low, high: harm at the edges of what is drawn."""

    low: float
    high: float

    def place(self, harm: float) -> float:
        return round((min(max(harm, self.low), self.high) - self.low) / self._width * WIDTH, 1)

    @property
    def _width(self) -> float:
        return self.high - self.low


@dataclass(frozen=True)
class Plot:
    """Paths of SVG. An interval that goes on beyond the edge has no cap there."""

    interval: str
    dot: str
    zero: str
    margin: str
    words: str


def scale_of(results: Sequence[Result]) -> Scale | None:
    """A scale for all of them; None where none has an interval of harm.

    One slice with an enormous interval does not press all others into a line: it is cut.
    """
    drawn = [result for result in results if has_interval(result)]
    if not drawn:
        return None
    matters = [0.0]
    for result in drawn:
        matters += [result["harm"], result["max_regression"]]
    reach = (max(matters) - min(matters)) * _REACH or 1.0
    lower = max(min(result["lower"] for result in drawn), min(matters) - reach)
    upper = min(max(result["upper"] for result in drawn), max(matters) + reach)
    low, high = min(lower, *matters), max(upper, *matters)
    room = (high - low) * 0.04 or 1.0
    return Scale(low - room, high + room)


def has_interval(result: Result) -> bool:
    known = (result["harm"], result["lower"], result["upper"], result["max_regression"])
    return None not in known


def plot(scale: Scale, result: Result) -> Plot | None:
    """None for a result that was judged alone."""
    if not has_interval(result):
        return None
    at = scale.place
    ends = at(result["lower"]), at(result["upper"])
    inside = [end for end in dict.fromkeys(ends) if 0 < end < WIDTH]
    caps = "".join(f"M{end} {_MIDDLE - 4}v8" for end in inside)
    return Plot(
        interval=f"M{ends[0]} {_MIDDLE}H{ends[1]}{caps}",
        dot=f"M{at(result['harm'])} {_MIDDLE}h0",
        zero=f"M{at(0.0)} 0V{HEIGHT}",
        margin=f"M{at(result['max_regression'])} 0V{HEIGHT}",
        words=f"{change(result)}, tolerated {limit(result['max_regression'])}",
    )
