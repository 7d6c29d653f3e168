"""A part of a dataset held against a schema: one streaming pass, and pandera for the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np
import polars as pl

from tidegate.data.engines.by_pandera import (
    Outcome,
    judge,
    judge_lazily,
    judge_some,
    refuse_crashes,
)
from tidegate.data.engines.columns import column
from tidegate.data.engines.compiling import WholeSchemaError, compile_schema, facts_of
from tidegate.data.engines.facts import Fact, HasNulls, Unanswerable
from tidegate.data.engines.findings import Count, Found, Held, RefusedError
from tidegate.data.engines.passing import Looked, Pass
from tidegate.data.engines.plan import (
    ByPandera,
    Compiled,
    Distinct,
    ExactValues,
    Plan,
    Settled,
    Unjudged,
)
from tidegate.data.parts import IN_ORDER, Part
from tidegate.data.rules import Rule
from tidegate.data.schemas import Schema
from tidegate.data.sources.opening import readable
from tidegate.errors import DataError

Engine = Literal["auto", "polars", "pandera"]


def hold(schema: Schema, part: Part, engine: Engine = "auto") -> Held:
    """Hold a part against a schema.

    engine: auto compiles what can be compiled and leaves the rest to pandera; polars refuses such a
    rest; pandera compiles nothing.
    Raises RefusedError, and CheckCrashedError for a check that raises; any other exception is
    pandera's or Polars' own.
    """
    if engine == "pandera":
        return _by_pandera_alone(schema, part, "it is asked for")
    try:
        known = _facts(schema, part)
        plan = compile_schema(schema, part.schema, known)
    except WholeSchemaError as why:
        if engine == "polars":
            raise RefusedError([(None, str(why))]) from None
        return _by_pandera_alone(schema, part, str(why))
    refused = [(entry.rule, entry.why) for entry in plan.by_pandera if entry.inherent]
    if engine == "polars" and refused:
        raise RefusedError(refused)
    return _run(schema, part, plan, known)


def _by_pandera_alone(schema: Schema, part: Part, why: str) -> Held:
    outcomes = judge(schema, part.scan().collect(optimizations=IN_ORDER))
    blocked = np.zeros(part.rows, dtype=bool)
    for outcome in outcomes:
        if outcome.blocks:
            blocked |= outcome.failing
    found = (_found(outcome, outcome.rule.columns, why) for outcome in outcomes)
    return Held(tuple(found), int(np.count_nonzero(blocked)))


def _facts(schema: Schema, part: Part) -> frozenset[Fact]:
    """What is true of the part, of what must be known before its rules can be compiled."""
    return true_facts(part, facts_of(schema, part.schema))


def true_facts(part: Part, facts: Mapping[Fact, pl.Expr]) -> frozenset[Fact]:
    """The facts that are true of the part: what is true of some of its rows is true of it."""
    try:
        return frozenset(_true_of(part, facts))
    except pl.exceptions.PolarsError:
        return frozenset(fact for one in facts for fact in _alone(part, one, facts[one]))


def _true_of(part: Part, facts: Mapping[Fact, pl.Expr]) -> Iterator[Fact]:
    if facts:
        asked = part.scan().select(**{f"{at}": fact for at, fact in enumerate(facts.values())})
        with readable(part.files):
            answers = asked.collect().row(0)
        yield from (fact for fact, answer in zip(facts, answers, strict=True) if answer)


def _alone(part: Part, fact: Fact, expression: pl.Expr) -> Iterator[Fact]:
    try:
        yield from _true_of(part, {fact: expression})
    except pl.exceptions.PolarsError:
        yield Unanswerable(fact.column)


def _run(schema: Schema, part: Part, plan: Plan, known: Set[Fact]) -> Held:
    holed = {fact.column for fact in known if isinstance(fact, HasNulls)}
    one_look = Pass(schema, part, plan, holed)
    try:
        with readable(part.files):
            one_look.run()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        crashes = compiled_crashes(part, plan)
        if not crashes:
            raise
        # The others are judged all the same: what a check raises may be due to a faulty column.
        plan = plan.without(crashes)
        one_look = Pass(schema, part, plan, holed)
        one_look.run()
    else:
        crashes = {}
    if one_look.tally.rows not in (0, part.rows):
        raise DataError(
            f"{part.rows} rows were there at first, and {one_look.tally.rows} later",
            where=", ".join(file.path for file in part.files[:3]),
            remedy="run it again when nothing writes the files",
        )
    later = dict(_found_later(schema, part, plan, one_look))
    found = tuple(
        replace(finding, crash=crashes[finding.rule]) if finding.rule in crashes else finding
        for finding in findings(part, plan, one_look, later)
    )
    refuse_crashes(found)
    return Held(found, _blocked(part, one_look, found))


def compiled_crashes(part: Part, plan: Plan) -> dict[Rule, Exception]:
    """The compiled rules that Polars cannot run over these rows."""
    crashes: dict[Rule, Exception] = {}
    for entry in plan.compiled:
        try:
            plan.parse(part.scan()).select(entry.failing.any()).collect()
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as crash:
            crashes[entry.rule] = crash
    return crashes


def _found_later(
    schema: Schema, part: Part, plan: Plan, one_look: Pass
) -> Iterator[tuple[Rule, Found]]:
    """What more looks at some columns find; the rows are marked, too."""
    for outcome in _outcomes(schema, part, plan):
        entry = next(entry for entry in plan.by_pandera if entry.rule == outcome.rule)
        if outcome.blocks:
            one_look.mark(outcome.failing)
        yield outcome.rule, _found(outcome, entry.columns or (), entry.why)
    for uniqueness, key in zip(one_look.uniqueness, plan.distinct, strict=True):
        repeats = uniqueness.repeats(partial(_keys, part, plan, key))
        one_look.mark(repeats.mask)
        yield key.rule, Found(key.rule, repeats.failing, repeats.first)


def _outcomes(schema: Schema, part: Part, plan: Plan) -> Iterator[Outcome]:
    """What the rules find that pandera runs over whole columns."""
    groups: dict[tuple[str, ...] | None, list[Rule]] = {}
    for entry in plan.by_pandera:
        if entry.lazily:
            yield _lazily(schema, part, plan, entry)
        elif not entry.in_pieces:
            groups.setdefault(entry.columns, []).append(entry.rule)
    for columns, rules in groups.items():
        needed = [column(name) for name in plan.needed(columns)]
        table = part.scan().select(needed).collect(optimizations=IN_ORDER)
        yield from judge_some(schema, table, rules, whole=columns is None)


def _lazily(schema: Schema, part: Part, plan: Plan, entry: ByPandera) -> Outcome:
    outcome = judge_lazily(schema, plan.parse(part.in_order()), part.rows, entry.rule)
    if isinstance(outcome.crash, pl.exceptions.PolarsError | OSError):
        # A damaged file is none of the check's doing.
        with suppress(type(outcome.crash)), readable(part.files):
            raise outcome.crash
    return outcome


def _keys(part: Part, plan: Plan, entry: Distinct, low: int, high: int) -> Iterator[pl.DataFrame]:
    if low < high:
        keys = {f"{at}": key for at, key in enumerate(entry.keys.values())}
        rows = plan.parse(part.scan()).select(**keys)
        yield from part.batches(rows.slice(low, high - low))


def _found(outcome: Outcome, columns: tuple[str, ...], why: str) -> Found:
    count = Count()
    if outcome.failing is not None:
        count.add(outcome.failing)
    return Found(
        outcome.rule,
        None if outcome.failing is None else count.failing,
        tuple(count.first),
        outcome.whole if count.failing else None,
        columns,
        "pandera",
        why,
        outcome.crash,
    )


def findings(
    part: Part, plan: Plan, one_look: Looked, later: Mapping[Rule, Found]
) -> Iterator[Found]:
    """What every rule of a plan found. later: those that took more than one look."""
    compiled = zip(one_look.tally.failing, one_look.tally.first, strict=True)
    values = iter(one_look.values)
    for entry in plan.entries:
        rule = entry.rule
        match entry:
            case Settled(_, whole):
                yield Found(rule, 0 if whole is None else part.rows, whole=whole)
            case Unjudged():
                yield Found(rule, None)
            case Compiled(_, _, columns, whole):
                failing, first = next(compiled)
                yield Found(rule, failing, tuple(first), whole, columns)
            case ExactValues():
                complete = next(values).complete
                whole = None if complete else "fails as a whole"
                yield Found(rule, 0 if complete else part.rows, whole=whole)
            case ByPandera() if entry.in_pieces:
                yield _found_in_pieces(entry, one_look)
            case _:
                yield later[rule]


def _found_in_pieces(entry: ByPandera, one_look: Looked) -> Found:
    columns = entry.columns or ()
    if crash := one_look.crashes.get(entry.rule):
        return Found(entry.rule, None, (), None, columns, "pandera", entry.why, crash)
    count = one_look.pieces[entry.rule]
    first = tuple(count.first)
    return Found(entry.rule, count.failing, first, None, columns, "pandera", entry.why)


def _blocked(part: Part, one_look: Pass, found: Sequence[Found]) -> int:
    if any(finding.blocks and finding.failing == part.rows for finding in found):
        return part.rows
    return one_look.blocked if one_look.marks is None else int(np.count_nonzero(one_look.marks))
