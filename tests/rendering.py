"""Services from the template, for tests of what it gives."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from cookiecutter.main import cookiecutter

import render_example


def own_home(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """cookiecutter keeps answers in the home folder; commits need a name."""
    patch.setenv("COOKIECUTTER_CONFIG", str(folder / "cookiecutter.yaml"))
    (folder / "cookiecutter.yaml").write_text(
        f"cookiecutters_dir: {folder / 'cc'}\nreplay_dir: {folder / 'replay'}\n"
    )
    for role in ("AUTHOR", "COMMITTER"):
        patch.setenv(f"GIT_{role}_NAME", "ada")
        patch.setenv(f"GIT_{role}_EMAIL", "ada@example.com")


def render(folder: Path, answers: Mapping[str, str]) -> Path:
    """A service in a folder of its name below `folder`."""
    made = cookiecutter(
        str(render_example.TEMPLATE), no_input=True, output_dir=folder, extra_context=dict(answers)
    )
    return Path(made)


def assert_passes_only_what_is_taken(workflow: Path) -> None:
    """A service's workflow passes and grants what the reusable one takes and asks for."""
    for job in yaml.safe_load(workflow.read_text())["jobs"].values():
        name = job["uses"].partition("@")[0].removeprefix("tidegate/tidegate/")
        called = yaml.safe_load((render_example.ROOT / name).read_text())
        takes = called[True]["workflow_call"]  # YAML 1.1 reads the key `on` as true
        required = {key for key, spec in takes["inputs"].items() if spec.get("required")}
        assert required <= set(job.get("with", {})) <= set(takes["inputs"])
        assert set(job.get("secrets", {})) <= set(takes.get("secrets", {}))
        asked = {grant for j in called["jobs"].values() for grant in j["permissions"].items()}
        granted = dict(job["permissions"].items())
        assert all(granted.get(scope) in {level, "write"} for scope, level in asked)
