from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tidegate.config import Config, Dataset
from tidegate.data.checks import check_dataset
from tidegate.data.results import CheckResult, DatasetResult
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


def test_check_dataset__redacted_columns_are_silent_in_every_kind_of_finding(
    service: Path,
) -> None:
    write(service, amount=["987", "x987", "9.87"], country=["DE987", "FR987", None], id=[9876] * 3)
    result = check(service, redact=["amount", "country", "id"])
    broken = [found for found in result.checks if found.verdict is Verdict.FAIL]
    assert {found.column for found in broken} == {"amount", "country", "id"}
    assert all(found.redacted for found in broken)
    assert {example.value for found in broken for example in found.examples} == {None}


def test_check_dataset__crash_of_a_check_does_not_quote_redacted_data(service: Path) -> None:
    write(service)
    with pytest.raises(DataError, match="raises RuntimeError") as caught:
        check(service, schema="schemas.py:Broken", redact=["amount"])
    assert "no idea" not in str(caught.value)


def test_check_dataset__csv_is_read_as_the_schema_says(service: Path) -> None:
    (service / "data/a.csv").write_text("id,amount,country\n1,1,DE\n2,2,01\n3,3,FR\n")
    found = one(check(service))
    assert (found.column, found.examples[0].value) == ("country", "01")


def test_check_dataset__csv_with_a_wrong_value_names_the_type_and_the_row(service: Path) -> None:
    (service / "data/a.csv").write_text("id,amount,country\n1,1,DE\n2,many,DE\n3,3,FR\n")
    result = check(service)
    found = one(result)
    assert (found.column, found.check[:5], found.failing_rows) == ("amount", "dtype", 3)
    assert [(example.row, example.value) for example in found.examples][1:] == [(1, "many")]
    assert found.examples[0].row is None
    unjudged = {found.check for found in result.checks if found.verdict is Verdict.INCONCLUSIVE}
    assert unjudged == {"greater_than_or_equal_to(0)", "cheap_in_france"}


def test_check_dataset__checks_of_a_lost_column_are_not_said_to_pass(service: Path) -> None:
    pl.DataFrame(GOOD).drop("amount").write_parquet(service / "data/a.parquet")
    verdicts = {
        found.check: found.verdict for found in check(service).checks if found.column == "amount"
    }
    assert verdicts.pop("column_in_dataframe") is Verdict.FAIL
    assert set(verdicts.values()) == {Verdict.INCONCLUSIVE}


def test_check_dataset__examples_are_five_and_counts_are_exact(service: Path) -> None:
    many = pl.DataFrame(
        {"id": range(5000), "amount": [float(-(n % 2)) for n in range(5000)], "country": "DE"},
        schema_overrides={"id": pl.Int64},
    )
    many.write_parquet(service / "data/a.parquet")
    found = one(check(service))
    assert (found.failing_rows, [example.row for example in found.examples]) == (
        2500, [1, 3, 5, 7, 9],
    )  # fmt: skip


def test_check_dataset__failing_checks_come_first_then_those_not_judged(service: Path) -> None:
    write(service, amount=["1", "2", "3"])
    verdicts = [entry["verdict"] for entry in check(service).to_dict()["checks"]]
    assert verdicts == sorted(verdicts, key=["fail", "inconclusive", "pass"].index)


def test_check_dataset__files_with_more_columns_are_one_table(service: Path) -> None:
    write(service, "a.parquet")
    pl.DataFrame(GOOD | {"id": [4, 5, 6], "extra": [1, 2, 3]}).write_parquet(
        service / "data/b.parquet"
    )
    assert check(service).verdict is Verdict.PASS


def test_check_dataset__column_without_a_common_type_names_file_and_column(service: Path) -> None:
    pl.DataFrame(GOOD | {"extra": [[1], [2], [3]]}).write_parquet(service / "data/a.parquet")
    pl.DataFrame(GOOD | {"extra": [1, 2, 3]}).write_parquet(service / "data/b.parquet")
    with pytest.raises(DataError, match=r"b\.parquet: the column 'extra' is Int64 here and List"):
        check(service)


def test_check_dataset__files_without_rows_are_passed_over(service: Path) -> None:
    write(service, "a.parquet")
    pl.DataFrame({"other": []}).write_parquet(service / "data/b.parquet")
    result = check(service)
    assert (result.verdict, result.files, result.rows) == (Verdict.PASS, 2, 3)


def test_check_dataset__long_rule_names_are_cut(service: Path) -> None:
    (service / "long.py").write_text(
        "import pandera.polars as pa\n"
        "s = pa.DataFrameSchema({'country': pa.Column(str, pa.Check.isin(['%s']))})" % ("x" * 500)
    )
    write(service)
    name = one(check(service, schema="long.py:s")).check
    assert name.startswith("isin(['xxx")
    assert len(name) == 100


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


def test_check_dataset__check_that_raises_is_an_error(service: Path) -> None:
    write(service)
    with pytest.raises(DataError, match="explodes of column 'amount' raises RuntimeError: no idea"):
        check(service, schema="schemas.py:Broken")


def test_check_dataset__no_rows_is_an_error(service: Path) -> None:
    pl.DataFrame(GOOD).clear().write_parquet(service / "data/a.parquet")
    with pytest.raises(DataError, match="no rows prove nothing"):
        check(service)


@pytest.mark.parametrize("option", ["redact", "key"])
def test_check_dataset__misspelt_column_to_redact_is_an_error_and_shows_nothing(
    service: Path, option: str
) -> None:
    write(service)
    with pytest.raises(ConfigError, match="has a column 'contry'") as caught:
        check(service, **{option: ["contry"]})
    assert "country" in caught.value.what
