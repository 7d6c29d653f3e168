"""docs/data.md says which engine runs which rule: so it is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandera.pandas as pa
import pandera.polars as pap
import polars as pl
import pytest
from pandera.pandas import Check

from tidegate.data.engines.running import hold
from tidegate.data.parts import parts_of
from tidegate.data.schemas import Schema
from tidegate.data.sources import locate
from tidegate.data.sources.opening import open_files

TIME = dt.datetime(2013, 1, 1)
TABLE = pl.DataFrame(
    {
        "whole": [1, 2, 3],
        "text": ["a", "b", "c"],
        "time": [TIME, TIME, TIME],
        "maybe": [True, False, None],
        "kind": pl.Series(["x", "y", "x"], dtype=pl.Categorical),
        "list": [[1], [2], [3]],
    }
)
Declaration = Callable[[Any], Any]


def column(name: str, *checks: Any, dtype: Any = None, **more: Any) -> Declaration:
    """A schema of a single column, in the words of pandera.pandas or of pandera.polars."""
    more = {"nullable": "default" not in more, **more}
    return lambda module: module.DataFrameSchema({name: module.Column(dtype, list(checks), **more)})


# What it is, the schema, the rule's name, the engine of the pandas and of the Polars backend.
BOTH: list[tuple[str, Declaration, str, str, str]] = [
    ("types", column("whole", dtype=int), "dtype", "polars", "polars"),
    ("nulls", column("whole", nullable=False), "not_nullable", "polars", "polars"),
    ("unique", column("whole", unique=True), "field_uniqueness", "polars", "polars"),
    ("comparison", column("whole", Check.ge(0)), "greater", "polars", "polars"),
    ("range", column("whole", Check.in_range(0, 5)), "in_range", "polars", "polars"),
    ("set", column("text", Check.isin(["a"])), "isin", "polars", "polars"),
    ("not in a set", column("text", Check.notin(["a"])), "notin", "polars", "polars"),
    ("regex", column("text", Check.str_matches("^[a-z]$")), "str_matches", "polars", "polars"),
    ("length", column("text", Check.str_length(1, 2)), "str_length", "polars", "polars"),
    ("exact values", column("text", Check.unique_values_eq(["a"])), "unique_values",
     "polars", "polars"),
    ("word boundary", column("text", Check.str_matches(r"\ba")), "str_matches",
     "pandera", "polars"),
    ("set of times", column("time", Check.isin([TIME])), "isin", "pandera", "polars"),
    ("one value at a time", column("whole", Check(bool, name="own", element_wise=True)), "own",
     "pandera", "pandera"),
    ("coerce to the type that is there", column("whole", dtype=int, coerce=True), "dtype",
     "polars", "polars"),
    ("coerce to a wider number", column("whole", dtype=float, coerce=True), "dtype",
     "polars", "polars"),
    ("coerce to text", column("whole", dtype=str, coerce=True), "dtype", "pandera", "polars"),
    ("default", column("whole", dtype=int, default=1), "not_nullable", "pandera", "polars"),
    ("categories", column("kind", Check.isin(["x"])), "isin", "pandera", "polars"),
    ("booleans with nulls", column("maybe", Check.eq(True)), "equal_to", "pandera", "polars"),
    ("nulls of lists", column("list", nullable=False), "not_nullable", "pandera", "polars"),
    ("unique lists", column("list", unique=True), "field_uniqueness", "pandera", "pandera"),
]  # fmt: skip
ONE: list[tuple[str, Callable[[], Any], str]] = [
    ("own check of a column", lambda: pa.DataFrameSchema(
        {"whole": pa.Column(int, Check(lambda series: series > 0, name="own"))}), "pandera"),
    ("own check of the table", lambda: pa.DataFrameSchema(
        {}, checks=Check(lambda table: table["whole"] > 0, name="own")), "pandera"),
    ("groups", lambda: pa.DataFrameSchema(
        {"whole": pa.Column(int, Check(lambda groups: True, name="own", groupby="text")),
         "text": pa.Column(str)}), "pandera"),
    ("parsers", lambda: pa.DataFrameSchema(
        {"whole": pa.Column(int, Check.ge(0, error="own"))}, parsers=pa.Parser(lambda rows: rows)),
     "pandera"),
    ("expression over a row", lambda: pap.DataFrameSchema(
        {}, checks=Check(lambda data: data.lazyframe.select(pl.col("whole") > 0), name="own")),
     "polars"),
    ("expression over all rows", lambda: pap.DataFrameSchema(
        {}, checks=Check(
            lambda data: data.lazyframe.select(pl.col("whole") <= pl.col("whole").mean() + 9),
            name="own",
        )), "pandera"),
]  # fmt: skip


def engine_of(definition: Any, rule: str, folder: Path) -> str:
    TABLE.write_parquet(folder / "table.parquet")
    files = open_files(locate("table.parquet", folder, where="here"), folder / "nowhere")
    backend: Any = "polars" if isinstance(definition, pap.DataFrameSchema) else "pandas"
    schema = Schema("here", backend, definition)
    (part,) = parts_of(schema, files)
    (found,) = [found for found in hold(schema, part).found if found.rule.name.startswith(rule)]
    return found.engine


@pytest.mark.parametrize(
    ("declaration", "rule", "pandas", "polars"),
    [case[1:] for case in BOTH],
    ids=[case[0] for case in BOTH],
)
def test_engine__of_a_rule_of_both_backends(
    declaration: Declaration, rule: str, pandas: str, polars: str, tmp_path: Path
) -> None:
    found = [engine_of(declaration(module), rule, tmp_path) for module in (pa, pap)]
    assert found == [pandas, polars]


@pytest.mark.parametrize(
    ("definition", "engine"), [case[1:] for case in ONE], ids=[case[0] for case in ONE]
)
def test_engine__of_a_rule_of_one_backend(
    definition: Callable[[], Any], engine: str, tmp_path: Path
) -> None:
    assert engine_of(definition(), "own", tmp_path) == engine
