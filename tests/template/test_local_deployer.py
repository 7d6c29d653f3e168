"""deploy/local.py of a service: a release starts, replaces the one before, or says why not.

uv and the service itself are stand-ins; the processes, ports and folders are real.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.request import urlopen

import pytest

import render_example
from ports import free_port

# What `uv sync` leaves: a Python, in .venv if nothing else is said, that finds the package.
UV = """\
#!/bin/sh
bin="${{UV_PROJECT_ENVIRONMENT:-.venv}}/bin"
mkdir -p "$bin" && cat > "$bin/python" <<END
{python}
END
chmod +x "$bin/python"
"""
PYTHON = '#!/bin/sh\nPYTHONPATH=src exec {executable} "\\$@"'
SERVE = """\
import json, os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = {"release": os.environ["TIDEGATE_RELEASE"], "pid": os.getpid(),
                "model": Path("models/model/MLmodel").read_text()}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Handler).serve_forever()
"""


@dataclass(frozen=True)
class Machine:
    """A rendered service, and the machine that its releases start on."""

    service: Path
    home: Path
    url: str

    def deploy(self, release: str, model: str = "first") -> subprocess.CompletedProcess[str]:
        folder = self.home / f"model-{release}"
        folder.mkdir(exist_ok=True)
        (folder / "MLmodel").write_text(model)
        environ = {
            **os.environ,
            "PATH": f"{self.home / 'bin'}:{os.environ['PATH']}",
            "DEPLOY_HOME": str(self.home / "state"),
            "TIDEGATE_ENVIRONMENT": "staging",
            "TIDEGATE_RELEASE": release,
            "TIDEGATE_MODEL_PATH": str(folder),
            "TIDEGATE_URL": self.url,
        }
        return subprocess.run(
            [sys.executable, self.service / "deploy/local.py"],
            env=environ, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def health(self) -> dict[str, str | int]:
        with urlopen(f"{self.url}/health", timeout=5) as response:  # noqa: S310
            answer: dict[str, str | int] = json.load(response)
            return answer

    def installed(self) -> list[str]:
        return sorted(path.name for path in (self.home / "state/staging").glob("v*-???????"))


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    service = tmp_path / "service"
    (service / "deploy").mkdir(parents=True)
    (service / "src/flight_delay").mkdir(parents=True)
    example = render_example.EXAMPLES / "flight-delay"
    (service / "deploy/local.py").write_bytes((example / "deploy/local.py").read_bytes())
    (service / "src/flight_delay/serve.py").write_text(SERVE)
    for name in ("pyproject.toml", "uv.lock"):
        (service / name).touch()
    home = tmp_path / "machine"
    (home / "bin").mkdir(parents=True)
    stand_in(home, UV.format(python=PYTHON.format(executable=sys.executable)))
    yield Machine(service, home, f"http://127.0.0.1:{free_port()}")
    with suppress(OSError, ValueError):
        os.killpg(int((home / "state/staging/pid").read_text()), signal.SIGKILL)


def stand_in(home: Path, uv: str) -> None:
    (home / "bin/uv").write_text(uv)
    (home / "bin/uv").chmod(0o755)


def test_deploy__release_answers_with_the_model_that_was_registered(machine: Machine) -> None:
    done = machine.deploy("v1-aaaaaaa", model="first")
    assert done.returncode == 0, done.stderr
    assert machine.health()["release"] == "v1-aaaaaaa"
    assert machine.health()["model"] == "first"


def test_deploy__next_release_takes_the_place_of_the_one_before_and_back(machine: Machine) -> None:
    machine.deploy("v1-aaaaaaa", model="first")
    first = machine.health()["pid"]
    assert machine.deploy("v2-bbbbbbb", model="second").returncode == 0
    assert machine.health()["model"] == "second"
    assert machine.health()["pid"] != first
    assert machine.deploy("v1-aaaaaaa", model="first").returncode == 0
    assert machine.health()["model"] == "first"
    assert machine.installed() == ["v1-aaaaaaa", "v2-bbbbbbb"]


def test_deploy__runner_with_an_environment_elsewhere__gives_each_release_its_own(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_PROJECT_ENVIRONMENT", str(machine.home / "shared"))
    done = machine.deploy("v1-0a1b2c3")
    assert done.returncode == 0, done.stderr
    assert not (machine.home / "shared").exists()


def test_deploy__failed_installation_leaves_nothing_and_the_old_release_runs(
    machine: Machine,
) -> None:
    machine.deploy("v1-aaaaaaa")
    stand_in(machine.home, "#!/bin/sh\necho 'no such version' >&2\nexit 2\n")
    done = machine.deploy("v2-bbbbbbb")
    assert done.returncode != 0
    assert "no such version" in done.stderr
    assert machine.health()["release"] == "v1-aaaaaaa"
    assert machine.installed() == ["v1-aaaaaaa"]


def test_deploy__installation_that_was_killed_is_done_anew(machine: Machine) -> None:
    works = (machine.home / "bin/uv").read_text()
    stand_in(machine.home, "#!/bin/sh\nkill -9 $PPID\n")
    assert machine.deploy("v1-aaaaaaa").returncode != 0
    stand_in(machine.home, works)
    assert machine.deploy("v1-aaaaaaa").returncode == 0
    assert machine.health()["release"] == "v1-aaaaaaa"


def test_deploy__service_that_does_not_start_shows_its_log(machine: Machine) -> None:
    (machine.service / "src/flight_delay/serve.py").write_text("raise SystemExit('no model')\n")
    done = machine.deploy("v1-aaaaaaa")
    assert done.returncode == 1
    assert "no model" in done.stderr


def test_deploy__port_of_somebody_else_is_left_alone(machine: Machine) -> None:
    class Somebody(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    port = int(machine.url.rsplit(":", 1)[1])
    with ThreadingHTTPServer(("127.0.0.1", port), Somebody) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        done = machine.deploy("v1-aaaaaaa")
        server.shutdown()
    assert done.returncode == 1
    assert "in use by something that this script did not start" in done.stderr
