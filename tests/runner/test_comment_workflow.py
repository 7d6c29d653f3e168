"""The comment on a fork's run: the workflows of a service and the pack's, under act."""

from __future__ import annotations

import io
import json
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_github.act import ROOT, LocalRunner, Run
from local_github.api import LocalGitHub
from sample_reports import COMMIT, command_report, data_report, gate_report

BASE, FORK, PULL = "acme/flights", "mallory/flights", 7
WORKFLOW = ROOT / "examples/flight-delay/.github/workflows/comment.yml"


@pytest.fixture
def github() -> Iterator[LocalGitHub]:
    with LocalGitHub() as local:
        yield local


def pull_request(github: LocalGitHub, *, head: str, actor: str) -> int:
    """A pull request of `head` whose run has ended well; the run's number."""
    github.add_pull_request(BASE, PULL, head_sha=COMMIT, author=actor, head=head)
    run_id = github.add_run(
        BASE, "pull-request", head_sha=COMMIT, head_branch="change", head=head, actor=actor
    )
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for report in (data_report(), command_report("reproduce-pipeline"), gate_report()):
            archive.writestr(f"{report['verb']}.json", json.dumps(report))
    github.add_artifact(BASE, run_id, stream.getvalue())
    return run_id


def run(github: LocalGitHub, tmp_path: Path, *, head: str, actor: str = "mallory") -> Run:
    run_id = pull_request(github, head=head, actor=actor)
    folder = tmp_path / "service"
    (folder / ".github/workflows").mkdir(parents=True)
    (folder / ".github/workflows/comment.yml").write_text(WORKFLOW.read_text())
    for command in (
        ["init", "--quiet", "--initial-branch", "main"],
        ["remote", "add", "origin", f"https://github.com/{BASE}.git"],
    ):
        subprocess.run(["git", *command], cwd=folder, check=True)
    event = {
        "action": "completed",
        "workflow_run": {
            "id": run_id,
            "event": "pull_request",
            "conclusion": "success",
            "head_repository": {"full_name": head},
            "actor": {"login": actor},
            "pull_requests": [],
        },
    }
    runner = LocalRunner(
        tmp_path / "runner", repository=BASE, api_url=github.url, token=github.token
    )
    return runner.run(folder, "comment.yml", "workflow_run", event, actor=actor)


def test_comment_workflow__fork__is_commented_with_nothing_checked_out(
    github: LocalGitHub, tmp_path: Path
) -> None:
    done = run(github, tmp_path, head=FORK)
    assert done.ok, done.log[-40:]
    (comment,) = github.comments(BASE, PULL)
    assert "🔎 Not verified, by the run's own word: data and model pass" in comment["body"]
    assert "Ready to merge" not in comment["body"]
    assert not any("checkout" in step.name for step in done.steps.values())


def test_comment_workflow__own_branch__has_commented_itself(
    github: LocalGitHub, tmp_path: Path
) -> None:
    done = run(github, tmp_path, head=BASE)
    assert done.ok, done.log[-40:]
    assert github.comments(BASE, PULL) == []
    assert not done.steps


def test_comment_workflow__dependabot__is_commented_as_a_fork_is(
    github: LocalGitHub, tmp_path: Path
) -> None:
    done = run(github, tmp_path, head=BASE, actor="dependabot[bot]")
    assert done.ok, done.log[-40:]
    (comment,) = github.comments(BASE, PULL)
    assert "Not verified" in comment["body"]
