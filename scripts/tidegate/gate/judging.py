"""Every metric of the config on every slice, from the joined rows to the verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
import polars as pl
import polars.selectors as cs

from tidegate.config import Bound, Config, Evaluation, Gate, place_of
from tidegate.errors import DataError
from tidegate.gate.rows.pairing import Tally
from tidegate.gate.rows.pieces import Pieces
from tidegate.gate.statistics.comparison import (
    Confidence,
    Estimate,
    Judgement,
    estimate,
    judge,
)
from tidegate.gate.statistics.metrics import METRICS, Metric, Solution, Undefined, for_class
from tidegate.gate.statistics.own_metric import OwnMetric
from tidegate.gate.statistics.passes import (
    Answer,
    Design,
    Piece,
    Question,
    Slicing,
    Spread,
    Survey,
    gradients,
    solve,
    spread,
    survey,
)
from tidegate.gate.statistics.sums import CONFUSION
from tidegate.verdict import Verdict

OVERALL = 0
MAX_NAMED_SLICES = 30
# A merge goes through all bins of the whole: better once for a few pieces than for each, when they
# have become as coarse as the whole.
_MERGED_AT_ONCE = 4


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


@dataclass(frozen=True)
class Found:
    """The estimates of one metric on one slice, before they are held to its bound."""

    name: str
    slicing: int
    level: int
    bound: Bound
    candidate: float
    baseline: float | None
    own: Estimate | None
    harm: Estimate | None
    higher_is_better: bool

    @property
    def change(self) -> float | None:
        """The harm, judged or not; positive is worse."""
        if self.baseline is None:
            return None
        return (self.candidate - self.baseline) * (-1 if self.higher_is_better else 1)


def judge_all(
    config: Config, pieces: Pieces, tally: Tally, *, has_baseline: bool, notes: list[str]
) -> tuple[Result, ...]:
    """The verdict of every metric on every slice.

    notes: what was not judged is added to it. Raises DataError when an overall metric has no value.
    """
    evaluation, gate = config.need_evaluation(), config.need_gate()
    slicings = slicings_of(evaluation, gate, tally, notes)
    bounds = _bounds(gate, slicings, has_baseline=has_baseline, notes=notes)
    found = [
        *known_metrics(config, pieces, tally, slicings, bounds, has_baseline, notes),
        *_own_metrics(config, pieces, tally, slicings, bounds, has_baseline, notes),
    ]
    order = {(slicing, name): n for n, (slicing, name, _) in enumerate(bounds)}
    found.sort(key=lambda f: (order[f.slicing, f.name.partition("/")[0]], f.level))
    sides = confidences(gate.confidence, found)
    results = []
    for item in found:
        overall = item.slicing == OVERALL
        label = None if overall else _label(evaluation, slicings[item.slicing], item)
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
    return tuple(results)


def make_design(
    config: Config,
    tally: Tally,
    slicings: list[Slicing],
    bounds: list[tuple[int, str, Bound]],
    *,
    has_baseline: bool,
) -> Design:
    """What the passes are to compute for the metrics that tidegate knows."""
    evaluation = config.need_evaluation()
    classes = tuple(sorted(tally.labels.union(evaluation.scores, *tally.answers)))
    questions = []
    for slicing, name, bound in bounds:
        if bound.function is not None:
            continue
        for shown, metric in _by_class(name, classes):
            own = bound.min is not None or bound.max is not None
            harm = has_baseline and bound.max_regression is not None
            questions.append(Question(shown, metric, slicing, own, harm))
    return Design(
        task=config.task,
        threshold=evaluation.threshold if evaluation.score is not None else None,
        quantile=evaluation.quantile,
        classes=classes,
        clusters=None if tally.clusters is None else tuple(sorted(tally.clusters)),
        clustered=evaluation.cluster is not None,
        models=2 if has_baseline else 1,
        slicings=tuple(slicings),
        questions=tuple(questions),
    )


def _by_class(name: str, classes: tuple[str, ...]) -> Iterator[tuple[str, Metric]]:
    if name != "recall-per-class":
        yield name, METRICS[name]
        return
    for number, answer_class in enumerate(classes):
        yield f"{name}/{answer_class}", for_class(number)


def slicings_of(
    evaluation: Evaluation, gate: Gate, tally: Tally, notes: list[str]
) -> list[Slicing]:
    """Overall, then each way of slicing with the levels that are large enough."""
    whole = pl.DataFrame({"rows": [tally.paired], "label_sum": [tally.label_sum]})
    slicings = [Slicing(whole)]
    if not gate.slice_metrics:
        return slicings
    small = []
    for levels in tally.levels:
        ordered = levels.sort(cs.starts_with("slice."), nulls_last=True)
        slicing = Slicing(ordered.filter(pl.col("rows") >= gate.min_slice_rows))
        slicings.append(slicing)
        rest = Slicing(ordered.filter(pl.col("rows") < gate.min_slice_rows))
        small += [
            f"{_shown(_slice(evaluation, rest, len(slicings) - 1, level))} "
            f"({rest.levels['rows'][level]})"
            for level in range(rest.count)
        ]
    if small:
        more = len(small) - MAX_NAMED_SLICES
        shown = ", ".join(_short(name) for name in small[:MAX_NAMED_SLICES])
        notes.append(
            f"Slices below {gate.min_slice_rows} rows were not judged: {shown}"
            + (f", and {more:,} more." if more > 0 else ".")
        )
    return slicings


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


def known_metrics(
    config: Config,
    pieces: Pieces,
    tally: Tally,
    slicings: list[Slicing],
    bounds: list[tuple[int, str, Bound]],
    has_baseline: bool,
    notes: list[str],
) -> Iterator[Found]:
    evaluation = config.need_evaluation()
    design = make_design(config, tally, slicings, bounds, has_baseline=has_baseline)
    if not design.questions:
        return
    with np.errstate(over="ignore", invalid="ignore"):  # looked at in _found
        surveyed = _surveyed(design, pieces)
        answers = solve(design, surveyed)
        laid_out = gradients(design, surveyed, answers)
        spreads = reduce(
            Spread.merge, pieces.map(design, lambda piece: spread(piece, surveyed, laid_out))
        )
    # Scores that are the same on every row are no coincidence, so that nothing need be allowed for.
    graded = config.task == "regression" or evaluation.score is not None or evaluation.scores
    unchanged = has_baseline and tally.differing == 0 and bool(graded)
    by_place = {(slicing, name): bound for slicing, name, bound in bounds}
    for number, answer in enumerate(answers):
        question = answer.question
        bound = by_place[question.slicing, question.name.partition("/")[0]]
        for level, solutions in enumerate(answer.solutions):
            if isinstance(solutions, str):
                _no_value(config, design, question, level, solutions, notes)
                continue
            unit = surveyed.typical_weight(question.slicing, level)
            yield _found(design, spreads, unit, number, answer, level, solutions, bound, unchanged)


def _surveyed(design: Design, pieces: Pieces) -> Survey:
    total: Survey | None = None

    def work(piece: Piece) -> Survey:
        # No piece needs finer bins than those before it have left the whole.
        return survey(piece, None if total is None else total.bits)

    waiting: list[Survey] = []
    for part in pieces.map(design, work):
        waiting.append(part)
        if total is None or not total.is_coarse or len(waiting) == _MERGED_AT_ONCE:
            first, *others = waiting if total is None else (total, *waiting)
            total, waiting = first.merge(*others) if others else first, []
    assert total is not None  # noqa: S101 - there is always a piece
    return total.merge(*waiting) if waiting else total


def _found(
    design: Design,
    spreads: Spread,
    unit: float,
    number: int,
    answer: Answer,
    level: int,
    solutions: tuple[Solution, ...],
    bound: Bound,
    unchanged: bool,
) -> Found:
    question = answer.question
    rows = int(design.slicings[question.slicing].levels["rows"][level])
    groups = rows
    if design.clustered:
        groups = int(np.count_nonzero(spreads.present[question.slicing][level]))
    own = harm = None
    candidate = solutions[0]
    if question.own:
        sums = spreads.own[number][level]
        own = replace(
            estimate(candidate.value, sums, groups, clustered=design.clustered),
            slack=candidate.slack, step=candidate.step * unit, bias=candidate.bias,
            rows=rows, counted=candidate.counted,
        )  # fmt: skip
    if question.harm:
        sums, sign, baseline = spreads.harm[number][level], question.metric.sign, solutions[1]
        harm = estimate(
            sign * (candidate.value - baseline.value), sums, groups, clustered=design.clustered
        )
        if not unchanged:
            harm = replace(
                harm,
                slack=candidate.slack + baseline.slack,
                step=max(candidate.step, baseline.step) * unit,
                bias=sign * (candidate.bias - baseline.bias),
                rows=rows,
                # An answer that is right or wrong in both is counted in their difference, too.
                counted=question.metric.statistic == CONFUSION,
            )
    return Found(
        name=question.name,
        slicing=question.slicing,
        level=level,
        bound=bound,
        candidate=solutions[0].value,
        baseline=solutions[1].value if len(solutions) > 1 else None,
        own=own,
        harm=harm,
        higher_is_better=question.metric.higher_is_better,
    )


def _own_metrics(
    config: Config,
    pieces: Pieces,
    tally: Tally,
    slicings: list[Slicing],
    bounds: list[tuple[int, str, Bound]],
    has_baseline: bool,
    notes: list[str],
) -> Iterator[Found]:
    """The user's own functions, slice by slice."""
    wanted = [item for item in bounds if item[2].function is not None]
    if not wanted:
        return
    evaluation = config.need_evaluation()
    frame = pieces.whole()
    if frame is None:
        raise DataError(
            "a metric of your own needs all rows in memory, and there are too many",
            where=place_of(config, "gate", "metrics", wanted[0][1]),
            remedy="evaluate on a sample, or express it by metrics that tidegate knows",
        )
    design = make_design(config, tally, slicings, [], has_baseline=has_baseline)
    piece = Piece(design, frame)
    names = [f"output{suffix}" for suffix in ("", ".baseline")[: design.models]]
    label, *outputs = (frame[name].to_numpy() for name in ("label", *names))
    clusters = piece.cluster if evaluation.cluster is not None else None
    for slicing, name, bound in wanted:
        section = "metrics" if slicing == OVERALL else "slice-metrics"
        metric = OwnMetric.load(name, bound, config, place_of(config, "gate", section, name))
        for level in range(slicings[slicing].count):
            rows = piece.levels[slicing] == level
            try:
                candidate, baseline, own, harm = metric.estimates(
                    label[rows],
                    [output[rows] for output in outputs],
                    None if piece.weight is None else piece.weight[rows],
                    None if clusters is None else clusters[rows],
                )
            except Undefined as reason:
                question = Question(name, METRICS["accuracy"], slicing, own=True, harm=True)
                _no_value(config, design, question, level, str(reason), notes)
                continue
            has_own = bound.min is not None or bound.max is not None
            yield Found(
                name=name,
                slicing=slicing,
                level=level,
                bound=bound,
                candidate=candidate,
                baseline=baseline,
                own=own if has_own else None,
                harm=harm if bound.max_regression is not None else None,
                higher_is_better=metric.higher_is_better,
            )


