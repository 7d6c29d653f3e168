"""The template: what it accepts, what it refuses, and that what it gives works at once."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from cookiecutter.exceptions import FailedHookException
from cookiecutter.main import cookiecutter

import render_example
from shop import free_port
from tidegate import config as configs
from tidegate.release.load import under_load
from tidegate.release.manners import check_manners
from tidegate.release.serving import Check, connect, read_examples
from tidegate.verdict import Verdict

SUPPORTED: list[dict[str, str]] = [
    {},
    {"deployer": "command"},
    {"approval": "dispatch", "approvers": "ada 123 null"},
    {"deployer": "command", "approval": "dispatch", "service": "fraud-score", "python": "3.13"},
]
REFUSED = [
    ({"service": "Fraud Score"}, "lower case letters"),
    ({"service": "-fraud"}, "lower case letters"),
    ({"service": "class"}, "something else to Python"),
    ({"service": "json"}, "something else to Python"),
    ({"service": "mlflow"}, "something else to Python"),
    ({"service": "on"}, "something else to Python or YAML"),
    ({"service": 'a"b'}, "lower case letters"),
    ({"description": 'Says "late".'}, "without double quotes"),
    ({"description": "a\\b"}, "without double quotes"),
    ({"approvers": ""}, "at least one GitHub login"),
    ({"approvers": "ada, grace"}, "no GitHub login"),
    ({"approvers": "@ada"}, "no GitHub login"),
]


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """cookiecutter keeps answers in the home folder; commits need a name."""
    monkeypatch.setenv("COOKIECUTTER_CONFIG", str(tmp_path / "cookiecutter.yaml"))
    (tmp_path / "cookiecutter.yaml").write_text(
        f"cookiecutters_dir: {tmp_path / 'cc'}\nreplay_dir: {tmp_path / 'replay'}\n"
    )
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "ada")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "ada@example.com")


def render(tmp_path: Path, answers: dict[str, str]) -> Path:
    made = cookiecutter(
        str(render_example.TEMPLATE), no_input=True, output_dir=tmp_path, extra_context=answers
    )
    return Path(made)


@pytest.mark.parametrize("answers", SUPPORTED, ids=lambda answers: json.dumps(answers))
def test_template__supported_answers_give_a_whole_service(
    tmp_path: Path, answers: dict[str, str]
) -> None:
    service = render(tmp_path, answers)
    config = configs.load(service / "tidegate.yaml")
    assert config.environments["production"].after == "staging"
    assert (config.image is None) == (answers.get("deployer") == "command")
    for path in service.rglob("*"):
        if path.is_file() and ".git/" not in path.as_posix() and path.name != "uv.lock":
            text = path.read_text()
            assert "cookiecutter" not in text, path
            assert not re.search(r"\{%|\{\{(?! )", text), path


@pytest.mark.parametrize(("answers", "reason"), REFUSED, ids=lambda value: str(value))
def test_template__refused_answers_say_why(
    tmp_path: Path, answers: dict[str, str], reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(FailedHookException):
        render(tmp_path, answers)
    assert reason in capfd.readouterr().err


@pytest.mark.parametrize("name", [path.name for path in render_example.EXAMPLES.iterdir()])
def test_example__is_the_template_rendered_with_its_own_files(tmp_path: Path, name: str) -> None:
    example = render_example.EXAMPLES / name
    fresh = render_example.render(name, tmp_path / name)
    kept = {".cookiecutter.json", ".own-files"}

    def files(folder: Path) -> dict[str, bytes]:
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=folder, capture_output=True, text=True, check=True,
        ).stdout.split("\n")  # fmt: skip
        return {
            file: (folder / file).read_bytes()
            for file in listed
            if file and (folder / file).is_file() and file not in {*kept, "uv.lock"}
        }

    assert files(example) == files(fresh)


def test_template__service_passes_its_own_tests_linters_pipeline_and_checks(
    tmp_path: Path,
) -> None:
    service = render(tmp_path, {})
    inherited = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    environ = {**inherited, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def run(*command: str) -> str:
        done = subprocess.run(
            command, cwd=service, env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("git", "add", "--all")
    run("git", "commit", "--quiet", "--message", "first")
    run("make", "lint")
    run("make", "test")
    run("make", "data")
    assert "Ready to merge" in run("make", "pr")
    run("make", "card")
    assert "brier-score" in (service / "MODEL_CARD.md").read_text()
    assert "All is well" in run("tidegate", "doctor", "--only", "config")
    behaviours = service / "tests/behaviours.py"
    behaviours.write_text(behaviours.read_text().replace('{"mean_radius": 25}, 0.5', "{}, 2"))
    stopped = subprocess.run(
        ["tidegate", "reproduce-pipeline"],
        cwd=service, env=environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert stopped.returncode == 2
    assert (
        "a large tumour is more likely to be malignant: {} must give at least 2" in stopped.stderr
    )
    found = {check.name: check for check in checks_of_the_running(service, environ)}
    assert [check for check in found.values() if check.verdict is not Verdict.PASS] == []
    assert {"predictions", "bad request: deep nesting", "load"} <= set(found)


def checks_of_the_running(service: Path, environ: dict[str, str]) -> list[Check]:
    """What `tidegate test-image` holds a container to, of the service as a process."""
    config = configs.load(service / "tidegate.yaml")
    examples = read_examples(service / config.serving.examples)
    port = free_port()
    command = ["uv", "run", "--locked", "python", "-m", "tumour_check.serve", "--port", str(port)]
    with (
        subprocess.Popen(command, cwd=service, env=environ, start_new_session=True) as process,
        connect(f"http://127.0.0.1:{port}", config.serving) as running,
    ):
        try:
            running.wait_until_ready()
            return [
                running.check_predictions(examples),
                *check_manners(running, examples[0]),
                under_load(running, examples, config.serving.load).check(),
            ]
        finally:
            os.killpg(process.pid, signal.SIGTERM)
