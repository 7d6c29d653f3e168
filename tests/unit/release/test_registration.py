"""What may become a version, and what may not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from shop import Shop
from tidegate import digest
from tidegate.cli.execution import decided
from tidegate.errors import DataError
from tidegate.gate import record as records
from tidegate.gate.baseline import logged_table
from tidegate.gate.rows.evaluation_digest import evaluation_digest
from tidegate.gate.rows.tables import open_table
from tidegate.release.ledger import Ledger
from tidegate.report.markdown import render_verb

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's own


def versions(shop: Shop) -> int:
    return len(shop.registry.client.search_model_versions("name = 'shop'"))


def test_register__version_alias_and_release_carry_what_was_judged(shop: Shop) -> None:
    record = json.loads(shop.candidate(4, baseline="1").read_text())["record"]
    report = shop.register(author="ada")
    version = shop.registry.challenger()
    assert report.release is not None
    assert version is not None
    assert report.version.version == version.version == "4"
    (release,) = [r for r in Ledger(shop.registry).releases() if r.model_version == "4"]
    assert release == report.release
    assert release.id.startswith("v4-")
    assert (release.author, release.commit) == ("ada", f"{4:040x}")
    assert release.record_digest == record["digest"] == version.tags["tidegate.record-digest"]
    artifact = shop.registry.predictions(version)
    assert artifact == "tidegate/predictions.csv"
    logged = shop.registry.download(version, artifact, shop.folder)
    assert logged.read_bytes() == (shop.folder / "reports/predictions.csv").read_bytes()
    assert shop.champion() is None


@pytest.mark.parametrize(
    "added",
    [
        {"measurements": {"train-minutes": 2.5, "model-size-mb": 0.25, "gpu: hours!": 3}},
        {  # as an earlier tidegate wrote it
            "budgets": [
                {"name": "train-minutes", "value": 2.5, "max": 20.0},
                {"name": "model-size-mb", "value": 0.25, "max": 100.0},
            ]
        },
    ],
)
def test_register__what_was_measured_is_logged_with_the_version(
    shop: Shop, added: dict[str, Any]
) -> None:
    report = shop.candidate(4, baseline="1")
    report.write_text(json.dumps({**json.loads(report.read_text()), **added}))
    shop.register()
    version = shop.registry.challenger()
    assert version is not None
    expected = {"train-minutes": 2.5, "model-size-mb": 0.25}
    assert shop.registry.measurements(version) == expected
    assert shop.registry.measurements(shop.registry.version("3")) == {}


OVERRIDE = {"by": "grace", "role": "maintain", "label": "tidegate-override",
            "at": "2026-11-26T18:02:00Z", "commit": f"{4:040x}", "run_url": None}  # fmt: skip


def test_register__overridden_verdict_is_registered_and_says_so_wherever_it_goes(
    shop: Shop,
) -> None:
    shop.candidate(4, verdict="fail", override=OVERRIDE)
    report = shop.register()
    assert report.to_dict()["override"] == OVERRIDE
    text = render_verb("register-model", decided("register-model", report, 0.0))
    assert "did not pass the gate" in text
    version = shop.registry.challenger()
    assert version is not None
    assert version.tags["tidegate.override"] == "fail, overridden by grace (maintain)"
    assert report.release is not None
    steps = shop.mover("staging").promote(report.release.id).steps
    assert any("says fail, overridden by grace (maintain)" in step.detail for step in steps)


def test_register__override_that_was_written_into_the_record_by_hand_is_refused(
    shop: Shop,
) -> None:
    path = shop.candidate(4, verdict="fail", blocked=True)
    gate = json.loads(path.read_text())
    gate["record"] |= {"override": OVERRIDE, "blocked": False}
    path.write_text(json.dumps(gate))
    with pytest.raises(DataError, match="changed after it was written"):
        shop.register()


def negative_figure(shop: Shop) -> None:
    report = shop.candidate(4)
    spoilt = {**json.loads(report.read_text()), "measurements": {"train-minutes": -2}}
    report.write_text(json.dumps(spoilt))


def blocked(shop: Shop) -> None:
    shop.candidate(4, verdict="fail", blocked=True)


def edited(shop: Shop) -> None:
    report = shop.candidate(4, verdict="fail", blocked=True)
    report.write_text(report.read_text().replace('"blocked": true', '"blocked": false'))


def other_predictions(shop: Shop) -> None:
    shop.candidate(4)
    (shop.folder / "reports/predictions.csv").write_text("id,bought,score\n1,1,0.99\n")


def other_model(shop: Shop) -> None:
    shop.candidate(4)
    (shop.folder / "models/model/weights").write_text("better ones")


def no_predictions(shop: Shop) -> None:
    shop.candidate(4)
    (shop.folder / "reports/predictions.csv").unlink()


def no_examples(shop: Shop) -> None:
    shop.candidate(4)
    (shop.folder / "reports/examples.jsonl").unlink()


def undecided(shop: Shop) -> None:
    report = shop.candidate(4)
    report.write_text(json.dumps({"error": {"what": "no baseline"}, "verdict": None}))


def no_verdict(shop: Shop) -> None:
    shop.candidate(4).unlink()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (blocked, "did not let this model through"),
        (edited, "changed after it was written"),
        (other_predictions, "no longer those that the gate judged"),
        (other_model, "no longer those that the gate judged"),
        (no_predictions, "no predictions table"),
        (no_examples, "no examples"),
        (undecided, "no verdict of the gate"),
        (no_verdict, "no verdict of the gate"),
        (negative_figure, "train-minutes is -2"),
    ],
)
def test_register__refuses_what_the_gate_did_not_let_through(
    shop: Shop, spoil: Callable[[Shop], None], said: str
) -> None:
    before = versions(shop)
    spoil(shop)
    with pytest.raises(DataError, match=said):
        shop.register()
    assert versions(shop) == before


def test_register__a_table_in_csv_is_a_baseline_that_the_next_gate_can_read(shop: Shop) -> None:
    report = shop.candidate(4, baseline="1")
    table = shop.folder / "reports/predictions.csv"
    table.write_text("id,bought,score\n" + "".join(f"{n},{n % 2},0.{n % 7}\n" for n in range(50)))
    body = json.loads(report.read_text())
    record = {name: value for name, value in body["record"].items() if name != "digest"}
    record["candidate"]["predictions_digest"] = digest.of_file(table)
    report.write_text(json.dumps({**body, "record": records.seal(record)}))
    version = shop.register().version
    candidate = open_table(shop.config, "reports/predictions.csv", "candidate")
    expected = evaluation_digest(candidate, shop.config.need_evaluation())
    logged = logged_table(shop.config, shop.registry, version, expected, shop.folder / "kept")
    assert logged is not None
    assert logged.scan().collect().equals(candidate.scan().collect())
