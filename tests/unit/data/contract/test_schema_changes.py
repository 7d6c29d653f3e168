"""Changes of a schema: what they are called, held against pandera itself."""

from __future__ import annotations

import copy
import json
import warnings
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pandas as pd
import pandera.pandas
import pandera.polars
import polars as pl
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tidegate.data.contract.comparison import compare
from tidegate.data.contract.description import describe
from tidegate.data.contract.findings import OPPOSITE, SchemaChange
from tidegate.data.schemas import Schema

MODULES: dict[Any, Any] = {"polars": pandera.polars, "pandas": pandera.pandas}
both_backends = pytest.mark.parametrize("backend", MODULES)

# Generated schemas: a spec in plain data, so that it can be changed a little.

TYPES = {"int": ["int8", "int32", "int64", "uint8"], "str": ["str"], None: [None]}
numbers = st.integers(-1, 3)
texts = st.sampled_from(["", "a", "b", "ab", "ba", "abc"])


def check_of(name: str, **arguments: Any) -> st.SearchStrategy[dict[str, Any]]:
    told = st.fixed_dictionaries(arguments)
    return st.builds(
        lambda told, warns: {"name": name, "arguments": told, "warns": warns},
        told,
        st.sampled_from([False, False, False, True]),
    )


ranges = st.tuples(numbers, numbers).map(sorted).filter(lambda ends: ends[0] < ends[1])
NUMBER_CHECKS = st.one_of(
    check_of("ge", min_value=numbers),
    check_of("gt", min_value=numbers),
    check_of("le", max_value=numbers),
    check_of("lt", max_value=numbers),
    check_of("in_range", ends=ranges, include_min=st.booleans(), include_max=st.booleans()),
    check_of("isin", allowed_values=st.lists(numbers, min_size=1, max_size=5, unique=True)),
    check_of("notin", forbidden_values=st.lists(numbers, min_size=1, max_size=2, unique=True)),
    check_of("eq", value=numbers),
    check_of("ne", value=numbers),
)
TEXT_CHECKS = st.one_of(
    check_of("isin", allowed_values=st.lists(texts, min_size=1, max_size=5, unique=True)),
    check_of("ne", value=texts),
    check_of("str_startswith", string=texts),
    check_of("str_endswith", string=texts),
    check_of("str_matches", pattern=st.sampled_from(["a", "b", ".*"])),
    check_of("str_length", min_value=st.integers(0, 2), max_value=st.integers(2, 3) | st.none()),
    check_of("str_length", exact_value=st.integers(0, 2)),
)


@st.composite
def columns(draw: st.DrawFn, family: str | None = None) -> dict[str, Any]:
    family = family or draw(st.sampled_from(["int", "int", "str"]))
    return {
        "family": family,
        "dtype": draw(st.sampled_from([*TYPES[family], None])),
        "coerce": draw(st.booleans()),
        "nullable": draw(st.booleans()),
        "unique": draw(st.sampled_from([False, False, True])),
        "required": draw(st.booleans()),
        "checks": draw(st.lists(NUMBER_CHECKS if family == "int" else TEXT_CHECKS, max_size=2)),
    }


NAMES = ["a", "b", "c"]


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "columns": draw(st.dictionaries(st.sampled_from(NAMES), columns(), min_size=1)),
        "strict": draw(st.sampled_from([False, True, "filter"])),
        "ordered": draw(st.booleans()),
        "unique": draw(st.sampled_from([None, ["a"], ["a", "b"], ["a", "b", "c"]])),
    }


