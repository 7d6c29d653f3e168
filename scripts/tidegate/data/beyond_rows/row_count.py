"""How many rows a dataset has: at least, at most, and against the reference."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import polars as pl

from tidegate.data.beyond_rows.table import ENGINE, Table, unjudged
from tidegate.data.results import CheckResult
from tidegate.verdict import Verdict


def check_row_count(table: Table, reference: pl.LazyFrame | None) -> Iterator[CheckResult]:
    rule = table.dataset.rows
    if rule is None:
        return
    found = counted(table.rows, "row")
    if rule.min is not None:
        yield _result(f"at least {counted(rule.min, 'row')}", table.rows >= rule.min, found)
    if rule.max is not None:
        yield _result(f"at most {counted(rule.max, 'row')}", table.rows <= rule.max, found)
    if rule.tolerated_change is not None:
        name = f"within {_percent(rule.tolerated_change)} of the reference’s rows"
        before = None if reference is None else _rows(reference)
        if not before:
            missing = "there is no reference" if before is None else "the reference has no rows"
            yield unjudged("rows", name, None, f"{missing}: name another in its place")
            return
        change = Fraction(table.rows - before, before)
        yield _result(
            name,
            abs(change) <= rule.tolerated_change,
            f"{found}, {_in_words(change)} the reference’s {before:,}",
        )


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _rows(frame: pl.LazyFrame) -> int:
    return int(frame.select(pl.len()).collect(engine="streaming").item())


def _in_words(change: Fraction) -> str:
    if not change:
        return "as many as"
    return f"{_percent(abs(change), 3)} {'more' if change > 0 else 'fewer'} than"


def _percent(share: Fraction, digits: int = 6) -> str:
    return f"{float(share * 100):,.{digits}g} %"


def _result(name: str, holds: bool, detail: str) -> CheckResult:
    verdict = Verdict.PASS if holds else Verdict.FAIL
    return CheckResult(None, name, verdict, engine=ENGINE, kind="rows", detail=detail)
