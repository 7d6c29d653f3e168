"""What a run without secrets says when it cannot reach something."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tidegate.cli import main
from tidegate.errors import DataError, RegistryError
from tidegate.github import event

BASE, FORK = "acme/flights", "mallory/flights"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_ACTOR": "mallory",
        "GITHUB_REPOSITORY": BASE,
        "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
    }


def happen(environ: dict[str, str], content: Any) -> None:
    Path(environ["GITHUB_EVENT_PATH"]).write_text(json.dumps(content))


def of(repository: str | None) -> dict[str, Any]:
    repo = None if repository is None else {"full_name": repository}
    return {"pull_request": {"number": 7, "head": {"sha": "ab" * 20, "repo": repo}}}


@pytest.mark.parametrize(
    ("content", "actor", "expected"),
    [
        (of(FORK), "mallory", True),
        (of(None), "mallory", True),
        (of(BASE), "mona", False),
        (of(BASE), "dependabot[bot]", True),
        ({"ref": "refs/heads/main"}, "mona", False),
        ({"ref": "refs/heads/main"}, "dependabot[bot]", False),
        ([], "mona", False),
        ({"pull_request": {"number": 7}}, "mona", False),
    ],
    ids=["fork", "deleted fork", "own", "Dependabot", "push", "its push", "odd", "incomplete"],
)
def test_without_secrets__is_a_pull_request_of_a_fork_or_of_dependabot(
    environ, content, actor, expected
):
    happen(environ, content)
    assert event.without_secrets({**environ, "GITHUB_ACTOR": actor}) is expected


def test_without_secrets__no_event_file__is_no_fork(environ):
    assert event.without_secrets({}) is False
    assert event.without_secrets(environ) is False


def test_explained__what_is_not_remote__stays_as_it_is(environ):
    happen(environ, of(FORK))
    error = DataError("there is no column x", where="data/a.csv", remedy="add it")
    assert event.explained("check-data", error, environ).remedy == "add it"


@pytest.mark.parametrize(
    ("verb", "error"),
    [
        ("pull-data", DataError("dvc ended with exit code 1", remedy="mend it")),
        ("gate-model", RegistryError("MLflow did not do as asked", remedy="mend it")),
        ("check-data", DataError("access denied", where="s3://acme/x", remedy="mend it")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_explained__what_needs_secrets__says_what_a_maintainer_does(environ, verb, error):
    happen(environ, of(BASE))
    assert event.explained(verb, error, environ).remedy == "mend it"
    happen(environ, of(FORK))
    for _ in range(2):  # said once
        remedy = event.explained(verb, error, environ).remedy or ""
        assert remedy.startswith(event.WHAT_TO_DO)
        assert remedy.endswith("mend it")


CONFIG = """
service: flights
evaluation: {predictions: candidate.parquet, key: [id], label: label, score: score}
gate:
  metrics:
    roc-auc: {min: 0.5, max-regression: 0.02}
"""


def gate(
    tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, *flags: str
) -> tuple[int, dict[str, Any]]:
    (tmp_path / "tidegate.yaml").write_text(CONFIG)
    scores = np.random.default_rng(1).random(2_000)
    labels = (np.random.default_rng(2).random(2_000) < scores).astype(int)
    table = pl.DataFrame({"id": np.arange(2_000), "label": labels, "score": scores})
    table.write_parquet(tmp_path / "candidate.parquet")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    code = main(["gate-model", *flags])
    return code, json.loads((tmp_path / "reports/tidegate/gate-model.json").read_text())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_gate__of_a_fork_that_knows_no_registry__is_undecided_and_no_first_release(
    environ, tmp_path, monkeypatch
):
    happen(environ, of(FORK))
    code, report = gate(tmp_path, environ, monkeypatch)
    assert (code, report["verdict"], report["blocked"]) == (2, None, True)
    assert "cannot be said" in report["error"]["what"]
    assert report["error"]["remedy"].startswith(event.WHAT_TO_DO)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_gate__of_a_fork_that_asks_for_no_baseline__is_judged(environ, tmp_path, monkeypatch):
    happen(environ, of(FORK))
    code, report = gate(tmp_path, environ, monkeypatch, "--baseline", "none")
    assert (code, report["verdict"]) == (0, "pass")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_gate__of_the_repository_itself__is_a_first_release(environ, tmp_path, monkeypatch):
    happen(environ, of(BASE))
    code, report = gate(tmp_path, environ, monkeypatch)
    assert (code, report["baseline"]) == (0, None)
