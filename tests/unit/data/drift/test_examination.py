"""The whole comparison: each kind of column, each way it can be undecidable, no false alarms."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import jsonschema
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing.parametric import dataframes
from scipy import stats

from tidegate.config import Drift
from tidegate.data.drift import levels, survey
from tidegate.data.drift.examination import Examination, compare, examine
from tidegate.data.drift.results import ColumnDrift
from tidegate.errors import ConfigError
from tidegate.report.schemas import FIELDS
from tidegate.verdict import Verdict

Frame = pl.DataFrame
_DATASET = FIELDS["check-data"]["datasets"]["items"]["properties"]


def examined(
    now: Frame, before: Frame, *, redact: tuple[str, ...] = (), **more: Any
) -> Examination:
    chosen = Drift.model_validate({name.replace("_", "-"): value for name, value in more.items()})
    found = examine(now.lazy(), before.lazy(), chosen, where="tidegate.yaml", redact=redact)
    # Whatever it is, it is what the report's schema says, in JSON without NaN.
    for part, results in (("drift", found.drift), ("profile", found.profile)):
        written = json.loads(json.dumps([result.to_dict() for result in results], allow_nan=False))
        jsonschema.validate(written, _DATASET[part])
    return found


def drift(now: Frame, before: Frame, **more: Any) -> dict[str | None, ColumnDrift]:
    return {found.column: found for found in examined(now, before, **more).drift}


def one(now: Any, before: Any, **more: Any) -> ColumnDrift:
    """The drift of a single column."""
    return drift(pl.DataFrame({"x": now}), pl.DataFrame({"x": before}), **more)["x"]


def normal(rows: int, seed: int, mean: float = 0.0) -> pl.Series:
    return pl.Series(np.random.default_rng(seed).normal(mean, 1, rows))


# -- drift and no drift


def test_drift__a_shift_fails_with_bounds_and_words() -> None:
    found = one(normal(5_000, 1, 1.0), normal(5_000, 2))
    assert found.verdict is Verdict.FAIL
    assert found.kind == "number"
    assert (found.measure, found.test) == ("psi", "kolmogorov-smirnov")
    assert found.effect is not None
    assert found.lower is not None
    assert 0.2 == found.tolerated < found.lower < found.effect
    assert found.effect == found.psi == pytest.approx(0.96, abs=0.1)  # 1² for the normal itself
    assert found.p_value == pytest.approx(0, abs=1e-12)
    assert found.detail.startswith(
        f"drift: PSI {found.effect:.3g} (at least {found.lower:.3g} with 99 % confidence, "
        "tolerated 0.2); median "
    )


def test_drift__values_that_shift_fail_and_the_one_that_moved_most_is_named() -> None:
    now, before = ["DE"] * 500 + ["FR"] * 500, ["DE"] * 900 + ["FR"] * 100
    found = one(now, before)
    assert (found.verdict, found.kind, found.test) == (Verdict.FAIL, "text", "chi-squared")
    table = [[500, 500], [900, 100]]
    expected = stats.chi2_contingency(table, correction=False)
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-6)
    assert found.cramers_v == pytest.approx(stats.contingency.association(np.array(table)))
    assert found.detail.endswith("; 'DE' 90 % → 50 %")


def test_drift__many_rows_alone_do_not_make_it() -> None:
    """A difference that is sure and does not matter."""
    found = one(normal(400_000, 1, 0.03), normal(400_000, 2))
    assert found.p_value is not None
    assert found.p_value < 1e-15
    assert found.verdict is Verdict.PASS


def test_drift__few_rows_do_not_hide_it() -> None:
    """The same shift: seen where it can be, and never passed where it cannot."""
    seen = [one(normal(rows, 1, 0.8), normal(rows, 2)).verdict for rows in (20, 100, 400, 3_000)]
    assert Verdict.PASS not in seen
    assert seen[0] is Verdict.INCONCLUSIVE
    assert seen[-1] is Verdict.FAIL


def test_drift__inconclusive_says_how_many_rows_would_tell() -> None:
    found = one(normal(60, 1), normal(60, 2))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.rows_needed is not None
    assert found.rows_needed == found.reference_rows_needed > 60
    assert "cannot tell: PSI" in found.detail
    assert f"on 60 rows against 60; about {found.rows_needed:,} rows of each" in found.detail
    enough = found.rows_needed
    assert one(normal(enough, 1), normal(enough, 2)).verdict is Verdict.PASS


def test_drift__a_small_side_alone_has_to_grow() -> None:
    found = one(normal(60, 1), normal(60_000, 2))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reference_rows_needed == 60_000
    assert found.rows_needed is not None
    assert found.rows_needed > 60
    assert f"about {found.rows_needed:,} rows would tell" in found.detail


def test_drift__share_of_nulls_counts() -> None:
    rng = np.random.default_rng(1)
    before = normal(4_000, 2)
    now = normal(4_000, 1).scatter(np.flatnonzero(rng.random(4_000) < 0.4), None)
    found = one(now, before)
    assert found.verdict is Verdict.FAIL
    assert "nulls 0 % → " in found.detail
    texts = one(pl.Series(["a", None] * 400), pl.Series(["a"] * 800))
    assert texts.verdict is Verdict.FAIL
    assert "nulls 0 % → 50 %" in texts.detail


def test_drift__values_that_all_move_within_one_bin() -> None:
    """PSI cannot see it, the distance can: four rows of ten moved from 0 to just above it."""
    before = pl.Series(np.where(np.arange(2_000) % 10 < 6, 0.0, np.arange(2_000) + 1.0))
    now = pl.Series(np.where(np.arange(2_000) % 10 < 3, -1e-9, before.to_numpy()))
    assert one(now, before).verdict is Verdict.FAIL


def test_drift__within_a_bin_is_seen_by_the_distance() -> None:
    rng = np.random.default_rng(0)
    before = rng.random(50_000)
    now = np.floor(before * 10) / 10 + 0.02  # all of a bin at one place
    found = one(now, before, max_psi=0.01)
    assert (found.verdict, found.measure) == (Verdict.FAIL, "ks-distance")
    assert "KS distance" in found.detail


@pytest.mark.parametrize(("mode", "blocking"), [("warn", False), ("fail", True)])
def test_drift__mode(mode: str, blocking: bool) -> None:
    found = one(normal(900, 1, 2.0), normal(900, 2), mode=mode)
    assert (found.verdict, found.blocking) == (Verdict.FAIL, blocking)


def test_drift__off_reads_nothing() -> None:
    unread = pl.LazyFrame({"x": [1]}).map_batches(lambda _: 1 / 0)
    assert examine(unread, unread, Drift(mode="off"), where="") == Examination()


# -- columns that are what no formula is for

CASES: dict[str, tuple[Any, Any, Verdict, str]] = {
    "constant, the same": ([5] * 200, [5] * 300, Verdict.PASS, "no drift"),
    "constant, another": ([5] * 200, [4] * 300, Verdict.FAIL, "median 4 → 5"),
    "constant, on few rows": ([5] * 9, [5] * 9, Verdict.INCONCLUSIVE, "rows of each would tell"),
    "no longer constant": (range(200), [5] * 300, Verdict.FAIL, "drift: PSI"),
    "nulls only": ([None] * 200, [None] * 300, Verdict.PASS, "no drift"),
    "nulls only now": (
        pl.Series([None] * 200, dtype=pl.Int64),
        range(300),
        Verdict.FAIL,
        "nulls 0 % → 100 %",
    ),
    "nulls only before": (
        ["a"] * 200,
        pl.Series([None] * 300, dtype=pl.String),
        Verdict.FAIL,
        "nulls 100 % → 0 %",
    ),
    "a column without a type": ([None] * 200, range(300), Verdict.FAIL, "nulls 0 % → 100 %"),
    "NaN": ([math.nan, 1.0] * 200, [1.0] * 400, Verdict.FAIL, "drift: PSI"),
    "infinity": ([math.inf, 1.0] * 200, [1.0] * 400, Verdict.FAIL, "drift: PSI"),
    "minus infinity, as before": (
        [-math.inf, 1.0] * 200,
        [-math.inf, 1.0] * 300,
        Verdict.PASS,
        "no drift",
    ),
    "text that was numbers": (["1"] * 200, [1] * 300, Verdict.FAIL, "the type changed: Int64 in"),
    "boolean that was numbers": ([True] * 200, [1] * 300, Verdict.FAIL, "the type changed"),
    "whole numbers that were not": ([1, 2] * 200, [1.0, 2.0] * 300, Verdict.PASS, "no drift"),
    "lists": ([[1]] * 200, [[1]] * 300, Verdict.INCONCLUSIVE, "columns of type List"),
    "no rows": ([], [1] * 300, Verdict.INCONCLUSIVE, "the dataset has no rows"),
    "no rows of reference": ([1] * 300, [], Verdict.INCONCLUSIVE, "the reference has no rows"),
    "identifiers": (
        [f"now {n}" for n in range(500)],
        [f"before {n}" for n in range(500)],
        Verdict.INCONCLUSIVE,
        "cannot tell: 100 % of the rows hold values too rare to be compared",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_drift__unusual_column_has_an_outcome_of_its_own(case: str) -> None:
    now, before, verdict, detail = CASES[case]
    dtype = pl.Int64 if case.startswith("no rows") else None
    found = one(pl.Series(now, dtype=dtype), pl.Series(before, dtype=dtype))
    assert found.verdict is verdict, found.detail
    assert detail in found.detail


def test_drift__columns_of_one_side_alone() -> None:
    now, before = pl.DataFrame({"x": [1] * 200, "new": 1}), pl.DataFrame({"x": [1] * 200, "old": 1})
    found = drift(now, before)
    assert list(found) == ["x", "new", "old"]
    assert found["new"].verdict is Verdict.INCONCLUSIVE
    assert "the reference has no such column" in found["new"].detail
    assert found["old"].verdict is Verdict.FAIL
    assert "the column is gone" in found["old"].detail
    assert found["old"].effect is None


def test_drift__single_precision_on_one_side_is_no_drift() -> None:
    now = pl.Series([0.1, 0.2, 0.3] * 500)
    assert one(now.cast(pl.Float32), now).verdict is Verdict.PASS
    assert one(now, now.cast(pl.Float32)).verdict is Verdict.PASS


def test_drift__dates_and_units_of_time_are_compared_by_what_they_say() -> None:
    days = [date(2024, 1, 1) + timedelta(days=n % 300) for n in range(3_000)]
    dates = pl.Series(days)
    for dtype in (pl.Datetime("ms"), pl.Datetime("us"), pl.Datetime("ns", "UTC")):
        assert one(dates.cast(dtype), dates).verdict is Verdict.PASS
    assert one(dates, dates.dt.offset_by("90d")).verdict is Verdict.FAIL
    spans = pl.Series([timedelta(seconds=n % 300) for n in range(3_000)])
    assert one(spans.cast(pl.Duration("ms")), spans.cast(pl.Duration("ns"))).verdict is Verdict.PASS
    times = pl.Series([time(n % 24) for n in range(3_000)])
    assert one(times, times).kind == "time"


def test_drift__timestamps_out_of_range_are_compared() -> None:
    far = pl.Series([2**62, -(2**62)] * 300).cast(pl.Datetime("ms"))
    assert one(far, far).verdict is Verdict.PASS
    last = pl.Series([2**31 - 1] * 300, dtype=pl.Int32).cast(pl.Date)
    assert one(last, far).verdict is Verdict.FAIL


def test_drift__categories_booleans_and_decimals() -> None:
    now = pl.DataFrame(
        {
            "category": pl.Series(["a", "b"] * 500, dtype=pl.Categorical),
            "enum": pl.Series(["a", "b"] * 500, dtype=pl.Enum(["a", "b"])),
            "flag": [True, False] * 500,
            "price": [Decimal("1.25"), Decimal("3.50")] * 500,
        }
    )
    before = now.with_columns(pl.col("category", "enum").cast(pl.String))
    kinds = {name: (found.kind, found.verdict) for name, found in drift(now, before).items()}
    assert kinds == {
        "category": ("text", Verdict.PASS),
        "enum": ("text", Verdict.PASS),
        "flag": ("boolean", Verdict.PASS),
        "price": ("number", Verdict.PASS),
    }


def test_drift__names_that_look_like_patterns() -> None:
    frame = pl.DataFrame({"^a.*$": [1] * 200, "*": [2] * 200, "a|b `c`": ["x"] * 200, "ab": 1})
    assert list(drift(frame, frame)) == ["^a.*$", "*", "a|b `c`", "ab"]


def test_drift__new_and_vanished_values() -> None:
    found = one(["new"] * 400 + ["a"] * 600, ["old"] * 400 + ["a"] * 600)
    assert found.verdict is Verdict.FAIL


# -- which columns


def test_columns__by_default_all_but_the_key() -> None:
    frame = pl.DataFrame({"id": range(200), "x": 1, "y": 2}).lazy()
    found = compare(frame, frame, Drift(), where="", key=["id"])
    assert [column.column for column in found] == ["x", "y"]
    named = Drift(columns=["y", "id"])
    found = compare(frame, frame, named, where="", key=["id"])
    assert [column.column for column in found] == ["id", "y"]


def test_columns__a_name_that_neither_side_has() -> None:
    frame = pl.DataFrame({"amount": [1] * 200})
    with pytest.raises(ConfigError) as caught:
        examined(frame, frame, columns=["amonut"])
    assert "did you mean 'amount'?" in str(caught.value)
    assert caught.value.where == "tidegate.yaml"
    assert caught.value.remedy


def test_redaction__no_value_anywhere() -> None:
    secret = "hunter2"
    now = pl.DataFrame({"x": [secret] * 800 + ["b"] * 200, "y": [123456.5] * 1_000, "z": 1})
    before = pl.DataFrame({"x": [secret] * 100 + ["b"] * 900, "y": [654321.5] * 1_000, "z": 1})
    found = examined(now, before, redact=("x", "y"))
    assert [column.verdict for column in found.drift[:2]] == [Verdict.FAIL, Verdict.FAIL]
    assert [column.redacted for column in found.drift] == [True, True, False]
    assert [shown.column for shown in found.profile] == ["z"]
    text = json.dumps([part.to_dict() for part in (*found.drift, *found.profile)])
    assert not any(value in text for value in (secret, "123456", "654321", "1.235e", "6.543e"))


# -- values that are many


def merchants(rows: int, seed: int) -> pl.Series:
    """Forty of a hundred rows hold a value that no other has, the rest follow a power law."""
    rng = np.random.default_rng(seed)
    common = (rng.pareto(0.8, rows) * 3).astype(int) % 30
    rare = rng.integers(10**6, 10**9, rows)
    return pl.Series([f"merchant {n}" for n in np.where(rng.random(rows) < 0.4, rare, common)])


def test_values__too_many_are_counted_exactly_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    now, before = merchants(20_000, 1), merchants(30_000, 2)
    exact = examined(pl.DataFrame({"x": now}), pl.DataFrame({"x": before}))
    monkeypatch.setattr(survey, "MAX_ENTRIES", 256)
    crowded = examined(pl.DataFrame({"x": now}), pl.DataFrame({"x": before}))
    assert crowded == exact
    shown = exact.profile[0]
    counts = dict(now.value_counts().iter_rows())
    assert shown.labels[-1] == "(other)"
    assert shown.current[:-1] == tuple(counts[label] for label in shown.labels[:-1])
    assert sum(shown.current) == 20_000


def test_values__folded_into_others_by_count_then_by_name() -> None:
    texts = [f"{letter}{n}" for n in range(4) for letter in "zyx" for _ in range(300)]
    frame = pl.DataFrame({"x": texts})
    found = levels.value_levels(
        *_surveyed(frame, frame.sample(fraction=1, shuffle=True, seed=1)), max_psi=0.02
    )
    assert found.labels == ("x0", "x1", "x2", "x3", "y0", "y1", "y2", "y3", "z0", "(other)")
    assert found.counts.tolist() == [[300] * 9 + [900]] * 2
    assert found.other.tolist() == [900, 900]


def _surveyed(now: Frame, before: Frame) -> Any:
    from tidegate.data.drift.columns import Column

    column = Column("x", "text")
    return column, survey.survey(now.lazy(), [column]), survey.survey(before.lazy(), [column])


# -- properties


@settings(deadline=None, max_examples=60)
@given(
    dataframes(
        max_cols=4,
        max_size=60,
        allow_null=True,
        excluded_dtypes=[pl.Decimal, pl.Categorical, pl.Enum, pl.Object],
    ),
    st.integers(0, 10**6),
)
def test_examine__any_frame_against_itself_never_drifts(frame: Frame, seed: int) -> None:
    """In another order and cut otherwise; and nothing of it crashes."""
    other = frame.sample(fraction=1, shuffle=True, seed=seed)
    parts = [other[:7], other[7:20], other[20:]]
    found = examined(pl.concat(parts, rechunk=False), frame)
    assert {column.column for column in found.drift} == set(frame.columns)
    assert not any(column.verdict is Verdict.FAIL for column in found.drift)
    assert all(column.effect in (None, 0) for column in found.drift)


@settings(deadline=None, max_examples=40)
@given(
    dataframes(cols=3, max_size=40, allow_null=True),
    dataframes(cols=3, max_size=40, allow_null=True),
)
def test_examine__any_two_frames_have_an_outcome_for_every_column(
    now: Frame, before: Frame
) -> None:
    found = examined(now, before)
    assert {column.column for column in found.drift} == {*now.columns, *before.columns}
    assert all(column.detail for column in found.drift)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10**6))
def test_examine__order_and_splitting_change_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frames = []
    for rows in (700, 900):
        mean, share = rng.normal(0, 0.5), rng.random()
        texts = np.where(rng.random(rows) < share, "a", rng.choice(["b", "c", "d"], rows))
        numbers = rng.normal(mean, 1, rows)
        frames.append(pl.DataFrame({"x": numbers, "y": numbers.round(), "z": texts}))
    whole = examined(*frames)
    shuffled = [frame.sample(fraction=1, shuffle=True, seed=seed) for frame in frames]
    pieces = [pl.concat([frame[:99], frame[99:]], rechunk=False) for frame in shuffled]
    assert examined(*pieces) == whole


def test_examine__batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does it, beyond what rounding may do, that values share buckets."""
    now, before = normal(5_000, 1, 0.4), normal(5_000, 2)
    whole = one(now, before)
    monkeypatch.setattr(survey, "_MOST_ROWS_AT_ONCE", 100)
    assert one(now, before) == whole
    monkeypatch.setattr(survey, "MAX_ENTRIES", 512)
    coarse = one(now, before)
    assert coarse.psi == pytest.approx(whole.psi, rel=0.05)
    assert whole.statistic is not None
    assert coarse.statistic is not None
    assert 0 <= whole.statistic - coarse.statistic < 0.01


