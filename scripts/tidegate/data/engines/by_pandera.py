"""A table in memory held against a pandera schema by pandera itself: which rows break which rule.

Whether a table is valid, pandera alone decides. Which rows break which rule is then found by
running its rules one at a time: its own list of failure cases leaves rows out (nulls, all that
n_failure_cases cuts off, every row of a check that answers with one yes or no) and, on the Polars
backend, cannot be made at all for some mixtures of findings.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import polars as pl

from tidegate.data.frames import Frames, Mask, PolarsFrames, frames_of
from tidegate.data.rules import (
    Accepted,
    AsAWhole,
    NotNull,
    OfType,
    Passes,
    Question,
    Rule,
    Unique,
    coerces,
    columns_of,
    refusal,
    tests_of,
)
from tidegate.data.schemas import Schema

# The rows that break a rule, and what is wrong with the column or table as a whole.
Finding = tuple[Mask, str | None]


@dataclass(frozen=True)
class Outcome:
    """What a rule found. failing is None where it could not be judged, for want of a column.

    whole says what is wrong with the column or the table as a whole. crash: what the check raised.
    """

    rule: Rule
    failing: Mask | None
    whole: str | None = None
    crash: Exception | None = None

    @property
    def blocks(self) -> bool:
        return self.failing is not None and bool(self.failing.any()) and not self.rule.warns_only


class CheckCrashedError(Exception):
    """A rule of the schema raised an exception instead of saying yes or no."""

    def __init__(self, rule: Rule, cause: BaseException):
        super().__init__(rule.name)
        self.rule = rule
        self.cause = cause


def judge(schema: Schema, table: pl.DataFrame) -> list[Outcome]:
    """What every rule of the schema finds in the table.

    Raises CheckCrashedError for a check that raises; any other exception is pandera's own.
    """
    frames = frames_of(schema, table)
    definition = unsparing(schema.definition)
    with pandera_on():
        error = refusal(definition, frames.table)
        rules = [test.rule for test in tests_of(definition, frames.table)]
        if error is None and not any(rule.warns_only for rule in rules):
            return [Outcome(rule, np.zeros(table.height, dtype=bool)) for rule in rules]
        outcomes = list(_judge_each(definition, frames))
    refuse_crashes(outcomes)
    if error is not None and not any(outcome.blocks for outcome in outcomes):
        outcomes.append(_unexplained(error, frames))
    return outcomes


def judge_some(
    schema: Schema, table: pl.DataFrame, rules: Collection[Rule], *, whole: bool
) -> list[Outcome]:
    """What some rules find. The table may hold only the columns that they look at.

    whole: it holds every column, and a column that is not there is lost. Crashes are told, not
    raised: whether another column is at fault is not known here.
    """
    frames = frames_of(schema, table)
    definition = unsparing(schema.definition)
    definition.strict = definition.ordered = False
    for name, column in list(columns_of(definition, frames.table)):
        if not whole and name not in table.columns:
            column.required, column.default = False, column.default if column.regex else None
    with pandera_on():
        return list(_judge_each(definition, frames, rules))


def judge_lazily(schema: Schema, parsed: pl.LazyFrame, rows: int, rule: Rule) -> Outcome:
    """What one check of a Polars schema finds in rows that coercion and defaults are done with.

    Only its answer is held in memory. A crash is told, not raised.
    """
    empty = pl.DataFrame(schema=parsed.collect_schema())
    frames = PolarsFrames(empty, rows)
    (question,) = (
        test.question for test in tests_of(schema.definition, empty) if test.rule == rule
    )
    assert isinstance(question, Passes)  # noqa: S101 - nothing else is compiled so
    with pandera_on():
        try:
            failing = frames.failing(question.check, parsed, question.column)
        except Exception as crash:
            return Outcome(rule, None, crash=crash)
    if isinstance(failing, bool):
        return Outcome(rule, *_as_a_whole(frames, "fails as a whole" if failing else None))
    return Outcome(rule, failing)


class _Judged(Protocol):
    @property
    def rule(self) -> Rule: ...
    @property
    def whole(self) -> str | None: ...
    @property
    def crash(self) -> Exception | None: ...


def refuse_crashes(outcomes: Sequence[_Judged]) -> None:
    """Raise CheckCrashedError, unless a column at fault may be what made a check raise."""
    if any(outcome.whole is not None and not outcome.rule.is_check for outcome in outcomes):
        return
    for outcome in outcomes:
        if outcome.crash is not None:
            raise CheckCrashedError(outcome.rule, outcome.crash)


def is_sound(schema: Schema, table: pl.DataFrame) -> bool:
    """Whether the table has the columns that the schema wants, as far as no row is looked at."""
    frames = frames_of(schema, table.clear())
    with pandera_on("schema"):
        return refusal(unsparing(schema.definition), frames.table) is None


@contextmanager
def pandera_on(only: Literal["schema", "data"] | None = None) -> Iterator[None]:
    """pandera switched on, whatever the environment says, and without its warnings."""
    from pandera.config import ValidationDepth, config_context

    depth = {
        None: ValidationDepth.SCHEMA_AND_DATA,
        "schema": ValidationDepth.SCHEMA_ONLY,
        "data": ValidationDepth.DATA_ONLY,
    }[only]
    with config_context(validation_enabled=True, validation_depth=depth), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def unsparing(definition: Any) -> Any:
    """A copy of the schema without what makes pandera drop bad rows instead of refusing them."""
    definition = copy.deepcopy(definition)
    for part in (definition, *definition.columns.values()):
        part.drop_invalid_rows = False
    return definition


def mistyped(frames: Frames, frame: Any, name: str, dtype: Any) -> str | None:
    """The type of a column, if it is not the one that is asked for."""
    wrong = refusal(frames.column_schema(name, dtype), frame[[name]]) is not None
    return str(frame[name].dtype) if wrong else None


def _judge_each(
    definition: Any, frames: Frames, rules: Collection[Rule] | None = None
) -> Iterator[Outcome]:
    frame, unconvertible = _parsed(definition, frames)
    # pandera's Polars backend does not look at the columns that it adds itself.
    added = {*frame.columns} - {*frames.table.columns} if isinstance(frames, PolarsFrames) else ()
    faulty: set[str | None] = set()  # columns that are lost, or of another type
    for test in tests_of(definition, frame):
        rule, is_check = test.rule, isinstance(test.question, Passes)
        wanted = rules is None or rule in rules
        if not wanted and not isinstance(test.question, AsAWhole | OfType):
            continue
        if test.lost or (is_check and rule.column in faulty):
            if wanted:
                yield Outcome(rule, None)
            continue
        if rule.column in added:
            if wanted:
                yield Outcome(rule, np.zeros(frames.height, dtype=bool))
            continue
        try:
            failing, whole = _answer(test.question, frames, frame, unconvertible)
        except Exception as crash:
            if not is_check:
                raise CheckCrashedError(rule, crash) from None
            yield Outcome(rule, None, crash=crash)
            continue
        if whole is not None and not is_check:
            faulty.add(rule.column)
        if wanted:
            yield Outcome(rule, failing, whole)


def _answer(
    question: Question, frames: Frames, frame: Any, unconvertible: Mapping[str, Mask]
) -> Finding:
    match question:
        case AsAWhole(fault):
            return _as_a_whole(frames, fault)
        case OfType(name, dtype):
            if name in unconvertible:
                return unconvertible[name], str(frame[name].dtype)
            return _as_a_whole(frames, mistyped(frames, frame, name, dtype))
        case NotNull(name):
            return frames.nulls(frame, name), None
        case Unique(columns, report):
            return frames.duplicates(frame, columns, report), None
        case Passes(check, column):
            failing = frames.failing(check, frame, column)
            if isinstance(failing, bool):
                return _as_a_whole(frames, "fails as a whole" if failing else None)
            return failing, None
        case Accepted(definition):
            refused = refusal(definition, frame) is not None
            return _as_a_whole(frames, "not as declared" if refused else None)


def _as_a_whole(frames: Frames, fault: str | None) -> Finding:
    return np.full(frames.height, fault is not None), fault


def _parsed(definition: Any, frames: Frames) -> tuple[Any, dict[str, Mask]]:
    """The frame after the schema's parsers, defaults and coercion.

    With it, for each column that cannot be coerced, the rows to blame.
    """
    bare = _without_rules(definition, frames)
    unconvertible: dict[str, Mask] = {}
    for name, column in columns_of(bare, frames.table):
        if column.coerce and name in frames.table.columns:
            alone = frames.column_schema(name, column.dtype, coerce=True)
            alone.columns[name].default = column.default  # pandas fills it in first
            if (error := refusal(alone, frames.table[[name]])) is not None:
                unconvertible[name] = _to_blame(error, frames, name)
    frame = frames.table
    for columns in _one_by_one(bare, frames.table):
        bare.columns = columns
        for name in unconvertible.keys() & columns.keys():
            column = columns[name]
            column.coerce, column.dtype, column.default = False, None, None
        try:
            with pandera_on("data"):  # what types the columns have is asked later
                frame = bare.validate(frame)
        except _schema_errors():
            return frames.table, unconvertible
        bare.strict = False
    return frame, unconvertible


def _without_rules(definition: Any, frames: Frames) -> Any:
    """The schema with nothing left in it but what changes a frame."""
    bare = copy.deepcopy(definition)
    bare.checks, bare.unique, bare.ordered, bare.index = [], None, False, None
    bare.strict = definition.strict if definition.strict == "filter" else False
    for column in bare.columns.values():
        added = definition.add_missing_columns and (column.nullable or column.default is not None)
        column.coerce = coerces(definition, column)
        column.required = column.required and not column.regex and added
        column.checks, column.nullable, column.unique = [], True, False
    anything = definition.coerce or any(column.coerce for column in definition.columns.values())
    if definition.dtype is None or type(definition.dtype).__name__ == "PydanticModel":
        bare.coerce = definition.coerce and definition.dtype is not None
        return bare
    # A type for the whole table takes the place of the columns' own.
    if anything:
        known = {name for name, _ in columns_of(definition, frames.table)}
        for name in (name for name in frames.table.columns if name not in known):
            alone = frames.column_schema(name, definition.dtype, coerce=True)
            bare.columns[name] = alone.columns[name]
        for column in bare.columns.values():
            column.dtype, column.coerce = definition.dtype, True
    bare.dtype, bare.coerce = None, False
    return bare


def _one_by_one(definition: Any, frame: Any) -> list[dict[str, Any]]:
    """The declarations of a schema, one for each column that a pattern matches.

    Where a column has several they follow one another, as in the schema.
    """
    rounds: list[dict[str, Any]] = [{}]
    for name, column in columns_of(definition, frame):
        own = copy.deepcopy(column)
        if name in frame.columns:
            own.regex, own.name = False, name
        declared = next((columns for columns in rounds if name not in columns), None)
        if declared is None:
            declared = {}
            rounds.append(declared)
        declared[name] = own
    return rounds


def _to_blame(error: Exception, frames: Frames, column: str) -> Mask:
    """The rows that cannot be coerced: pandera counts nulls among them once one value fails."""
    rows = frames.unconvertible(_first(error))
    values = rows & ~frames.nulls(frames.table, column)
    return values if values.any() else rows


def _schema_errors() -> tuple[type[Exception], ...]:
    from pandera.errors import SchemaError, SchemaErrors

    return SchemaError, SchemaErrors


def _first(error: Exception) -> Any:
    return getattr(error, "schema_errors", [error])[0]


def _unexplained(error: Exception, frames: Frames) -> Outcome:
    """What pandera refuses for a reason that no rule here knows: every row fails."""
    if not isinstance(error, _schema_errors()):
        raise error
    first = _first(error)
    name = getattr(first.check, "error", None) or getattr(first.check, "name", None) or first.check
    rule = Rule(first.column_name, str(name or "schema"))
    if first.reason_code.name == "CHECK_ERROR":
        raise CheckCrashedError(rule, error)
    return Outcome(rule, np.ones(frames.height, dtype=bool), first.reason_code.value)
