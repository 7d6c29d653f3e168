"""The pages on adoption, followed in a repository that exists already: what they must stop, too.

test_commands.py runs their commands where all is well. Here are the attacks, and the workflows of
the pages under act, as they stand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import sandboxes
from local_github.act import LocalRunner, Run
from local_github.api import LocalGitHub
from sandboxes import run

REPOSITORY = "acme/returns"


@pytest.fixture(scope="module")
def github() -> Iterator[LocalGitHub]:
    with LocalGitHub() as github:
        yield github


@pytest.fixture(scope="module")
def runner(github: LocalGitHub, tmp_path_factory: pytest.TempPathFactory) -> LocalRunner:
    home = tmp_path_factory.mktemp("runner")
    return LocalRunner(home, repository=REPOSITORY, api_url=github.url, token=github.token)


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Callable[[Callable[[Path], Path]], Path]]:
    folder = tmp_path / "returns"
    folder.mkdir()

    def make(sandbox: Callable[[Path], Path]) -> Path:
        made = sandbox(folder)
        run(made, f"git remote add origin https://github.com/{REPOSITORY}.git")
        return made

    yield make
    sandboxes.stop(folder)


def pull_request(
    runner: LocalRunner, github: LocalGitHub, folder: Path, workflow: str, number: int
) -> Run:
    github.add_pull_request(REPOSITORY, number, head_sha="c0ffee", author="ada")
    payload = {"number": number, "pull_request": {"number": number, "head": {"sha": "c0ffee"}}}
    return runner.run(folder, workflow, "pull_request", payload, actor="ada")


Repository = Callable[[Callable[[Path], Path]], Path]


def test_data_checks__bad_row_is_named_and_stops(repository: Repository) -> None:
    folder = repository(sandboxes.orders)
    with (folder / "data/orders.csv").open("a") as data:
        data.write("3,XX,-1\n")
    done = run(folder, "tidegate check-data --data 'data/*.csv' --schema src/schemas.py:Orders")
    assert done.returncode == 1
    report = json.loads((folder / "reports/tidegate/check-data.json").read_text())
    (dataset,) = report["datasets"]
    broken = {check["column"] for check in dataset["checks"] if check["failing_rows"]}
    assert broken == {"order_id", "country", "amount"}


def test_data_checks__workflow_passes_and_then_stops(
    repository: Repository, runner: LocalRunner, github: LocalGitHub
) -> None:
    folder = repository(sandboxes.orders)
    (folder / "tidegate.yaml").unlink()  # the page's first workflow goes without
    good = pull_request(runner, github, folder, "data.yml", 1)
    assert good.ok, good.log[-40:]
    with (folder / "data/orders.csv").open("a") as data:
        data.write("4,XX,1\n")
    bad = pull_request(runner, github, folder, "data.yml", 1)
    assert not bad.ok
    assert bad.steps["data", "data"].outputs["verdict"] == "fail"
    assert (bad.artifacts / "data/check-data.html").is_file()


def test_gate__worse_model_stops_and_says_by_how_much(repository: Repository) -> None:
    folder = repository(sandboxes.training)
    (folder / "noise").write_text("3")
    done = run(folder, "python train.py; tidegate gate-model --baseline evaluation/production.csv")
    assert done.returncode == 1
    report = json.loads((folder / "reports/tidegate/gate-model.json").read_text())
    assert report["verdict"] == "fail"


def test_gate__lost_baseline_is_undecided_and_no_pass(repository: Repository) -> None:
    folder = repository(sandboxes.training)
    (folder / "evaluation/production.csv").unlink()
    done = run(folder, "python train.py; tidegate gate-model --baseline evaluation/production.csv")
    assert done.returncode == 2
    assert "evaluation/production.csv" in done.stderr


def test_gate__workflow_comments_on_a_pass_and_on_a_fail(
    repository: Repository, runner: LocalRunner, github: LocalGitHub
) -> None:
    folder = repository(sandboxes.training)
    good = pull_request(runner, github, folder, "model.yml", 2)
    assert good.ok, good.log[-40:]
    (folder / "noise").write_text("3")
    bad = pull_request(runner, github, folder, "model.yml", 2)
    assert not bad.ok
    (comment,) = github.comments(REPOSITORY, 2)
    assert "Blocked" in str(comment["body"])
    assert "roc-auc" in str(comment["body"])


def test_promotion__author_cannot_approve(repository: Repository) -> None:
    folder = repository(sandboxes.trained)
    staged = run(
        folder,
        "tidegate gate-model --baseline none; tidegate register-model --author ada --json > r.json;"
        'tidegate promote --to staging --release "$(jq -r .release r.json)"',
    )
    assert staged.returncode == 0, staged.stderr
    own = run(
        folder,
        'tidegate promote --to production --approver ada --release "$(jq -r .release r.json)"',
    )
    assert own.returncode == 1
    assert "cannot approve" in own.stdout + own.stderr


def test_promotion__workflows_promote_and_roll_back(tmp_path: Path, github: LocalGitHub) -> None:
    folder = tmp_path / "returns"
    folder.mkdir()
    try:
        sandboxes.service(folder)
        run(folder, f"git remote add origin https://github.com/{REPOSITORY}.git")
        uri = f"sqlite:///{folder}/mlflow.db"
        runner = LocalRunner(
            tmp_path / "runner",
            repository=REPOSITORY,
            variables={"MLFLOW_TRACKING_URI": uri},
            api_url=github.url,
            token=github.token,
        )
        reason = {"inputs": {"reason": "errors since 03:00"}}
        back = runner.run(folder, "rollback.yml", "workflow_dispatch", reason, actor="grace")
        assert back.ok, back.log[-40:]
        first, second = releases(folder)
        assert back.output("release") == first
        held = {"inputs": {"release": second, "reason": "again"}}
        refused = runner.run(folder, "promote.yml", "workflow_dispatch", held, actor="grace")
        assert not refused.ok
        assert any("on hold" in text for text in refused.annotations)
    finally:
        sandboxes.stop(folder)


def releases(folder: Path) -> list[str]:
    ledger = json.loads(run(folder, "tidegate status --json").stdout)["ledger"]
    return [event["release"] for event in ledger if event["kind"] == "release"]


def test_services__one_that_fails_leaves_the_other_alone(repository: Repository) -> None:
    folder = repository(sandboxes.services)
    with (folder / "services/fraud/data/payments.csv").open("a") as data:
        data.write("3,-1\n")
    verdicts = {}
    for name in ("fraud", "returns"):
        run(folder, f"tidegate check-data --config services/{name}/tidegate.yaml")
        report = json.loads(
            (folder / f"services/{name}/reports/tidegate/check-data.json").read_text()
        )
        verdicts[report["service"]] = report["verdict"]
    assert verdicts == {"fraud": "fail", "returns": "pass"}