def _no_value(
    config: Config, design: Design, question: Question, level: int, reason: str, notes: list[str]
) -> None:
    """A metric without a value is an error overall, and a note for a slice."""
    evaluation = config.need_evaluation()
    slicing = design.slicings[question.slicing]
    if question.slicing != OVERALL:
        label = _slice(evaluation, slicing, question.slicing, level)
        notes.append(f"{question.name} was not judged for {_shown(label)}: {reason}.")
    else:
        raise DataError(
            f"{question.name} has no value on this evaluation set: {reason}",
            where=evaluation.predictions,
            remedy="an evaluation set needs rows of each class, and predictions of each",
        )


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


def _label(evaluation: Evaluation, slicing: Slicing, item: Found) -> dict[str, str | None]:
    return _slice(evaluation, slicing, item.slicing, item.level)


def _slice(
    evaluation: Evaluation, slicing: Slicing, number: int, level: int
) -> dict[str, str | None]:
    """{column: value} of a level."""
    values = slicing.levels.select(slicing.columns).row(level)
    parts = evaluation.slices[number - 1]
    return {part.column: value for part, value in zip(parts, values, strict=True)}


def _shown(label: Mapping[str, str | None]) -> str:
    return ", ".join(f"{name}={value}" for name, value in label.items())


def _short(name: str) -> str:
    return name if len(name) <= 60 else f"{name[:50]}… {name[-8:]}"


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
