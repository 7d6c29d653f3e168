"""`tidegate comment` as the action calls it, against the stand-in for GitHub."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from local_github.api import LocalGitHub
from sample_reports import command_report, data_report, gate_report, undecided, worse_slice
from tidegate.cli import main
from tidegate.report.schemas import report_schema

REPOSITORY = "acme/flights"


@pytest.fixture
def github() -> Iterator[LocalGitHub]:
    with LocalGitHub() as local:
        local.add_pull_request(REPOSITORY, 7, head_sha="ab" * 20, author="mona")
        yield local


@pytest.fixture
def folder(tmp_path: Path, github: LocalGitHub, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty checkout, in a run for pull request 7."""
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 7}}))
    for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_API_URL", github.url)
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(event))
    monkeypatch.setenv("GITHUB_REPOSITORY", REPOSITORY)
    monkeypatch.setenv("GITHUB_RUN_ID", "42")
    monkeypatch.setenv("GITHUB_TOKEN", github.token)
    monkeypatch.chdir(tmp_path)
    reports = tmp_path / "reports/tidegate"
    reports.mkdir(parents=True)
    return reports


def write(folder: Path, *reports: dict[str, Any]) -> None:
    for report in reports:
        (folder / f"{report['verb']}.json").write_text(json.dumps(report))


def posted(github: LocalGitHub) -> list[str]:
    return [comment["body"] for comment in github.comments(REPOSITORY, 7)]


def own(folder: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((folder / "comment.json").read_text(encoding="utf-8"))
    Draft202012Validator(report_schema("comment")).validate(report)
    return report


def test_comment__in_a_pull_request__posts_what_it_wrote_and_says_where(folder, github):
    write(folder, data_report(), gate_report())

    assert main(["comment"]) == 0

    (body,) = posted(github)
    assert body == (folder / "comment.md").read_text(encoding="utf-8")
    assert "https://github.com/acme/flights/actions/runs/42" in body
    report = own(folder)
    assert (report["posted"], report["service"]) == (True, "flight-delay")
    assert report["url"] == github.comments(REPOSITORY, 7)[0]["html_url"]
    assert report["url"] in (folder.parents[1] / "GITHUB_OUTPUT").read_text()
    assert "Ready to merge" in (folder.parents[1] / "GITHUB_STEP_SUMMARY").read_text()


def test_comment__on_each_push__stays_one_comment(folder, github):
    write(folder, data_report(), gate_report(worse_slice()))
    main(["comment"])
    write(folder, undecided("gate-model"))
    main(["comment"])
    write(folder, data_report(), gate_report())
    main(["comment"])

    (body,) = posted(github)
    assert "Ready to merge" in body


def test_comment__no_report_at_all__is_posted_as_undecided_over_the_earlier_one(folder, github):
    write(folder, data_report(), gate_report())
    main(["comment"])
    for path in folder.iterdir():
        path.unlink()

    assert main(["comment"]) == 0

    (body,) = posted(github)
    assert "Could not be decided: check-data and gate-model did not run" in body


def test_comment__bad_verdict__still_exits_0(folder, github):
    write(folder, data_report(), gate_report(worse_slice()))

    assert main(["comment"]) == 0
    assert "❌ Blocked: the model is clearly worse for carrier B6" in posted(github)[0]


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", '{"verb": "gate-model"}', json.dumps(command_report("gate-model"))],
)
def test_comment__damaged_report__reads_as_undecided(folder, github, content):
    write(folder, data_report())
    (folder / "gate-model.json").write_text(content)

    assert main(["comment"]) == 0
    assert "Could not be decided: gate-model stopped: its report is damaged" in posted(github)[0]


def test_comment__token_of_a_fork__is_written_but_not_posted(folder, github, capsys):
    github.may_comment = False
    write(folder, data_report(), gate_report())

    assert main(["comment"]) == 0

    assert posted(github) == []
    assert "not posted, the verdict stays what it is" in capsys.readouterr().err
    assert (own(folder)["posted"], own(folder)["url"]) == (False, None)
    assert "Ready to merge" in (folder / "comment.md").read_text(encoding="utf-8")


