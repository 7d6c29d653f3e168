"""What the config asks of a dataset beyond its schema: rules about the whole, and drift."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from tidegate.config import Config, Dataset, place_of
from tidegate.data.parts import table_of
from tidegate.data.results import CheckResult, Finding
from tidegate.data.schemas import Schema, load_schema
from tidegate.data.sources import locate, locate_dataset
from tidegate.data.sources.opening import TableFile, open_files, readable
from tidegate.errors import DataError
from tidegate.verdict import Verdict


@dataclass(frozen=True)
class BeyondSchema:
    """What was found.

    faulty: whether any of it fails the dataset. undecided: whether drift that is to fail is a
    question that the rows cannot answer.
    """

    checks: tuple[CheckResult, ...] = ()
    drift: tuple[Finding, ...] = ()
    profile: tuple[Finding, ...] = ()
    faulty: bool = False
    undecided: bool = False


def look_beyond_schema(
    config: Config,
    name: str,
    dataset: Dataset,
    schema: Schema,
    files: Sequence[TableFile],
    folder: Path,
    now: Callable[[], datetime],
) -> BeyondSchema:
    """Hold a dataset to the config's rules about the whole, and to its reference.

    files: the dataset's, opened. folder: a temporary one, for the files of other datasets.
    Raises DataError and ConfigError for a reference or another dataset that cannot be read.
    """
    has_drift = dataset.reference is not None and dataset.drift.mode != "off"
    if not has_drift and not _has_rules(dataset):
        return BeyondSchema()
    try:
        table = table_of([file for file in files if file.rows])
    except DataError as error:
        return BeyondSchema((_unjudged(error),), faulty=True)
    opened = list(files)

    def scan(found: Sequence[TableFile]) -> pl.LazyFrame:
        opened.extend(found)
        return pl.concat([file.scan() for file in found], how="diagonal_relaxed")

    def other(named: str) -> pl.LazyFrame:
        declared = config.need_dataset(named)
        place = place_of(config, "data", named, "schema")
        types = load_schema(declared.schema_reference, config.code, where=place).declared_type
        return scan(open_files(locate_dataset(config, named, declared), folder / named, types))

    with readable(opened):
        reference = None
        if dataset.reference is not None:
            place = place_of(config, "data", name, "reference")
            found = locate(dataset.reference, config.root, where=place)
            reference = scan(open_files(found, folder / "reference", schema.declared_type))
        checks: list[CheckResult] = []
        faulty = False
        if _has_rules(dataset):
            from tidegate.data import beyond_rows

            checks = beyond_rows.check(
                dataset, table.scan(), table.rows, reference, other, now(), table.place
            )
            tolerated = dataset.tolerated_rows(table.rows)
            faulty = any(beyond_rows.blocks(result, tolerated) for result in checks)
        if not has_drift:
            return BeyondSchema(tuple(checks), faulty=faulty)
        from tidegate.data.drift.examination import examine

        seen = examine(
            table.scan(), reference, dataset.drift,
            where=place_of(config, "data", name, "drift"), key=dataset.key, redact=dataset.redact,
        )  # fmt: skip
    held_to = {item.verdict for item in seen.drift if item.blocking}
    return BeyondSchema(
        tuple(checks),
        seen.drift,
        seen.profile,
        faulty=faulty or Verdict.FAIL in held_to,
        undecided=Verdict.INCONCLUSIVE in held_to,
    )


def _has_rules(dataset: Dataset) -> bool:
    return bool(dataset.rows or dataset.freshness or dataset.foreign_keys or dataset.categories)


def _unjudged(error: DataError) -> CheckResult:
    return CheckResult(
        column=None,
        check="the rules about the whole dataset",
        verdict=Verdict.INCONCLUSIVE,
        engine="polars",
        kind="rows",
        detail=f"not judged: {error.what}",
    )
