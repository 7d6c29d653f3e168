"""What scores promise against what came true: on the diagonal they can be taken at their word.

A dot is a bin of the candidate's scores, joined by a line; the baseline is a line of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidegate.report.numbers import share

Point = Mapping[str, Any]

SIZE = 300
_FEW = 30  # a bin of fewer rows says little, and is left out of the words


@dataclass(frozen=True)
class Chart:
    """Paths of SVG in a box of SIZE by SIZE units; baseline is empty without one."""

    line: str
    dots: str
    baseline: str
    diagonal: str
    words: str


def chart(candidate: Sequence[Point], baseline: Sequence[Point] | None) -> Chart:
    places = [_place(point) for point in candidate]
    return Chart(
        line=_line(places),
        dots="".join(f"M{x} {y}h0" for x, y in places),
        baseline=_line([_place(point) for point in baseline or ()]),
        diagonal=f"M0 {SIZE}L{SIZE} 0",
        words=in_words(candidate),
    )


def in_words(points: Sequence[Point]) -> str:
    known = [point for point in points if point["rows"] >= _FEW]
    if not known:
        return "Too few rows in each bin to say."
    worst = max(known, key=lambda point: abs(point["mean_score"] - point["rate"]))
    return (
        f"Farthest off: of the {worst['rows']:,} rows with scores of about "
        f"{share(worst['mean_score'])}, {share(worst['rate'])} were positive."
    )


def _place(point: Point) -> tuple[float, float]:
    return round(point["mean_score"] * SIZE, 1), round((1 - point["rate"]) * SIZE, 1)


def _line(places: Sequence[tuple[float, float]]) -> str:
    return "".join(f"{'L' if n else 'M'}{x} {y}" for n, (x, y) in enumerate(places))
