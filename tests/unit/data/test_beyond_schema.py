"""Rules about the whole, drift and the page's histograms, as check_dataset brings them together."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from tidegate.config import load
from tidegate.data.checks import check_dataset
from tidegate.data.results import DataReport, DatasetResult
from tidegate.errors import DataError
from tidegate.verdict import Verdict, worst

SCHEMAS = """
import pandera.polars as pa

class Orders(pa.DataFrameModel):
    id: int = pa.Field(unique=True)
    country: str
    amount: float = pa.Field(nullable=True)

class Countries(pa.DataFrameModel):
    code: str
"""
NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
ROWS = pl.DataFrame(
    {
        "id": range(1_000),
        "country": ["DE", "FR"] * 500,
        "amount": [float(number % 97) for number in range(1_000)],
        "at": [datetime(2026, 11, 2)] * 1_000,
    }
)

FEW = ROWS.gather_every(31)


def checked(folder: Path, table: pl.DataFrame = ROWS, **rules: Any) -> DatasetResult:
    """orders held to rules, beside countries (DE, FR) and a reference that is ROWS."""
    (folder / "data").mkdir(exist_ok=True)
    table.write_parquet(folder / "data/a.parquet")
    ROWS.write_parquet(folder / "reference.parquet")
    (folder / "countries.csv").write_text("code\nDE\nFR\n")
    (folder / "schemas.py").write_text(SCHEMAS)
    orders = {"path": "data", "schema": "schemas.py:Orders", **rules}
    countries = {"path": "countries.csv", "schema": "schemas.py:Countries"}
    written = {"service": "shop", "data": {"orders": orders, "countries": countries}}
    (folder / "tidegate.yaml").write_text(yaml.safe_dump(written))
    config = load(folder / "tidegate.yaml")
    return check_dataset(config, "orders", config.data["orders"], now=lambda: NOW)


def by_kind(result: DatasetResult) -> dict[str, Verdict]:
    """The worst verdict of each kind of rule beyond the schema."""
    found: dict[str, list[Verdict]] = {}
    for check in result.checks:
        if check.kind != "schema":
            found.setdefault(check.kind, []).append(check.verdict)
    return {kind: worst(verdicts) for kind, verdicts in found.items()}


EVERY: dict[str, Any] = {
    "reference": "reference.parquet",
    "rows": {"min": 1_000, "max-change": "1%"},
    "freshness": {"column": "at", "max-age": "13h"},
    "foreign-keys": [{"columns": "country", "dataset": "countries", "keys": "code"}],
    "categories": {"columns": "country", "new": "fail"},
}


def test_check_dataset__without_rules_about_the_whole_has_the_schemas_alone(tmp_path: Path) -> None:
    result = checked(tmp_path)
    assert by_kind(result) == {}
    assert (result.drift, result.profile) == ((), ())


def test_check_dataset__every_rule_about_the_whole_holds(tmp_path: Path) -> None:
    result = checked(tmp_path, **EVERY)
    assert by_kind(result) == dict.fromkeys(
        ("rows", "freshness", "foreign-key", "categories"), Verdict.PASS
    )
    assert result.verdict is Verdict.PASS
    drift = [item.to_dict() for item in result.drift]
    assert {item["column"] for item in drift} == {"id", "country", "amount", "at"}
    assert "fail" not in {item["verdict"] for item in drift}
    assert {item.to_dict()["column"] for item in result.profile} >= {"country", "amount"}


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        (ROWS.head(900), "rows"),
        (ROWS.with_columns(at=pl.lit(datetime(2026, 11, 1))), "freshness"),
        (ROWS.with_columns(country=pl.when(pl.col("id") > 9).then("country")
                           .otherwise(pl.lit("XX"))), "foreign-key"),
        (ROWS.with_columns(country=pl.when(pl.col("id") > 9).then("country")
                           .otherwise(pl.lit("XX"))), "categories"),
        (ROWS.drop("at"), "freshness"),
    ],
)  # fmt: skip
def test_check_dataset__one_broken_rule_about_the_whole_fails_the_dataset(
    tmp_path: Path, rows: pl.DataFrame, kind: str
) -> None:
    result = checked(tmp_path, rows, **EVERY)
    assert by_kind(result)[kind] is not Verdict.PASS
    assert result.verdict is Verdict.FAIL


@pytest.mark.parametrize(("mode", "verdict"), [("warn", Verdict.PASS), ("fail", Verdict.FAIL)])
def test_check_dataset__drift_blocks_where_the_config_says_so(
    tmp_path: Path, mode: str, verdict: Verdict
) -> None:
    moved = ROWS.with_columns(pl.col("amount") + 80)
    result = checked(tmp_path, moved, reference="reference.parquet", drift={"mode": mode})
    found = {item.to_dict()["column"]: item.to_dict()["verdict"] for item in result.drift}
    assert found["amount"] == "fail"
    assert result.verdict is verdict


@pytest.mark.parametrize(
    ("rows", "mode", "verdict"),
    [
        (FEW, "warn", Verdict.PASS),
        (FEW, "fail", Verdict.INCONCLUSIVE),
        (ROWS, "fail", Verdict.PASS),
        (FEW.with_columns(pl.col("amount") + 500), "fail", Verdict.FAIL),
    ],
)
def test_check_dataset__drift_that_the_rows_cannot_tell_is_no_pass_where_drift_is_to_fail(
    tmp_path: Path, rows: pl.DataFrame, mode: str, verdict: Verdict
) -> None:
    result = checked(tmp_path, rows, reference="reference.parquet", drift={"mode": mode})
    report = DataReport("shop", None, (result,))
    assert (result.verdict, report.verdict) == (verdict, verdict)
    assert report.blocked is (verdict is not Verdict.PASS)


def test_check_dataset__reference_that_is_not_there_is_no_pass(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no data file is there") as caught:
        checked(tmp_path, reference="data/reference/*.parquet")
    assert caught.value.where is not None
    assert "reference" in caught.value.where


def test_check_dataset__reference_that_is_damaged_is_named(tmp_path: Path) -> None:
    (tmp_path / "old.parquet").write_bytes(b"PAR1 cut off")
    with pytest.raises(DataError, match="cannot be read") as caught:
        checked(tmp_path, reference="old.parquet")
    assert "old.parquet" in str(caught.value.where)
