"""An override, and every way by which somebody might take one that is not theirs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from local_github.api import LocalGitHub
from tidegate.github.overrides import look_for
from tidegate.override import NOBODY, Override, Overriding

REPOSITORY, NUMBER, RUN = "acme/fraud", 7, 4711
LABEL = "tidegate-override"
HEAD, EARLIER = "aa" * 20, "bb" * 20
BEFORE, JUDGED, AFTER, LATER = (f"2026-11-26T18:0{minute}:00Z" for minute in range(4))


@dataclass
class World:
    """A pull request of ada, blocked in its first attempt; grace may override, and mona reads."""

    github: LocalGitHub
    event: Path
    environ: dict[str, str] = field(default_factory=dict)

    def label(self, by: str = "grace", at: str = AFTER, **named: Any) -> None:
        self.github.set_label(REPOSITORY, NUMBER, named.pop("label", LABEL), by, at, **named)

    def attempt(self, number: int, step: str = "gate-model", conclusion: str = "failure",
                at: str = JUDGED, head_sha: str = HEAD) -> None:  # fmt: skip
        self.github.add_attempt(
            REPOSITORY, RUN, number, head_sha=head_sha,
            steps={"Run actions/checkout": ("success", BEFORE), step: (conclusion, at)},
        )  # fmt: skip

    def ask(self, label: str = LABEL, commit: str = HEAD, **environ: str) -> Overriding:
        given = {
            "GITHUB_REPOSITORY": REPOSITORY, "GITHUB_TOKEN": self.github.token,
            "GITHUB_API_URL": self.github.url, "GITHUB_RUN_ID": str(RUN),
            "GITHUB_RUN_ATTEMPT": "2", "GITHUB_EVENT_NAME": "pull_request",
            "GITHUB_EVENT_PATH": str(self.event),
        }  # fmt: skip
        return look_for("gate-model", label, commit, {**given, **environ})

    def refusal(self, **given: str) -> str:
        found = self.ask(**given)
        assert found.override is None
        return str(found.refusal)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr("time.sleep", lambda _: None)
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": NUMBER}}))
    with LocalGitHub() as github:
        github.add_pull_request(REPOSITORY, NUMBER, head_sha=HEAD, author="ada")
        github.add_commit(REPOSITORY, HEAD, author="ada")
        for login, role in {"grace": "maintain", "ada": "admin", "alan": "admin"}.items():
            github.add_collaborator(REPOSITORY, login, role)
        made = World(github, event)
        made.attempt(1)
        yield made


def test_look_for__maintainer_who_read_the_verdict_overrides_this_commit(world: World) -> None:
    world.label()
    run = f"https://github.com/{REPOSITORY}/actions/runs/{RUN}/attempts/2"
    override = Override("grace", "maintain", LABEL, AFTER, HEAD, run)
    assert world.ask() == Overriding(override)


def test_look_for__label_that_nobody_set_asks_nothing_of_anybody(world: World) -> None:
    assert world.ask() == NOBODY


def test_look_for__another_label_is_none(world: World) -> None:
    world.label(label="tidegate-override-please")
    assert world.ask() == NOBODY


def test_look_for__label_that_the_base_does_not_name_is_none(world: World) -> None:
    world.label()
    assert world.ask(label="only-this-one") == NOBODY


def test_look_for__policy_that_switches_it_off(world: World) -> None:
    world.label(label="off")
    assert world.ask(label="off") == NOBODY


@pytest.mark.parametrize("login", ["ada", "Ada", "ADA"])
def test_look_for__author_cannot_though_an_admin(world: World, login: str) -> None:
    world.github.add_collaborator(REPOSITORY, login, "admin")
    world.label(login)
    assert "who wrote this change" in world.refusal()


@pytest.mark.parametrize("role", ["author", "committer"])
def test_look_for__who_pushed_the_commit_cannot(world: World, role: str) -> None:
    people = {"author": "mona", "committer": "mona", role: "grace"}
    world.github.add_commit(REPOSITORY, HEAD, **people)
    world.label()
    assert "who wrote this change" in world.refusal()


def test_look_for__commit_of_an_address_that_nobody_has_is_no_hindrance(world: World) -> None:
    world.github.add_commit(REPOSITORY, HEAD, author=None, committer=None)
    world.label()
    assert world.ask().override is not None


@pytest.mark.parametrize("role", ["write", "triage", "read", "release-captain"])
def test_look_for__other_roles_cannot(world: World, role: str) -> None:
    world.github.add_collaborator(REPOSITORY, "mona", role)
    world.label("mona")
    assert f"whose role is {role}" in world.refusal()


@pytest.mark.parametrize("at", [BEFORE, JUDGED])
def test_look_for__label_from_before_the_verdict_does_not_count(world: World, at: str) -> None:
    world.label(at=at)
    assert "set it again" in world.refusal()


def test_look_for__label_is_set_once_more_and_counts(world: World) -> None:
    world.label(at=BEFORE)
    world.github.take_label_off(REPOSITORY, NUMBER, LABEL, "grace", AFTER)
    world.label(at=LATER)
    found = world.ask().override
    assert found is not None
    assert found.at == LATER


def test_look_for__label_that_was_taken_off_again_is_none(world: World) -> None:
    world.label()
    world.github.take_label_off(REPOSITORY, NUMBER, LABEL, "mona", LATER)
    assert world.ask() == NOBODY


def test_look_for__first_attempt_has_no_verdict_to_read(world: World) -> None:
    world.label()
    assert world.ask(GITHUB_RUN_ATTEMPT="1") == NOBODY


def test_look_for__later_attempts_keep_what_counted(world: World) -> None:
    world.label()
    world.attempt(2, conclusion="success", at=LATER)
    assert world.ask(GITHUB_RUN_ATTEMPT="3").override is not None


@pytest.mark.parametrize(
    ("step", "conclusion"),
    [("check-data", "failure"), ("gate-model", "cancelled"), ("gate-model", "skipped")],
)
def test_look_for__verdict_of_another_check_is_not_this_ones(
    world: World, step: str, conclusion: str
) -> None:
    world.attempt(1, step=step, conclusion=conclusion)
    world.label()
    assert "before gate-model had its verdict" in world.refusal()


def test_look_for__commit_that_was_pushed_meanwhile_is_not_covered(world: World) -> None:
    world.label()
    world.github.add_pull_request(REPOSITORY, NUMBER, head_sha=EARLIER, author="ada")
    world.label()
    assert "moved on to another commit" in world.refusal()


def test_look_for__run_of_another_commit_says_nothing_of_this_one(world: World) -> None:
    world.attempt(1, head_sha=EARLIER)
    world.label()
    assert "of another commit" in world.refusal()


@pytest.mark.parametrize("how", ["bot", "app"])
def test_look_for__bot_or_app_cannot(world: World, how: str) -> None:
    login = "labeller[bot]" if how == "bot" else "grace"
    world.github.add_collaborator(REPOSITORY, login, "admin")
    world.label(login, app=how == "app")
    assert "through an app" in world.refusal()


def test_look_for__timeline_of_three_pages_is_read_to_its_end(world: World) -> None:
    world.label(at=BEFORE)
    for _ in range(110):
        world.label(label="noise", by="mona")
        world.github.take_label_off(REPOSITORY, NUMBER, "noise", "mona", AFTER)
    world.github.take_label_off(REPOSITORY, NUMBER, LABEL, "grace", AFTER)
    world.label("alan", at=LATER)
    found = world.ask().override
    assert found is not None
    assert (found.by, found.role, found.at) == ("alan", "admin", LATER)
    asked = [path for _, path in world.github.requests if path.endswith("/timeline")]
    assert len(asked) == 3


@pytest.mark.parametrize("login", ["../../../user", "a b?c#d", "<img src=x>", "%2e%2e"])
def test_look_for__odd_login_is_asked_about_as_it_is(world: World, login: str) -> None:
    world.label(login)
    assert f"set by {login}, whose role is read" in world.refusal()


def test_look_for__api_that_goes_down_at_any_request_overrides_nothing(world: World) -> None:
    world.label()
    world.ask()
    requests = len(world.github.requests)
    assert requests > 3
    for answered in range(requests):
        for _ in range(answered):
            world.github.before("GET", lambda: None)
        world.github.before("GET", lambda: world.github.fail_next(503, times=4))
        assert "503" in world.refusal()
    assert world.ask().override is not None


def test_look_for__no_run_of_a_pull_request_overrides_nothing(world: World) -> None:
    world.label()
    assert world.ask(GITHUB_EVENT_NAME="push") == NOBODY
    assert world.ask(GITHUB_EVENT_NAME="workflow_dispatch") == NOBODY
    assert world.ask(GITHUB_EVENT_PATH="/nowhere") == NOBODY
    assert "GITHUB_TOKEN" in world.refusal(GITHUB_TOKEN="")


def test_look_for__answers_of_another_kind_override_nothing(world: World) -> None:
    world.label()
    del world.github._pulls[REPOSITORY, NUMBER]["labels"]
    world.github.faults.clear()
    said = world.refusal()
    world.github.faults.clear()
    assert "not what it documents" in said
