"""Every kind of rule on both backends, with pandera as the oracle for whether a table is valid."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from types import ModuleType
from typing import Any, Literal

import pandas as pd
import pandera.pandas
import pandera.polars
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandera.config import config_context

from tidegate.data.engines.by_pandera import CheckCrashedError, judge
from tidegate.data.schemas import Schema

Backend = Literal["polars", "pandas"]
MODULES: dict[Backend, ModuleType] = {"polars": pandera.polars, "pandas": pandera.pandas}
TABLE = pl.DataFrame({"a": [1.0, None, 3.0, 3.0], "b": ["x", "y", "z", "z"]})
ALL = [0, 1, 2, 3]
# (column, rule) -> the failing rows; None where the rule could not be judged.
Broken = dict[tuple[str | None, str], list[int] | None]


@pytest.fixture(params=["polars", "pandas"])
def backend(request: pytest.FixtureRequest) -> Backend:
    return request.param


@pytest.fixture
def pa(backend: Backend) -> ModuleType:
    return MODULES[backend]


def broken(backend: Backend, definition: Any, table: pl.DataFrame = TABLE) -> Broken:
    return {
        (outcome.rule.column, outcome.rule.name): (
            None if outcome.failing is None else outcome.failing.nonzero()[0].tolist()
        )
        for outcome in judge(Schema("test", backend, definition), table)
        if outcome.failing is None or outcome.failing.any()
    }


def a(pa: ModuleType, *checks: Any, **more: Any) -> Any:
    return pa.DataFrameSchema({"a": pa.Column(float, list(checks), **{"nullable": True} | more)})


def test_judge__row_rules(backend: Backend, pa: ModuleType) -> None:
    assert broken(backend, a(pa, pa.Check.gt(2))) == {("a", "greater_than(2)"): [0]}
    assert broken(backend, a(pa, nullable=False)) == {("a", "not_nullable"): [1]}
    assert broken(backend, a(pa, unique=True)) == {("a", "field_uniqueness"): [2, 3]}
    text = pa.DataFrameSchema({"b": pa.Column(str, pa.Check.str_matches("^[xy]$"))})
    assert broken(backend, text) == {("b", "str_matches('^[xy]$')"): [2, 3]}
    joint = pa.DataFrameSchema({"b": pa.Column(str)}, unique=["a", "b"])
    assert broken(backend, joint) == {(None, "multiple_fields_uniqueness"): [2, 3]}
    each = pa.Check(lambda value: value > 2, element_wise=True, name="big")
    assert broken(backend, a(pa, each)) == {("a", "big"): [0]}


def test_judge__nan_is_a_null(backend: Backend, pa: ModuleType) -> None:
    table = pl.DataFrame({"a": [1.0, math.nan, None]})
    assert broken(backend, a(pa, nullable=False), table) == {("a", "not_nullable"): [1, 2]}


def test_judge__repeated_nulls_are_repeated_values(backend: Backend, pa: ModuleType) -> None:
    table = pl.DataFrame({"a": [1.0, None, None]})
    assert broken(backend, a(pa, unique=True), table) == {("a", "field_uniqueness"): [1, 2]}


def test_judge__nulls_count_where_the_check_says_so(backend: Backend, pa: ModuleType) -> None:
    strict = pa.Check.gt(2, ignore_na=False)
    assert broken(backend, a(pa, strict)) == {("a", "greater_than(2)"): [0, 1]}


def test_judge__cut_off_failure_cases_are_counted(backend: Backend, pa: ModuleType) -> None:
    first_only = pa.Check.gt(5, n_failure_cases=1)
    assert broken(backend, a(pa, first_only)) == {("a", "greater_than(5)"): [0, 2, 3]}


def test_judge__rows_are_not_dropped_instead_of_refused(backend: Backend, pa: ModuleType) -> None:
    sparing = pa.DataFrameSchema(
        {"a": pa.Column(float, pa.Check.gt(2), nullable=True)}, drop_invalid_rows=True
    )
    assert broken(backend, sparing) == {("a", "greater_than(2)"): [0]}


def test_judge__pandera_switched_off_by_the_environment_still_judges(
    backend: Backend, pa: ModuleType
) -> None:
    for off in ({"validation_enabled": False}, {"validation_depth": "SCHEMA_ONLY"}):
        with config_context(**off):
            assert broken(backend, a(pa, pa.Check.gt(2))) == {("a", "greater_than(2)"): [0]}


def test_judge__check_of_the_whole_column_fails_every_row(backend: Backend, pa: ModuleType) -> None:
    no = pa.Check(lambda _: False, name="no")
    assert broken(backend, a(pa, no, pa.Check.gt(2))) == {
        ("a", "no"): ALL,
        ("a", "greater_than(2)"): [0],
    }


def test_judge__check_that_only_warns_is_told_of(backend: Backend, pa: ModuleType) -> None:
    schema = Schema("test", backend, a(pa, pa.Check.gt(2, raise_warning=True)))
    (outcome,) = (found for found in judge(schema, TABLE) if found.rule.name != "dtype('float64')"
                  and found.rule.name != "dtype('Float64')")  # fmt: skip
    assert outcome.failing is not None
    assert (outcome.failing.tolist(), outcome.blocks) == ([True, False, False, False], False)


def test_judge__lost_column_leaves_its_rules_unjudged(backend: Backend, pa: ModuleType) -> None:
    schema = pa.DataFrameSchema({"c": pa.Column(None, pa.Check.gt(2))}, unique=["b", "c"])
    assert broken(backend, schema) == {
        ("c", "column_in_dataframe"): ALL,
        ("c", "not_nullable"): None,
        ("c", "greater_than(2)"): None,
        (None, "multiple_fields_uniqueness"): None,
    }


def test_judge__column_that_may_be_missing(backend: Backend, pa: ModuleType) -> None:
    assert broken(backend, pa.DataFrameSchema({"c": pa.Column(int, required=False)})) == {}


def test_judge__wrong_type_leaves_checks_unjudged_and_nothing_crashes(
    backend: Backend, pa: ModuleType
) -> None:
    crash = pa.Check(lambda _: 1 / 0, name="crash")
    schema = pa.DataFrameSchema({"b": pa.Column(float, [pa.Check.gt(2), crash])}, checks=crash)
    found = broken(backend, schema)
    (dtype,) = [key for key in found if key[1].lower() == "dtype('float64')"]
    assert found == {dtype: ALL, ("b", "greater_than(2)"): None, ("b", "crash"): None,
                     (None, "crash"): None}  # fmt: skip


def test_judge__crash_on_sound_columns_names_the_check(backend: Backend, pa: ModuleType) -> None:
    crash = pa.Check(lambda _: 1 / 0, name="crash")
    with pytest.raises(CheckCrashedError) as caught:
        broken(backend, a(pa, crash))
    assert (caught.value.rule.column, caught.value.rule.name) == ("a", "crash")
    assert isinstance(caught.value.cause, ZeroDivisionError)


def test_judge__columns_beyond_the_schema_and_out_of_order(
    backend: Backend, pa: ModuleType
) -> None:
    column = pa.Column(nullable=True)
    table = TABLE.with_columns(c=1, d=2)
    strict = pa.DataFrameSchema({"a": column, "b": column}, strict=True)
    assert broken(backend, strict, table) == {
        ("c", "column_in_schema"): ALL,
        ("d", "column_in_schema"): ALL,
    }
    assert broken(backend, pa.DataFrameSchema({"a": column}, strict="filter"), table) == {}
    ordered = pa.DataFrameSchema({"b": column, "a": column}, ordered=True)
    assert broken(backend, ordered) == {("a", "column_ordered"): ALL}


def test_judge__columns_by_regular_expression(backend: Backend, pa: ModuleType) -> None:
    some = pa.DataFrameSchema({"^[ab]$": pa.Column(nullable=False, regex=True)})
    assert broken(backend, some) == {("a", "not_nullable"): [1]}
    none = pa.DataFrameSchema({"^x_.*$": pa.Column(nullable=True, regex=True)})
    assert broken(backend, none) == {("^x_.*$", "column_in_dataframe"): ALL}


def test_judge__coercion_blames_the_rows_that_do_not_convert(
    backend: Backend, pa: ModuleType
) -> None:
    table = pl.DataFrame({"c": ["1", "p", None, "5"], "d": ["1", "2", None, "4"]})
    column = pa.Column(float, pa.Check.gt(1), nullable=True, coerce=True)
    found = broken(backend, pa.DataFrameSchema({"c": column, "d": column}), table)
    (dtype,) = [key for key in found if key[1].lower() == "dtype('float64')"]
    assert found == {dtype: [1], ("c", "greater_than(1)"): None, ("d", "greater_than(1)"): [0]}


def test_judge__defaults_are_filled_in_first(backend: Backend, pa: ModuleType) -> None:
    schema = a(pa, pa.Check.gt(1), nullable=False, default=0.0)
    assert broken(backend, schema) == {("a", "greater_than(1)"): [0, 1]}


def test_judge__rule_over_rows(backend: Backend, pa: ModuleType) -> None:
    check: Callable[[Any], Any] = (
        (lambda data: data["a"] > 2)
        if backend == "pandas"
        else (lambda data: data.lazyframe.select(pl.col("a") > 2))
    )
    table = TABLE.drop_nulls()
    schema = pa.DataFrameSchema({"a": pa.Column(float)}, checks=pa.Check(check, name="big"))
    assert broken(backend, schema, table) == {(None, "big"): [0]}


def test_judge__rules_of_one_name_are_told_apart(backend: Backend, pa: ModuleType) -> None:
    checks = [pa.Check(lambda _, yes=yes: yes, name="same") for yes in (True, False)]
    outcomes = judge(Schema("test", backend, a(pa, *checks)), TABLE)
    found = [outcome.blocks for outcome in outcomes if outcome.rule.name == "same"]
    assert found == [False, True]


def test_judge__one_type_for_all_columns(backend: Backend, pa: ModuleType) -> None:
    found = broken(backend, pa.DataFrameSchema(dtype=float), TABLE.drop_nulls())
    assert [(column, rule.lower(), rows) for (column, rule), rows in found.items()] == [
        (None, "dtype('float64')", [0, 1, 2])
    ]
    assert broken(backend, pa.DataFrameSchema(dtype=float), pl.DataFrame({"a": [1.0]})) == {}


def test_judge__index_of_pandas_beside_other_findings() -> None:
    column = pandera.pandas.Column(float)
    schema = pandera.pandas.DataFrameSchema({"a": column}, index=pandera.pandas.Index(str))
    assert broken("pandas", schema) == {("a", "not_nullable"): [1], (None, "index"): ALL}


def test_judge__what_no_rule_here_knows_fails_every_row() -> None:
    """A schema of the user's own class may refuse for reasons of its own."""

    class Own(pandera.polars.DataFrameSchema):
        def validate(self, check_obj: Any, *_: Any, **__: Any) -> Any:
            raise pandera.errors.SchemaError(
                self, check_obj, "no", reason_code=pandera.errors.SchemaErrorReason.MISMATCH_INDEX
            )

    assert broken("polars", Own({"a": pandera.polars.Column(float, nullable=True)})) == {
        (None, "schema"): ALL
    }


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        (pd.Int64Dtype(), pl.Series([1, None])),
        (pd.BooleanDtype(), pl.Series([True, None])),
        ("category", pl.Series(["x", None], dtype=pl.Categorical)),
        (pandera.pandas.Date, pl.Series([dt.date(2013, 1, 1)])),
        ("datetime64[us]", pl.Series([dt.datetime(2013, 1, 1)])),
        (str, pl.Series(["x", None])),
    ],
)
def test_judge__types_of_pandas_are_met(dtype: Any, values: pl.Series) -> None:
    column = pandera.pandas.Column(dtype, nullable=True)
    schema = pandera.pandas.DataFrameSchema({"a": column})
    assert broken("pandas", schema, pl.DataFrame({"a": values})) == {}


