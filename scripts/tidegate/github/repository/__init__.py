"""What a repository on GitHub needs for its config to hold: what is set up, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tidegate.config import Config
from tidegate.errors import GitHubError
from tidegate.github.api import GitHub
from tidegate.github.repository import actions, branch, environments, owners, secrets
from tidegate.github.repository.findings import Change, Finding, Repository, not_seen
from tidegate.github.repository.workflows import read_workflows

__all__ = ["Change", "Finding", "carry_out", "examine"]


def examine(github: GitHub, config: Config, reviewers: Sequence[str] = ()) -> list[Finding]:
    """Every part of it. reviewers: LOGIN or ORGANIZATION/TEAM, to be asked before a promotion.

    Raises GitHubError where the repository itself cannot be seen.
    """
    about = github.get("")
    repository = Repository(github, about["default_branch"], bool(about["private"]))
    workflows = read_workflows(config)
    looks: list[tuple[str, Iterator[Finding]]] = [
        ("environments", environments.examine(repository, config, reviewers)),
        ("rules of the default branch", branch.examine(repository, workflows)),
        ("Actions settings", actions.examine(repository)),
        ("secrets", secrets.examine(repository, config, workflows)),
        ("CODEOWNERS", owners.examine(repository, config)),
    ]
    findings: list[Finding] = []
    for name, look in looks:
        try:
            for finding in look:
                findings.append(finding)
        except GitHubError as error:
            if error.status not in {403, 404}:
                raise
            findings.append(not_seen(name, error))
    return findings


def carry_out(github: GitHub, changes: Sequence[Change]) -> None:
    """Make the changes, in order. Raises GitHubError that says how many were made before it."""
    for done, change in enumerate(changes):
        try:
            send = github.put if change.method == "PUT" else github.post
            send(change.path, change.body)
        except GitHubError as error:
            raise GitHubError(
                f"{done} of {len(changes)} changes are made; then, to {change.what}: {error.what}",
                where=github.repository,
                remedy=_remedy(error),
                status=error.status,
            ) from None


def _remedy(error: GitHubError) -> str:
    if "billing plan" in error.what:
        return (
            "this plan has no required reviewers for private repositories: it takes GitHub "
            "Enterprise, or `approval: dispatch` in the config"
        )
    return f"{error.remedy}; run it again afterwards, it does what is left"
