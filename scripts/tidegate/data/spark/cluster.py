"""The rows of a part on Spark, and the jobs over them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

from tidegate.data.engines.facts import Fact
from tidegate.data.engines.findings import Count
from tidegate.data.engines.plan import Plan
from tidegate.data.parts import Part
from tidegate.data.schemas import Schema
from tidegate.data.spark import kernels
from tidegate.data.spark.seen import Seen, with_others
from tidegate.data.spark.stretches import stretch_rows
from tidegate.spark.kernels import VERSIONS, Kernel, apply
from tidegate.spark.rows import SCHEMA, Row, errors_raised, loaded, packed
from tidegate.spark.session import working

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# About so many keys are compared at once.
PART_KEYS = 2_000_000


class Cluster:
    """folder: for what is sent to the executors as files.

    Its methods raise DataError when Spark fails or an executor cannot read its rows, ExecutorError
    for what else goes wrong there.
    """

    def __init__(self, session: SparkSession, part: Part, folder: Path):
        self._session = session
        self._folder = folder
        self._parts = -(-part.rows // PART_KEYS)
        rows = list(stretch_rows(part))
        with working(session):
            table = pa.Table.from_batches(packed(rows))
            self._stretches = session.createDataFrame(table, SCHEMA).repartition(len(rows))

    def ask(self, facts: Mapping[Fact, pl.Expr]) -> frozenset[Fact]:
        """The facts that are true of the part."""
        with working(self._session):
            answers = self._collected(self._run(kernels.Ask(facts), self._stretches))
        return frozenset().union(*(loaded(row) for row in answers))

    def look(self, schema: Schema, plan: Plan, holed: frozenset[str]) -> Seen:
        """What the plan's rules find in the part. schema, holed: as in `kernels.Look`."""
        versions = {**VERSIONS, **({} if schema.definition is None else _versions_of(schema))}
        with working(self._session):
            look = kernels.Look(schema, plan, holed, self._parts)
            found = self._run(look, self._stretches, versions)
            if plan.distinct:
                reports = tuple(entry.report for entry in plan.distinct)
                found = self._run(kernels.Meet(reports, self._parts), self._by_part(found))
                found = self._run(kernels.Unite(), self._by_part(found))
            rows = self._collected(found)
        return _merged(rows, len(plan.distinct))

    def _run(
        self, kernel: Kernel, frame: DataFrame, versions: Mapping[str, str] = VERSIONS
    ) -> DataFrame:
        return apply(self._session, frame, kernel, self._folder, versions)

    def _by_part(self, frame: DataFrame) -> DataFrame:
        most = int(self._session.conf.get("spark.sql.shuffle.partitions"))
        partitions = min(self._parts, most)
        return frame.repartition(partitions, "part").sortWithinPartitions("part")

    def _collected(self, frame: DataFrame) -> list[Row]:
        return list(errors_raised(Row(*row) for row in frame.collect()))


def _merged(rows: list[Row], distinct: int) -> Seen:
    of = {kind: [row for row in rows if row.kind == kind] for kind in {row.kind for row in rows}}
    stretches = [loaded(row) for row in sorted(of[kernels.SEEN])]
    crashed = {rule: crash for one in reversed(stretches) for rule, crash in one.crashes.items()}
    seen: Seen = stretches[0]
    seen.crashes = crashed
    if crashed:
        return seen
    for later in stretches[1:]:
        seen.merge(later)
    for at in range(distinct):
        others: list[Count] = [loaded(row) for row in of.get(f"{kernels.REPEATS}{at}", [])]
        seen.repeats[at] = with_others(seen.repeats[at], others)
    seen.blocked += sum(loaded(row) for row in of.get(kernels.MORE, []))
    return seen


def _versions_of(schema: Schema) -> dict[str, str]:
    packages = ("pandera", "pandas") if schema.backend == "pandas" else ("pandera",)
    return {name: metadata.version(name) for name in packages}
