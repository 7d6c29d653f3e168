"""Every metric of the config on every slice, held to its bounds: the verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tidegate.config import Bound, Config, Gate
from tidegate.gate.estimating import Found, known_metrics, own_metrics
from tidegate.gate.rows.pairing import Tally
from tidegate.gate.rows.pieces import Pieces
from tidegate.gate.slicing import OVERALL, slice_label, slicings_of
from tidegate.gate.statistics.comparison import Confidence, Estimate, Judgement, judge
from tidegate.gate.statistics.curves import Curves
from tidegate.gate.statistics.design import Slicing
from tidegate.verdict import Verdict


@dataclass(frozen=True)
class Result:
    """One metric on one slice (None: overall). blocking: whether a bad verdict stops the change.

    own, harm: the estimates that were judged, for those who plan the next evaluation set.
    """

    metric: str
    slice: Mapping[str, str | None] | None
    rows: int
    bound: Bound
    judgement: Judgement
    blocking: bool
    harm: Estimate | None
    own: Estimate | None
    confidence: Confidence

    def to_dict(self) -> dict[str, Any]:
        judged = self.judgement
        return {
            "metric": self.metric,
            "slice": None if self.slice is None else dict(self.slice),
            "rows": self.rows,
            "candidate": judged.candidate,
            "baseline": judged.baseline,
            "harm": judged.harm,
            "lower": _finite(judged.lower),
            "upper": _finite(judged.upper),
            "max_regression": self.bound.max_regression,
            "min": self.bound.min,
            "max": self.bound.max,
            "verdict": str(judged.verdict),
            "blocking": self.blocking,
            "rows_needed": judged.rows_needed,
            "clusters_needed": judged.clusters_needed,
            "reason": judged.reason,
        }


def judge_all(
    config: Config, pieces: Pieces, tally: Tally, *, has_baseline: bool, notes: list[str]
) -> tuple[tuple[Result, ...], Curves]:
    """The verdict of every metric on every slice; and the curves of the answers, if any.

    notes: what was not judged is added to it. Raises DataError when an overall metric has no value.
    """
    evaluation, gate = config.need_evaluation(), config.need_gate()
    slicings = slicings_of(evaluation, gate, tally, notes)
    bounds = _bounds(gate, slicings, has_baseline=has_baseline, notes=notes)
    known, curves = known_metrics(config, pieces, tally, slicings, bounds, has_baseline, notes)
    found = [
        *known,
        *own_metrics(config, pieces, tally, slicings, bounds, has_baseline, notes),
    ]
    order = {(slicing, name): n for n, (slicing, name, _) in enumerate(bounds)}
    found.sort(key=lambda f: (order[f.slicing, f.name.partition("/")[0]], f.level))
    sides = confidences(gate.confidence, found)
    results = []
    for item in found:
        overall = item.slicing == OVERALL
        label = None
        if not overall:
            label = slice_label(evaluation, slicings[item.slicing], item.slicing, item.level)
        rows = int(slicings[item.slicing].levels["rows"][item.level])
        confidence = sides[overall]
        judged = judge(
            item.bound, item.own, item.harm, item.candidate, item.baseline, rows, confidence
        )
        if judged is None:
            continue
        judged = replace(judged, harm=item.change)
        warned = (
            not overall
            and judged.verdict is Verdict.INCONCLUSIVE
            and gate.on_inconclusive_slice == "warn"
        )
        results.append(
            Result(
                metric=item.name,
                slice=label,
                rows=rows,
                bound=item.bound,
                judgement=judged,
                blocking=not warned,
                own=item.own,
                harm=item.harm,
                confidence=confidence,
            )
        )
    return tuple(results), curves


def _bounds(
    gate: Gate, slicings: list[Slicing], *, has_baseline: bool, notes: list[str]
) -> list[tuple[int, str, Bound]]:
    """(slicing, metric, bound) of everything that can be judged."""
    chosen = []
    for name, bound in gate.metrics.items():
        if not has_baseline and bound.min is None and bound.max is None:
            notes.append(f"{name} was not judged: its bound needs a baseline.")
        else:
            chosen.append((OVERALL, name, bound))
    for name, bound in gate.slice_metrics.items():
        if not has_baseline and bound.min is None and bound.max is None:
            notes.append(f"{name} by slice was not judged: its bound needs a baseline.")
            continue
        chosen += [(number, name, bound) for number in range(1, len(slicings))
                   if slicings[number].count]  # fmt: skip
    return chosen


def confidences(confidence: float, found: list[Found]) -> dict[bool, Confidence]:
    """{overall: confidence of its ends}.

    That everything passes takes every result, so a pass needs no correction: a candidate that is
    too bad somewhere passes there, and so on the whole, with at most 1 - confidence (Berger 1982).
    One fail is enough to block, so the ends that a fail needs hold all together: overall results
    and slices share the risk in halves, and each half is divided after Šidák 1967.
    """
    counts = dict.fromkeys((True, False), 0)
    for item in found:
        if item.harm is not None or item.own is not None:
            asked = len(item.bound.held_to)
            if item.harm is None and item.bound.max_regression is not None:
                asked -= 1
            counts[item.slicing == OVERALL] += asked
    halves = sum(1 for tests in counts.values() if tests)
    return {
        overall: Confidence(confidence, confidence ** (1 / max(1, tests * halves)))
        for overall, tests in counts.items()
    }


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
