"""Workflow runs, the environments that they wait at, and what reviewers say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from local_github import bodies
from local_github.server import Answer, Request, Server, found, problem, route


class Deployments(Server):
    def __init__(self, *arguments: Any, **named: Any):
        super().__init__(*arguments, **named)
        self._environments: dict[tuple[str, str], dict[str, Any]] = {}
        self._approvals: dict[tuple[str, int], list[dict[str, Any]]] = {}
        self._runs: dict[tuple[str, int], dict[str, Any]] = {}
        self._waits: dict[tuple[str, int], dict[str, Any]] = {}

    def add_environment(self, repository: str, name: str, reviewers: Iterable[str] = ()) -> None:
        """A deployment environment; with reviewers it is protected by them."""
        asked = [{"type": "User", "reviewer": bodies.user(login)} for login in reviewers]
        with self._lock:
            self._environments[repository, name] = bodies.environment(
                repository, name, self.next_id(), reviewers=asked
            )

    def add_run(
        self,
        repository: str,
        workflow: str,
        *,
        title: str = "A change",
        event: str = "pull_request",
        actor: str = "mona",
        status: str = "completed",
        conclusion: str | None = "success",
        head_sha: str = "ab" * 20,
        head_branch: str = "main",
        head: str | None = None,
        attempt: int = 1,
    ) -> int:
        """A run of a workflow; its id. head: the repository of its commit, when that is a fork."""
        with self._lock:
            run_id = self.next_id()
            self._runs[repository, run_id] = bodies.workflow_run(
                repository,
                run_id,
                title=title,
                workflow=workflow,
                event=event,
                actor=actor,
                status=status,
                conclusion=conclusion if status == "completed" else None,
                head_sha=head_sha,
                head_branch=head_branch,
                head=head or repository,
                attempt=attempt,
            )
            return run_id

    def add_waiting_run(
        self, repository: str, title: str, environment: str, *, actor: str, wait_minutes: int = 0
    ) -> int:
        """A run that waits at an environment for its reviewers; its id."""
        run_id = self.add_run(
            repository,
            "promote",
            title=title,
            event="workflow_dispatch",
            actor=actor,
            status="waiting",
        )
        known = self._environments[repository, environment]
        self._waits[repository, run_id] = {
            "environment": _shown(known, "url", "html_url"),
            "wait_timer": wait_minutes,
            "wait_timer_started_at": bodies.now() if wait_minutes else None,
            "current_user_can_approve": False,
            "reviewers": [
                who for rule in known["protection_rules"] for who in rule.get("reviewers", ())
            ],
        }
        return run_id

    def review(
        self,
        repository: str,
        run_id: int,
        environment: str,
        login: str,
        *,
        state: str = "approved",
        comment: str = "",
    ) -> None:
        """A reviewer's answer to a run that waits for an environment."""
        with self._lock:
            known = self._environments[repository, environment]
            shown = _shown(known, "url", "html_url", "created_at", "updated_at")
            self._approvals.setdefault((repository, run_id), []).append(
                {
                    "environments": [shown],
                    "state": state,
                    "user": bodies.user(login),
                    "comment": comment,
                }
            )

    @route("GET", "/repos/{repository}/environments/{name}")
    def _get_environment(self, _: Request, repository: str, name: str) -> Answer:
        return found(self._environments.get((repository, name)))

    @route("GET", "/repos/{repository}/actions/runs")
    def _list_runs(self, request: Request, repository: str) -> Answer:
        asked = {
            {"branch": "head_branch"}.get(name, name): value
            for name, value in request.query.items()
            if name in {"event", "branch", "head_sha"}
        }
        status = request.query.get("status")
        runs = [
            run
            for (place, _), run in self._runs.items()
            if place == repository
            and asked.items() <= run.items()
            and status in {None, run["status"], run["conclusion"]}
        ]
        return self.page(runs[::-1], request, "workflow_runs")  # the newest first

    @route("GET", "/repos/{repository}/actions/runs/{run_id}")
    def _get_run(self, _: Request, repository: str, run_id: str) -> Answer:
        return found(self._runs.get((repository, int(run_id))))

    @route("GET", "/repos/{repository}/actions/runs/{run_id}/approvals")
    def _list_approvals(self, _: Request, repository: str, run_id: str) -> Answer:
        return Answer(200, self._approvals.get((repository, int(run_id)), []))

    @route("GET", "/repos/{repository}/actions/runs/{run_id}/pending_deployments")
    def _list_pending(self, _: Request, repository: str, run_id: str) -> Answer:
        if (repository, int(run_id)) not in self._runs:
            return problem(404, "Not Found")
        waits = self._waits.get((repository, int(run_id)))
        return Answer(200, [waits] if waits else [])


def _shown(environment: dict[str, Any], *fields: str) -> dict[str, Any]:
    return {field: environment[field] for field in ("id", "node_id", "name", *fields)}
