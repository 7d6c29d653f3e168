"""The client against a stand-in that answers as GitHub documents it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local_github.api import LocalGitHub
from local_github.description import description
from tidegate.errors import GitHubError
from tidegate.github.api import ATTEMPTS, MAX_WAIT_SECONDS, GitHub
from tidegate.github.environments import MAX_WAITING_RUNS, approval, waiting

REPOSITORY = "acme/flights"


def test_pages__more_than_one_page__reads_them_all(github, client):
    for number in range(205):
        github.add_comment(REPOSITORY, 7, f"comment {number}", "mona")

    found = list(client().pages("issues/7/comments"))

    assert [comment["body"] for comment in found] == [f"comment {n}" for n in range(205)]
    assert len(github.requests) == 3


@pytest.mark.parametrize("status", [500, 502, 503])
def test_get__server_error_that_passes__is_asked_again(github, client, clock, status):
    github.fail_next(status, times=2)

    assert client().get("pulls/7")["number"] == 7
    assert clock.slept == [2.0, 4.0]


@pytest.mark.parametrize("status", [403, 429])
def test_get__asked_to_come_back_later__waits_as_long_as_github_asks(github, client, clock, status):
    github.fail_next(status, retry_after="17")
    github.fail_next(status, retry_after="60")

    client().get("pulls/7")

    assert clock.slept == [17.0, 60.0]


def test_get__secondary_limit__is_over_when_github_said(github, client, clock):
    github.pause(45)

    client().get("pulls/7")

    assert clock.slept == [45.0]
    assert len(github.requests) == 2


def test_pages__primary_limit_used_up_between_pages__waits_for_its_reset(github, client, clock):
    for number in range(205):
        github.add_comment(REPOSITORY, 7, f"comment {number}", "mona")
    github.limit(2, seconds=90)

    assert len(list(client().pages("issues/7/comments"))) == 205
    assert clock.slept == [90.0]


@pytest.mark.parametrize("limit", ["primary", "secondary"])
def test_get__limit_that_lasts_longer_than_a_job_should_sleep__says_until_when(
    github, client, clock, limit
):
    wait = MAX_WAIT_SECONDS + 30 * 60
    if limit == "primary":
        github.limit(0, seconds=wait)
    else:
        github.pause(wait)

    with pytest.raises(GitHubError, match=r"403.*(rate limit)") as caught:
        client().get("pulls/7")

    assert "until 12:32 UTC" in str(caught.value.remedy)
    assert clock.slept == []
    assert len(github.requests) == 1  # who goes on asking is locked out for longer


def test_get__refused_with_requests_left__is_no_limit(github, client, clock):
    github.fail_next(403)

    with pytest.raises(GitHubError, match="403"):
        client().get("pulls/7")
    assert clock.slept == []


def test_get__nonsense_in_a_limits_headers__is_waited_for_as_for_any_fault(github, client, clock):
    github.fail_next(429, retry_after="soon", x_ratelimit_reset="-1")

    client().get("pulls/7")
    assert clock.slept == [2.0]


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


def test_get__nobody_answers__names_the_address(clock):
    nobody = GitHub(REPOSITORY, "token", api_url="http://127.0.0.1:1", sleep=clock.sleep)

    with pytest.raises(GitHubError, match="did not answer") as caught:
        nobody.get("pulls/7")
    assert caught.value.where == "http://127.0.0.1:1"


@pytest.mark.parametrize("missing", ["GITHUB_REPOSITORY", "GITHUB_TOKEN"])
def test_from_environ__something_missing__says_what(missing):
    environ = {"GITHUB_REPOSITORY": REPOSITORY, "GITHUB_TOKEN": "token"}

    with pytest.raises(GitHubError, match=f"{missing} is not set"):
        GitHub.from_environ({**environ, missing: ""})


@pytest.fixture
def elsewhere() -> Iterator[LocalGitHub]:
    with LocalGitHub() as local:
        yield local


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_pages__link_to_another_host__never_gets_the_token(github, client, elsewhere, host):
    there = elsewhere.url.replace("127.0.0.1", host)
    github.answer_next([], Link=f'<{there}/repos/{REPOSITORY}/issues/7/comments>; rel="next"')

    with pytest.raises(GitHubError, match="where the token must not go"):
        list(client().pages("issues/7/comments"))
    assert elsewhere.requests == []


@pytest.mark.parametrize("link", ["https://{home}/x", "http://{home}@evil.example/x", "//evil/x"])
def test_pages__link_that_only_looks_like_home__never_gets_the_token(github, client, link):
    home = github.url.removeprefix("http://")
    github.answer_next([], Link=f'<{link.format(home=home)}>; rel="next"')

    with pytest.raises(GitHubError, match="where the token must not go"):
        list(client().pages("issues/7/comments"))
    assert len(github.requests) == 1


def test_pages__enterprise_servers_link_out_of_its_api__never_gets_the_token():
    with LocalGitHub(prefix="/api/v3") as github:
        outside = github.url.removesuffix("/api/v3") + "/pages/mallory"
        github.answer_next([], Link=f'<{outside}>; rel="next"')
        client = GitHub(REPOSITORY, github.token, api_url=github.url)

        with pytest.raises(GitHubError, match="where the token must not go"):
            list(client.pages("issues/7/comments"))
        client.close()


def test_get__answer_that_leads_elsewhere__is_not_followed(github, client, elsewhere):
    github.answer_next(None, status=301, Location=f"{elsewhere.url}/repos/{REPOSITORY}/pulls/7")

    with pytest.raises(GitHubError, match="301") as caught:
        client().get("pulls/7")
    assert elsewhere.requests == []
    assert "renamed" in str(caught.value.remedy)


def test_pages__link_that_leads_in_a_circle__is_not_followed_for_ever(github, client):
    there = f"{github.url}/repos/{REPOSITORY}/issues/7/comments?page=2"
    github.answer_next([], times=3, Link=f'<{there}>; rel="next"')

    with pytest.raises(GitHubError, match="leads back to itself"):
        list(client().pages("issues/7/comments"))
    assert len(github.requests) == 2


@pytest.mark.parametrize("answer", [{"message": "hello"}, "hello", None, 7])
def test_pages__answer_of_something_else__is_one_clear_error(github, client, answer):
    github.answer_next(answer)

    with pytest.raises(GitHubError, match="the answer is not GitHub's"):
        list(client().pages("issues/7/comments"))


@pytest.fixture(params=["ghes-3.17", "ghes-3.18", "ghes-3.19"])
def enterprise(request):
    """A GitHub Enterprise Server, held to the description of its version."""
    held = description(request.param)
    with LocalGitHub(prefix="/api/v3", description=held) as local:
        local.add_pull_request(REPOSITORY, 7, head_sha="ab" * 20, author="mona")
        yield local


def test_enterprise_server__everything_asked_of_it__works_below_its_own_address(enterprise):
    for number in range(120):
        enterprise.add_comment(REPOSITORY, 7, f"comment {number}", "mona")
    enterprise.add_environment(REPOSITORY, "production-approval", reviewers=["kim"])
    run = enterprise.add_waiting_run(REPOSITORY, "promote", "production-approval", actor="lee")
    enterprise.review(REPOSITORY, run, "production-approval", "kim")
    environ = {
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_TOKEN": enterprise.token,
        "GITHUB_API_URL": enterprise.url,
        "GITHUB_RUN_ID": str(run),
    }

    assert enterprise.url.endswith("/api/v3")
    github = GitHub.from_environ(environ)
    assert len(list(github.pages("issues/7/comments"))) == 120
    made = github.post("issues/7/comments", {"body": "x"})
    github.patch(f"issues/comments/{made['id']}", {"body": "y"})
    github.delete(f"issues/comments/{made['id']}")
    github.close()
    assert approval("production", environ) == "kim"
    assert len(waiting(["production"], environ)[0]) == 1


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
