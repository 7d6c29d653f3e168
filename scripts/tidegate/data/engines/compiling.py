"""A pandera schema compiled for tables of certain columns."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, Protocol

import polars as pl

from tidegate.data.engines.by_pandera import pandera_on, unsparing
from tidegate.data.engines.columns import is_plain
from tidegate.data.engines.facts import Fact
from tidegate.data.engines.pandas_columns import PandasColumns
from tidegate.data.engines.plan import (
    RESERVED,
    ByPandera,
    Compiled,
    Distinct,
    Entry,
    ExactValues,
    Plan,
    Settled,
    Unjudged,
)
from tidegate.data.engines.polars_columns import PolarsColumns
from tidegate.data.engines.recording import NotCompiledError, built_in_name
from tidegate.data.frames import frames_of
from tidegate.data.rules import (
    Accepted,
    AsAWhole,
    NotNull,
    OfType,
    Passes,
    Question,
    Rule,
    RuleTest,
    Unique,
    columns_of,
    refusal,
    tests_of,
)
from tidegate.data.schemas import Schema


class WholeSchemaError(Exception):
    """Why no rule of a schema can be taken by itself, in words that follow "because"."""


class Columns(Protocol):
    """A table's columns as one of pandera's backends sees them: its rules in expressions.

    Where a rule is none, the methods raise NotCompiledError.
    """

    @property
    def facts(self) -> Mapping[Fact, pl.Expr]:
        """What must be known of the rows, each an expression that is true or false for all."""
        ...

    @property
    def parsed(self) -> Mapping[str, pl.Expr]:
        """What coercion and defaults make of a column, where that is something else."""
        ...

    @property
    def hidden(self) -> Mapping[str, str]:
        """Columns that only pandera can parse, and why."""
        ...

    @property
    def unconvertible(self) -> Mapping[str, pl.Expr]:
        """The rows to blame, of columns that cannot be coerced."""
        ...

    def mistyped(self, name: str, dtype: Any) -> str | None: ...
    def found_type(self, name: str) -> str: ...
    def nulls(self, name: str) -> pl.Expr: ...
    def failing(self, check: Any, name: str | None) -> tuple[pl.Expr, set[str]]:
        """The rows that fail, and the columns that were looked at."""
        ...

    def exact_values(self, check: Any, name: str) -> tuple[pl.Expr, frozenset[object]]: ...
    def key(self, name: str) -> pl.Expr: ...


def facts_of(schema: Schema, columns: Mapping[str, pl.DataType]) -> dict[Fact, pl.Expr]:
    """What must be known of the rows before a plan can be made; each is true or false for all.

    Raises WholeSchemaError.
    """
    with pandera_on():
        definition = unsparing(schema.definition)
        return dict(_seen(schema, definition, _kept(schema, definition, columns), ()).facts)


def compile_schema(
    schema: Schema, columns: Mapping[str, pl.DataType], known: Collection[Fact] = ()
) -> Plan:
    """The plan for tables of these columns. known: the facts that are true of their rows.

    Raises WholeSchemaError; any other exception is pandera's own.
    """
    with pandera_on():
        definition = unsparing(schema.definition)
        kept = _kept(schema, definition, columns)
        seen = _seen(schema, definition, kept, known)
        entries = tuple(_Compiler(schema, definition, kept, seen).entries())
    dropped = frozenset(name for name in columns if name not in kept)
    return Plan(dict(columns), entries, dict(seen.parsed), dropped)


def _kept(
    schema: Schema, definition: Any, columns: Mapping[str, pl.DataType]
) -> Mapping[str, pl.DataType]:
    """The columns that checks see: all, or those that are declared (strict="filter")."""
    _refuse_what_is_whole(schema, definition, columns)
    if definition.strict != "filter":
        return columns
    declared = {name for name, _ in columns_of(definition, _without_rows(schema, columns))}
    if schema.backend == "polars" and not all(is_plain(name) for name in {*columns} - declared):
        raise WholeSchemaError("Polars takes a column's name for a pattern of what to drop")
    if not declared & columns.keys():
        raise WholeSchemaError("no column is left of the table")
    return {name: dtype for name, dtype in columns.items() if name in declared}


def _seen(
    schema: Schema, definition: Any, columns: Mapping[str, pl.DataType], known: Collection[Fact]
) -> Columns:
    if schema.backend == "polars":
        return PolarsColumns(definition, columns, known)
    # Checks may be run in pieces, over all columns; a key may be of columns not declared.
    every = bool(definition.checks or definition.unique)
    return PandasColumns(schema, definition, columns, known, every=every)


def _without_rows(schema: Schema, columns: Mapping[str, pl.DataType]) -> Any:
    return frames_of(schema, pl.DataFrame(schema=dict(columns))).table


def _refuse_what_is_whole(
    schema: Schema, definition: Any, columns: Mapping[str, pl.DataType]
) -> None:
    frame = _without_rows(schema, columns)
    declared = dict(definition.columns)
    for part in (definition, *declared.values()):
        own = type(part).__module__
        if not own.startswith("pandera.api."):
            raise WholeSchemaError(f"the class {type(part).__qualname__} may have rules of its own")
        if getattr(part, "parsers", None):
            raise WholeSchemaError("its parsers change the table before it is checked")
    backend = type(definition.get_backend(frame)).__module__
    if not backend.startswith(f"pandera.backends.{schema.backend}."):
        raise WholeSchemaError(f"pandera runs it in {backend}")
    coerced = definition.coerce or any(column.coerce for column in declared.values())
    if coerced and definition.dtype is not None:
        raise WholeSchemaError("the whole table is coerced to one type")
    if type(definition.dtype).__name__ == "PydanticModel":
        raise WholeSchemaError("a pydantic model judges each row")
    if not all(isinstance(name, str) for name in declared):
        raise WholeSchemaError("its columns have names of several levels")
    if any(name.startswith(RESERVED) for name in columns):
        raise WholeSchemaError("a column's name is used for bookkeeping")
    judged = {name for name, _ in columns_of(definition, frame)}
    pattern = next((name for name in columns if name in judged and not is_plain(name)), None)
    if schema.backend == "polars" and pattern is not None:
        raise WholeSchemaError(f"Polars takes the column name {pattern!r} for a pattern")
    defaults = [column for column in declared.values() if column.default is not None]
    if any(column.regex for column in defaults):
        raise WholeSchemaError("a default is for all columns that match a pattern")
    if defaults and definition.dtype is not None:
        # Polars makes the column of the default's type, which is then the table's.
        raise WholeSchemaError("a default is filled in as of the type of the whole table")
    absent = [
        name
        for name, column in declared.items()
        if column.required and not column.regex and name not in columns
    ]
    if definition.add_missing_columns and absent:
        raise WholeSchemaError(f"the missing column {absent[0]!r} is added before it is checked")


class _Compiler:
    def __init__(
        self,
        schema: Schema,
        definition: Any,
        columns: Mapping[str, pl.DataType],
        seen: Columns,
    ):
        self.polars = schema.backend == "polars"
        self.definition = definition
        self.columns = columns
        self.seen = seen
        self.hidden = dict(seen.hidden)
        self.frame = _without_rows(schema, columns)
        self.faulty: set[str] = set()  # columns that are lost, or of another type

    def entries(self) -> Iterator[Entry]:
        for test in tests_of(self.definition, self.frame):
            try:
                yield Unjudged(test.rule) if test.lost else self._entry(test)
            except NotCompiledError as why:
                if isinstance(test.question, OfType):
                    self.hidden[test.question.column] = str(why)
                yield self._by_pandera(test, str(why))

    def _entry(self, test: RuleTest) -> Entry:
        rule, seen = test.rule, self.seen
        match test.question:
            case AsAWhole(fault):
                return self._settled(rule, fault)
            case OfType(name) if name in seen.unconvertible:
                self.faulty.add(name)
                return Compiled(rule, seen.unconvertible[name], whole=seen.found_type(name))
            case OfType(name, dtype):
                self._refuse_hidden(name)
                return self._settled(rule, seen.mistyped(name, dtype))
            case NotNull(name):
                self._refuse_hidden(name)
                return Compiled(rule, seen.nulls(name))
            case Unique(columns, report):
                self._refuse_hidden(*columns)
                report = "all" if self.polars else report  # its Polars backend knows no other
                return Distinct(rule, {name: seen.key(name) for name in columns}, report)
            case Passes(check, column):
                return self._check(test, check, column)
            case Accepted(definition):
                if not self.polars:
                    raise NotCompiledError("it is of pandas alone")
                refused = refusal(definition, self.frame) is not None
                return self._settled(rule, "not as declared" if refused else None)

    def _settled(self, rule: Rule, fault: str | None) -> Settled:
        if fault is not None and rule.column is not None:
            self.faulty.add(rule.column)
        return Settled(rule, fault)

    def _refuse_hidden(self, *names: str) -> None:
        for name in names:
            if name in self.hidden:
                raise NotCompiledError(self.hidden[name])

    def _check(self, test: RuleTest, check: Any, column: str | None) -> Entry:
        rule = test.rule
        if column in self.faulty:
            return Unjudged(rule)
        if column is not None:
            self._refuse_hidden(column)
        if check.element_wise:
            raise NotCompiledError("it is a Python function of single values")
        if column is not None and built_in_name(check) == "unique_values_eq":
            return ExactValues(rule, *self.seen.exact_values(check, column))
        failing, looked_at = self.seen.failing(check, column)
        if looked_at & self.faulty:
            # pandera is asked whether it can answer all the same.
            why = "a column that it looks at is not of its type"
            return replace(self._by_pandera(test, why), inherent=False)
        columns = tuple(name for name in self.columns if name in looked_at)
        return Compiled(rule, failing, columns if column is None else ())

    def _by_pandera(self, test: RuleTest, why: str) -> ByPandera:
        columns = self._needed(test.question)
        hidden = any(name in self.hidden for name in columns or self.columns)
        in_pieces = lazily = False
        if isinstance(test.question, Passes) and not hidden:
            check, column = test.question.check, test.question.column
            by_row = check.element_wise or (
                built_in_name(check) not in (None, "unique_values_eq") and not check.groupby
            )
            # pandas raises where a null without an answer and a wrong value come together.
            apart = self.polars or check.ignore_na
            in_pieces = bool(by_row) and apart and (column is not None or not self.faulty)
            lazily = self.polars and not in_pieces
        return ByPandera(test.rule, why, columns, in_pieces=in_pieces, lazily=lazily)

    def _needed(self, question: Question) -> tuple[str, ...] | None:
        """The columns that a rule looks at; None where that cannot be said."""
        match question:
            case OfType(name) | NotNull(name):
                return (name,)
            case Unique(columns):
                return columns
            case Passes(check, column) if column is not None:
                if self.polars:
                    return (column,) if check.element_wise or built_in_name(check) else None
                if check.groupby is None:
                    return (column,)
                if isinstance(check.groupby, list):
                    return tuple(dict.fromkeys((column, *check.groupby)))
            case Accepted() if self.definition.columns:
                return (next(iter(self.columns)),)  # an index is of any column
        return None
