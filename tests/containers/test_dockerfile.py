"""The Dockerfile of the template on a real engine: what it gives, and that it gives it twice.

The service inside is the template's with hardly a package, so that a build takes seconds.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

import render_example
from docker_shop import BASE_IMAGE
from local_github.act import ROOT

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = pytest.mark.docker

DOCKERFILE = render_example.EXAMPLES / "flight-delay" / "Dockerfile"
PROJECT = """\
[project]
name = "flight-delay"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["tenacity==9.1.2"]

[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[tool.hatch.build.targets.wheel]
packages = ["src/flight_delay"]
"""
SERVE = '"""Says what it runs as."""\n\nSETS = {"a", "b", "c"}\nprint("ready" in SETS)\n'
UV = shutil.which("uv") or str(ROOT / "build/tools/bin/uv")


def answer(*command: str, builder: str = "0", folder: Path | None = None) -> str:
    environ = {**os.environ, "DOCKER_BUILDKIT": builder}
    done = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def clients() -> dict[str, tuple[str, str]]:
    """Builder -> (a docker client that drives it, what DOCKER_BUILDKIT has to be)."""
    found = {"classic": ("docker", "0")}
    for folder in os.environ["PATH"].split(os.pathsep):
        client = Path(folder, "docker")
        if not os.access(client, os.X_OK):
            continue
        version = subprocess.run([client, "--version"], capture_output=True, text=True, check=False)
        buildx = subprocess.run([client, "buildx", "version"], capture_output=True, check=False)
        major = re.search(r"version (\d+)", version.stdout)
        # Until 23, BuildKit was driven by the client itself; since then by its plugin buildx.
        if buildx.returncode == 0 or (major is not None and int(major[1]) < 23):
            found.setdefault("buildkit", (str(client), "1"))
    return found


@pytest.fixture(scope="module")
def service(engine: DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the Dockerfile builds from."""
    folder = tmp_path_factory.mktemp("service")
    for name in ("Dockerfile", ".dockerignore"):
        shutil.copyfile(DOCKERFILE.with_name(name), folder / name)
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "src/flight_delay").mkdir(parents=True)
    (folder / "src/flight_delay/__init__.py").touch()
    (folder / "src/flight_delay/serve.py").write_text(SERVE)
    (folder / "models/model/deep").mkdir(parents=True)
    (folder / "models/model/MLmodel").write_text("flavors: {}\n")
    (folder / "models/model/deep/weights").write_bytes(bytes(range(256)))
    answer(UV, "lock", "--quiet", folder=folder)
    return folder


@pytest.fixture(scope="module")
def built() -> Iterator[list[str]]:
    """Ids of images that are removed afterwards."""
    images: list[str] = []
    yield images
    for image in images:
        subprocess.run(["docker", "rmi", "--force", image], capture_output=True, check=False)


@pytest.fixture(scope="module")
def image(service: Path, built: list[str]) -> str:
    """What the classic builder makes of it."""
    built.append(build(service, "classic"))
    return built[0]


def build(service: Path, builder: str, *arguments: str) -> str:
    """Build everything anew; the image's id."""
    client, buildkit = clients()[builder]
    note = service.parent / f"id-{uuid4().hex}"
    answer(
        *(client, "build", "--no-cache", "--force-rm", "--network", "host"),
        *("--build-arg", f"PYTHON_IMAGE={BASE_IMAGE}", "--iidfile", str(note)),
        *(*arguments, str(service)),
        builder=buildkit,
    )
    return note.read_text()


def inspected(image: str) -> dict[str, Any]:
    (found,) = json.loads(answer("docker", "image", "inspect", image))
    assert isinstance(found, dict)
    return found


def elsewhere(service: Path, folder: Path) -> Path:
    """The same commit as another checkout has it: other times, and another umask."""
    shutil.copytree(service, folder)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o775 if path.is_dir() else 0o664)
        os.utime(path, (1_500_000_000, 1_500_000_000))
    return folder


def layers(image: str) -> list[str]:
    found = inspected(image)["RootFS"]["Layers"]
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("builder", ["classic", "buildkit"])
def test_dockerfile__two_builds_of_a_commit_have_the_same_layers(
    service: Path, image: str, tmp_path: Path, built: list[str], builder: str
) -> None:
    if builder not in clients():
        pytest.skip("no docker client here drives BuildKit")
    built.append(build(elsewhere(service, tmp_path / "elsewhere"), builder))
    assert layers(built[-1]) == layers(image)
    assert len(layers(image)) > len(layers(BASE_IMAGE))


def test_dockerfile__another_model_changes_the_models_layer_alone(
    service: Path, image: str, tmp_path: Path, built: list[str]
) -> None:
    other = elsewhere(service, tmp_path / "other")
    (other / "models/model/deep/weights").write_bytes(b"better")
    built.append(build(other, "classic"))
    same = [a == b for a, b in zip(layers(built[-1]), layers(image), strict=True)]
    assert same.count(False) == 1


def test_dockerfile__image_runs_without_rights_and_writes_nothing(image: str) -> None:
    config = inspected(image)["Config"]
    assert config["User"] == "10001"
    assert config["Healthcheck"]["Test"][:2] == ["CMD", "python"]
    assert "/health" in " ".join(config["Healthcheck"]["Test"])
    seen = answer(
        *("docker", "run", "--rm", "--read-only", "--cap-drop", "ALL", "--network", "none"),
        *("--security-opt", "no-new-privileges", "--entrypoint", "python", image, "-c"),
        "import getpass, importlib.metadata as m, os, pathlib, sys, flight_delay.serve as s\n"
        "print(os.getuid(), getpass.getuser(), sys.prefix, m.version('tenacity'))\n"
        "print(s.__file__, pathlib.Path('models/model/MLmodel').read_text())\n"
        "cached = list(pathlib.Path(s.__file__).parent.rglob('*.pyc'))\n"
        # 0b01 in the flags is a hash in place of a time; without 0b10 nobody compares it.
        "print(len(cached), {path.read_bytes()[4] for path in cached})\n"
        "print(os.path.exists('/build'), os.path.exists('/uv'), os.access('/app', os.W_OK))\n",
    ).splitlines()
    assert seen[1] == "10001 service /app 9.1.2"
    assert seen[2].startswith("/app/lib/python3")
    assert seen[2].endswith("serve.py flavors: {}")
    assert seen[-2:] == ["2 {1}", "False False False"]


def test_dockerfile__takes_the_lock_file_as_it_is(service: Path, tmp_path: Path) -> None:
    other = elsewhere(service, tmp_path / "other")
    text = (other / "pyproject.toml").read_text()
    (other / "pyproject.toml").write_text(text.replace("tenacity==9.1.2", "tenacity==9.0.0"))
    client, _ = clients()["classic"]
    done = subprocess.run(
        [
            *(client, "build", "--force-rm", "--network", "host"),
            *("--build-arg", f"PYTHON_IMAGE={BASE_IMAGE}", str(other)),
        ],
        env={**os.environ, "DOCKER_BUILDKIT": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "lockfile" in done.stdout + done.stderr
