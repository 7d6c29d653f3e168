"""How old a dataset's newest row is.

A timestamp without a time zone is taken as UTC. A date lasts until its day ends in UTC: yesterday's
is some hours old, today's not at all. What lies more than a day ahead is no date that a clock in
any time zone could have written, and would make old data look fresh for as long as it stands there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

from tidegate.data.beyond_rows.table import ENGINE, Table, lost, unjudged
from tidegate.data.results import CheckResult
from tidegate.verdict import Verdict

_DAY = 86_400_000_000  # microseconds
_AHEAD = _DAY
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NANOSECONDS = {"ns": 1, "us": 1_000, "ms": 1_000_000}


@dataclass(frozen=True)
class _Moment:
    """A value as microseconds since 1970 in UTC; a date is a day long."""

    start: int
    end: int

    def __str__(self) -> str:
        try:
            moment = _EPOCH + timedelta(microseconds=self.start)
        except OverflowError:
            return "a moment beyond the years 1 to 9999"
        if self.end > self.start:
            return str(moment.date())
        return f"{moment:%Y-%m-%d %H:%M} UTC"


def check_freshness(table: Table, now: datetime) -> Iterator[CheckResult]:
    rule = table.dataset.freshness
    if rule is None:
        return
    name = f"newest value at most {rule.max_age} old"
    if reason := lost(table.frame, [rule.column]):
        yield unjudged("freshness", name, rule.column, f"{reason}; mend the data or the rule")
        return
    dtype = table.frame.collect_schema()[rule.column]
    if reason := _refusal(rule.column, dtype):
        yield unjudged("freshness", name, rule.column, reason)
        return
    newest = _newest(table.frame, rule.column, dtype)
    clock = (now - _EPOCH) // timedelta(microseconds=1)
    limit = rule.tolerated_age // timedelta(microseconds=1)
    redacted = table.redacts(rule.column)
    verdict = Verdict.FAIL
    if newest is None:
        detail = "every value is null"
    elif newest.start > clock + _AHEAD:
        detail = "the newest value is more than a day in the future"
        detail += "" if redacted else f": {newest}"
    else:
        age = max(0, clock - newest.end)
        verdict = Verdict.PASS if age <= limit else Verdict.FAIL
        # The age of a value and the time of the run tell the value.
        detail = f"the newest value, {newest}, is {_in_words(age)} old"
        if redacted:
            detail = "the newest value is " + ("fresh" if age <= limit else "too old")
    yield CheckResult(
        rule.column,
        name,
        verdict,
        redacted=redacted,
        engine=ENGINE,
        kind="freshness",
        detail=detail,
    )


def _refusal(column: str, dtype: pl.DataType) -> str | None:
    if dtype in (pl.Date, pl.Datetime, pl.Null):
        return None
    kind = "text" if dtype in (pl.String, pl.Categorical, pl.Enum) else str(dtype.base_type())
    return (
        f"the column {column!r} holds {kind}, and its age cannot be told: write it as a date or "
        "timestamp, or declare it as one in the schema if the file is a CSV"
    )


def _newest(frame: pl.LazyFrame, column: str, dtype: pl.DataType) -> _Moment | None:
    if dtype == pl.Null:
        return None
    # Whole numbers, not Python's datetime, which ends with the year 9999.
    newest = frame.select(pl.col(column).max().to_physical()).collect(engine="streaming").item()
    if newest is None:
        return None
    if isinstance(dtype, pl.Datetime):
        moment = newest * _NANOSECONDS[dtype.time_unit] // 1_000
        return _Moment(moment, moment)
    return _Moment(newest * _DAY, (newest + 1) * _DAY)


def _in_words(microseconds: int) -> str:
    minutes = microseconds // 60_000_000
    days, hours = minutes // (24 * 60), minutes // 60
    if days >= 2:
        return f"{days:,} days {hours - 24 * days} h"
    return f"{hours} h {minutes - 60 * hours} min"
