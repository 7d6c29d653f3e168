"""GitHub's objects as it sends them, complete: the tests hold them to GitHub's description."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

API = "https://api.github.com"
WEB = "https://github.com"

# What every object that names a repository links to.
_REPOSITORY_LINKS = """
archive /{archive_format}{/ref}|assignees /assignees{/user}|blobs /git/blobs{/sha}
branches /branches{/branch}|collaborators /collaborators{/collaborator}|comments /comments{/number}
commits /commits{/sha}|compare /compare/{base}...{head}|contents /contents/{+path}
contributors /contributors|deployments /deployments|downloads /downloads|events /events
forks /forks|git_commits /git/commits{/sha}|git_refs /git/refs{/sha}|git_tags /git/tags{/sha}
hooks /hooks|issue_comment /issues/comments{/number}|issue_events /issues/events{/number}
issues /issues{/number}|keys /keys{/key_id}|labels /labels{/name}|languages /languages
merges /merges|milestones /milestones{/number}
notifications /notifications{?since,all,participating}|pulls /pulls{/number}
releases /releases{/id}|stargazers /stargazers|statuses /statuses/{sha}|subscribers /subscribers
subscription /subscription|tags /tags|teams /teams|trees /git/trees{/sha}
""".replace("\n", "|")
_USER_LINKS = """
followers /followers|following /following{/other_user}|gists /gists{/gist_id}
starred /starred{/owner}{/repo}|subscriptions /subscriptions|organizations /orgs|repos /repos
events /events{/privacy}|received_events /received_events
""".replace("\n", "|")


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def node_id(kind: str, number: int) -> str:
    return base64.b64encode(f"0:{kind}{number}".encode()).decode()


def repository_id(name: str) -> int:
    return zlib.crc32(name.encode())


def user(login: str) -> dict[str, Any]:
    """A person or, where the login ends so, a `[bot]`."""
    number = zlib.crc32(login.encode())
    here = f"{API}/users/{login}"
    return {
        "login": login,
        "id": number,
        "node_id": node_id("User", number),
        "avatar_url": f"https://avatars.githubusercontent.com/u/{number}?v=4",
        "gravatar_id": "",
        "url": here,
        "html_url": f"{WEB}/{login}",
        "type": "Bot" if login.endswith("[bot]") else "User",
        "site_admin": False,
        **_links(here, _USER_LINKS),
    }


def account(login: str) -> dict[str, Any]:
    """What the owner of a token sees of its own account."""
    unsaid = ("name", "company", "location", "email", "hireable", "bio")
    counts = ("public_repos", "public_gists", "followers", "following")
    return {
        **user(login),
        **dict.fromkeys(unsaid),
        **dict.fromkeys(counts, 0),
        "blog": "",
        "created_at": now(),
        "updated_at": now(),
    }


def minimal_repository(name: str) -> dict[str, Any]:
    """What objects that mention a repository show of it."""
    number = repository_id(name)
    here = f"{API}/repos/{name}"
    return {
        "id": number,
        "node_id": node_id("Repository", number),
        "name": name.split("/")[1],
        "full_name": name,
        "owner": user(name.split("/")[0]),
        "private": False,
        "html_url": f"{WEB}/{name}",
        "description": None,
        "fork": False,
        "url": here,
        **_links(here, _REPOSITORY_LINKS),
    }


def repository(name: str) -> dict[str, Any]:
    counts = ("forks", "open_issues", "watchers")
    features = {"issues": True, "projects": True, "downloads": True, "wiki": False, "pages": False}
    return {
        **minimal_repository(name),
        **dict.fromkeys((*counts, *(f"{count}_count" for count in counts)), 0),
        **{f"has_{feature}": there for feature, there in features.items()},
        **dict.fromkeys(("homepage", "language", "mirror_url", "license")),
        "stargazers_count": 0,
        "size": 1,
        "default_branch": "main",
        "archived": False,
        "disabled": False,
        "visibility": "public",
        "clone_url": f"{WEB}/{name}.git",
        "git_url": f"git://github.com/{name}.git",
        "ssh_url": f"git@github.com:{name}.git",
        "svn_url": f"{WEB}/{name}",
        "pushed_at": now(),
        "created_at": now(),
        "updated_at": now(),
    }


def pull_request(
    name: str,
    number: int,
    identity: int,
    *,
    head_sha: str,
    author: str,
    head: str,
    branch: str,
    base_sha: str,
) -> dict[str, Any]:
    """An open one, from `branch` of `head` to `main` of `name`."""
    here = f"{API}/repos/{name}/pulls/{number}"
    issue = f"{API}/repos/{name}/issues/{number}"
    page = f"{WEB}/{name}/pull/{number}"
    links = {
        "self": here,
        "html": page,
        "issue": issue,
        "comments": f"{issue}/comments",
        "review_comments": f"{here}/comments",
        "review_comment": f"{API}/repos/{name}/pulls/comments{{/number}}",
        "commits": f"{here}/commits",
        "statuses": f"{API}/repos/{name}/statuses/{head_sha}",
    }
    counts = ("comments", "review_comments", "additions", "deletions", "changed_files")
    unset = ("body", "milestone", "active_lock_reason", "closed_at", "merged_at", "assignee")
    return {
        "id": identity,
        "node_id": node_id("PullRequest", identity),
        "number": number,
        "state": "open",
        "locked": False,
        "title": "A change",
        "user": user(author),
        "labels": [],
        "head": _end(head, branch, head_sha),
        "base": _end(name, "main", base_sha),
        "_links": {relation: {"href": url} for relation, url in links.items()},
        "url": here,
        "html_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "issue_url": issue,
        **{
            f"{relation}_url": links[relation]
            for relation in ("comments", "review_comments", "review_comment", "commits", "statuses")
        },
        **dict.fromkeys(counts, 0),
        **dict.fromkeys((*unset, "merge_commit_sha", "auto_merge", "merged_by", "mergeable")),
        "assignees": [],
        "requested_reviewers": [],
        "requested_teams": [],
        "author_association": "CONTRIBUTOR",
        "draft": False,
        "commits": 1,
        "merged": False,
        "rebaseable": None,
        "mergeable_state": "unknown",
        "maintainer_can_modify": False,
        "created_at": now(),
        "updated_at": now(),
    }


# What only a pull request that is asked for by itself shows.
_NOT_LISTED = {"comments", "review_comments", "additions", "deletions", "changed_files", "commits"}
_NOT_LISTED |= {"merged", "merged_by", "mergeable", "mergeable_state", "rebaseable"}
_NOT_LISTED |= {"maintainer_can_modify"}


def listed(pull: dict[str, Any]) -> dict[str, Any]:
    """A pull request in a list."""
    return {name: value for name, value in pull.items() if name not in _NOT_LISTED}


def file(name: str, path: str) -> dict[str, Any]:
    """A file that a pull request changes."""
    sha = f"{zlib.crc32(path.encode()):08x}" * 5
    place = quote(path)
    return {
        "sha": sha,
        "filename": path,
        "status": "modified",
        "additions": 1,
        "deletions": 1,
        "changes": 2,
        "blob_url": f"{WEB}/{name}/blob/{sha}/{place}",
        "raw_url": f"{WEB}/{name}/raw/{sha}/{place}",
        "contents_url": f"{API}/repos/{name}/contents/{place}?ref={sha}",
        "patch": "@@ -1 +1 @@",
    }


def artifact(name: str, identity: int, run_id: int, label: str, size: int) -> dict[str, Any]:
    """What a run uploaded."""
    here = f"{API}/repos/{name}/actions/artifacts/{identity}"
    return {
        "id": identity,
        "node_id": node_id("Artifact", identity),
        "name": label,
        "size_in_bytes": size,
        "url": here,
        "archive_download_url": f"{here}/zip",
        "expired": False,
        "created_at": now(),
        "expires_at": now(),
        "updated_at": now(),
        "workflow_run": {"id": run_id},
    }


def issue(
    name: str, number: int, identity: int, title: str, body: str, login: str
) -> dict[str, Any]:
    """An open one."""
    here = f"{API}/repos/{name}/issues/{number}"
    unset = ("state_reason", "assignee", "milestone", "closed_at", "active_lock_reason")
    return {
        "id": identity,
        "node_id": node_id("Issue", identity),
        "number": number,
        "url": here,
        "repository_url": f"{API}/repos/{name}",
        "labels_url": f"{here}/labels{{/name}}",
        "comments_url": f"{here}/comments",
        "events_url": f"{here}/events",
        "html_url": f"{WEB}/{name}/issues/{number}",
        "state": "open",
        "title": title,
        "body": body,
        "user": user(login),
        "labels": [],
        "assignees": [],
        "locked": False,
        "comments": 0,
        "author_association": "NONE",
        **dict.fromkeys(unset),
        "created_at": now(),
        "updated_at": now(),
    }


def comment(name: str, number: int, identity: int, body: str, login: str) -> dict[str, Any]:
    return {
        "id": identity,
        "node_id": node_id("IssueComment", identity),
        "url": f"{API}/repos/{name}/issues/comments/{identity}",
        "html_url": f"{WEB}/{name}/pull/{number}#issuecomment-{identity}",
        "issue_url": f"{API}/repos/{name}/issues/{number}",
        "body": body,
        "user": user(login),
        "author_association": "NONE",
        "performed_via_github_app": None,
        "created_at": now(),
        "updated_at": now(),
    }


def workflow_run(
    name: str,
    identity: int,
    *,
    title: str,
    workflow: str,
    event: str,
    actor: str,
    status: str,
    conclusion: str | None,
    head_sha: str,
    head_branch: str,
    head: str,
    attempt: int,
) -> dict[str, Any]:
    """A run of .github/workflows/WORKFLOW.yml; head: the repository that its commit is of."""
    here = f"{API}/repos/{name}/actions/runs/{identity}"
    suite = identity + 1_000_000
    kind = zlib.crc32(workflow.encode())
    parts = ("jobs", "logs", "artifacts", "cancel", "rerun")
    return {
        "id": identity,
        "node_id": node_id("WorkflowRun", identity),
        "name": workflow,
        "path": f".github/workflows/{workflow}.yml",
        "display_title": title,
        "workflow_id": kind,
        "workflow_url": f"{API}/repos/{name}/actions/workflows/{kind}",
        "run_number": 1,
        "run_attempt": attempt,
        "event": event,
        "status": status,
        "conclusion": conclusion,
        "head_sha": head_sha,
        "head_branch": head_branch,
        "head_commit": {
            "id": head_sha,
            "tree_id": head_sha,
            "message": title,
            "timestamp": now(),
            "author": {"name": actor, "email": f"{actor}@users.noreply.github.com"},
            "committer": {"name": "GitHub", "email": "noreply@github.com"},
        },
        "actor": user(actor),
        "triggering_actor": user(actor),
        "check_suite_id": suite,
        "check_suite_node_id": node_id("CheckSuite", suite),
        "check_suite_url": f"{API}/repos/{name}/check-suites/{suite}",
        "url": here,
        "html_url": f"{WEB}/{name}/actions/runs/{identity}",
        **{f"{part}_url": f"{here}/{part}" for part in parts},
        "previous_attempt_url": None,
        "pull_requests": [],
        "referenced_workflows": [],
        "repository": minimal_repository(name),
        "head_repository": minimal_repository(head),
        "run_started_at": now(),
        "created_at": now(),
        "updated_at": now(),
    }


def job(
    name: str, run: Mapping[str, Any], identity: int, steps: Mapping[str, tuple[str, str]]
) -> dict[str, Any]:
    """A job that has ended; steps: name -> (conclusion, when it ended)."""
    ends = [at for _, at in steps.values()] or [now()]
    here = f"{API}/repos/{name}/actions/jobs/{identity}"
    failed = any(conclusion == "failure" for conclusion, _ in steps.values())
    return {
        "id": identity,
        "node_id": node_id("Job", identity),
        "run_id": run["id"],
        "run_url": run["url"],
        "run_attempt": run["run_attempt"],
        "head_sha": run["head_sha"],
        "head_branch": run["head_branch"],
        "workflow_name": run["name"],
        "name": "gates / Gate",
        "url": here,
        "html_url": f"{run['html_url']}/job/{identity}",
        "check_run_url": f"{API}/repos/{name}/check-runs/{identity}",
        "status": "completed",
        "conclusion": "failure" if failed else "success",
        "created_at": min(ends),
        "started_at": min(ends),
        "completed_at": max(ends),
        "steps": [
            {"name": step, "status": "completed", "conclusion": conclusion, "number": number,
             "started_at": at, "completed_at": at}
            for number, (step, (conclusion, at)) in enumerate(steps.items(), 1)
        ],
        "labels": ["ubuntu-latest"],
        "runner_id": 1,
        "runner_name": "GitHub Actions 1",
        "runner_group_id": 0,
        "runner_group_name": "GitHub Actions",
    }  # fmt: skip


def label(name: str, label: str, identity: int) -> dict[str, Any]:
    return {
        "id": identity,
        "node_id": node_id("Label", identity),
        "url": f"{API}/repos/{name}/labels/{label}",
        "name": label,
        "description": None,
        "color": "ededed",
        "default": False,
    }


def label_event(
    name: str, identity: int, event: str, label: str, login: str, at: str, *, app: bool
) -> dict[str, Any]:
    """`labeled` or `unlabeled`, of a timeline. app: whether one did it in the person's name."""
    return {
        "id": identity,
        "node_id": node_id("LabeledEvent", identity),
        "url": f"{API}/repos/{name}/issues/events/{identity}",
        "actor": user(login),
        "event": event,
        "commit_id": None,
        "commit_url": None,
        "created_at": at,
        "label": {"name": label, "color": "ededed"},
        "performed_via_github_app": _app() if app else None,
    }


