"""A pull request is judged by its base's bar: attacks on it, from the command line."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import polars as pl
import pytest

from pull_request import CONFIG, METRIC, SCHEMA, Repository
from tidegate.report.schemas import report_schema


def edited(**gate: Any) -> dict[str, Any]:
    return {"gate": {**copy.deepcopy(CONFIG["gate"]), **gate}}


def paths(report: dict[str, Any]) -> dict[str, str]:
    return {change["path"]: change["effect"] for change in report["policy"]["changes"]}


def test_gate__unchanged_policy_is_the_bases_and_nothing_is_told(repository: Repository) -> None:
    code, report = repository.gate()
    assert (code, report["verdict"]) == (0, "pass")
    policy = {"source": "base", "ref": "main", "commit": repository.git("rev-parse", "main"),
              "why": None, "override_label": "tidegate-override", "changes": []}  # fmt: skip
    assert report["policy"] == policy
    jsonschema.validate(report, report_schema("gate-model"))


@pytest.mark.parametrize(
    ("sections", "told"),
    [
        (edited(mode="off"), {"gate.mode": "looser"}),
        (edited(metrics={"roc-auc": {"min": 0.5}}),
         {"gate.metrics.roc-auc.min": "looser", "gate.metrics.own-error": "looser"}),
        (edited(confidence=0.51), {"gate.confidence": "looser"}),
        ({"gate": None}, {"gate": "looser"}),
    ],
)  # fmt: skip
def test_gate__bar_that_is_lowered_here_does_not_count(
    repository: Repository, sections: dict[str, Any], told: dict[str, str]
) -> None:
    repository.predict(3.0)
    repository.configure(**{name: value for name, value in sections.items() if value})
    if sections["gate"] is None:
        repository.write("tidegate.yaml", "service: shop\n")
        told = {**told, "evaluation": "looser"}
    code, report = repository.gate()
    assert (code, report["verdict"], report["blocked"]) == (1, "fail", True)
    assert paths(report) == told


def test_gate__bar_that_is_raised_here_blocks_after_the_merge_alone(repository: Repository) -> None:
    repository.configure(**edited(metrics={"roc-auc": {"min": 0.99}}))
    code, report = repository.gate()
    assert (code, report["verdict"]) == (0, "pass")
    assert paths(report)["gate.metrics.roc-auc.min"] == "tighter"
    repository.commit()
    repository.git("branch", "--force", "main", "HEAD")
    assert repository.gate()[0] == 1


def test_gate__metric_of_ones_own_is_the_bases_code(repository: Repository) -> None:
    repository.predict(3.0)
    repository.configure(**edited(metrics={"own-error": CONFIG["gate"]["metrics"]["own-error"]}))
    repository.commit()
    repository.git("branch", "--force", "main", "HEAD")
    repository.write("metrics.py", "def error(label, output):\n    return 0.0\n")
    code, report = repository.gate()
    assert code == 1
    (result,) = report["results"]
    assert result["metric"] == "own-error"
    assert result["candidate"] > 0.3


def test_gate__code_of_the_change_is_not_even_imported(repository: Repository) -> None:
    mark = repository.root / "ran"
    evil = f"open({str(mark)!r}, 'w').close()\n"
    repository.write("metrics.py", evil + METRIC)
    repository.write("schemas.py", evil + SCHEMA)
    repository.gate()
    assert not mark.exists()


# MLflow's own use of SQLAlchemy.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_gate__registry_of_the_change_is_not_asked(repository: Repository) -> None:
    # With the run's credentials, it would be sent them.
    repository.configure(registry={"tracking-uri": "http://127.0.0.1:9"})
    code, report = repository.run("gate-model", "--base", "main")
    assert (code, report["verdict"]) == (0, "pass")
    assert paths(report) == {"registry.tracking-uri": "other"}


def test_gate__champion_is_not_escaped_by_another_name(repository: Repository) -> None:
    repository.configure(model="a-fresh-one")
    _, report = repository.gate()
    assert report["record"]["model"] == "shop"
    assert paths(report) == {"model": "other"}


def test_gate__service_that_moves_takes_its_bar_along(repository: Repository) -> None:
    repository.predict(3.0)
    repository.configure(**edited(mode="off"))
    moved = repository.top / "services/store"
    shutil.move(repository.root, moved)
    repository.root = moved
    code, report = repository.gate()
    assert (code, report["policy"]["source"]) == (1, "base")
    assert report["policy"]["why"] == "there it is services/shop/tidegate.yaml"


def test_gate__service_that_is_new_is_judged_by_its_own_and_it_is_told(
    repository: Repository,
) -> None:
    root = repository.top / "services/other"
    shutil.copytree(repository.root, root)
    repository.root = root
    repository.configure(service="other")
    code, report = repository.gate()
    assert (code, report["policy"]["source"]) == (0, "own")
    assert report["policy"]["why"] == "main has no config of this service yet"


@pytest.mark.parametrize(
    ("text", "told"),
    [("gate: [", "not valid YAML"), ("gate: {metrics: {}}", "at least one metric"),
     ("gates: {}", "unknown key 'gates'")],
)  # fmt: skip
def test_gate__base_whose_config_is_broken_decides_nothing(
    repository: Repository, text: str, told: str
) -> None:
    good = (repository.root / "tidegate.yaml").read_text()
    repository.git("switch", "--quiet", "main")
    repository.write("tidegate.yaml", text)
    repository.commit()
    repository.write("tidegate.yaml", good)
    for code, report in (repository.gate(), repository.check()):
        assert (code, report["verdict"], report["blocked"]) == (2, None, True)
        assert told in report["error"]["what"]
        assert report["error"]["where"] == "main:services/shop/tidegate.yaml"
        assert "mend it on main first" in report["error"]["remedy"]


def test_gate__branch_that_is_behind_is_judged_by_the_bar_of_today(repository: Repository) -> None:
    repository.commit()
    repository.git("switch", "--quiet", "main")
    repository.configure(**edited(metrics={"roc-auc": {"min": 0.99}}))
    repository.commit()
    repository.git("switch", "--quiet", "change")
    code, report = repository.gate()
    # Nothing of it is this change's doing.
    assert (code, paths(report)) == (1, {})


def test_gate__label_that_is_renamed_with_its_data_is_undecided_and_tells_why(
    repository: Repository,
) -> None:
    evaluation = {**CONFIG["evaluation"], "label": "paid"}
    repository.configure(evaluation=evaluation)

    table = repository.root / "candidate.parquet"
    pl.read_parquet(table).rename({"bought": "paid"}).write_parquet(table)
    code, report = repository.gate()
    assert code == 2
    assert "judged by the policy of main" in report["error"]["remedy"]
    assert "evaluation.label" in report["error"]["remedy"]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [("schemas.py", "ge=0", "ge=-9"), ("shop_rules.py", '"FR"', '"FR", "XX"')],
)
def test_check__rules_that_are_loosened_here_do_not_count(
    repository: Repository, name: str, old: str, new: str
) -> None:
    text = (repository.root / name).read_text()
    repository.write(name, text.replace(old, new))
    repository.write("orders.csv", "country,price\nDE,-1\nXX,2\n")
    code, report = repository.check()
    assert (code, report["verdict"]) == (1, "fail")
    (dataset,) = report["datasets"]
    assert dataset["failing_rows"] == 2
    assert "data.orders.schema" in paths(report)
    assert dataset["contract"]
    jsonschema.validate(report, report_schema("check-data"))


def test_check__dataset_that_is_taken_out_is_still_checked(repository: Repository) -> None:
    repository.configure(data={})
    repository.write("orders.csv", "country,price\nDE,-1\n")
    code, report = repository.check()
    assert (code, paths(report)) == (1, {"data.orders": "looser"})


def test_check__new_dataset_is_judged_by_its_own_away_from_the_others(
    repository: Repository,
) -> None:
    # Its schema turns every verdict around that it can reach.
    evil = "import tidegate.data.results as r\nr.DatasetResult.verdict = 'pass'\n"
    repository.write("new.py", evil + SCHEMA)
    new = {"path": "new.csv", "schema": "new.py:Orders"}
    repository.write("shop_rules.py", 'COUNTRIES = ["IT"]\n')
    repository.configure(data={**CONFIG["data"], "new": new})
    repository.write("new.csv", "country,price\nIT,1\n")
    repository.write("orders.csv", "country,price\nDE,-1\nFR,3\n")
    code, report = repository.check()
    assert code == 1
    assert {d["name"]: (d["verdict"], d["failing_rows"]) for d in report["datasets"]} == {
        "orders": ("fail", 1), "new": ("pass", 0),
    }  # fmt: skip
    assert report["policy"]["why"] == "new, and judged by their own rules: new"
    jsonschema.validate(report, report_schema("check-data"))


def test_check__new_dataset_that_cannot_be_judged_is_undecided(repository: Repository) -> None:
    new = {"path": "new.csv", "schema": "new.py:Orders"}
    repository.configure(data={**CONFIG["data"], "new": new})
    code, report = repository.check()
    assert code == 2
    assert "new.csv" in str(report["error"])


def test_check__flags_hold_data_against_the_bases_schema(repository: Repository) -> None:
    repository.write("schemas.py", SCHEMA.replace("ge=0", "ge=-9"))
    repository.write("orders.csv", "country,price\nDE,-1\n")
    flags = ("--data", "orders.csv", "--schema", "schemas.py:Orders")
    code, report = repository.check(*flags)
    assert (code, report["policy"]["source"]) == (1, "base")


def outputs(repository: Repository, folder: Path, **evaluation: str) -> Path:
    folder.mkdir()
    shutil.move(repository.root / "candidate.parquet", folder)
    repository.configure(evaluation={**CONFIG["evaluation"], **evaluation})
    return folder


def test_outputs__of_a_pipeline_elsewhere_are_judged_without_the_data(
    repository: Repository, tmp_path: Path
) -> None:
    folder = outputs(repository, tmp_path / "outputs")
    _, data = repository.check()
    (repository.root / "orders.csv").unlink()
    code, report = repository.gate("--outputs", str(folder))
    assert (code, report["record"]["data_digest"]) == (0, data["data_digest"])


@pytest.mark.parametrize("path", ["../elsewhere.parquet", "/tmp/elsewhere.parquet"])  # noqa: S108
def test_outputs__path_that_leads_out_of_them_is_refused(
    repository: Repository, tmp_path: Path, path: str
) -> None:
    repository.predict(0.3, str(tmp_path / "elsewhere.parquet"))
    folder = outputs(repository, tmp_path / "outputs", predictions=path)
    code, report = repository.gate("--outputs", str(folder))
    assert code == 2
    assert "leads out of the folder" in report["error"]["what"]


def test_outputs__link_that_leads_out_of_them_is_refused(
    repository: Repository, tmp_path: Path
) -> None:
    folder = outputs(repository, tmp_path / "outputs")
    (folder / "candidate.parquet").rename(tmp_path / "secret.parquet")
    (folder / "candidate.parquet").symlink_to(tmp_path / "secret.parquet")
    assert repository.gate("--outputs", str(folder))[0] == 2


def test_outputs__metric_of_a_new_service_is_not_run_beside_credentials(
    repository: Repository, tmp_path: Path
) -> None:
    mark = tmp_path / "ran"
    root = repository.top / "services/other"
    shutil.copytree(repository.root, root)
    repository.root = root
    repository.write("metrics.py", f"open({str(mark)!r}, 'w').close()\n{METRIC}")
    folder = outputs(repository, tmp_path / "outputs")
    repository.configure(service="other")
    code, report = repository.gate("--outputs", str(folder))
    assert code == 2
    assert "own-error is code of this change" in report["error"]["what"]
    assert not mark.exists()
