"""Datasets held against their pandera schemas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import polars as pl

from tidegate.config import Config, Dataset, place_of
from tidegate.data.csv_files import unreadable
from tidegate.data.frames import Mask
from tidegate.data.judging import CheckCrashedError, Outcome, judge
from tidegate.data.parts import Part, parts_of
from tidegate.data.results import CheckResult, DatasetResult, Example
from tidegate.data.rules import Rule
from tidegate.data.schemas import Schema, load_schema
from tidegate.data.sources import dataset_digest, dataset_files, read_table
from tidegate.errors import DataError
from tidegate.verdict import Verdict

MAX_EXAMPLES = 5
_MAX_NAME = 100
_MAX_VALUE = 120


def check_dataset(config: Config, name: str, dataset: Dataset) -> DatasetResult:
    """Hold one dataset of the config against its schema.

    Raises ConfigError for the schema, DataError for files that cannot be judged.
    """
    where = f"dataset {name}"
    schema_place = place_of(config, "data", name, "schema")
    schema = load_schema(dataset.schema_reference, config.root, where=schema_place)
    files = dataset_files(config, name, dataset)
    tables = [read_table(file, schema.declared_type) for file in files]
    rows = sum(table.height for table in tables)
    if not rows:
        raise DataError(
            "the dataset has no rows, and no rows prove nothing",
            where=f"{where}: {dataset.path}",
            remedy="see what wrote the files",
        )
    parts = list(parts_of(schema, files, tables))
    found = [_judged(schema, part.table, where, dataset.redact) for part in parts]
    blocking = [[outcome for outcome in outcomes if outcome.blocks] for outcomes in found]
    return DatasetResult(
        name=name,
        path=dataset.path,
        schema=dataset.schema_reference,
        digest=dataset_digest(files, config.root),
        files=len(files),
        rows=rows,
        failing_rows=sum(_failing_rows(outcomes) for outcomes in blocking),
        tolerated_rows=dataset.tolerated_rows(rows),
        faulty=any(_is_fault(outcome) for outcomes in found for outcome in outcomes),
        checks=tuple(_check_results(schema, parts, found, dataset.redact)),
        redacted_columns=tuple(dataset.redact),
    )


def _judged(
    schema: Schema, table: pl.DataFrame, where: str, redact: Sequence[str]
) -> list[Outcome]:
    place = f"{where}, schema {schema.reference}"
    try:
        return judge(schema, table)
    except CheckCrashedError as crash:
        column = f" of column {crash.rule.column!r}" if crash.rule.column else ""
        raise DataError(
            f"the check {_shortened(crash.rule.name)}{column} raises {_told(crash.cause, redact)}",
            where=place,
            remedy="mend the check: it must say yes or no, for every table",
        ) from None
    except Exception as error:
        raise DataError(
            f"pandera cannot run the schema: {_told(error, redact)}",
            where=place,
            remedy="run schema.validate() on the data in Python and mend what it says",
        ) from None


def _told(error: BaseException, redact: Sequence[str]) -> str:
    """An exception in one line. Its message may quote the data."""
    name = type(error).__name__
    return name if redact else f"{name}: {error}".splitlines()[0][:300]


def _is_fault(outcome: Outcome) -> bool:
    return outcome.failing is None or (outcome.blocks and outcome.whole is not None)


def _failing_rows(outcomes: Sequence[Outcome]) -> int:
    masks = [outcome.failing for outcome in outcomes if outcome.failing is not None]
    return int(np.logical_or.reduce(masks).sum()) if masks else 0


def _check_results(
    schema: Schema,
    parts: Sequence[Part],
    found: Sequence[Sequence[Outcome]],
    redact: Sequence[str],
) -> Iterator[CheckResult]:
    by_rule: dict[Rule, list[tuple[Part, Outcome]]] = {}
    for part, outcomes in zip(parts, found, strict=True):
        for outcome in outcomes:
            by_rule.setdefault(outcome.rule, []).append((part, outcome))
    for rule, seen in by_rule.items():
        masks = [outcome.failing for _, outcome in seen]
        verdict = Verdict.INCONCLUSIVE if any(mask is None for mask in masks) else Verdict.PASS
        if any(outcome.blocks for _, outcome in seen):
            verdict = Verdict.FAIL
        looks_at = [rule.column] if rule.column is not None else rule.columns or _columns(parts)
        shown = [name for name in looks_at if name not in redact]
        examples = (
            example for part, outcome in seen for example in _examples(schema, part, outcome, shown)
        )
        yield CheckResult(
            column=rule.column,
            check=_shortened(rule.name),
            verdict=verdict,
            failing_rows=sum(int(mask.sum()) for mask in masks if mask is not None),
            examples=tuple(islice(examples, MAX_EXAMPLES)),
            redacted=not shown,
        )


def _columns(parts: Sequence[Part]) -> list[str]:
    return list(dict.fromkeys(name for part in parts for name in part.table.columns))


def _examples(
    schema: Schema, part: Part, outcome: Outcome, shown: Sequence[str]
) -> Iterator[Example]:
    """The files at fault, if a column is as a whole, then rows with the values of `shown`."""
    if outcome.failing is None or not outcome.failing.any():
        return
    rows = outcome.failing
    if outcome.whole is not None:
        for file in part.files[:MAX_EXAMPLES]:
            yield Example(file.name, None, _clipped(outcome.whole) if shown else None)
        if rows.all():
            rows = _misfits(schema, part.table, outcome.rule.column)
    columns = [name for name in shown if name in part.table.columns]
    for row in np.flatnonzero(rows)[:MAX_EXAMPLES].tolist():
        values = {name: _text(part.table[name][row]) for name in columns}
        if outcome.rule.column is not None:
            value = values.get(outcome.rule.column)
        else:
            value = ", ".join(f"{name}={text}" for name, text in values.items())
        name, number = part.place(row)
        yield Example(name, number, _clipped(value) if value else value)


def _misfits(schema: Schema, table: pl.DataFrame, column: str | None) -> Mask:
    """The rows that keep a column of text from being of the declared type."""
    if column in table.columns and table.schema[column] == pl.String:
        declared = schema.declared_type(column)
        if declared is not None and declared != pl.String:
            return unreadable(table[column], declared).to_numpy()
    return np.zeros(table.height, dtype=bool)


def _text(value: Any) -> str:
    return "null" if value is None else str(value)


def _clipped(value: str) -> str:
    return value if len(value) <= _MAX_VALUE else value[: _MAX_VALUE - 1] + "…"


def _shortened(check: str) -> str:
    """isin(['AA', 'AS', …) of hundreds of values, cut to a length that can be read."""
    return check if len(check) <= _MAX_NAME else check[: _MAX_NAME - 2] + "…)"