@pytest.mark.parametrize("heavy", [0.0, 0.37, -1e-300, 5e8])
def test_examine__a_value_of_many_rows_is_told_from_its_neighbours(
    heavy: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an imputed one is: of those that share its bucket, none is in the way."""
    rng = np.random.default_rng(4)
    frames = [np.where(rng.random(20_000) < 0.6, heavy, rng.normal(size=20_000)) for _ in range(2)]
    exact = one(*frames)
    monkeypatch.setattr(survey, "MAX_ENTRIES", 2_048)
    coarse = one(*frames)
    assert coarse.verdict is exact.verdict is Verdict.PASS
    assert coarse.statistic == pytest.approx(exact.statistic, abs=2e-3)
    one_side = one(frames[0], rng.normal(size=20_000))
    assert one_side.verdict is Verdict.FAIL


def test_examine__a_cluster_of_many_values_is_looked_at_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nine rows of ten within a millionth of one another, the rest anywhere."""
    rng = np.random.default_rng(4)
    far = rng.lognormal(0, 30, 40_000)
    near = 1e9 + rng.random(40_000)
    before = np.where(rng.random(40_000) < 0.9, near, far)
    now = np.where(rng.random(40_000) < 0.9, 1e9 + rng.random(40_000) ** 3, far)
    exact = one(now, before)
    monkeypatch.setattr(survey, "MAX_ENTRIES", 2_048)
    coarse = one(now, before)
    assert exact.psi is not None
    assert exact.psi > 0.5
    assert coarse.psi == pytest.approx(exact.psi, rel=0.05)
    assert coarse.statistic == pytest.approx(exact.statistic, abs=5e-3)


# -- promises, in a few simulations; tests/benchmarks/drift.py has the long ones


def table(rows: int, rng: np.random.Generator, moved: float = 0.0) -> Frame:
    """Ten columns of several kinds; `moved`: the shift of the first."""
    return pl.DataFrame(
        {
            "moved": rng.normal(moved, 1, rows),
            **{f"normal {n}": rng.normal(size=rows) for n in range(3)},
            "skewed": rng.lognormal(0, 2, rows),
            "count": rng.poisson(2, rows),
            "mostly zero": np.where(rng.random(rows) < 0.8, 0.0, rng.random(rows)),
            "flag": rng.random(rows) < 0.1,
            "country": rng.choice(["DE", "FR", "US"], rows, p=[0.7, 0.2, 0.1]),
            "city": (rng.pareto(1, rows) * 5).clip(0, 500).astype(int).astype(str),
        }
    )


def alarms(rows: int, times: int, make: Callable[[np.random.Generator], Frame], psi: float) -> int:
    rng = np.random.default_rng(rows)
    found = (drift(make(rng), make(rng), max_psi=psi, confidence=0.9) for _ in range(times))
    return sum(any(c.verdict is Verdict.FAIL for c in columns.values()) for columns in found)


@pytest.mark.parametrize(("rows", "times"), [(500, 40), (10_000, 20)])
def test_promise__false_alarms_without_drift(rows: int, times: int) -> None:
    """With next to nothing tolerated, where an alarm is most likely: one table of ten at most."""
    seen = alarms(rows, times, lambda rng: table(rows, rng), psi=1e-6)
    assert stats.binomtest(seen, times, 0.1, alternative="greater").pvalue > 1e-3


def test_promise__a_shift_of_twice_what_is_tolerated_is_found() -> None:
    rng = np.random.default_rng(5)
    rows = 2_000
    found = [
        drift(table(rows, rng, moved=math.sqrt(0.45)), table(rows, rng))["moved"].verdict
        for _ in range(20)
    ]
    assert found.count(Verdict.FAIL) >= 18


def test_timestamps__current_after_reference() -> None:
    start = datetime(2024, 1, 1)
    now = [start + timedelta(minutes=n) for n in range(1_000, 2_000)]
    before = [start + timedelta(minutes=n) for n in range(1_000)]
    found = one(now, before)
    assert (found.kind, found.verdict) == ("timestamp", Verdict.FAIL)
    assert "median" not in found.detail
