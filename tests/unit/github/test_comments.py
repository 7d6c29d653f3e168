"""One comment a service, whatever happens between two requests."""

from __future__ import annotations

import threading
from itertools import combinations
from typing import Any

import pytest

from local_github.api import LocalGitHub
from tidegate.errors import GitHubError
from tidegate.github import comments
from tidegate.github.api import GitHub

REPOSITORY = "acme/flights"
MARKER = "<!-- tidegate:comment service=fraud -->"
NAMELESS = "<!-- tidegate:comment service= -->"


def upsert(client: GitHub, body: str, marker: str = MARKER) -> str:
    return comments.upsert(client, 7, marker, lambda _: f"{marker}\n{body}", nameless=NAMELESS)


def bodies(github: LocalGitHub) -> list[str]:
    return [comment["body"] for comment in github.comments(REPOSITORY, 7)]


def test_upsert__again__updates_in_place(github, client):
    first = upsert(client(), "one")
    second = upsert(client(), "two")

    assert first == second
    assert first.startswith("https://github.com/acme/flights/pull/7#issuecomment-")
    assert bodies(github) == [f"{MARKER}\ntwo"]


def test_upsert__two_services__have_a_comment_each(github, client):
    other = MARKER.replace("fraud", "fraud-eu")
    upsert(client(), "one")
    upsert(client(), "two", other)
    upsert(client(), "three")

    assert bodies(github) == [f"{MARKER}\nthree", f"{other}\ntwo"]


def test_upsert__earlier_comment_on_a_later_page__is_found(github, client):
    for number in range(130):
        github.add_comment(REPOSITORY, 7, f"comment {number}", "mona")
    upsert(client(), "one")
    upsert(client(), "two")

    assert [body for body in bodies(github) if MARKER in body] == [f"{MARKER}\ntwo"]


def test_upsert__stranger_who_copied_the_marker__is_left_alone(github, client):
    github.add_comment(REPOSITORY, 7, f"{MARKER}\n✅ trust me", "mallory")

    upsert(client(), "❌")

    assert bodies(github) == [f"{MARKER}\n✅ trust me", f"{MARKER}\n❌"]


def test_upsert__token_of_a_person__updates_that_persons_comment():
    with LocalGitHub(login="release-bot-account") as github:
        github.add_pull_request(REPOSITORY, 7, head_sha="ab" * 20, author="mona")
        github.add_comment(REPOSITORY, 7, f"{MARKER}\n✅ trust me", "mallory")
        client = GitHub(REPOSITORY, github.token, api_url=github.url)
        upsert(client, "one")
        upsert(client, "two")
        client.close()

        assert bodies(github) == [f"{MARKER}\n✅ trust me", f"{MARKER}\ntwo"]


def test_upsert__nothing_could_be_read__takes_the_comments_place_and_gives_it_back(github, client):
    upsert(client(), "❌ blocked")
    upsert(client(), "⚠️ undecided", NAMELESS)
    assert bodies(github) == [f"{NAMELESS}\n⚠️ undecided"]

    upsert(client(), "✅ passes")
    assert bodies(github) == [f"{MARKER}\n✅ passes"]


def test_upsert__nothing_could_be_read_with_two_services__leaves_theirs_alone(github, client):
    other = MARKER.replace("fraud", "delay")
    for marker in (MARKER, other, NAMELESS, NAMELESS):
        upsert(client(), "x", marker)

    assert bodies(github) == [f"{marker}\nx" for marker in (MARKER, other, NAMELESS)]


def test_upsert__answer_lost_after_the_comment_was_made__makes_no_second_one(github, client):
    github.lose_answer_of("POST")

    assert upsert(client(), "one").endswith(str(github.comments(REPOSITORY, 7)[0]["id"]))
    assert bodies(github) == [f"{MARKER}\none"]


def test_upsert__comment_deleted_meanwhile__is_written_anew(github, client):
    upsert(client(), "one")
    github.before("PATCH", lambda: github.delete_comment(github.comments(REPOSITORY, 7)[0]["id"]))

    upsert(client(), "two")

    assert bodies(github) == [f"{MARKER}\ntwo"]


def test_upsert__token_of_a_fork__is_an_error_with_a_remedy(github, client):
    github.may_comment = False

    with pytest.raises(GitHubError, match=r"403.*Resource not accessible") as caught:
        upsert(client(), "one")
    assert "permission" in str(caught.value.remedy)
    assert bodies(github) == []


