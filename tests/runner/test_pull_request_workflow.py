"""ml-pull-request.yml: a change that lowers its own bar, and who may let it by.

The demo's road goes through the workflow with a service of the template; this asks what it must
withstand.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import sandboxes
from local_github.act import LocalRunner, Run
from local_github.api import LocalGitHub
from sandboxes import commit

REPOSITORY, AUTHOR = "acme/returns", "ada"
CONFIG = """
service: returns
data: {orders: {path: data/*.csv, schema: "schemas.py:Orders"}}
evaluation: {predictions: reports/predictions.csv, key: order_id, label: returned, score: score}
gate: {metrics: {roc-auc: {min: 0.99, max-regression: 0.02}}}
"""
WORKFLOW = """
name: pull request
on: pull_request
jobs:
  gates:
    uses: tidegate/tidegate/.github/workflows/ml-pull-request.yml@v1
    permissions:
      contents: read # to check out the pull request
      pull-requests: write # to write the comment, and to see who set the label that overrides
      actions: read # to see when an earlier attempt had its verdict, which a label must follow
    with:
      command: python train.py
      tracking-uri: ${{ vars.MLFLOW_TRACKING_URI }}
"""
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


def repository(folder: Path) -> Path:
    """One whose bar no model passes."""
    folder.mkdir()
    sandboxes.write(
        folder,
        {
            "tidegate.yaml": CONFIG,
            ".github/workflows/pull-request.yml": WORKFLOW,
            "train.py": sandboxes.TRAIN,
            "schemas.py": sandboxes.SCHEMA.format(name="Orders"),
            "data/orders.csv": sandboxes.ORDERS,
        },
    )
    return commit(folder)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def report(run: Run, verb: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        (run.artifacts / f"tidegate-reports/{verb}.json").read_text()
    )
    return found


def test_pull_request_workflow__bar_that_is_lowered_blocks_until_a_maintainer_lets_it_by(
    tmp_path: Path,
) -> None:
    folder = repository(tmp_path / "returns")
    sandboxes.run(folder, f"git remote add origin https://github.com/{REPOSITORY}.git")
    sandboxes.run(folder, "git switch --quiet --create lower main")
    edit(folder / "tidegate.yaml", "roc-auc: {min: 0.99,", "roc-auc: {min: 0.1,")
    # Were it run beside the gate, this would show.
    edit(folder / "train.py", sandboxes.TRAIN, f"{sandboxes.TRAIN}\n{FORGERY}")
    made = sandboxes.run(
        folder, "git commit --quiet --all --message 'A bar that every model passes';"
        " git rev-parse HEAD",
    )  # fmt: skip
    head = made.stdout.strip()
    with LocalGitHub() as github:
        runner = LocalRunner(
            tmp_path / "runner",
            repository=REPOSITORY,
            variables={"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"},
            api_url=github.url,
            token=github.token,
        )
        is_blocked_until_overridden(folder, head, runner, github)


def is_blocked_until_overridden(
    folder: Path, head: str, runner: LocalRunner, github: LocalGitHub
) -> None:
    github.add_pull_request(REPOSITORY, NUMBER, head_sha=head, author=AUTHOR)
    github.add_commit(REPOSITORY, head, author=AUTHOR)
    github.add_collaborator(REPOSITORY, "grace", "maintain")
    ends = {"head": {"ref": "lower", "sha": head}, "base": {"ref": "main"}}
    payload = {"number": NUMBER, "pull_request": {"number": NUMBER, **ends}}

    run = runner.run(folder, "pull-request.yml", "pull_request", payload, actor=AUTHOR)
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
    runner.environ["GITHUB_RUN_ATTEMPT"] = "2"
    steps = {"gate-model": ("failure", LONG_AGO)}
    github.add_attempt(REPOSITORY, 1, 1, head_sha=head, steps=steps)
    github.set_label(REPOSITORY, NUMBER, LABEL, "grace", LATER)
    again = runner.run(folder, "pull-request.yml", "pull_request", payload, actor=AUTHOR)
    assert again.jobs["gate"] == "success", "\n".join(again.log[-60:])
    gate = report(again, "gate-model")
    assert (gate["verdict"], gate["blocked"]) == ("fail", False)
    assert (gate["override"]["by"], gate["override"]["commit"]) == ("grace", head)
    (comment,) = github.comments(REPOSITORY, NUMBER)
    assert "Overridden by" in comment["body"]
