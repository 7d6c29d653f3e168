"""Quality on labels that have arrived: by the gate's engine, against the record at the promotion.

The rows are other ones than then, so nothing cancels: the harm's error is that of two samples.
docs/watch.md has the formulas.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tidegate.config import Bound, Config, Gate, WatchedLabels
from tidegate.errors import DataError, RegistryError
from tidegate.gate.estimating import Found, known_metrics, own_metrics
from tidegate.gate.gate import decide
from tidegate.gate.judging import Result, confidences
from tidegate.gate.rows.pairing import Pairing
from tidegate.gate.rows.pieces import join_tables
from tidegate.gate.rows.settling import settle
from tidegate.gate.rows.tables import Table, open_table
from tidegate.gate.slicing import OVERALL, slice_label, slice_name, slicings_of
from tidegate.gate.statistics.comparison import MIN_CLUSTERS, Estimate, judge
from tidegate.registry import Registry
from tidegate.release.registration import logged_record
from tidegate.verdict import Verdict
from tidegate.watch.released import Released
from tidegate.watch.results import Change, Figure, Part

Label = Mapping[str, str | None] | None


@dataclass(frozen=True)
class _Seen:
    """A metric on a slice, of one table."""

    found: Found
    label: Label
    rows: int

    @property
    def key(self) -> tuple[str, frozenset[tuple[str, str | None]]]:
        return self.found.name, frozenset((self.label or {}).items())


def watch_labels(config: Config, name: str, watched: WatchedLabels, released: Released) -> Part:
    """Hold the table that has arrived to the gate's bounds, and to what the release was then."""
    gate = _gate(config.need_gate(), watched)
    config = config.model_copy(update={"gate": gate})
    version = released.need_version()
    record = _record(released)
    notes: list[str] = []
    with TemporaryDirectory(prefix="tidegate-") as folder:
        table = open_table(config, watched.predictions, "candidate")
        arrived = _measured(config, table, Path(folder, "now"), notes)
        then = _logged(config, released.registry, released, Path(folder))
        if then is not None and then.digest != record["candidate"]["predictions_digest"]:
            raise DataError(
                f"the predictions logged with version {version.version} are not those that its "
                "gate record is of",
                where=then.where,
                remedy="somebody edited them: judge and register the model again",
            )
        before = [] if then is None else _measured(config, then, Path(folder, "then"), [])
    if then is None:
        notes.append(
            f"version {version.version} holds no table of predictions: bounds alone are judged"
        )
    results = tuple(_judged(gate, arrived, {one.key: one for one in before}, notes))
    if not any(result.slice is None for result in results):
        raise DataError(
            "nothing could be judged: every bound needs the predictions of the promotion",
            where=str(config.path),
            remedy="register versions with their predictions, or give a metric min or max",
        )
    verdict, _ = decide(gate, results, [])
    return Part.of(
        "labels",
        name,
        f"{table.rows:,} rows with labels, compared with version {version.version} when it was "
        "judged",
        [
            _change(result)
            for result in results
            if result.blocking and result.judgement.verdict is not Verdict.PASS
        ],
        verdict=verdict,
        figures=tuple(
            Figure(one.metric, one.judgement.candidate, one.bound.min, one.bound.max)
            for one in results
            if one.slice is None
        ),
        results=tuple(result.to_dict() for result in results),
        notes=tuple(notes),
    )


def _record(released: Released) -> Mapping[str, Any]:
    """The gate record of the version that runs. Raises RegistryError for one that is damaged."""
    version = released.need_version()
    try:
        record = logged_record(version, released.registry)
        record["candidate"]["predictions_digest"]  # what is compared with it
    except (ValueError, KeyError, TypeError):
        raise RegistryError(
            f"the gate record of version {version.version} cannot be read",
            where=f"{released.registry.shown_uri}, {version.uri}",
            remedy="somebody edited it: judge and register the model again",
        ) from None
    return record


def _gate(gate: Gate, watched: WatchedLabels) -> Gate:
    """The service's gate with the margins and the confidence of a watch."""

    def bounds(own: Mapping[str, Bound], margins: Mapping[str, float]) -> dict[str, Bound]:
        known = dict(own)
        for name, margin in margins.items():
            alone = Bound.model_construct()
            known[name] = known.get(name, alone).model_copy(update={"max_regression": margin})
        return known

    return gate.model_copy(
        update={
            "metrics": bounds(gate.metrics, watched.margins),
            "slice_metrics": bounds(gate.slice_metrics, watched.slice_margins),
            "confidence": watched.confidence,
        }
    )


def _logged(config: Config, registry: Registry, released: Released, folder: Path) -> Table | None:
    version = released.need_version()
    if (artifact := registry.predictions(version)) is None:
        return None
    path = registry.download(version, artifact, folder / "logged")
    return open_table(config, path, "candidate")


