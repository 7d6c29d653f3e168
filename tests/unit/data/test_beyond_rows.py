"""Rules about a dataset as a whole: row count, freshness, foreign keys, categories."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.config import Dataset
from tidegate.data.beyond_rows import blocks, check
from tidegate.data.results import CheckResult
from tidegate.verdict import Verdict

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRET = "987"
QUICK = settings(max_examples=60, deadline=None)


def judged(
    current: pl.DataFrame,
    *,
    reference: pl.DataFrame | None = None,
    others: dict[str, pl.DataFrame] | None = None,
    now: datetime = NOW,
    **rules: Any,
) -> list[CheckResult]:
    """Rows of the current dataset lie in two files, the first of which has two rows."""
    dataset = Dataset.model_validate({"path": "data", "schema": "s.py:S", **rules})

    def place(row: int) -> tuple[str, int]:
        return ("a", row) if row < 2 else ("b", row - 2)

    return check(
        dataset,
        current.lazy(),
        current.height,
        None if reference is None else reference.lazy(),
        lambda name: (others or {})[name].lazy(),
        now,
        place,
    )


def one(results: Sequence[CheckResult]) -> CheckResult:
    (result,) = results
    return result


def frame(rows: int) -> pl.DataFrame:
    return pl.DataFrame({"x": range(rows)}, schema={"x": pl.Int64})


# Row count


@given(
    rows=st.integers(0, 30),
    low=st.integers(0, 30),
    span=st.integers(0, 30),
    before=st.integers(1, 30),
    percent=st.integers(0, 150),
)
@QUICK
def test_row_count__bounds_are_exact(
    rows: int, low: int, span: int, before: int, percent: int
) -> None:
    results = judged(
        frame(rows),
        reference=frame(before),
        rows={"min": low, "max": low + span, "max-change": f"{percent}%"},
    )
    expected = [rows >= low, rows <= low + span,
                Fraction(abs(rows - before), before) <= Fraction(percent, 100)]  # fmt: skip
    assert [result.verdict is Verdict.PASS for result in results] == expected
    assert {result.kind for result in results} == {"rows"}


def test_row_count__says_what_was_found_and_what_was_asked() -> None:
    rules = {"min": 5, "max-change": "20%"}
    few, change = judged(frame(3), reference=frame(4), rows=rules)
    assert (few.check, few.detail) == ("at least 5 rows", "3 rows")
    assert change.check == "within 20 % of the reference’s rows"
    assert change.detail == "3 rows, 25 % fewer than the reference’s 4"
    assert all(blocks(result, tolerated_rows=100) for result in (few, change))


@pytest.mark.parametrize("reference", [None, frame(0)])
def test_row_count__nothing_to_compare_with_is_no_pass(reference: pl.DataFrame | None) -> None:
    result = one(judged(frame(3), reference=reference, rows={"max-change": "500%"}))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert blocks(result, tolerated_rows=100)


# Freshness


def fresh(values: list[Any], age: str = "36h", **more: Any) -> CheckResult:
    dtype = more.pop("dtype", None)
    table = pl.DataFrame({"at": pl.Series(values, dtype=dtype)})
    return one(judged(table, freshness={"column": "at", "max-age": age}, **more))


moments = st.datetimes(NOW.replace(tzinfo=None) - timedelta(days=4),
                       NOW.replace(tzinfo=None) + timedelta(days=2))  # fmt: skip


@given(
    values=st.lists(st.none() | moments, min_size=1, max_size=6),
    unit=st.sampled_from(["ms", "us", "ns"]),
    zone=st.sampled_from([None, "UTC", "Asia/Tokyo", "America/New_York"]),
    hours=st.integers(1, 100),
)
@QUICK
def test_freshness__agrees_with_the_clock(
    values: list[datetime | None], unit: Any, zone: str | None, hours: int
) -> None:
    # To the millisecond, which each unit can hold.
    values = [value and value.replace(microsecond=value.microsecond // 1000 * 1000)
              for value in values]  # fmt: skip
    stored = pl.Series(values, dtype=pl.Datetime("us")).cast(pl.Datetime(unit))
    if zone is not None:
        stored = stored.dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
    result = fresh(stored.to_list(), f"{hours}h", dtype=stored.dtype)
    there = [value.replace(tzinfo=UTC) for value in values if value is not None]
    expected = bool(there) and NOW - max(there) <= timedelta(hours=hours)
    expected = expected and max(there) - NOW <= timedelta(days=1)
    assert (result.verdict is Verdict.PASS) is expected


@pytest.mark.parametrize(
    ("newest", "age", "verdict"),
    [
        (date(2026, 3, 1), "1m", Verdict.PASS),  # today lasts until midnight
        (date(2026, 2, 28), "12h", Verdict.PASS),
        (date(2026, 2, 28), "11h", Verdict.FAIL),
        (date(2026, 3, 2), "1m", Verdict.PASS),  # begun already, east of here
        (date(2026, 3, 3), "1m", Verdict.FAIL),
    ],
)
def test_freshness__date_lasts_until_its_day_ends(newest: date, age: str, verdict: Verdict) -> None:
    assert fresh([date(2020, 1, 1), newest], age).verdict is verdict


def test_freshness__clock_of_another_time_zone_is_the_same_clock() -> None:
    here = NOW.astimezone(timezone(timedelta(hours=-9)))
    value = NOW.replace(tzinfo=None) - timedelta(hours=1)
    assert fresh([value], "60m", now=here).verdict is Verdict.PASS
    assert fresh([value], "59m", now=here).verdict is Verdict.FAIL


def test_freshness__says_how_old_the_newest_row_is() -> None:
    result = fresh([datetime(2026, 2, 26, 9, 30)], "36h")
    assert (result.column, result.check) == ("at", "newest value at most 36h old")
    assert result.detail == "the newest value, 2026-02-26 09:30 UTC, is 3 days 2 h old"
    assert blocks(result, tolerated_rows=100)


def test_freshness__value_in_the_future_fails_and_says_so() -> None:
    result = fresh([NOW.replace(tzinfo=None), datetime(2062, 1, 1)])
    assert result.verdict is Verdict.FAIL
    assert "more than a day in the future: 2062-01-01" in str(result.detail)


def test_freshness__value_that_no_calendar_knows_fails() -> None:
    result = fresh([2**60], dtype=pl.Datetime("ms"))
    assert result.verdict is Verdict.FAIL
    assert "beyond the years 1 to 9999" in str(result.detail)


@pytest.mark.parametrize("dtype", [pl.Datetime("us"), pl.Date, pl.Null])
def test_freshness__all_null_fails(dtype: Any) -> None:
    result = fresh([None, None], dtype=dtype)
    assert (result.verdict, result.detail) == (Verdict.FAIL, "every value is null")


@pytest.mark.parametrize(
    ("values", "message"),
    [(["2026-03-01"], "holds text"), ([1772366400], "holds Int64"), ([[NOW]], "holds List")],
)
def test_freshness__other_types_are_refused_with_a_remedy(values: list[Any], message: str) -> None:
    result = fresh(values)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert message in str(result.detail)
    assert "write it as a date or timestamp" in str(result.detail)


def test_freshness__redacted_column_shows_neither_value_nor_age() -> None:
    for value in (datetime(2019, 8, 7), datetime(2062, 1, 1), NOW.replace(tzinfo=None)):
        result = fresh([value], redact=["at"])
        assert result.redacted
        assert not any(character.isdigit() for character in str(result.detail))


# Foreign keys


def referred(
    values: pl.Series | pl.DataFrame, keys: pl.Series | pl.DataFrame, **more: Any
) -> CheckResult:
    current = values if isinstance(values, pl.DataFrame) else pl.DataFrame({"to": values})
    other = keys if isinstance(keys, pl.DataFrame) else pl.DataFrame({"id": keys})
    rule = {"columns": ["to"], "dataset": "other", "keys": ["id"], **more.pop("rule", {})}
    return one(judged(current, others={"other": other}, **{"foreign-keys": [rule], **more}))


WIDTHS: dict[Any, Any] = {
    pl.Int8: st.integers(-3, 3) | st.integers(-128, 127),
    pl.UInt16: st.integers(0, 3) | st.integers(0, 2**16 - 1),
    pl.Int64: st.integers(-3, 3) | st.integers(2**63 - 3, 2**63 - 1),
    pl.UInt64: st.integers(0, 3) | st.integers(2**63 - 3, 2**64 - 1),
    pl.Float64: st.sampled_from([0.0, 1.0, 2.5, -0.0, 2.0**63, math.nan, math.inf, 1e300]),
    pl.Decimal(20, 2): st.sampled_from([Decimal("1.00"), Decimal("2.50"), Decimal(3)]),
}
COMPARABLE = [
    (own, key) for own in WIDTHS for key in WIDTHS if {own, key} != {pl.Float64, pl.Decimal(20, 2)}
]


@given(data=st.data(), types=st.sampled_from(COMPARABLE))
@settings(max_examples=150, deadline=None)
def test_foreign_key__numbers_agree_with_python_whatever_their_widths(
    data: st.DataObject, types: tuple[Any, Any]
) -> None:
    own, key = types
    values = data.draw(st.lists(st.none() | WIDTHS[own], min_size=1, max_size=8))
    keys = data.draw(st.lists(st.none() | WIDTHS[key], max_size=8))
    result = referred(pl.Series(values, dtype=own), pl.Series(keys, dtype=key))
    # Python compares whole numbers, floats and decimals exactly.
    missing = [row for row, value in enumerate(values)
               if value is not None and not math.isnan(value)
               and not any(value == other for other in keys if other is not None)]  # fmt: skip
    assert result.failing_rows == len(missing)
    assert (result.verdict is Verdict.PASS) is (not missing)
    rows = {example.row + 2 * (example.file == "b") for example in result.examples}
    assert rows <= set(missing)
    assert len(rows) == min(5, len({values[row] for row in missing}))


@pytest.mark.parametrize(
    ("values", "keys", "missing"),
    [
        (pl.Series([2.5, 2.0]), pl.Series([2]), 1),
        (pl.Series([2]), pl.Series([2.5]), 1),
        (pl.Series([2**53 + 1, 2**53]), pl.Series([2.0**53]), 1),
        (pl.Series([2**64 - 1], dtype=pl.UInt64), pl.Series([-1]), 1),
        (pl.Series([2**64 - 1], dtype=pl.UInt64), pl.Series([2**64 - 1], dtype=pl.Int128), 0),
        (pl.Series([Decimal("2.0")]), pl.Series([2], dtype=pl.UInt8), 0),
        (pl.Series([0.1], dtype=pl.Float32), pl.Series([0.1]), 1),
    ],
)
def test_foreign_key__numbers_are_equal_exactly(
    values: pl.Series, keys: pl.Series, missing: int
) -> None:
    assert referred(values, keys).failing_rows == missing


@given(data=st.data())
@QUICK
def test_foreign_key__several_columns_agree_with_python(data: st.DataObject) -> None:
    pair = st.tuples(st.none() | st.sampled_from("xyz"), st.none() | st.integers(0, 2))
    values, keys = (data.draw(st.lists(pair, min_size=1, max_size=8)) for _ in range(2))
    schema: Any = {"letter": pl.String, "number": pl.Int64}
    result = referred(
        pl.DataFrame(values, schema=schema, orient="row"),
        pl.DataFrame(keys, schema=schema, orient="row").cast({"number": pl.Int8}),
        rule={"columns": ["letter", "number"], "keys": ["letter", "number"]},
    )  # fmt: skip
    known = {pair for pair in keys if None not in pair}
    missing = [pair for pair in values if None not in pair and pair not in known]
    assert result.failing_rows == len(missing)
    assert result.column is None


@pytest.mark.parametrize(
    ("own", "key"),
    [
        (pl.Categorical, pl.String),
        (pl.String, pl.Enum(["a", "b", "other"])),
        (pl.Enum(["a", "b", "c"]), pl.Enum(["b", "a"])),
    ],
)
def test_foreign_key__text_is_text_however_it_is_kept(own: Any, key: Any) -> None:
    result = referred(pl.Series(["a", "b"], dtype=own), pl.Series(["b", "a"], dtype=key))
    assert result.verdict is Verdict.PASS
    result = referred(pl.Series(["a", "b"], dtype=own), pl.Series(["a"], dtype=key))
    assert [example.value for example in result.examples] == ["b"]


def test_foreign_key__moments_are_equal_whatever_their_unit_and_zone() -> None:
    moment = pl.Series([NOW, NOW + timedelta(microseconds=1)])
    keys = pl.Series([NOW]).dt.convert_time_zone("Asia/Tokyo").dt.cast_time_unit("ns")
    assert referred(moment, keys).failing_rows == 1


@pytest.mark.parametrize(
    ("values", "keys", "message"),
    [
        (["1"], [1], "'to' holds text, and 'id' of other whole numbers"),
        ([1], ["1"], "'to' holds whole numbers, and 'id' of other text"),
        ([True], [1], "values of type Boolean"),
        ([date(2026, 1, 1)], [datetime(2026, 1, 1)], "dates"),
        ([NOW], [NOW.replace(tzinfo=None)], "timestamps with a time zone"),
        ([[1]], [[1]], "values of type List"),
    ],
)
def test_foreign_key__types_that_cannot_be_compared_are_no_pass(
    values: list[Any], keys: list[Any], message: str
) -> None:
    result = referred(pl.Series(values), pl.Series(keys))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert message in str(result.detail)
    assert blocks(result, tolerated_rows=100)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"columns": "too"}, "the dataset has no column 'too'; did you mean 'to'?"),
        ({"keys": "idd"}, "the dataset other has no column 'idd'; did you mean 'id'?"),
    ],
)
def test_foreign_key__lost_column_suggests_the_nearest(rule: dict[str, str], message: str) -> None:
    result = referred(pl.Series([1]), pl.Series([1]), rule=rule)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert message in str(result.detail)


def test_foreign_key__examples_are_one_for_each_of_the_commonest_keys() -> None:
    table = pl.DataFrame({"to": ["A", "Z", "Y", "Y", "Z", "Z"], "name": list("abcdef")})
    result = referred(table, pl.Series(["A"]), key="name")
    assert (result.column, result.check) == ("to", "exists in other (id)")
    assert (result.failing_rows, result.detail) == (5, "5 rows with 2 values that other lacks")
    shown = [(example.file, example.row, example.value, example.key)
             for example in result.examples]  # fmt: skip
    assert shown == [("a", 1, "Z", {"name": "b"}), ("b", 0, "Y", {"name": "c"})]


def test_foreign_key__nulls_are_let_pass_and_counted() -> None:
    result = referred(pl.Series([1, None, None]), pl.Series([1, None]))
    assert (result.verdict, result.detail) == (Verdict.PASS, "2 rows with a null let pass")


def test_foreign_key__failing_rows_are_tolerated_up_to_the_limit() -> None:
    result = referred(pl.Series([1, 2, 3]), pl.Series([1]))
    assert not blocks(result, tolerated_rows=2)
    assert blocks(result, tolerated_rows=1)


def test_foreign_key__no_keys_at_all_fails_every_row() -> None:
    for dtype in (pl.Int64, pl.Null):
        assert referred(pl.Series([1, 2]), pl.Series([], dtype=dtype)).failing_rows == 2


def test_foreign_key__more_failing_rows_than_are_counted_by_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tidegate.data.beyond_rows.foreign_keys._COUNTED_ROWS", 10)
    result = referred(pl.Series(range(5, 25)), pl.Series([5]))
    assert (result.failing_rows, len(result.examples)) == (19, 5)
    assert [(example.file, example.row) for example in result.examples][:2] == [("a", 1), ("b", 0)]
    assert result.detail == "19 rows with values that other lacks"


def test_foreign_key__redacted_columns_never_show_a_value() -> None:
    table = pl.DataFrame({"to": [SECRET], "too": ["open"], "name": [SECRET + "1"]})
    other = pl.DataFrame({"to": ["x"], "too": ["x"]})
    single = referred(table, other, rule={"keys": ["to"]}, redact=["to", "name"], key="name")
    joint = {"columns": ["to", "too"], "keys": ["to", "too"]}
    several = referred(table, other, rule=joint, redact=["to", "name"], key="name")
    assert single.failing_rows == several.failing_rows == 1
    assert single.redacted
    assert SECRET not in f"{single}{several}"
    assert [example.value for example in several.examples] == ["too=open"]


def test_foreign_key__columns_of_any_name_can_be_judged() -> None:
    table = pl.DataFrame({"rows": [1, 2], "row of the data": [1, 2], "key 0": [1, 2]})
    rule = {"columns": table.columns, "dataset": "other"}
    result = one(judged(table, others={"other": table.head(1)}, **{"foreign-keys": [rule]}))
    assert result.failing_rows == 1


# Categories


def compared(
    current: Sequence[Any], reference: Sequence[Any], **more: Any
) -> tuple[CheckResult, CheckResult]:
    rule = {"columns": ["c"], "new": "fail", "vanished": "fail", **more.pop("rule", {})}
    tables = [pl.DataFrame({"c": pl.Series(values, strict=False)})
              for values in (current, reference)]  # fmt: skip
    new, vanished = judged(tables[0], reference=tables[1], categories=rule, **more)
    return new, vanished


@given(
    current=st.lists(st.sampled_from(["a", "b", "c", "d", None]), min_size=1),
    reference=st.lists(st.sampled_from(["a", "b", "e", "f", None]), min_size=1),
)
@QUICK
def test_categories__agree_with_a_counter(
    current: list[str | None], reference: list[str | None]
) -> None:
    new, vanished = compared(pl.Series(current, dtype=pl.String),
                             pl.Series(reference, dtype=pl.Categorical))  # fmt: skip
    ours, theirs = ({key: count for key, count in Counter(values).items() if key is not None}
                    for values in (current, reference))  # fmt: skip
    for result, these, those in ((new, ours, theirs), (vanished, theirs, ours)):
        expected = {key: count for key, count in these.items() if key not in those}
        assert (result.verdict is Verdict.FAIL) is bool(expected)
        if expected:
            named = str(result.detail).partition(": ")[2]
            assert sorted(named.split(", ")) == sorted(
                f"{key!r} ({count})" for key, count in expected.items()
            )
    assert new.failing_rows == sum(count for key, count in ours.items() if key not in theirs)


def test_categories__are_named_with_counts_and_a_row_of_each() -> None:
    new, vanished = compared(["AA", "ZZ", "YY", "YY"], ["AA", "DL", "DL"])
    assert (new.check, new.failing_rows) == ("no new categories", 3)
    assert new.detail == ("2 categories in 3 rows that the reference does not have: "
                          "'YY' (2), 'ZZ' (1)")  # fmt: skip
    assert [(example.file, example.row, example.value) for example in new.examples] == [
        ("b", 0, "YY"), ("a", 1, "ZZ"),
    ]  # fmt: skip
    assert vanished.check == "no vanished categories"
    assert vanished.detail == "1 category of the reference gone, 2 rows there: 'DL' (2)"
    assert vanished.failing_rows == 0
    assert blocks(new, tolerated_rows=100)
    assert blocks(vanished, tolerated_rows=100)


def test_categories__are_capped_in_number_and_exact_in_counts() -> None:
    new, _ = compared([f"{number:03}" + "x" * 100 for number in range(500)], ["a"])
    assert new.failing_rows == 500
    assert "500 categories in 500 rows" in str(new.detail)
    assert str(new.detail).endswith(" and 490 more")
    assert len(str(new.detail)) < 1000
    assert len(new.examples) == 5


def test_categories__warn_passes_and_off_is_silent() -> None:
    rule = {"columns": ["c"], "new": "warn", "vanished": "off"}
    table = pl.DataFrame({"c": ["a"]})
    new = one(judged(table, reference=pl.DataFrame({"c": ["b"]}), categories=rule))
    assert (new.verdict, new.warns, new.failing_rows) == (Verdict.PASS, True, 1)
    assert "'a' (1)" in str(new.detail)
    assert not blocks(new, tolerated_rows=0)
    quiet = one(judged(table, reference=table, categories=rule))
    assert (quiet.failing_rows, quiet.detail) == (0, None)


def test_categories__numbers_are_equal_whatever_their_widths() -> None:
    # What pandas makes of whole numbers with a null.
    new, vanished = compared(pl.Series([1, 2], dtype=pl.Int8), [1.0, 3.0, math.nan])
    assert "'2'" not in str(new.detail)
    assert str(new.detail).endswith(": 2 (1)")
    assert str(vanished.detail).endswith(": 3.0 (1)")


def test_categories__text_does_not_break_out_of_its_quotes() -> None:
    new, _ = compared(["a'\n| b", "b"], ["b"])
    assert "\n" not in str(new.detail)


def test_categories__redacted_column_shows_numbers_alone() -> None:
    for result in compared([SECRET, SECRET + "x"], [SECRET + "y"], redact=["c"]):
        assert result.redacted
        assert SECRET not in str(result)
    assert result.detail == "1 category of the reference gone, 1 row there"


@pytest.mark.parametrize(
    ("current", "reference", "message"),
    [
        ({"c": ["a"]}, {"cc": ["a"]}, "the reference has no column 'c'; did you mean 'cc'?"),
        ({"cc": ["a"]}, {"c": ["a"]}, "the dataset has no column 'c'; did you mean 'cc'?"),
        ({"c": ["1"]}, {"c": [1]}, "holds text, and the reference’s whole numbers"),
        ({"c": [[1]]}, {"c": [[1]]}, "values of type List"),
        ({"c": ["a"]}, None, "there is no reference"),
    ],
)
@pytest.mark.parametrize("mode", ["warn", "fail"])
def test_categories__what_cannot_be_compared_is_no_pass(
    current: dict[str, Any], reference: dict[str, Any] | None, message: str, mode: str
) -> None:
    results = judged(
        pl.DataFrame(current),
        reference=None if reference is None else pl.DataFrame(reference),
        categories={"columns": ["c"], "new": mode, "vanished": mode},
    )
    assert len(results) == 2
    for result in results:
        assert result.verdict is Verdict.INCONCLUSIVE
        assert message in str(result.detail)
        assert blocks(result, tolerated_rows=100)


# Together


def test_check__files_are_scanned_and_every_rule_gives_its_results(tmp_path: Path) -> None:
    table = pl.DataFrame({"id": range(100), "to": range(100), "c": "a", "at": NOW.date()})
    table.write_parquet(tmp_path / "t.parquet", row_group_size=7)
    scanned = pl.scan_parquet(tmp_path / "t.parquet")
    dataset = Dataset.model_validate({
        "path": "data", "schema": "s.py:S", "rows": {"min": 1},
        "freshness": {"column": "at", "max-age": "1d"}, "categories": {"columns": "c"},
        "foreign-keys": [{"columns": "to", "dataset": "other", "keys": "id"}],
    })  # fmt: skip
    other = scanned.filter(pl.col("id") != 93)
    results = check(dataset, scanned, 100, scanned, lambda _: other, NOW, lambda row: ("t", row))
    assert [(result.kind, result.verdict) for result in results] == [
        ("rows", Verdict.PASS), ("freshness", Verdict.PASS), ("foreign-key", Verdict.FAIL),
        ("categories", Verdict.PASS), ("categories", Verdict.PASS),
    ]  # fmt: skip
    assert [example.row for example in results[2].examples] == [93]


def test_check__no_rules_no_results() -> None:
    assert judged(frame(1)) == []
