"""`tidegate pr`, `doctor` and `schema` on a service that stands on disk."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from jsonschema import Draft202012Validator

from tidegate.cli import main
from tidegate.registry import Registry
from tidegate.report.schemas import report_schema

# MLflow's own use of SQLAlchemy.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

CONFIG: dict[str, Any] = {
    "service": "shop",
    "data": {"orders": {"path": "data/*.csv", "schema": "schemas.py:Orders"}},
    "evaluation": {
        "predictions": "predictions.parquet",
        "key": "id",
        "label": "bought",
        "score": "score",
        "slices": ["shop"],
    },
    "gate": {
        "allow-same-version": True,
        "metrics": {"roc-auc": {"min": 0.6, "max-regression": 0.02}},
        "slice-metrics": {"roc-auc": {"max-regression": 0.05}},
    },
}
SCHEMA = """\
import pandera.polars as pa


class Orders(pa.DataFrameModel):
    shop: str = pa.Field(isin=["a", "b"])
    price: int = pa.Field(ge=0)
"""


@pytest.fixture(scope="module")
def empty_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite registry without a model; MLflow takes seconds to make one."""
    database = tmp_path_factory.mktemp("registry") / "mlflow.db"
    assert Registry(f"sqlite:///{database}", "shop").champion() is None
    return database


@pytest.fixture
def service(tmp_path: Path, empty_registry: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A service whose data and model pass against baseline.parquet."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(empty_registry, "mlflow.db")
    for name in (
        "GITHUB_ACTIONS",
        "GITHUB_BASE_REF",
        "GITHUB_SHA",
        "MLFLOW_TRACKING_URI",
        "TIDEGATE_COMMIT",
    ):
        monkeypatch.delenv(name, raising=False)
    Path("tidegate.yaml").write_text(yaml.safe_dump(CONFIG))
    Path("schemas.py").write_text(SCHEMA)
    Path("data").mkdir()
    Path("data/may.csv").write_text("shop,price\na,1\nb,2\n")
    for name in ("baseline", "predictions"):
        predictions().write_parquet(f"{name}.parquet")
    return tmp_path


def predictions(noise: dict[str, float] | None = None) -> pl.DataFrame:
    """Predictions on 4,000 rows of two shops, with noise for some of them."""
    rng = np.random.default_rng(0)
    signal = rng.normal(size=4_000)
    bought = (rng.random(4_000) < 1 / (1 + np.exp(-2 * signal))).astype(int)
    shop = np.where(np.arange(4_000) % 2, "a", "b")
    blur = np.array([(noise or {}).get(name, 0.3) for name in shop])
    score = 1 / (1 + np.exp(-(signal + blur * rng.normal(size=4_000))))
    return pl.DataFrame({"id": np.arange(4_000), "shop": shop, "bought": bought, "score": score})


def pr(*flags: str) -> int:
    return main(["pr", "--baseline", "baseline.parquet", *flags])


def report(verb: str) -> dict[str, Any]:
    written: dict[str, Any] = json.loads(Path(f"reports/tidegate/{verb}.json").read_text())
    Draft202012Validator(report_schema(verb)).validate(written)
    return written


def test_pr__data_and_model_pass__exits_0_and_prints_the_comment(service, capsys):
    assert pr() == 0

    shown = capsys.readouterr().out
    assert "✅ Ready to merge: data and model pass (compared with a table)" in shown
    assert (report("pr")["verdict"], report("pr")["blocked"]) == ("pass", False)


def test_pr__reports_of_both_gates__are_those_that_their_schemas_publish(service):
    Path("data/may.csv").write_text("shop,price\na,1\nc,-2\n")
    predictions({"b": 3.0}).write_parquet("predictions.parquet")
    pr()

    reports = report("pr")["reports"]
    assert set(reports) == {"check-data", "gate-model"}
    for verb, gate in reports.items():
        Draft202012Validator(report_schema(verb)).validate(gate)


def test_pr__bad_row__exits_1_and_names_it(service, capsys):
    Path("data/may.csv").write_text("shop,price\na,1\nc,-2\n")

    assert pr() == 1

    shown = capsys.readouterr().out
    assert "❌ Blocked: the data breaks 2 rules of its contract (orders)" in shown
    for part in ("may.csv row 1: `c`", "may.csv row 1: `-2`", "schemas.py:Orders"):
        assert part in shown


def test_pr_and_check_data__blocked__lead_to_the_runbook_that_the_service_has(
    service, monkeypatch, capsys
):
    monkeypatch.setenv("GITHUB_WORKSPACE", str(service.parent))
    Path("data/may.csv").write_text("shop,price\na,1\nc,-2\n")
    pr()
    assert "runbook" not in report("pr")["reports"]["check-data"]

    page = Path("docs/runbooks/blocked-data.md")
    page.parent.mkdir(parents=True)
    page.touch()
    pr()
    main(["check-data"])

    for blocked in (report("check-data"), report("pr")["reports"]["check-data"]):
        place = f"{service.name}/{page}"
        assert blocked["runbook"] == {"path": str(page), "in_repository": place, "exists": True}
    assert str(page) in capsys.readouterr().out
    assert "runbook" not in report("pr")["reports"]["gate-model"]  # it passes


def committed(folder: Path) -> None:
    for command in (["init", "--quiet", "--initial-branch", "main"], ["add", "--all"],
                    ["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--quiet",
                     "--message", "first"]):  # fmt: skip
        subprocess.run(["git", *command], cwd=folder, check=True)


def test_pr__against_a_base__shows_the_changes_of_the_contract(service, capsys):
    committed(service)
    Path("schemas.py").write_text(SCHEMA.replace("ge=0", "ge=-5"))

    assert pr("--base", "main") == 0

    (orders,) = report("pr")["reports"]["check-data"]["datasets"]
    assert [(change["column"], change["effect"]) for change in orders["contract"]] == [
        ("price", "looser")
    ]
    assert "the contract changes: 1 looser" in capsys.readouterr().out


def test_pr__in_a_pull_request__finds_its_base(service, monkeypatch):
    committed(service)
    subprocess.run(["git", "update-ref", "refs/remotes/origin/main", "main"], check=True)
    monkeypatch.setenv("GITHUB_BASE_REF", "main")
    Path("schemas.py").write_text(SCHEMA.replace("ge=0", "ge=1"))

    assert pr() == 0
    (orders,) = report("pr")["reports"]["check-data"]["datasets"]
    assert [change["effect"] for change in orders["contract"]] == ["tighter"]


def test_pr__base_that_git_does_not_know__is_one_clear_error(service, capsys):
    committed(service)

    assert pr("--base", "origin/nowhere") == 2
    assert "git does not know the base" in capsys.readouterr().err


def test_pr__one_slice_worse__exits_1_and_names_it(service, capsys):
    predictions({"b": 3.0}).write_parquet("predictions.parquet")

    assert pr() == 1
    assert "for shop b" in capsys.readouterr().out


def test_pr__no_predictions__exits_2_and_still_shows_the_data(service, capsys):
    Path("predictions.parquet").unlink()

    assert pr() == 2

    shown = capsys.readouterr().out
    assert "⚠️ Could not be decided: gate-model stopped" in shown
    assert "orders" in shown
    assert (report("pr")["verdict"], report("pr")["blocked"]) == (None, True)


def test_pr__nothing_to_judge__is_one_clear_error(service, capsys):
    Path("tidegate.yaml").write_text("service: shop\n")

    assert pr() == 2
    assert "neither data to check nor a gate" in capsys.readouterr().err
    assert report("pr")["service"] == "shop"


def test_pr__registry_without_a_champion__is_the_first_release(service, capsys):
    assert main(["pr"]) == 0
    assert "no baseline yet: absolute bounds only" in capsys.readouterr().out


def test_doctor__service_in_order__exits_0_and_notes_what_may_be_missing(service, capsys):
    assert main(["doctor"]) == 0

    checks = {check["name"]: check["verdict"] for check in report("doctor")["checks"]}
    assert checks == {
        "config": "pass",
        "schema of orders": "pass",
        "data of orders": "pass",
        "predictions table": "pass",
        "margins": "pass",
        "margin of roc-auc overall": "note",
        "margin of roc-auc on 2 slices": "pass",
        "registry": "pass",
        "workflows": "note",
    }
    assert "All is well" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("damage", "name", "detail"),
    [
        ({"schemas.py": "import nothing_of_the_kind"}, "schema of orders", "does not import"),
        ({"predictions.parquet": "damaged"}, "predictions table", "cannot be read"),
    ],
)
def test_doctor__something_broken__exits_1_and_says_what_to_do(service, damage, name, detail):
    for path, content in damage.items():
        Path(path).write_text(content)

    assert main(["doctor"]) == 1

    (failing,) = [check for check in report("doctor")["checks"] if check["verdict"] == "fail"]
    assert failing["name"] == name
    assert detail in failing["detail"]
    assert failing["remedy"]


