"""The baseline's predictions: where they come from, and whether they may be compared."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from tidegate.config import Config
from tidegate.context import Context
from tidegate.errors import ConfigError, DataError, RegistryError
from tidegate.gate.rows.evaluation_digest import evaluation_digest
from tidegate.gate.rows.tables import Table, open_table, scan
from tidegate.gate.scoring.champion import Unscorable, score_version
from tidegate.registry import GATE_REPORT_ARTIFACT, ModelVersion, Registry
from tidegate.release.running import Running, running


@dataclass(frozen=True)
class Baseline:
    """A baseline's predictions.

    source: `file`; `logged` with the version, or `scored` by it now; `unscorable`: the version
    cannot answer on today's evaluation set, and the config lets the absolute bounds decide.
    registered_at, running: when the version was made, and where it runs, as far as that is known.
    """

    table: Table | None
    source: str
    version: str | None = None
    model_digest: str | None = None
    note: str | None = None
    registered_at: str | None = None
    running: Running | None = None

    def for_record(self) -> dict[str, Any]:
        """What binds the verdict to it."""
        return {
            "version": self.version,
            "source": self.source,
            "predictions_digest": None if self.table is None else self.table.digest,
        }

    def to_dict(self) -> dict[str, Any]:
        return {
            **self.for_record(),
            "registered_at": self.registered_at,
            "release": None if self.running is None else self.running.release,
            "environment": None if self.running is None else self.running.environment,
            "since": None if self.running is None else self.running.since,
        }


def resolve_baseline(
    config: Config,
    wanted: str | None,
    candidate: Table,
    expected_digest: str,
    open_registry: Callable[[], Registry],
    context: Context,
    folder: Path,
) -> Baseline | None:
    """The baseline that `wanted` names; by default the champion. None when there is none yet.

    wanted: path of a table, models:/NAME@ALIAS, models:/NAME/VERSION, or none.
    expected_digest: evaluation digest of the candidate's; a logged table must have the same.
    folder: where what is downloaded or scored is kept.
    Raises RegistryError when the registry cannot say: that is never "no baseline".
    """
    if wanted == "none":
        return None
    if wanted is not None and not wanted.startswith("models:/"):
        return Baseline(open_table(config, wanted, "baseline"), "file")
    registry = open_registry()
    version = registry.champion() if wanted is None else registry.reference(wanted)
    if version is None:
        _refuse_a_registry_of_the_run(registry, context)
        return None
    model = _model_digest(registry, version, folder)
    of_version = partial(
        Baseline,
        version=version.version,
        model_digest=model,
        registered_at=version.created_at.isoformat(timespec="seconds"),
        running=running(config, registry, version),
    )
    logged = logged_table(config, registry, version, expected_digest, folder)
    if logged is not None:
        return of_version(logged, "logged")
    try:
        table = _scored_now(config, registry, version, candidate, folder, context)
    except Unscorable as error:
        if config.need_gate().on_unscorable_baseline == "fail":
            raise
        said = error.what.splitlines()[0].rstrip(":")
        note = f"{said[0].upper()}{said[1:]}. The candidate is held to the absolute bounds alone."
        return of_version(None, "unscorable", note=note)
    return of_version(table, "scored")


def _refuse_a_registry_of_the_run(registry: Registry, context: Context) -> None:
    """A fork's run is not told where MLflow is: its own new SQLite file knows of no champion."""
    if registry.tracking_uri.startswith("sqlite:") and context.without_secrets():
        raise RegistryError(
            "this run has no secrets and was not told of any MLflow server, so whether there is a "
            "model in production cannot be said",
            where=registry.shown_uri,
            remedy="where there is none to compare with, pass --baseline none",
        )


def logged_table(
    config: Config,
    registry: Registry,
    version: ModelVersion,
    expected_digest: str,
    folder: Path,
) -> Table | None:
    """The table logged with a version, if it is of the candidate's evaluation set."""
    if (artifact := registry.predictions(version)) is None:
        return None
    path = registry.download(version, artifact, folder / "logged")
    try:
        # As a candidate's table: it has every column, or it was written by other rules.
        table = open_table(config, path, "candidate")
    except ConfigError:
        return None
    if evaluation_digest(table, config.need_evaluation()) != expected_digest:
        return None
    return replace(table, side="baseline")


def _scored_now(
    config: Config,
    registry: Registry,
    version: ModelVersion,
    candidate: Table,
    folder: Path,
    context: Context,
) -> Table:
    evaluation = config.need_evaluation()
    if evaluation.inputs is None:
        raise Unscorable(
            f"version {version.version} holds no predictions of this evaluation set, and the "
            "config does not say how to score it",
            where=f"{registry.shown_uri}, {version.uri}",
            remedy="name the rows with the model's inputs in evaluation.inputs; or score that "
            "version yourself and pass its table with --baseline TABLE; or set "
            "gate.on-unscorable-baseline: absolute-only",
        )
    inputs = config.output(evaluation.inputs)
    if not inputs.is_file():
        raise DataError(
            "the table with the model's inputs is not there",
            where=str(inputs),
            remedy="run the pipeline that writes it, or mend evaluation.inputs",
        )
    scored = score_version(version, registry, config, inputs, folder, context.environ)
    return open_table(config, _with_labels(config, scored, candidate), "baseline")


def _with_labels(config: Config, scored: Path, candidate: Table) -> Path:
    """The champion's answers with the labels of the candidate's table: it was not asked for any."""
    evaluation = config.need_evaluation()
    kinds = scan([scored]).collect_schema()
    for name in evaluation.key:
        both = kinds[name], candidate.schema[name]
        if both[0] != both[1] and not all(kind.is_integer() for kind in both):
            raise DataError(
                f"the key {name!r} is {both[0]} in evaluation.inputs and {both[1]} in the "
                "predictions table",
                where=str(evaluation.inputs),
                remedy="write the key with one type",
            )
    labels = candidate.scan().select(
        *(pl.col(name).cast(kinds[name]) for name in evaluation.key), evaluation.label
    )
    path = scored.with_name("labelled.parquet")
    scan([scored]).join(labels, on=evaluation.key, how="inner", nulls_equal=True).sink_parquet(path)
    if pl.scan_parquet(path).select(pl.len()).collect().item() == 0:
        raise DataError(
            "no row of evaluation.inputs has a key of the predictions table",
            where=str(evaluation.inputs),
            remedy="write both tables of the same rows, with the same key",
        )
    return path


def _model_digest(registry: Registry, version: ModelVersion, folder: Path) -> str | None:
    """Digest of the version's model, as its gate record holds it; None for one without."""
    try:
        path = registry.download(version, GATE_REPORT_ARTIFACT, folder / "report")
        digest: str | None = json.loads(path.read_text())["record"]["candidate"]["model_digest"]
    except (RegistryError, OSError, ValueError, KeyError, TypeError):
        return None
    return digest
