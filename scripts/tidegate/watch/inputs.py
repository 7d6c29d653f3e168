"""Recent inputs: held against their schema, and against the data that was released."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from tidegate.config import Config, Dataset, WatchedData, place_of
from tidegate.data.beyond_rows.freshness import check_freshness
from tidegate.data.beyond_rows.table import Table
from tidegate.data.checks import check_dataset
from tidegate.data.drift.columns import chosen_columns
from tidegate.data.drift.results import ColumnDrift
from tidegate.data.results import DatasetResult
from tidegate.data.schemas import load_schema
from tidegate.data.sources import dataset_digest, locate, locate_dataset
from tidegate.data.sources.opening import open_files, readable
from tidegate.registry import DATA_REPORT_ARTIFACT
from tidegate.verdict import Verdict, worst
from tidegate.watch.released import Released
from tidegate.watch.results import Change, Figure, Part
from tidegate.watch.small_moves import small_moves


def watch_data(
    config: Config, name: str, watched: WatchedData, released: Released, now: datetime
) -> list[Part]:
    """The part of a dataset, and that of its freshness where it is asked for."""
    like = None if watched.dataset is None else config.need_dataset(watched.dataset)
    dataset = watched.as_dataset(like)
    found = check_dataset(config, name, dataset.model_copy(update={"freshness": None}))
    moved, age = _second_look(config, name, watched, dataset, now)
    changes = [*_of_checks(found), *_of_drift(found), *moved]
    part = Part.of(
        "data",
        name,
        f"{found.rows:,} rows, {found.failing_rows:,} of them against the schema",
        changes,
        # What is tolerated is told, and decides nothing.
        verdict=worst([found.verdict, *(change.verdict for change in moved)]),
        figures=tuple(_figures(found)),
        notes=tuple(_of_reference(config, watched, released)),
    )
    return [part] if age is None else [part, Part.of("freshness", name, age.detail, [age])]


def _of_checks(found: DatasetResult) -> Iterator[Change]:
    tolerated = not found.faulty and found.failing_rows <= found.tolerated_rows
    for check in found.checks:
        if check.verdict is Verdict.PASS or check.warns or (tolerated and check.failing_rows):
            continue
        rows = f"{check.failing_rows:,} of {found.rows:,} rows break {check.check}"
        detail = check.detail or (rows if check.failing_rows else check.check)
        yield Change(check.column or "whole row", check.verdict, detail)


def _of_drift(found: DatasetResult) -> Iterator[Change]:
    for drift in found.drift:
        assert isinstance(drift, ColumnDrift)  # noqa: S101 - the engine gives no other
        if drift.verdict is not Verdict.PASS:
            yield Change(drift.column or "all columns together", drift.verdict, drift.detail)


def _figures(found: DatasetResult) -> Iterator[Figure]:
    """What the history keeps: the share of failing rows, and how far the columns have moved."""
    yield Figure("failing-rows", found.failing_rows / found.rows)
    moved = [one.psi for one in found.drift if isinstance(one, ColumnDrift) and one.psi is not None]
    if moved:
        yield Figure("largest-psi", max(moved))


def _second_look(
    config: Config, name: str, watched: WatchedData, dataset: Dataset, now: datetime
) -> tuple[list[Change], Change | None]:
    """What check-data does not ask: small moves; and the age of the newest row."""
    where = place_of(config, "watch", "data", name)
    schema = load_schema(dataset.schema_reference, config.code, where=where)
    assert dataset.reference is not None  # noqa: S101 - the config has seen to it
    with TemporaryDirectory(prefix="tidegate-") as folder:
        opened = [
            open_files(found, Path(folder) / side, schema.declared_type)
            for side, found in (
                ("now", locate_dataset(config, name, dataset)),
                ("before", locate(dataset.reference, config.root, where=where)),
            )
        ]
        with readable([file for files in opened for file in files]):
            now_frame, before = (
                pl.concat([file.scan() for file in files], how="diagonal_relaxed")
                for files in opened
            )
            schemas = now_frame.collect_schema(), before.collect_schema()
            chosen = chosen_columns(*schemas, dataset.drift.columns, dataset.key, where)
            moved: list[Change] = []
            if dataset.drift.mode != "off":
                moved = list(
                    small_moves(
                        now_frame,
                        before,
                        [column for column in chosen if all(column in one for one in schemas)],
                        confidence=dataset.drift.confidence,
                        tolerated_nulls=watched.tolerated_null_increase,
                        redact=dataset.redact,
                    )
                )
            table = Table(dataset, now_frame, 0, lambda row: ("", row))
            ages = [
                Change(str(one.column), one.verdict, one.detail or one.check)
                for one in check_freshness(table, now)
            ]
    return moved, ages[0] if ages else None


def _of_reference(config: Config, watched: WatchedData, released: Released) -> Iterator[str]:
    """Whether what was compared with is what the release was made from."""
    if watched.dataset is None or watched.reference is not None or released.version is None:
        return
    version = released.version
    if not released.registry.holds(version, DATA_REPORT_ARTIFACT):
        yield f"version {version.version} does not say which data it was made from"
        return
    with TemporaryDirectory() as folder:
        path = released.registry.download(version, DATA_REPORT_ARTIFACT, Path(folder))
        try:
            known = json.loads(path.read_text(encoding="utf-8"))["datasets"]
            then = next((one["digest"] for one in known if one["name"] == watched.dataset), None)
        except (ValueError, KeyError, TypeError):
            then = None
    dataset = config.need_dataset(watched.dataset)
    found = locate_dataset(config, watched.dataset, dataset)
    if dataset_digest(found, config.root) != then:
        yield (
            f"compared with {dataset.path} as it is here, which is not the data that version "
            f"{version.version} was made from"
        )