FAILURES: dict[str, Callable[[LocalGitHub], None]] = {
    "a server in trouble": lambda github: github.fail_next(500, times=8),
    "a limit that lasts": lambda github: github.pause(3600),
    "a limit used up": lambda github: github.limit(0, seconds=3600),
    "a conversation locked": lambda github: github.fail_next(403),
    "a proxy that speaks HTML": lambda github: github.answer_next("<html>", times=2),
    "an API of something else": lambda github: github.answer_next({"items": []}, times=2),
    "comments of something else": lambda github: github.answer_next([{"text": "hello"}], times=2),
    "nobody there": lambda github: github.stop(),
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("blocked", [True, False])
def test_comment__cannot_be_posted__changes_no_verdict_and_stands_in_the_summary(
    folder, github, monkeypatch, capsys, failure, blocked
):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    FAILURES[failure](github)
    write(folder, data_report(), gate_report(worse_slice()) if blocked else gate_report())

    assert main(["comment"]) == 0

    assert "not posted, the verdict stays what it is" in capsys.readouterr().err
    report = own(folder)
    assert (report["verdict"], report["posted"], report["url"]) == ("pass", False, None)
    headline = "❌ Blocked" if blocked else "✅ Ready to merge"
    assert headline in report["headline"]
    summary = (folder.parents[1] / "GITHUB_STEP_SUMMARY").read_text(encoding="utf-8")
    assert report["body"] in summary


@pytest.mark.parametrize("flag", ["--no-post", "--post=false"])
def test_comment__not_to_be_posted__asks_github_nothing(folder, github, flag):
    write(folder, data_report(), gate_report())

    assert main(["comment", flag]) == 0
    assert github.requests == []


def test_comment__no_pull_request__says_so(folder, github, monkeypatch, capsys):
    monkeypatch.delenv("GITHUB_EVENT_PATH")
    write(folder, data_report(), gate_report())

    assert main(["comment"]) == 0
    assert "not posted: there is no pull request here" in capsys.readouterr().err


def test_comment__number_given__goes_there(folder, github):
    github.add_pull_request(REPOSITORY, 9, head_sha="cd" * 20, author="mona")
    write(folder, data_report(), gate_report())

    assert main(["comment", "--pull-request", "9"]) == 0
    assert len(github.comments(REPOSITORY, 9)) == 1


def test_comment__expected_lines__are_what_must_be_there(folder, github):
    write(folder, data_report())

    main(["comment", "--expect=check-data\n"])
    assert "✅ Ready to merge: the data passes" in posted(github)[0]

    main(["comment", "--expect=check-data\nreproduce-pipeline\n"])
    assert "reproduce-pipeline did not run" in posted(github)[0]


def test_comment__json__prints_the_report_alone(folder, github, capsys):
    write(folder, data_report(), gate_report())
    main(["comment", "--json"])

    assert json.loads(capsys.readouterr().out) == own(folder)


def test_comment__on_the_next_push__keeps_the_earlier_verdict_with_its_run(
    folder, github, monkeypatch
):
    write(folder, data_report(), gate_report(worse_slice()))
    main(["comment"])
    monkeypatch.setenv("GITHUB_RUN_ID", "43")
    write(folder, gate_report(commit="ef" * 20), data_report(commit="ef" * 20))
    main(["comment"])

    (body,) = posted(github)
    assert "## ✅ Ready to merge" in body
    earlier = body.partition("Earlier verdicts here: 1")[2]
    assert "❌ Blocked: the model is clearly worse for carrier B6" in earlier
    assert "[log](https://github.com/acme/flights/actions/runs/42)" in earlier
    assert body == (folder / "comment.md").read_text(encoding="utf-8")
    assert body == own(folder)["body"]


def test_comment__earlier_self_edited_by_somebody__is_written_over(folder, github):
    write(folder, data_report(), gate_report())
    main(["comment"])
    comment = github.comments(REPOSITORY, 7)[0]
    comment["body"] = comment["body"].partition("\n")[0] + "\n<!-- tidegate:history e30= -->"
    main(["comment"])

    (body,) = posted(github)
    assert "Earlier verdicts" not in body
    assert "## ✅ Ready to merge" in body


def test_comment__report_of_another_service__leaves_that_services_comment_alone(folder, github):
    other = {"service": "delays-at-sea"}
    write(folder, data_report(**other), gate_report(**other))
    main(["comment"])
    (before,) = posted(github)
    write(folder, data_report(**other), gate_report())

    assert main(["comment"]) == 0

    theirs, ours = posted(github)
    assert theirs == before
    assert "check-data stopped: its report is of another service" in ours
