"""OpenAPI 3.0's schemas in the words of JSON Schema."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any

SCHEMAS = "#/components/schemas/"


@cache
def formats() -> Any:
    """The two formats that GitHub's answers are full of."""
    from jsonschema import FormatChecker

    checker = FormatChecker(formats=())
    checker.checks("date-time", raises=ValueError)(
        lambda value: not isinstance(value, str) or bool(datetime.fromisoformat(value))
    )
    checker.checks("uri")(lambda value: not isinstance(value, str) or "://" in value)
    return checker


def translated(schema: Any) -> Any:
    """A schema of OpenAPI 3.0 in the words of JSON Schema, which has no `nullable`.

    GitHub writes it beside `oneOf` and `enum` too, where OpenAPI itself gives it no meaning.
    """
    if isinstance(schema, list):
        return [translated(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    words = {
        name: part if name in {"enum", "default", "example", "required"} else translated(part)
        for name, part in schema.items()
    }
    if words.pop("nullable", False) is True:
        return {"anyOf": [words, {"type": "null"}]}
    return words


def references(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for item in schema:
            yield from references(item)
    elif isinstance(schema, dict):
        if isinstance(name := schema.get("$ref"), str):
            yield name.removeprefix(SCHEMAS)
        for part in schema.values():
            yield from references(part)
