"""check-data --base, from the command line to its report."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from tidegate.cli import main
from tidegate.report.schemas import report_schema

SCHEMA = """\
import pandera.polars as pa

class Orders(pa.DataFrameModel):
    id: int = pa.Field(ge=0)
    text: str
"""


@pytest.fixture
def service(service: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """With a base, and a pull request that changes schema and data."""
    for name in ("GITHUB_ACTIONS", "GITHUB_BASE_REF"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(service.root)
    service.configure(path="data/orders.csv")
    service.write("schemas.py", SCHEMA.replace("id: int = pa.Field(ge=0)", "id: float"))
    service.track_file("data/orders.csv", 3)
    service.commit()
    service.write("schemas.py", SCHEMA)
    service.track_file("data/orders.csv", 5)
    return service


def check_data(service: Any, *arguments: str) -> tuple[int, dict[str, Any]]:
    code = main(["check-data", *arguments])
    text = (service.root / "reports/tidegate/check-data.json").read_text()
    return code, json.loads(text)


CHANGES = [
    {"kind": "schema", "column": "id", "what": "type", "before": "Float64", "after": "Int64",
     "effect": "breaking", "note": None},
    {"kind": "schema", "column": "id", "what": "lower bound", "before": None,
     "after": "at least 0", "effect": "tighter", "note": None},
    {"kind": "data", "file": "data/orders.csv", "change": "changed", "rows_before": 3,
     "rows_after": 5, "note": None},
]  # fmt: skip


def test_check_data__changes_are_in_the_report_and_decide_nothing(service: Any) -> None:
    code, report = check_data(service, "--base", "main")
    assert (code, report["verdict"]) == (0, "pass")
    (dataset,) = report["datasets"]
    assert dataset["contract"] == CHANGES
    jsonschema.validate(report, report_schema("check-data"))
    for change in CHANGES:
        broken = {**dataset, "contract": [{**change, "kind": "other"}]}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**report, "datasets": [broken]}, report_schema("check-data"))


def test_check_data__without_a_base_there_is_nothing_to_compare_with(service: Any) -> None:
    _, report = check_data(service)
    assert report["datasets"][0]["contract"] == []


def test_check_data__base_of_a_pull_request_is_found_and_without_it_nothing_is_decided(
    service: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_BASE_REF", "main")
    code, report = check_data(service)
    assert (code, report["verdict"]) == (2, None)
    assert "fetch-depth: 0" in capsys.readouterr().err
    service.git("update-ref", "refs/remotes/origin/main", "HEAD")
    code, report = check_data(service)
    assert code == 0
    assert report["datasets"][0]["contract"] == CHANGES


def test_check_data__base_that_git_does_not_know_is_an_error(service: Any) -> None:
    code, report = check_data(service, "--base", "no-such-branch")
    assert code == 2
    assert "no-such-branch" in report["error"]["what"]


def test_check_data__dataset_without_a_config_is_compared_too(service: Any) -> None:
    (service.root / "tidegate.yaml").unlink()
    arguments = ("--data", "data/orders.csv", "--schema", "schemas.py:Orders", "--base", "main")
    _, report = check_data(service, *arguments)
    new = {"kind": "schema", "column": None, "what": "dataset", "before": None, "after": "data",
           "effect": "tighter", "note": "new in the config"}  # fmt: skip
    assert report["datasets"][0]["contract"] == [new, *CHANGES]
