"""A part of a dataset held against a schema on a Spark cluster."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import polars as pl

from tidegate.data.engines.by_pandera import Outcome, judge_lazily, judge_some, refuse_crashes
from tidegate.data.engines.columns import column
from tidegate.data.engines.compiling import WholeSchemaError, compile_schema, facts_of
from tidegate.data.engines.facts import Fact, HasNulls
from tidegate.data.engines.findings import Found, Held, RefusedError
from tidegate.data.engines.plan import ByPandera, Compiled, Entry, Plan, Settled
from tidegate.data.engines.running import findings
from tidegate.data.parts import Part
from tidegate.data.rules import Rule
from tidegate.data.schemas import Schema
from tidegate.data.spark.cluster import Cluster
from tidegate.data.spark.schemas import travelling
from tidegate.data.spark.seen import Seen
from tidegate.spark.rows import ExecutorError
from tidegate.spark.session import open_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def hold_on_spark(
    schema: Schema, part: Part, root: Path, session: SparkSession | None = None
) -> Held:
    """Hold a part against a schema, as running.hold does here.

    root: of the service's own code, which executors do not have.
    Raises RefusedError for rules that need more rows than an executor has, and what `hold` raises.
    """
    try:
        facts = facts_of(schema, part.schema)
        if not facts:  # what is refused is refused before Spark is started
            _unanswered(schema, compile_schema(schema, part.schema))
        with TemporaryDirectory(prefix="tidegate-") as folder:
            cluster = Cluster(session or open_session(), part, Path(folder))
            known = cluster.ask(facts) if facts else frozenset()
            plan = compile_schema(schema, part.schema, known)
            unanswered = _unanswered(schema, plan)
            with travelling(schema, root, needed=bool(plan.by_pandera)) as sent:
                return _held(sent, part, plan, unanswered, known, cluster)
    except WholeSchemaError as why:
        raise RefusedError([(None, str(why))]) from None
    except ExecutorError as error:
        raise error.as_raised() from None


def _held(
    schema: Schema,
    part: Part,
    plan: Plan,
    unanswered: dict[Rule, Found],
    known: frozenset[Fact],
    cluster: Cluster,
) -> Held:
    holed = frozenset(fact.column for fact in known if isinstance(fact, HasNulls))
    entries = {entry.rule: entry for entry in plan.entries}
    plan = plan.without(unanswered)
    while (seen := cluster.look(schema, plan, holed)).crashes:
        for rule, error in seen.crashes.items():
            unanswered[rule] = _without_answer(entries[rule], error.as_raised())
        if not _has_faults(plan):
            refuse_crashes(list(unanswered.values()))
        # The others are judged all the same: what a check raises may be due to a faulty column.
        plan = plan.without(unanswered)
    answered = findings(part, plan, seen, dict(_found_later(plan, seen)))
    found = tuple(unanswered.get(one.rule, _on_spark(one)) for one in answered)
    whole = any(finding.blocks and finding.failing == part.rows for finding in found)
    return Held(found, part.rows if whole else seen.blocked)


def _on_spark(found: Found) -> Found:
    return replace(found, engine="spark") if found.engine == "polars" else found


def _without_answer(entry: Entry, crash: Exception | None) -> Found:
    if isinstance(entry, ByPandera):
        columns = entry.columns or ()
        return Found(entry.rule, None, (), None, columns, "pandera", entry.why, crash)
    return Found(entry.rule, None, engine="spark", crash=crash)


def _found_later(plan: Plan, seen: Seen) -> Iterator[tuple[Rule, Found]]:
    for key, repeats in zip(plan.distinct, seen.repeats, strict=True):
        yield key.rule, Found(key.rule, repeats.failing, tuple(repeats.first))
    for entry in plan.by_pandera:
        if not entry.in_pieces:
            count = seen.pieces[entry.rule]
            first, columns = tuple(count.first), entry.columns or ()
            yield (
                entry.rule,
                Found(entry.rule, count.failing, first, None, columns, "pandera", entry.why),
            )


def _unanswered(schema: Schema, plan: Plan) -> dict[Rule, Found]:
    """The rules left to pandera that have no answer, because a column that they need is at fault.

    Raises RefusedError for others that cannot be run on some rows at a time.
    """
    unanswered: dict[Rule, Found] = {}
    refused: list[tuple[Rule | None, str]] = []
    for entry in plan.by_pandera:
        # What is not inherently pandera's is an expression over a row; pandera is asked only
        # whether it can answer.
        if entry.in_pieces or (entry.lazily and not entry.inherent):
            continue
        outcome = _without_rows(schema, plan, entry) if _has_faults(plan) else None
        if outcome is not None and outcome.failing is None:
            unanswered[entry.rule] = _without_answer(entry, outcome.crash)
        else:
            refused.append((entry.rule, entry.why))
    if refused:
        raise RefusedError(refused)
    return unanswered


def _without_rows(schema: Schema, plan: Plan, entry: ByPandera) -> Outcome:
    """What pandera makes of a rule over a table that has columns only: no answer without them."""
    empty = pl.LazyFrame(schema=dict(plan.schema))
    if entry.lazily:
        return judge_lazily(schema, plan.parse(empty), 0, entry.rule)
    table = empty.select([column(name) for name in plan.needed(entry.columns)]).collect()
    (outcome,) = judge_some(schema, table, [entry.rule], whole=entry.columns is None)
    return outcome


def _has_faults(plan: Plan) -> bool:
    """Whether a column is lost or of another type: that may keep a check from answering."""
    return any(
        entry.whole is not None and not entry.rule.is_check
        for entry in plan.entries
        if isinstance(entry, Settled | Compiled)
    )