@st.composite
def pairs(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two specs that differ in a few places."""
    before = draw(specs())
    after = copy.deepcopy(before)
    for _ in range(draw(st.integers(1, 2))):
        name = draw(st.sampled_from(sorted(after["columns"])))
        what = draw(st.sampled_from(["rule", "rule", "rule", "rule", "structure", "column"]))
        if what == "rule":
            column = after["columns"][name]
            key = draw(st.sampled_from(["dtype", "coerce", "nullable", "unique", "required",
                                        "checks", "checks", "checks"]))  # fmt: skip
            other = draw(columns(column["family"]))
            column[key] = other[key]
            if key == "checks" and draw(st.booleans()):
                column[key] = [*before["columns"].get(name, column)["checks"], *other[key]][:2]
        elif what == "structure":
            key = draw(st.sampled_from(["strict", "ordered", "unique"]))
            after[key] = draw(specs())[key]
        else:
            new = draw(columns())
            after["columns"][draw(st.sampled_from(NAMES))] = new
    return before, after


def schema_of(backend: Any, spec: dict[str, Any]) -> Schema:
    module = MODULES[backend]

    def check(spec: dict[str, Any]) -> Any:
        arguments = dict(spec["arguments"])
        ends = arguments.pop("ends", ())
        function = getattr(module.Check, spec["name"])
        return function(*ends, raise_warning=spec["warns"], **arguments)

    def column(spec: dict[str, Any]) -> Any:
        dtype = spec["dtype"]
        if backend == "polars" and dtype is not None:
            dtype = {"str": pl.String, "uint8": pl.UInt8}.get(dtype) or getattr(pl, dtype.title())
        return module.Column(
            dtype,
            [check(each) for each in spec["checks"]],
            **{key: spec[key] for key in ("coerce", "nullable", "unique", "required")},
        )

    named = {name: column(each) for name, each in spec["columns"].items()}
    unique = [name for name in spec["unique"] or [] if name in named] or None
    definition = module.DataFrameSchema(
        named, strict=spec["strict"], ordered=spec["ordered"], unique=unique
    )
    return Schema("s.py:S", backend, definition)


@st.composite
def frames(draw: st.DrawFn, spec: dict[str, Any]) -> pl.DataFrame:
    """A frame that has a good chance to be valid."""
    rows = draw(st.integers(1, 3))
    order = list(spec["columns"])
    if draw(st.integers(0, 4)) == 0:
        order = draw(st.permutations([*order, "x"]))
    series = []
    for name in order:
        column = spec["columns"].get(name, {"family": "int", "dtype": None, "required": False})
        if not column["required"] and draw(st.booleans()):
            continue
        values = numbers | st.sampled_from([200, 2**20]) if column["family"] == "int" else texts
        values = st.none() | values if draw(st.integers(0, 2)) == 0 else values
        dtype: Any = pl.Int64 if column["family"] == "int" else pl.String
        drawn = pl.Series(name, draw(st.lists(values, min_size=rows, max_size=rows)), dtype)
        width = draw(st.sampled_from([column["dtype"], column["dtype"], "int64", "uint8"]))
        if column["family"] == "int" and width:
            wanted = pl.UInt8 if width == "uint8" else getattr(pl, width.title())
            fits = drawn.cast(wanted, strict=False)
            drawn = fits if fits.null_count() == drawn.null_count() else drawn
        series.append(drawn)
    return pl.DataFrame(series)


def is_valid(schema: Schema, frame: pl.DataFrame) -> bool:
    table = frame if schema.backend == "polars" else frame.to_pandas()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            schema.definition.validate(table)
        except Exception:
            return False
    return True


def changes(before: Schema, after: Schema, redact: Sequence[str] = ()) -> list[SchemaChange]:
    return compare(describe(before), describe(after), redact)


@both_backends
@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_compare__effects_are_what_pandera_says(backend: str, data: st.DataObject) -> None:
    spec, other = data.draw(pairs())
    before, after = schema_of(backend, spec), schema_of(backend, other)
    effects = {change.effect for change in changes(before, after)}
    event(f"effects: {sorted(effects)}")
    if effects not in ({"looser"}, {"tighter"}, set()):
        return
    for _ in range(6):
        frame = data.draw(frames(data.draw(st.sampled_from([spec, other]))))
        was, is_now = is_valid(before, frame), is_valid(after, frame)
        event(f"valid: {was}, {is_now}")
        if effects <= {"looser"}:
            assert is_now or not was
        if effects <= {"tighter"}:
            assert was or not is_now


@both_backends
@given(pair=pairs())
@settings(max_examples=60, deadline=None)
def test_compare__swapped_is_the_opposite(
    backend: str, pair: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    before, after = (schema_of(backend, spec) for spec in pair)
    forth, back = changes(before, after), changes(after, before)
    assert Counter(change.effect for change in forth) == Counter(
        OPPOSITE[change.effect] for change in back
    )
    shown = Counter(
        (change.before, change.after) for change in forth if "renamed" not in change.what
    )
    assert shown == Counter(
        (change.after, change.before) for change in back if "renamed" not in change.what
    )


@both_backends
@given(spec=specs())
@settings(max_examples=40, deadline=None)
def test_describe__is_stable_and_plain(backend: str, spec: dict[str, Any]) -> None:
    one, other = (describe(schema_of(backend, spec)) for _ in range(2))
    assert one == other
    assert json.loads(json.dumps(one, allow_nan=False)) == one
    assert compare(one, other) == []


# Each kind of change by its name.


def schemas(backend: str, **columns: Any) -> Schema:
    """A schema of columns `name={keyword: value}`; `schema_` holds the schema's own keywords."""
    module = MODULES[backend]
    own = columns.pop("schema_", {})
    made = {name: module.Column(**{"dtype": int, **keys}) for name, keys in columns.items()}
    return Schema("s.py:S", backend, module.DataFrameSchema(made, **own))


def told(before: Schema, after: Schema, **more: Any) -> list[tuple[Any, ...]]:
    return [
        (change.column, change.what, change.before, change.after, change.effect)
        for change in changes(before, after, **more)
    ]


def check(name: str, *arguments: Any, **keywords: Any) -> Any:
    return getattr(pandera.polars.Check, name)(*arguments, **keywords)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([check("ge", 0)], [check("ge", 1)],
         ("lower bound", "at least 0", "at least 1", "tighter")),
        ([check("ge", 0)], [check("gt", 0)],
         ("lower bound", "at least 0", "more than 0", "tighter")),
        ([check("le", 5)], [], ("upper bound", "at most 5", None, "looser")),
        ([check("le", 5)], [check("in_range", 0, 5)],
         ("lower bound", None, "at least 0", "tighter")),
        ([check("in_range", 0, 5)], [check("in_range", 0, 5, include_max=False)],
         ("upper bound", "at most 5", "less than 5", "tighter")),
        ([check("ge", 1), check("ge", 0)], [check("ge", 1)], None),
        ([check("ge", 1)], [check("ge", 1.0)], None),
        ([check("ge", date(2026, 1, 1))], [check("ge", date(2025, 1, 1))],
         ("lower bound", "at least 2026-01-01", "at least 2025-01-01", "looser")),
        ([check("le", Decimal("1.5"))], [check("le", 2)],
         ("upper bound", "at most 1.5", "at most 2", "looser")),
        ([check("ge", 0)], [check("ge", "0")],
         ("lower bound", "at least 0", "at least '0'", "changed")),
        ([check("ge", 0)], [check("ge", datetime(2026, 1, 1))],
         ("lower bound", "at least 0", "at least 2026-01-01 00:00:00", "changed")),
        ([check("isin", ["a", "b"])], [check("isin", ["b", "a", "c"])],
         ("allowed values: more", None, "'c'", "looser")),
        ([check("isin", ["a", "b"])], [check("eq", "a")],
         ("allowed values: fewer", "'b'", None, "tighter")),
        ([], [check("isin", range(15))],
         ("allowed values", None, "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 5 more", "tighter")),
        ([check("notin", [1])], [check("notin", [1]), check("ne", 2)],
         ("forbidden values: more", None, "2", "tighter")),
        ([check("str_length", 1, 5)], [check("str_length", 1, 9)],
         ("longest text", "at most 5 characters", "at most 9 characters", "looser")),
        ([check("str_length", min_value=1)], [check("str_length", min_value=2)],
         ("shortest text", "at least 1 characters", "at least 2 characters", "tighter")),
        ([check("str_matches", "a+")], [check("str_matches", "a*")],
         ("check str_matches", "'a+'", "'a*'", "changed")),
        ([check("str_matches", "a+")], [], ("check str_matches", "'a+'", None, "looser")),
        ([check("str_startswith", "ab")], [check("str_startswith", "a")],
         ("check str_startswith", "'ab'", "'a'", "looser")),
        ([check("str_endswith", "b")], [check("str_endswith", "ab")],
         ("check str_endswith", "'b'", "'ab'", "tighter")),
        ([check("unique_values_eq", [1])], [check("unique_values_eq", [2])],
         ("check unique_values_eq", "[1]", "[2]", "changed")),
        ([check("str_matches", "a")], [check("str_matches", "a", raise_warning=True)],
         ("check str_matches", "'a'", "'a' (warning only)", "looser")),
        ([check("ge", 0, raise_warning=True)], [check("ge", 1, raise_warning=True)],
         ("lower bound (warning only)", "at least 0", "at least 1", "tighter")),
        ([check("ge", 0)], [check("ge", 0, title="t", description="d", error="e")], None),
    ],
)  # fmt: skip
def test_compare__checks(
    before: list[Any], after: list[Any], expected: tuple[Any, ...] | None
) -> None:
    schemas_ = [schemas("polars", a={"checks": checks}) for checks in (before, after)]
    assert told(*schemas_) == ([] if expected is None else [("a", *expected)])
    whole = [schemas("polars", a={}, schema_={"checks": checks}) for checks in (before, after)]
    assert told(*whole) == ([] if expected is None else [(None, *expected)])