class Turns:
    """Lets jobs send one request at a time, in a given order; whoever is done is passed over."""

    def __init__(self, order: list[str]):
        self._order = order
        self._done: set[str] = set()
        self._changed = threading.Condition()

    def take(self, job: str, send: Any) -> Any:
        with self._changed:
            self._changed.wait_for(lambda: self._next() in {job, None})
            if self._order:
                self._order.remove(job)
            try:
                return send()
            finally:
                self._changed.notify_all()

    def done(self, job: str) -> None:
        with self._changed:
            self._done.add(job)
            self._changed.notify_all()

    def _next(self) -> str | None:
        return next((job for job in self._order if job not in self._done), None)


class Job(GitHub):
    """A client that waits for its turn before each request."""

    def __init__(self, name: str, github: LocalGitHub):
        super().__init__(REPOSITORY, github.token, api_url=github.url)
        self.name = name
        self.turns = Turns([])

    def _request(self, *arguments: Any) -> Any:
        return self.turns.take(self.name, lambda: super(Job, self)._request(*arguments))


def race(jobs: list[Job], order: list[str]) -> dict[str, str]:
    """Two jobs that comment at once, their requests in this order; the address that each got."""
    turns, urls = Turns(order), {}

    def comment(job: Job) -> None:
        job.turns = turns
        try:
            urls[job.name] = upsert(job, job.name)
        finally:
            turns.done(job.name)

    threads = [threading.Thread(target=comment, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return urls


# A job lists, posts, lists again and, where it finds a twin, changes one and deletes one.
STEPS = 5
ORDERS = [
    ["a" if turn in turns else "b" for turn in range(2 * STEPS)]
    for turns in combinations(range(2 * STEPS), STEPS)
    if 0 in turns  # the other half is the same with the names exchanged
]


def test_upsert__two_jobs_at_every_interleaving__one_comment_stays(github):
    jobs = [Job(name, github) for name in "ab"]
    for order in ORDERS:
        urls = race(jobs, list(order))

        (comment,) = github.comments(REPOSITORY, 7)
        assert comment["body"] in {f"{MARKER}\na", f"{MARKER}\nb"}, order
        assert set(urls.values()) == {comment["html_url"]}, order
        github.delete_comment(comment["id"])
    for job in jobs:
        job.close()


def test_upsert__twins_left_by_a_job_that_was_killed__the_next_one_clears_up(github, client):
    for text in ("a", "b", "c"):
        github.add_comment(REPOSITORY, 7, f"{MARKER}\n{text}", github.login)
    oldest = github.comments(REPOSITORY, 7)[0]["html_url"]

    assert upsert(client(), "new") == oldest
    assert bodies(github) == [f"{MARKER}\nnew"]


def test_upsert__twin_made_meanwhile__is_told_to_whoever_writes_over_it(github, client):
    twin = f"{MARKER}\nthe twin's"
    github.before("POST", lambda: github.add_comment(REPOSITORY, 7, twin, github.login))

    comments.upsert(client(), 7, MARKER, lambda earlier: f"{MARKER} {earlier}", nameless=NAMELESS)

    assert bodies(github) == [f"{MARKER} {twin}"]


def test_upsert__marker_copied_by_another_bot__its_words_are_not_deleted(github, client):
    github.before("POST", lambda: github.add_comment(REPOSITORY, 7, MARKER, "other[bot]"))

    upsert(client(), "ours")

    assert bodies(github) == [MARKER, f"{MARKER}\nours"]


def test_upsert__twin_deleted_by_the_other_job_meanwhile__is_as_good(github, client):
    def twin() -> None:
        made = github.add_comment(REPOSITORY, 7, f"{MARKER}\ntwin", github.login)
        github.before("DELETE", lambda: github.delete_comment(made + 1))

    github.before("POST", twin)

    upsert(client(), "ours")
    assert bodies(github) == [f"{MARKER}\nours"]


def test_upsert__limit_that_lasts__is_not_asked_again_from_the_beginning(github, client):
    github.pause(3600)

    with pytest.raises(GitHubError, match="secondary rate limit"):
        upsert(client(), "one")
    assert len(github.requests) == 1
