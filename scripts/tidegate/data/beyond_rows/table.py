"""The dataset that is judged, and what every rule needs of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from tidegate.config import Dataset
from tidegate.data.results import CheckResult, Example, Kind
from tidegate.errors import suggestion
from tidegate.verdict import Verdict

MAX_EXAMPLES = 5
ENGINE = "polars"
ROW = "row of the dataset"  # the name of a column that is added to the table's own
_MAX_VALUE = 120


@dataclass(frozen=True)
class Table:
    """A dataset under judgement; see `beyond_rows.check`."""

    dataset: Dataset
    frame: pl.LazyFrame
    rows: int
    place: Callable[[int], tuple[str, int]]

    def redacts(self, column: str) -> bool:
        return column in self.dataset.redact

    def examples(self, rows: Sequence[int], columns: Sequence[str]) -> tuple[Example, ...]:
        """These rows, in this order, with their values of `columns` as far as they may be shown."""
        there = self.frame.collect_schema().names()
        shown = [name for name in columns if not self.redacts(name)]
        key = [name for name in self.dataset.key if name in there and not self.redacts(name)]
        values = self._values(rows, list(dict.fromkeys([*shown, *key])))
        return tuple(
            self._example(row, values[row], shown, key, single=len(columns) == 1) for row in rows
        )

    def _values(self, rows: Sequence[int], columns: Sequence[str]) -> dict[int, dict[str, str]]:
        """What the rows hold, as text."""
        if not rows or not columns:
            return {row: {} for row in rows}
        found = (
            self.frame.select(pl.struct(columns).alias("values"))
            .with_row_index(ROW)
            .filter(pl.col(ROW).is_in(rows))
            .collect(engine="streaming")
        )
        return {
            row: {name: _clipped_text(value) for name, value in values.items()}
            for row, values in zip(found[ROW], found["values"], strict=True)
        }

    def _example(
        self,
        row: int,
        values: Mapping[str, str],
        shown: Sequence[str],
        key: Sequence[str],
        *,
        single: bool,
    ) -> Example:
        file, number = self.place(row)
        named = {name: values[name] for name in key} or None
        if not shown:
            return Example(file, number, None, named)
        several = ", ".join(f"{name}={values[name]}" for name in shown)
        value = values[shown[0]] if single else clipped(several, _MAX_VALUE)
        return Example(file, number, value, named)


def lost(frame: pl.LazyFrame, columns: Iterable[str], owner: str = "the dataset") -> str | None:
    """What to say of the first column that a frame does not have; None when it has all."""
    there = frame.collect_schema().names()
    for column in columns:
        if column not in there:
            return f"{owner} has no column {column!r}{suggestion(column, there)}"
    return None


def unjudged(kind: Kind, check: str, column: str | None, reason: str) -> CheckResult:
    """The result of a rule that could not be judged.

    It keeps the dataset from passing, whatever the rule's mode.
    """
    return CheckResult(column, check, Verdict.INCONCLUSIVE, engine=ENGINE, kind=kind, detail=reason)


def is_missing(column: str, dtype: pl.DataType) -> pl.Expr:
    """Whether a value is null; NaN is what pandas writes for it."""
    missing = pl.col(column).is_null()
    return missing | pl.col(column).is_nan() if dtype.is_float() else missing


def _clipped_text(value: Any) -> str:
    return clipped("null" if value is None else str(value), _MAX_VALUE)


def clipped(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
