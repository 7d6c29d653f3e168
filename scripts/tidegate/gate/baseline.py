"""The baseline's predictions: where they come from, and whether they may be compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from tidegate import digest
from tidegate.config import Config
from tidegate.errors import ConfigError, DataError
from tidegate.gate.evaluation import evaluation_digest, load_predictions
from tidegate.registry import PREDICTIONS_ARTIFACT, Registry


@dataclass(frozen=True)
class Baseline:
    """A baseline's predictions. source: `file`, or `logged` with the version in the registry."""

    table: pl.DataFrame
    source: str
    version: str | None
    predictions_digest: str

    def to_dict(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "source": self.source,
            "predictions_digest": self.predictions_digest,
        }


def resolve_baseline(
    config: Config,
    wanted: str | None,
    expected_digest: str,
    open_registry: Callable[[], Registry],
) -> Baseline | None:
    """The baseline that `wanted` names; by default the champion. None when there is none yet.

    wanted: path of a table, models:/NAME@ALIAS, models:/NAME/VERSION, or none.
    expected_digest: evaluation digest of the candidate's table; a logged table must have the same.
    Raises RegistryError when the registry cannot say: that is never "no baseline".
    """
    if wanted == "none":
        return None
    if wanted is not None and not wanted.startswith("models:/"):
        path = config.resolve(wanted)
        table = load_predictions(config, path)
        return Baseline(table, "file", None, digest.of_file(path))
    registry = open_registry()
    version = registry.champion() if wanted is None else registry.reference(wanted)
    if version is None:
        return None
    with TemporaryDirectory() as folder:
        path = registry.download(version, PREDICTIONS_ARTIFACT, Path(folder))
        try:
            table = load_predictions(config, path)
            found = evaluation_digest(table, config.need_evaluation())
        except ConfigError:  # the candidate has the column: the version was judged by other rules
            found = None
        predictions_digest = digest.of_file(path)
    if found != expected_digest:
        raise DataError(
            f"version {version.version} was judged on another evaluation set",
            where=f"{registry.shown_uri}, {version.uri}",
            remedy="score that version on the evaluation set of today and pass its table with "
            "--baseline TABLE, or keep the evaluation set as it was",
        )
    return Baseline(table, "logged", version.version, predictions_digest)
