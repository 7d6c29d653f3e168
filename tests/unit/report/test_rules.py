"""Rules in words, held to the names that pandera itself gives its checks."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, get_args

import pandera.polars as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sample_reports import check
from tidegate.report.rules import REMEDIES, TITLES, Family, family, words

BUILT_IN = [
    (pa.Check.gt(0), "range", "more than 0"),
    (pa.Check.ge(0), "range", "at least 0"),
    (pa.Check.lt(5), "range", "less than 5"),
    (pa.Check.le(-5.5), "range", "at most -5.5"),
    (pa.Check.gt(datetime(2013, 1, 1)), "range", "more than 2013-01-01 00:00:00"),
    (pa.Check.in_range(0, 23), "range", "between 0 and 23"),
    (pa.Check.eq("x"), "set", "equal to x"),
    (pa.Check.ne(3), "set", "anything but 3"),
    (pa.Check.isin(["a", "b"]), "set", "one of 'a', 'b'"),
    (pa.Check.isin(range(3)), "set", "one of range(0, 3)"),
    (pa.Check.notin(["x"]), "set", "none of 'x'"),
    (pa.Check.unique_values_eq([1, 2]), "set", "all of 1, 2 and nothing else"),
    (pa.Check.str_matches(r"^a{2}+$"), "text", "text that matches ^a{2}+$"),
    (pa.Check.str_contains("b"), "text", "text that contains b"),
    (pa.Check.str_startswith("a"), "text", "text that starts with a"),
    (pa.Check.str_endswith("z"), "text", "text that ends with z"),
    (pa.Check.str_length(3), "text", "text of 3 characters"),
    (pa.Check.str_length(1, 5), "text", "text of 1 to 5 characters"),
    (pa.Check.str_length(min_value=1), "text", "text of at least 1 characters"),
    (pa.Check.str_length(max_value=5), "text", "text of at most 5 characters"),
]
# What names neither the words nor the values of a column need not be redacted.
WITH_VALUES = ("equal_to", "not_equal_to", "isin", "notin", "unique_values_eq", "str_")


def said(name: Any, **fields: Any) -> str:
    return words(check(check=str(name), **fields)).spelt()


@pytest.mark.parametrize(("built_in", "kind", "expected"), BUILT_IN, ids=lambda x: str(x)[:40])
def test_words__check_of_pandera__is_a_sentence(built_in, kind, expected):
    assert said(built_in.error) == expected
    assert family(check(check=built_in.error)) == kind


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("column_in_dataframe", "column", "the column is there"),
        ("column_in_schema", "unknown-column", "only columns that the schema knows"),
        ("column_ordered", "order", "columns in the schema’s order"),
        ("not_nullable", "null", "never empty"),
        ("field_uniqueness", "unique", "no value twice"),
        ("multiple_fields_uniqueness", "unique", "no combination twice"),
        ("dtype('Datetime(time_unit='us', time_zone=None)')", "type",
         "of type Datetime(time_unit='us', time_zone=None)"),
        ("arrival (in UTC) follows departure", "own", "arrival (in UTC) follows departure"),
        ("<lambda>", "own", "<lambda>"),
        ("is_plausible", "own", "is_plausible"),
        ("in_range(1, 2, 3)", "range", "in_range(1, 2, 3)"),
        ("my_own(1)", "own", "my_own(1)"),
        ("isin(['a', 'b', …)", "set", "one of 'a', 'b', …"),
        ("isin([])", "set", "one of []"),
    ],
)  # fmt: skip
def test_words__any_other_rule__is_said_or_shown_as_it_is(name, kind, expected):
    assert said(name) == expected
    assert family(check(check=name)) == kind


@pytest.mark.parametrize("kind", ["rows", "freshness", "foreign-key", "categories"])
def test_words__rule_beyond_rows__is_its_own_sentence(kind):
    rule = check(kind=kind, check="at least 10 rows (isin)")

    assert (
        words(rule).spelt(lambda _: "code", lambda text: f"<{text}>") == "<at least 10 rows (isin)>"
    )
    assert family(rule) == kind


@pytest.mark.parametrize(("built_in", "kind", "expected"), BUILT_IN, ids=lambda x: str(x)[:40])
def test_words__redacted_column__keep_its_values_to_themselves(built_in, kind, expected):
    name = built_in.error
    if name.startswith(WITH_VALUES) and not name.startswith("str_length"):
        assert "schema" in said(name, redacted=True)
        assert words(check(check=name, redacted=True)).values == ()
    else:
        assert said(name, redacted=True) == expected


@pytest.mark.parametrize("kind", get_args(Family))
def test_remedies__every_family__says_what_to_do(kind):
    assert REMEDIES[kind].endswith(".")
    assert TITLES[kind]


NAMES = st.text() | st.builds(
    "{}({})".format, st.sampled_from(["isin", "in_range", "str_length", "dtype"]), st.text()
)


@settings(deadline=None)
@given(NAMES, st.booleans())
def test_words__any_name__reaches_the_reader_by_way_of_its_quotes_alone(name, redacted):
    shown = words(check(check=name, redacted=redacted)).spelt(lambda _: "{", lambda _: "{")

    assert re.fullmatch("[a-z ’{]*", shown)


@settings(deadline=None)
@given(st.lists(st.text(alphabet="ab'\"], [", max_size=5), min_size=1))
def test_words__any_set__names_every_value_of_it(values):
    shown = said(pa.Check.isin(values).error)

    assert all(repr(value) in shown for value in values)
