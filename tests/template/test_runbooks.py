"""Each runbook, tried as it is written: its commands, in order, in a service that was shipped.

The service is the template's own, deployed as local processes. What a command must end with stands
here; a command that is added to a runbook has to be added here, too.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
import yaml

from ports import free_port
from rendering import own_home, render

# Their commands are processes by the dozen; one worker ships the service for all of them.
pytestmark = [pytest.mark.nightly, pytest.mark.xdist_group("runbooks")]
BLOCK = re.compile(r"^( *)```sh\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Shipped:
    """A rendered service with two releases, the second in production."""

    folder: Path
    environ: dict[str, str]

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder, env=self.environ, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def must(self, command: str, code: int = 0) -> str:
        done = self.run(command)
        assert done.returncode == code, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def runbook(self, name: str) -> list[str]:
        text = (self.folder / "docs/runbooks" / f"{name}.md").read_text()
        blocks = [textwrap.dedent(block) for _, block in BLOCK.findall(text)]
        assert len(blocks) == text.count("```sh"), "a block that is not understood"
        return [line for block in blocks for line in block.splitlines() if line]

    def follow(self, name: str, expected: Sequence[tuple[str, int]]) -> list[str]:
        """Give the runbook's commands; what each says. expected: (its beginning, its exit code)."""
        said = []
        for command, (begins, code) in zip(self.runbook(name), expected, strict=True):
            assert command.startswith(begins)
            said.append(self.must(command, code))
        return said

    def release(self) -> str:
        """What is in the folder, through the gate and to production."""
        self.must("tidegate gate-model")
        said = self.must("tidegate register-model --author octocat")
        found = re.search(r"v\d+-[0-9a-f]{7}", said)
        assert found, said
        for environment in ("staging", "production"):
            self.must(f"tidegate promote --release {found[0]} --to {environment}")
        return found[0]


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shipped]:
    home = tmp_path_factory.mktemp("runbooks")
    answers = {"deployer": "command", "approval": "dispatch", "approvers": "grace"}
    with pytest.MonkeyPatch.context() as patch:
        own_home(home, patch)
        folder = render(home, answers)
    config = folder / "tidegate.yaml"
    text = config.read_text()
    for port in (8080, 8081):
        text = text.replace(f":{port}", f":{free_port()}")
    config.write_text(text)
    who = {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "octocat"), ("EMAIL", "octocat@example.com"))
    }
    inherited = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    production = yaml.safe_load(text)["environments"]["production"]["deploy"]["url"]
    environ = {
        **inherited,
        **who,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "DEPLOY_HOME": str(home / "deployed"),
        "GITHUB_ACTOR": "grace",
        "PRODUCTION": production,
    }
    service = Shipped(folder, environ)
    service.must("make data && make pipeline && git add --all && git commit --quiet -m first")
    service.must("git update-ref refs/remotes/origin/main HEAD")
    try:
        service.release()
        service.must("sed -i 's/max_iter: 100/max_iter: 110/' params.yaml && make pipeline")
        service.must("git add --all && git commit --quiet -m second")
        service.release()
        yield service
    finally:
        for pid in (home / "deployed").glob("*/pid"):
            subprocess.run(["kill", pid.read_text()], check=False)


@pytest.fixture(autouse=True)
def _as_it_was(shipped: Shipped) -> Iterator[None]:
    yield
    shipped.must("git checkout --quiet . && uv run --locked dvc checkout --quiet --force")


def test_blocked_data__is_found_mended_and_holds(shipped: Shipped) -> None:
    samples = shipped.folder / "data/samples.parquet"
    rows = pl.read_parquet(samples)
    samples.unlink()  # DVC's cache may be linked to it
    rows.with_columns(-pl.col("mean_radius")).write_parquet(samples)
    check = "tidegate check-data"
    said = shipped.follow("blocked-data", [(check, 1), ("make data", 0), (check, 0)])
    assert "mean_radius" in said[0]


def test_watch__as_it_comes__passes_for_a_release_of_today(shipped: Shipped) -> None:
    assert "0.0 days old" in shipped.must("tidegate watch")


def test_blocked_model__is_seen_with_what_it_has_not_learnt_and_what_is_different(
    shipped: Shipped,
) -> None:
    params = shipped.folder / "params.yaml"
    params.write_text(params.read_text().replace("max_iter: 110", "max_iter: 1"))
    said = shipped.follow(
        "blocked-model",
        [
            ("make pipeline", 2),
            ("tidegate gate-model", 1),
            ("git diff --stat", 0),
            ("git diff origin/main -- params", 0),
            ("tidegate pr", 1),
        ],
    )
    assert "a large tumour is more likely to be malignant" in said[0]
    assert "brier-score" in said[1]
    assert "max_iter: 1\n" in said[3]


def test_roll_back__production_is_the_release_before_and_held_until_let_go(
    shipped: Shipped,
) -> None:
    before = shipped.must("curl --silent $PRODUCTION/health")
    said = shipped.follow(
        "roll-back",
        [
            ("tidegate status", 0),
            ("tidegate rollback", 0),
            ("tidegate status", 0),
            ("tidegate hold --release", 0),
        ],
    )
    assert "errors since 03:00" in said[2]
    assert shipped.must("curl --silent $PRODUCTION/health") != before


def test_drift__is_looked_into_while_production_is_held(shipped: Shipped) -> None:
    said = shipped.follow(
        "drift",
        [
            ("tidegate status", 0),
            ("make data", 0),
            ("tidegate check-data", 0),
            ("make pipeline", 0),
            ("tidegate pr", 0),
            ("tidegate hold --environment", 0),
            ("tidegate hold --release", 0),
        ],
    )
    assert "drift is looked into" in said[5]


def test_incident__what_runs_and_what_ran_is_known_and_nothing_moves(shipped: Shipped) -> None:
    said = shipped.follow(
        "incident",
        [
            ("tidegate status", 0),
            ("curl --fail", 0),
            ("curl --fail", 0),
            ("curl --fail", 0),
            ("tidegate hold --environment", 0),
            ("tidegate status --environment production --at", 0),
            ("tidegate board", 0),
            ("tidegate hold --release", 0),
        ],
    )
    assert "alive" in said[1]
    assert "http_requests_total{" in said[3]
    assert (shipped.folder / "build/board.html").is_file()


def test_incident__a_service_that_is_gone_is_found(shipped: Shipped) -> None:
    gone = {**shipped.environ, "PRODUCTION": f"http://127.0.0.1:{free_port()}"}
    _, live, *_ = shipped.runbook("incident")
    assert Shipped(shipped.folder, gone).run(live).returncode != 0
