"""pandera schemas of both backends and tables for them, at random: rich, small, and often wrong."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from itertools import pairwise
from types import ModuleType
from typing import Any, Literal

import pandas as pd
import pandera.pandas
import pandera.polars
import polars as pl
from hypothesis import strategies as st

from tidegate.data.engines.findings import Found
from tidegate.data.parts import Part
from tidegate.data.sources.opening import TableFile

Backend = Literal["polars", "pandas"]
MODULES: dict[Backend, ModuleType] = {"polars": pandera.polars, "pandas": pandera.pandas}
NAMES = ["a", "b", "x_1", "x_2", "a b", 'q"|`*', "sum[1]", "é", "*", "^x$"]
PATTERNS = ["^[xy]", "x_.*", "^x_[12]$", "^(a|b)$", "^x_2$", ".*", "^no$"]


@dataclass(frozen=True)
class Kind:
    """A type of column. declared: what schemas may call it, by backend. bounds: what checks use."""

    dtype: pl.DataType
    values: st.SearchStrategy[Any]
    polars: Sequence[Any]
    pandas: Sequence[Any]
    bounds: st.SearchStrategy[Any]
    text: bool = False


INTEGERS = st.integers(-3, 5)
FLOATS = st.sampled_from(
    [-1.5, -0.0, 0.0, 0.1, 1.0, 2.0, 2.5, math.nan, math.inf, -math.inf, 1e300]
)
TEXTS = st.sampled_from(["", "a", "b", "ab", "é", "a\n", "12", "x1", "٣", "1.5", "true", "a\nb"])
DATES = st.sampled_from([dt.date(2013, 1, 1), dt.date(2013, 1, 2), dt.date(1969, 12, 31)])
MOMENTS = st.sampled_from(
    [dt.datetime(2013, 1, 1), dt.datetime(2013, 1, 1, 12, 30), dt.datetime(1969, 12, 31, 23)]
)
ZONED = MOMENTS.map(lambda moment: moment.replace(tzinfo=dt.UTC))
SPANS = st.sampled_from([dt.timedelta(0), dt.timedelta(hours=1), dt.timedelta(days=-1)])

KINDS = [
    Kind(pl.Int64(), INTEGERS | st.just(2**53 + 1), [int, pl.Int64, "int64"],
         [int, "int64", "Int64", pd.Int64Dtype()], INTEGERS | st.sampled_from([0.5, 2.0, 2**53])),
    Kind(pl.Int8(), INTEGERS, [pl.Int8], ["int8", "Int8"], INTEGERS | st.just(300)),
    Kind(pl.UInt16(), st.integers(0, 5), [pl.UInt16], ["uint16", "UInt16"], INTEGERS),
    Kind(pl.UInt64(), st.integers(0, 5) | st.just(2**64 - 1), [pl.UInt64], ["uint64"], INTEGERS),
    Kind(pl.Float64(), FLOATS, [float, pl.Float64], [float, "float64", "Float64"],
         FLOATS | INTEGERS),
    Kind(pl.Float32(), st.sampled_from([0.5, 2.0, 0.0, math.nan]) | st.floats(width=32),
         [pl.Float32], ["float32"], FLOATS | INTEGERS),
    Kind(pl.Boolean(), st.booleans(), [bool, pl.Boolean], [bool, "bool", "boolean"], st.booleans()),
    Kind(pl.String(), TEXTS, [str, pl.String], [str, "str", "string"], TEXTS, text=True),
    Kind(pl.Date(), DATES, [pl.Date, dt.date], [pandera.pandas.Date, "object"], DATES),
    Kind(pl.Datetime("us"), MOMENTS, [pl.Datetime("us"), pl.Datetime],
         ["datetime64[us]", "datetime64[ns]", pandera.pandas.DateTime], MOMENTS),
    Kind(pl.Datetime("ms"), MOMENTS, [pl.Datetime("ms")], ["datetime64[ms]"], MOMENTS),
    Kind(pl.Datetime("us", "UTC"), ZONED, [pl.Datetime("us", "UTC")],
         [pd.DatetimeTZDtype("us", "UTC")], ZONED | MOMENTS),
    Kind(pl.Datetime("ns", "Europe/Berlin"), ZONED, [pl.Datetime("ns", "Europe/Berlin")],
         [pd.DatetimeTZDtype("ns", "Europe/Berlin")], ZONED),
    Kind(pl.Duration("us"), SPANS, [pl.Duration("us")], ["timedelta64[us]"], SPANS),
    Kind(pl.Time(), st.sampled_from([dt.time(1), dt.time(2)]), [pl.Time], ["object"],
         st.just(dt.time(1))),
    Kind(pl.Decimal(10, 2), st.sampled_from([Decimal("1.50"), Decimal("-2.00")]),
         [pl.Decimal(10, 2), pl.Decimal(10, 1)], ["object"], st.just(Decimal("0.00"))),
    Kind(pl.Categorical(), st.sampled_from(["a", "b", "c"]), [pl.Categorical], ["category"],
         TEXTS, text=True),
    Kind(pl.Enum(["a", "b"]), st.sampled_from(["a", "b"]), [pl.Enum(["a", "b"]), pl.Enum(["a"])],
         ["category"], st.just("a"), text=True),
    Kind(pl.List(pl.Int64), st.lists(INTEGERS, max_size=2), [pl.List(pl.Int64)], ["object"],
         INTEGERS),
    Kind(pl.Struct({"n": pl.Int64}), st.fixed_dictionaries({"n": INTEGERS}),
         [pl.Struct({"n": pl.Int64})], ["object"], INTEGERS),
    Kind(pl.Binary(), st.sampled_from([b"", b"a"]), [pl.Binary], ["object"], st.just(b"a")),
    Kind(pl.Null(), st.none(), [pl.Null], ["object"], INTEGERS),
]  # fmt: skip
# Most schemas are of these.
COMMON = [KINDS[0], KINDS[4], KINDS[7], KINDS[6], KINDS[9], KINDS[8]]
kinds = st.sampled_from(COMMON) | st.sampled_from(KINDS)


@st.composite
def tables(draw: st.DrawFn) -> tuple[pl.DataFrame, dict[str, Kind]]:
    usual = st.sampled_from(NAMES[:-2])
    names = draw(st.lists(usual | usual | st.sampled_from(NAMES), min_size=1, max_size=4,
                          unique=True))  # fmt: skip
    height = draw(st.integers(1, 12))
    columns, of = {}, {}
    for name in names:
        kind = draw(kinds)
        holes = draw(st.sampled_from([0, 0, 0.3, 1]))
        distinct = draw(st.booleans()) and kind.dtype == pl.Int64
        values = list(range(height)) if distinct else [draw(kind.values) for _ in range(height)]
        if holes:
            values = [
                None if holes == 1 or draw(st.integers(0, 2)) == 0 else value for value in values
            ]
        if all(value is None for value in values):
            empty = pl.DataFrame(schema={"": kind.dtype}).to_series()
            columns[name] = empty.extend_constant(None, height)
        else:
            columns[name] = pl.Series(values, dtype=kind.dtype)
        of[name] = kind
    return pl.DataFrame(columns), of


@st.composite
def checks(draw: st.DrawFn, backend: Backend, kind: Kind, names: Sequence[str]) -> Any:
    pa = MODULES[backend]
    more: dict[str, Any] = {}
    if draw(st.integers(0, 3)) == 0:
        more["ignore_na"] = False
    if draw(st.integers(0, 5)) == 0:
        more["raise_warning"] = True
    if draw(st.integers(0, 7)) == 0:
        more["n_failure_cases"] = 1
    makers: list[Callable[[], Any]] = [
        *(lambda name=name: getattr(pa.Check, name)(draw(kind.bounds), **more)
          for name in ("eq", "ne", "gt", "ge", "lt", "le")),
        lambda: in_range(draw, pa, kind, more),
        lambda: pa.Check.isin(draw(st.lists(kind.bounds, max_size=3)), **more),
        lambda: pa.Check.notin(draw(st.lists(kind.bounds, max_size=3)), **more),
        lambda: pa.Check.unique_values_eq(draw(st.lists(kind.bounds, max_size=3)), **more),
        lambda: pa.Check(draw(st.sampled_from(ELEMENT_WISE)), element_wise=True, **more),
        lambda: pa.Check(draw(st.sampled_from(CUSTOM[backend])), **more),
    ]  # fmt: skip
    if kind.text:
        makers += 2 * [
            lambda: pa.Check.str_matches(draw(regexes), **more),
            lambda: pa.Check.str_contains(draw(regexes), **more),
            lambda: pa.Check.str_startswith(draw(TEXTS), **more),
            lambda: pa.Check.str_endswith(draw(TEXTS), **more),
            lambda: pa.Check.str_length(*draw(st.sampled_from([(1, None), (None, 1), (1, 2)])),
                                        **more),
        ]  # fmt: skip
    if backend == "pandas" and draw(st.integers(0, 9)) == 0:
        return pa.Check(
            lambda groups: len(groups) < 3, groupby=draw(st.sampled_from(names)), **more
        )
    return draw(st.sampled_from(makers))()


def in_range(draw: st.DrawFn, pa: ModuleType, kind: Kind, more: dict[str, Any]) -> Any:
    low, high = draw(kind.bounds), draw(kind.bounds)
    ends = {"include_min": draw(st.booleans()), "include_max": draw(st.booleans())}
    try:
        return pa.Check.in_range(low, high, **ends, **more)
    except (TypeError, ValueError):  # no interval
        return pa.Check.in_range(low, low, **more)


reports = st.sampled_from(["all", "exclude_first", "exclude_last"])
regexes = st.sampled_from(
    ["a", "^a", "a$", "^a$", "[ab]", "^[^a]", r"\d", r"^\w+$", r"\s", "a|b$", "(?i)A", "a.b", "^$",
     "(a)(?!b)", r"\bx", "é", r"^\d{1,2}$", r"a\Z", ".", "", "x?$"]
)  # fmt: skip


def _small(value: Any) -> bool:
    return len(str(value)) < 3


def _true(value: Any) -> bool:
    return value == value


def _picky(value: Any) -> bool:
    return bool(value > 0)


ELEMENT_WISE = [_small, _true, _picky]
CUSTOM: dict[Backend, list[Callable[[Any], Any]]] = {
    "polars": [
        lambda data: data.lazyframe.select(pl.col(data.key).is_not_null()),
        lambda data: data.lazyframe.select(pl.col(data.key) == pl.col(data.key).max()),
        lambda data: data.lazyframe.select(pl.col(data.key).is_first_distinct()),
        lambda data: data.lazyframe.select((pl.col(data.key) == pl.col("a")).alias("same")),
        lambda data: data.lazyframe.select(pl.col("a") > 1, b=pl.col(data.key).is_null()),
        lambda data: data.lazyframe.with_columns(z=pl.lit(1)).select(pl.col("z") == 1),
        lambda data: data.lazyframe.select(pl.all_horizontal(pl.all().is_not_null())),
        lambda data: data.lazyframe.collect().height < 6,
        lambda data: data.lazyframe.select(pl.col(data.key).count() > 2),
        lambda _: False,
    ],
    "pandas": [
        lambda values: values.notna(),
        lambda values: values == values.max(),
        lambda values: ~values.duplicated(),
        lambda values: len(values) < 6,
        lambda _: False,
    ],
}
TABLE_CHECKS: dict[Backend, list[Callable[[Any], Any]]] = {
    "polars": [
        lambda data: data.lazyframe.select(pl.col("a").is_not_null() | pl.col("b").is_null()),
        lambda data: data.lazyframe.select(pl.col("a") <= pl.col("b")),
        lambda data: data.lazyframe.select(pl.col("a") <= pl.col("a").mean()),
        lambda data: data.lazyframe.select(pl.all().is_not_null()),
        lambda data: data.lazyframe.select(pl.col("a").is_not_null(), pl.col("b").is_null()),
        lambda data: data.lazyframe.collect().height < 6,
    ],
    "pandas": [
        lambda frame: frame["a"].notna() | frame["b"].isna(),
        lambda frame: frame["a"] <= frame["b"],
        lambda frame: frame.notna(),
        lambda frame: len(frame) < 6,
    ],
}


@st.composite
def columns(draw: st.DrawFn, backend: Backend, kind: Kind, names: Sequence[str]) -> Any:
    pa = MODULES[backend]
    own = kind if draw(st.integers(0, 5)) else draw(st.sampled_from(COMMON))
    dtype = draw(st.sampled_from(getattr(own, backend))) if draw(st.integers(0, 5)) else None
    more: dict[str, Any] = {}
    if dtype is not None and draw(st.integers(0, 9)) == 0:
        more["default"] = draw(own.values)
    return pa.Column(
        dtype,
        draw(st.lists(checks(backend, own, names), max_size=2)),
        nullable=draw(st.booleans()),
        unique=draw(st.integers(0, 3)) == 0,
        report_duplicates=draw(reports) if backend == "pandas" else "all",
        coerce=draw(st.integers(0, 3)) == 0,
        required=draw(st.integers(0, 3)) != 0,
        **more,
    )


@st.composite
def schemas(draw: st.DrawFn, backend: Backend) -> tuple[Any, pl.DataFrame]:
    """A schema and a table for it."""
    pa = MODULES[backend]
    table, of = draw(tables())
    names = [name for name in table.columns if name not in ("*", "^x$")]
    declared = draw(st.lists(st.sampled_from([*(names or ["a"]), *(names or ["a"]), "b", "lost"]),
                             min_size=1, max_size=4, unique=True))  # fmt: skip
    entries = {}
    for name in declared:
        entries[name] = draw(columns(backend, of.get(name) or draw(kinds), declared))
    if draw(st.integers(0, 4)) == 0:
        pattern = draw(st.sampled_from(PATTERNS))
        matching = next((of[name] for name in names if name[0] in pattern), COMMON[0])
        entries[pattern] = draw(columns(backend, matching, declared))
        entries[pattern].regex = True
        if draw(st.integers(0, 4)):
            entries[pattern].default = None
    more: dict[str, Any] = {}
    if draw(st.integers(0, 3)) == 0:
        more["unique"] = draw(st.lists(st.sampled_from(declared), min_size=1, max_size=2,
                                       unique=True))  # fmt: skip
    if draw(st.integers(0, 14)) == 0:
        more["add_missing_columns"] = True
    if backend == "pandas" and draw(st.integers(0, 14)) == 0:
        more["index"] = pa.Index(draw(st.sampled_from([int, str])))
    if draw(st.integers(0, 39)) == 0:
        more["dtype"] = draw(st.sampled_from(getattr(draw(kinds), backend)))
    table_checks = []
    if draw(st.integers(0, 3)) == 0:
        ignore_na = draw(st.booleans())
        own = pa.Check(draw(st.sampled_from(TABLE_CHECKS[backend])), ignore_na=ignore_na)
        table_checks = [draw(st.sampled_from([own, pa.Check.ge(0), pa.Check.isin([1, 2])]))]
    return pa.DataFrameSchema(
        entries,
        checks=table_checks,
        strict=draw(st.sampled_from([False, False, False, True, "filter"])),
        ordered=draw(st.integers(0, 3)) == 0,
        coerce=draw(st.integers(0, 9)) == 0,
        report_duplicates=draw(reports) if backend == "pandas" else "all",
        **more,
    ), table


def part_of(
    table: pl.DataFrame,
    cuts: Sequence[int] = (),
    batch_rows: int = 1000,
    scan: Callable[[pl.DataFrame], pl.LazyFrame] = pl.DataFrame.lazy,
) -> Part:
    """The table in files cut at these rows."""
    files = [
        TableFile(f"{start}.parquet", f"/{start}", table.schema, end - start, False,
                  partial(scan, table[start:end]))
        for start, end in pairwise([0, *sorted(cuts), table.height])
    ]  # fmt: skip
    return Part(files, dict(table.schema), batch_rows)


def told(found: Found) -> Found:
    """What is told of it, save the engine that ran it where pandera did not."""
    engine = "pandera" if found.engine == "pandera" else "polars"
    return replace(found, engine=engine, crash=None)