def commit(name: str, sha: str, author: str | None, committer: str | None) -> dict[str, Any]:
    here = f"{API}/repos/{name}/commits/{sha}"
    git = f"{API}/repos/{name}/git"
    people = {"author": author, "committer": committer}
    signed = {
        role: {"name": login or "Somebody", "email": "somebody@example.com", "date": now()}
        for role, login in people.items()
    }
    return {
        "sha": sha,
        "node_id": node_id("Commit", zlib.crc32(sha.encode())),
        "url": here,
        "html_url": f"{WEB}/{name}/commit/{sha}",
        "comments_url": f"{here}/comments",
        "commit": {
            **signed,
            "message": "A change",
            "tree": {"sha": sha, "url": f"{git}/trees/{sha}"},
            "url": f"{git}/commits/{sha}",
            "comment_count": 0,
        },
        **{role: None if login is None else user(login) for role, login in people.items()},
        "parents": [],
    }


def _app() -> dict[str, Any]:
    return {
        "id": 7,
        "node_id": node_id("App", 7),
        "slug": "labeller",
        "name": "Labeller",
        "owner": user("acme"),
        "description": None,
        "external_url": "https://example.com",
        "html_url": f"{WEB}/apps/labeller",
        "created_at": now(),
        "updated_at": now(),
        "permissions": {"issues": "write"},
        "events": [],
    }


