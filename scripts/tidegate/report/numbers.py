"""Figures as people read them."""

from __future__ import annotations


def figure(value: float | None) -> str:
    """Three decimals or four significant digits, whichever says more."""
    if value is None:
        return "–"
    if value == int(value) and abs(value) < 1e6:
        return f"{value:.0f}"
    return f"{value:.4f}" if 1e-3 <= abs(value) < 10 else f"{value:.4g}"


def limit(value: float) -> str:
    """A figure that somebody wrote, or a measured one: no more digits than it has."""
    return f"{value:.5g}"


def count(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def share(value: float) -> str:
    percent = value * 100
    if percent == 0 or percent >= 0.1:
        return f"{percent:.1f} %"
    return "< 0.1 %"


def change(result: dict[str, object]) -> str:
    """A harm with its meaning: worse, better, or not compared."""
    harm = result["harm"]
    if not isinstance(harm, float | int):
        return "–"
    if harm == 0:
        return "unchanged"
    return f"{_arrow(harm)} {'worse' if harm > 0 else 'better'}"


def ends(result: dict[str, object]) -> str:
    """The interval that was judged: of the harm where a regression was, else of the value."""
    lower, upper = result["lower"], result["upper"]
    if not isinstance(lower, float | int) or not isinstance(upper, float | int):
        return "–"
    if result["harm"] is None or result["max_regression"] is None:
        return f"{figure(lower)} … {figure(upper)}"
    return f"{_arrow(lower)} … {_arrow(upper)}"


def allowed(result: dict[str, object]) -> str:
    """The bounds that were judged."""
    bounds = []
    if isinstance(regression := result["max_regression"], float | int) and (
        result["harm"] is not None
    ):
        bounds.append(f"▼ {limit(regression)}")
    if isinstance(least := result["min"], float | int):
        bounds.append(f"≥ {limit(least)}")
    if isinstance(most := result["max"], float | int):
        bounds.append(f"≤ {limit(most)}")
    return ", ".join(bounds)


def _arrow(harm: float) -> str:
    return figure(0.0) if harm == 0 else f"{'▼' if harm > 0 else '▲'} {figure(abs(harm))}"


def short(digest: str | None) -> str:
    """The first digits of a digest or commit, as git shows them."""
    return "–" if not digest else digest.removeprefix("sha256:")[:10]
