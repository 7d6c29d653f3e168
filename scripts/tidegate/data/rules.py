"""The rules of a pandera schema, one by one, each with what it asks of the data."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

# pandera's names for a column, and for several, of which no value may come twice.
_UNIQUE, _UNIQUE_TOGETHER = "field_uniqueness", "multiple_fields_uniqueness"


@dataclass(frozen=True)
class Rule:
    """One rule of a schema.

    column is None for a rule over several; columns are those it looks at, none if unknown.
    position tells apart rules of one column that have the same name. is_check: it is one of the
    schema's checks, which may raise, and not a rule on types, nulls, names and the like.
    """

    column: str | None
    name: str
    columns: tuple[str, ...] = ()
    position: int = 0
    warns_only: bool = False  # pandera's raise_warning
    is_check: bool = False

    @property
    def is_uniqueness(self) -> bool:
        return not self.is_check and self.name in (_UNIQUE, _UNIQUE_TOGETHER)


@dataclass(frozen=True)
class AsAWhole:
    """The names of the columns decide. fault: what is wrong, None if nothing is."""

    fault: str | None


@dataclass(frozen=True)
class OfType:
    """coerced: the column is made to be of that type first."""

    column: str
    dtype: Any
    coerced: bool


@dataclass(frozen=True)
class NotNull:
    column: str


@dataclass(frozen=True)
class Unique:
    """report: which of a value's rows are at fault (pandera's report_duplicates)."""

    columns: tuple[str, ...]
    report: str


@dataclass(frozen=True)
class Passes:
    """The schema's own code, or one of pandera's checks. column is None for the whole table."""

    check: Any
    column: str | None


@dataclass(frozen=True)
class Accepted:
    """pandera takes the table as it is: for rules that only it can judge, as a whole."""

    definition: Any


Question = AsAWhole | OfType | NotNull | Unique | Passes | Accepted


@dataclass(frozen=True)
class RuleTest:
    """A rule and its question. lost: a column that it needs is not there, so it has no answer."""

    rule: Rule
    question: Question
    lost: bool = False


def tests_of(definition: Any, frame: Any) -> Iterator[RuleTest]:
    """Every rule of the schema, for the columns that the frame has."""
    seen: set[Rule] = set()
    for test in _all_tests(definition, frame):
        rule = test.rule
        while rule in seen:  # of a column that two patterns match
            rule = replace(rule, position=rule.position + 1)
        seen.add(rule)
        yield replace(test, rule=rule)


def _all_tests(definition: Any, frame: Any) -> Iterator[RuleTest]:
    for name, column in columns_of(definition, frame):
        lost = name not in frame.columns
        if lost and not column.required:
            continue
        if lost:
            yield RuleTest(Rule(name, "column_in_dataframe"), AsAWhole("missing"))
        for test in _column_tests(definition, name, column):
            yield replace(test, lost=lost)
    yield from _structure_tests(definition, frame)
    for key in _joint_keys(definition):
        yield _joint_test(definition, frame, key)
    yield from _check_tests(None, definition.checks)
    yield from _other_tests(definition)


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


def coerces(definition: Any, column: Any) -> bool:
    """Whether pandera makes the declared column be of its type before it looks at it.

    Its Polars backend leaves the columns of an optional pattern as they are: it looks for a column
    that is called like the pattern itself, and coerces nothing when there is none.
    """
    if column.dtype is None or not (definition.coerce or column.coerce):
        return False
    polars = type(column).__module__.startswith("pandera.api.polars.")
    return not (polars and column.regex and not column.required)


def refusal(definition: Any, frame: Any) -> Exception | None:
    """Why pandera does not take the frame; None if it does."""
    try:
        definition.validate(frame)
    except Exception as error:
        return error
    return None


def _column_tests(definition: Any, name: str, column: Any) -> Iterator[RuleTest]:
    dtype = column.dtype if definition.dtype is None else definition.dtype
    if dtype is not None:
        yield RuleTest(
            Rule(name, f"dtype('{dtype}')"), OfType(name, dtype, coerces(definition, column))
        )
    if not column.nullable:
        yield RuleTest(Rule(name, "not_nullable"), NotNull(name))
    if column.unique:
        yield RuleTest(Rule(name, _UNIQUE), Unique((name,), _report(column)))
    yield from _check_tests(name, column.checks)


def _structure_tests(definition: Any, frame: Any) -> Iterator[RuleTest]:
    known = list(dict.fromkeys(name for name, _ in columns_of(definition, frame)))
    if definition.strict is True:
        unknown = [name for name in frame.columns if name not in known]
        for name in unknown or [None]:
            fault = None if name is None else "not in the schema"
            yield RuleTest(Rule(name, "column_in_schema"), AsAWhole(fault))
    if definition.ordered:
        found = [name for name in frame.columns if name in known]
        wanted = [name for name in known if name in found]
        first = next((a for a, b in zip(found, wanted, strict=True) if a != b), None)
        fault = None if first is None else "out of order"
        yield RuleTest(Rule(first, "column_ordered"), AsAWhole(fault))


def _check_tests(column: str | None, checks: Sequence[Any]) -> Iterator[RuleTest]:
    for position, check in enumerate(checks):
        name = str(check.error or check.name or check)
        warns_only = bool(check.raise_warning)
        rule = Rule(column, name, position=position, warns_only=warns_only, is_check=True)
        yield RuleTest(rule, Passes(check, column))


def _other_tests(definition: Any) -> Iterator[RuleTest]:
    """An index, one type for columns without names."""
    has_index = definition.index is not None
    if not has_index and (definition.dtype is None or definition.columns):
        return
    rest = copy.deepcopy(definition)
    rest.dtype = None if definition.columns else definition.dtype
    rest.columns, rest.checks, rest.unique = {}, [], None
    rest.strict = rest.ordered = False
    if has_index and definition.columns and definition.dtype is not None:
        rest.index.dtype = definition.dtype  # a type for all columns is one for the index, too
    rule = Rule(None, "index" if has_index else f"dtype('{definition.dtype}')")
    yield RuleTest(rule, Accepted(rest))


def _joint_test(definition: Any, frame: Any, key: tuple[str, ...]) -> RuleTest:
    rule = Rule(None, _UNIQUE_TOGETHER, key)
    required = (name for name in key if name in definition.columns)
    lost = any(name not in frame.columns and definition.columns[name].required for name in required)
    # Columns that need not be there are left out of the key when they are not.
    there = key if lost else tuple(name for name in key if name in frame.columns)
    question = Unique(there, _report(definition)) if there else AsAWhole(None)
    return RuleTest(rule, question, lost)


def _joint_keys(definition: Any) -> list[tuple[str, ...]]:
    keys = definition.unique or []
    return [tuple(keys)] if keys and isinstance(keys[0], str) else [tuple(key) for key in keys]


def _report(declaration: Any) -> str:
    return getattr(declaration, "report_duplicates", "all")
