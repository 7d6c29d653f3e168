"""What runs before the data are judged is locked by the base: uv itself, and projects without
anything to download.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from pull_request import Repository
from tidegate import config as configs
from tidegate.policy.branch import Branch
from tidegate.policy.project import by_the_base

PROJECT = """\
[project]
name = "shop"
version = "1"
requires-python = ">=3.11"
dependencies = []
"""
EVIL = """
[build-system]
requires = []
build-backend = "evil"
backend-path = ["."]
"""
ASK = "uv run --offline --locked python -c 'import sys; print(sys.prefix)'"


@pytest.fixture
def project(repository: Repository) -> Repository:
    repository.git("switch", "--quiet", "main")
    repository.write("pyproject.toml", PROJECT)
    repository.write(".gitignore", "*.parquet\n*.csv\n__pycache__\nreports\n.venv\nran\n")
    lock = ["uv", "lock", "--offline", "--quiet"]
    subprocess.run(lock, cwd=repository.root, check=True)
    repository.commit()
    repository.git("switch", "--quiet", "--create", "change-of-project")
    return repository


def branch_of(repository: Repository) -> Branch:
    return Branch.at(repository.root, "main")


def test_by_the_base__project_of_the_change_is_not_built(project: Repository) -> None:
    mark = project.root / "ran"
    project.write("pyproject.toml", PROJECT + EVIL)
    project.write("evil.py", f"open({str(mark)!r}, 'w').close()\n")
    config = configs.load(project.root / "tidegate.yaml")
    environ = {"HOME": str(project.top), "PATH": str(Path(shutil.which("uv") or "").parent)
               + ":/usr/bin:/bin", "UV_PYTHON_PREFERENCE": "system"}  # fmt: skip
    lock = ["uv", "lock", "--offline", "--quiet"]
    subprocess.run(lock, cwd=project.root, env=environ, check=True)
    # So it would be: the attack works.
    subprocess.run(shlex.split(ASK), cwd=project.root, env=environ, check=False)
    assert mark.exists()
    mark.unlink()
    with by_the_base(ASK, config, branch_of(project), environ) as command:
        done = subprocess.run(
            shlex.split(command), cwd=project.root, env=environ, capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        assert "tidegate-base-" in done.stdout
    assert not mark.exists()


@pytest.mark.parametrize("command", ["dvc", "uvx dvc", "uv run --locked dvc"])
def test_by_the_base__other_commands_and_checkouts_without_a_base_are_let_be(
    project: Repository, command: str
) -> None:
    config = configs.load(project.root / "tidegate.yaml")
    branch = None if command.startswith("uv run") else branch_of(project)
    with by_the_base(command, config, branch, {}) as given:
        assert given == command


def test_by_the_base__base_without_a_project_locks_nothing(repository: Repository) -> None:
    config = configs.load(repository.root / "tidegate.yaml")
    with by_the_base("uv run dvc", config, branch_of(repository), {}) as given:
        assert given == "uv run dvc"
