from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.config import Config, Dataset
from tidegate.data.checks import CheckResult, DatasetResult, check_dataset
from tidegate.errors import ConfigError, DataError
from tidegate.verdict import Verdict

SCHEMAS = """
import pandera.{backend} as pa

class Orders(pa.DataFrameModel):
    id: int = pa.Field(unique=True)
    amount: float = pa.Field(ge=0)
    country: str = pa.Field(isin=["DE", "FR"])

    @pa.dataframe_check
    def cheap_in_france(cls, data):
        {check}

class Broken(pa.DataFrameModel):
    amount: float

    @pa.check("amount")
    def explodes(cls, series):
        raise RuntimeError("no idea")

orders = Orders.to_schema()
number = 3
"""
POLARS_CHECK = (
    'import polars as pl; return data.lazyframe.select((pl.col("country") != "FR") '
    '| (pl.col("amount") < 100))'
)
PANDAS_CHECK = 'return (data["country"] != "FR") | (data["amount"] < 100)'
GOOD = {"id": [1, 2, 3], "amount": [1.0, 2.0, 3.0], "country": ["DE", "FR", "DE"]}


@pytest.fixture(params=["polars", "pandas"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    check = POLARS_CHECK if request.param == "polars" else PANDAS_CHECK
    (tmp_path / "schemas.py").write_text(SCHEMAS.format(backend=request.param, check=check))
    (tmp_path / "data").mkdir()
    return tmp_path


def check(
    service: Path, path: str = "data", schema: str = "schemas.py:Orders", **more: object
) -> DatasetResult:
    dataset = Dataset.model_validate({"path": path, "schema": schema, **more})
    config = Config.model_construct(service="shop", model="shop", data={"orders": dataset})
    config._path = service / "tidegate.yaml"
    return check_dataset(config, "orders", dataset)


def write(service: Path, name: str = "a.parquet", **columns: list[object]) -> None:
    pl.DataFrame(GOOD | columns).write_parquet(service / "data" / name)


def failing(result: DatasetResult) -> dict[tuple[str | None, str], int]:
    return {
        (check.column, check.check): check.failing_rows
        for check in result.checks
        if check.verdict is Verdict.FAIL
    }


def one(result: DatasetResult) -> CheckResult:
    (found,) = [check for check in result.checks if check.verdict is Verdict.FAIL]
    return found


def test_check_dataset__good_data_passes_and_lists_every_rule(service: Path) -> None:
    write(service)
    result = check(service)
    assert result.verdict is Verdict.PASS
    assert {(check.column, check.check.partition("(")[0]) for check in result.checks} == {
        ("id", "dtype"), ("id", "not_nullable"), ("id", "field_uniqueness"),
        ("amount", "dtype"), ("amount", "not_nullable"), ("amount", "greater_than_or_equal_to"),
        ("country", "dtype"), ("country", "not_nullable"), ("country", "isin"),
        (None, "cheap_in_france"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "column", "rule", "rows"),
    [
        ({"amount": [1.0, -2.0, -3.0]}, "amount", "greater_than_or_equal_to(0)", [1, 2]),
        ({"country": ["DE", "XX", "FR"]}, "country", "isin(['DE', 'FR'])", [1]),
        ({"id": [1, 2, 2]}, "id", "field_uniqueness", [1, 2]),
        ({"amount": [None, 2.0, 3.0]}, "amount", "not_nullable", [0]),
        ({"amount": [1.0, 500.0, 3.0]}, None, "cheap_in_france", [1]),
    ],
)
def test_check_dataset__rule_broken_names_column_count_and_rows(
    service: Path, columns: dict[str, list[object]], column: str | None, rule: str, rows: list[int]
) -> None:
    write(service, **columns)
    result = check(service)
    found = one(result)
    assert (found.column, found.check, found.failing_rows) == (column, rule, len(rows))
    assert [example.row for example in found.examples] == rows
    assert {example.file for example in found.examples} == {"a.parquet"}
    assert result.failing_rows == len(rows)
    assert result.verdict is Verdict.FAIL


def test_check_dataset__row_that_breaks_two_rules_counts_once(service: Path) -> None:
    write(service, amount=[1.0, -2.0, 3.0], country=["DE", "XX", "DE"])
    result = check(service)
    assert len(failing(result)) == 2
    assert result.failing_rows == 1


def test_check_dataset__lost_column_fails_every_row(service: Path) -> None:
    pl.DataFrame(GOOD).drop("country").write_parquet(service / "data/a.parquet")
    result = check(service)
    assert failing(result)["country", "column_in_dataframe"] == 3
    assert result.failing_rows == 3


def test_check_dataset__column_lost_in_one_file_names_that_file_alone(service: Path) -> None:
    write(service, "a.parquet")
    pl.DataFrame(GOOD).drop("country").write_parquet(service / "data/b.parquet")
    result = check(service)
    assert (result.rows, result.failing_rows) == (6, 3)
    lost = next(check for check in result.checks if check.check == "column_in_dataframe")
    assert [example.file for example in lost.examples] == ["b.parquet"]


def test_check_dataset__wrong_type_in_one_file_is_a_finding(service: Path) -> None:
    write(service, "a.parquet")
    write(service, "b.parquet", id=["7", "8", "9"])
    found = failing(check(service))
    (rule,) = [rule for column, rule in found if column == "id" and rule.startswith("dtype")]
    assert found["id", rule] == 3


def test_check_dataset__row_numbers_are_those_of_the_file(service: Path) -> None:
    write(service, "a.parquet")
    write(service, "b.parquet", id=[4, 5, 6], amount=[1.0, 1.0, -1.0])
    (example,) = one(check(service)).examples
    assert (example.file, example.row) == ("b.parquet", 2)


def test_check_dataset__duplicates_across_files_are_found(service: Path) -> None:
    write(service, "a.parquet")
    write(service, "b.parquet", id=[3, 4, 5])
    assert failing(check(service)) == {("id", "field_uniqueness"): 2}


def test_check_dataset__duplicates_across_files_of_other_structure_are_found(
    service: Path,
) -> None:
    write(service, "a.parquet")
    pl.DataFrame(GOOD | {"extra": [1, 2, 3]}).write_parquet(service / "data/b.parquet")
    assert failing(check(service)) == {("id", "field_uniqueness"): 6}


def test_check_dataset__tolerated_rows(service: Path) -> None:
    write(service, amount=[1.0, -2.0, 3.0])
    assert check(service, **{"max-failing-rows": 1}).verdict is Verdict.PASS
    assert check(service, **{"max-failing-rows": "34%"}).verdict is Verdict.PASS
    assert check(service, **{"max-failing-rows": "33%"}).verdict is Verdict.FAIL


def test_check_dataset__lost_column_is_never_tolerated(service: Path) -> None:
    pl.DataFrame(GOOD).drop("country").write_parquet(service / "data/a.parquet")
    assert check(service, **{"max-failing-rows": "100%"}).verdict is Verdict.FAIL


def test_check_dataset__redacted_column_never_shows_a_value(service: Path) -> None:
    write(service, amount=[1.0, -987.5, 3.0], country=["DE", "FR", "FR"], id=[1, 2, 2])
    write(service, "b.parquet", id=[7, 8, 9], amount=[1.0, 987.5, 3.0])
    result = check(service, redact=["amount"])
    assert failing(result)[None, "cheap_in_france"] == 1
    assert "987" not in str(result.to_dict())


def test_check_dataset__same_verdict_for_csv(service: Path) -> None:
    pl.DataFrame(GOOD | {"country": ["01", "FR", "DE"]}).write_csv(service / "data/a.csv")
    found = one(check(service))
    assert (found.column, found.examples[0].value) == ("country", "01")


def test_check_dataset__schema_object_and_yaml_agree_with_the_class(service: Path) -> None:
    write(service, amount=[1.0, -2.0, 3.0])
    expected = failing(check(service))
    assert failing(check(service, schema="schemas.py:orders")) == expected
    from tidegate.data.schemas import load_schema

    columns_only = load_schema("schemas.py:orders", service, where="test").definition
    columns_only.checks = []
    (service / "orders.yaml").write_text(columns_only.to_yaml())
    (service / "orders.json").write_text(columns_only.to_json())
    assert failing(check(service, schema="orders.yaml")) == expected
    assert failing(check(service, schema="orders.json")) == expected


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ("schemas.py:Nothing", "has no 'Nothing'"),
        ("schemas.py:number", "is no pandera schema"),
        ("missing.py:Orders", "does not exist"),
        ("no_such_module:Orders", "does not import"),
        ("schemas.py", "is no reference"),
        ("missing.yaml", "cannot be read"),
    ],
)
def test_check_dataset__bad_schema_is_an_error(service: Path, schema: str, message: str) -> None:
    write(service)
    with pytest.raises(ConfigError, match=message):
        check(service, schema=schema)


