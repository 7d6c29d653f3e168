"""Keys that must exist in another dataset.

Exact, and streaming over the rows: what is held in memory are the other dataset's distinct keys
and, up to a limit, the distinct keys that it lacks.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tidegate.config import ForeignKey
from tidegate.data.beyond_rows.comparable import Conversion, comparable, in_words
from tidegate.data.beyond_rows.row_count import counted
from tidegate.data.beyond_rows.table import (
    ENGINE,
    MAX_EXAMPLES,
    ROW,
    Table,
    is_missing,
    lost,
    unjudged,
)
from tidegate.data.results import CheckResult
from tidegate.verdict import Verdict

# With more failing rows than this the lacking keys are not counted: they might all differ.
_COUNTED_ROWS = 1_000_000


def check_foreign_key(table: Table, rule: ForeignKey, other: pl.LazyFrame) -> CheckResult:
    """A row with a null in any of the columns refers to nothing, and is let pass."""
    own, keys = [own for own, _ in rule.pairs], [key for _, key in rule.pairs]
    column = own[0] if len(own) == 1 else None
    name = f"exists in {rule.dataset}" + ("" if own == keys else f" ({', '.join(keys)})")
    conversions = _conversions(table, other, rule)
    if isinstance(conversions, str):
        return unjudged("foreign-key", name, column, f"{conversions}; mend the data or the rule")
    complete, failing = _queries(table.frame, other, own, keys, conversions)
    # One after the other: asked together, Polars would keep the rows in memory to share them.
    with_values, failing_rows = _count(complete), _count(failing)
    details = []
    rows: list[int] = []
    if failing_rows:
        lacking, rows = _lacking(failing, own, failing_rows)
        details.append(f"{counted(failing_rows, 'row')} with {lacking} that {rule.dataset} lacks")
    if with_values < table.rows:
        details.append(f"{counted(table.rows - with_values, 'row')} with a null let pass")
    return CheckResult(
        column,
        name,
        Verdict.FAIL if failing_rows else Verdict.PASS,
        failing_rows,
        table.examples(rows, own),
        redacted=all(column in table.dataset.redact for column in own),
        engine=ENGINE,
        kind="foreign-key",
        detail="; ".join(details) or None,
    )


def _conversions(
    table: Table, other: pl.LazyFrame, rule: ForeignKey
) -> list[tuple[Conversion, Conversion]] | str:
    """For each pair how to compare it, or why that cannot be done."""
    reason = lost(table.frame, rule.columns)
    reason = reason or lost(other, [key for _, key in rule.pairs], f"the dataset {rule.dataset}")
    if reason:
        return reason
    here, there = table.frame.collect_schema(), other.collect_schema()
    conversions = []
    for own, key in rule.pairs:
        both = comparable(here[own], there[key])
        if both is None:
            return (
                f"{own!r} holds {in_words(here[own])}, and {key!r} of {rule.dataset} "
                f"{in_words(there[key])}: they cannot be compared"
            )
        conversions.append(both)
    return conversions


def _queries(
    frame: pl.LazyFrame,
    other: pl.LazyFrame,
    own: Sequence[str],
    keys: Sequence[str],
    conversions: Sequence[tuple[Conversion, Conversion]],
) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """The rows that refer to something, and those of them that refer to nothing that exists."""
    schema = frame.collect_schema()
    names = [f"key {number}" for number in range(len(own))]
    distinct = (
        other.select(
            convert(pl.col(key)).alias(name)
            for key, name, (_, convert) in zip(keys, names, conversions, strict=True)
        )
        .drop_nulls()
        .unique()
    )
    complete = (
        frame.select(own)
        .with_row_index(ROW)
        .filter(~pl.any_horizontal(is_missing(column, schema[column]) for column in own))
    )
    converted = complete.select(
        ROW,
        pl.struct(own).alias("values"),
        *(
            convert(pl.col(column)).alias(name)
            for column, name, (convert, _) in zip(own, names, conversions, strict=True)
        ),
    )
    return complete, converted.join(distinct, on=names, how="anti")


def _count(frame: pl.LazyFrame) -> int:
    return int(frame.select(pl.len()).collect(engine="streaming").item())


def _lacking(failing: pl.LazyFrame, own: Sequence[str], failing_rows: int) -> tuple[str, list[int]]:
    """The keys that are lacking, in words, and the rows to show: one for each of the commonest."""
    noun = "value" if len(own) == 1 else "combination"
    if failing_rows > _COUNTED_ROWS:
        first = failing.select(ROW).bottom_k(MAX_EXAMPLES, by=ROW).collect(engine="streaming")
        return f"{noun}s", sorted(first[ROW].to_list())
    by_key = (
        failing.group_by("values")
        .agg(pl.len().alias("rows"), pl.col(ROW).min())
        .sort("rows", ROW, descending=[True, False])
        .collect(engine="streaming")
    )
    return counted(by_key.height, noun), by_key[ROW].head(MAX_EXAMPLES).to_list()
