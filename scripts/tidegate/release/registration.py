"""The candidate becomes a registered version, and a release where no image completes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidegate import digest
from tidegate.config import BUDGETS, Config
from tidegate.context import Context
from tidegate.errors import DataError, RegistryError
from tidegate.gate import record as records
from tidegate.gate.budgets import checked_figures
from tidegate.models.fetching import DIGEST_TAG
from tidegate.models.scanning import Scan, hold_to_scan
from tidegate.override import in_words
from tidegate.registry import (
    DATA_REPORT_ARTIFACT,
    EXAMPLES_ARTIFACT,
    GATE_REPORT_ARTIFACT,
    PREDICTIONS_ARTIFACT,
    ModelVersion,
    Registry,
)
from tidegate.release.ledger import Event, Ledger
from tidegate.release.release import ImageReference, Release
from tidegate.verdict import Verdict


@dataclass(frozen=True)
class RegistrationReport:
    """The version that was made, and the release where that is all there is to one."""

    service: str
    version: ModelVersion
    alias: str
    record_digest: str
    release: Release | None
    scan: Scan
    override: Mapping[str, Any] | None = None
    verdict: Verdict = Verdict.PASS
    blocked: bool = False

    def to_dict(self) -> dict[str, Any]:
        return {
            "service": self.service,
            "model": self.version.name,
            "version": self.version.version,
            "run_id": self.version.run_id,
            "alias": self.alias,
            "record_digest": self.record_digest,
            "release": None if self.release is None else self.release.id,
            "scan": self.scan.to_dict(),
            "override": None if self.override is None else dict(self.override),
        }


def register_candidate(
    config: Config, reports: Path, registry: Registry, context: Context, author: str | None
) -> RegistrationReport:
    """Register the model that the gate let through, with everything its verdict rests on.

    reports: folder with gate-model.json. Raises DataError when the gate did not let it through, or
    when model or predictions are no longer those that were judged.
    """
    gate = _passed_gate(config, reports)
    measured = _measurements(gate, reports)
    record = gate["record"]
    model = config.resolve(config.model_path)
    scan = hold_to_scan(model, config.registry.trusted_pickles, config.model_path)
    predictions = config.resolve(config.need_evaluation().predictions)
    files = {
        # What its name says of its format is kept, or nobody could read it as a baseline.
        PREDICTIONS_ARTIFACT + "".join(predictions.suffixes): predictions,
        GATE_REPORT_ARTIFACT: reports / "gate-model.json",
        DATA_REPORT_ARTIFACT: reports / "check-data.json",
        EXAMPLES_ARTIFACT: config.resolve(config.serving.examples),
    }
    tags = {
        "tidegate.commit": record["commit"] or "",
        "tidegate.data-digest": record["data_digest"] or "",
        "tidegate.record-digest": record["digest"],
        "tidegate.author": author or context.actor(config.root),
        DIGEST_TAG: record["candidate"]["model_digest"],
        "tidegate.model-scan": f"{scan.files} pickles, {len(scan.imports)} imports, none refused",
    }
    if record.get("override"):
        tags["tidegate.override"] = in_words(record)
    if config.environments and not files[EXAMPLES_ARTIFACT].is_file():
        raise DataError(
            "there are no examples to hold the running service to",
            where=str(files[EXAMPLES_ARTIFACT]),
            remedy='write JSON lines of {"request": {...}, "expected": 0.5} in the pipeline, or '
            "mend serving.examples in the config",
        )
    version = registry.register(
        model,
        files={artifact: path for artifact, path in files.items() if path.is_file()},
        tags=tags,
        metrics={r["metric"]: r["candidate"] for r in gate["results"] if r["slice"] is None},
        measurements=measured,
        alias=registry.challenger_alias,
    )
    release = None
    if config.image is None:
        release = create_release(config, version, None, registry, context)
    return RegistrationReport(
        config.service,
        version,
        registry.challenger_alias,
        record["digest"],
        release,
        scan,
        record.get("override"),
    )


def logged_record(version: ModelVersion, registry: Registry) -> dict[str, Any]:
    """The gate record that a version was registered with.

    Raises RegistryError when it is not the one that the version names.
    """
    record = dict(registry.gate_report(version)["record"])
    if not records.is_intact(record) or record["digest"] != version.tags["tidegate.record-digest"]:
        raise RegistryError(
            f"the gate record of version {version.version} is not the one it was registered with",
            where=f"{registry.shown_uri}, {GATE_REPORT_ARTIFACT}",
            remedy="somebody edited it: judge and register the model again",
        )
    return record


def create_release(
    config: Config,
    version: ModelVersion,
    image: ImageReference | None,
    registry: Registry,
    context: Context,
) -> Release:
    """Bind a registered version and its image into a release, and write it into the ledger.

    Asked again for the same version and image, it gives the release that exists.
    """
    ledger = Ledger(registry)
    for existing in ledger.releases():
        if existing.model_version == version.version and existing.image == image:
            return existing
    release = Release(
        service=config.service,
        model=version.name,
        model_version=version.version,
        image=image,
        commit=version.tags["tidegate.commit"] or None,
        data_digest=version.tags["tidegate.data-digest"] or None,
        record_digest=version.tags["tidegate.record-digest"],
        author=version.tags["tidegate.author"],
        created_at=context.timestamp(),
    )
    event = Event(
        kind="release",
        at=release.created_at,
        release=release.id,
        actor=context.actor(config.root),
        record_digest=release.record_digest,
        run_url=context.run_url(),
    )
    ledger.record(event, release)
    return release


def _measurements(gate: Mapping[str, Any], reports: Path) -> dict[str, float]:
    """What the gate held, or may later hold, to a budget: the pipeline may measure more."""
    # A report of an earlier tidegate names only the figures that it judged.
    judged = {budget["name"]: budget["value"] for budget in gate.get("budgets", ())}
    figures = checked_figures(gate.get("measurements", judged), str(reports / "gate-model.json"))
    return {name: value for name, value in figures.items() if name in BUDGETS}


def _passed_gate(config: Config, reports: Path) -> Mapping[str, Any]:
    path = reports / "gate-model.json"
    try:
        gate = json.loads(path.read_text(encoding="utf-8"))
        record = gate["record"] if gate["error"] is None else None
    except (OSError, ValueError, KeyError, TypeError):
        gate, record = {}, None
    if record is None:
        raise DataError(
            "there is no verdict of the gate here",
            where=str(path),
            remedy="run `tidegate gate-model` first, with the same --report",
        )
    if not records.is_intact(record):
        raise DataError(
            "the gate record was changed after it was written",
            where=str(path),
            remedy="run `tidegate gate-model` again",
        )
    if record["blocked"]:
        raise DataError(
            f"the gate did not let this model through: {record['verdict']}",
            where=str(path),
            remedy="mend the model; a blocked one is not registered",
        )
    model, predictions = config.model_path, config.need_evaluation().predictions
    if not config.resolve(model).is_dir():
        raise DataError(
            "there is no model folder here",
            where=str(config.resolve(model)),
            remedy="run the pipeline, or mend model-path in the config",
        )
    if not config.resolve(predictions).is_file():
        raise DataError(
            "there is no predictions table here",
            where=str(config.resolve(predictions)),
            remedy="run the pipeline, or mend evaluation.predictions in the config",
        )
    now = {
        "model_digest": digest.of_folder(config.resolve(model)),
        "predictions_digest": digest.of_file(config.resolve(predictions)),
    }
    if now != record["candidate"]:
        raise DataError(
            "model or predictions are no longer those that the gate judged",
            where=f"{model}, {predictions}",
            remedy="run `tidegate gate-model` again",
        )
    return dict(gate)
