"""The issues of a repository, and its workflows as far as they can be started."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from local_github import bodies
from local_github.conversations import MAX_COMMENT, Conversations
from local_github.server import Answer, Request, found, problem, route

MAX_TITLE = 256


class Issues(Conversations):
    """started: (repository, workflow, inputs) of each workflow that was started, in turn."""

    def __init__(self, *arguments: Any, **named: Any):
        super().__init__(*arguments, **named)
        self.started: list[tuple[str, str, dict[str, str]]] = []
        self._workflows: dict[str, set[str]] = {}
        self._issues: dict[tuple[str, int], dict[str, Any]] = {}

    def add_issue(
        self, repository: str, title: str, body: str, login: str, **fields: Any
    ) -> dict[str, Any]:
        """An open issue; the very one that is answered with. fields: what is otherwise."""
        with self._lock:
            number = 1 + len(self.issues(repository))
            made = bodies.issue(repository, number, self.next_id(), title, body, login)
            self._issues[repository, number] = made | fields
            return self._issues[repository, number]

    def issues(self, repository: str) -> list[dict[str, Any]]:
        """As they are, oldest first."""
        with self._lock:
            return [dict(one) for (name, _), one in self._issues.items() if name == repository]

    def close_issue(self, repository: str, number: int) -> None:
        """As a person does."""
        with self._lock:
            self._issues[repository, number] |= {
                "state": "closed", "state_reason": "not_planned", "closed_at": bodies.now(),
            }  # fmt: skip

    def edit_issue(self, repository: str, number: int, body: str) -> None:
        with self._lock:
            self._issues[repository, number]["body"] = body

    def set_workflows(self, repository: str, files: Iterable[str]) -> None:
        """The workflows that are there, and can be started."""
        self._workflows[repository] = set(files)

    def has_conversation(self, repository: str, number: int) -> bool:
        return (repository, number) in self._issues or super().has_conversation(repository, number)

    @route("GET", "/repos/{repository}/issues")
    def _list_issues(self, request: Request, repository: str) -> Answer:
        state, since = request.query.get("state", "open"), request.query.get("since", "")
        chosen = [
            issue
            for issue in self.issues(repository)[::-1]  # the newest first
            if state in {"all", issue["state"]} and issue["updated_at"] >= since
        ]
        return self.page(chosen, request)

    @route("POST", "/repos/{repository}/issues")
    def _create_issue(self, request: Request, repository: str) -> Answer:
        if refusal := self._refused(request):
            return refusal
        title, body = request.body["title"], request.body.get("body") or ""
        return Answer(201, self.add_issue(repository, title, body, self.login))

    @route("GET", "/repos/{repository}/issues/{number}")
    def _get_issue(self, _: Request, repository: str, number: str) -> Answer:
        return found(self._issues.get((repository, int(number))))

    @route("PATCH", "/repos/{repository}/issues/{number}")
    def _update_issue(self, request: Request, repository: str, number: str) -> Answer:
        issue = self._issues.get((repository, int(number)))
        if issue is None:
            return problem(404, "Not Found")
        if refusal := self._refused(request):
            return refusal
        issue |= request.body
        issue["updated_at"] = bodies.now()
        issue["closed_at"] = bodies.now() if issue["state"] == "closed" else None
        return Answer(200, issue)

    @route("POST", "/repos/{repository}/actions/workflows/{file}/dispatches")
    def _start_workflow(self, request: Request, repository: str, file: str) -> Answer:
        if not self.may_comment:
            return problem(403, "Resource not accessible by integration")
        if file not in self._workflows.get(repository, ()):
            return problem(404, "Not Found")
        self.started.append((repository, file, dict(request.body.get("inputs") or {})))
        return Answer(204)

    def _refused(self, request: Request) -> Answer | None:
        if not self.may_comment:
            return problem(403, "Resource not accessible by integration")
        title, body = request.body.get("title", "a title"), request.body.get("body") or ""
        if not title or len(title) > MAX_TITLE or len(body) > MAX_COMMENT:
            return problem(422, "Validation Failed")
        return None