def test_doctor__registry_out_of_reach__exits_1(service, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

    assert main(["doctor"]) == 1
    (failing,) = [check for check in report("doctor")["checks"] if check["verdict"] == "fail"]
    assert failing["name"] == "registry"


def test_doctor__data_and_table_not_there_yet__are_notes(service):
    Path("data/may.csv").unlink()
    Path("predictions.parquet").unlink()

    assert main(["doctor"]) == 0
    notes = [check["name"] for check in report("doctor")["checks"] if check["verdict"] == "note"]
    assert notes == ["data of orders", "predictions table", "workflows"]


def test_doctor__only_config__looks_at_nothing_else(service):
    Path("schemas.py").unlink()

    assert main(["doctor", "--only", "config", "tidegate.yaml"]) == 0
    assert [check["name"] for check in report("doctor")["checks"]] == ["config"]


def test_doctor__invalid_config__exits_2_with_file_and_line(service, capsys):
    Path("tidegate.yaml").write_text("service: shop\ngait: {}\n")

    assert main(["doctor", "--only", "config", "tidegate.yaml"]) == 2
    assert "tidegate.yaml:2: unknown key 'gait'; did you mean 'gate'?" in capsys.readouterr().err


def test_schema__config__accepts_a_config_and_is_nothing_but_json(service, capsys):
    assert main(["schema", "config"]) == 0

    schema = json.loads(capsys.readouterr().out)
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(CONFIG)
    assert not Draft202012Validator(schema).is_valid({**CONFIG, "gait": {}})
    assert not Path("reports").exists()


def test_schema__a_verb__is_the_one_that_its_reports_are_held_to(service, capsys):
    assert main(["schema", "gate-model"]) == 0
    assert json.loads(capsys.readouterr().out) == report_schema("gate-model")
