"""Servers that answer as they are told, for the tests of what a running service is held to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from typing import Any

from tidegate.config import Serving
from tidegate.release.serving import Example, RunningService, connect

EXAMPLES = [Example({"x": 1.0}, {"": 0.25}), Example({"x": 2.0}, {"": 0.5})]
Answer = Callable[[bytes], tuple[int, Any]]


@contextmanager
def answering(
    answer: Answer, health: Any = None, server: type[HTTPServer] = ThreadingHTTPServer
) -> Iterator[RunningService]:
    """A service whose predictions are `answer(body)`: a status and what becomes JSON."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 5  # a client that never ends its body is not waited for when the test is over

        def _send(self, status: int, body: Any) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            self._send(200 if health is not None else 503, health)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            known = self.path == "/invocations"
            self._send(*(answer(body) if known else (404, {"detail": "Not Found"})))

        def log_message(self, *_: Any) -> None:
            pass

    with server(("127.0.0.1", 0), Handler) as serving:
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            with connecting(serving.server_port) as service:
                yield service
        finally:
            serving.shutdown()
            thread.join()


def connecting(port: int) -> AbstractContextManager[RunningService]:
    return connect(f"http://127.0.0.1:{port}/", Serving.model_validate({"startup-seconds": 0.3}))


def predictions(*values: Any) -> Answer:
    return lambda _: (200, {"predictions": list(values)})
