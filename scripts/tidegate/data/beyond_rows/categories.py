"""Categories that the reference does not have, and those that are gone. A null is no category."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from tidegate.data.beyond_rows.comparable import Conversion, comparable, in_words
from tidegate.data.beyond_rows.row_count import counted
from tidegate.data.beyond_rows.table import (
    ENGINE,
    MAX_EXAMPLES,
    ROW,
    Table,
    clipped,
    is_missing,
    lost,
    unjudged,
)
from tidegate.data.results import CheckResult
from tidegate.verdict import Verdict

NEW, VANISHED = "no new categories", "no vanished categories"
_MAX_NAMED = 10
_MAX_NAME = 60


def check_categories(table: Table, reference: pl.LazyFrame | None) -> Iterator[CheckResult]:
    rule = table.dataset.categories
    if rule is None:
        return
    modes = {NEW: rule.new, VANISHED: rule.vanished}
    for column in rule.columns:
        compared = _compared(table, reference, column)
        for name, mode in modes.items():
            if mode == "off":
                continue
            if isinstance(compared, str):
                yield unjudged("categories", name, column, compared)
                continue
            ours, theirs = compared
            if name == NEW:
                yield _new(table, column, mode, _only_in(ours, theirs))
            else:
                yield _vanished(table, column, mode, _only_in(theirs, ours))


def _compared(
    table: Table, reference: pl.LazyFrame | None, column: str
) -> tuple[pl.LazyFrame, pl.LazyFrame] | str:
    """The categories of the dataset and of the reference; or why they cannot be compared."""
    if reference is None:
        return "there is no reference: name one"
    if reason := lost(table.frame, [column]) or lost(reference, [column], "the reference"):
        return f"{reason}; mend the data or the rule, or name another reference"
    here, there = table.frame.collect_schema()[column], reference.collect_schema()[column]
    conversions = comparable(here, there)
    if conversions is None:
        return (
            f"the column holds {in_words(here)}, and the reference’s {in_words(there)}: they "
            "cannot be compared; mend the data, or name another reference"
        )
    return (
        _counts(table.frame, column, conversions[0]),
        _counts(reference, column, conversions[1]),
    )


def _counts(frame: pl.LazyFrame, column: str, convert: Conversion) -> pl.LazyFrame:
    """Each category with its number of rows and the first of them."""
    dtype = frame.collect_schema()[column]
    return (
        frame.select(pl.col(column).alias("category"))
        .with_row_index(ROW)
        .filter(~is_missing("category", dtype))
        .group_by("category")
        .agg(pl.len().alias("rows"), pl.col(ROW).min())
        .with_columns(convert(pl.col("category")).alias("compared"))
    )


def _only_in(these: pl.LazyFrame, those: pl.LazyFrame) -> pl.DataFrame:
    """Categories of the one dataset alone, the commonest first."""
    return (
        these.join(those.select("compared").drop_nulls().unique(), on="compared", how="anti")
        .sort("rows", ROW, descending=[True, False])
        .collect(engine="streaming")
    )


def _new(table: Table, column: str, mode: str, found: pl.DataFrame) -> CheckResult:
    rows = int(found["rows"].sum())
    detail = f"{_counted(found.height)} in {counted(rows, 'row')} that the reference does not have"
    examples = table.examples(found[ROW].head(MAX_EXAMPLES).to_list(), [column])
    return _result(table, column, NEW, mode, found, detail, rows, examples)


def _vanished(table: Table, column: str, mode: str, found: pl.DataFrame) -> CheckResult:
    rows = int(found["rows"].sum())
    detail = f"{_counted(found.height)} of the reference gone, {counted(rows, 'row')} there"
    return _result(table, column, VANISHED, mode, found, detail)


def _counted(number: int) -> str:
    return "1 category" if number == 1 else f"{number:,} categories"


def _result(
    table: Table,
    column: str,
    name: str,
    mode: str,
    found: pl.DataFrame,
    detail: str,
    rows: int = 0,
    examples: Any = (),
) -> CheckResult:
    redacted = table.redacts(column)
    if not redacted:
        detail += f": {_named(found)}"
    return CheckResult(
        column,
        name,
        Verdict.FAIL if found.height and mode == "fail" else Verdict.PASS,
        rows,
        examples,
        redacted=redacted,
        engine=ENGINE,
        kind="categories",
        warns=mode == "warn",
        detail=detail if found.height else None,
    )


def _named(found: pl.DataFrame) -> str:
    """The commonest categories, each with its number of rows."""
    top = found.head(_MAX_NAMED)
    names = [
        f"{clipped(repr(value) if isinstance(value, str) else str(value), _MAX_NAME)} ({rows:,})"
        for value, rows in zip(top["category"], top["rows"], strict=True)
    ]
    more = found.height - len(names)
    return ", ".join(names) + (f" and {more:,} more" if more else "")
