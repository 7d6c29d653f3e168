"""What becomes an expression, what does not, and what a plan can be used for."""

from __future__ import annotations

import datetime as dt
import pickle
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandera.pandas
import pandera.polars
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.data.engines.compiling import WholeSchemaError, compile_schema
from tidegate.data.engines.plan import Plan
from tidegate.data.engines.recording import NotCompiledError, is_row_wise, passing
from tidegate.data.engines.regexes import in_rust
from tidegate.data.engines.running import hold
from tidegate.data.engines.tally import Tally
from tidegate.data.parts import parts_of
from tidegate.data.schemas import Schema
from tidegate.data.sources import locate
from tidegate.data.sources.opening import open_files

pa = pandera.polars
A, S = pl.col("a"), pl.col("s")
SCHEMA = {"a": pl.Int64(), "b": pl.Float64(), "s": pl.String()}


@pytest.mark.parametrize(
    "expression",
    [
        A > 2, A.is_in([1, 2]), A.is_in({1, 2}), S.str.contains("^a.c$"), A.is_null(),
        S.str.len_chars().is_between(1, 2), A.cast(pl.Float64) > 1, A.clip(0, 1) == A,
        A.fill_null(0) > 1, A.is_between(pl.col("b"), 9),
        S.str.to_date("%Y") > dt.date(2000, 1, 1),
        pl.any_horizontal(A > 1, pl.col("b") > 3), pl.col("l").list.len() > 2,
        pl.when(A > 1).then(pl.col("b") > 2).otherwise(statement=True),
    ],
)  # fmt: skip
def test_is_row_wise__expressions_of_single_rows(expression: pl.Expr) -> None:
    assert is_row_wise(expression)


@pytest.mark.parametrize(
    "expression",
    [
        A.max() >= A, A.mean() < A, A.mean().over("b") < A, (A > 1).over("b"), A.shift(1) < A,
        A.diff() > 1, A.cum_sum() > 1, A.is_duplicated(), A.is_first_distinct(), A.rank() < 5,
        A.sort() > 1, A.reverse() > 1, A.shuffle(seed=1) > 1, A.forward_fill() > 1, A.first() < A,
        A.fill_null(A.max()) > 1, A.fill_null(strategy="mean") > 1, A.clip(0, A.max()) == A,
        A.head(3) > 1, A.filter(A > 1) > 1, A.gather([0, 1]) > 1, A.rolling_mean(3) > 1,
        pl.lit(pl.Series([1, 2, 3])) < A, pl.len() < A, pl.int_range(pl.len()) > A,
        A.is_in(pl.col("b").implode()), pl.struct("a", "b").is_unique(), pl.lit(value=True),
        pl.all() > 2, pl.col("^a.*$") > 2, pl.nth(0) > 1,
        A.map_batches(lambda values: values > 1), pl.col("l").explode() > 1,
    ],
)  # fmt: skip
def test_is_row_wise__what_looks_at_other_rows_or_may(expression: pl.Expr) -> None:
    assert not is_row_wise(expression)


@pytest.mark.parametrize(
    ("check", "why"),
    [
        (lambda data: data.lazyframe.select(data.lazyframe.collect().height > A), "more than"),
        (lambda data: data.lazyframe.filter(A > 1).select(A > 1), "more than"),
        (lambda data: data.lazyframe.with_columns(z=A).select(pl.col("z") > 1), "more than"),
        (lambda data: pl.concat([data.lazyframe] * 2).select(A > 1), "more than"),
        (lambda data: data.lazyframe.select("a"), "more than"),
        (lambda data: True, "more than"),
        (lambda data: data.lazyframe.select(A.mean() > A), "other rows"),
        (lambda data: data.lazyframe.select(A.is_in(pl.col("a"))), "advises against"),
        (lambda data: data.lazyframe.select(A > 1, A > 2), "does not run"),
        (lambda data: data.lazyframe.select(S > 1), "does not run"),
        (lambda data: data.lazyframe.select(A + 1), "yes or no"),
        (lambda data: 1 / 0, "does not run"),
    ],
)
def test_passing__functions_stay_functions(check: Any, why: str) -> None:
    with pytest.raises(NotCompiledError, match=why):
        passing(pa.Check(check), "a", SCHEMA)


@pytest.mark.parametrize(
    "check",
    [
        lambda data: data.lazyframe.select(pl.col(data.key) > 1),
        lambda data: data.lazyframe.select([pl.col(data.key) > 1]),
        lambda data: data.lazyframe.select(big=pl.col(data.key) > 1),
        lambda data: data.lazyframe.select(pl.col(data.lazyframe.collect_schema().names()[0]) > 1),
    ],
)
def test_passing__expressions_are_taken_however_they_are_given(check: Any) -> None:
    answer = passing(pa.Check(check), "a", SCHEMA)
    table = pl.DataFrame({"a": [1, 2]})
    assert table.select(answer).to_series().to_list() == [False, True]


BUILT_IN: dict[str, list[tuple[str, tuple[Any, ...]]]] = {
    "a": [("eq", (1,)), ("ne", (1,)), ("gt", (1,)), ("ge", (1,)), ("lt", (1,)), ("le", (1,)),
          ("in_range", (0, 2)), ("isin", ([1],)), ("notin", ([1],)), ("unique_values_eq", ([1],))],
    "s": [("str_matches", ("^a",)), ("str_contains", ("a",)), ("str_startswith", ("a",)),
          ("str_endswith", ("a",)), ("str_length", (1, 2)), ("eq", ("a",)), ("isin", (["a"],))],
}  # fmt: skip


