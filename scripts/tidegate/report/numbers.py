"""Figures as people read them."""

from __future__ import annotations


def figure(value: float | None) -> str:
    """Three decimals or four significant digits, whichever says more."""
    if value is None:
        return "–"
    if value == int(value) and abs(value) < 1e6:
        return f"{value:.0f}"
    return f"{value:.4f}" if 1e-3 <= abs(value) < 10 else f"{value:.4g}"


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
    return f"{'▼' if harm > 0 else '▲'} {figure(abs(harm))} {'worse' if harm > 0 else 'better'}"


def short(digest: str | None) -> str:
    """The first digits of a digest or commit, as git shows them."""
    return "–" if not digest else digest.removeprefix("sha256:")[:10]
