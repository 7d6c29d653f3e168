"""Whether the margins of a config can be decided on the evaluation set at hand."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tidegate.config import Bound, Config
from tidegate.gate.baseline import logged_table
from tidegate.gate.estimating import known_metrics
from tidegate.gate.judging import confidences
from tidegate.gate.rows.evaluation_digest import evaluation_digest
from tidegate.gate.rows.pairing import Pairing
from tidegate.gate.rows.pieces import join_tables
from tidegate.gate.rows.settling import settle
from tidegate.gate.rows.tables import Table, open_table
from tidegate.gate.slicing import OVERALL, slicings_of
from tidegate.gate.statistics.comparison import growth_for_equals
from tidegate.registry import Registry


@dataclass(frozen=True)
class Margin:
    """A margin (max-regression) held against what the rows can tell.

    slices: how many it is for (None: overall); decided: on how many of them an equal candidate
    would pass and one of twice the margin fail, each with a probability of 95 %; rows, rows_needed:
    of the whole, or of the slice that lacks the most. None: no number of rows decides it.
    """

    metric: str
    margin: float
    slices: int | None
    decided: int
    rows: int
    rows_needed: int | None


def plan(config: Config, registry: Registry | None) -> tuple[list[Margin], str]:
    """Every margin of the config on the present predictions table; and what was compared.

    With the champion's logged predictions the two are paired, as in the gate. Without, the spread
    of the candidate's own value stands in for that of the harm: that of two models whose errors
    have a correlation of one half.
    """
    evaluation, gate = config.need_evaluation(), config.need_gate()
    candidate = open_table(config, evaluation.predictions, "candidate")
    with TemporaryDirectory(prefix="tidegate-") as name:
        champion, shown = _champion(config, candidate, registry, Path(name))
        tables = [candidate] if champion is None else [candidate, champion]
        pairing = Pairing.of(config, candidate, champion)
        pieces, tally = join_tables(pairing, tables, Path(name))
        settle(config, tables, pairing, tally)
        slicings = slicings_of(evaluation, gate, tally, [])
        wanted = [
            (number, name, _asking(bound, alone=champion is None))
            for section, numbers in (
                (gate.metrics, [OVERALL]),
                (gate.slice_metrics, range(1, len(slicings))),
            )
            for name, bound in section.items()
            for number in numbers
            if bound.max_regression is not None and bound.function is None
            and slicings[number].count
        ]  # fmt: skip
        found, _ = known_metrics(config, pieces, tally, slicings, wanted, champion is not None, [])
    sides = confidences(gate.confidence, found)
    grouped: dict[tuple[str, bool], list[tuple[int, float, float]]] = {}
    for item in found:
        overall = item.slicing == OVERALL
        estimate = item.own if champion is None else item.harm
        margin = item.bound.max_regression
        assert estimate is not None  # noqa: S101 - _asking has seen to both
        assert margin is not None  # noqa: S101
        rows = int(slicings[item.slicing].levels["rows"][item.level])
        growth = growth_for_equals(estimate, margin, sides[overall])
        grouped.setdefault((item.name, overall), []).append((rows, growth, margin))
    return list(_margins(grouped)), shown


def _margins(
    grouped: dict[tuple[str, bool], list[tuple[int, float, float]]],
) -> Iterator[Margin]:
    for (metric, overall), cases in grouped.items():
        rows, growth, margin = max(cases, key=lambda case: case[1])
        yield Margin(
            metric=metric,
            margin=margin,
            slices=None if overall else len(cases),
            decided=sum(growth <= 1 for _, growth, _ in cases),
            rows=rows,
            rows_needed=math.ceil(rows * growth) if math.isfinite(growth) else None,
        )


def _champion(
    config: Config, candidate: Table, registry: Registry | None, folder: Path
) -> tuple[Table | None, str]:
    version = None if registry is None else registry.champion()
    if registry is None or version is None:
        return (
            None,
            "without a champion yet: the candidate's own spread stands in for that of the harm",
        )
    digest = evaluation_digest(candidate, config.need_evaluation())
    table = logged_table(config, registry, version, digest, folder)
    if table is None:
        return None, (
            f"not paired, since version {version.version} holds no predictions of this "
            "evaluation set: the candidate's own spread stands in for that of the harm"
        )
    return table, f"paired with version {version.version}"


def _asking(bound: Bound, *, alone: bool) -> Bound:
    """The margin alone; where there is no baseline, with a bound that asks for the own interval."""
    update = {"min": None, "max": math.inf if alone else None}
    return bound.model_copy(update=update)
