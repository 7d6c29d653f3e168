"""Rules of the config that are about a dataset as a whole: rows, freshness, keys, categories.

A column that is lost or of a type that the rule cannot judge makes the rule inconclusive, with what
to do in its detail. So the rest of the report can still be read, and the dataset does not pass.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import polars as pl

from tidegate.config import Dataset
from tidegate.data.beyond_rows.categories import check_categories
from tidegate.data.beyond_rows.foreign_keys import check_foreign_key
from tidegate.data.beyond_rows.freshness import check_freshness
from tidegate.data.beyond_rows.row_count import check_row_count
from tidegate.data.beyond_rows.table import Table
from tidegate.data.results import CheckResult
from tidegate.verdict import Verdict

__all__ = ["blocks", "check"]


def check(
    dataset: Dataset,
    current: pl.LazyFrame,
    rows: int,
    reference: pl.LazyFrame | None,
    others: Callable[[str], pl.LazyFrame],
    now: datetime,
    place: Callable[[int], tuple[str, int]],
) -> list[CheckResult]:
    """What each of the dataset's rules beyond rows finds.

    current: the dataset's `rows` rows; reference: those of `dataset.reference`; others: any dataset
    of the config by its name, asked for where a foreign key names it; now: with a time zone;
    place: file and row within it, for a row of `current`.
    Polars' own errors pass through, so that whoever opened the files can name the damaged one.
    """
    table = Table(dataset, current, rows, place)
    results = [*check_row_count(table, reference), *check_freshness(table, now)]
    for rule in dataset.foreign_keys:
        results.append(check_foreign_key(table, rule, others(rule.dataset)))
    return [*results, *check_categories(table, reference)]


def blocks(result: CheckResult, tolerated_rows: int) -> bool:
    """Whether a result of `check` keeps the dataset from passing.

    Failing rows of a foreign key are tolerated as those of the schema are; all else is about the
    dataset as a whole.
    """
    if result.verdict is Verdict.FAIL:
        return result.kind != "foreign-key" or result.failing_rows > tolerated_rows
    return result.verdict is Verdict.INCONCLUSIVE
