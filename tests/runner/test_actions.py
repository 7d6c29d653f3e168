"""The actions in a repository that was not made from the template: no DVC, no uv, no pipeline."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from local_github.act import LocalRunner, Run
from local_github.api import LocalGitHub

REPOSITORY = "acme/orders"
WORKFLOW = """
name: checks
on: pull_request
permissions: {}
jobs:
  checks:
    runs-on: ubuntu-latest
    timeout-minutes: 5
    permissions:
      contents: read # to check out
      pull-requests: write # to comment
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
        with:
          persist-credentials: false
%s
      - if: always()
        uses: tidegate/tidegate/actions/comment-report@v1
        with:
          expect: |
            check-data
            gate-model
"""
CHECK_AND_GATE = """
      - id: data
        uses: tidegate/tidegate/actions/check-data@v1
        with:
          data: orders.csv
          schema: checks/schemas.py:Orders
      - id: gate
        uses: tidegate/tidegate/actions/gate-model@v1
        with:
          baseline: production.parquet
"""
GATE_ON_REGISTRY = """
      - id: data
        uses: tidegate/tidegate/actions/check-data@v1
        with:
          data: orders.csv
          schema: checks/schemas.py:Orders
      - id: gate
        uses: tidegate/tidegate/actions/gate-model@v1
        env:
          MLFLOW_TRACKING_URI: http://127.0.0.1:9
"""
CONFIG = """
service: orders
evaluation: {predictions: candidate.parquet, key: id, label: bought, score: score}
gate:
  allow-same-version: true
  metrics:
    roc-auc: {min: 0.6, max-regression: 0.02}
"""
SCHEMA = """
import pandera.pandas as pa

class Orders(pa.DataFrameModel):
    id: int = pa.Field(unique=True)
    country: str = pa.Field(isin=["DE", "FR"])
"""


def table(noise: float) -> pl.DataFrame:
    rng = np.random.default_rng(1)
    signal = rng.normal(size=4_000)
    score = 1 / (1 + np.exp(-(signal + noise * np.random.default_rng(2).normal(size=4_000))))
    bought = rng.random(4_000) < 1 / (1 + np.exp(-2 * signal))
    return pl.DataFrame({"id": np.arange(4_000), "bought": bought.astype(int), "score": score})


@pytest.fixture(scope="module")
def github() -> Iterator[LocalGitHub]:
    with LocalGitHub() as github:
        yield github


@pytest.fixture(scope="module")
def runner(github: LocalGitHub, tmp_path_factory: pytest.TempPathFactory) -> LocalRunner:
    home = tmp_path_factory.mktemp("runner")
    return LocalRunner(home, repository=REPOSITORY, api_url=github.url, token=github.token)


@pytest.fixture
def pull_request(
    tmp_path: Path, github: LocalGitHub, runner: LocalRunner, request: pytest.FixtureRequest
) -> Callable[..., tuple[Run, str]]:
    number = abs(hash(request.node.name)) % 100_000

    def run(steps: str, countries: list[str], noise: float) -> tuple[Run, str]:
        for name, text in {
            ".github/workflows/checks.yml": WORKFLOW % steps,
            "tidegate.yaml": CONFIG,
            "checks/schemas.py": SCHEMA,
        }.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        ids = list(range(len(countries)))
        pl.DataFrame({"id": ids, "country": countries}).write_csv(tmp_path / "orders.csv")
        table(noise).write_parquet(tmp_path / "candidate.parquet")
        table(0.3).write_parquet(tmp_path / "production.parquet")
        who = ["-c", "user.name=ada", "-c", "user.email=ada@example.com"]
        for command in (
            ["init", "--quiet", "--initial-branch", "main"],
            ["remote", "add", "origin", f"https://github.com/{REPOSITORY}.git"],
            ["add", "--all"],
            [*who, "commit", "--quiet", "--message", "first"],
        ):
            subprocess.run(["git", *command], cwd=tmp_path, check=True)
        github.add_pull_request(REPOSITORY, number, head_sha="c0ffee", author="ada")
        payload = {"number": number, "pull_request": {"number": number, "head": {"sha": "c0ffee"}}}
        done = runner.run(tmp_path, "checks.yml", "pull_request", payload, actor="ada")
        (comment,) = github.comments(REPOSITORY, number)
        return done, str(comment["body"])

    return run


def test_actions__good_change_passes_and_says_so(
    pull_request: Callable[..., tuple[Run, str]],
) -> None:
    run, comment = pull_request(CHECK_AND_GATE, ["DE", "FR"], noise=0.3)
    assert run.ok, run.log[-40:]
    for step in ("data", "gate"):
        outputs = run.steps["checks", step].outputs
        assert (outputs["verdict"], outputs["blocked"]) == ("pass", "false")
        assert outputs["report"].endswith(".json")
    assert "Ready to merge" in comment


def test_actions__bad_data_stops_the_job_and_is_told(
    pull_request: Callable[..., tuple[Run, str]],
) -> None:
    run, comment = pull_request(CHECK_AND_GATE, ["DE", "@everyone"], noise=0.3)
    assert not run.ok
    outputs = run.steps["checks", "data"].outputs
    assert (outputs["verdict"], outputs["blocked"]) == ("fail", "true")
    assert any("country" in annotation for annotation in run.annotations)
    assert "Blocked" in comment
    assert "@everyone" not in comment


def test_actions__worse_model_stops_the_job_and_is_told(
    pull_request: Callable[..., tuple[Run, str]],
) -> None:
    run, comment = pull_request(CHECK_AND_GATE, ["DE", "FR"], noise=3.0)
    assert not run.ok
    assert run.steps["checks", "gate"].outputs["verdict"] == "fail"
    assert "Blocked" in comment
    assert "roc-auc" in comment


def test_actions__registry_out_of_reach_is_undecided_and_never_a_pass(
    pull_request: Callable[..., tuple[Run, str]],
) -> None:
    run, comment = pull_request(GATE_ON_REGISTRY, ["DE", "FR"], noise=0.3)
    assert not run.ok
    outputs = run.steps["checks", "gate"].outputs
    assert (outputs["verdict"], outputs["blocked"]) == ("", "true")
    assert "Could not be decided" in comment
    assert outputs["report"].endswith("gate-model.json")