def test_check_dataset__schema_with_an_error_shows_its_line(service: Path) -> None:
    (service / "bad.py").write_text("import pandera\n\nx = 1 / 0\n")
    write(service)
    with pytest.raises(ConfigError, match=r"bad\.py:3: x = 1 / 0"):
        check(service, schema="bad.py:x")


def test_check_dataset__check_that_raises_is_an_error(service: Path) -> None:
    write(service)
    with pytest.raises(DataError, match="explodes does not run"):
        check(service, schema="schemas.py:Broken")


def test_check_dataset__no_rows_is_an_error(service: Path) -> None:
    pl.DataFrame(GOOD).clear().write_parquet(service / "data/a.parquet")
    with pytest.raises(DataError, match="no rows prove nothing"):
        check(service)


def test_check_dataset__empty_folder_is_an_error(service: Path) -> None:
    with pytest.raises(DataError, match="no data file is there"):
        check(service)


def test_check_dataset__cut_off_parquet_names_the_file(service: Path) -> None:
    write(service)
    content = (service / "data/a.parquet").read_bytes()
    (service / "data/a.parquet").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"a\.parquet.*cannot be read"):
        check(service)


@pytest.mark.parametrize("content", [b"id,amount\n1,2\n1,2,3\n", b"id,amount\n\xff\xfe,1\n", b""])
def test_check_dataset__damaged_csv_names_the_file(service: Path, content: bytes) -> None:
    (service / "data/a.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.csv.*cannot be read"):
        check(service)


