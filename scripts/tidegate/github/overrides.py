"""Who lets one blocked commit through: a label on its pull request, set by somebody who may.

The label is looked for in a re-run alone: it counts when it was set after the very check had failed
in an earlier attempt of the very run, on the very commit. So whoever sets it has had a verdict to
read, and a commit that is pushed meanwhile has a run of its own, and is not covered.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from tidegate.errors import GitHubError
from tidegate.github.api import GitHub
from tidegate.github.event import pull_request_number
from tidegate.override import NOBODY, Override, Overriding

ROLES = ("maintain", "admin")


class _Refused(Exception):
    """The label is there, and does not count."""


def look_for(verb: str, label: str, commit: str | None, environ: Mapping[str, str]) -> Overriding:
    """Whether somebody overrides a verb's verdict on `commit`; nobody where GitHub does not say."""
    attempt = environ.get("GITHUB_RUN_ATTEMPT", "")
    number = None
    if environ.get("GITHUB_EVENT_NAME") == "pull_request":
        number = pull_request_number(environ)
    if label == "off" or number is None or not attempt.isdigit() or int(attempt) < 2:
        return NOBODY
    try:
        github = GitHub.from_environ(environ)
        try:
            return _ask(github, verb, label, str(commit), number, int(attempt), environ)
        finally:
            github.close()
    except _Refused as refused:
        return Overriding(refusal=str(refused))
    except GitHubError as error:
        why = error.what
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        why = f"its answer is not what it documents ({type(error).__name__})"
    return Overriding(refusal=f"who set the label {label} could not be asked: {why}")


def _ask(
    github: GitHub,
    verb: str,
    label: str,
    commit: str,
    number: int,
    attempt: int,
    environ: Mapping[str, str],
) -> Overriding:
    pull = github.get(f"pulls/{number}")
    if not any(_same(one["name"], label) for one in pull["labels"]):
        return NOBODY
    if pull["head"]["sha"] != commit:
        raise _Refused("the pull request has moved on to another commit: see the run of that one")
    event = _last_set(github, label, number)
    who, at = event["actor"], str(event["created_at"])
    login = str(who["login"])
    said = f"the label {label} was set by {login}"
    if who["type"] != "User" or event.get("performed_via_github_app"):
        raise _Refused(f"{said} through an app, and a person has to set it")
    written_by = github.get(f"commits/{quote(commit, safe='')}")
    authors = [pull["user"], written_by["author"], written_by["committer"]]
    if any(author and _same(author.get("login", ""), login) for author in authors):
        raise _Refused(f"{said}, who wrote this change: somebody else has to set it")
    role = str(github.get(f"collaborators/{quote(login, safe='')}/permission")["role_name"])
    if role not in ROLES:
        raise _Refused(f"{said}, whose role is {role}: it takes {' or '.join(ROLES)}")
    judged = _judged_at(github, verb, commit, attempt, environ["GITHUB_RUN_ID"])
    if judged is None or _time(at) <= judged:
        raise _Refused(
            f"{said} before {verb} had its verdict on this commit: take it off, set it again, and "
            "re-run the failed jobs"
        )
    return Overriding(Override(login, role, label, at, commit, _run_url(github, environ, attempt)))


def _last_set(github: GitHub, label: str, number: int) -> Mapping[str, Any]:
    """The event by which the label came on the pull request as it is there now."""
    last: Mapping[str, Any] | None = None
    for event in github.pages(f"issues/{number}/timeline"):
        if event.get("event") in ("labeled", "unlabeled") and _same(event["label"]["name"], label):
            last = event
    if last is None or last["event"] != "labeled":
        raise _Refused(f"nothing tells who set the label {label}: take it off, and set it again")
    return last


def _judged_at(github: GitHub, verb: str, commit: str, attempt: int, run: str) -> datetime | None:
    """When the verb first said no in an earlier attempt of this run; None where it did not.

    Known by the name of its step, which has the verb in it where no other was given.
    """
    for earlier in range(1, attempt):
        place = f"actions/runs/{run}/attempts/{earlier}"
        if github.get(place)["head_sha"] != commit:
            raise _Refused("this run is of another commit than the one that was judged")
        jobs = github.get(f"{place}/jobs?per_page=100")["jobs"]
        ends = [
            _time(step["completed_at"])
            for job in jobs
            for step in job["steps"]
            if verb in step["name"] and step["conclusion"] == "failure"
        ]
        if ends:
            return max(ends)
    return None


def _run_url(github: GitHub, environ: Mapping[str, str], attempt: int) -> str:
    server = environ.get("GITHUB_SERVER_URL", "https://github.com")
    run = environ["GITHUB_RUN_ID"]
    return f"{server}/{github.repository}/actions/runs/{run}/attempts/{attempt}"


def _same(one: object, other: object) -> bool:
    """Logins and labels are the same in any case."""
    return str(one).casefold() == str(other).casefold()


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
