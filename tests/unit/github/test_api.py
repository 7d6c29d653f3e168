"""The client against a stand-in that answers as GitHub documents it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from local_github.api import LocalGitHub
from tidegate.errors import GitHubError
from tidegate.github import comments
from tidegate.github.api import ATTEMPTS, MAX_WAIT_SECONDS, GitHub
from tidegate.github.environments import MAX_WAITING_RUNS, approval, waiting

REPOSITORY = "acme/flights"
MARKER = "<!-- tidegate:comment service=fraud -->"
NAMELESS = "<!-- tidegate:comment service= -->"
Client = Callable[..., GitHub]


@pytest.fixture
def github() -> Iterator[LocalGitHub]:
    with LocalGitHub() as local:
        local.add_pull_request(REPOSITORY, 7, head_sha="ab" * 20, author="mona")
        yield local


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def client(github: LocalGitHub, slept: list[float]) -> Iterator[Client]:
    opened = []

    def connect(repository: str = REPOSITORY, token: str = github.token) -> GitHub:
        opened.append(GitHub(repository, token, api_url=github.url, sleep=slept.append))
        return opened[-1]

    yield connect
    for one in opened:
        one.close()


def upsert(client: GitHub, body: str, marker: str = MARKER) -> str:
    return comments.upsert(client, 7, marker, lambda _: f"{marker}\n{body}", nameless=NAMELESS)


def bodies(github: LocalGitHub) -> list[str]:
    return [comment["body"] for comment in github.comments(REPOSITORY, 7)]


def test_pages__more_than_one_page__reads_them_all(github, client):
    for number in range(205):
        github.add_comment(REPOSITORY, 7, f"comment {number}", "mona")

    found = list(client().pages("issues/7/comments"))

    assert [comment["body"] for comment in found] == [f"comment {n}" for n in range(205)]
    assert len(github.requests) == 3


@pytest.mark.parametrize("status", [500, 502, 503])
def test_get__server_error_that_passes__is_asked_again(github, client, slept, status):
    github.fail_next(status, times=2)

    assert client().get("pulls/7")["number"] == 7
    assert slept == [2.0, 4.0]


@pytest.mark.parametrize("status", [403, 429])
def test_get__rate_limit__waits_as_long_as_github_asks(github, client, slept, status):
    github.fail_next(status, retry_after="17")
    github.fail_next(status, retry_after="86400")

    client().get("pulls/7")

    assert slept == [17.0, MAX_WAIT_SECONDS]


def test_get__server_error_that_stays__is_one_clear_error(github, client):
    github.fail_next(502, times=ATTEMPTS)

    with pytest.raises(GitHubError, match="GitHub answered 502 to GET /repos/acme/flights/pulls/7"):
        client().get("pulls/7")
    assert len(github.requests) == ATTEMPTS


def test_get__wrong_token__is_refused_at_once(github, client):
    with pytest.raises(GitHubError, match=r"401.*Bad credentials"):
        client(token="another").get("pulls/7")
    assert len(github.requests) == 1


def test_get__what_is_not_there__names_the_path(client):
    with pytest.raises(GitHubError, match="404 to GET /repos/acme/flights/pulls/8: Not Found"):
        client().get("pulls/8")


def test_get__nobody_answers__names_the_address(slept):
    nobody = GitHub(REPOSITORY, "token", api_url="http://127.0.0.1:1", sleep=slept.append)

    with pytest.raises(GitHubError, match="did not answer") as caught:
        nobody.get("pulls/7")
    assert caught.value.where == "http://127.0.0.1:1"


@pytest.mark.parametrize("missing", ["GITHUB_REPOSITORY", "GITHUB_TOKEN"])
def test_from_environ__something_missing__says_what(missing):
    environ = {"GITHUB_REPOSITORY": REPOSITORY, "GITHUB_TOKEN": "token"}

    with pytest.raises(GitHubError, match=f"{missing} is not set"):
        GitHub.from_environ({**environ, missing: ""})


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


@pytest.fixture
def environ(github: LocalGitHub) -> dict[str, str]:
    return {
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_TOKEN": github.token,
        "GITHUB_API_URL": github.url,
        "GITHUB_RUN_ID": "42",
    }


def test_approval__reviewer_said_yes__is_their_login(github, environ):
    github.add_environment(REPOSITORY, "production-approval", reviewers=["lee", "kim"])
    github.review(REPOSITORY, 42, "production-approval", "kim")

    assert approval("production", environ) == "kim"


def test_approval__environment_without_reviewers__says_how_to_set_them(github, environ):
    github.add_environment(REPOSITORY, "production-approval")

    with pytest.raises(GitHubError, match="requires no reviewers") as caught:
        approval("production", environ)
    assert "Settings, Environments, production-approval" in str(caught.value.remedy)


def test_approval__no_such_environment__is_an_error(environ):
    with pytest.raises(GitHubError, match="404"):
        approval("production", environ)


@pytest.mark.parametrize(
    ("run", "environment", "state"),
    [
        (41, "production-approval", "approved"),
        (42, "staging-approval", "approved"),
        (42, "production-approval", "rejected"),
    ],
)
def test_approval__another_run_environment_or_answer__is_none(
    github, environ, run, environment, state
):
    for name in ("production-approval", "staging-approval"):
        github.add_environment(REPOSITORY, name, reviewers=["lee"])
    github.review(REPOSITORY, run, environment, "lee", state=state)

    with pytest.raises(GitHubError, match="nobody approved run 42"):
        approval("production", environ)


def test_waiting__runs_at_these_environments__are_named_with_their_reviewers(github, environ):
    for name in ("production-approval", "staging", "github-pages"):
        github.add_environment(REPOSITORY, name, reviewers=["lee", "kim"])
    for name in ("production-approval", "staging", "github-pages"):
        github.add_waiting_run(REPOSITORY, f"to {name}", name, actor="mona", wait_minutes=5)

    found, more = waiting(["staging", "production"], environ)

    assert [one.environment for one in found] == ["staging", "production-approval"]
    assert (found[0].title, found[0].actor, found[0].reviewers, found[0].wait_minutes) == (
        "to staging",
        "mona",
        ("lee", "kim"),
        5,
    )
    assert found[0].run_url.startswith(f"https://github.com/{REPOSITORY}/actions/runs/")
    assert more == 0


def test_waiting__more_runs_than_are_asked_for__counts_the_rest(github, environ):
    github.add_environment(REPOSITORY, "production", reviewers=["lee"])
    for number in range(MAX_WAITING_RUNS + 3):
        github.add_waiting_run(REPOSITORY, f"run {number}", "production", actor="mona")

    found, more = waiting(["production"], environ)

    assert (len(found), more, found[0].title) == (MAX_WAITING_RUNS, 3, "run 32")


def test_waiting__nothing_waits__is_empty(environ):
    assert waiting(["production"], environ) == ([], 0)


@pytest.mark.parametrize("missing", ["GITHUB_TOKEN", "GITHUB_REPOSITORY"])
def test_waiting__outside_of_github__is_an_error_that_names_what_is_missing(environ, missing):
    del environ[missing]

    with pytest.raises(GitHubError, match=f"{missing} is not set"):
        waiting(["production"], environ)
