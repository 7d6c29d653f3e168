"""What data and schemas can be at their worst, from the config to the result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tidegate.cli import main
from tidegate.config import Config, Dataset
from tidegate.data.checks import check_dataset
from tidegate.data.results import CheckResult, DatasetResult
from tidegate.errors import ConfigError, DataError
from tidegate.verdict import Verdict

BACKENDS = ["polars", "pandas"]
# Whatever a header may hold: spaces, quotes, Markdown, patterns, and what Polars takes for one.
NAMES = ["a b", 'say "so"', "a|b", "`x`", "*bold*", "[l](http://x)", "<b>", "sum[1]", "(a+)+$",
         "a\nb", "", "ä", "^", "$", "\\", "{x}", "%s", "*", "^x$", "^.*$"]  # fmt: skip


def check(
    folder: Path, schema: str, path: str = "*.parquet", engine: Any = "auto", **more: object
) -> DatasetResult:
    file = f"schema_{len(list(folder.glob('schema_*.py')))}.py"  # each call is of its own
    (folder / file).write_text(schema)
    dataset = Dataset.model_validate({"path": path, "schema": f"{file}:schema", **more})
    config = Config.model_construct(service="shop", model="shop", data={"orders": dataset})
    config._path = folder / "tidegate.yaml"
    return check_dataset(config, "orders", dataset, engine)


def schema_of(backend: str, columns: str, **more: object) -> str:
    rest = "".join(f", {name}={value}" for name, value in more.items())
    return (
        f"import pandera.{backend} as pa\nimport polars as pl\n"
        f"schema = pa.DataFrameSchema({{{columns}}}{rest})\n"
    )


def broken(result: DatasetResult) -> list[CheckResult]:
    return [found for found in result.checks if found.verdict is not Verdict.PASS]


@pytest.mark.parametrize("backend", BACKENDS)
def test_other_type_in_one_file__is_a_finding_that_names_that_file_alone(
    tmp_path: Path, backend: str
) -> None:
    for number in range(4):
        ids = ["7", "8"] if number == 2 else [1, 2]
        pl.DataFrame({"id": ids}).write_parquet(tmp_path / f"{number}.parquet")
    result = check(tmp_path, schema_of(backend, "'id': pa.Column(int)"))
    (found,) = broken(result)
    assert (found.column, found.failing_rows, result.failing_rows) == ("id", 2, 2)
    assert {example.file for example in found.examples} == {"2.parquet"}


@pytest.mark.parametrize("file", ["a.csv", "year=2013/a.csv"])
@pytest.mark.parametrize(("separator", "words"), [(";", "semicolons"), ("\t", "tabs")])
def test_csv__of_another_separator__is_told_so_and_not_lost_columns(
    tmp_path: Path, file: str, separator: str, words: str
) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("id,day\n1,2\n".replace(",", separator))
    schema = schema_of("polars", "'id': pa.Column(int), 'day': pa.Column(int)")
    with pytest.raises(DataError, match=f"separated by {words}, not by commas") as caught:
        check(tmp_path, schema, path="**/*.csv")
    assert str(caught.value.where).endswith(file)


def test_csv__column_whose_name_holds_a_semicolon__is_judged(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id;day\n1\n")
    one = check(tmp_path, schema_of("polars", "'id;day': pa.Column(int)"), path="a.csv")
    optional = "'id;day': pa.Column(int), 'x': pa.Column(int, required=False)"
    two = check(tmp_path, schema_of("polars", optional), path="a.csv")
    assert (one.verdict, two.verdict) == (Verdict.PASS, Verdict.PASS)


@pytest.mark.parametrize("engine", ["auto", "pandera"])
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("of_column", [True, False])
@pytest.mark.parametrize("redact", [[], ["id"]])
def test_check__that_gives_none__is_told_what_it_must_give(
    tmp_path: Path, backend: str, engine: str, of_column: bool, redact: list[str]
) -> None:
    silent = "pa.Check(lambda data: None, name='silent')"
    schema = (
        schema_of(backend, f"'id': pa.Column(int, {silent})")
        if of_column
        else schema_of(backend, "'id': pa.Column(int)", checks=silent)
    )
    pl.DataFrame({"id": [1, 2]}).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"silent.* gives None, and must give true or false"):
        check(tmp_path, schema, engine=engine, redact=redact)


@pytest.mark.parametrize("backend", BACKENDS)
def test_check__that_raises_without_a_word__is_named_by_its_type(
    tmp_path: Path, backend: str
) -> None:
    pl.DataFrame({"id": [1, 2]}).write_parquet(tmp_path / "a.parquet")
    columns = "'id': pa.Column(int, pa.Check(lambda data: next(iter([])), name='mute'))"
    with pytest.raises(DataError) as caught:
        check(tmp_path, schema_of(backend, columns))
    assert caught.value.what == "the check mute of column 'id' raises StopIteration"


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("ids", "verdict", "failing"),
    [
        ([[1, 2], [3, 1]], Verdict.INCONCLUSIVE, 0),  # 1 is in both files
        ([[1, 1], [3, 1]], Verdict.FAIL, 2),
    ],
)
@pytest.mark.parametrize("joint", [False, True])
def test_uniqueness__of_files_that_differ_in_columns_is_no_pass(
    tmp_path: Path, backend: str, ids: list[list[int]], verdict: Verdict, failing: int, joint: bool
) -> None:
    pl.DataFrame({"id": ids[0], "day": 1, "x": 1}).write_parquet(tmp_path / "0.parquet")
    pl.DataFrame({"id": ids[1], "day": 1}).write_parquet(tmp_path / "1.parquet")
    columns = "'id': pa.Column(int{}), 'day': pa.Column(int), 'x': pa.Column(int)"
    more = {"unique": ["id", "day"]} if joint else {}
    schema = schema_of(backend, columns.format("" if joint else ", unique=True"), **more)
    result = check(tmp_path, schema)
    (found,) = [found for found in result.checks if found.check.endswith("uniqueness")]
    assert (found.verdict, found.failing_rows) == (verdict, failing)
    assert found.detail is not None
    assert "within each of 2 groups of files" in found.detail
    assert result.verdict is Verdict.FAIL


def test_uniqueness__of_files_with_the_same_columns_is_judged_over_all(tmp_path: Path) -> None:
    for number in range(2):
        pl.DataFrame({"id": [number, 7]}).write_parquet(tmp_path / f"{number}.parquet")
    (found,) = broken(check(tmp_path, schema_of("polars", "'id': pa.Column(int, unique=True)")))
    assert (found.verdict, found.failing_rows, found.detail) == (Verdict.FAIL, 2, None)


@pytest.mark.parametrize("backend", BACKENDS)
def test_column_of_mixed_types__names_the_rows_that_do_not_fit(
    tmp_path: Path, backend: str
) -> None:
    (tmp_path / "a.csv").write_text("id,when\n1,2013-01-01\ntwo,2013-01-02\n3.5,soon\n")
    schema = schema_of(backend, "'id': pa.Column(int), 'when': pa.Column('datetime64[us]')")
    schema = schema.replace("'datetime64[us]'", "pl.Datetime('us')" if backend == "polars" else
                            "'datetime64[us]'")  # fmt: skip
    ids, whens = broken(check(tmp_path, schema, path="a.csv"))
    assert [(example.row, example.value) for example in ids.examples[1:]] == [
        (1, "two"), (2, "3.5"),
    ]  # fmt: skip
    assert [(example.row, example.value) for example in whens.examples[1:]] == [(2, "soon")]


@pytest.mark.parametrize("engine", ["auto", "pandera"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_timestamp_out_of_range__is_shown_as_text(
    tmp_path: Path, backend: str, engine: str
) -> None:
    far = pl.Series([0, 2**53, -(2**60)], dtype=pl.Int64).cast(pl.Datetime("us"))
    pl.DataFrame({"when": far, "n": [1, -2, 3]}).write_parquet(tmp_path / "a.parquet")
    when = "pl.Datetime('us')" if backend == "polars" else "'datetime64[us]'"
    columns = f"'when': pa.Column({when}, pa.Check.lt(__import__('datetime').datetime(2100, 1, 1)))"
    (found,) = broken(check(tmp_path, schema_of(backend, columns), engine=engine))
    assert [(example.row, example.value) for example in found.examples] == [
        (1, "2255-06-05 23:47:34.740992")
    ]
    columns = f"'when': pa.Column({when}, unique=True), 'n': pa.Column(int, pa.Check.lt(3))"
    (found,) = broken(check(tmp_path, schema_of(backend, columns), engine=engine, key=["when"]))
    assert [example.key for example in found.examples] == [{"when": "-34565-05-17 02:29:53.153024"}]


def test_timestamp_that_python_cannot_hold__is_shown_all_the_same(tmp_path: Path) -> None:
    far = pl.Series([0, 2**60], dtype=pl.Int64).cast(pl.Datetime("us"))
    pl.DataFrame({"when": far}).write_parquet(tmp_path / "a.parquet")
    columns = (
        "'when': pa.Column(pl.Datetime('us'), "
        "pa.Check(lambda data: data.lazyframe.select(pl.col(data.key).dt.year() < 9999), name='y'))"
    )
    (found,) = broken(check(tmp_path, schema_of("polars", columns)))
    assert [(example.row, str(example.value)[:6]) for example in found.examples] == [(1, "+38504")]


@pytest.mark.parametrize("backend", BACKENDS)
def test_ten_million_failing_rows__are_counted_and_five_are_shown(
    tmp_path: Path, backend: str
) -> None:
    rows = 10_000_000
    table = pl.LazyFrame({"id": [7]}).select(
        pl.col("id").repeat_by(rows).explode(), pl.lit(-1.0).alias("amount")
    )
    table.sink_parquet(tmp_path / "a.parquet")
    columns = "'id': pa.Column(int, unique=True), 'amount': pa.Column(float, pa.Check.ge(0))"
    result = check(tmp_path, schema_of(backend, columns), key=["id"])
    assert result.failing_rows == rows
    unique, amount = broken(result)
    assert (unique.check, unique.failing_rows) == ("field_uniqueness", rows)
    assert amount.failing_rows == rows
    assert [example.row for example in amount.examples] == [0, 1, 2, 3, 4]
    assert [example.key for example in amount.examples] == [{"id": "7"}] * 5
    assert len(json.dumps(result.to_dict())) < 5_000


@pytest.mark.parametrize("engine", ["auto", "pandera"])
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", NAMES)
def test_column_name__is_a_name_and_nothing_else(
    tmp_path: Path, backend: str, engine: str, name: str
) -> None:
    """Beside another column, that a name taken for a pattern would match."""
    pl.DataFrame({name: [1, -2, None], "x": [-1, 1, 1]}).write_parquet(tmp_path / "a.parquet")
    check_x = "'x': pa.Column(int, pa.Check.le(0))"
    result = check(tmp_path, schema_of(backend, check_x), engine=engine, key=[name, "x"])
    (found,) = broken(result)
    assert [(example.row, example.value, example.key) for example in found.examples] == [
        (1, "1", {name: "-2", "x": "1"}), (2, "1", {name: "null", "x": "1"}),
    ]  # fmt: skip
    if name in ("*", "^x$", "^.*$") or (name, backend) == ("", "polars"):
        return  # pandera takes these for patterns, or for all columns
    declared = f"{name!r}: pa.Column(float, [pa.Check.ge(0)], nullable=False, coerce=True)"
    found = broken(check(tmp_path, schema_of(backend, declared), engine=engine))
    assert {(rule.column, rule.failing_rows) for rule in found} == {(name, 1)}
    assert sorted(example.row for rule in found for example in rule.examples) == [1, 2]


@pytest.mark.parametrize("backend", BACKENDS)
def test_nested_columns__are_checked_or_refused_by_name(tmp_path: Path, backend: str) -> None:
    table = pl.DataFrame({"tags": [["a"], None, []], "place": [{"x": 1}, {"x": 2}, None]})
    table.write_parquet(tmp_path / "a.parquet")
    tags, place = (
        ("pl.List(pl.String)", "pl.Struct({'x': pl.Int64})")
        if backend == "polars"
        else ("object", "object")
    )
    columns = f"'tags': pa.Column({tags}), 'place': pa.Column({place}, nullable=True)"
    (found,) = broken(check(tmp_path, schema_of(backend, columns)))
    assert (found.column, found.check, found.failing_rows) == ("tags", "not_nullable", 1)
    assert [(example.row, example.value) for example in found.examples] == [(1, "null")]
    columns = f"'tags': pa.Column({tags}, pa.Check.gt('a'), nullable=True)"
    with pytest.raises(DataError, match=r"greater_than\(a\) of column 'tags' raises"):
        check(tmp_path, schema_of(backend, columns))


@pytest.mark.parametrize(
    ("backend", "dtype"), [("polars", "pl.List(pl.Int64)"), ("pandas", "None")]
)
def test_nested_columns__whose_values_repeat_are_found_by_pandera(
    tmp_path: Path, backend: str, dtype: str
) -> None:
    pl.DataFrame({"tags": [[1], [1, 2], [1]]}).write_parquet(tmp_path / "a.parquet")
    unique = schema_of(backend, f"'tags': pa.Column({dtype}, unique=True)")
    (found,) = broken(check(tmp_path, unique))
    assert [example.row for example in found.examples] == [0, 2]
    assert (found.engine, bool(found.engine_reason)) == ("pandera", True)


MIXED = """
import pandera.polars as pa
import polars as pl

