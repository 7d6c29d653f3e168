"""A registered model, fetched: nothing of it is loaded or shipped before it is known to be it."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path
from tempfile import TemporaryDirectory

from tidegate import digest
from tidegate.errors import DataError
from tidegate.gate import record as records
from tidegate.models.scanning import hold_to_scan
from tidegate.registry import GATE_REPORT_ARTIFACT, MODEL_ARTIFACT, ModelVersion, Registry

DIGEST_TAG = "tidegate.model-digest"
RECORD_TAG = "tidegate.record-digest"


def download_model(
    registry: Registry, version: ModelVersion, folder: Path, trusted: Collection[str]
) -> Path:
    """The version's model in `folder`, held to its digest and looked into.

    trusted: registry.trusted-pickles. Raises DataError for one that is not what was registered, or
    that must not be loaded.
    """
    model = registry.download(version, MODEL_ARTIFACT, folder)
    _hold_to_digest(registry, version, model)
    hold_to_scan(model, trusted, f"{registry.shown_uri}, {version.uri}")
    return model


def fetch_model(
    registry: Registry, version: ModelVersion, target: Path, trusted: Collection[str]
) -> None:
    """Put a version's model folder at `target`: what was registered is what is shipped."""
    with TemporaryDirectory() as folder:
        registered = download_model(registry, version, Path(folder), trusted)
        if target.is_dir() and digest.of_folder(target) == digest.of_folder(registered):
            return
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(registered, target)


def _hold_to_digest(registry: Registry, version: ModelVersion, model: Path) -> None:
    """The model folder must be the one that the version's gate report was written for."""
    sealed, tagged = version.tags.get(RECORD_TAG), version.tags.get(DIGEST_TAG)
    found = digest.of_folder(model)
    if tagged not in (None, found):
        raise _not_the_registered(registry, version)
    if sealed is None and not registry.holds(version, GATE_REPORT_ARTIFACT):
        return  # registered by other means than `tidegate register-model`
    try:
        record = registry.gate_report(version)["record"]
        judged = record["candidate"]["model_digest"]
        intact = records.is_intact(record) and sealed in (None, record["digest"])
    except (ValueError, KeyError, TypeError):
        judged, intact = None, False
    if not intact or judged != found:
        raise _not_the_registered(registry, version, intact=intact)


def _not_the_registered(
    registry: Registry, version: ModelVersion, *, intact: bool = True
) -> DataError:
    return DataError(
        "its model folder is not the one that its gate report was written for"
        if intact
        else "its gate report was changed after it was written",
        where=f"{registry.shown_uri}, {version.uri}",
        remedy="find out who changed the files in MLflow's artifact store; until then, roll "
        "back to a version that is as it was registered",
    )
