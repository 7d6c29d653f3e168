"""Values that a schema holds, as JSON: told apart, put in order and shown without their types."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import isfinite
from typing import Any

# What a repr has of the process: addresses, and the names under which files are loaded.
_OF_PROCESS = re.compile(r" at 0x[0-9a-fA-F]+|tidegate_reference_[0-9a-f]+\.")
_MAX_NAMED = 10
_MAX_TEXT = 60


def encode(value: Any) -> Any:
    """A value as JSON. What JSON does not know becomes {family, order, text}.

    Values of one family can be put in order by `order`, unless that is null.
    """
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        value = value.item()  # a number of numpy's
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else _other("float", None, str(value))
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((encode(item) for item in value), key=repr)
    if isinstance(value, re.Pattern):
        flags = value.flags & ~re.UNICODE
        return value.pattern if not flags else _other("pattern", None, f"{value!r}")
    if isinstance(value, Iterable) and hasattr(value, "__len__") and not isinstance(value, bytes):
        return [encode(item) for item in value]
    if value != value:  # pandas' and numpy's ways to say that nothing is there
        return _other("missing", None, str(value))
    return _moment(value) or _other(type(value).__qualname__, None, described(value))


def _moment(value: Any) -> dict[str, Any] | None:
    """Decimals, dates, timestamps and lengths of time, with whole numbers that order them."""
    if isinstance(value, Decimal):
        return _other("decimal", None, str(value))
    if isinstance(value, datetime):
        aware = value.tzinfo is not None
        since = (value if aware else value.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
        microseconds = since // timedelta(microseconds=1)
        # pandas' timestamps go on from there.
        nanoseconds = microseconds * 1000 + int(getattr(value, "nanosecond", 0))
        return _other("instant" if aware else "timestamp", nanoseconds, str(value))
    if isinstance(value, date):
        return _other("date", value.toordinal(), str(value))
    if isinstance(value, timedelta):
        nanoseconds = value // timedelta(microseconds=1) * 1000
        nanoseconds += int(getattr(value, "nanoseconds", 0))
        return _other("duration", nanoseconds, str(value))
    return None


def _other(family: str, order: int | None, text: str) -> dict[str, Any]:
    return {"family": family, "order": order, "text": text}


def described(value: Any) -> str:
    """An object by its repr, which must be the same in every process."""
    return _OF_PROCESS.sub("", repr(value))


def ordered(encoded: Any) -> tuple[str, Any] | None:
    """(family, what orders it) of an encoded value; None for what has no order."""
    if isinstance(encoded, bool | int | float):
        return "number", Fraction(encoded)
    if isinstance(encoded, str):
        return "text", encoded
    if isinstance(encoded, dict):
        if encoded.get("family") == "decimal" and Decimal(encoded["text"]).is_finite():
            return "number", Fraction(encoded["text"])
        if encoded.get("order") is not None:
            return encoded["family"], encoded["order"]
    return None


def same(encoded: Any) -> Any:
    """What is equal for values that are equal, such as 1 and 1.0; it can be a key of a dict."""
    return ordered(encoded) or ("other", repr(encoded))


def shown(encoded: Any) -> str:
    """An encoded value for people."""
    if isinstance(encoded, dict) and "text" in encoded:
        return clipped(str(encoded["text"]))
    return clipped(repr(encoded) if isinstance(encoded, str) else str(encoded))


def listed(values: Iterable[Any]) -> str:
    """Encoded values for people: the first ones named, the others counted."""
    values = list(values)
    more = len(values) - _MAX_NAMED
    names = ", ".join(shown(value) for value in values[:_MAX_NAMED])
    return names + (f" and {more:,} more" if more > 0 else "")


def clipped(text: str) -> str:
    return text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT - 1] + "…"
