"""ml-pull-request.yml on a real service: a change that lowers its own bar, and who may let it by.

The demo's road goes through the workflow, too; this asks what it must withstand. It takes minutes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.road import AUTHOR, REPOSITORY, Road
from local_github.act import Run
from local_github.api import LocalGitHub

pytestmark = pytest.mark.road

NUMBER, LABEL = 2, "tidegate-override"
# What the pipeline's code says of data and gate, wherever the runner keeps it.
FORGERY = """
print('code of the change runs')
import os
from pathlib import Path
for folder in Path(os.environ["RUNNER_TEMP"]).glob("tidegate-reports*"):
    for verb in ("pull-data", "check-data", "gate-model"):
        (folder / f"{verb}.json").write_text("forged")
"""
LONG_AGO, LATER = "2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z"


@pytest.fixture
def road(tmp_path: Path) -> Iterator[Road]:
    with LocalGitHub() as github:
        yield Road(tmp_path, False, github, lambda _: None)
        shutil.rmtree(tmp_path / "runner", ignore_errors=True)


def edit(road: Road, old: str, new: str) -> None:
    path = road.service / "tidegate.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def report(run: Run, verb: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        (run.artifacts / f"tidegate-reports/{verb}.json").read_text()
    )
    return found


def test_pull_request_workflow__bar_that_is_lowered_blocks_until_a_maintainer_lets_it_by(
    road: Road,
) -> None:
    road.make_service()
    edit(road, "roc-auc: {min: 0.65,", "roc-auc: {min: 0.99,")
    road._commit("A bar that no model passes")
    road._git("switch", "--quiet", "--create", "lower", "main")
    edit(road, "roc-auc: {min: 0.99,", "roc-auc: {min: 0.1,")
    # Were it run beside the gate, this would show.
    prepare = road.service / "src/flight_delay/prepare.py"
    prepare.write_text(f"{prepare.read_text()}\n{FORGERY}")
    road._commit("A bar that every model passes")
    head = road._git("rev-parse", "HEAD")
    road._git("update-ref", "refs/remotes/origin/main", "main")
    github = road.github
    github.add_pull_request(REPOSITORY, NUMBER, head_sha=head, author=AUTHOR)
    github.add_commit(REPOSITORY, head, author=AUTHOR)
    github.add_collaborator(REPOSITORY, "grace", "maintain")
    ends = {"head": {"ref": "lower", "sha": head}, "base": {"ref": "main"}}
    payload = {"number": NUMBER, "pull_request": {"number": NUMBER, **ends}}

    run = road._run("pull-request.yml", "pull_request", payload, AUTHOR)
    said = "\n".join(run.log[-60:])
    assert run.jobs["pipeline"] == "success", said
    assert (run.jobs["gate"], run.jobs["comment"]) == ("failure", "success"), said
    gate = report(run, "gate-model")
    assert (gate["verdict"], gate["blocked"]) == ("fail", True)
    assert gate["policy"]["source"] == "base"
    (change,) = gate["policy"]["changes"]
    assert (change["path"], change["effect"]) == ("gate.metrics.roc-auc.min", "looser")
    assert report(run, "check-data")["verdict"] == "pass"  # and no forgery
    assert gate["record"]["data_digest"] == report(run, "check-data")["data_digest"]
    (comment,) = github.comments(REPOSITORY, NUMBER)
    assert "Blocked" in comment["body"]
    assert "Re-run failed jobs" in comment["body"]

    # act has one run and one attempt; the label came after it, by the clock of the stand-in.
    road.runner.environ["GITHUB_RUN_ATTEMPT"] = "2"
    steps = {"gate-model": ("failure", LONG_AGO)}
    github.add_attempt(REPOSITORY, 1, 1, head_sha=head, steps=steps)
    github.set_label(REPOSITORY, NUMBER, LABEL, "grace", LATER)
    again = road._run("pull-request.yml", "pull_request", payload, AUTHOR)
    assert again.jobs["gate"] == "success", "\n".join(again.log[-60:])
    gate = report(again, "gate-model")
    assert (gate["verdict"], gate["blocked"]) == ("fail", False)
    assert (gate["override"]["by"], gate["override"]["commit"]) == ("grace", head)
    (comment,) = github.comments(REPOSITORY, NUMBER)
    assert "Overridden by" in comment["body"]
