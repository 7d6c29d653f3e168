"""Schemas compiled: the same failing checks, counts and rows as pandera finds, in any pieces."""

from __future__ import annotations

import io
import warnings
from typing import Any

import pandera.pandas
import pandera.polars
import polars as pl
import pytest
from hypothesis import given, note, reject
from hypothesis import strategies as st

from generated_schemas import Backend, part_of, schemas
from tidegate.data.engines.by_pandera import CheckCrashedError, judge, pandera_on
from tidegate.data.engines.findings import Held
from tidegate.data.engines.running import hold
from tidegate.data.frames import frames_of
from tidegate.data.rules import Rule, refusal
from tidegate.data.schemas import Schema

# For each rule its failing rows, how many and the first few; None where it was not judged.
Findings = dict[Rule, tuple[int, tuple[int, ...]] | None]


def in_parquet(table: pl.DataFrame) -> pl.LazyFrame:
    file = io.BytesIO()
    table.write_parquet(file, row_group_size=3)
    file.seek(0)
    return pl.scan_parquet(file)


def expected(schema: Schema, table: pl.DataFrame) -> tuple[Findings, int]:
    findings: Findings = {}
    blocked = pl.repeat(value=False, n=table.height, eager=True)
    for outcome in judge(schema, table):
        if outcome.failing is None:
            findings[outcome.rule] = None
            continue
        rows = outcome.failing.nonzero()[0].tolist()
        whole = outcome.whole is not None and len(rows) == table.height
        findings[outcome.rule] = len(rows), () if whole or table.height == 1 else tuple(rows[:5])
        if outcome.blocks:
            blocked |= pl.Series(outcome.failing)
    return findings, int(blocked.sum())


def found(held: Held, height: int) -> tuple[Findings, int]:
    findings: Findings = {}
    for finding in held.found:
        whole = height == 1 or (finding.whole is not None and finding.failing == height)
        findings[finding.rule] = (
            None if finding.failing is None else (finding.failing, () if whole else finding.first)
        )
    return findings, held.blocked


@pytest.mark.parametrize("backend", ["polars", "pandas"])
@given(st.data())
def test_hold__finds_what_pandera_finds(backend: Backend, data: st.DataObject) -> None:
    definition, table = data.draw(schemas(backend))
    cuts = data.draw(st.lists(st.integers(1, table.height), max_size=2, unique=True))
    scan = data.draw(st.sampled_from([pl.DataFrame.lazy, in_parquet]))
    if scan is in_parquet and in_parquet(table).collect_schema() != table.schema:
        scan = pl.DataFrame.lazy
    cuts = [cut for cut in cuts if cut < table.height]
    part = part_of(table, cuts, data.draw(st.integers(2, 9)), scan)
    schema = Schema("test", backend, definition)
    note(f"{definition}\n{table}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            wanted, blocked = expected(schema, table)
        except CheckCrashedError:
            with pytest.raises(CheckCrashedError):
                hold(schema, part)
            return
        except (Exception, pl.exceptions.PanicException):
            reject()  # pandera itself cannot run the schema
        held = hold(schema, part)
        note("\n".join(str(finding) for finding in held.found))
        assert found(held, table.height) == (wanted, blocked)
        with pandera_on():
            valid = refusal(definition, frames_of(schema, table).table) is None
        assert valid is (blocked == 0)


WRONG_ONCE: dict[str, tuple[Backend, Any, pl.DataFrame]] = {
    "a column that pandera adds and does not look at": (
        "polars",
        pandera.polars.DataFrameSchema(
            {
                "b": pandera.polars.Column(
                    pl.Int64,
                    pandera.polars.Check.eq(1, raise_warning=True),
                    unique=True,
                    default=0,
                )
            },
            add_missing_columns=True,
        ),
        pl.DataFrame({"a": [1.5, 1.5]}),
    ),
    "an optional pattern, whose columns pandera does not coerce": (
        "polars",
        pandera.polars.DataFrameSchema(
            {"x_.*": pandera.polars.Column(pl.Float64, coerce=True, regex=True, required=False)},
            coerce=True,
        ),
        pl.DataFrame({"x_1": [1, 2]}),
    ),
    "a pattern over lists, which pandera itself judges column by column": (
        "polars",
        pandera.polars.DataFrameSchema(
            {"^(a|b)$": pandera.polars.Column(pl.Int64, regex=True)}, coerce=True
        ),
        pl.DataFrame({"a": [0], "b": [None]}, schema_overrides={"b": pl.List(pl.Int64)}),
    ),
    "a null and a wrong value, of which pandera can say nothing once they meet": (
        "pandas",
        pandera.pandas.DataFrameSchema(
            {
                "a": pandera.pandas.Column(
                    "Int8", pandera.pandas.Check.eq(1, ignore_na=False, raise_warning=True)
                ),
                "b": pandera.pandas.Column(int),
            }
        ),
        pl.DataFrame({"a": [None, 0], "b": ["", ""]}, schema_overrides={"a": pl.Int8}),
    ),
    "dates that are all null are texts to pandera": (
        "pandas",
        pandera.pandas.DataFrameSchema(
            {"a": pandera.pandas.Column("string[pyarrow]", nullable=True)}
        ),
        pl.DataFrame({"a": [None, None, None]}, schema={"a": pl.Date}),
    ),
}


@pytest.mark.parametrize("case", WRONG_ONCE)
def test_hold__finds_what_pandera_finds_in_cases_that_were_wrong_once(case: str) -> None:
    backend, definition, table = WRONG_ONCE[case]
    schema = Schema("test", backend, definition)
    held = hold(schema, part_of(table, batch_rows=1))
    assert found(held, table.height) == expected(schema, table)
    with pandera_on():
        valid = refusal(definition, frames_of(schema, table).table) is None
    assert valid is (held.blocked == 0)
