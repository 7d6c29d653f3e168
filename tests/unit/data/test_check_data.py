"""The verb, from the command line to its report."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from tidegate import digest
from tidegate.cli import main
from tidegate.config import load
from tidegate.data.sources import data_digest

SCHEMA = """
import pandera.polars as pa

class Orders(pa.DataFrameModel):
    id: int = pa.Field(unique=True)
    amount: float = pa.Field(ge=0)
"""
GOOD = pl.DataFrame({"id": [1, 2, 3], "amount": [1.0, 2.0, 3.0]})
BAD = GOOD.with_columns(amount=pl.Series([1.0, -2.0, 3.0]))


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("GITHUB_ACTIONS", "GITHUB_SHA", "TIDEGATE_COMMIT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "schemas.py").write_text(SCHEMA)
    (tmp_path / "data/returns").mkdir(parents=True)
    GOOD.write_parquet(tmp_path / "data/orders.parquet")
    BAD.write_csv(tmp_path / "data/returns/a.csv")
    config(tmp_path, {"orders": "data/orders.parquet", "returns": "data/returns/*.csv"})
    return tmp_path


def config(service: Path, paths: Mapping[str, str]) -> None:
    data = {name: {"path": path, "schema": "schemas.py:Orders"} for name, path in paths.items()}
    (service / "tidegate.yaml").write_text(yaml.safe_dump({"service": "shop", "data": data}))


def check_data(service: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    code = main(["check-data", *arguments])
    return code, json.loads((service / "reports/tidegate/check-data.json").read_text())


def test_check_data__report_of_a_dataset_that_fails(service: Path) -> None:
    code, report = check_data(service)
    assert (code, report["verdict"], report["blocked"], report["error"]) == (1, "fail", True, None)
    orders, returns = report["datasets"]
    assert (orders["name"], orders["verdict"], orders["rows"]) == ("orders", "pass", 3)
    assert returns | {"checks": None, "digest": None} == {
        "name": "returns", "path": "data/returns/*.csv", "schema": "schemas.py:Orders",
        "digest": None, "verdict": "fail", "engine": "polars", "files": 1, "rows": 3,
        "failing_rows": 1, "tolerated_rows": 0, "checks": None,
        "drift": [], "contract": [], "profile": [], "redacted_columns": [],
    }  # fmt: skip
    assert returns["checks"][0] == {
        "column": "amount", "check": "greater_than_or_equal_to(0)", "verdict": "fail",
        "failing_rows": 1, "share": 1 / 3, "engine": "polars", "redacted": False,
        "kind": "schema", "warns": False, "detail": None, "engine_reason": None,
        "examples": [{"file": "a.csv", "row": 1, "value": "-2.0", "key": None}],
    }  # fmt: skip
    assert {check["verdict"] for check in returns["checks"][1:]} == {"pass"}
    assert len(returns["checks"]) == len(orders["checks"]) == 6


def test_check_data__digest_is_the_one_that_the_other_gates_record(service: Path) -> None:
    _, report = check_data(service)
    assert report["data_digest"] == data_digest(load(service / "tidegate.yaml"))
    one = {"orders": report["datasets"][0]["digest"]}
    assert check_data(service, "--dataset", "orders")[1]["data_digest"] == digest.of_json(one)


def test_check_data__commit_is_of_the_service_or_unknown(service: Path) -> None:
    assert check_data(service)[1]["commit"] is None
    for command in (["init", "--quiet"], ["-c", "user.name=a", "-c", "user.email=a@b.c", "commit",
                    "--quiet", "--allow-empty", "--message", "first"]):  # fmt: skip
        subprocess.run(["git", *command], cwd=service, check=True)
    assert len(check_data(service)[1]["commit"]) == 40


def test_check_data__one_dataset_by_name(service: Path) -> None:
    code, report = check_data(service, "--dataset", "orders")
    assert (code, [dataset["name"] for dataset in report["datasets"]]) == (0, ["orders"])


def test_check_data__without_a_config(service: Path) -> None:
    (service / "tidegate.yaml").unlink()
    code, report = check_data(service, "--data", "data/returns", "--schema", "schemas.py:Orders")
    assert (code, report["datasets"][0]["failing_rows"]) == (1, 1)
    assert report["service"] == service.name.lower()


def test_check_data__by_flags_beside_a_config__is_of_its_service(service: Path) -> None:
    by_config, by_flags = (
        check_data(service, *flags)[1]["service"]
        for flags in ([], ["--data", "data/returns", "--schema", "schemas.py:Orders"])
    )
    assert by_flags == by_config


@pytest.mark.parametrize("has_config", [False, True])
@pytest.mark.parametrize(
    ("data", "schema", "where"),
    [
        ("none.csv", "schemas.py:Orders", "--data: none.csv"),
        ("schemas.py", "schemas.py:Orders", "--data: schemas.py"),
        ("data/orders.parquet", "schemas.py:Order", "--schema"),
        ("data/orders.parquet", "none.py:Orders", "--schema"),
        ("data/orders.parquet", "none.yaml", "--schema"),
    ],
)
def test_check_data__without_a_config__errors_name_the_flag(
    service: Path, has_config: bool, data: str, schema: str, where: str
) -> None:
    if not has_config:
        (service / "tidegate.yaml").unlink()
    code, report = check_data(service, "--data", data, "--schema", schema)
    assert code == 2
    assert report["error"]["where"].startswith(where)
    assert "data.data" not in json.dumps(report)
    assert "tidegate.yaml" not in json.dumps(report)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("data/orders.parquet", ["orders"]),
        ("./data/../data/orders.parquet", ["orders"]),
        ("data/orders.parquet.dvc", ["orders"]),
        ("data/returns/a.csv", ["returns"]),
        ("data/returns/2013-02.csv.dvc", ["returns"]),
        ("data/returns.dvc", ["returns"]),
        ("data.dvc", ["orders", "returns"]),
        ("schemas.py", ["orders", "returns"]),
        ("data/other.csv", []),
        ("data/returns/notes.txt", []),
        ("other.dvc", []),
    ],
)
def test_check_data__only_the_datasets_of_the_files_given(
    service: Path, file: str, expected: list[str]
) -> None:
    (service / file).touch()
    code, report = check_data(service, file)
    assert [dataset["name"] for dataset in report["datasets"]] == expected
    assert code == int("returns" in expected)
    assert report["verdict"] == ("fail" if code else "pass")


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("old/orders.parquet", ["orders"]),
        ("old/orders.parquet.dvc", ["orders"]),
        ("data/customers/a.csv", ["customers", "orders"]),
        ("customer_schemas.py", ["customers", "orders"]),
        ("data/orders.parquet", ["orders"]),
        ("old/other.parquet", []),
    ],
)
def test_check_data__file_of_a_reference_or_of_a_foreign_key__checks_who_looks_at_it(
    service: Path, file: str, expected: list[str]
) -> None:
    for folder in ("old", "data/customers"):
        (service / folder).mkdir()
    GOOD.write_parquet(service / "old/orders.parquet")
    GOOD.write_csv(service / "data/customers/a.csv")
    (service / "customer_schemas.py").write_text(SCHEMA)
    orders = {
        "path": "data/orders.parquet",
        "schema": "schemas.py:Orders",
        "reference": "old/orders.parquet",
        "foreign-keys": [{"columns": "id", "dataset": "customers"}],
    }
    customers = {"path": "data/customers", "schema": "customer_schemas.py:Orders"}
    data = {"orders": orders, "customers": customers}
    (service / "tidegate.yaml").write_text(yaml.safe_dump({"service": "shop", "data": data}))
    (service / file).touch()
    code, report = check_data(service, file)
    assert (code, [dataset["name"] for dataset in report["datasets"]]) == (0, expected)


@pytest.mark.parametrize("pattern", ["data/**/*.csv", "data", "./data/returns/", "data/*/a.csv"])
def test_check_data__files_of_folders_and_deep_patterns(service: Path, pattern: str) -> None:
    (service / "data/orders.parquet").unlink()
    config(service, {"returns": pattern})
    assert check_data(service, "data/returns/a.csv")[0] == 1


def test_check_data__file_that_is_a_link_into_a_cache(service: Path) -> None:
    (service / "cache").mkdir()
    (service / "data/returns/a.csv").rename(service / "cache/0a1b")
    (service / "data/returns/a.csv").symlink_to(service / "cache/0a1b")
    (service / "linked").symlink_to(service / "data/returns")
    for file in ("data/returns/a.csv", "linked/a.csv"):
        assert check_data(service, file)[0] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dataset", "order"], "did you mean 'orders'"),
        (["--data", "data"], "--data and --schema belong together"),
        (["--schema", "schemas.py:Orders"], "--data and --schema belong together"),
        (["--data", "none.csv", "--schema", "schemas.py:Orders"], "no data file is there"),
        (["--data", "data/orders.parquet", "--schema", "schemas.py:Order"], "has no 'Order'"),
        (["data/typo.csv"], "there is no such file"),
        (["--config", "other/tidegate.yaml"], "there is no config here"),
    ],
)
def test_check_data__what_cannot_be_decided_is_no_verdict(
    service: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["check-data", "--report", str(service / "out"), *arguments]) == 2
    assert message in capsys.readouterr().err
    report = json.loads((service / "out/check-data.json").read_text())
    assert (report["verdict"], report["blocked"]) == (None, True)
    assert report["error"]["remedy"]


def test_check_data__config_without_data(service: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (service / "tidegate.yaml").write_text("service: shop\n")
    code, report = check_data(service)
    assert (code, report["verdict"]) == (2, None)
    assert "the config names no dataset" in capsys.readouterr().err


def test_check_data__damaged_file_leaves_no_verdict_on_the_others(service: Path) -> None:
    (service / "data/orders.parquet").write_bytes(b"PAR1 and nothing more")
    code, report = check_data(service)
    assert (code, report["verdict"]) == (2, None)
    assert report["error"]["where"].endswith("orders.parquet")


def test_hooks__call_verbs_that_exist_with_flags_that_exist() -> None:
    from tidegate.cli import parser_for

    root = Path(__file__).parents[3]
    hooks = yaml.safe_load((root / ".pre-commit-hooks.yaml").read_text())
    assert {hook["id"] for hook in hooks} == {"tidegate-config", "tidegate-check-data"}
    for hook in hooks:
        program, *words = hook["entry"].split()
        words += ["data/a.parquet"] if hook.get("pass_filenames", True) else []
        assert program == "tidegate"
        parser_for(words)[0].parse_args(words)