@both_backends
@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": {}}, {"a": {}, "b": {}}, ("b", "column added", None, "INT", "breaking")),
        ({"a": {}, "b": {}}, {"a": {}}, ("b", "column removed", "INT", None, "breaking")),
        ({"a": {}}, {"a": {}, "b": {"required": False}},
         ("b", "column added", None, "INT, optional", "tighter")),
        ({"a": {}, "schema_": {"strict": True}},
         {"a": {}, "b": {"required": False}, "schema_": {"strict": True}},
         ("b", "column added", None, "INT, optional", "looser")),
        ({"a": {}, ".*": {"regex": True}}, {"a": {}, ".*": {"regex": True},
                                            "b": {"required": False}},
         ("b", "column added", None, "INT, optional", "changed")),
        ({"amount": {}}, {"amount_eur": {}},
         ("amount", "column renamed, as it seems", "amount", "amount_eur", "breaking")),
        ({"a": {"nullable": True}}, {"a": {}}, ("a", "nullable", "on", "off", "tighter")),
        ({"a": {"unique": True}}, {"a": {}}, ("a", "unique", "on", "off", "looser")),
        ({"a": {"required": False}}, {"a": {}}, ("a", "required", "off", "on", "tighter")),
        ({"a": {}}, {"a": {"coerce": True}}, ("a", "coerce", "off", "on", "looser")),
        ({"a": {}}, {"a": {}, "schema_": {"coerce": True}}, ("a", "coerce", "off", "on", "looser")),
        ({"a": {}}, {"a": {"dtype": None}}, ("a", "type", "INT", None, "looser")),
        ({"a": {}}, {"a": {}, "schema_": {"strict": True}},
         (None, "strict", "off", "on", "tighter")),
        ({"a": {}, "schema_": {"strict": True}}, {"a": {}, "schema_": {"strict": "filter"}},
         (None, "strict", "on", "filter", "looser")),
        ({"a": {}}, {"a": {}, "schema_": {"ordered": True}},
         (None, "ordered", "off", "on", "tighter")),
        ({"a": {}, "b": {}, "schema_": {"ordered": True}},
         {"b": {}, "a": {}, "schema_": {"ordered": True}},
         (None, "order of columns", "a, b", "b, a", "breaking")),
        ({"a": {}, "b": {}}, {"b": {}, "a": {}}, None),
        ({"a": {}, "b": {}, "schema_": {"unique": ["a", "b"]}},
         {"a": {}, "b": {}, "schema_": {"unique": ["b"]}},
         (None, "unique together", "a, b", "b", "tighter")),
        ({"a": {}, "b": {}}, {"a": {}, "b": {}, "schema_": {"unique": ["b", "a"]}},
         (None, "unique together", None, "a, b", "tighter")),
        ({"a": {}}, {"a": {"default": 3}}, ("a", "default", None, "3", "changed")),
        ({"a": {}}, {"a": {}, "schema_": {"drop_invalid_rows": True}},
         (None, "drop_invalid_rows", "off", "on", "changed")),
        ({"a": {}}, {"a": {"title": "t", "description": "d", "metadata": {"m": 1}}}, None),
    ],
)  # fmt: skip
def test_compare__columns_and_structure(
    backend: str, before: Any, after: Any, expected: tuple[Any, ...] | None
) -> None:
    integer = {"polars": "Int64", "pandas": "int64"}[backend]
    found = told(
        schemas(backend, **copy.deepcopy(before)), schemas(backend, **copy.deepcopy(after))
    )
    wanted = [] if expected is None else [expected]
    assert found == [
        tuple(part.replace("INT", integer) if isinstance(part, str) else part for part in each)
        for each in wanted
    ]