def slow(value):
    return value < 3

schema = pa.DataFrameSchema(
    {
        "id": pa.Column(int, [pa.Check.ge(0), pa.Check(slow, element_wise=True)]),
        "x": pa.Column(float, pa.Check(
            lambda data: data.lazyframe.select(pl.col("x") <= pl.col("x").mean()), name="below")),
    }
)
"""


def test_engine__each_check_names_its_own_and_why_pandera_ran_it(tmp_path: Path) -> None:
    pl.DataFrame({"id": [1, 2, 3], "x": [1.0, 2.0, 6.0]}).write_parquet(tmp_path / "a.parquet")
    result = check(tmp_path, MIXED)
    assert result.engine == "mixed"
    assert {
        found.check: (found.engine, found.engine_reason, found.failing_rows)
        for found in result.checks
        if not found.check.startswith(("dtype", "not_null"))
    } == {
        "greater_than_or_equal_to(0)": ("polars", None, 0),
        "slow": ("pandera", "it is a Python function of single values", 1),
        "below": ("pandera", "its answer for a row depends on other rows", 1),
    }
    assert result.failing_rows == 1
    alone = check(tmp_path, MIXED, engine="pandera")
    assert alone.engine == "pandera"
    assert {found.engine_reason for found in alone.checks} == {"it is asked for"}


def test_engine__polars_refuses_what_is_not_compiled_by_name(tmp_path: Path) -> None:
    pl.DataFrame({"id": [1], "x": [1.0]}).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(ConfigError) as caught:
        check(tmp_path, MIXED, engine="polars")
    told = str(caught.value)
    assert "slow of column 'id': it is a Python function of single values" in told
    assert "below of column 'x': its answer for a row depends on other rows" in told
    assert "greater_than" not in told
    assert "--engine auto" in told


def test_engine__polars_refusal_is_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    pl.DataFrame({"id": [1], "x": [1.0]}).write_parquet(tmp_path / "a.parquet")
    (tmp_path / "mixed.py").write_text(MIXED)
    source = ["--data", "a.parquet", "--schema", "mixed.py:schema"]
    assert main(["check-data", *source, "--engine", "polars"]) == 2
    assert "slow of column 'id'" in capsys.readouterr().err
    assert main(["check-data", *source, "--engine", "auto"]) == 0


@pytest.mark.parametrize("backend", BACKENDS)
def test_redacted_key__is_not_shown(tmp_path: Path, backend: str) -> None:
    pl.DataFrame({"id": [98765], "x": [-1.0], "day": ["mo"]}).write_parquet(tmp_path / "a.parquet")
    schema = schema_of(backend, "'x': pa.Column(float, pa.Check.ge(0))")
    result = check(tmp_path, schema, key=["id", "day"], redact=["id"])
    (found,) = broken(result)
    assert [example.key for example in found.examples] == [{"day": "mo"}]
    assert "98765" not in json.dumps(result.to_dict())


def test_damaged_file__is_told_of_and_not_the_check(tmp_path: Path) -> None:
    for name in ("a", "b"):
        pl.DataFrame({"id": range(50_000)}).write_parquet(tmp_path / f"{name}.parquet",
                                                          compression="uncompressed")  # fmt: skip
    content = bytearray((tmp_path / "b.parquet").read_bytes())
    content[4:3000] = b"\xff" * 2996
    (tmp_path / "b.parquet").write_bytes(content)
    for check_id in ("pa.Check.ge(0)", "pa.Check(lambda data: data.lazyframe.select("
                     "pl.col('id') <= pl.col('id').max()))"):  # fmt: skip
        with pytest.raises(DataError, match=r"b\.parquet: the file cannot be read"):
            check(tmp_path, schema_of("polars", f"'id': pa.Column(int, {check_id})"))


def test_panic_of_polars_below_pandera__is_an_error(tmp_path: Path) -> None:
    pl.DataFrame({"a": [b"x", b"y"], "b": ["p", "q"]}).write_parquet(tmp_path / "a.parquet")
    columns = "'a': pa.Column(), 'b': pa.Column()"
    with pytest.raises(DataError, match="pandera cannot run the schema: PanicException"):
        check(tmp_path, schema_of("polars", columns, dtype="pl.Int64", coerce=True))
