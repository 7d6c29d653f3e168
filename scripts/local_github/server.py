"""The bones of the stand-in: an HTTP server in memory that routes, pages, limits and fails.

What it answers for stands in the modules beside it, a class for each part of GitHub.
"""

from __future__ import annotations

import json
import math
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from local_github.bodies import repository_id
from local_github.description import Description
from local_github.exchange import Answer, Request, found, problem, route

# What the modules beside it are written with.
__all__ = ["BOT", "Answer", "Request", "Server", "found", "problem", "route"]

BOT = "github-actions[bot]"
REQUESTS_AN_HOUR = 5_000


class Server:
    """Routes requests to the methods marked with `route`, under one lock.

    token: the one that is accepted, and belongs to `login`. prefix: `/api/v3` on GitHub Enterprise
    Server. description: what every exchange is held to; the faults are raised when it stops.
    """

    held_to: ClassVar[Description | None] = None  # where no description is given: set by the tests

    def __init__(
        self,
        token: str = "local-token",  # noqa: S107 - of the stand-in
        login: str = BOT,
        *,
        description: Description | None = None,
        prefix: str = "",
        clock: Callable[[], float] = time.time,
    ):
        self.token = token
        self.login = login
        self.requests: list[tuple[str, str]] = []
        self.faults: list[str] = []
        self._description = description or self.held_to
        self._prefix = prefix
        self._clock = clock
        self._lock = threading.RLock()
        self._failures: deque[Answer] = deque()
        self._lost: list[str] = []
        self._before: dict[str, deque[Callable[[], object]]] = {}
        self._left, self._reset = REQUESTS_AN_HOUR, math.inf
        self._paused_until = 0.0
        self._repositories: dict[str, str] = {}
        self._routes = list(_marked(self))
        self._last_id = 1_000
        self._http: ThreadingHTTPServer | None = None

    # What goes wrong.

    def fail_next(self, status: int, *, times: int = 1, **headers: str) -> None:
        """Answer the next requests with an error; headers such as `retry_after="1"`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._failures.extend([problem(status, "Something went wrong", named)] * times)

    def answer_next(self, body: Any, *, status: int = 200, times: int = 1, **headers: str) -> None:
        """Answer the next requests as something does that is not GitHub."""
        self._failures.extend([Answer(status, body, headers, foreign=True)] * times)

    def limit(self, left: int, *, seconds: float) -> None:
        """The primary limit: so many requests are left, until that many seconds from now."""
        self._left, self._reset = left, self._clock() + seconds

    def pause(self, seconds: float) -> None:
        """The secondary limit: every request is refused for so long."""
        self._paused_until = self._clock() + seconds

    def lose_answer_of(self, method: str) -> None:
        """Do what the next request of this method asks, and answer 502."""
        self._lost.append(method)

    def before(self, method: str, change: Callable[[], object]) -> None:
        """Change the world just before a request of this method is answered; several, in turn."""
        self._before.setdefault(method, deque()).append(change)

    # The server.

    @property
    def url(self) -> str:
        assert self._http is not None, "start it first"  # noqa: S101
        return f"http://127.0.0.1:{self._http.server_address[1]}{self._prefix}"

    def start(self) -> Self:
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        serve = self._http.serve_forever
        threading.Thread(target=serve, args=(0.01,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Raises AssertionError where an exchange was not as GitHub describes it."""
        if self._http is not None:
            self._http.shutdown()
            self._http.server_close()
            self._http = None
        if self.faults:
            raise AssertionError("\n".join(["not as GitHub describes it:", *self.faults]))

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def answer(self, request: Request) -> Answer:
        """GitHub's answer to one request."""
        request = self._by_name(request)
        if changes := self._before.get(request.method):
            changes.popleft()()
        with self._lock:
            self.requests.append((request.method, request.path))
            answer = self._answer(request)
            if self._description is not None and not answer.foreign:
                self.faults += self._description.faults(request, answer)
            return replace(answer, headers={**self._limits(), **answer.headers})

    def _answer(self, request: Request) -> Answer:
        if self._failures:
            return self._failures.popleft()
        if refusal := self._over_limit():
            return refusal
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return problem(401, "Bad credentials")
        answer = self._dispatch(request)
        if request.method in self._lost:
            self._lost.remove(request.method)
            return problem(502, "Server Error")
        return answer

    def _dispatch(self, request: Request) -> Answer:
        for method, pattern, respond in self._routes:
            if method == request.method and (match := pattern.fullmatch(request.path)):
                named = {name: unquote(value) for name, value in match.groupdict().items()}
                return respond(request, **named)
        return problem(404, "Not Found")

    def _over_limit(self) -> Answer | None:
        now = self._clock()
        if now < self._paused_until:
            wait = {"retry-after": str(math.ceil(self._paused_until - now))}
            return problem(403, "You have exceeded a secondary rate limit.", wait)
        if now >= self._reset:
            self._left, self._reset = REQUESTS_AN_HOUR, math.inf
        if self._left == 0:
            return problem(403, "API rate limit exceeded for installation ID 1.")
        self._left -= 1
        return None

    def _limits(self) -> dict[str, str]:
        reset = self._clock() + 3600 if self._reset == math.inf else self._reset
        return {
            "x-ratelimit-limit": str(REQUESTS_AN_HOUR),
            "x-ratelimit-remaining": str(self._left),
            "x-ratelimit-reset": str(math.ceil(reset)),
        }

    def _by_name(self, request: Request) -> Request:
        """Links to further pages name a repository by its number, as GitHub's do."""
        match = re.fullmatch(r"/repositories/(\d+)/(.*)", request.path)
        name = self._repositories.get(match[1]) if match else None
        return replace(request, path=f"/repos/{name}/{match[2]}") if match and name else request

    def page(self, items: list[dict[str, Any]], request: Request, field: str = "") -> Answer:
        """One page of a list, with GitHub's Link header to the others.

        field: where it stands in an object beside the number of all, for lists that come so.
        """
        size = min(int(request.query.get("per_page", 30)), 100)
        number = int(request.query.get("page", 1))
        last = max(1, -(-len(items) // size))
        _, _, owner, name, rest = request.path.split("/", 4)
        known = str(repository_id(f"{owner}/{name}"))
        self._repositories[known] = f"{owner}/{name}"

        def link(page: int, relation: str) -> str:
            query = urlencode({**request.query, "page": page})
            return f'<{request.base_url}/repositories/{known}/{rest}?{query}>; rel="{relation}"'

        links = []
        if number > 1:
            links += [link(number - 1, "prev"), link(1, "first")]
        if number < last:
            links += [link(number + 1, "next"), link(last, "last")]
        shown = items[(number - 1) * size : number * size]
        body = {"total_count": len(items), field: shown} if field else shown
        return Answer(200, body, {"Link": ", ".join(links)} if links else {})

    def next_id(self) -> int:
        self._last_id += 1
        return self._last_id


def _marked(server: Server) -> Iterator[tuple[str, re.Pattern[str], Callable[..., Answer]]]:
    for name in dir(type(server)):
        method = getattr(type(server), name)
        if hasattr(method, "route"):
            yield *method.route, getattr(server, name)


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _respond(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("content-length") or 0)
            content = self.rfile.read(length)
            request = Request(
                self.command,
                parts.path.removeprefix(server._prefix),
                {name: values[-1] for name, values in parse_qs(parts.query).items()},
                {name.lower(): value for name, value in self.headers.items()},
                json.loads(content) if content else None,
                server.url,
            )
            outside = not parts.path.startswith(server._prefix)
            self._send(problem(404, "Not Found") if outside else server.answer(request))

        def _send(self, answer: Answer) -> None:
            content = b"" if answer.body is None else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            if answer.status != 204:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _respond

        def log_message(self, format: str, *arguments: object) -> None:
            """Silent: what was asked for stands in `requests`."""

    return Handler
