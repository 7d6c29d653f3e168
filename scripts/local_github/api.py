"""GitHub's REST API, as far as tidegate uses it: in memory, on a free port of this machine.

Paths, status codes, bodies and paging are those that GitHub documents; tests and the demo point
GITHUB_API_URL at it and read afterwards what was posted.
"""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

DOCUMENTATION = "https://docs.github.com/rest"
BOT = "github-actions[bot]"


@dataclass(frozen=True)
class Answer:
    """A response: its status, JSON body and extra headers."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """What a client asked for."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    base_url: str


class LocalGitHub:
    """A GitHub that knows what it is told, as a context manager.

    token: the one that is accepted, and belongs to `login`. may_comment: false answers attempts
    to write as GitHub does for a token without that permission, such as that of a fork.
    """

    def __init__(self, token: str = "local-token", login: str = BOT, *, may_comment: bool = True):  # noqa: S107
        self.token = token
        self.login = login
        self.may_comment = may_comment
        self.requests: list[tuple[str, str]] = []
        self._lock = threading.RLock()
        self._pulls: dict[tuple[str, int], dict[str, Any]] = {}
        self._comments: dict[int, tuple[str, int, dict[str, Any]]] = {}
        self._environments: dict[tuple[str, str], dict[str, Any]] = {}
        self._approvals: dict[tuple[str, int], list[dict[str, Any]]] = {}
        self._waiting: dict[tuple[str, int], dict[str, Any]] = {}
        self._failures: deque[Answer] = deque()
        self._lost: list[str] = []
        self._before: dict[str, Callable[[], None]] = {}
        self._last_id = 1_000
        self._server: ThreadingHTTPServer | None = None

    # What the world holds.

    def add_pull_request(
        self, repository: str, number: int, *, head_sha: str, author: str, head: str | None = None
    ) -> None:
        """An open pull request; head: the repository it comes from, when that is a fork."""
        with self._lock:
            self._pulls[repository, number] = {
                "number": number,
                "state": "open",
                "user": _user(author),
                "head": {"sha": head_sha, "repo": {"full_name": head or repository}},
                "base": {"repo": {"full_name": repository}},
                "html_url": f"https://github.com/{repository}/pull/{number}",
            }

    def add_environment(self, repository: str, name: str, reviewers: Iterable[str] = ()) -> None:
        """A deployment environment; with reviewers it is protected by them."""
        asked = [{"type": "User", "reviewer": _user(login)} for login in reviewers]
        with self._lock:
            rule = {
                "id": self._next_id(),
                "type": "required_reviewers",
                "prevent_self_review": False,
                "reviewers": asked,
            }
            self._environments[repository, name] = {
                "id": self._next_id(),
                "name": name,
                "html_url": f"https://github.com/{repository}/deployments/{name}",
                "created_at": _now(),
                "updated_at": _now(),
                "protection_rules": [rule] if asked else [],
                "deployment_branch_policy": None,
            }

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
            shown = {name: known[name] for name in ("id", "name", "created_at", "updated_at")}
            self._approvals.setdefault((repository, run_id), []).append(
                {
                    "environments": [shown],
                    "state": state,
                    "user": _user(login),
                    "comment": comment,
                }
            )

    def add_waiting_run(
        self, repository: str, title: str, environment: str, *, actor: str, wait_minutes: int = 0
    ) -> int:
        """A run that waits at an environment for its reviewers; its id."""
        with self._lock:
            run_id = self._next_id()
            self._waiting[repository, run_id] = {
                "run": {
                    "id": run_id,
                    "name": "promote",
                    "display_title": title,
                    "status": "waiting",
                    "conclusion": None,
                    "event": "workflow_dispatch",
                    "created_at": _now(),
                    "html_url": f"https://github.com/{repository}/actions/runs/{run_id}",
                    "actor": _user(actor),
                },
                "environment": environment,
                "wait_timer": wait_minutes,
            }
            return run_id

    def add_comment(self, repository: str, number: int, body: str, login: str) -> int:
        """A comment that somebody wrote; its id."""
        with self._lock:
            comment_id = self._next_id()
            page = f"https://github.com/{repository}/pull/{number}#issuecomment-{comment_id}"
            comment = {
                "id": comment_id,
                "body": body,
                "user": _user(login),
                "html_url": page,
                "author_association": "NONE",
                "created_at": _now(),
                "updated_at": _now(),
            }
            self._comments[comment_id] = (repository, number, comment)
            return comment_id

    def comments(self, repository: str, number: int) -> list[dict[str, Any]]:
        """The comments of an issue or pull request, oldest first."""
        with self._lock:
            return [
                dict(comment)
                for place, issue, comment in self._comments.values()
                if (place, issue) == (repository, number)
            ]

    def delete_comment(self, comment_id: int) -> None:
        with self._lock:
            del self._comments[comment_id]

    def fail_next(self, status: int, *, times: int = 1, **headers: str) -> None:
        """Answer the next requests with an error; headers such as `retry_after="1"`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._failures.extend([_problem(status, "Something went wrong", named)] * times)

    def lose_answer_of(self, method: str) -> None:
        """Do what the next request of this method asks, and answer 502."""
        self._lost.append(method)

    def before(self, method: str, change: Callable[[], None]) -> None:
        """Change the world just before the next request of this method is answered."""
        self._before[method] = change

    # The server.

    @property
    def url(self) -> str:
        assert self._server is not None, "start it first"  # noqa: S101
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        serve = self._server.serve_forever
        threading.Thread(target=serve, args=(0.01,), daemon=True).start()
        return self

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def answer(self, request: Request) -> Answer:
        """GitHub's answer to one request."""
        with self._lock:
            self.requests.append((request.method, request.path))
            if self._failures:
                return self._failures.popleft()
            if request.headers.get("authorization") != f"Bearer {self.token}":
                return _problem(401, "Bad credentials")
            self._before.pop(request.method, lambda: None)()
            answer = self._dispatch(request)
            if request.method in self._lost:
                self._lost.remove(request.method)
                return _problem(502, "Server Error")
            return answer

    def _dispatch(self, request: Request) -> Answer:
        for method, pattern, respond in self._routes():
            if method == request.method and (match := pattern.fullmatch(request.path)):
                named = {name: unquote(value) for name, value in match.groupdict().items()}
                return respond(request, **named)
        return _problem(404, "Not Found")

    def _routes(self) -> list[tuple[str, re.Pattern[str], Callable[..., Answer]]]:
        return [
            ("GET", re.compile("/user"), self._get_user),
            ("GET", _path("/pulls/(?P<number>\\d+)"), self._get_pull),
            ("GET", _path("/issues/(?P<number>\\d+)/comments"), self._list_comments),
            ("POST", _path("/issues/(?P<number>\\d+)/comments"), self._create_comment),
            ("PATCH", _path("/issues/comments/(?P<comment_id>\\d+)"), self._update_comment),
            ("GET", _path("/environments/(?P<name>[^/]+)"), self._get_environment),
            ("GET", _path("/actions/runs"), self._list_runs),
            ("GET", _path("/actions/runs/(?P<run_id>\\d+)/approvals"), self._list_approvals),
            (
                "GET",
                _path("/actions/runs/(?P<run_id>\\d+)/pending_deployments"),
                self._list_pending,
            ),
        ]

    def _get_user(self, _: Request) -> Answer:
        if self.login == BOT:
            return _problem(403, "Resource not accessible by integration")
        return Answer(200, _user(self.login))

    def _get_pull(self, _: Request, repository: str, number: str) -> Answer:
        return _found(self._pulls.get((repository, int(number))))

    def _list_comments(self, request: Request, repository: str, number: str) -> Answer:
        if (repository, int(number)) not in self._pulls:
            return _problem(404, "Not Found")
        return _page(self.comments(repository, int(number)), request)

    def _create_comment(self, request: Request, repository: str, number: str) -> Answer:
        if (repository, int(number)) not in self._pulls:
            return _problem(404, "Not Found")
        if refusal := self._refusal(request):
            return refusal
        body = str(request.body["body"])
        comment_id = self.add_comment(repository, int(number), body, self.login)
        return Answer(201, self._comments[comment_id][2])

    def _update_comment(self, request: Request, repository: str, comment_id: str) -> Answer:
        place, _, comment = self._comments.get(int(comment_id), (None, None, None))
        if comment is None or place != repository:
            return _problem(404, "Not Found")
        if refusal := self._refusal(request):
            return refusal
        comment |= {"body": str(request.body["body"]), "updated_at": _now()}
        return Answer(200, comment)

    def _refusal(self, request: Request) -> Answer | None:
        if not self.may_comment:
            return _problem(403, "Resource not accessible by integration")
        body = request.body.get("body")
        if not isinstance(body, str) or not body:
            return _problem(422, "Validation Failed: body can't be blank")
        if len(body) > 65_536:
            return _problem(
                422, "Validation Failed: body is too long (maximum is 65536 characters)"
            )
        return None

    def _get_environment(self, _: Request, repository: str, name: str) -> Answer:
        return _found(self._environments.get((repository, name)))

    def _list_approvals(self, _: Request, repository: str, run_id: str) -> Answer:
        return Answer(200, self._approvals.get((repository, int(run_id)), []))

    def _list_runs(self, request: Request, repository: str) -> Answer:
        # Every run that it knows of waits.
        waits = request.query.get("status") in {None, "waiting"}
        runs = [
            item["run"] for (of, _), item in self._waiting.items() if of == repository and waits
        ]
        page = _page(runs[::-1], request)  # the newest first
        return Answer(200, {"total_count": len(runs), "workflow_runs": page.body}, page.headers)

    def _list_pending(self, _: Request, repository: str, run_id: str) -> Answer:
        found = self._waiting.get((repository, int(run_id)))
        if found is None:
            return _problem(404, "Not Found")
        environment = self._environments[repository, found["environment"]]
        asked = [
            who for rule in environment["protection_rules"] for who in rule.get("reviewers", ())
        ]
        pending = {
            "environment": {name: environment[name] for name in ("id", "name", "html_url")},
            "wait_timer": found["wait_timer"],
            "wait_timer_started_at": None,
            "current_user_can_approve": False,
            "reviewers": asked,
        }
        return Answer(200, [pending])

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id


