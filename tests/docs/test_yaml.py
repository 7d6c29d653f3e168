"""Every YAML block of the pages is what it looks like: a valid config, workflow, step or hook."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from local_github.act import PACK, ROOT
from pages import Block, every_block
from tidegate.config import Config, load
from tidegate.errors import ConfigError

BLOCKS = every_block("yaml")
SCHEMA_CHECKER = Path(sys.executable).parent / "check-jsonschema"
SECTIONS = {field.alias or name for name, field in Config.model_fields.items()}
# YAML 1.1 reads the key `on` as true.
WORKFLOW_KEYS = {"name", "run-name", True, "permissions", "concurrency", "env", "jobs"}

each_block = pytest.mark.parametrize(
    "block", BLOCKS, ids=lambda block: f"{block.page}:{block.line}"
)


def parsed(block: Block) -> Any:
    return yaml.safe_load(block.text)


def workflow_of(tree: Any) -> dict[Any, Any] | None:
    """A workflow, or one around the job or the steps that a block shows; None where it is none."""
    if isinstance(tree, list) and all({"uses", "run"} & set(step) for step in tree):
        tree = {"steps": tree}
    if not isinstance(tree, dict):
        return None
    if "steps" in tree:
        job = {"runs-on": "ubuntu-latest", "permissions": {"contents": "read"}, **tree}
        return {True: "push", "jobs": {"job": job}}
    if set(tree) <= WORKFLOW_KEYS and {"jobs", True} & set(tree):
        placeholder = {"job": {"runs-on": "ubuntu-latest", "steps": [{"run": "true"}]}}
        return {True: "push", "jobs": placeholder, **tree}
    return None


def hooks_of(tree: Any) -> list[dict[str, Any]] | None:
    if isinstance(tree, dict) and set(tree) == {"repos"}:
        return [hook for repository in tree["repos"] for hook in repository["hooks"]]
    if isinstance(tree, list) and all("id" in item and "uses" not in item for item in tree):
        return tree
    return None


WORKFLOWS = [block for block in BLOCKS if workflow_of(parsed(block)) is not None]
each_workflow = pytest.mark.parametrize(
    "block", WORKFLOWS, ids=lambda block: f"{block.page}:{block.line}"
)


@each_block
def test_yaml__is_of_a_kind_that_is_checked(block: Block) -> None:
    tree = parsed(block)
    config = isinstance(tree, dict) and set(tree) <= SECTIONS
    kinds = [config, workflow_of(tree) is not None, hooks_of(tree) is not None]
    assert kinds.count(True) == 1, f"{block.name} is no config, workflow, step or hook"


@pytest.mark.parametrize(
    "block",
    [b for b in BLOCKS if isinstance(parsed(b), dict) and set(parsed(b)) <= SECTIONS],
    ids=lambda block: f"{block.page}:{block.line}",
)
def test_config__is_one_that_tidegate_takes(block: Block, tmp_path: Path) -> None:
    take(parsed(block), tmp_path, whole=block.example is not None)


def test_config__excerpt_with_an_unknown_key_would_be_found(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="max-pi"):
        take({"gate": {"metrics": {"roc-auc": {"max-pi": 0.7}}}}, tmp_path, whole=False)


def take(tree: dict[str, Any], folder: Path, *, whole: bool) -> None:
    """Load it as a config; an excerpt may stand on the rest of the example's."""
    if not whole:
        base = load_yaml(ROOT / "examples/flight-delay/tidegate.yaml")
        base["data"]["orders"] = base["data"]["flights"]  # what excerpts call a dataset
        tree = laid_over(tree, base)
    (folder / "tidegate.yaml").write_text(yaml.safe_dump(tree))
    load(folder / "tidegate.yaml")


def laid_over(tree: dict[str, Any], base: dict[Any, Any]) -> dict[str, Any]:
    both = {key: tree[key] for key in tree if isinstance(tree[key], dict) and key in base}
    # A dataset and an environment are what they say, and nothing of another one of the same name.
    deep = {key: {**base[key], **value} for key, value in both.items()}
    return {**base, **tree, **deep}


def test_workflows__are_valid_by_githubs_schema(tmp_path: Path) -> None:
    files = []
    for number, block in enumerate(WORKFLOWS):
        tree = workflow_of(parsed(block))
        assert tree is not None
        file = tmp_path / f"{number}-{Path(block.page).stem}.yml"
        file.write_text(
            yaml.safe_dump({"on" if key is True else key: v for key, v in tree.items()})
        )
        files.append(file)
    command = [SCHEMA_CHECKER, "--builtin-schema", "vendor.github-workflows", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@each_workflow
def test_workflow__gives_ours_what_they_take(block: Block) -> None:
    tree = workflow_of(parsed(block))
    assert tree is not None
    for job in tree["jobs"].values():
        if "uses" in job:
            called = load_yaml(ours(job["uses"]))
            takes = called[True]["workflow_call"]
            holds(job.get("with", {}), takes["inputs"])
            assert set(job.get("secrets", {})) <= set(takes.get("secrets") or {})
            asked = {grant for j in called["jobs"].values() for grant in j["permissions"].items()}
            assert all(job["permissions"].get(scope) in {level, "write"} for scope, level in asked)
        for step in job.get("steps", ()):
            if step.get("uses", "").startswith(f"{PACK}/"):
                action = load_yaml(ours(step["uses"]) / "action.yml")
                holds(step.get("with", {}), action.get("inputs") or {})


def ours(uses: str) -> Path:
    name, _, reference = uses.partition("@")
    assert reference == "v1", f"{uses}: pages name the major version"
    return ROOT / name.removeprefix(f"{PACK}/")


def holds(given: dict[str, Any], takes: dict[str, Any]) -> None:
    required = {name for name, spec in takes.items() if spec.get("required")}
    assert required <= set(given) <= set(takes)


def load_yaml(path: Path) -> dict[Any, Any]:
    tree = yaml.safe_load(path.read_text())
    assert isinstance(tree, dict)
    return tree


@pytest.mark.parametrize(
    "block",
    [b for b in BLOCKS if hooks_of(parsed(b)) is not None],
    ids=lambda block: f"{block.page}:{block.line}",
)
def test_hooks__are_those_of_this_repository(block: Block) -> None:
    known = {hook["id"] for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
    assert {hook["id"] for hook in hooks_of(parsed(block)) or ()} <= known
