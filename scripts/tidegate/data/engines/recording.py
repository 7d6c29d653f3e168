"""Checks of pandera's Polars backend as expressions: what they select from a frame is noted.

Such a check is a function of a LazyFrame. Called with one that has no rows and notes what is asked
of it, it shows the expressions that it is made of; if it asks for anything else, it stays a
function.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from tidegate.data.engines.columns import is_plain

# What a check may use of the frame and still be nothing but expressions.
_HARMLESS = frozenset({"select", "collect_schema"})


class NotCompiledError(Exception):
    """Why a rule is no expression, in words that follow "because"."""


class _Noting(pl.LazyFrame):
    """A frame without rows that notes what is used of it, and what is selected from it."""

    def __getattribute__(self, name: str) -> Any:
        note = object.__getattribute__(self, "__dict__").get("used")
        if note is not None and name not in _HARMLESS and not name.startswith("__"):
            note.append(name)
        return object.__getattribute__(self, name)

    def collect_schema(self) -> pl.Schema:
        schema = object.__getattribute__(self, "__dict__")["of"]
        return pl.Schema(schema)

    def select(self, *expressions: Any, **named: Any) -> Any:
        notes = object.__getattribute__(self, "__dict__")
        given = [*_flat(expressions)]
        given += [value.alias(name) for name, value in named.items() if isinstance(value, pl.Expr)]
        complete = all(isinstance(part, pl.Expr) for part in (*given, *named.values()))
        if "selected" in notes or not complete:
            notes["used"].append("select")
        chosen = _noting({}, notes["used"])
        chosen.__dict__["selected"] = tuple(given)
        return chosen


def _noting(schema: Mapping[str, pl.DataType], used: list[str]) -> _Noting:
    frame = _Noting(schema=schema)
    frame.__dict__.update(of=schema, used=used)
    return frame


def _flat(expressions: Any) -> Iterator[Any]:
    for expression in expressions:
        if isinstance(expression, list | tuple):
            yield from expression
        else:
            yield expression


def passing(check: Any, column: str | None, schema: Mapping[str, pl.DataType]) -> pl.Expr:
    """What the check asks of a row of these columns, null where it has no answer.

    Raises NotCompiledError where it is no expression of single rows.
    """
    if column is None and built_in_name(check) and schema:
        return pl.all_horizontal(*(_selected(check, name, schema) for name in schema))
    return _selected(check, column, schema)


def built_in_name(check: Any) -> str | None:
    """The name of the check's function, if it is one of pandera's own."""
    from pandera.api.checks import Check
    from pandera.api.function_dispatch import Dispatcher

    own = type(check) is Check and isinstance(check._check_fn, Dispatcher)
    return str(check._check_fn.__name__) if own else None


def _selected(check: Any, column: str | None, schema: Mapping[str, pl.DataType]) -> pl.Expr:
    from pandera.api.polars.types import PolarsData

    if column is not None and not is_plain(column):
        raise NotCompiledError("Polars takes the column's name for a pattern")
    used: list[str] = []
    frame = _noting(schema, used)
    check.get_backend(pl.LazyFrame())  # makes pandera know its checks for Polars
    name = built_in_name(check)
    # The function of a copied check may be from before that.
    function = check._check_fn if name is None else check.get_builtin_check_fn(name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answer = function(PolarsData(frame, column or "*"), **check._check_kwargs)
    except Exception:
        if used:
            raise NotCompiledError("it is more than expressions over a row") from None
        raise NotCompiledError("it does not run on a table without rows") from None
    if not isinstance(answer, _Noting) or used or "selected" not in answer.__dict__:
        raise NotCompiledError("it is more than expressions over a row")
    expressions = answer.__dict__["selected"]
    if not expressions or not all(is_row_wise(expression) for expression in expressions):
        raise NotCompiledError("its answer for a row depends on other rows")
    _try_out(expressions, schema)
    # Several answers are one, as pandera sees it.
    return expressions[0] if len(expressions) == 1 else pl.all_horizontal(*expressions)


def _try_out(expressions: Sequence[pl.Expr], schema: Mapping[str, pl.DataType]) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            answer = pl.LazyFrame(schema=schema).select(*expressions).collect()
        except Exception:
            raise NotCompiledError("it does not run on a table without rows") from None
    if any(issubclass(warning.category, DeprecationWarning) for warning in caught):
        # Among them is_in() of a column, which looks at all its rows.
        raise NotCompiledError("it does what Polars advises against")
    if set(answer.dtypes) != {pl.Boolean}:
        raise NotCompiledError("it does not answer with yes or no")


def is_row_wise(expression: pl.Expr) -> bool:
    """Whether the answer for a row is of its own values alone; False where that is not certain."""
    try:
        return bool(expression.meta.root_names()) and _is_row_wise(expression)
    except pl.exceptions.PolarsError:  # patterns for columns, Python functions
        return False


def _is_row_wise(expression: pl.Expr) -> bool:
    meta = expression.meta
    if meta.is_column():
        return is_plain(meta.output_name())
    if meta.is_literal():
        return meta.is_scalar()
    if not (meta.is_row_separable() and meta.is_length_preserving()):
        return False
    return all(_is_row_wise(part) for part in meta.pop())
