"""One look at each row of a part: all that can be had of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import polars as pl

from tidegate.data.engines.by_pandera import Outcome, judge_some
from tidegate.data.engines.columns import column
from tidegate.data.engines.findings import Count
from tidegate.data.engines.plan import BLOCKED, RESERVED, Plan
from tidegate.data.engines.tally import Tally
from tidegate.data.engines.uniqueness import Uniqueness
from tidegate.data.frames import Mask
from tidegate.data.parts import Part
from tidegate.data.rules import Rule
from tidegate.data.schemas import Schema


@dataclass
class Values:
    """The values of a column, as long as they are among those that are wanted."""

    wanted: frozenset[object]
    seen: set[object] = field(default_factory=set)
    strange: bool = False

    def add(self, values: pl.Series) -> None:
        if not self.strange:
            self.seen.update(values.drop_nulls().unique().to_list())
            self.strange = not self.seen <= self.wanted

    @property
    def complete(self) -> bool:
        return not self.strange and self.seen == self.wanted


class Looked(Protocol):
    """What a pass found. pieces: of the rules that pandera runs; crashes: what those raised."""

    @property
    def tally(self) -> Tally: ...
    @property
    def values(self) -> Sequence[Values]: ...
    @property
    def pieces(self) -> Mapping[Rule, Count]: ...
    @property
    def crashes(self) -> Mapping[Rule, Exception]: ...


class Pass:
    """A plan run over the rows of a part.

    holed: columns that have nulls, where that makes pandas see another type in them.
    marks: which rows break a rule, kept where rows that break others are to be found later.
    """

    def __init__(self, schema: Schema, part: Part, plan: Plan, holed: Set[str]):
        self._schema, self._part, self._plan, self._holed = schema, part, plan, holed
        self.tally = Tally.empty(plan)
        self.uniqueness = [Uniqueness(part.rows, entry.report) for entry in plan.distinct]
        self.values = [Values(entry.wanted) for entry in plan.exact_values]
        self.pieces = {entry.rule: Count() for entry in plan.by_pandera if entry.in_pieces}
        self.crashes: dict[Rule, Exception] = {}
        later = plan.distinct or any(not entry.in_pieces for entry in plan.by_pandera)
        self.marks: Mask | None = np.zeros(part.rows, dtype=bool) if later else None
        self.blocked = 0
        # The rules that pandera runs in pieces, by the columns that they need.
        self._groups: dict[tuple[str, ...] | None, list[Rule]] = {}
        for entry in plan.by_pandera:
            if entry.in_pieces:
                self._groups.setdefault(entry.columns, []).append(entry.rule)
        names = dict.fromkeys(name for columns in self._groups for name in plan.needed(columns))
        self._raw = {name: f"{RESERVED}raw {at}" for at, name in enumerate(names)}

    def run(self) -> None:
        carried = self._carried()
        if not (self._plan.compiled or carried):
            return
        rows = self._part.scan().with_columns(
            **{alias: column(name) for name, alias in self._raw.items()}
        )
        query = self._plan.masks(self._plan.parse(rows), **carried)
        for batch in self._part.batches(query):
            self._add(batch)

    def mark(self, rows: Mask | None) -> None:
        """Note rows that break a rule, found later."""
        if rows is not None and self.marks is not None:
            self.marks |= rows

    def _carried(self) -> dict[str, pl.Expr]:
        """What is looked at beside the masks of the compiled rules."""
        carried = {alias: pl.col(alias) for alias in self._raw.values()}
        for at, entry in enumerate(self._plan.distinct):
            keys = enumerate(entry.keys.values())
            carried |= {f"{_key(at)}{number}": values for number, values in keys}
        for at, exact in enumerate(self._plan.exact_values):
            carried[_values(at)] = exact.values
        return carried

    def _add(self, batch: pl.DataFrame) -> None:
        start = self.tally.rows
        self.tally.add(batch)
        for at, uniqueness in enumerate(self.uniqueness):
            uniqueness.add(batch.select(pl.selectors.starts_with(_key(at))))
        for at, values in enumerate(self.values):
            values.add(batch[_values(at)])
        if self.marks is None and not self._groups:
            self.blocked = self.tally.blocked
            return
        blocked = batch[BLOCKED].to_numpy()
        for outcome in self._judged(batch):
            if outcome.crash is not None:
                self.crashes.setdefault(outcome.rule, outcome.crash)
            if outcome.failing is None:
                continue
            self.pieces[outcome.rule].add(outcome.failing, start)
            if outcome.blocks:
                blocked = blocked | outcome.failing
        self.blocked += int(np.count_nonzero(blocked))
        if self.marks is not None and blocked.any():
            self.marks[start : start + batch.height] = blocked

    def _judged(self, batch: pl.DataFrame) -> Iterator[Outcome]:
        """What the rules that pandera runs in pieces find in a batch."""
        for columns, rules in self._groups.items():
            names = self._plan.needed(columns)
            columns_of_piece = {name: batch[self._raw[name]] for name in names}
            holed = bool(self._holed & {*names})
            if holed:
                # pandas must see the types that it sees in the whole table, which has nulls.
                columns_of_piece = {
                    name: pl.concat([values, _one_more(values, null=name in self._holed)])
                    for name, values in columns_of_piece.items()
                }
            piece = pl.DataFrame(columns_of_piece)
            for outcome in judge_some(self._schema, piece, rules, whole=columns is None):
                if holed and outcome.failing is not None:
                    yield replace(outcome, failing=outcome.failing[:-1])
                else:
                    yield outcome


def _one_more(values: pl.Series, *, null: bool) -> pl.Series:
    return values.clear(1) if null else values.head(1)


def _key(distinct: int) -> str:
    return f"{RESERVED}key {distinct} "


def _values(exact: int) -> str:
    return f"{RESERVED}values {exact}"
