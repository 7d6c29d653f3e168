"""What PSI is too coarse for on the rows of a day: a value that is gone, nulls that leak.

Both are sure before they are said: for all columns and values together, the risk of a false one is
what the drift's `confidence` leaves.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist

import polars as pl

from tidegate.verdict import Verdict
from tidegate.watch.results import Change

# A rarer value is never missed: the same share that drift takes for "hardly ever".
_RARE = 1e-3
_MOST_VALUES = 1_000  # of a column; more are no categories


@dataclass(frozen=True)
class _Column:
    name: str
    nulls: tuple[int, int]  # now, before
    values: tuple[tuple[str, int, int], ...]  # value, rows now, rows before


def small_moves(
    now: pl.LazyFrame,
    before: pl.LazyFrame,
    columns: list[str],
    *,
    confidence: float,
    tolerated_nulls: float,
    redact: list[str],
) -> Iterator[Change]:
    """The values that are gone and the columns whose nulls have grown. columns: in both tables."""
    rows = int(now.select(pl.len()).collect().item()), int(before.select(pl.len()).collect().item())
    if not all(rows):
        return
    counted = [_counted(now, before, name, rows[1]) for name in columns]
    tests = sum(1 + len(column.values) for column in counted)
    risk = 1 - confidence ** (1 / max(1, tests))
    for column in counted:
        for value, seen, there in column.values:
            if not seen and _chance_of_none(there, rows) <= risk:
                shown = "a value" if column.name in redact else repr(value)
                detail = (
                    f"{shown} is gone: {there / rows[1]:.1%} of the reference, none of "
                    f"{rows[0]:,} rows now"
                )
                yield Change(column.name, Verdict.FAIL, detail)
        shares = column.nulls[0] / rows[0], column.nulls[1] / rows[1]
        least = _wilson(column.nulls[0], rows[0], risk)[0] - _wilson(
            column.nulls[1], rows[1], risk
        )[1]  # fmt: skip
        if least > tolerated_nulls:
            detail = (
                f"null in {shares[0]:.1%} of the rows, {shares[1]:.1%} of the reference "
                f"(grown by at least {least:.1%}, tolerated {tolerated_nulls:.1%})"
            )
            yield Change(column.name, Verdict.FAIL, detail)


def _counted(now: pl.LazyFrame, before: pl.LazyFrame, name: str, there: int) -> _Column:
    column = pl.col(name)
    nulls = [int(side.select(column.is_null().sum()).collect().item()) for side in (now, before)]
    kinds = [side.collect_schema()[name] for side in (now, before)]
    if not all(kind in (pl.String, pl.Categorical, pl.Enum, pl.Boolean) for kind in kinds):
        return _Column(name, (nulls[0], nulls[1]), ())
    value = column.cast(pl.String).alias("value")
    common = (
        before.select(value)
        .drop_nulls()
        .group_by("value")
        .len("before")
        .filter(pl.col("before") >= _RARE * there)
        .collect(engine="streaming")
    )
    if common.height > _MOST_VALUES:
        return _Column(name, (nulls[0], nulls[1]), ())
    seen = now.select(value).drop_nulls().group_by("value").len("now").collect(engine="streaming")
    both = common.join(seen, on="value", how="left").with_columns(pl.col("now").fill_null(0))
    ordered = both.sort("before", "value", descending=[True, False])
    return _Column(
        name, (nulls[0], nulls[1]), tuple(ordered.select("value", "now", "before").rows())
    )


def _chance_of_none(there: int, rows: tuple[int, int]) -> float:
    """That rows with a value all fall into the reference by chance: Fisher's exact test, one-sided.

    Of the rows of both sides together, `there` have the value.
    """
    now, before = rows
    log = (
        math.lgamma(before + 1)
        - math.lgamma(before - there + 1)
        - math.lgamma(now + before + 1)
        + math.lgamma(now + before - there + 1)
    )
    return math.exp(log)


def _wilson(count: int, rows: int, risk: float) -> tuple[float, float]:
    """Wilson's interval of a share, each end at the risk."""
    z = NormalDist().inv_cdf(1 - risk)
    share, spread = count / rows, z * z / rows
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / rows + spread / (4 * rows)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)