@pytest.mark.parametrize(
    ("before", "after", "coerce", "expected"),
    [
        (pl.Int32, pl.Int64, (False, False), [("type widened", "breaking")]),
        (pl.Int32, pl.Int64, (True, True), [("type widened", "looser")]),
        (pl.Int64, pl.UInt16, (True, True), [("type narrowed", "tighter")]),
        (pl.Int32, pl.UInt32, (True, True), [("type", "changed")]),
        (pl.Int32, pl.Int64, (False, True), [("type widened", "looser"), ("coerce", "changed")]),
        (pl.Int64, pl.Int32, (False, True), [("type narrowed", "changed"), ("coerce", "changed")]),
        (pl.Float32, pl.Float64, (True, True), [("type widened", "changed")]),
        (pl.Int64, pl.Float64, (True, True), [("type", "breaking")]),
        (pl.Int64, pl.String, (False, False), [("type", "breaking")]),
        (pl.Datetime("us"), pl.Datetime("ns"), (True, True), [("type", "changed")]),
        (pl.List(pl.Int8), pl.List(pl.Int16), (False, False), [("type", "breaking")]),
        (None, pl.Int64, (False, True), [("type", "changed")]),
        (pl.Int64, None, (True, False), [("type", "changed")]),
        (None, None, (False, True), [("coerce", "changed")]),
    ],
)  # fmt: skip
def test_compare__types(
    before: Any, after: Any, coerce: tuple[bool, bool], expected: list[tuple[str, str]]
) -> None:
    pair = [schemas("polars", a={"dtype": dtype, "coerce": forced})
            for dtype, forced in zip((before, after), coerce, strict=True)]  # fmt: skip
    assert [(change.what, change.effect) for change in changes(*pair)] == expected


