"""A proxy that lets nobody through to a server without the right Authorization."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx


@contextmanager
def guarded(url: str, authorization: str) -> Iterator[str]:
    """The address at which the server at `url` answers those who send `authorization`."""
    with httpx.Client(base_url=url, timeout=60) as http:

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.headers.get("Authorization") != authorization:
                    self._answer(401, {}, b'{"error_code": "UNAUTHENTICATED"}')
                    return
                passed = {"content-type", "accept", "range"}
                headers = {k: v for k, v in self.headers.items() if k.lower() in passed}
                answer = http.request(self.command, self.path, content=body, headers=headers)
                kept = {k: v for k, v in answer.headers.items() if k.lower() == "content-type"}
                self._answer(answer.status_code, kept, answer.content)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_any

            def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}"
            finally:
                server.shutdown()
                thread.join()