def _path(rest: str) -> re.Pattern[str]:
    return re.compile(f"/repos/(?P<repository>[^/]+/[^/]+){rest}")


def _found(resource: dict[str, Any] | None) -> Answer:
    return _problem(404, "Not Found") if resource is None else Answer(200, resource)


def _problem(status: int, message: str, headers: Mapping[str, str] | None = None) -> Answer:
    body = {"message": message, "documentation_url": DOCUMENTATION, "status": str(status)}
    return Answer(status, body, headers or {})


def _page(items: list[dict[str, Any]], request: Request) -> Answer:
    """One page of a list, with GitHub's Link header to the others."""
    size = min(int(request.query.get("per_page", 30)), 100)
    number = int(request.query.get("page", 1))
    last = max(1, -(-len(items) // size))

    def link(page: int, relation: str) -> str:
        query = urlencode({**request.query, "page": page})
        return f'<{request.base_url}{request.path}?{query}>; rel="{relation}"'

    links = []
    if number > 1:
        links += [link(number - 1, "prev"), link(1, "first")]
    if number < last:
        links += [link(number + 1, "next"), link(last, "last")]
    headers = {"Link": ", ".join(links)} if links else {}
    return Answer(200, items[(number - 1) * size : number * size], headers)


def _user(login: str) -> dict[str, Any]:
    kind = "Bot" if login.endswith("[bot]") else "User"
    return {"login": login, "type": kind, "html_url": f"https://github.com/{login}"}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _handler(github: LocalGitHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _respond(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("content-length") or 0)
            request = Request(
                self.command,
                parts.path,
                {name: values[-1] for name, values in parse_qs(parts.query).items()},
                {name.lower(): value for name, value in self.headers.items()},
                json.loads(self.rfile.read(length) or b"{}"),
                github.url,
            )
            answer = github.answer(request)
            content = json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = _respond

        def log_message(self, format: str, *arguments: object) -> None:
            """Silent: what was asked for stands in `requests`."""

    return Handler
