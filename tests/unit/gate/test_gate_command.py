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
    (budget,) = report(service)["budgets"]
    assert (budget["name"], budget["value"], budget["max"]) == ("train-minutes", 6.0, 5.0)
    assert (budget["verdict"], budget["blocking"]) == ("fail", True)


def test_gate_model_command__what_cannot_be_decided_is_2_and_no_verdict(
    service: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (service / "candidate.parquet").write_bytes(b"PAR1 cut off")
    assert main(["gate-model", "--baseline", "same.parquet"]) == 2
    body = report(service)
    assert (body["verdict"], body["blocked"]) == (None, True)
    assert body["error"]["remedy"]
    assert "candidate.parquet" in capsys.readouterr().err


def test_gate_model_command__verify__a_record_holds_until_something_it_names_changes(
    service: Path,
) -> None:
    record = str(service / "reports/tidegate/gate-model.json")
    assert main(["gate-model", "--baseline", "same.parquet"]) == 0
    before = Path(record).read_bytes()
    assert main(["gate-model", "--verify", record, "--baseline", "same.parquet"]) == 0
    assert Path(record).read_bytes() == before
    # Another baseline, another bar.
    assert main(["gate-model", "--verify", record, "--baseline", "worse.parquet"]) == 1
    assert "baseline.predictions_digest" in differences(service)
    (service / "tidegate.yaml").write_text(CONFIG.replace("min: 0.6", "min: 0.99"))
    assert main(["gate-model", "--verify", record, "--baseline", "same.parquet"]) == 1
    assert {"config_digest", "verdict", "results_digest"} <= differences(service)


def test_gate_model_command__verify__an_edited_record_does_not_hold(service: Path) -> None:
    path = service / "reports/tidegate/gate-model.json"
    main(["gate-model", "--candidate", "worse.parquet", "--baseline", "same.parquet"])
    body = report(service)
    body["record"]["verdict"] = "pass"
    path.write_text(json.dumps(body))
    verify = ["gate-model", "--verify", str(path), "--baseline", "same.parquet"]
    assert main([*verify, "--candidate", "worse.parquet"]) == 1
    assert differences(service) == {"digest"}


@pytest.mark.parametrize("content", ["{}", "no JSON", "[]", '{"record": null}'])
def test_gate_model_command__verify__what_is_no_record_is_2(service: Path, content: str) -> None:
    (service / "odd.json").write_text(content)
    assert main(["gate-model", "--verify", str(service / "odd.json")]) == 2


def test_gate_model_command__verify__a_file_as_baseline_has_to_be_given(service: Path) -> None:
    record = str(service / "reports/tidegate/gate-model.json")
    assert main(["gate-model", "--baseline", "same.parquet"]) == 0
    assert main(["gate-model", "--verify", record]) == 2


def test_gate_model_command__a_candidate_held_against_itself_is_2_unless_asked_for(
    service: Path,
) -> None:
    same = ["gate-model", "--baseline", "candidate.parquet"]
    assert main(same) == 2
    assert main([*same, "--allow-same-version"]) == 0
    assert any("very same" in note for note in report(service)["notes"])


def differences(service: Path) -> set[str]:
    body = json.loads((service / "reports/tidegate/verify-record.json").read_text())
    return {difference["field"] for difference in body["differences"]}
