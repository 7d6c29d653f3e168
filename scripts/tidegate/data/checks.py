"""Datasets held against their pandera schemas."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from tidegate.config import Config, Dataset
from tidegate.data.schemas import Schema, load_schema
from tidegate.data.sources import combined_digest, dataset_files, files_digest, read_table
from tidegate.errors import DataError
from tidegate.verdict import Verdict, worst

MAX_EXAMPLES = 5
ENGINE = "pandera"
_MAX_NAME = 100
_MAX_VALUE = 120
# Findings about a column as a whole: where one stands, checks that could not run are its echo.
_STRUCTURAL = ("column_in_dataframe", "dtype(", "column_in_schema", "column_ordered")


@dataclass(frozen=True)
class Example:
    """A row that breaks a rule. row counts from 0 within its file; None for a whole column."""

    file: str
    row: int | None
    value: str | None


@dataclass(frozen=True)
class CheckResult:
    """One rule of a schema. column is None for rules over several columns."""

    column: str | None
    check: str
    failing_rows: int = 0
    examples: tuple[Example, ...] = ()
    redacted: bool = False

    @property
    def verdict(self) -> Verdict:
        return Verdict.FAIL if self.failing_rows else Verdict.PASS


@dataclass(frozen=True)
class DatasetResult:
    """A dataset against its schema. failing_rows counts each row once."""

    name: str
    path: str
    schema: str
    digest: str
    files: int
    rows: int
    failing_rows: int
    tolerated_rows: int
    checks: tuple[CheckResult, ...]

    @property
    def verdict(self) -> Verdict:
        return Verdict.FAIL if self.failing_rows > self.tolerated_rows else Verdict.PASS

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "path": self.path,
            "schema": self.schema,
            "digest": self.digest,
            "verdict": str(self.verdict),
            "engine": ENGINE,
            "files": self.files,
            "rows": self.rows,
            "failing_rows": self.failing_rows,
            "tolerated_rows": self.tolerated_rows,
            "checks": [
                {
                    "column": check.column,
                    "check": check.check,
                    "verdict": str(check.verdict),
                    "failing_rows": check.failing_rows,
                    "share": check.failing_rows / self.rows,
                    "examples": [vars(example) for example in check.examples],
                    "engine": ENGINE,
                    "redacted": check.redacted,
                }
                for check in sorted(self.checks, key=lambda check: -check.failing_rows)
            ],
        }


@dataclass(frozen=True)
class DataReport:
    """What `check-data` found."""

    service: str
    commit: str | None
    datasets: tuple[DatasetResult, ...]

    @property
    def verdict(self) -> Verdict:
        return worst([Verdict.PASS, *(dataset.verdict for dataset in self.datasets)])

    @property
    def blocked(self) -> bool:
        return self.verdict is Verdict.FAIL

    def to_dict(self) -> dict[str, Any]:
        digests = {dataset.name: dataset.digest for dataset in self.datasets}
        return {
            "service": self.service,
            "commit": self.commit,
            "data_digest": combined_digest(digests) if digests else None,
            "datasets": [dataset.to_dict() for dataset in self.datasets],
        }


@dataclass
class _Findings:
    """What pandera said of one frame: failing row numbers by rule; None stands for every row."""

    rows: dict[tuple[str | None, str], set[int] | None] = field(default_factory=dict)
    values: dict[tuple[str | None, str], list[tuple[int | None, str]]] = field(default_factory=dict)

    def failing(self, key: tuple[str | None, str], height: int) -> set[int]:
        rows = self.rows.get(key, set())
        return set(range(height)) if rows is None else rows


@dataclass(frozen=True)
class _Frame:
    """Files of the same structure, read as one table."""

    files: tuple[Path, ...]
    table: pl.DataFrame
    starts: tuple[int, ...]  # row number at which each file begins

    def place(self, row: int) -> tuple[Path, int]:
        index = bisect_right(self.starts, row) - 1
        return self.files[index], row - self.starts[index]


def check_dataset(config: Config, name: str, dataset: Dataset) -> DatasetResult:
    """Hold one dataset of the config against its schema.

    Raises ConfigError for the schema, DataError for files that cannot be judged.
    """
    schema = load_schema(dataset.schema_reference, config.root, where=f"dataset {name}")
    files = dataset_files(config, name, dataset)
    tables = [read_table(file, schema.text_columns) for file in files]
    if not sum(table.height for table in tables):
        raise DataError(
            "the dataset has no rows, and no rows prove nothing",
            where=f"dataset {name}: {dataset.path}",
            remedy="see what wrote the files",
        )
    frames = list(_frames_by_structure(files, tables))
    found = [_validate(schema, frame.table, name) for frame in frames]
    if len(frames) > 1 and not any(findings.rows for findings in found):
        # Uniqueness and whole-column rules hold over the dataset, not over each part of it.
        frames = [_Frame(tuple(files), pl.concat(tables, how="diagonal_relaxed"), _starts(tables))]
        found = [_validate(schema, frames[0].table, name)]
    rows = sum(frame.table.height for frame in frames)
    failing = [
        _failing_rows(findings, frame) for frame, findings in zip(frames, found, strict=True)
    ]
    return DatasetResult(
        name=name,
        path=dataset.path,
        schema=dataset.schema_reference,
        digest=files_digest(files, config.root),
        files=len(files),
        rows=rows,
        failing_rows=sum(len(numbers) for numbers in failing),
        tolerated_rows=_tolerated(dataset, rows, found),
        checks=tuple(_check_results(schema, frames, found, dataset.redact)),
    )


def _tolerated(dataset: Dataset, rows: int, found: Sequence[_Findings]) -> int:
    """Rows may be tolerated; a column that is lost or of another type never is."""
    whole = any(numbers is None for findings in found for numbers in findings.rows.values())
    return 0 if whole else dataset.tolerated_rows(rows)


def _starts(tables: Sequence[pl.DataFrame]) -> tuple[int, ...]:
    starts, total = [], 0
    for table in tables:
        starts.append(total)
        total += table.height
    return tuple(starts)


def _frames_by_structure(files: Sequence[Path], tables: Sequence[pl.DataFrame]) -> Iterator[_Frame]:
    """Files with the same columns and types are judged as one table, others on their own.

    So a month that lost a column is named, and the other months are not blamed for it.
    """
    groups: dict[tuple[tuple[str, str], ...], list[int]] = {}
    for number, table in enumerate(tables):
        structure = tuple(sorted((column, str(dtype)) for column, dtype in table.schema.items()))
        groups.setdefault(structure, []).append(number)
    for numbers in groups.values():
        columns = tables[numbers[0]].columns
        parts = [tables[number].select(columns) for number in numbers]
        if any(part.height for part in parts):
            yield _Frame(
                tuple(files[number] for number in numbers), pl.concat(parts), _starts(parts)
            )


def _validate(schema: Schema, table: pl.DataFrame, dataset: str) -> _Findings:
    from pandera.errors import SchemaErrorReason, SchemaErrors

    frame = table if schema.backend == "polars" else table.to_pandas()
    try:
        schema.definition.validate(frame, lazy=True)
    except SchemaErrors as errors:
        findings = _read_failure_cases(errors.failure_cases)
        structural = any(key[1].startswith(_STRUCTURAL) for key in findings.rows)
        for error in errors.schema_errors:
            if error.reason_code is SchemaErrorReason.CHECK_ERROR and not structural:
                raise DataError(
                    f"the check {_rule(error.check)} does not run: {error.failure_cases}"[:500],
                    where=f"dataset {dataset}, schema {schema.reference}",
                    remedy="mend the check: it raises an exception instead of saying yes or no",
                ) from None
        return findings
    except Exception as error:
        raise DataError(
            f"pandera cannot run the schema: {type(error).__name__}: {error}"[:500],
            where=f"dataset {dataset}, schema {schema.reference}",
            remedy="run schema.validate() on the data in Python and mend what it says",
        ) from None
    return _Findings()


def _read_failure_cases(cases: Any) -> _Findings:
    """pandera's failure cases, pandas or Polars, by rule."""
    records = cases.to_dicts() if isinstance(cases, pl.DataFrame) else cases.to_dict("records")
    findings = _Findings()
    for record in records:
        whole_frame = record["schema_context"] == "DataFrameSchema"
        check = str(record["check"])
        structural = check.startswith(_STRUCTURAL)
        if whole_frame:
            column = str(record["failure_case"]) if structural else None
        else:
            column = str(record["column"])
        key = (column, check)
        row = record["index"]
        if row is None or row != row:
            findings.rows[key] = None
            findings.values.setdefault(key, []).append((None, str(record["failure_case"])))
        elif (numbers := findings.rows.setdefault(key, set())) is not None:
            number = int(row)
            if number not in numbers and len(numbers) < MAX_EXAMPLES:
                findings.values.setdefault(key, []).append((number, str(record["failure_case"])))
            numbers.add(number)
    return findings


