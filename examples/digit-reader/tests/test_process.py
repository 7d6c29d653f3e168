"""The service as a process: its logs, and how it ends."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from digit_reader import batch

from sample import REQUEST

LINE = json.dumps(REQUEST).encode() + b"\n"
STARTUP_SECONDS = 180


@dataclass
class Running:
    process: subprocess.Popen[str]
    port: int

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def begin_a_batch(self) -> socket.socket:
        """A batch whose end is still to come."""
        connection = self.connect()
        connection.sendall(
            f"POST /batch HTTP/1.1\r\nHost: x\r\nContent-Type: {batch.CONTENT_TYPE}\r\n"
            f"Content-Length: {2 * len(LINE)}\r\n\r\n".encode()
            + LINE
        )
        time.sleep(0.3)  # until it is being read
        return connection

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def wait_until_it_takes_no_more(self) -> None:
        for _ in range(200):
            try:
                self.connect().close()
            except ConnectionRefusedError:
                return
            time.sleep(0.05)
        raise AssertionError("it still takes connections")


@contextmanager
def running(model: Path, *options: str) -> Iterator[Running]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    module = [sys.executable, "-m", "digit_reader.serve"]
    command = [*module, "--model", str(model), "--port", str(port), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            wait_until_ready(process, f"http://127.0.0.1:{port}/ready")
            yield Running(process, port)
        finally:
            process.kill()


def wait_until_ready(process: subprocess.Popen[str], url: str) -> None:
    """Until it is ready, or has ended."""
    started = time.monotonic()
    while process.poll() is None:
        try:
            httpx2.get(url)
            return
        except httpx2.TransportError:
            assert time.monotonic() - started < STARTUP_SECONDS, "it was never ready"
            time.sleep(0.1)


def test_sigterm__what_is_being_answered_ends_well_and_nothing_new_begins(model: Path) -> None:
    with running(model) as service:
        connection = service.begin_a_batch()
        service.stop()
        service.wait_until_it_takes_no_more()
        assert service.process.poll() is None
        connection.sendall(LINE)
        answer = connection.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.1 200")
        assert len(json.loads(answer.partition(b"\r\n\r\n")[2])["predictions"]) == 2
        assert service.process.wait(10) == 0
        assert service.process.stdout is not None
        lines = [json.loads(line) for line in service.process.stdout]
    (request,) = (line for line in lines if line["message"] == "request")
    assert (request["route"], request["status"]) == ("/batch", 200)
    assert len(request["request_id"]) == 32


def test_sigterm__somebody_who_never_ends_does_not_keep_it(model: Path) -> None:
    with running(model, "--shutdown-seconds", "1") as service:
        connection = service.begin_a_batch()
        started = time.monotonic()
        service.stop()
        assert service.process.wait(20) == 0
        assert time.monotonic() - started < 10
        connection.close()


def test_start__without_a_model_ends_and_says_so(tmp_path: Path) -> None:
    with running(tmp_path / "none") as service:
        assert service.process.wait(10) > 0
        assert service.process.stdout is not None
        lines = [json.loads(line) for line in service.process.stdout]
    assert any(str(tmp_path / "none") in line["message"] for line in lines)
