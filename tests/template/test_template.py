"""The template: what it accepts, what it refuses, and that what it gives works at once."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from cookiecutter.exceptions import FailedHookException

import render_example
from combinations import REFUSED, RUN, SUPPORTED
from ports import free_port
from rendering import assert_passes_only_what_is_taken, own_home, render
from tidegate import config as configs
from tidegate.release.load import under_load
from tidegate.release.manners import check_manners
from tidegate.release.serving import Check, connect, read_examples
from tidegate.verdict import Verdict

QUESTIONS = json.loads((render_example.TEMPLATE / "cookiecutter.json").read_text())
BIN = Path(sys.executable).parent


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_home(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every supported combination, rendered; without lock files, which need an index."""
    folder = tmp_path_factory.mktemp("services")
    rendered = {}
    with pytest.MonkeyPatch.context() as patch:
        own_home(folder, patch)
        patch.setenv("PATH", f"{BIN}:/usr/bin:/bin")
        for number, (name, answers) in enumerate(SUPPORTED.items()):
            (folder / str(number)).mkdir()
            rendered[name] = render(folder / str(number), answers)
    return rendered


def test_combinations__show_every_answer_to_every_question() -> None:
    for question, choices in QUESTIONS.items():
        if isinstance(choices, list) and not question.startswith("_"):
            shown = {answers.get(question, choices[0]) for answers in SUPPORTED.values()}
            assert shown == set(choices), question


def test_combinations__those_that_are_run_show_every_task_format_and_registry_of_models() -> None:
    assert len(RUN) == len({*RUN}) == 12
    for questions in (("task", "data_format"), ("mlflow",)):
        every = set(itertools.product(*(QUESTIONS[question] for question in questions)))
        run = {
            tuple(SUPPORTED[name].get(question, QUESTIONS[question][0]) for question in questions)
            for name in RUN
        }
        assert run == every


@pytest.mark.parametrize("name", SUPPORTED)
def test_template__supported_answers_give_a_config_that_says_the_same(
    services: dict[str, Path], name: str
) -> None:
    answers, service = SUPPORTED[name], services[name]
    config = configs.load(service / "tidegate.yaml")
    production = config.environments["production"]
    assert production.after == "staging"
    assert production.deploy.kind == answers.get("deployer", "docker")
    assert config.task == answers.get("task", "binary")
    assert config.data["samples"].path.endswith(answers.get("data_format", "parquet"))
    assert (config.image is not None) == (
        production.deploy.kind != "command" or "image_registry" in answers
    )
    assert config.image is None or config.image.push == ("image_registry" in answers)


def test_template__readme_watches_more_by_keys_that_are_known(
    services: dict[str, Path], tmp_path: Path
) -> None:
    service = next(iter(services.values()))
    (shown,) = re.findall(r"```yaml\n(watch:.*?)```", (service / "README.md").read_text(), re.S)
    whole = yaml.safe_load((service / "tidegate.yaml").read_text()) | yaml.safe_load(shown)
    (tmp_path / "tidegate.yaml").write_text(yaml.safe_dump(whole))
    watch = configs.load(tmp_path / "tidegate.yaml").need_watch()
    assert watch.objectives
    assert watch.data["recent"].dataset == "samples"


@pytest.mark.parametrize("name", SUPPORTED)
def test_template__nothing_of_its_own_is_left_over(services: dict[str, Path], name: str) -> None:
    for path in services[name].rglob("*"):
        if path.is_file() and ".git/" not in path.as_posix() and path.name != ".cruft.json":
            text = path.read_text()
            assert "cookiecutter" not in text.replace("cookiecutter-mlservice", ""), path
            assert not re.search(r"\{%|\{\{(?! )", text), path
            assert not re.search(r"\n\n\n\n|[ \t]\n|\n\n$", text), path


@pytest.mark.parametrize("name", SUPPORTED)
def test_template__workflows_pass_what_is_taken_and_know_every_secret_that_they_need(
    services: dict[str, Path], name: str
) -> None:
    answers = SUPPORTED[name]
    for path in (services[name] / ".github/workflows").glob("*.yml"):
        assert_passes_only_what_is_taken(path)
    text = (services[name] / ".github/workflows/release.yml").read_text()
    jobs = yaml.safe_load(text)["jobs"]
    mlflow = answers.get("mlflow", "sqlite")
    assert ("mlflow-tracking-token" in text) == (mlflow == "token")
    assert ("mlflow-tracking-password" in text) == (mlflow == "password")
    assert ("image-registry-password" in text) == (answers.get("image_registry") == "other")
    assert ("data" in jobs) == ("dvc_remote" in answers)
    # Nobody may prove who it is but the login to the data and the job that signs.
    pull_request = yaml.safe_load((path.parent / "pull-request.yml").read_text())["jobs"]
    may = {job for job, spec in pull_request.items() if "id-token" in spec["permissions"]}
    assert may == ({"data"} if "dvc_remote" in answers else set())


