"""Figures as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Result = Mapping[str, Any]

_TIGHT = "\N{NO-BREAK SPACE}"


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


def brief(value: float | None) -> str:
    """Three significant digits."""
    return "–" if value is None else f"{value:.3g}"


def chance(value: float | None) -> str:
    """A p-value: two digits, and nothing closer to zero than people can make use of."""
    if value is None:
        return "–"
    return f"<{_TIGHT}0.001" if value < 0.001 else f"{value:.2g}"


def count(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def share(value: float) -> str:
    """In percent; what is not quite nothing or not quite all never reads as if it were."""
    percent = value * 100
    if 0 < percent < 0.1:
        return f"<{_TIGHT}0.1{_TIGHT}%"
    if 99.9 < percent < 100:
        return f">{_TIGHT}99.9{_TIGHT}%"
    return f"{percent:.1f}{_TIGHT}%"


def candidate(result: Result) -> str:
    """The candidate's value, with its range where that is what was judged."""
    value = figure(result["candidate"])
    if result["max_regression"] is not None and result["harm"] is not None:
        return value
    lower, upper = result["lower"], result["upper"]
    return value if None in (lower, upper) else f"{value} ({_range(figure(lower), figure(upper))})"


def change(result: Result) -> str:
    """A harm with its meaning, worse or better, and with its range where that was judged."""
    between = change_range(result)
    return f"{change_words(result)} ({between})" if between else change_words(result)


def change_words(result: Result) -> str:
    harm = result["harm"]
    if harm is None:
        return "–"
    return f"{_arrow(harm)}{_TIGHT}{'worse' if harm > 0 else 'better'}" if harm else "unchanged"


def change_range(result: Result) -> str:
    """Empty where no harm was judged."""
    lower, upper = result["lower"], result["upper"]
    if None in (result["harm"], result["max_regression"], lower, upper):
        return ""
    return _range(_arrow(lower), _arrow(upper))


def allowed(result: Result) -> str:
    """The bounds that were judged."""
    regression = None if result["harm"] is None else result["max_regression"]
    bounds = (("▼", regression), ("≥", result["min"]), ("≤", result["max"]))
    return ", ".join(f"{sign}{_TIGHT}{limit(at)}" for sign, at in bounds if at is not None)


def budget_allowed(budget: Result) -> str:
    """The limits, and what makes them where the champion's figure has a part in it."""
    least = "" if budget.get("min") is None else f"≥{_TIGHT}{limit(budget['min'])}"
    if budget["limit"] is None:
        return least
    most = _most_allowed(budget)
    return f"{least}, ≤{_TIGHT}{most}" if least else most


def _most_allowed(budget: Result) -> str:
    at, increase = limit(budget["limit"]), budget["max_increase"]
    if increase is None or budget["champion"] is None:
        return at
    unit = ""
    if isinstance(increase, str):
        increase, unit = float(increase.removesuffix("%")), f"{_TIGHT}%"
    most = "" if budget["max"] is None else f", at most {limit(budget['max'])}"
    return f"{at} (+{limit(increase)}{unit}{most})"


def _arrow(harm: float) -> str:
    return figure(0.0) if harm == 0 else f"{'▼' if harm > 0 else '▲'}{_TIGHT}{figure(abs(harm))}"


def _range(lower: str, upper: str) -> str:
    return f"{lower}{_TIGHT}…{_TIGHT}{upper}"


def short(digest: str | None) -> str:
    """The first digits of a digest or commit, as git shows them."""
    return "–" if not digest else digest.removeprefix("sha256:")[:10]
