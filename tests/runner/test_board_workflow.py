"""The board's workflow under act: made, kept, and published where that is asked for."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_github.act import LocalRunner, Run
from local_github.api import LocalGitHub
from shop import Shop, command_config

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's own

REPOSITORY = "acme/shop"
WORKFLOW = """
name: board
on: workflow_dispatch
permissions: {}
jobs:
  board:
    uses: tidegate/tidegate/.github/workflows/ml-board.yml@v1
    permissions:
      contents: read # to check out the config
      actions: read # to see which runs wait for an approval
      pages: write # to publish
      id-token: write # to prove to GitHub Pages where it comes from
    with:
      pages: %s
      tracking-uri: ${{ vars.MLFLOW_TRACKING_URI }}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    folder = tmp_path / "shop"
    (folder / ".github/workflows").mkdir(parents=True)
    shop = Shop.make(folder, command_config())
    for number in (1, 2):
        shop.candidate(number)
        shop.register()
    shop.ship(1)
    yield shop
    shop.close()


def run(shop: Shop, home: Path, *, pages: bool, uri: str = "") -> Run:
    workflow = shop.folder / ".github/workflows/board.yml"
    workflow.write_text(WORKFLOW % str(pages).lower())
    for command in (
        ["init", "--quiet", "--initial-branch", "main"],
        ["remote", "add", "origin", f"https://github.com/{REPOSITORY}.git"],
    ):
        subprocess.run(["git", *command], cwd=shop.folder, check=True)
    uri = uri or f"sqlite:///{shop.folder}/mlflow.db"
    with LocalGitHub() as github:
        github.add_environment(REPOSITORY, "production-approval", reviewers=["lee"])
        github.add_waiting_run(REPOSITORY, "v2, please", "production-approval", actor="ada")
        runner = LocalRunner(
            home,
            repository=REPOSITORY,
            variables={"MLFLOW_TRACKING_URI": uri},
            api_url=github.url,
            token=github.token,
        )
        return runner.run(shop.folder, "board.yml", "workflow_dispatch", actor="ada")


def test_board_workflow__publishes_the_page_that_it_made(shop: Shop, tmp_path: Path) -> None:
    done = run(shop, tmp_path / "runner", pages=True)
    assert done.ok, done.log[-40:]
    text = (done.artifacts / "pages/index.html").read_text()
    assert text == (done.artifacts / "tidegate-board/index.html").read_text()
    assert done.output("page_url") == f"file://{done.artifacts}/pages/"
    for part in (shop.release(1), "Everything runs as the ledger says", "v2, please", "lee"):
        assert part in text


def test_board_workflow__drift_is_on_the_board_and_does_not_fail_the_run(
    shop: Shop, tmp_path: Path
) -> None:
    shop.registry.set_alias("champion", "2")
    done = run(shop, tmp_path / "runner", pages=False)
    assert done.ok, done.log[-40:]
    assert done.steps["board", "board"].outputs["verdict"] == "fail"
    assert "production has drifted" in (done.artifacts / "tidegate-board/index.html").read_text()
    assert not (done.artifacts / "pages").exists()


def test_board_workflow__no_registry_publishes_nothing(shop: Shop, tmp_path: Path) -> None:
    done = run(shop, tmp_path / "runner", pages=True, uri="http://127.0.0.1:9")
    assert not done.ok
    assert done.steps["board", "board"].outputs["blocked"] == "true"
    assert not (done.artifacts / "pages").exists()
    kept = (done.artifacts / "tidegate-board/index.html").read_text()
    assert "The board could not be made" in kept
