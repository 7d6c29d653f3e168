"""A blocked verdict that a maintainer overrides, through the commands that a run calls."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from local_github.api import LocalGitHub
from pull_request import CONFIG, Repository
from tidegate.gate import record as records
from tidegate.report.comment import render_comment
from tidegate.report.schemas import report_schema

NAME, NUMBER, RUN = "acme/shop", 7, 4711
LABEL, JUDGED, AFTER = "tidegate-override", "2026-11-26T18:01:00Z", "2026-11-26T18:02:00Z"


@pytest.fixture
def github(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[LocalGitHub]:
    """The second attempt of a run, in which both checks failed before; grace set the label."""
    head = repository.commit()
    repository.git("update-ref", "refs/remotes/origin/main", "main")
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": NUMBER}}))
    with LocalGitHub() as github:
        github.add_pull_request(NAME, NUMBER, head_sha=head, author="ada")
        github.add_commit(NAME, head, author="ada")
        github.add_collaborator(NAME, "grace", "maintain")
        failed = ("failure", JUDGED)
        steps = {"check-data": failed, "Run $/actions/gate-model": failed}
        github.add_attempt(NAME, RUN, 1, head_sha=head, steps=steps)
        github.set_label(NAME, NUMBER, LABEL, "grace", AFTER)
        for name, value in {
            "GITHUB_ACTIONS": "true", "GITHUB_BASE_REF": "main", "GITHUB_REPOSITORY": NAME,
            "GITHUB_TOKEN": github.token, "GITHUB_API_URL": github.url,
            "GITHUB_RUN_ID": str(RUN), "GITHUB_RUN_ATTEMPT": "2",
            "GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(event),
            "TIDEGATE_COMMIT": head,
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
            monkeypatch.delenv(name, raising=False)
        yield github


def override(head: str) -> dict[str, Any]:
    run = f"https://github.com/{NAME}/actions/runs/{RUN}/attempts/2"
    return {"by": "grace", "role": "maintain", "label": LABEL, "at": AFTER, "commit": head,
            "run_url": run}  # fmt: skip


def test_gate__overridden_verdict_stays_what_it_is_and_blocks_no_more(
    repository: Repository, github: LocalGitHub
) -> None:
    repository.predict(3.0)
    code, report = repository.run("gate-model", "--baseline", "none")
    head = repository.git("rev-parse", "HEAD")
    assert (code, report["verdict"], report["blocked"]) == (0, "fail", False)
    assert report["override"] == report["record"]["override"] == override(head)
    assert report["record"]["verdict"] == "fail"
    assert records.is_intact(report["record"])
    jsonschema.validate(report, report_schema("gate-model"))
    comment = render_comment({"gate-model": report}, ["gate-model"])
    assert not comment.blocked
    assert "Overridden by @grace (not a pass)" in comment.headline
    # What can be reckoned anew of the record still holds.
    path = repository.root / "reports/tidegate/gate-model.json"
    verify = ("--baseline", "none", "--verify", str(path), "--report", "again")
    code, _ = repository.run("gate-model", *verify)
    assert code == 0


def test_check__overridden_data_go_on_to_the_pipeline(
    repository: Repository, github: LocalGitHub
) -> None:
    repository.write("orders.csv", "country,price\nDE,-1\n")
    code, report = repository.run("check-data")
    assert (code, report["verdict"], report["blocked"]) == (0, "fail", False)
    assert report["override"] == override(repository.git("rev-parse", "HEAD"))
    jsonschema.validate(report, report_schema("check-data"))


def test_gate__undecided_is_never_overridden(repository: Repository, github: LocalGitHub) -> None:
    (repository.root / "candidate.parquet").unlink()
    code, report = repository.run("gate-model", "--baseline", "none")
    assert (code, report["verdict"], report["blocked"]) == (2, None, True)


def test_gate__label_is_the_bases_to_name(repository: Repository, github: LocalGitHub) -> None:
    repository.predict(3.0)
    repository.configure(**{"override-label": "anything"})
    github.set_label(NAME, NUMBER, "anything", "grace", AFTER)
    github.take_label_off(NAME, NUMBER, LABEL, "grace", AFTER)
    code, report = repository.run("gate-model", "--baseline", "none")
    assert (code, report["override"], report["override_refused"]) == (1, None, None)


def test_gate__label_that_does_not_count_blocks_and_the_comment_tells_why(
    repository: Repository, github: LocalGitHub
) -> None:
    github.add_collaborator(NAME, "grace", "write")
    repository.predict(3.0)
    code, report = repository.run("gate-model", "--baseline", "none")
    assert (code, report["blocked"], report["override"]) == (1, True, None)
    comment = render_comment({"gate-model": report}, ["gate-model"])
    assert comment.blocked
    assert "whose role is write" in comment.body


def test_gate__github_that_does_not_answer_leaves_the_verdict(
    repository: Repository, github: LocalGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setenv("GITHUB_API_URL", "http://127.0.0.1:9")
    repository.predict(3.0)
    code, report = repository.run("gate-model", "--baseline", "none")
    assert (code, report["blocked"]) == (1, True)
    assert "did not answer" in report["override_refused"]


def test_gate__on_a_laptop_nobody_overrides(
    repository: Repository, github: LocalGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS")
    repository.predict(3.0)
    assert repository.run("gate-model", "--baseline", "none")[0] == 1
    assert not github.requests


def test_comment__blocked_change_of_policy_tells_both_ways_on(repository: Repository) -> None:
    repository.predict(3.0)
    gate = {"metrics": {"roc-auc": {"min": 0.1}}}
    repository.configure(gate={**CONFIG["gate"], **gate})
    _, report = repository.gate()
    body = render_comment({"gate-model": report}, ["gate-model"]).body
    assert "in a pull request of its own" in body
    assert "tidegate-override" in body
