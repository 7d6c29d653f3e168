"""A pandera schema as plain JSON: what two versions of it are compared by.

Titles, descriptions, metadata and messages are documentation, not contract: they are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tidegate.data.contract.code import code_digest
from tidegate.data.contract.types import describe_type
from tidegate.data.contract.values import encode
from tidegate.data.schemas import Schema


def describe(schema: Schema) -> dict[str, Any]:
    """What the schema asks. Types and coercion of the whole schema are written to its columns."""
    definition = schema.definition
    return {
        "backend": schema.backend,
        "columns": {
            str(name): _column(definition, column) for name, column in definition.columns.items()
        },
        # Of a schema that names no column; else it is written to them.
        "dtype": None if definition.columns else describe_type(definition.dtype),
        "coerce": not definition.columns and bool(definition.coerce),
        "index": [_component(part) for part in _index(definition)],
        "index_options": _index_options(definition.index),
        "checks": [_check(check) for check in definition.checks],
        "parsers": [_parser(parser) for parser in definition.parsers],
        "unique": _joint_keys(definition),
        "strict": definition.strict,
        "ordered": bool(definition.ordered),
        "options": {
            name: encode(getattr(definition, name, None))
            for name in (
                "unique_column_names",
                "add_missing_columns",
                "report_duplicates",
                "drop_invalid_rows",
            )
        },
    }


def _column(definition: Any, column: Any) -> dict[str, Any]:
    dtype = column.dtype if definition.dtype is None else definition.dtype
    return {
        **_component(column),
        "dtype": describe_type(dtype),
        "coerce": bool(definition.coerce or column.coerce),
        "required": bool(column.required),
        "regex": bool(column.regex),
    }


def _component(component: Any) -> dict[str, Any]:
    """What a column and a level of an index have in common."""
    return {
        "name": None if component.name is None else str(component.name),
        "dtype": describe_type(component.dtype),
        "coerce": bool(component.coerce),
        "nullable": bool(component.nullable),
        "unique": bool(component.unique),
        "checks": [_check(check) for check in component.checks],
        "parsers": [_parser(parser) for parser in component.parsers],
        "options": {
            name: encode(getattr(component, name, None))
            for name in ("default", "report_duplicates", "drop_invalid_rows")
        },
    }


def _check(check: Any) -> dict[str, Any]:
    function = check._check_fn
    # pandera's own check functions are found by the type of the frame, the user's are functions.
    built_in = type(function).__name__ == "Dispatcher"
    return {
        "name": str(function) if built_in else str(check.name),
        "built_in": built_in,
        "statistics": encode(dict(check.statistics or {})),
        "warns": bool(check.raise_warning),
        "options": dict(_options(check)),
        "code": None if built_in else code_digest(function),
    }


def _options(check: Any) -> Iterator[tuple[str, Any]]:
    """What is not as it is by default."""
    if not check.ignore_na:
        yield "ignore_na", False
    for name in ("element_wise", "groups", "groupby"):
        if value := getattr(check, name, None):
            yield name, _encoded(value)
    arguments = getattr(check, "_check_kwargs", None) or {}
    if arguments and not check.statistics:
        yield "arguments", encode(arguments)


def _parser(parser: Any) -> dict[str, Any]:
    return {
        "name": str(parser.name),
        "code": code_digest(parser._parser_fn),
        "options": {
            "element_wise": bool(parser.element_wise),
            "ignore_na": bool(getattr(parser, "ignore_na", False)),
            "arguments": encode(getattr(parser, "_parser_kwargs", None) or {}),
        },
    }


def _encoded(value: Any | Callable[..., Any]) -> Any:
    return code_digest(value) if callable(value) else encode(value)


def _index(definition: Any) -> list[Any]:
    """The levels of the index, of which Polars has none."""
    index = getattr(definition, "index", None)
    if index is None:
        return []
    return list(getattr(index, "indexes", [index]))


def _index_options(index: Any) -> dict[str, Any]:
    names = ("strict", "ordered", "unique", "coerce") if hasattr(index, "indexes") else ()
    return {name: encode(getattr(index, name, None)) for name in names}


def _joint_keys(definition: Any) -> list[list[str]]:
    keys = definition.unique or []
    keys = [keys] if keys and isinstance(keys[0], str) else keys
    return [[str(column) for column in key] for key in keys]
