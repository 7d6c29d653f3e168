"""This repository's own workflow, which runs its actions on its example, under act."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from local_github.act import PACK, ROOT, LocalRunner
from local_github.api import LocalGitHub

# Left to `make nightly`: on GitHub the workflow itself runs at every push.
pytestmark = [pytest.mark.road, pytest.mark.nightly]


def test_own_gates__the_example_passes_its_own_bar(tmp_path: Path) -> None:
    here = tmp_path / "tidegate"
    shutil.copytree(ROOT / "examples/flight-delay", here / "examples/flight-delay")
    workflow = here / ".github/workflows/own-gates.yml"
    workflow.parent.mkdir(parents=True)
    text = (ROOT / ".github/workflows/.own-gates.yml").read_text()
    workflow.write_text(re.sub(r"uses: \$/(\S+)", rf"uses: {PACK}/\1@v1", text))
    who = ["-c", "user.name=ada", "-c", "user.email=ada@example.com"]
    for command in (
        ["init", "--quiet", "--initial-branch", "main"],
        ["remote", "add", "origin", f"https://github.com/{PACK}.git"],
        ["add", "--all"],
        [*who, "commit", "--quiet", "--message", "first"],
    ):
        subprocess.run(["git", *command], cwd=here, check=True)
    with LocalGitHub() as github:
        runner = LocalRunner(
            tmp_path / "runner", repository=PACK, api_url=github.url, token=github.token
        )
        run = runner.run(here, "own-gates.yml", "push", {"ref": "refs/heads/main"}, actor="ada")
    assert run.ok, run.log[-60:]
    verdicts = [run.steps["gates", step].outputs["verdict"] for step in ("data", "model")]
    assert verdicts == ["pass", "pass"]
    assert json.dumps(run.summaries).count("Ready to merge") == 1