def _measured(config: Config, table: Table, folder: Path, notes: list[str]) -> list[_Seen]:
    """Every metric on every slice of one table, with the errors of its own values."""
    folder.mkdir(parents=True)
    evaluation, gate = config.need_evaluation(), config.need_gate()
    pairing = Pairing.of(config, table, None)
    pieces, tally = join_tables(pairing, [table], folder)
    notes += settle(config, [table], pairing, tally)
    slicings = slicings_of(evaluation, gate, tally, notes)
    # A bound that nothing exceeds asks for the value's own error.
    asking = {"min": None, "max": math.inf, "max_regression": None}
    wanted = [
        (number, name, bound.model_copy(update=asking))
        for section, numbers in (
            (gate.metrics, range(OVERALL, OVERALL + 1)),
            (gate.slice_metrics, range(OVERALL + 1, len(slicings))),
        )
        for name, bound in section.items()
        for number in numbers
        if slicings[number].count
    ]
    known, _ = known_metrics(config, pieces, tally, slicings, wanted, False, notes)
    found = [
        *known,
        *own_metrics(config, pieces, tally, slicings, wanted, False, notes),
    ]
    return [
        _Seen(
            item,
            None
            if item.slicing == OVERALL
            else slice_label(evaluation, slicings[item.slicing], item.slicing, item.level),
            int(slicings[item.slicing].levels["rows"][item.level]),
        )
        for item in found
    ]


def _judged(
    gate: Gate, arrived: list[_Seen], before: Mapping[object, _Seen], notes: list[str]
) -> Iterator[Result]:
    asked: list[tuple[_Seen, Found]] = []
    for one in arrived:
        section = gate.metrics if one.label is None else gate.slice_metrics
        bound = section[one.found.name.partition("/")[0]]
        other = before.get(one.key)
        own = one.found.own if bound.min is not None or bound.max is not None else None
        harm = None
        if other is not None and bound.max_regression is not None:
            harm = _harm(one.found, other.found)
        elif bound.max_regression is not None and before:
            named = "overall" if one.label is None else slice_name(one.label)
            notes.append(f"{one.found.name} for {named} was not judged when it was promoted")
        baseline = None if other is None else other.found.candidate
        asked.append((one, replace(one.found, bound=bound, own=own, harm=harm, baseline=baseline)))
    sides = confidences(gate.confidence, [found for _, found in asked])
    for one, found in asked:
        overall = one.label is None
        confidence = sides[overall]
        judged = judge(
            found.bound,
            found.own,
            found.harm,
            found.candidate,
            found.baseline,
            one.rows,
            confidence,
        )
        if judged is None:
            continue
        unsure = judged.verdict is Verdict.INCONCLUSIVE
        yield Result(
            metric=found.name,
            slice=one.label,
            rows=one.rows,
            bound=found.bound,
            # So many rows would tell if those of the promotion grew, too: they do not.
            judgement=replace(judged, harm=found.change, rows_needed=None, clusters_needed=None),
            blocking=overall or not unsure or gate.on_inconclusive_slice == "fail",
            harm=found.harm,
            own=found.own,
            confidence=sides[overall],
        )


def _harm(now: Found, before: Found) -> Estimate | None:
    """The difference of two values on rows that have nothing to do with one another.

    The clusters of both sides are those of one estimate; each side's variance keeps its own
    correction for a small sample.
    """
    if now.own is None or before.own is None:
        return None
    sign = -1 if now.higher_is_better else 1
    sides = (now.own, before.own)
    total = sum(side.clusters for side in sides)
    enough = all(side.clusters >= MIN_CLUSTERS for side in sides)
    if not enough:
        total = min(side.clusters for side in sides)
        second = sum(side.second for side in sides)
    else:
        corrected = (side.second * side.clusters / (side.clusters - 1) for side in sides)
        second = sum(corrected) * (total - 1) / total
    width = now.own.within[1] - now.own.within[0]
    return Estimate(
        value=sign * (now.own.value - before.own.value),
        second=second,
        fourth=sum(side.fourth for side in sides),
        clusters=total,
        slack=sum(side.slack for side in sides),
        step=math.hypot(*(side.step for side in sides)),
        bias=sign * (now.own.bias - before.own.bias),
        rows=sum(side.rows for side in sides),
        added=max(side.added for side in sides),
        within=(-width, width),
    )


def _change(result: Result) -> Change:
    where = "" if result.slice is None else f" for {slice_name(result.slice)}"
    judged = result.judgement
    then = "" if judged.baseline is None else f", {judged.baseline:.4g} at the promotion"
    detail = f"now {judged.candidate:.4g} on {result.rows:,} rows{then}: {judged.reason}"
    return Change(f"{result.metric}{where}", judged.verdict, detail)
