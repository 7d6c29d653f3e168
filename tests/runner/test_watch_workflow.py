"""The watch's workflow under act: look, write the issue, start what the config says."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local_github.act import LocalRunner, Run
from local_github.api import LocalGitHub
from watched import Watched

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's own

REPOSITORY = "acme/shop"
WORKFLOW = """
name: watch
on: workflow_dispatch
permissions: {}
jobs:
  watch:
    uses: tidegate/tidegate/.github/workflows/ml-watch.yml@v1
    permissions:
      contents: read # to check out the config
      issues: write # to keep the incident's issue
      actions: write # to start what watch.on-fail names
    with:
      fetch: test -f fetched || touch fetched
      tracking-uri: ${{ vars.MLFLOW_TRACKING_URI }}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Watched:
    (tmp_path / "shop/.github/workflows").mkdir(parents=True)
    # The runner's clock is the real one: what came before lies behind it.
    made = Watched(tmp_path / "shop", datetime.now(UTC) - timedelta(days=4))
    return made.fill()


@pytest.fixture
def github() -> Iterator[LocalGitHub]:
    with LocalGitHub() as local:
        local.add_repository(REPOSITORY)
        local.set_workflows(REPOSITORY, ["release.yml"])
        yield local


def run(shop: Watched, home: Path, github: LocalGitHub, uri: str = "") -> Run:
    (shop.folder / ".github/workflows/watch.yml").write_text(WORKFLOW)
    origin = ["config", "remote.origin.url", f"https://github.com/{REPOSITORY}.git"]
    for command in (["init", "--quiet", "--initial-branch", "main"], origin):
        subprocess.run(["git", *command], cwd=shop.folder, check=True)
    runner = LocalRunner(
        home,
        repository=REPOSITORY,
        variables={"MLFLOW_TRACKING_URI": uri or f"sqlite:///{shop.folder}/mlflow.db"},
        api_url=github.url,
        token=github.token,
    )
    return runner.run(shop.folder, "watch.yml", "workflow_dispatch", actor="ada")


def test_watch_workflow__nothing_wrong__is_green_and_writes_nothing(
    shop: Watched, github: LocalGitHub, tmp_path: Path
) -> None:
    done = run(shop, tmp_path / "runner", github)
    assert done.ok, done.log[-40:]
    assert done.steps["watch", "watch"].outputs["verdict"] == "pass"
    assert (done.artifacts / "tidegate-watch/watch.json").is_file()
    assert github.issues(REPOSITORY) == []


def test_watch_workflow__an_incident__is_red_opens_the_issue_and_retrains_once(
    shop: Watched, github: LocalGitHub, tmp_path: Path
) -> None:
    shop.change_watch(on_fail="retrain")
    shop.break_labels()
    shop.watch()
    done = run(shop, tmp_path / "runner", github)
    assert not done.ok
    (issue,) = github.issues(REPOSITORY)
    assert issue["title"] == "shop: labels.arrived fail at work"
    assert "Bergen" in issue["body"]
    assert github.started == [(REPOSITORY, "release.yml", {})]
    run(shop, tmp_path / "again", github)
    assert len(github.issues(REPOSITORY)) == len(github.started) == 1


def test_watch_workflow__no_registry__is_red_and_changes_no_issue(
    shop: Watched, github: LocalGitHub, tmp_path: Path
) -> None:
    done = run(shop, tmp_path / "runner", github, uri="http://127.0.0.1:9")
    assert not done.ok
    assert done.steps["watch", "watch"].outputs["verdict"] == ""
    assert github.issues(REPOSITORY) == []
