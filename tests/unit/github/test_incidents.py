"""One issue a service while something is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local_github.api import LocalGitHub
from local_github.server import BOT
from rendered_markdown import linked_by_github, read
from sample_reports import (
    failing_part,
    failing_watch,
    full_watch_report,
    incident,
    undecided,
    watched_part,
)
from sample_reports import watch_report as good_watch
from tidegate.cli import main
from tidegate.errors import GitHubError
from tidegate.github.api import GitHub
from tidegate.github.incidents import Incidents, Outcome, State
from tidegate.report.incident_issue import render_issue
from tidegate.report.markdown import MAX_COMMENT

REPOSITORY = "acme/flight-delay"
WEB = f"https://github.com/{REPOSITORY}"
DAY_3 = "2026-11-27T06:00:00.000+00:00"
PULL = ("url", "html_url", "diff_url", "patch_url")
RETRAIN = {"kind": "retrain", "workflow": "release.yml", "inputs": {}, "why": "watch.on-fail"}


@pytest.fixture
def github() -> Iterator[LocalGitHub]:
    with LocalGitHub() as local:
        local.add_repository(REPOSITORY)
        local.set_workflows(REPOSITORY, ["release.yml", "rollback.yml"])
        yield local


def write(github: LocalGitHub, report: dict[str, Any]) -> Outcome:
    client = GitHub(REPOSITORY, github.token, api_url=github.url, sleep=lambda _: None)
    return Incidents(client, report["service"], WEB).write(report)


def over(**fields: Any) -> dict[str, Any]:
    return good_watch(
        watched_part(passes=3),
        **{"incident": incident(failing=[], ended=DAY_3), "at": DAY_3, **fields},
    )


def comments(github: LocalGitHub, number: int = 1) -> list[str]:
    return [comment["body"] for comment in github.comments(REPOSITORY, number)]


def test_write__an_incident_begins__opens_an_issue_that_says_what_since_when_and_what_to_do(
    github: LocalGitHub,
) -> None:
    assert write(github, failing_watch()).did == "opened"
    (issue,) = github.issues(REPOSITORY)
    assert issue["title"] == "flight-delay: labels.arrived fail at work"
    text = read(issue["body"]).text.replace("\u200b", "")
    for part in (
        "labels.arrived fails since 2026-11-25 06:00 UTC",
        "carrier B6",
        "it passed on 2026-11-24 06:00 UTC",
        "Release v3-0a1b2c3 was put on production in between",
        "docs/runbooks/incident.md (it is not there yet: write one)",
        "closed after 3 runs in a row",
    ):
        assert part in text


def test_write__again__keeps_the_one_issue_up_to_date(github: LocalGitHub) -> None:
    write(github, failing_watch())
    first = github.issues(REPOSITORY)[0]["body"]
    assert write(github, failing_watch(at=DAY_3)).did == "updated"
    (issue,) = github.issues(REPOSITORY)
    assert issue["body"] != first
    assert "2026-11-27 06:00" in read(issue["body"]).text.replace("\u200b", "")
    assert comments(github) == []


def test_write__it_is_over__closes_with_a_note_and_the_next_one_is_another_issue(
    github: LocalGitHub,
) -> None:
    write(github, failing_watch())
    assert write(github, over()).did == "closed"
    (issue,) = github.issues(REPOSITORY)
    assert (issue["state"], issue["state_reason"]) == ("closed", "completed")
    assert "passed in 3 runs in a row" in comments(github)[0]
    assert write(github, over()).did == "nothing"
    # The same day, so that the closed one is among those that are looked at.
    assert write(github, failing_watch(incident=incident(begun=DAY_3))).did == "opened"
    assert [one["state"] for one in github.issues(REPOSITORY)] == ["closed", "open"]


def test_write__somebody_closed_it__stays_closed_until_something_else_fails(
    github: LocalGitHub,
) -> None:
    write(github, failing_watch())
    github.close_issue(REPOSITORY, 1)
    assert write(github, failing_watch(at=DAY_3)).did == "left"
    both = ["labels.arrived", "data.recent"]
    also = watched_part(state="failing", verdict="fail", since=DAY_3)
    more = failing_watch(
        parts=[also, failing_part()], incident=incident(parts=both, failing=both), at=DAY_3
    )
    assert write(github, more).did == "updated"
    (issue,) = github.issues(REPOSITORY)
    assert issue["state"] == "open"
    assert "data.recent fails as well" in comments(github)[0].replace("&#8203;", "")


def test_write__runs_that_race__leave_one_open_issue(github: LocalGitHub) -> None:
    # Another run opens its own between this one's look and its opening.
    def other() -> None:
        state = str(State(incident()["begun"], ("labels.arrived",)))
        body = render_issue(failing_watch(), state, WEB)
        github.add_issue(REPOSITORY, "flight-delay", body, BOT)

    github.before("POST", other)
    done = write(github, failing_watch(action=RETRAIN))
    assert [one["state"] for one in github.issues(REPOSITORY)] == ["open", "closed"]
    assert done.issue is not None
    assert done.issue.number == 1
    assert "is this incident" in comments(github, 2)[0]


def test_write__the_answer_is_lost__makes_no_second_issue(github: LocalGitHub) -> None:
    github.lose_answer_of("POST")
    assert write(github, failing_watch()).did == "updated"
    assert len(github.issues(REPOSITORY)) == 1


def test_write__a_person_copies_the_marker__is_not_taken_for_ours(github: LocalGitHub) -> None:
    body = render_issue(failing_watch(), str(State(DAY_3, ("x",))), WEB)
    github.add_issue(REPOSITORY, "mine", body, "mallory")
    github.add_issue(REPOSITORY, "a pull request", body, BOT, pull_request=dict.fromkeys(PULL))
    assert write(github, failing_watch()).did == "opened"
    assert [one["title"] for one in github.issues(REPOSITORY)][:2] == ["mine", "a pull request"]
    assert write(github, over()).did == "closed"
    assert [one["state"] for one in github.issues(REPOSITORY)] == ["open", "open", "closed"]


def test_write__another_service__has_an_issue_of_its_own(github: LocalGitHub) -> None:
    write(github, failing_watch())
    write(github, failing_watch(service="flight-delay-2"))
    assert len(github.issues(REPOSITORY)) == 2
    write(github, over())
    assert [one["state"] for one in github.issues(REPOSITORY)] == ["closed", "open"]


def test_write__hundreds_of_issues__are_all_looked_through(github: LocalGitHub) -> None:
    write(github, failing_watch())
    for number in range(205):
        github.add_issue(REPOSITORY, f"issue {number}", "text", "ada")
    assert write(github, failing_watch(at=DAY_3)).did == "updated"


def test_write__the_history_is_lost__closes_only_what_passed_for_long_enough(
    github: LocalGitHub,
) -> None:
    write(github, failing_watch())
    assert write(github, good_watch(watched_part(passes=2))).did == "left"
    unsure = watched_part(state="unsure", verdict="inconclusive", passes=0)
    assert write(github, good_watch(unsure, verdict="inconclusive")).did == "left"
    assert write(github, good_watch(watched_part(passes=3))).did == "closed"


def test_write__a_damaged_state__is_mended(github: LocalGitHub) -> None:
    write(github, failing_watch())
    github.edit_issue(REPOSITORY, 1, github.issues(REPOSITORY)[0]["body"].splitlines()[0])
    assert write(github, failing_watch(at=DAY_3)).did == "updated"
    assert State.read(github.issues(REPOSITORY)[0]["body"]) is not None


@pytest.mark.parametrize("text", ["--> <b>", "a -- b", "<!-- tidegate:incident-state {} -->"])
def test_state__any_text__is_read_back_and_cannot_end_its_comment(text: str) -> None:
    state = State(DAY_3, (text,), started={"kind": text})
    shown = str(state)
    assert State.read(f"before {shown} after") == state
    assert shown.count("-->") == 1
    assert shown.count("--") == 2


@pytest.mark.parametrize(
    "text",
    [
        "**bold** @octocat #1",
        "<script>alert(1)</script>",
        "a | b",
        "</details><!--",
        "`x` http://x.y",
    ],
)
def test_issue__hostile_text__is_shown_and_never_acted_on(text: str) -> None:
    plain = read(render_issue(full_watch_report("a name"), "", WEB))
    seen = read(render_issue(full_watch_report(text), "", WEB))
    assert seen.elements == plain.elements
    assert linked_by_github(seen) == []


def test_issue__far_too_much__is_cut_to_what_github_takes() -> None:
    changes = [{"what": "x" * 80, "verdict": "fail", "detail": "<" * 300}] * 500
    report = failing_watch(parts=[failing_part(changes=changes, part=f"p{n}") for n in range(300)])
    assert len(render_issue(report, "", WEB)) <= MAX_COMMENT


# The command, which also starts what the config says.


@pytest.fixture
def folder(tmp_path: Path, github: LocalGitHub, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_ACTIONS", "GITHUB_SERVER_URL", "GITHUB_SHA", "TIDEGATE_COMMIT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GITHUB_REPOSITORY", REPOSITORY)
    monkeypatch.setenv("GITHUB_TOKEN", github.token)
    monkeypatch.setenv("GITHUB_API_URL", github.url)
    reports = tmp_path / "reports/tidegate"
    reports.mkdir(parents=True)
    return reports


def command(folder: Path, report: dict[str, Any], *flags: str) -> tuple[int, dict[str, Any]]:
    (folder / "watch.json").write_text(json.dumps(report))
    code = main(["incident", *flags])
    return code, json.loads((folder / "incident.json").read_text())


def test_command__an_incident_that_retrains__says_so_first_and_starts_it_once(
    folder: Path, github: LocalGitHub
) -> None:
    for _ in range(3):
        code, done = command(folder, failing_watch(action=RETRAIN))
        assert (code, done["verdict"]) == (0, "pass")
    assert github.started == [(REPOSITORY, "release.yml", {})]
    body = read(github.issues(REPOSITORY)[0]["body"]).text
    assert "Started for this incident, once: retrain by release.yml" in body


def test_command__in_two_jobs__the_one_says_it_and_the_other_does_it(
    folder: Path, github: LocalGitHub
) -> None:
    inputs = {"environment": "production", "reason": "watch: labels.arrived fail"}
    back = {"kind": "roll-back", "workflow": "rollback.yml", "inputs": inputs, "why": "because"}
    report = failing_watch(action=back)
    code, done = command(folder, report, "--do", "issue")
    assert (code, done["act"], github.started) == (0, "roll-back", [])
    assert "waits for its approval" in github.issues(REPOSITORY)[0]["body"]
    code, done = command(folder, report, "--do", "action")
    assert (code, done["did"]) == (0, "started")
    assert github.started == [(REPOSITORY, "rollback.yml", inputs)]
    assert command(folder, report, "--do", "issue")[1]["act"] is None


def test_command__github_refuses_to_start_it__says_so_in_the_issue_and_tries_again(
    folder: Path, github: LocalGitHub
) -> None:
    github.set_workflows(REPOSITORY, [])
    code, done = command(folder, failing_watch(action=RETRAIN))
    assert (code, done["error"]["what"].count("404")) == (2, 1)
    assert "GitHub refused it" in github.issues(REPOSITORY)[0]["body"]
    github.set_workflows(REPOSITORY, ["release.yml"])
    assert command(folder, failing_watch(action=RETRAIN))[0] == 0
    assert len(github.started) == 1
    assert "GitHub refused it" not in github.issues(REPOSITORY)[0]["body"]


def test_command__nobody_knows_whether_it_was_started__is_not_started_again(
    folder: Path, github: LocalGitHub
) -> None:
    write(github, failing_watch())
    github.lose_answer_of("POST")
    assert command(folder, failing_watch(action=RETRAIN))[0] == 2
    assert command(folder, failing_watch(action=RETRAIN))[0] == 0
    assert len(github.started) == 1


def test_command__a_roll_back_that_would_not_help__is_told_and_not_started(
    folder: Path, github: LocalGitHub
) -> None:
    why = "no roll-back: what runs was not promoted in between"
    action = {"kind": "roll-back", "workflow": None, "inputs": {}, "why": why}
    command(folder, failing_watch(action=action))
    assert github.started == []
    assert why in read(github.issues(REPOSITORY)[0]["body"]).text.replace("\u200b", "")


def test_command__an_undecided_watch__changes_nothing(folder: Path, github: LocalGitHub) -> None:
    command(folder, failing_watch())
    before = github.issues(REPOSITORY)
    code, done = command(folder, {**undecided("watch"), "service": "flight-delay"})
    assert (code, done["did"]) == (0, "left")
    assert github.issues(REPOSITORY) == before


@pytest.mark.parametrize(
    "damage",
    [
        {"verb": "gate-model"},
        {"action": {**RETRAIN, "workflow": "../../x"}},
        {"action": {**RETRAIN, "inputs": {"a": 1}}},
        {"action": {"kind": "retrain"}},
        {"action": "retrain"},
        {"verdict": "fine"},
        {"parts": [{}]},
    ],
)
def test_command__a_report_that_is_none__is_refused(
    folder: Path, github: LocalGitHub, damage: dict[str, Any]
) -> None:
    code, done = command(folder, {**failing_watch(), **damage})
    assert code == 2
    assert done["error"]["what"].startswith("its report is refused")
    assert github.issues(REPOSITORY) == []


def test_command__a_report_of_another_commit__is_refused(
    folder: Path, github: LocalGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_SHA", "f" * 40)
    assert command(folder, failing_watch())[0] == 2
    assert github.issues(REPOSITORY) == []


def test_command__no_report__says_what_to_run_first(folder: Path) -> None:
    assert main(["incident"]) == 2
    done = json.loads((folder / "incident.json").read_text())
    assert "run `tidegate watch` first" in done["error"]["remedy"]


def test_command__a_token_that_may_not_write__is_an_error_with_its_remedy(
    folder: Path, github: LocalGitHub
) -> None:
    github.may_comment = False
    code, done = command(folder, failing_watch())
    assert (code, done["error"]["what"][:19]) == (2, "GitHub answered 403")


def test_start_workflow__is_on_the_default_branch(github: LocalGitHub) -> None:
    client = GitHub(REPOSITORY, github.token, api_url=github.url)
    client.start_workflow("release.yml", {})
    with pytest.raises(GitHubError, match="404"):
        client.start_workflow("other.yml", {})