@pytest.mark.parametrize(
    "name", [name for name, answers in SUPPORTED.items() if answers.get("deployer") == "kubernetes"]
)
def test_template__overlays_of_a_cluster_run_the_configs_image_in_its_namespace(
    services: dict[str, Path], name: str
) -> None:
    config = configs.load(services[name] / "tidegate.yaml")
    assert config.image is not None
    for environment in config.environments.values():
        overlay = services[name] / str(environment.deploy.overlay)
        command = ["kubectl", "kustomize", str(overlay)]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        (deployment,) = [o for o in yaml.safe_load_all(text) if o["kind"] == "Deployment"]
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        assert container["image"] == config.image.repository
        assert deployment["metadata"]["name"] == config.service
        assert deployment["metadata"]["namespace"] == environment.deploy.namespace


def test_template__every_combination_passes_the_linters(services: dict[str, Path]) -> None:
    folders = list(services.values())
    (root,) = {folder.parent.parent for folder in folders}

    def run(*command: str | Path) -> None:
        done = subprocess.run(
            [str(word) for word in command], cwd=root, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    workflows = [path for folder in folders for path in folder.glob(".github/workflows/*.yml")]
    run("ruff", "check", *folders)
    run("ruff", "format", "--check", *folders)
    run("hadolint", "--failure-threshold", "style", *(path / "Dockerfile" for path in folders))
    run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows)
    run("check-jsonschema", "--builtin-schema", "vendor.dependabot",
        *(path / ".github/dependabot.yml" for path in folders))  # fmt: skip
    for folder in folders:
        config = folder / ".github/zizmor.yml"
        run("zizmor", "--quiet", "--offline", "--persona", "auditor", "--config", config, folder)
        run("tidegate", "doctor", "--only", "config", "--config", folder / "tidegate.yaml",
            "--report", root / "reports")  # fmt: skip


@pytest.mark.parametrize(("answers", "reason"), REFUSED, ids=lambda value: str(value))
def test_template__refused_answers_say_why(
    tmp_path: Path, answers: dict[str, str], reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(FailedHookException):
        render(tmp_path, answers)
    assert reason in capfd.readouterr().err
    assert not [path for path in tmp_path.iterdir() if (path / "tidegate.yaml").is_file()]


@pytest.mark.parametrize("name", [path.name for path in render_example.EXAMPLES.iterdir()])
def test_example__is_the_template_rendered_with_its_own_files(tmp_path: Path, name: str) -> None:
    example = render_example.EXAMPLES / name
    fresh = render_example.render(name, tmp_path / name)
    kept = {".cookiecutter.json", ".own-files", ".cruft.json"}

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


@dataclass(frozen=True)
class Rendered:
    """A service of the defaults, committed."""

    folder: Path
    environ: dict[str, str]

    def run(self, *command: str, code: int = 0) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=self.environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def service(tmp_path: Path) -> Rendered:
    inherited = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    environ = {**inherited, "PATH": f"{BIN}:{os.environ['PATH']}"}
    service = Rendered(render(tmp_path, {}), environ)
    service.run("git", "add", "--all")
    service.run("git", "commit", "--quiet", "--message", "first")
    return service


def test_template__service_passes_its_own_tests_and_linters(service: Rendered) -> None:
    service.run("make", "lint")
    service.run("make", "test")


@pytest.mark.nightly
def test_template__service_passes_its_pipeline_and_checks(service: Rendered) -> None:
    service.run("make", "data")
    assert "Ready to merge" in service.run("make", "pr")
    service.run("make", "card")
    assert "brier-score" in (service.folder / "MODEL_CARD.md").read_text()
    assert "All is well" in service.run("tidegate", "doctor", "--only", "config")
    behaviours = service.folder / "tests/behaviours.py"
    behaviours.write_text(behaviours.read_text().replace('{"mean_radius": 25}, 0.5', "{}, 2"))
    told = service.run("tidegate", "reproduce-pipeline", code=2)
    assert "a large tumour is more likely to be malignant: {} must give at least 2" in told
    found = {check.name: check for check in checks_of_the_running(service)}
    assert [check for check in found.values() if check.verdict is not Verdict.PASS] == []
    assert {"predictions", "bad request: deep nesting", "load"} <= set(found)


def checks_of_the_running(service: Rendered) -> list[Check]:
    """What `tidegate test-image` holds a container to, of the service as a process."""
    config = configs.load(service.folder / "tidegate.yaml")
    examples = read_examples(service.folder / config.serving.examples)
    port = free_port()
    command = ["uv", "run", "--locked", "python", "-m", "tumour_check.serve", "--port", str(port)]
    with (
        subprocess.Popen(
            command, cwd=service.folder, env=service.environ, start_new_session=True
        ) as process,
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
