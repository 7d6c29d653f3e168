"""The environments of a config on GitHub: who must say yes, and which branches may use them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import quote

from tidegate.config import Config
from tidegate.errors import GitHubError
from tidegate.github.environments import APPROVAL_SUFFIX
from tidegate.github.repository.findings import Change, Finding, Repository, joined, not_seen

ONLY_SOME_BRANCHES = {"protected_branches": False, "custom_branch_policies": True}
MAX_REVIEWERS = 6  # GitHub's own
Reviewer = dict[str, Any]  # {type: User or Team, id: ...}, as GitHub takes them


def examine(repository: Repository, config: Config, reviewers: Sequence[str]) -> Iterator[Finding]:
    wanted = [_reviewer(repository, name) for name in reviewers]
    for name, environment in config.environments.items():
        yield _look(repository, name, None)
        if environment.approval == "environment":
            yield _look(repository, name + APPROVAL_SUFFIX, wanted)


def _look(repository: Repository, name: str, asked: list[Reviewer] | None) -> Finding:
    """One environment. asked: reviewers it shall have; None where it needs none."""
    path = f"environments/{quote(name, safe='')}"
    try:
        found = _get(repository, path)
        allowed = _branches(repository, path, found)
    except GitHubError as error:
        if error.status not in {403, 404}:
            raise
        return not_seen(f"environment {name}", error)
    body = _body(found)
    problems = []
    if found is None:
        problems.append("it does not exist: the first run would make it, without protection")
    if body["deployment_branch_policy"] is None:
        problems.append("any branch may use it, and its secrets")
        body["deployment_branch_policy"] = ONLY_SOME_BRANCHES
        allowed = []
    elif allowed == []:
        problems.append("no branch may use it")
    if asked is not None:
        problems += _ask(body, asked)
    changes = []
    if body != _body(found):
        verb = "change" if found else "make"
        detail = _told(body, _body(found))
        changes.append(Change(f"{verb} the environment {name}: {detail}", "PUT", path, body))
    if allowed == []:
        branch = repository.default_branch
        changes.append(
            Change(
                f"let the branch {branch} use the environment {name}",
                "POST",
                f"{path}/deployment-branch-policies",
                {"name": branch, "type": "branch"},
            )
        )
    if problems:
        remedy = _remedy(repository, name, body, asked)
        return Finding(f"environment {name}", "fail", joined(problems), remedy, tuple(changes))
    shut_out = allowed is not None and not any(
        fnmatchcase(repository.default_branch, pattern) for pattern in allowed
    )
    if shut_out:
        return Finding(
            f"environment {name}",
            "note",
            f"{repository.default_branch} may not use it, only {', '.join(allowed or ())}",
            "promote and roll back from one of those, or add it to the environment's branches",
        )
    people = (
        f"reviewers: {len(body['reviewers'])}" if body["reviewers"] else "nobody needs to be asked"
    )
    return Finding(f"environment {name}", "pass", f"{people}; its branches are limited")


def _get(repository: Repository, path: str) -> Mapping[str, Any] | None:
    try:
        found: Mapping[str, Any] = repository.github.get(path)
    except GitHubError as error:
        if error.status == 404:  # the repository itself was seen
            return None
        raise
    return found


def _branches(
    repository: Repository, path: str, found: Mapping[str, Any] | None
) -> list[str] | None:
    """Patterns of the branches that may use it; None where they are not listed one by one."""
    policy = (found or {}).get("deployment_branch_policy") or {}
    if not policy.get("custom_branch_policies"):
        return None
    policies = repository.github.pages(f"{path}/deployment-branch-policies", "branch_policies")
    return [policy["name"] for policy in policies if policy.get("type", "branch") == "branch"]


def _body(found: Mapping[str, Any] | None) -> dict[str, Any]:
    """What is set, in the form in which it is set: there, what is left out is taken away."""
    body: dict[str, Any] = {
        "wait_timer": 0,
        "prevent_self_review": False,
        "reviewers": [],
        "deployment_branch_policy": (found or {}).get("deployment_branch_policy"),
    }
    for rule in (found or {}).get("protection_rules") or ():
        if rule["type"] == "wait_timer":
            body["wait_timer"] = rule["wait_timer"]
        elif rule["type"] == "required_reviewers":
            body["prevent_self_review"] = bool(rule.get("prevent_self_review"))
            body["reviewers"] = [
                {"type": item["type"], "id": item["reviewer"]["id"]} for item in rule["reviewers"]
            ]
    return body


def _ask(body: dict[str, Any], asked: list[Reviewer]) -> list[str]:
    """Put the reviewers into the body, beside those who are there; what is wrong without them."""
    problems = []
    if not body["reviewers"]:
        problems.append("it requires no reviewers, so nobody would be asked")
    missing = [reviewer for reviewer in asked if reviewer not in body["reviewers"]]
    if body["reviewers"] and missing:
        problems.append(f"{len(missing)} of the reviewers asked for are not among its own")
    if body["reviewers"] and not body["prevent_self_review"]:
        problems.append("whoever starts a promotion may approve it")
    body["reviewers"] = [*body["reviewers"], *missing]
    body["prevent_self_review"] = bool(body["reviewers"])
    if len(body["reviewers"]) > MAX_REVIEWERS:
        raise GitHubError(
            f"an environment takes {MAX_REVIEWERS} reviewers, these would be "
            f"{len(body['reviewers'])}",
            remedy="name a team: --reviewer ORGANIZATION/TEAM",
        )
    return problems


def _told(body: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    told = []
    if more := len(body["reviewers"]) - len(before["reviewers"]):
        told.append(f"required reviewers: {more} more")
    if body["prevent_self_review"] and not before["prevent_self_review"]:
        told.append("nobody approves their own promotion")
    if body["deployment_branch_policy"] != before["deployment_branch_policy"]:
        told.append("only branches that are listed")
    return ", ".join(told)


def _remedy(
    repository: Repository, name: str, body: Mapping[str, Any], asked: list[Reviewer] | None
) -> str:
    remedy = f"--apply, or Settings, Environments, {name}"
    if asked is not None and not body["reviewers"]:
        remedy = f"name who is asked: --apply --reviewer LOGIN, or Settings, Environments, {name}"
        if repository.private:
            remedy += (
                ". Private repositories need GitHub Enterprise for required reviewers; elsewhere "
                "use `approval: dispatch`"
            )
    return remedy


def _reviewer(repository: Repository, name: str) -> Reviewer:
    organization, _, team = name.rpartition("/")
    path = f"/users/{quote(name)}"
    if organization:
        path = f"/orgs/{quote(organization)}/teams/{quote(team)}"
    try:
        found = repository.github.get(path)
    except GitHubError as error:
        if error.status != 404:
            raise
        raise GitHubError(
            f"GitHub knows no {'team' if organization else 'user'} {name}",
            where="--reviewer",
            remedy="write a person's login, or ORGANIZATION/TEAM as in the team's address",
        ) from None
    return {"type": "Team" if organization else "User", "id": found["id"]}
