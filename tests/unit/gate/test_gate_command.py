"""`tidegate gate-model` as it is called: exit codes, the two reports, standard output."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tidegate.cli import main

CONFIG = """\
service: shop
evaluation: {predictions: candidate.parquet, key: id, label: bought, score: score}
gate:
  metrics: {roc-auc: {min: 0.6, max-regression: 0.02}}
  budgets: {train-minutes: 5, latency-p95-ms: 50}
"""


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rng = np.random.default_rng(0)
    signal = rng.normal(size=4_000)
    bought = (rng.random(4_000) < 1 / (1 + np.exp(-2 * signal))).astype(int)
    for name, noise in (("candidate", 0.3), ("same", 0.3), ("worse", 3.0)):
        score = 1 / (1 + np.exp(-(signal + noise * rng.normal(size=4_000))))
        pl.DataFrame({"id": np.arange(4_000), "bought": bought, "score": score}).write_parquet(
            tmp_path / f"{name}.parquet"
        )
    (tmp_path / "tidegate.yaml").write_text(CONFIG)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def report(service: Path) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((service / "reports/tidegate/gate-model.json").read_text())
    return body


def test_gate_model_command__pass_is_0_with_both_reports(
    service: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gate-model", "--baseline", "same.parquet", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == report(service)
    assert (printed["verdict"], printed["blocked"], printed["rows"]) == ("pass", False, 4_000)
    assert printed["baseline"]["source"] == "file"
    assert any("latency-p95-ms" in note for note in printed["notes"])
    assert (service / "reports/tidegate/gate-model.md").read_text().strip()


def test_gate_model_command__failure_is_1_and_says_by_how_much(service: Path) -> None:
    code = main(["gate-model", "--candidate", "worse.parquet", "--baseline", "same.parquet"])
    (result,) = report(service)["results"]
    assert code == 1
    assert result["verdict"] == "fail"
    assert result["harm"] >= result["lower"] > 0.02
    assert result["reason"].startswith("worse by")


def test_gate_model_command__budget_that_is_exceeded_is_1(service: Path) -> None:
    (service / "measured.json").write_text('{"train-minutes": 6}')
    code = main(
        [
            "gate-model",
            "--baseline",
            "same.parquet",
            "--measurements",
            str(service / "measured.json"),
        ]
    )
    assert code == 1
    assert report(service)["budgets"] == [
        {"name": "train-minutes", "value": 6.0, "max": 5.0, "verdict": "fail", "blocking": True}
    ]


def test_gate_model_command__what_cannot_be_decided_is_2_and_no_verdict(
    service: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (service / "candidate.parquet").write_bytes(b"PAR1 cut off")
    assert main(["gate-model", "--baseline", "same.parquet"]) == 2
    body = report(service)
    assert (body["verdict"], body["blocked"]) == (None, True)
    assert body["error"]["remedy"]
    assert "candidate.parquet" in capsys.readouterr().err
