"""Rows that break a rule, with what people need to find them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from tidegate.data.engines.columns import column
from tidegate.data.engines.findings import Found
from tidegate.data.engines.tally import MAX_EXAMPLES
from tidegate.data.parts import Part
from tidegate.data.results import Example
from tidegate.data.rules import Rule
from tidegate.data.schemas import Schema
from tidegate.data.sources.text_types import unreadable

_MAX_VALUE = 120


@dataclass(frozen=True)
class Shown:
    """Whose values may be shown: none of these are redacted. key: columns that name a row."""

    redact: Sequence[str]
    key: Sequence[str]

    def columns(self, part: Part, rule: Rule, looked_at: Sequence[str]) -> list[str]:
        """The columns that tell what is wrong with a row, in the table's order."""
        names = [rule.column] if rule.column is not None else rule.columns or looked_at
        wanted = names or list(part.schema)
        return [name for name in wanted if name not in self.redact]


def examples(
    schema: Schema, part: Part, found: Sequence[Found], shown: Shown
) -> list[list[Example]]:
    """For each finding the files at fault, if a column is as a whole, then the first rows at fault.

    The rows are read again, but only they and those near them.
    """
    rows = [_rows(schema, part, finding) for finding in found]
    columns = [shown.columns(part, finding.rule, finding.columns) for finding in found]
    key = [name for name in shown.key if name in part.schema and name not in shown.redact]
    wanted: dict[int, set[str]] = {}
    for its_rows, its_columns in zip(rows, columns, strict=True):
        for row in its_rows:
            wanted.setdefault(row, set()).update(its_columns, key)
    values = part.look_up(wanted)
    return [
        [
            *_files(part, finding, may_show=bool(its_columns)),
            *(_example(part, finding, row, its_columns, key, values[row]) for row in its_rows),
        ][:MAX_EXAMPLES]
        for finding, its_rows, its_columns in zip(found, rows, columns, strict=True)
    ]


def clipped(value: str) -> str:
    return value if len(value) <= _MAX_VALUE else value[: _MAX_VALUE - 1] + "…"


def _rows(schema: Schema, part: Part, finding: Found) -> Sequence[int]:
    if finding.whole is not None and finding.failing == part.rows:
        return list(_misfits(schema, part, finding.rule.column))
    return finding.first


def _files(part: Part, finding: Found, *, may_show: bool) -> Iterator[Example]:
    if finding.whole is not None and finding.failing:
        for file in part.files[:MAX_EXAMPLES]:
            yield Example(file.name, None, clipped(finding.whole) if may_show else None)


def _example(
    part: Part,
    finding: Found,
    row: int,
    columns: Sequence[str],
    key: Sequence[str],
    values: pl.DataFrame,
) -> Example:
    texts = {name: _text(values[name]) for name in columns if name in part.schema}
    if finding.rule.column is not None:
        value = texts.get(finding.rule.column)
    else:
        value = ", ".join(f"{name}={text}" for name, text in texts.items())
    file, number = part.place(row)
    named = {name: clipped(_text(values[name])) for name in key}
    return Example(file, number, clipped(value) if value else value, named or None)


def _misfits(schema: Schema, part: Part, name: str | None) -> Iterator[int]:
    """The first rows that keep a column of text from being of the declared type."""
    if name is None or part.schema.get(name) != pl.String:
        return
    declared = schema.declared_type(name)
    if declared is None or declared == pl.String:
        return
    start = found = 0
    for batch in part.batches(part.scan().select(column(name))):
        for row in unreadable(batch.to_series(), declared).arg_true():
            yield start + row
            found += 1
            if found == MAX_EXAMPLES:
                return
        start += batch.height


def _text(value: pl.Series) -> str:
    """The one value of a series, as text."""
    try:
        only: Any = value[0]
    except (OverflowError, ValueError):  # a time that Python cannot hold
        only = value.cast(pl.String)[0]
    return "null" if only is None else str(only)
