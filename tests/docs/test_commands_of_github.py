"""The pages' commands that fetch this repository from GitHub, or ask GitHub about one.

github.com is a folder of this machine there, whose tidegate/tidegate is this repository as it was
last committed; GitHub's API is the local one.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

import sandboxes
from local_github.act import ROOT
from local_github.api import LocalGitHub
from pages import every_block
from rendering import own_home

COMMANDS = [block.text for block in every_block("sh") if block.of_github]
FLIGHTS = {
    "tidegate.yaml": """
service: flights
environments: {production: {approval: environment, deploy: {kind: docker, port: 8080}}}
""",
    ".github/workflows/pull-request.yml": """
on: pull_request
jobs: {gates: {uses: tidegate/tidegate/.github/workflows/ml-pull-request.yml@v1}}
""",
}
# What the arguments say, at a terminal; what stands on stdin is typed there.
AT_A_TERMINAL = """
import os, pty, sys
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))
"""


def the(part: str) -> str:
    """The one command with this part."""
    (command,) = {command for command in COMMANDS if part in command}
    return command


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of somebody who begins: no tools, no service."""
    own_home(tmp_path, monkeypatch)
    monkeypatch.setenv("UV_TOOL_DIR", str(tmp_path / "tools"))
    monkeypatch.setenv("UV_TOOL_BIN_DIR", str(tmp_path / "bin"))
    github = tmp_path / "github"
    repository = github / "tidegate/tidegate.git"
    subprocess.run(["git", "clone", "--quiet", "--bare", ROOT, repository], check=True)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.{github.as_uri()}/.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "https://github.com/")
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def run(folder: Path, command: str, answers: str = "") -> str:
    done = sandboxes.run(folder, command, answers, **os.environ)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("command", sorted({c for c in COMMANDS if "gh:tidegate" in c}))
def test_template__every_question_answered_with_enter__is_a_service_that_can_be_upgraded(
    command: str, folder: Path
) -> None:
    run(folder, command, answers="\n" * 20)

    service = folder / "tumour-check"
    linked = json.loads((service / ".cruft.json").read_text())
    assert linked["template"] == "https://github.com/tidegate/tidegate"
    deployer = "command" if "deployer=command" in command else "docker"
    assert f"kind: {deployer}" in (service / "tidegate.yaml").read_text()
    run(service, "git add --all && git commit --quiet --message made")
    assert "already up to date" in run(service, the("cruft update"))
    assert run(service, "git status --short") == ""


def test_tool__installed_from_github__runs(folder: Path) -> None:
    run(folder, the("uv tool install"))

    assert run(folder, "../bin/tidegate --version").split() == ["tidegate", version("tidegate")]


def test_clone__has_the_demo(folder: Path) -> None:
    assert "-m demo" in run(folder, the("git clone") + "make --dry-run demo")


def test_repository__looked_at_and_set_up_by_somebody_who_says_yes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandboxes.write(folder, {**FLIGHTS, "ask": AT_A_TERMINAL})
    with LocalGitHub() as github:
        github.add_repository("acme/flights")
        github.add_file("acme/flights", ".github/CODEOWNERS", "* @acme/ml-leads\n")
        github.add_team("acme", "ml-leads")
        monkeypatch.setenv("GITHUB_API_URL", github.url)
        monkeypatch.setenv("PATH", f"{folder}/bin{os.pathsep}{os.environ['PATH']}")
        sandboxes.write(folder, {"bin/gh": f"#!/bin/sh\necho {github.token}\n"})
        (folder / "bin/gh").chmod(0o700)

        found = sandboxes.run(folder, the("GH_TOKEN"), **os.environ)
        assert found.returncode == 1, found.stderr
        assert "production-approval" in found.stdout
        monkeypatch.setenv("GH_TOKEN", github.token)
        run(folder, f"python ask bash -c {shlex.quote(the('--apply'))}", answers="yes\n")
        approval = github.environment("acme/flights", "production-approval")
        run(folder, the("GH_TOKEN"))
    (rule,) = (r for r in approval["protection_rules"] if r["type"] == "required_reviewers")
    assert {r["type"] for r in rule["reviewers"]} == {"User", "Team"}
