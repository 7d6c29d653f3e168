"""What several sections of tidegate.yaml share: their base, and values that are written as text."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict


def as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


# One name or several; the published schema says so, too.
Names = Annotated[list[str], BeforeValidator(as_list, json_schema_input_type=str | list[str])]


def once_each(names: list[str]) -> list[str]:
    if not names:
        raise ValueError("name at least one column")
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"{twice!r} stands here twice")
    return names


SomeNames = Annotated[Names, AfterValidator(once_each)]


def off(value: Any) -> Any:
    return "off" if value is False else value  # what YAML makes of a bare off


Mode = Annotated[Literal["off", "warn", "fail"], BeforeValidator(off)]


def share_or_count(value: Any) -> Any:
    if isinstance(value, str):
        text = value.strip()
        try:
            share = float(text.removesuffix("%")) / 100
        except ValueError:
            share = -1.0
        if not text.endswith("%") or not 0 <= share <= 1:
            raise ValueError(f"{value!r} is neither a count nor a share between 0% and 100%")
    elif not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is neither a count (10) nor a share (0.1%)")
    return value


def share(value: Any) -> Any:
    text = str(value).strip()
    if not re.fullmatch(r"\d+(\.\d+)?%", text):
        raise ValueError(f"{value!r} is no share such as 20%")
    return text


_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def duration(value: Any) -> Any:
    text = str(value).strip()
    # So few digits that the sum with any date is one that a clock knows.
    if not re.fullmatch(r"\d{1,6}(\.\d{1,3})?[mhd]", text) or not float(text[:-1]):
        raise ValueError(f"{value!r} is no length of time such as 90m, 36h or 7d")
    return text


Duration = Annotated[str, BeforeValidator(duration)]


def length_of(text: str) -> timedelta:
    """A duration as one: 36h."""
    return timedelta(**{_UNITS[text[-1]]: float(text[:-1])})


ShareOrCount = Annotated[int | str, BeforeValidator(share_or_count)]


def share_of(tolerated: int | str, rows: int) -> int:
    """A count, or a share such as 0.1% of `rows`, as a count."""
    if isinstance(tolerated, str):
        return int(rows * float(tolerated.strip().removesuffix("%")) / 100)
    return tolerated


class Section(BaseModel):
    """Keys in kebab-case, none of them unknown."""

    model_config = ConfigDict(
        alias_generator=lambda name: name.replace("_", "-"),
        extra="forbid",
        frozen=True,
        populate_by_name=False,
        defer_build=True,
    )
