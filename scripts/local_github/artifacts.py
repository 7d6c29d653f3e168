"""What runs upload, and where GitHub keeps it: another host, whose address is the permission."""

from __future__ import annotations

import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from local_github import bodies
from local_github.server import Answer, Request, Server, problem, route


class Artifacts(Server):
    """stored_requests: the headers of every request for what is kept elsewhere."""

    def __init__(self, *arguments: Any, **named: Any):
        super().__init__(*arguments, **named)
        self.stored_requests: list[dict[str, str]] = []
        self._artifacts: dict[int, tuple[str, dict[str, Any]]] = {}
        self._kept: dict[str, bytes] = {}
        self._storage: ThreadingHTTPServer | None = None

    def start(self) -> Self:
        self._storage = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        serve = self._storage.serve_forever
        threading.Thread(target=serve, args=(0.01,), daemon=True).start()
        return super().start()

    def stop(self) -> None:
        if self._storage is not None:
            self._storage.shutdown()
            self._storage.server_close()
            self._storage = None
        super().stop()

    def add_artifact(
        self, repository: str, run_id: int, content: bytes, name: str = "tidegate-reports"
    ) -> int:
        """What a run uploaded, as the zip file that it is kept in; its id."""
        with self._lock:
            identity = self.next_id()
            artifact = bodies.artifact(repository, identity, run_id, name, len(content))
            self._artifacts[identity] = repository, artifact
            self._kept[f"/{identity}"] = content
            return identity

    @route("GET", "/repos/{repository}/actions/runs/{run_id}/artifacts")
    def _list_artifacts(self, request: Request, repository: str, run_id: str) -> Answer:
        found = [
            artifact
            for place, artifact in self._artifacts.values()
            if (place, artifact["workflow_run"]["id"]) == (repository, int(run_id))
            and request.query.get("name") in {None, artifact["name"]}
        ]
        return self.page(found, request, "artifacts")

    @route("GET", "/repos/{repository}/actions/artifacts/{identity}/zip")
    def _download(self, _: Request, repository: str, identity: str) -> Answer:
        if self._artifacts.get(int(identity), (None,))[0] != repository or self._storage is None:
            return problem(404, "Not Found")
        port, pass_word = self._storage.server_address[1], secrets.token_hex(8)
        address = f"http://127.0.0.1:{port}/{int(identity)}?sig={pass_word}"
        return Answer(302, None, {"Location": address})


def _handler(artifacts: Artifacts) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            artifacts.stored_requests.append(headers)
            content = artifacts._kept[self.path.partition("?")[0]]
            self.send_response(200)
            self.send_header("Content-Type", "application/zip")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            try:
                self.wfile.write(content)
            except OSError:
                return  # whoever asked has seen enough

        def log_message(self, format: str, *arguments: object) -> None:
            """Silent: what was asked for stands in `stored_requests`."""

    return Handler
