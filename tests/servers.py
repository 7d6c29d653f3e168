"""Real servers for tests: MLflow's, and PostgreSQL where one is installed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from ports import free_port

STARTUP_SECONDS = 90
# Where Debian and Ubuntu put what is not on PATH: psql's server, by version.
POSTGRES_FOLDERS = "/usr/lib/postgresql"


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    url: str
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """End it at once, with all that it started."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=30)


@contextmanager
def mlflow_server(folder: Path, store: str) -> Iterator[Server]:
    """An MLflow server that keeps its runs in the database `store`."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
        *("--backend-store-uri", store, "--workers", "1"),
        *("--artifacts-destination", str(folder / "artifacts")),
    ]
    # Without the workers of its own jobs, six more processes that nothing here needs.
    environ = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with running(
        command, folder / "mlflow.log", lambda: _answers(url), signal.SIGTERM, env=environ
    ) as process:
        yield Server(url, process)


@contextmanager
def postgres() -> Iterator[str]:
    """The URI of an empty database. Skips the test where no PostgreSQL is installed."""
    initdb, server = _program("initdb"), _program("postgres")
    if initdb is None or server is None:
        pytest.skip("no PostgreSQL server is installed")
    # It refuses to run as root, and whom it runs as must reach its files.
    as_user: dict[str, Any] = {"user": "nobody"} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="tidegate-postgres-"))
    try:
        if as_user:
            shutil.chown(folder, **as_user)
        data = folder / "data"
        words = ["--auth=trust", "--username=tidegate", "--encoding=UTF8", "--no-sync", str(data)]
        subprocess.run([initdb, *words], cwd=folder, check=True, capture_output=True, **as_user)
        port = free_port()
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": "",
            "fsync": "off",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [server, "-D", str(data), *options]
        uri = f"postgresql://tidegate@127.0.0.1:{port}/postgres"
        # On SIGINT it ends its connections and itself.
        with running(
            command, folder / "log", lambda: _takes_connections(uri), signal.SIGINT, **as_user
        ):
            yield uri
    finally:
        shutil.rmtree(folder)


@contextmanager
def running(
    command: list[str], log: Path, is_up: Any, ends_by: signal.Signals, **options: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """A server in the background, from when it is up; ended afterwards."""
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            cwd=log.parent,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
            **options,
        )
    try:
        started = time.monotonic()
        while not is_up():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() - started < STARTUP_SECONDS, log.read_text()
            time.sleep(0.2)
        yield process
    finally:
        process.send_signal(ends_by)
        process.wait(timeout=30)


def _program(name: str) -> str | None:
    folders = sorted(Path(POSTGRES_FOLDERS).glob("*/bin"), key=lambda path: float(path.parent.name))
    path = os.pathsep.join([*map(str, reversed(folders)), os.environ["PATH"]])
    return shutil.which(name, path=path)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url + "/health").status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _takes_connections(uri: str) -> bool:
    import psycopg

    try:
        psycopg.connect(uri).close()
    except psycopg.OperationalError:
        return False
    return True
