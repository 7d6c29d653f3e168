"""A service goes to a newer template: cruft brings what is new, and local edits survive.

The template of before is this one with four things taken back; the two are commits of a repository.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cookiecutter.main import cookiecutter

import render_example
from rendering import own_home

SERVICE = "{{cookiecutter.service}}"
# File of the template, what it says today, and what it said before.
BEFORE = [
    (f"{SERVICE}/Dockerfile", "EXPOSE 8080\n", "EXPOSE 80\n"),
    (f"{SERVICE}/Makefile", "## tests\n\tuv run --locked pytest\n", "## tests\n\tpytest\n"),
    (f"{SERVICE}/.github/workflows/release.yml", "branches: [main]\n", "branches: [trunk]\n"),
]
ADDED = f"{SERVICE}/.dvcignore"


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_home(tmp_path, monkeypatch)
    # No uv: the lock file needs an index, and is the service's own business.
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def commit(folder: Path, message: str) -> str:
    run(folder, "git", "add", "--all")
    run(folder, "git", "commit", "--quiet", "--message", message)
    return run(folder, "git", "rev-parse", "HEAD").strip()


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A repository whose HEAD is the template of before."""
    repository = tmp_path / "pack"
    template = repository / "cookiecutter-mlservice"
    shutil.copytree(render_example.TEMPLATE, template)
    for name, today, before in BEFORE:
        path = template / name
        assert path.read_text().count(today) == 1, name
        path.write_text(path.read_text().replace(today, before))
    (template / ADDED).unlink()
    run(repository, "git", "init", "--quiet", "--initial-branch", "main")
    commit(repository, "before")
    return repository


@pytest.fixture
def service(tmp_path: Path, template: Path) -> Path:
    """A service from the template of before, with edits of its own."""
    made = cookiecutter(
        str(template), directory="cookiecutter-mlservice", no_input=True, output_dir=tmp_path,
        extra_context={"approval": "dispatch", "approvers": "ada grace", "data_format": "csv"},
    )  # fmt: skip
    service = Path(made)
    run(service, "git", "config", "merge.conflictStyle", "merge")
    commit(service, "rendered")
    config = service / "tidegate.yaml"
    config.write_text(config.read_text().replace("{min: 0.9,", "{min: 0.97,"))
    (service / "src/tumour_check/ingest.py").write_text('"""Our own source."""\n')
    (service / "src/tumour_check/ours.py").write_text('"""A module of our own."""\n')
    (service / "data/.gitkeep").unlink()
    commit(service, "edited")
    return service


def upgrade(template: Path, service: Path) -> str:
    """Bring the template to today's, and the service after it."""
    shutil.rmtree(template / "cookiecutter-mlservice")
    shutil.copytree(render_example.TEMPLATE, template / "cookiecutter-mlservice")
    today = commit(template, "today")
    told = run(service, "cruft", "update", "--skip-apply-ask")
    assert json.loads((service / ".cruft.json").read_text())["commit"] == today
    return told


def test_service__knows_its_template_from_the_start(template: Path, service: Path) -> None:
    linked = json.loads((service / ".cruft.json").read_text())
    head = run(template, "git", "rev-parse", "HEAD").strip()
    assert (linked["commit"], linked["directory"]) == (head, "cookiecutter-mlservice")
    assert linked["context"]["cookiecutter"]["approvers"] == "ada grace"
    assert not [name for name in linked["context"]["cookiecutter"] if name.startswith("_")]
    run(service, "cruft", "check")


def test_upgrade__brings_what_is_new_and_leaves_local_edits(template: Path, service: Path) -> None:
    upgrade(template, service)
    for name, today, before in BEFORE:
        text = (service / name.removeprefix(f"{SERVICE}/")).read_text()
        assert (today in text, before in text) == (True, False), name
    assert (service / ".dvcignore").is_file()
    assert "{min: 0.97," in (service / "tidegate.yaml").read_text()
    assert (service / "src/tumour_check/ingest.py").read_text() == '"""Our own source."""\n'
    assert (service / "src/tumour_check/ours.py").is_file()
    assert not (service / "data/.gitkeep").exists()
    changed = {line[3:] for line in run(service, "git", "status", "--porcelain").splitlines()}
    assert changed == {
        ".cruft.json", ".dvcignore", "Dockerfile", "Makefile", ".github/workflows/release.yml",
    }  # fmt: skip
    # The answers of then hold: the service is today's rendering of them, but for its own edits.
    commit(service, "upgraded")
    run(service, "cruft", "check")


def test_upgrade__where_both_changed_a_line_the_conflict_is_shown_and_nothing_is_lost(
    template: Path, service: Path
) -> None:
    dockerfile = service / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace("EXPOSE 80\n", "EXPOSE 9000\n"))
    commit(service, "our own port")
    upgrade(template, service)
    text = dockerfile.read_text()
    assert "<<<<<<< ours\nEXPOSE 9000\n=======\nEXPOSE 8080\n>>>>>>> theirs\n" in text
    assert "UU Dockerfile" in run(service, "git", "status", "--porcelain")
    # The other files are upgraded all the same.
    assert "branches: [main]" in (service / ".github/workflows/release.yml").read_text()


def test_upgrade__with_work_that_is_not_committed_nothing_is_touched(
    template: Path, service: Path
) -> None:
    (service / "tidegate.yaml").write_text("edited: too\n")
    (template / "new").touch()
    commit(template, "today")
    done = subprocess.run(
        ["cruft", "update", "--skip-apply-ask"],
        cwd=service, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "unclean git project" in done.stdout + done.stderr
    assert (service / "tidegate.yaml").read_text() == "edited: too\n"