@pytest.mark.parametrize("backend", ["polars", "pandas"])
def test_compile_schema__every_built_in_check_is_compiled(backend: Any) -> None:
    module = pandera.polars if backend == "polars" else pandera.pandas
    columns = {
        name: module.Column(
            {"a": int, "s": str}[name],
            [getattr(module.Check, check)(*arguments) for check, arguments in checks],
            unique=True,
        )
        for name, checks in BUILT_IN.items()
    }
    schema = Schema("test", backend, module.DataFrameSchema(columns, unique=["a", "s"]))
    plan = compile_schema(schema, SCHEMA)
    assert [(entry.rule.name, entry.why) for entry in plan.by_pandera] == []
    compiled = sum(entry.rule.is_check for entry in plan.entries)
    assert compiled == sum(len(checks) for checks in BUILT_IN.values())


def test_compile_schema__default_beside_a_type_for_the_whole_table_is_left_to_pandera() -> None:
    """pandera fills it in as of that type, and so makes a column of another type valid."""
    definition = pa.DataFrameSchema({"a": pa.Column(int, default=0)}, dtype=float)
    table = pl.DataFrame({"a": [0]})
    definition.validate(table)
    with pytest.raises(WholeSchemaError, match="a default is filled in"):
        compile_schema(Schema("test", "polars", definition), table.schema)


def a_plan() -> Plan:
    checks = [pa.Check.ge(0), pa.Check.lt(7), pa.Check.ne(3, raise_warning=True)]
    schema = pa.DataFrameSchema(
        {"a": pa.Column(int, checks, nullable=False), "b": pa.Column(float, coerce=True)},
        checks=pa.Check(lambda data: data.lazyframe.select(pl.col("b") > A), name="less"),
    )
    return compile_schema(Schema("test", "polars", schema), {"a": pl.Int64(), "b": pl.Int64()})


@given(
    st.lists(st.tuples(st.none() | st.integers(-2, 9), st.integers(-2, 9)), max_size=20),
    st.lists(st.integers(0, 20), max_size=3),
)
def test_plan__travels_and_its_partial_results_merge(
    rows: list[tuple[int | None, int]], cuts: list[int]
) -> None:
    table = pl.DataFrame(rows, schema={"a": pl.Int64, "b": pl.Int64}, orient="row")
    plan = pickle.loads(pickle.dumps(a_plan()))  # noqa: S301 - what was just written

    def tally(part: pl.DataFrame) -> Tally:
        found = Tally.empty(plan)
        found.add(plan.masks(plan.parse(part.lazy())).collect())
        return found

    whole, merged = tally(table), Tally.empty(plan)
    for low, high in pairwise([0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]):
        merged.merge(tally(table[low:high]))
    assert merged == whole


PATTERNS = st.recursive(
    st.sampled_from(["a", "b", "é", r"\n", r"\.", r"\$", ".", "[ab]", "[^a]", "[^\\n]", r"\d",
                     r"\w", r"\s", r"[^\d]", r"\S", "^", "$", r"\Z"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{1,2}", "*?"])).map(
            lambda pair: f"({pair[0]}){pair[1]}"
        ),
        inner.map(lambda pattern: f"{pattern}$"),
    ),
    max_leaves=6,
)  # fmt: skip


@given(PATTERNS, st.lists(st.text("abcé\n.$ 1٣_²\u2028", max_size=5), max_size=20), st.booleans())
def test_in_rust__matches_what_python_matches(
    pattern: str, texts: list[str], at_start: bool
) -> None:
    rust = in_rust(pattern, at_start=at_start)
    if rust is None:
        return
    look = re.match if at_start else re.search
    found = pl.Series(texts, dtype=pl.String).str.contains(rust).to_list()
    assert found == [look(pattern, text) is not None for text in texts]


@pytest.mark.parametrize(
    ("pattern", "sayable"),
    [
        ("^N[0-9]{5}$", True), (r"^\d+$", True), ("a|b$", True), ("(a|b$)", True), ("a.c", True),
        ("a$b", False), ("(?i)a", False), (r"\bword", False), ("(a)(?=b)", False),
        (r"(a)\1", False), ("(?<!a)b", False), (r"\w{500}", False), ("(", False),
    ],
)  # fmt: skip
def test_in_rust__says_what_it_can(pattern: str, sayable: bool) -> None:
    assert (in_rust(pattern, at_start=True) is not None) is sayable


@pytest.mark.parametrize("files", [1, 4])
def test_hold__rows_keep_their_order_where_polars_thinks_that_it_does_not_matter(
    tmp_path: Path, files: int
) -> None:
    """A comparison that is always true becomes constants, and a scan of them loses its order."""
    values = [None if row % 7 == 3 else row for row in range(8_000)]
    table = pl.DataFrame({"a": values}, schema={"a": pl.UInt64})
    height = table.height // files
    for file in range(files):
        rows = table[file * height : (file + 1) * height]
        rows.write_parquet(tmp_path / f"{file}.parquet", row_group_size=97)
    compiled = pa.Check.ne(-1, ignore_na=False)
    lazily = pa.Check(
        lambda data: data.lazyframe.with_columns(z=A).select(pl.col("z").ne(-1)), ignore_na=False
    )
    column = pa.Column(pl.UInt64, [compiled, lazily], nullable=True)
    schema = Schema("test", "polars", pa.DataFrameSchema({"a": column}))
    opened = open_files(locate(str(tmp_path), tmp_path, where=""), tmp_path / "work")
    for _ in range(5):
        (part,) = parts_of(schema, opened)
        found = [finding for finding in hold(schema, part).found if finding.rule.is_check]
        assert [finding.engine for finding in found] == ["polars", "pandera"]
        assert [finding.first for finding in found] == [(3, 10, 17, 24, 31)] * 2
