"""Histograms: every row is in one bin or null, within the caps, between edges that can be read."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.config import Drift
from tidegate.data.drift import survey
from tidegate.data.drift.examination import examine, profile
from tidegate.data.drift.profiles import MAX_BINS, MAX_COLUMNS
from tidegate.data.drift.results import ColumnProfile


def shown(now: Any, before: Any = None) -> ColumnProfile:
    frame = pl.DataFrame({"x": now}).lazy()
    if before is None:
        return profile(frame)[0]
    return examine(frame, pl.DataFrame({"x": before}).lazy(), Drift(), where="").profile[0]


FLOATS = st.floats(allow_nan=True, allow_infinity=True, width=64)
ROWS = st.lists(st.one_of(st.none(), FLOATS, st.integers(-5, 5).map(float)), max_size=120)


@settings(deadline=None)
@given(ROWS, st.one_of(st.none(), ROWS), st.sampled_from([pl.Float64, pl.String]))
def test_profile__every_row_is_counted_once(
    now: list[float | None], before: list[float | None] | None, dtype: type[pl.DataType]
) -> None:
    series = pl.Series(now, dtype=pl.Float64).cast(dtype)
    other = None if before is None else pl.Series(before, dtype=pl.Float64).cast(dtype)
    found = shown(series, other)
    assert sum(found.current) + found.nulls == len(now)
    assert len(found.labels) == len(found.current) <= MAX_BINS
    assert len(set(found.labels)) == len(found.labels)
    assert (found.reference is None) == (before is None)
    if before is not None and found.reference is not None:
        assert found.reference_nulls is not None
        assert sum(found.reference) + found.reference_nulls == len(before)
        assert len(found.reference) == len(found.labels)


@settings(deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1e-4, 1.0, 1e7]), st.sampled_from([0.0, 3e6]))
def test_profile__counts_are_those_between_the_edges(seed: int, scale: float, far: float) -> None:
    values = np.random.default_rng(seed).normal(far, scale, 500)
    found = shown(values)
    assert found.edges is not None
    edges = [-np.inf, *(float(edge) for edge in found.edges), np.inf]
    expected = [int(((values >= low) & (values < high)).sum()) for low, high in zip(edges, edges[1:], strict=False)]  # noqa: E501, RUF007  # fmt: skip
    assert list(found.current) == expected


def test_profile__round_edges() -> None:
    found = shown(np.arange(1_000) / 10)
    assert found.labels[:2] == ("below 10", "10 to 20")
    assert found.labels[-1] == "90 and above"
    assert found.edges == tuple(range(10, 100, 10))


def test_profile__labels_stay_round_where_numbers_share_buckets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(survey, "MAX_ENTRIES", 1 << 12)
    found = shown(np.random.default_rng(0).normal(0, 1, 50_000))
    assert "-0.5 to 0.0" in found.labels
    assert found.edges is not None
    wanted = [float(label.split(" to ")[0]) for label in found.labels[1:-1]]
    assert list(found.edges[:-1]) == pytest.approx(wanted, rel=5e-3, abs=1e-300)


def test_profile__few_numbers_have_a_bar_each() -> None:
    found = shown([3, 1, 1, None], [2, 2, 2])
    assert (found.labels, found.current, found.reference) == (("1", "2", "3"), (2, 0, 1), (0, 3, 0))
    assert (found.nulls, found.reference_nulls, found.edges) == (1, 0, None)
    assert shown([1_234_567, 0]).labels == ("0", "1,234,567")
    assert shown([0.1 + 0.2, 0.3]).labels == ("0.3", "0.30000000000000004")


def test_profile__what_is_no_number_has_bins_of_its_own() -> None:
    found = shown([np.nan, np.inf, -np.inf, np.inf, 1.0])
    assert found.labels == ("1", "NaN", "-inf", "inf")
    assert found.current == (1, 1, 1, 2)


def test_profile__times_at_the_steps_of_a_clock() -> None:
    start = datetime(2024, 2, 28, 1, 17)
    found = shown([start + timedelta(minutes=7 * n) for n in range(1_000)])
    assert found.kind == "timestamp"
    assert found.labels[1] == "2024-02-28 12:00 to 2024-02-29 00:00"
    assert found.edges is not None
    assert found.edges[0] == "2024-02-28 12:00"
    days = shown([(start + timedelta(days=n)).date() for n in range(50)])
    assert days.labels[:2] == ("below 2024-03-07", "2024-03-07 to 2024-03-14")
    assert days.current[:2] == (8, 7)


def test_profile__values_too_many_for_a_bar_each() -> None:
    found = shown(["a"] * 500 + ["b"] * 300 + [f"c{n}" for n in range(100)], ["b"] * 900)
    assert found.labels == ("b", "a", "(other)")
    assert (found.current, found.reference) == ((300, 500, 100), (900, 0, 0))
    long = shown(["x" * 90])
    assert long.labels == ("x" * 59 + "…",)


def test_profile__worst_columns_first_and_the_rest_are_counted() -> None:
    rng = np.random.default_rng(0)
    names = [f"c{n:03}" for n in range(MAX_COLUMNS + 20)]
    now = pl.DataFrame({name: rng.normal(size=200) for name in names})
    before = now.with_columns(pl.col(names[-1]) + 5)
    found = examine(now.lazy(), before.lazy(), Drift(), where="").profile
    assert len(found) == MAX_COLUMNS + 1
    assert found[0].column == names[-1]
    assert (found[-1].column, found[-1].labels) == (None, ())
    assert found[-1].detail == "20 more columns are not shown"
    assert profile(now.lazy())[0].column == "c000"
    assert profile(now.lazy())[-1].detail == "20 more columns are not shown"


def test_profile__keys_redacted_and_nested_columns_have_none() -> None:
    frame = pl.DataFrame({"id": [1, 2], "name": ["a", "b"], "tags": [["x"], []], "x": [1.0, 2.0]})
    alone = profile(frame.lazy(), key=["id"], redact=["name"])
    assert [found.column for found in alone] == ["x"]
    both = examine(
        frame.lazy(), frame.lazy(), Drift(columns=["id", "name", "x"]), where="", key=["id"],
        redact=["name"],
    )  # fmt: skip
    assert [found.column for found in both.profile] == ["x"]
    assert [found.column for found in both.drift] == ["id", "name", "x"]


def test_profile__columns_that_cannot_be_compared_are_shown_alone() -> None:
    now = pl.DataFrame({"changed": ["a", "b"], "new": [1, 2]}).lazy()
    found = examine(now, pl.LazyFrame({"changed": [1, 2]}), Drift(), where="").profile
    assert [(shown.column, shown.reference) for shown in found] == [
        ("changed", None),
        ("new", None),
    ]
    assert found[0].labels == ("a", "b")
