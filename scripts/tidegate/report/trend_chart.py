"""A chart of one metric over releases: the candidate's value, its interval, baseline and bounds.

It is stretched to the width that there is, so everything in it is a stroke: a dot is a line of no
length with a round end, which stays round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidegate.report.numbers import figure, limit

Point = Mapping[str, Any]

WIDTH, HEIGHT = 600, 160
PATHS = ("line", "dots", "running", "intervals", "baselines", "bounds")
_MARGIN = 12  # above and below, so that no dot is cut


@dataclass(frozen=True)
class Chart:
    """paths: of SVG by what they show, in a box of WIDTH by HEIGHT units; each may be empty.

    top, bottom: the values at the edges of what is drawn. words: what it shows.
    """

    paths: Mapping[str, str]
    top: float
    bottom: float
    words: str


def chart(releases: Sequence[str], points: Sequence[Point], running: Sequence[str]) -> Chart:
    """releases: ids, oldest first; one without a point leaves a gap."""
    by_release = {point["release"]: point for point in points}
    step = WIDTH / len(releases)
    drawn = [
        (round((place + 0.5) * step, 1), by_release.get(release))
        for place, release in enumerate(releases)
    ]
    keys = ("candidate", "baseline", "lower", "upper", "min", "max")
    values = [point[key] for point in points for key in keys if point[key] is not None]
    bottom, top = min(values), max(values)
    scale = (HEIGHT - 2 * _MARGIN) / (top - bottom) if top > bottom else 0.0

    def height(value: float) -> float:
        # One value alone is drawn in the middle.
        up = (value - bottom) * scale if scale else HEIGHT / 2 - _MARGIN
        return round(HEIGHT - _MARGIN - up, 1)

    parts: dict[str, list[str]] = {name: [] for name in PATHS}
    half, joined = round(step / 2, 1), False
    for x, point in drawn:
        if point is None:
            joined = False
            continue
        at = f"{x} {height(point['candidate'])}"
        parts["line"].append(f"{'L' if joined else 'M'}{at}")
        joined = True
        parts["running" if point["release"] in running else "dots"].append(f"M{at}h0")
        if point["lower"] is not None and point["upper"] is not None:
            ends = [height(point[end]) for end in ("lower", "upper")]
            parts["intervals"].append(f"M{x} {ends[0]}V{ends[1]}")
        if point["baseline"] is not None:
            reach = round(min(half * 0.7, 9), 1)
            left = round(x - reach, 1)
            parts["baselines"].append(f"M{left} {height(point['baseline'])}h{2 * reach:.1f}")
        for bound in ("min", "max"):
            if point[bound] is not None:
                left = round(x - half, 1)
                parts["bounds"].append(f"M{left} {height(point[bound])}h{2 * half:.1f}")
    paths = {name: "".join(strokes) for name, strokes in parts.items()}
    return Chart(paths, top, bottom, in_words(points))


def in_words(points: Sequence[Point]) -> str:
    newest = points[-1]
    values = [point["candidate"] for point in points]
    told = f"{figure(newest['candidate'])} in {newest['release']}"
    if len(points) > 1:
        between = f"between {figure(min(values))} and {figure(max(values))}"
        told += f", the newest of {len(points)} releases that have it, {between}"
    asked = bounds_in_words(newest)
    return f"{told}. Asked for: {asked}." if asked else f"{told}."


def bounds_in_words(point: Point) -> str:
    """`at least 0.68, at most 0.01 worse than the baseline`; empty for none."""
    said = (("at least {}", "min"), ("at most {}", "max"),
            ("at most {} worse than the baseline", "max_regression"))  # fmt: skip
    return ", ".join(
        words.format(limit(point[name])) for words, name in said if point[name] is not None
    )
