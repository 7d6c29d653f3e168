"""What Spark's executors do: the same plan as on one machine, on their share of the rows."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from operator import attrgetter

import numpy as np
import polars as pl

from tidegate.data.engines.by_pandera import judge_lazily
from tidegate.data.engines.facts import Fact
from tidegate.data.engines.findings import Count
from tidegate.data.engines.passing import Pass
from tidegate.data.engines.plan import ByPandera, Compiled, Distinct, ExactValues, Plan
from tidegate.data.engines.running import compiled_crashes, true_facts
from tidegate.data.frames import Mask
from tidegate.data.parts import IN_ORDER, Part
from tidegate.data.rules import Rule
from tidegate.data.schemas import Schema
from tidegate.data.spark import keys
from tidegate.data.spark.seen import Seen
from tidegate.data.spark.stretches import Stretch, found_there
from tidegate.errors import DataError, TidegateError
from tidegate.spark.rows import ExecutorError, Row, frame_rows, loaded

# What a row can be: facts; a stretch's findings; rows that stand for their keys; how many rows
# repeat the key of another stretch; which of them break no other rule; how many those are.
FACTS, SEEN, KEYS, REPEATS, ALSO, MORE = "facts", "seen", "keys", "repeats", "also", "more"


@dataclass(frozen=True)
class Ask:
    """From stretches to the facts that are true of any of them."""

    facts: Mapping[Fact, pl.Expr]

    def __call__(self, rows: Iterator[Row]) -> Iterator[Row]:
        known: set[Fact] = set()
        for row in rows:
            with _told():
                part = loaded(row).part()
                with found_there(part):
                    known |= true_facts(part, self.facts)
        yield Row(0, FACTS, 0, pickle.dumps(known))


@dataclass(frozen=True)
class Look:
    """From stretches to what is seen in them, and to rows that stand for their keys.

    schema: without its definition where pandera runs none of the rules. holed: as in `Pass`.
    parts: in how many parts keys are compared.
    """

    schema: Schema
    plan: Plan
    holed: frozenset[str]
    parts: int

    def __call__(self, rows: Iterator[Row]) -> Iterator[Row]:
        for row in rows:
            stretch = loaded(row)
            with _told():
                seen, standing = self._look(stretch)
            yield Row(stretch.number, SEEN, 0, pickle.dumps(seen))
            for at, frame in enumerate(standing):
                for part, rest in keys.scattered(frame, self.parts):
                    yield from frame_rows(part, f"{KEYS}{at}", rest)

    def _look(self, stretch: Stretch) -> tuple[Seen, list[pl.DataFrame]]:
        part = stretch.part()
        one_look = Pass(self.schema, part, self._in_one_look, self.holed)
        one_look.marks = np.zeros(part.rows, dtype=bool)
        try:
            with found_there(part):
                one_look.run()
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
            crashes = compiled_crashes(part, self._in_one_look)
            if not crashes:
                raise
            return Seen(part.rows, one_look.tally, crashes=_travelling(crashes)), []
        if one_look.tally.rows not in (0, part.rows):
            raise DataError(
                f"{part.rows} rows were there at first, and {one_look.tally.rows} later",
                where=part.files[0].path,
                remedy="run it again when nothing writes the files",
            )
        seen = Seen(part.rows, one_look.tally, one_look.values, one_look.pieces)
        seen.crashes = _travelling(one_look.crashes | self._lazily(part, one_look, seen))
        standing = self._keys(stretch.first, part, one_look, seen)
        seen.blocked = int(np.count_nonzero(one_look.marks))
        return seen, standing

    @cached_property
    def _in_one_look(self) -> Plan:
        """The plan without what takes more looks."""
        entries = (
            entry
            for entry in self.plan.entries
            if isinstance(entry, Compiled | ExactValues)
            or (isinstance(entry, ByPandera) and entry.in_pieces)
        )
        return replace(self.plan, entries=tuple(entries))

    def _lazily(self, part: Part, one_look: Pass, seen: Seen) -> dict[Rule, Exception]:
        crashes: dict[Rule, Exception] = {}
        for entry in self.plan.by_pandera:
            if entry.in_pieces:
                continue
            rows = self.plan.parse(part.in_order())
            outcome = judge_lazily(self.schema, rows, part.rows, entry.rule)
            count = seen.pieces[entry.rule] = Count()
            if outcome.crash is not None:
                crashes[entry.rule] = outcome.crash
            elif outcome.failing is not None:
                count.add(outcome.failing)
                if outcome.blocks:
                    one_look.mark(outcome.failing)
        return crashes

    def _keys(self, first: int, part: Part, one_look: Pass, seen: Seen) -> list[pl.DataFrame]:
        found: list[tuple[Distinct, pl.DataFrame, Mask]] = []
        for entry in self.plan.distinct:
            wanted = {f"{at}": key for at, key in enumerate(entry.keys.values())}
            with found_there(part):
                rows = self.plan.parse(part.scan()).select(**wanted)
                table = rows.collect(optimizations=IN_ORDER)
            table = keys.comparable(table)
            blamed = keys.repeated(table, entry.report)
            one_look.mark(blamed)
            count = Count()
            count.add(blamed)
            seen.repeats.append(count)
            found.append((entry, table, blamed))
        assert one_look.marks is not None  # noqa: S101 - see above
        return [
            keys.standing(table, entry.report, first, blamed, one_look.marks)
            for entry, table, blamed in found
        ]


@dataclass(frozen=True)
class Meet:
    """From rows that stand for their keys, in the order of their parts, to those at fault.

    reports: of the plan's keys. What is seen in stretches is passed on.
    """

    reports: tuple[str, ...]
    parts: int

    def __call__(self, rows: Iterator[Row]) -> Iterator[Row]:
        for number, group in groupby(rows, attrgetter("part")):
            held: dict[str, list[pl.DataFrame]] = {}
            for row in group:
                if row.kind == SEEN:
                    yield row
                else:
                    held.setdefault(row.kind, []).append(loaded(row))
            for at, report in enumerate(self.reports):
                if frames := held.pop(f"{KEYS}{at}", None):
                    with _told():
                        count, also = keys.met(pl.concat(frames), report)
                    yield Row(number, f"{REPEATS}{at}", 0, pickle.dumps(count))
                    for part, rest in keys.scattered_by_row(also, self.parts):
                        yield from frame_rows(part, ALSO, rest)


@dataclass(frozen=True)
class Unite:
    """From numbers of rows, in the order of their parts, to how many there are, each once.

    All else is passed on.
    """

    def __call__(self, rows: Iterator[Row]) -> Iterator[Row]:
        for number, group in groupby(rows, attrgetter("part")):
            frames: list[pl.DataFrame] = []
            for row in group:
                if row.kind == ALSO:
                    frames.append(loaded(row))
                else:
                    yield row
            if frames:
                yield Row(number, MORE, 0, pickle.dumps(pl.concat(frames).n_unique()))


@contextmanager
def _told() -> Iterator[None]:
    """Around work that may raise: no text of an error goes through Spark, whose log shows it."""
    try:
        yield
    except (TidegateError, ImportError):
        raise
    except (Exception, pl.exceptions.PanicException) as error:
        raise ExecutorError.of(error) from None


def _travelling(crashes: Mapping[Rule, Exception]) -> dict[Rule, ExecutorError]:
    return {rule: ExecutorError.of(crash) for rule, crash in crashes.items()}