def test_compare__nullable_and_plain_integers_of_pandas_are_two_types() -> None:
    pair = [schemas("pandas", a={"dtype": dtype}) for dtype in ("int64", "Int64")]
    assert told(*pair) == [("a", "type", "int64", "Int64", "breaking")]


def test_compare__categories_of_a_type_are_seen() -> None:
    for backend, types in {
        "polars": [pl.Enum(["a"]), pl.Enum(["a", "b987"])],
        "pandas": [pd.CategoricalDtype(["a"]), pd.CategoricalDtype(["a", "b987"])],
    }.items():
        pair = [schemas(backend, a={"dtype": dtype}) for dtype in types]
        (change,) = changes(*pair)
        assert (change.what, change.effect) == ("type", "breaking")
        assert "b987" in str(change.after)
        (hidden,) = changes(*pair, redact=["a"])
        assert (hidden.before, hidden.after, hidden.note) == (None, None, "values are redacted")


def test_compare__other_backend_with_the_same_rules_is_one_change() -> None:
    def made(backend: str) -> Schema:
        types = {"b": str, "c": bool, "d": float}
        return schemas(backend, a={}, **{name: {"dtype": each} for name, each in types.items()})

    expected = (None, "backend", "polars", "pandas", "changed")
    assert told(made("polars"), made("pandas")) == [expected]


def test_compare__index_of_pandas() -> None:
    module = pandera.pandas
    none = schemas("pandas", a={})
    plain, unique = (
        schemas("pandas", a={}, schema_={"index": module.Index(int, name="id", unique=flag)})
        for flag in (False, True)
    )
    levels = module.MultiIndex([module.Index(int, name="id"), module.Index(int, name="n")])
    several = schemas("pandas", a={}, schema_={"index": levels})
    assert told(none, plain) == [(None, "index", None, "id", "tighter")]
    assert told(plain, unique) == [("id", "unique", "off", "on", "tighter")]
    assert told(plain, several) == [(None, "index", "id", "id, n", "breaking")]


def test_compare__redacted_columns_show_no_value() -> None:
    Check = pandera.polars.Check
    before = schemas("polars", a={"checks": [Check.ge(9871), Check.isin([9872])], "default": 9873},
                     b={"checks": Check.str_matches("9874")},
                     schema_={"checks": Check.ne(9875)})  # fmt: skip
    found = changes(before, schemas("polars", a={}, b={}), redact=["a", "b"])
    assert {change.what for change in found} == {
        "lower bound", "allowed values", "default", "check str_matches",
        "forbidden values: fewer",
    }  # fmt: skip
    assert "987" not in str(found)
    assert {change.note for change in found} == {"values are redacted"}


def test_compare__each_renamed_column_has_one_successor() -> None:
    before = schemas("polars", amount={}, amount_2={"dtype": str}, other={"dtype": float})
    after = schemas("polars", amount_eur={}, amount_2_eur={"dtype": str}, another={"dtype": bool})
    assert [(change.before, change.after) for change in changes(before, after)] == [
        ("amount_2", "amount_2_eur"), ("amount", "amount_eur"), ("Float64", None),
        (None, "Boolean"),
    ]  # fmt: skip
