"""The reference pages of docs/, from the code: the command's verbs and flags, and the reports."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

Row = tuple[str, ...]


def commands() -> list[tuple[str, str, list[Row]]]:
    """(verb, what its --help says, its flags) of each verb."""
    from tidegate.cli import VERBS, parser_for, verb_module

    found = []
    for verb in VERBS:
        parser, _ = parser_for([verb])
        (verbs,) = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
        flags = [_flag(action) for action in verbs.choices[verb]._actions if action.dest != "help"]
        found.append((verb, (verb_module(verb).__doc__ or "").strip(), flags))
    return found


def _flag(action: argparse.Action) -> Row:
    shown = action.metavar or ("{" + ",".join(action.choices) + "}" if action.choices else "")
    takes_value = action.nargs != 0 and not isinstance(action, argparse._StoreTrueAction)
    value = str(shown) if takes_value else ""
    names = ", ".join(action.option_strings) or value
    form = f"{names} {value}".strip() if action.option_strings else names
    what = ((action.help or "") % {"default": action.default}).replace("<", "&lt;")
    required = action.required and action.option_strings
    return f"`{form}`", f"{what} **Required.**".strip() if required else what


def reports() -> list[tuple[str, list[Row]]]:
    """(verb, the fields of its report) of each verb that writes one."""
    from tidegate.report.schemas import FIELDS

    return [
        (verb, [row for name, spec in fields.items() for row in _field(name, spec)])
        for verb, fields in FIELDS.items()
    ]


def _field(name: str, spec: dict[str, Any]) -> Iterator[Row]:
    """A field, then those inside it: `datasets[].name` is of each dataset."""
    options = [option for option in spec.get("oneOf", [spec]) if option.get("type") != "null"]
    inner = options[0] if options else spec
    empty = " or null" if len(spec.get("oneOf", ())) > len(options) else ""
    yield f"`{name}`", _kind(inner) + empty
    if inner.get("type") == "array":
        name, inner = f"{name}[]", inner["items"]
    elif isinstance(inner.get("additionalProperties"), dict):
        name, inner = f"{name}.*", inner["additionalProperties"]
    for key, nested in inner.get("properties", {}).items():
        yield from _field(f"{name}.{key}", nested)


def _kind(spec: dict[str, Any]) -> str:
    if "const" in spec:
        return f"`{spec['const']}`"
    if "enum" in spec:
        return " | ".join("null" if value is None else f"`{value}`" for value in spec["enum"])
    if spec.get("type") == "array":
        items = spec["items"]
        return f"list of {_kind(items)}" if "properties" not in items else "list of objects"
    kinds = spec.get("type", "any")
    return " or ".join(kinds) if isinstance(kinds, list) else str(kinds)
