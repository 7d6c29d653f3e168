"""What jobs may do and get: of the pack's own workflows, and of those that it gives a service."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml

from local_github.act import ROOT

WORKFLOWS = [
    *sorted(ROOT.glob(".github/workflows/*.yml")),
    *sorted(ROOT.glob("examples/*/.github/workflows/*.yml")),
]
ACTIONS = sorted(ROOT.glob("actions/*/action.yml"))
SECRET = re.compile(r"secrets\.|token|password|credential", re.IGNORECASE)

each_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)


def load(path: Path) -> dict[Any, Any]:
    tree = yaml.safe_load(path.read_text())
    assert isinstance(tree, dict)
    return tree


def triggers(tree: dict[Any, Any]) -> set[str]:
    started = tree[True]  # YAML 1.1 reads the key `on` as true
    return {started} if isinstance(started, str) else set(started)


def steps(tree: dict[Any, Any]) -> Iterator[dict[str, Any]]:
    for job in tree.get("jobs", {"": tree.get("runs", {})}).values():
        yield from job.get("steps", ())


@each_workflow
def test_workflow__every_grant_says_what_it_is_for(path: Path) -> None:
    tree, text = load(path), path.read_text()
    assert tree["permissions"] == {}
    granted = sum(len(job["permissions"]) for job in tree["jobs"].values())
    explained = re.findall(r"^ +[a-z-]+: (?:read|write) # \w+", text, re.MULTILINE)
    assert granted == len(explained)


@each_workflow
def test_workflow__none_starts_where_a_stranger_gets_secrets(path: Path) -> None:
    assert "pull_request_target" not in path.read_text()
    assert "secrets: inherit" not in path.read_text()


def called_by(path: Path) -> Iterator[dict[Any, Any]]:
    """The workflow and those of the pack that it calls."""
    tree = load(path)
    yield tree
    for job in tree["jobs"].values():
        if name := re.search(r"\.github/workflows/(ml-[\w-]+\.yml)", job.get("uses", "")):
            yield load(ROOT / ".github/workflows" / name[1])


def after_strangers() -> list[Path]:
    """Workflows that start when one that a stranger can start has ended."""
    found = []
    for path in WORKFLOWS:
        tree = load(path)
        if "workflow_run" in triggers(tree):
            others = {
                load(other)["name"]: triggers(load(other)) for other in path.parent.glob("*.yml")
            }
            followed = tree[True]["workflow_run"]["workflows"]
            if any("pull_request" in others.get(name, {"pull_request"}) for name in followed):
                found.append(path)
    return found


def test_workflow__what_starts_after_a_strangers_run_runs_nothing_of_it() -> None:
    found = after_strangers()
    assert {path.name for path in found} == {"comment.yml"}
    for tree in chain.from_iterable(map(called_by, found)):
        used = [step["uses"] for step in steps(tree)]  # a step that runs something has none
        assert set(used) <= {"$/actions/comment-report"}
        for job in tree["jobs"].values():
            assert set(job["permissions"]) == {"actions", "pull-requests"}
            assert "secrets" not in job


@pytest.mark.parametrize(
    "path", [*WORKFLOWS, *ACTIONS], ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_yaml__no_secret_is_on_a_command_line(path: Path) -> None:
    for step in steps(load(path)):
        secret = {name for name, value in step.get("env", {}).items() if SECRET.search(str(value))}
        used = set(re.findall(r"\$\{?(\w+)", step.get("run", "")))
        assert not secret & used
        assert not SECRET.search(step.get("run", ""))
