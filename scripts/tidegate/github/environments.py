"""GitHub's protected environments: proof that a person was asked, and who said yes."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from tidegate.errors import GitHubError
from tidegate.github.api import GitHub

# The approval is a job of its own, on an environment of its own: the job that changes things stands
# on the environment itself, and would otherwise ask a second time.
APPROVAL_SUFFIX = "-approval"


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
