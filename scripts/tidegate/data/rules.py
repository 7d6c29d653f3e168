"""The rules of a pandera schema, one by one, each with the test that finds the rows breaking it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from tidegate.data.frames import Frames, Mask


@dataclass(frozen=True)
class Rule:
    """One rule of a schema.

    column is None for a rule over several; columns are those it looks at, none if unknown.
    position tells apart rules of one column that have the same name.
    """

    column: str | None
    name: str
    columns: tuple[str, ...] = ()
    position: int = 0
    warns_only: bool = False  # pandera's raise_warning


# The rows that break a rule, and what is wrong with the column or table as a whole.
Finding = tuple[Mask, str | None]


@dataclass(frozen=True)
class RuleTest:
    """How a rule is judged on a frame. run is None where a column that it needs is lost."""

    rule: Rule
    run: Callable[[Any], Finding] | None
    is_check: bool = False  # the schema's own code: it may crash, and needs the declared type


def tests_of(
    definition: Any, frames: Frames, frame: Any, unconvertible: Mapping[str, Mask]
) -> Iterator[RuleTest]:
    """Every rule of the schema, for the columns that the frame has.

    unconvertible: for columns that could not be coerced, the rows to blame.
    """
    for name, column in columns_of(definition, frame):
        lost = name not in frame.columns
        if lost and not column.required:
            continue
        if lost:
            yield RuleTest(
                Rule(name, "column_in_dataframe"), partial(_as_a_whole, frames, "missing")
            )
        dtype = column.dtype if definition.dtype is None else definition.dtype
        for test in _column_tests(frames, name, column, dtype, unconvertible.get(name)):
            yield replace(test, run=None) if lost else test
    yield from _structure_tests(definition, frames, frame)
    for key in _joint_keys(definition):
        run = partial(_duplicates, frames, key, definition)
        lost = any(name not in frame.columns for name in key)
        rule = Rule(None, "multiple_fields_uniqueness", key)
        yield RuleTest(rule, None if lost else run)
    yield from _check_tests(frames, None, definition.checks)
    yield from _other_tests(definition, frames)


def columns_of(definition: Any, frame: Any) -> Iterator[tuple[str, Any]]:
    """(name, declaration), regular expressions written out for the columns that they match."""
    from pandera.errors import SchemaError

    for name, column in definition.columns.items():
        if not column.regex:
            yield name, column
            continue
        polars = isinstance(frame, pl.DataFrame)
        asked = frame.lazy() if polars else frame
        try:
            matches = list(column.get_backend(asked).get_regex_columns(column, asked))
        except SchemaError:  # the pandas backend's way to say that there are none
            matches = []
        if polars:
            # This backend leaves columns that are declared by name to their own declaration.
            matches = [match for match in matches if match not in definition.columns]
        yield from ((match, column) for match in matches or [name])


def refusal(definition: Any, frame: Any) -> Exception | None:
    """Why pandera does not take the frame; None if it does."""
    try:
        definition.validate(frame)
    except Exception as error:
        return error
    return None


def _column_tests(
    frames: Frames, name: str, column: Any, dtype: Any, unconvertible: Mask | None
) -> Iterator[RuleTest]:
    if dtype is not None:
        run = partial(_mistyped, frames, name, dtype, unconvertible)
        yield RuleTest(Rule(name, f"dtype('{dtype}')"), run)
    if not column.nullable:
        yield RuleTest(Rule(name, "not_nullable"), lambda frame: (frames.nulls(frame, name), None))
    if column.unique:
        yield RuleTest(Rule(name, "field_uniqueness"), partial(_duplicates, frames, [name], column))
    yield from _check_tests(frames, name, column.checks)


def _structure_tests(definition: Any, frames: Frames, frame: Any) -> Iterator[RuleTest]:
    known = list(dict.fromkeys(name for name, _ in columns_of(definition, frame)))
    if definition.strict is True:
        unknown = [name for name in frame.columns if name not in known]
        for name in unknown or [None]:
            fault = None if name is None else "not in the schema"
            yield RuleTest(Rule(name, "column_in_schema"), partial(_as_a_whole, frames, fault))
    if definition.ordered:
        found = [name for name in frame.columns if name in known]
        wanted = [name for name in known if name in found]
        first = next((a for a, b in zip(found, wanted, strict=True) if a != b), None)
        fault = None if first is None else "out of order"
        yield RuleTest(Rule(first, "column_ordered"), partial(_as_a_whole, frames, fault))


def _check_tests(frames: Frames, column: str | None, checks: Sequence[Any]) -> Iterator[RuleTest]:
    for position, check in enumerate(checks):
        name = str(check.error or check.name or check)
        rule = Rule(column, name, position=position, warns_only=bool(check.raise_warning))
        yield RuleTest(rule, partial(_checked, frames, check, column), is_check=True)


def _other_tests(definition: Any, frames: Frames) -> Iterator[RuleTest]:
    """What only pandera can judge, as a whole: an index, one type for columns without names."""
    has_index = definition.index is not None
    if not has_index and (definition.dtype is None or definition.columns):
        return
    rest = copy.deepcopy(definition)
    rest.dtype = None if definition.columns else definition.dtype
    rest.columns, rest.checks, rest.unique = {}, [], None
    rest.strict = rest.ordered = False

    def run(frame: Any) -> Finding:
        refused = refusal(rest, frame) is not None
        return _as_a_whole(frames, "not as declared" if refused else None, frame)

    yield RuleTest(Rule(None, "index" if has_index else f"dtype('{definition.dtype}')"), run)


def _joint_keys(definition: Any) -> list[tuple[str, ...]]:
    keys = definition.unique or []
    return [tuple(keys)] if keys and isinstance(keys[0], str) else [tuple(key) for key in keys]


def _as_a_whole(frames: Frames, fault: str | None, _: Any) -> Finding:
    return np.full(frames.height, fault is not None), fault


def _mistyped(
    frames: Frames, name: str, dtype: Any, unconvertible: Mask | None, frame: Any
) -> Finding:
    found = str(frame[name].dtype)
    if unconvertible is not None:
        return unconvertible, found
    wrong = refusal(frames.column_schema(name, dtype), frame[[name]]) is not None
    return _as_a_whole(frames, found if wrong else None, frame)


def _duplicates(frames: Frames, columns: Sequence[str], declaration: Any, frame: Any) -> Finding:
    report = getattr(declaration, "report_duplicates", "all")
    return frames.duplicates(frame, columns, report), None


def _checked(frames: Frames, check: Any, column: str | None, frame: Any) -> Finding:
    failing = frames.failing(check, frame, column)
    if isinstance(failing, bool):
        return _as_a_whole(frames, "fails as a whole" if failing else None, frame)
    return failing, None
