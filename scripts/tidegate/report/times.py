"""Times and spans of time as people read them."""

from __future__ import annotations

from datetime import UTC, datetime

from tidegate.report.numbers import plural

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60))


def moment(text: str | None, *, seconds: bool = False, zone: str = " UTC") -> str:
    """ISO 8601 as `2026-11-24 14:30 UTC`; what is no time stays as it is."""
    if text is None:
        return "–"
    found = _read(text)
    if found is None:
        return text
    return f"{found.date()} {found:{'%H:%M:%S' if seconds else '%H:%M'}}{zone}"


def span(since: str | None, until: str | None) -> str:
    """How long that was, in the greatest unit that fits: `3 days`. Empty where it is unknown."""
    start, end = (None if text is None else _read(text) for text in (since, until))
    if start is None or end is None:
        return ""
    seconds = (end - start).total_seconds()
    for noun, size in _UNITS:
        if seconds >= size:
            return plural(int(seconds // size), noun)
    return "less than a minute"


def took(seconds: float | None) -> str:
    """A duration: `4.2 s`, `3 minutes`."""
    if seconds is None:
        return "–"
    return f"{seconds:.1f} s" if seconds < 120 else plural(round(seconds / 60), "minute")


def _read(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
