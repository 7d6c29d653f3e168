"""The stand-in for GitHub holds requests and answers to GitHub's own description of its API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from local_github import bodies
from local_github.api import LocalGitHub
from local_github.description import description
from local_github.server import Answer, Request

REPOSITORY = "acme/flights"
COMMENTS = f"/repos/{REPOSITORY}/issues/7/comments"
COMMENT = bodies.comment(REPOSITORY, 7, 1, "a comment", "mona")


def request(method: str, path: str, body: Any = None, **query: str) -> Request:
    return Request(method, path, query, {}, body, "http://127.0.0.1")


def faults(asked: Request, answer: Answer) -> list[str]:
    place = f"{asked.method} {asked.path}: "
    return [fault.removeprefix(place) for fault in description().faults(asked, answer)]


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        (request("GET", "/repos/acme/flights/comments-of/7"), "GitHub has no such operation"),
        (request("PUT", COMMENTS), "GitHub has no such operation"),
        (request("GET", COMMENTS, per_page="many"), "query parameter per_page: $: 'many' is not"),
        (request("GET", COMMENTS, perpage="3"), "query parameter perpage is not described"),
        (request("GET", COMMENTS.replace("7", "x")), "path parameter issue_number: $: 'x' is not"),
        (request("GET", COMMENTS, {"body": "x"}), "request body: the operation takes none"),
        (request("POST", COMMENTS), "request body: it is missing"),
        (request("POST", COMMENTS, {}), "request body: $: 'body' is a required property"),
        (request("POST", COMMENTS, {"body": 7}), "request body: $.body: 7 is not of type"),
        (request("POST", COMMENTS, {"body": "x", "silent": True}), "request body: $.silent is not"),
        (request("GET", "/search/issues"), "query parameter q is missing"),
    ],
)
def test_faults__request_that_github_does_not_know__is_named(asked: Request, fault: str) -> None:
    answer = Answer(200, []) if asked.method == "GET" else Answer(201, COMMENT)

    assert any(found.startswith(fault) for found in faults(asked, answer))


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (Answer(200, COMMENT), "answer 200: the operation has no such status"),
        (Answer(201), "answer 201: $: None is not of type 'object'"),
        (Answer(201, [COMMENT]), "answer 201: $: "),
        (Answer(201, {**COMMENT, "id": "1"}), "answer 201: $.id: '1' is not of type 'integer'"),
        (Answer(201, {**COMMENT, "created_at": "now"}), "answer 201: $.created_at: 'now' is not"),
        (Answer(201, {**COMMENT, "colour": 1}), "answer 201: $.colour is not described"),
        (Answer(201, {**COMMENT, "user": {"login": "mona"}}), "answer 201: $.user: "),
        (Answer(403, {"reason": "none"}), "answer 403: $.reason is not described"),
        (Answer(409, {"message": "no"}), "answer 409: the operation has no such status"),
    ],
)
def test_faults__answer_that_github_would_not_give__is_named(answer: Answer, fault: str) -> None:
    found = faults(request("POST", COMMENTS, {"body": "x"}), answer)

    assert any(line.startswith(fault) for line in found), found


@pytest.mark.parametrize(
    "answer",
    [
        Answer(201, COMMENT),
        Answer(201, {**COMMENT, "user": None}),  # written by an account that is gone
        Answer(
            403, {"message": "no", "documentation_url": "https://docs.github.com", "status": "4"}
        ),
        Answer(502, {"anything": "at all"}),
    ],
)
def test_faults__answer_as_github_gives_it__none(answer: Answer) -> None:
    assert faults(request("POST", COMMENTS, {"body": "x"}), answer) == []


def test_faults__file_in_a_folder__is_one_parameter() -> None:
    assert description().describes("GET", f"/repos/{REPOSITORY}/contents/.github/CODEOWNERS")
    assert not description().describes("GET", f"/repos/{REPOSITORY}/environments/a/b")


@pytest.fixture
def github() -> Iterator[LocalGitHub]:
    local = LocalGitHub().start()
    local.add_pull_request(REPOSITORY, 7, head_sha="ab" * 20, author="mona")
    yield local
    local.faults.clear()
    local.stop()


def ask(github: LocalGitHub, path: str) -> httpx.Response:
    return httpx.get(github.url + path, headers={"authorization": f"Bearer {github.token}"})


def test_stand_in__asked_what_github_does_not_know__fails_the_test_that_asked(
    github: LocalGitHub,
) -> None:
    assert ask(github, f"/repos/{REPOSITORY}/comments-of/7").status_code == 404

    with pytest.raises(AssertionError, match="comments-of/7: GitHub has no such operation"):
        github.stop()


def test_stand_in__answers_what_github_would_not__fails_the_test_that_asked(
    github: LocalGitHub,
) -> None:
    github.add_comment(REPOSITORY, 7, "a comment", "mona")
    del github._comments[github.comments(REPOSITORY, 7)[0]["id"]][2]["node_id"]
    ask(github, COMMENTS)

    with pytest.raises(AssertionError, match="'node_id' is a required property"):
        github.stop()


def test_stand_in__further_pages__are_linked_by_the_repositorys_number(github: LocalGitHub) -> None:
    for number in range(3):
        github.add_comment(REPOSITORY, 7, f"comment {number}", "mona")

    first = ask(github, f"{COMMENTS}?per_page=2")
    following = first.links["next"]["url"]

    assert "/repositories/" in following
    assert len(ask(github, following.removeprefix(github.url)).json()) == 1
