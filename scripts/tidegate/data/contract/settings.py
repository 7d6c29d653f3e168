"""A dataset's own keys in the config, before and after: they are part of its contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from fractions import Fraction
from typing import Any

from tidegate.config import Dataset, Freshness
from tidegate.data.contract.findings import OPPOSITE, Effect, SchemaChange

_MODES = ("off", "warn", "fail")


def compare_settings(before: Dataset, after: Dataset) -> Iterator[SchemaChange]:
    """The keys whose values differ; what a key that is not set means is its default."""
    old, new = (dataset.model_dump(mode="json", by_alias=True) for dataset in (before, after))
    for section in ("freshness", "categories"):  # as a whole, where it comes or goes
        one, other = old[section], new[section]
        if (one is None) != (other is None):
            effect: Effect = "tighter" if one is None else "looser"
            yield SchemaChange(None, section, _text(one), _text(other), effect)
            old[section] = new[section] = None
    yield from _foreign_keys(old.pop("foreign-keys"), new.pop("foreign-keys"))
    flat_old, flat_new = dict(_flat(old)), dict(_flat(new))
    for key in dict.fromkeys([*flat_old, *flat_new]):
        one, other = flat_old.get(key), flat_new.get(key)
        if one != other:
            yield SchemaChange(None, key, _text(one), _text(other), _effect(key, one, other))


def _flat(section: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in section.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        elif value is not None:
            yield prefix + key, value


def _foreign_keys(before: list[Any], after: list[Any]) -> Iterator[SchemaChange]:
    for rule in before:
        if rule not in after:
            yield SchemaChange(None, "foreign-keys", _text(rule), None, "looser")
    for rule in after:
        if rule not in before:
            yield SchemaChange(None, "foreign-keys", None, _text(rule), "tighter")


def _effect(key: str, before: Any, after: Any) -> Effect:
    if key == "categories.columns":
        old, new = set(before), set(after)
        return "tighter" if old < new else "looser" if old > new else "changed"
    if key in ("categories.new", "categories.vanished", "drift.mode"):
        return "tighter" if _MODES.index(after) > _MODES.index(before) else "looser"
    if key in _WHEN_IT_GROWS:
        if before is None or after is None:
            return "tighter" if before is None else "looser"
        return _moved(_WHEN_IT_GROWS[key], _size(key, before), _size(key, after))
    if key == "max-failing-rows":
        counted = isinstance(before, int) and isinstance(after, int)
        shared = isinstance(before, str) and isinstance(after, str)
        sizes = [_share(str(value)) for value in (before, after)]
        # Of a count and a share either may be more, save where one is nothing.
        return _moved("looser", *sizes) if counted or shared or 0 in sizes else "changed"
    return "changed"


# Limits: what it means when the number is greater than it was.
_WHEN_IT_GROWS: Mapping[str, Effect] = {
    "rows.min": "tighter",
    "rows.max": "looser",
    "rows.max-change": "looser",
    "freshness.max-age": "looser",
    "drift.max-psi": "looser",
}


def _moved(when_it_grows: Effect, before: Fraction, after: Fraction) -> Effect:
    if before == after:
        return "changed"
    return when_it_grows if after > before else OPPOSITE[when_it_grows]


def _size(key: str, value: Any) -> Fraction:
    if key == "freshness.max-age":
        age = Freshness.model_validate({"column": "", "max-age": value}).tolerated_age
        return Fraction(age // timedelta(microseconds=1))
    return _share(str(value))


def _share(text: str) -> Fraction:
    return Fraction(text.strip().removesuffix("%"))


def _text(value: Any) -> str | None:
    """A key's value as the config has it."""
    if value is None:
        return None
    if isinstance(value, dict):
        parts = {key: _text(item) for key, item in value.items()}
        return ", ".join(f"{key}: {text}" for key, text in parts.items() if text)
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)