def _failing_rows(findings: _Findings, frame: _Frame) -> set[int]:
    return set().union(*(findings.failing(key, frame.table.height) for key in findings.rows))


def _rule(check: Any) -> str:
    """A check's name as pandera's failure cases spell it."""
    return str(getattr(check, "error", None) or getattr(check, "name", None) or check)


def _declared_rules(schema: Schema) -> Iterator[tuple[str | None, str, bool]]:
    """(column, rule, column is a regex) of every rule that the schema declares."""
    for name, column in schema.definition.columns.items():
        regex = bool(getattr(column, "regex", False))
        if column.dtype is not None:
            yield name, f"dtype('{column.dtype}')", regex
        if not column.nullable:
            yield name, "not_nullable", regex
        if column.unique:
            yield name, "field_uniqueness", regex
        for check in column.checks:
            yield name, _rule(check), regex
    for check in schema.definition.checks:
        yield None, _rule(check), False
    if schema.definition.unique:
        yield None, "multiple_fields_uniqueness", False


def _check_results(
    schema: Schema, frames: Sequence[_Frame], found: Sequence[_Findings], redact: Sequence[str]
) -> Iterator[CheckResult]:
    failed = list(dict.fromkeys(key for findings in found for key in findings.rows))
    for column, check in failed:
        result = CheckResult(column, _shortened(check), redacted=column in redact)
        for frame, findings in zip(frames, found, strict=True):
            rows = findings.failing((column, check), frame.table.height)
            examples = _examples(findings.values.get((column, check), []), frame, column, redact)
            result = replace(
                result,
                failing_rows=result.failing_rows + len(rows),
                examples=(*result.examples, *examples)[:MAX_EXAMPLES],
            )
        yield result
    for column, check, regex in _declared_rules(schema):
        if not any(
            check == other and (column == name or (regex and re.search(str(column), name or "")))
            for name, other in failed
        ):
            yield CheckResult(column, _shortened(check), redacted=column in redact)


def _examples(
    values: Sequence[tuple[int | None, str]],
    frame: _Frame,
    column: str | None,
    redact: Sequence[str],
) -> Iterator[Example]:
    for row, value in values[:MAX_EXAMPLES]:
        if row is None:
            # About the column as a whole, in every file of this structure: name the first few.
            for file in frame.files[:MAX_EXAMPLES]:
                yield Example(file.name, None, None if column in redact else _clipped(value))
            continue
        file, number = frame.place(row)
        if column is None:
            shown = frame.table.row(row, named=True)
            value = ", ".join(f"{name}={shown[name]}" for name in shown if name not in redact)
        yield Example(file.name, number, None if column in redact else _clipped(value))


def _clipped(value: str) -> str:
    return value if len(value) <= _MAX_VALUE else value[: _MAX_VALUE - 1] + "…"


def _shortened(check: str) -> str:
    """isin(['AA', 'AS', …]) of hundreds of values, cut to a length that can be read."""
    return check if len(check) <= _MAX_NAME else check[: _MAX_NAME - 3] + "…])"
