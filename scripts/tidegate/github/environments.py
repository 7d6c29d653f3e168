"""GitHub's protected environments: proof that a person was asked, who said yes, and what waits."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

from tidegate.errors import GitHubError
from tidegate.github.api import GitHub

# The approval is a job of its own, on an environment of its own: the job that changes things stands
# on the environment itself, and would otherwise ask a second time.
APPROVAL_SUFFIX = "-approval"
MAX_WAITING_RUNS = 30  # each takes a request of its own


def approval(environment: str, environ: Mapping[str, str]) -> str:
    """Login of the person who approved this run for `environment`.

    Raises GitHubError when reviewers are not required there (then nothing paused and nobody was
    asked), or when nobody approved this run.
    """
    github = GitHub.from_environ(environ)
    name = environment + APPROVAL_SUFFIX
    rules = github.get(f"environments/{quote(name, safe='')}").get("protection_rules") or []
    if not any(rule["type"] == "required_reviewers" and rule["reviewers"] for rule in rules):
        raise GitHubError(
            f"the environment {name} requires no reviewers, so nobody was asked",
            where=github.repository,
            remedy=f"Settings, Environments, {name}: set required reviewers. Private repositories "
            "need GitHub Enterprise for it; elsewhere use `approval: dispatch`",
        )
    run = environ.get("GITHUB_RUN_ID", "")
    for review in github.get(f"actions/runs/{run}/approvals"):
        names = {item["name"] for item in review["environments"]}
        if review["state"] == "approved" and name in names:
            return str(review["user"]["login"])
    raise GitHubError(
        f"nobody approved run {run} for {name}",
        where=github.repository,
        remedy="start it from the promote workflow, whose first job waits for the reviewers",
    )


@dataclass(frozen=True)
class Waiting:
    """A run that waits at an environment. reviewers: logins and teams; wait_minutes: of a timer."""

    environment: str
    title: str
    workflow: str
    actor: str | None
    since: str
    run_url: str
    reviewers: tuple[str, ...]
    wait_minutes: int

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "reviewers": list(self.reviewers)}


def waiting(environments: Collection[str], environ: Mapping[str, str]) -> tuple[list[Waiting], int]:
    """What waits for an approval of these environments, the newest first.

    The number is of waiting runs that were not looked at, for there are too many. Raises
    GitHubError where GitHub cannot be asked.
    """
    names = {*environments, *(name + APPROVAL_SUFFIX for name in environments)}
    with closing(GitHub.from_environ(environ)) as github:
        listed = github.get(f"actions/runs?status=waiting&per_page={MAX_WAITING_RUNS}")
        runs = listed["workflow_runs"]
        found = [
            _waiting(run, pending)
            for run in runs
            for pending in github.get(f"actions/runs/{run['id']}/pending_deployments")
            if pending["environment"]["name"] in names
        ]
    return found, max(0, listed["total_count"] - len(runs))


def _waiting(run: Mapping[str, Any], pending: Mapping[str, Any]) -> Waiting:
    reviewers = (item["reviewer"] for item in pending["reviewers"])
    return Waiting(
        environment=pending["environment"]["name"],
        title=run.get("display_title") or "",
        workflow=run.get("name") or "",
        actor=(run.get("actor") or {}).get("login"),
        since=run["created_at"],
        run_url=run["html_url"],
        reviewers=tuple(str(who.get("login") or who.get("name")) for who in reviewers),
        wait_minutes=pending.get("wait_timer") or 0,
    )
