"""What a schema asks of one kind of table, settled, compiled, or left to pandera.

A plan holds Polars expressions and plain values: it can be pickled, and run wherever the rows are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import polars as pl

from tidegate.data.rules import Rule

# Bookkeeping columns; a table with a column that starts so is not compiled.
RESERVED = "\0tidegate "
BLOCKED = f"{RESERVED}blocked"


@dataclass(frozen=True)
class Settled:
    """Decided by the columns' names and types alone: whole says what is wrong, None for nothing."""

    rule: Rule
    whole: str | None


@dataclass(frozen=True)
class Unjudged:
    """A rule without an answer, for want of a column, or because its column is faulty."""

    rule: Rule


@dataclass(frozen=True)
class Compiled:
    """A rule as an expression over the parsed rows: true for a row that breaks it, never null.

    columns: those of a rule over several that it looks at. whole: what is wrong with the column
    as a whole, if any row is.
    """

    rule: Rule
    failing: pl.Expr
    columns: tuple[str, ...] = ()
    whole: str | None = None


@dataclass(frozen=True)
class Distinct:
    """A key that no two rows may share.

    keys: the values that are compared, in expressions over the parsed rows.
    report: which rows of a repeated key are at fault: all, exclude_first, exclude_last.
    """

    rule: Rule
    keys: Mapping[str, pl.Expr]
    report: str


@dataclass(frozen=True)
class ExactValues:
    """A column (an expression over the parsed rows) whose values, nulls aside, are all of these."""

    rule: Rule
    values: pl.Expr
    wanted: frozenset[object]


@dataclass(frozen=True)
class ByPandera:
    """A rule that only pandera can run, and why.

    columns: those it needs, None for all. in_pieces: the answer for a row depends on no other.
    lazily: it takes of a LazyFrame what it needs. inherent: because of the rule, not of the data.
    """

    rule: Rule
    why: str
    columns: tuple[str, ...] | None = None
    in_pieces: bool = False
    lazily: bool = False
    inherent: bool = True


Entry = Settled | Unjudged | Compiled | Distinct | ExactValues | ByPandera


@dataclass(frozen=True)
class Plan:
    """Every rule of a schema for tables of these columns, in the schema's order.

    parsed: the columns that coercion and defaults change, as expressions over the raw rows.
    """

    schema: Mapping[str, pl.DataType]
    entries: tuple[Entry, ...]
    parsed: Mapping[str, pl.Expr] = field(default_factory=dict)
    dropped: frozenset[str] = frozenset()  # columns that checks do not see (strict="filter")

    @cached_property
    def compiled(self) -> tuple[Compiled, ...]:
        return tuple(entry for entry in self.entries if isinstance(entry, Compiled))

    @cached_property
    def distinct(self) -> tuple[Distinct, ...]:
        return tuple(entry for entry in self.entries if isinstance(entry, Distinct))

    @cached_property
    def exact_values(self) -> tuple[ExactValues, ...]:
        return tuple(entry for entry in self.entries if isinstance(entry, ExactValues))

    @cached_property
    def by_pandera(self) -> tuple[ByPandera, ...]:
        return tuple(entry for entry in self.entries if isinstance(entry, ByPandera))

    def without(self, rules: Collection[Rule]) -> Plan:
        """The plan with these rules left without an answer."""
        entries = (Unjudged(entry.rule) if entry.rule in rules else entry for entry in self.entries)
        return replace(self, entries=tuple(entries))

    def needed(self, columns: tuple[str, ...] | None) -> tuple[str, ...]:
        """The columns of the table that a rule needs; None stands for all that checks see."""
        return tuple(
            name
            for name in (self.schema if columns is None else columns)
            if name in self.schema and name not in self.dropped
        )

    def parse(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """The rows as the schema's checks see them."""
        if self.parsed:
            rows = rows.with_columns(**self.parsed)
        return rows.drop(pl.selectors.by_name(*self.dropped)) if self.dropped else rows

    def masks(self, parsed: pl.LazyFrame, **carried: pl.Expr) -> pl.LazyFrame:
        """For each row and compiled rule whether it fails, and under BLOCKED whether any does.

        Rules that only warn do not block.
        """
        masks = {mask_name(at): entry.failing for at, entry in enumerate(self.compiled)}
        blocking = [
            mask_name(at) for at, entry in enumerate(self.compiled) if not entry.rule.warns_only
        ]
        blocked = pl.any_horizontal(blocking) if blocking else pl.lit(value=False)
        return parsed.select(**masks, **carried).with_columns(blocked.alias(BLOCKED))


def mask_name(compiled: int) -> str:
    return f"{RESERVED}{compiled}"
