"""A table held against a pandera schema: which rows break which rule.

Whether a table is valid, pandera alone decides. Which rows break which rule is then found by
running its rules one at a time: its own list of failure cases leaves rows out (nulls, all that
n_failure_cases cuts off, every row of a check that answers with one yes or no) and, on the Polars
backend, cannot be made at all for some mixtures of findings.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from tidegate.data.frames import Frames, Mask, frames_of
from tidegate.data.rules import Rule, columns_of, refusal, tests_of
from tidegate.data.schemas import Schema


@dataclass(frozen=True)
class Outcome:
    """What a rule found. failing is None where it could not be judged, for want of a column.

    whole says what is wrong with the column or the table as a whole.
    """

    rule: Rule
    failing: Mask | None
    whole: str | None = None

    @property
    def blocks(self) -> bool:
        return self.failing is not None and bool(self.failing.any()) and not self.rule.warns_only


class CheckCrashedError(Exception):
    """A check of the schema raised an exception instead of saying yes or no."""

    def __init__(self, rule: Rule, cause: BaseException):
        super().__init__(rule.name)
        self.rule = rule
        self.cause = cause


def judge(schema: Schema, table: pl.DataFrame) -> list[Outcome]:
    """What every rule of the schema finds in the table.

    Raises CheckCrashedError for a check that raises; any other exception is pandera's own.
    """
    frames = frames_of(schema, table)
    definition = _unsparing(schema.definition)
    with _pandera():
        error = refusal(definition, frames.table)
        rules = [test.rule for test in tests_of(definition, frames, frames.table, {})]
        if error is None and not any(rule.warns_only for rule in rules):
            return [Outcome(rule, np.zeros(table.height, dtype=bool)) for rule in rules]
        outcomes = list(_judge_each(definition, frames))
    if error is not None and not any(outcome.blocks for outcome in outcomes):
        outcomes.append(_unexplained(error, frames))
    return outcomes


def is_sound(schema: Schema, table: pl.DataFrame) -> bool:
    """Whether the table has the columns that the schema wants, as far as no row is looked at."""
    frames = frames_of(schema, table.clear())
    with _pandera(schema_only=True):
        return refusal(_unsparing(schema.definition), frames.table) is None


@contextmanager
def _pandera(*, schema_only: bool = False) -> Iterator[None]:
    """pandera switched on, whatever the environment says, and without its warnings."""
    from pandera.config import ValidationDepth, config_context

    depth = ValidationDepth.SCHEMA_ONLY if schema_only else ValidationDepth.SCHEMA_AND_DATA
    with config_context(validation_enabled=True, validation_depth=depth), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _unsparing(definition: Any) -> Any:
    """The schema without what makes pandera drop bad rows instead of refusing them."""
    definition = copy.deepcopy(definition)
    for part in (definition, *definition.columns.values()):
        part.drop_invalid_rows = False
    return definition


def _judge_each(definition: Any, frames: Frames) -> Iterator[Outcome]:
    frame, unconvertible = _parsed(definition, frames)
    faulty: set[str | None] = set()  # columns that are lost, or of another type
    for test in tests_of(definition, frames, frame, unconvertible):
        if test.run is None or (test.is_check and test.rule.column in faulty):
            yield Outcome(test.rule, None)
            continue
        try:
            failing, whole = test.run(frame)
        except Exception as cause:
            if not test.is_check:
                raise
            if not faulty:
                raise CheckCrashedError(test.rule, cause) from None
            yield Outcome(test.rule, None)
            continue
        if whole is not None and not test.is_check:
            faulty.add(test.rule.column)
        yield Outcome(test.rule, failing, whole)


def _parsed(definition: Any, frames: Frames) -> tuple[Any, dict[str, Mask]]:
    """The frame after the schema's parsers, defaults and coercion.

    With it, for each column that cannot be coerced, the rows to blame.
    """
    unconvertible: dict[str, Mask] = {}
    for name, column in columns_of(definition, frames.table):
        coerced = (definition.coerce or column.coerce) and column.dtype is not None
        if coerced and name in frames.table.columns:
            alone = frames.column_schema(name, column.dtype, coerce=True)
            if (error := refusal(alone, frames.table[[name]])) is not None:
                unconvertible[name] = _to_blame(error, frames, name)
    bare = copy.deepcopy(definition)
    for column in bare.columns.values():
        column.checks, column.nullable, column.unique = [], True, False
        column.required = definition.add_missing_columns and column.default is not None
        column.coerce = (column.coerce or definition.coerce) and column.dtype is not None
        if not column.coerce and column.default is None:
            column.dtype = None
    for name, column in columns_of(bare, frames.table):
        if name in unconvertible:
            column.coerce, column.dtype = False, None
    bare.checks, bare.unique, bare.ordered, bare.index = [], None, False, None
    bare.strict = definition.strict if definition.strict == "filter" else False
    # A type for the whole table takes the place of the columns' own.
    bare.coerce = definition.coerce and definition.dtype is not None
    bare.dtype = definition.dtype if bare.coerce else None
    try:
        return bare.validate(frames.table), unconvertible
    except _schema_errors():
        return frames.table, unconvertible


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