def test_judge__check_by_group_of_pandas() -> None:
    check = pandera.pandas.Check(lambda groups: groups["z"].mean() < 3, groupby="b", name="z")
    column = pandera.pandas.Column(float, check, nullable=True)
    schema = pandera.pandas.DataFrameSchema({"a": column, "b": pandera.pandas.Column(str)})
    assert broken("pandas", schema) == {("a", "z"): ALL}


def test_judge__parser_of_pandas_that_drops_rows_keeps_row_numbers() -> None:
    schema = pandera.pandas.DataFrameSchema(
        {"a": pandera.pandas.Column(float, pandera.pandas.Check.lt(3))},
        parsers=pandera.pandas.Parser(lambda frame: frame.dropna()),
    )
    assert broken("pandas", schema) == {("a", "less_than(3)"): [2, 3]}


ROWS = st.lists(
    st.tuples(
        st.integers(0, 6),
        st.none() | st.just(math.nan) | st.integers(-4, 8).map(float),
        st.none() | st.sampled_from(["DE", "FR", "XX"]),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_judge__rows_agree_with_brute_force_and_verdict_with_pandera(
    rows: list[tuple[int, float | None, str | None]],
) -> None:
    ids, amounts, countries = (list(column) for column in zip(*rows, strict=True))
    table = pl.DataFrame(
        {"id": ids, "amount": amounts, "country": countries},
        schema={"id": pl.Int64, "amount": pl.Float64, "country": pl.String},
    )
    pairs = [(number, country) for number, _, country in rows]

    def where(fails: Callable[[int], bool]) -> list[int]:
        return [row for row in range(len(rows)) if fails(row)]

    def known(row: int) -> bool:
        return amounts[row] is not None and not math.isnan(amounts[row])

    def negative(row: int) -> bool:
        return known(row) and amounts[row] < 0

    expected: Broken = {
        ("id", "field_uniqueness"): where(lambda row: ids.count(ids[row]) > 1),
        ("amount", "not_nullable"): where(lambda row: not known(row)),
        ("amount", "greater_than_or_equal_to(0)"): where(
            lambda row: known(row) and amounts[row] < 0
        ),
        ("country", "isin(['DE', 'FR'])"): where(lambda row: countries[row] == "XX"),
        (None, "multiple_fields_uniqueness"): where(lambda row: pairs.count(pairs[row]) > 1),
    }
    for backend, pa in MODULES.items():
        columns = {
            "id": pa.Column(int, unique=True),
            "amount": pa.Column(float, pa.Check.ge(0)),
            "country": pa.Column(str, pa.Check.isin(["DE", "FR"]), nullable=True),
        }
        schema = pa.DataFrameSchema(columns, unique=["id", "country"])
        found = broken(backend, schema, table)
        assert found == {rule: failing for rule, failing in expected.items() if failing}
        try:
            schema.validate(table if backend == "polars" else table.to_pandas(), lazy=True)
        except pandera.errors.SchemaErrors:
            assert found
        else:
            assert not found