def test_check_dataset__mixed_kinds_are_refused(service: Path) -> None:
    write(service)
    (service / "data/b.csv").write_text("id\n1\n")
    with pytest.raises(DataError, match="mixed"):
        check(service)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 6),
            st.one_of(st.none(), st.floats(-5, 5).map(lambda x: round(x, 1))),
            st.sampled_from(["DE", "FR", "XX"]),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_check_dataset__counts_agree_with_brute_force(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, float | None, str]]
) -> None:
    ids, amounts, countries = (list(column) for column in zip(*rows, strict=True))
    table = pl.DataFrame(
        {"id": ids, "amount": amounts, "country": countries},
        schema={"id": pl.Int64, "amount": pl.Float64, "country": pl.String},
    )
    expected = {
        ("id", "field_uniqueness"): sum(ids.count(value) > 1 for value in ids),
        ("amount", "not_nullable"): amounts.count(None),
        ("amount", "greater_than_or_equal_to(0)"): sum(a is not None and a < 0 for a in amounts),
        ("country", "isin(['DE', 'FR'])"): countries.count("XX"),
    }
    for backend, text in (("polars", POLARS_CHECK), ("pandas", PANDAS_CHECK)):
        service = tmp_path_factory.mktemp(backend)
        (service / "schemas.py").write_text(SCHEMAS.format(backend=backend, check=text))
        table.write_parquet(service / "a.parquet")
        found = failing(check(service, "a.parquet"))
        found.pop((None, "cheap_in_france"), None)
        assert found == {rule: count for rule, count in expected.items() if count}
