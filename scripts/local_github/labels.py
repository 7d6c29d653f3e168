"""Labels of pull requests, who set them, what may be done by whom, and earlier attempts of runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local_github import bodies
from local_github.conversations import Conversations
from local_github.server import Answer, Request, found, problem, route

# What GitHub's older field says of each role.
_PERMISSIONS = {"admin": "admin", "maintain": "write", "write": "write", "triage": "read",
                "read": "read"}  # fmt: skip


class Labels(Conversations):
    def __init__(self, *arguments: Any, **named: Any):
        super().__init__(*arguments, **named)
        self._timelines: dict[tuple[str, int], list[dict[str, Any]]] = {}
        self._roles: dict[tuple[str, str], str] = {}
        self._commits: dict[tuple[str, str], dict[str, Any]] = {}
        self._attempts: dict[tuple[str, int, int], tuple[dict[str, Any], dict[str, Any]]] = {}

    def add_collaborator(self, repository: str, login: str, role: str) -> None:
        self._roles[repository, login] = role

    def add_commit(
        self, repository: str, sha: str, *, author: str | None, committer: str | None = "web-flow"
    ) -> None:
        """author, committer: logins; None where GitHub knows nobody of the commit's address."""
        self._commits[repository, sha] = bodies.commit(repository, sha, author, committer)

    def set_label(
        self, repository: str, number: int, label: str, login: str, at: str, *, app: bool = False
    ) -> None:
        """app: whether it was set by an app in the person's name."""
        with self._lock:
            labels = self._pulls[repository, number]["labels"]
            labels.append(bodies.label(repository, label, self.next_id()))
            self._tell(repository, number, "labeled", label, login, at, app=app)

    def take_label_off(self, repository: str, number: int, label: str, login: str, at: str) -> None:
        with self._lock:
            labels = self._pulls[repository, number]["labels"]
            labels[:] = [one for one in labels if one["name"] != label]
            self._tell(repository, number, "unlabeled", label, login, at)

    def add_attempt(
        self,
        repository: str,
        run_id: int,
        attempt: int,
        *,
        head_sha: str,
        steps: Mapping[str, tuple[str, str]],
    ) -> None:
        """An earlier attempt of a run, of one job. steps: name -> (conclusion, when it ended)."""
        run = bodies.workflow_run(
            repository, run_id, title="A change", workflow="pull-request", event="pull_request",
            actor="mona", status="completed", conclusion="failure", head_sha=head_sha,
            head_branch="change", head=repository, attempt=attempt,
        )  # fmt: skip
        job = bodies.job(repository, run, self.next_id(), steps)
        self._attempts[repository, run_id, attempt] = (run, job)

    def _tell(
        self,
        repository: str,
        number: int,
        event: str,
        label: str,
        login: str,
        at: str,
        *,
        app: bool = False,
    ) -> None:
        told = self._timelines.setdefault((repository, number), [])
        told.append(
            bodies.label_event(repository, self.next_id(), event, label, login, at, app=app)
        )

    @route("GET", "/repos/{repository}/issues/{number}/timeline")
    def _list_timeline(self, request: Request, repository: str, number: str) -> Answer:
        if (repository, int(number)) not in self._pulls:
            return problem(404, "Not Found")
        return self.page(self._timelines.get((repository, int(number)), []), request)

    @route("GET", "/repos/{repository}/collaborators/{login}/permission")
    def _get_permission(self, _: Request, repository: str, login: str) -> Answer:
        role = self._roles.get((repository, login), "read")
        person = {
            **bodies.user(login), "role_name": role,
            "permissions": {
                "pull": True, "triage": role != "read", "push": role not in ("read", "triage"),
                "maintain": role in ("maintain", "admin"), "admin": role == "admin",
            },
        }  # fmt: skip
        body = {"permission": _PERMISSIONS.get(role, "write"), "role_name": role, "user": person}
        return Answer(200, body)

    @route("GET", "/repos/{repository}/commits/{sha}")
    def _get_commit(self, _: Request, repository: str, sha: str) -> Answer:
        return found(self._commits.get((repository, sha)))

    @route("GET", "/repos/{repository}/actions/runs/{run_id}/attempts/{attempt}")
    def _get_attempt(self, _: Request, repository: str, run_id: str, attempt: str) -> Answer:
        run, _job = self._attempts.get((repository, int(run_id), int(attempt)), (None, None))
        return found(run)

    @route("GET", "/repos/{repository}/actions/runs/{run_id}/attempts/{attempt}/jobs")
    def _list_jobs(self, request: Request, repository: str, run_id: str, attempt: str) -> Answer:
        known = self._attempts.get((repository, int(run_id), int(attempt)))
        if known is None:
            return problem(404, "Not Found")
        return self.page([known[1]], request, "jobs")
