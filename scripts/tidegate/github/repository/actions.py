"""The repository's settings of GitHub Actions: what a run's own token may do, what may run."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tidegate.errors import GitHubError
from tidegate.github.repository.findings import Change, Finding, Repository, joined, not_seen

WEAKEST_POLICY = "first_time_contributors_new_to_github"
PACK = "tidegate/tidegate"


def examine(repository: Repository) -> Iterator[Finding]:
    looks: dict[str, Callable[[Repository, str], Finding]] = {
        "token of a run": _token,
        "what may run": _allowed,
        "runs of forks": _forks,
    }
    for name, look in looks.items():
        try:
            yield look(repository, name)
        except GitHubError as error:
            if error.status not in {403, 404}:
                raise
            yield not_seen(name, error)


def _token(repository: Repository, name: str) -> Finding:
    path = "actions/permissions/workflow"
    found = repository.github.get(path)
    problems = []
    if found["default_workflow_permissions"] != "read":
        problems.append("a workflow that asks for nothing may write")
    if found["can_approve_pull_request_reviews"]:
        problems.append("a workflow may approve a pull request")
    if not problems:
        return Finding(name, "pass", "reads only, unless a workflow asks for more")
    change = Change(
        "let a run's token read only, and approve no pull request",
        "PUT",
        path,
        {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": False},
    )
    remedy = "--apply, or Settings, Actions, General, Workflow permissions"
    return Finding(name, "fail", joined(problems), remedy, (change,))


def _allowed(repository: Repository, name: str) -> Finding:
    found = repository.github.get("actions/permissions")
    settings = "Settings, Actions, General"
    if not found["enabled"]:
        return Finding(name, "fail", "Actions are turned off: nothing runs", settings)
    allowed = found.get("allowed_actions", "all")
    if allowed == "local_only":
        remedy = f"{settings}: allow {PACK}/* and what it uses"
        return Finding(name, "fail", "only the owner's own actions: not this pack", remedy)
    if allowed == "selected":
        selected = repository.github.get("actions/permissions/selected-actions")
        patterns = selected.get("patterns_allowed") or []
        if not any(_admits(pattern) for pattern in patterns):
            remedy = f"{settings}: add {PACK}/* to the list, and what the pack uses"
            return Finding(name, "fail", f"{PACK} is not on the list of allowed actions", remedy)
    pinned = found.get("sha_pinning_required")
    if pinned is None:
        return Finding(name, "pass", f"actions allowed: {allowed}")
    if pinned:
        return Finding(name, "pass", f"actions allowed: {allowed}, pinned by commit")
    return Finding(
        name,
        "note",
        f"actions allowed: {allowed}, and a tag may stand for a commit that changes",
        f"once your workflows pin theirs, {settings}: require actions to be pinned by commit",
    )


def _admits(pattern: str) -> bool:
    return pattern.split("@")[0].rstrip("*").rstrip("/") in {PACK, PACK.split("/")[0], ""}


def _forks(repository: Repository, name: str) -> Finding:
    if repository.private:
        return Finding(name, "pass", "the repository is private: no stranger opens a pull request")
    path = "actions/permissions/fork-pr-contributor-approval"
    try:
        policy = repository.github.get(path)["approval_policy"]
    except GitHubError as error:
        if error.status == 404 and repository.github.on_enterprise_server:
            return Finding(name, "note", "this server has no such setting", "update it to 3.19")
        raise
    shown = policy.replace("_", " ")
    if policy != WEAKEST_POLICY:
        return Finding(name, "pass", f"someone is asked first for {shown}")
    change = Change(
        "ask before running the code of whoever contributes for the first time",
        "PUT",
        path,
        {"approval_policy": "first_time_contributors"},
    )
    remedy = "--apply, or Settings, Actions, General, Approval for running fork pull requests"
    return Finding(name, "note", f"someone is asked first only for {shown}", remedy, (change,))
