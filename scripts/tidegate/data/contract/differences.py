"""One rule that differs between two versions of a schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.data.contract.findings import OPPOSITE, Effect


@dataclass(frozen=True)
class Difference:
    """has_values: before and after show values of the column, which may be redacted."""

    what: str
    before: str | None
    after: str | None
    effect: Effect
    has_values: bool = False


def switch(
    name: str, before: Mapping[str, Any], after: Mapping[str, Any], *, on: Effect
) -> Iterator[Difference]:
    """A rule that is on or off. on: what it means when it comes on."""
    if before[name] != after[name]:
        effect = on if after[name] else OPPOSITE[on]
        yield Difference(name, flag(before[name]), flag(after[name]), effect)


def opposite(effect: Effect) -> Effect:
    return OPPOSITE[effect]


def flag(value: bool | str) -> str:
    return value if isinstance(value, str) else "on" if value else "off"