def environment(
    name: str,
    label: str,
    identity: int,
    *,
    reviewers: list[dict[str, Any]],
    prevent_self_review: bool = False,
    wait_timer: int = 0,
    branches: dict[str, bool] | None = None,
) -> dict[str, Any]:
    """A deployment environment; with reviewers it is protected by them."""
    rules: list[dict[str, Any]] = []
    if wait_timer:
        rules.append({"type": "wait_timer", "wait_timer": wait_timer})
    if reviewers:
        told = {"prevent_self_review": prevent_self_review, "reviewers": reviewers}
        rules.append({"type": "required_reviewers", **told})
    if branches:
        rules.append({"type": "branch_policy"})
    for number, rule in enumerate(rules, start=identity + 1_000_000):
        rule |= {"id": number, "node_id": node_id("Gate", number)}
    return {
        "id": identity,
        "node_id": node_id("Environment", identity),
        "name": label,
        "url": f"{API}/repos/{name}/environments/{label}",
        "html_url": f"{WEB}/{name}/deployments/activity_log?environments_filter={label}",
        "created_at": now(),
        "updated_at": now(),
        "protection_rules": rules,
        "deployment_branch_policy": branches,
    }


def _end(name: str, branch: str, sha: str) -> dict[str, Any]:
    owner = name.split("/")[0]
    return {
        "label": f"{owner}:{branch}",
        "ref": branch,
        "sha": sha,
        "user": user(owner),
        "repo": repository(name),
    }


def _links(here: str, table: str) -> dict[str, str]:
    pairs = (line.split() for line in table.split("|") if line)
    return {f"{name}_url": here + path for name, path in pairs}
