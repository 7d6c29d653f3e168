"""Every metric of the config on every slice, estimated.

The known ones by two passes over the rows, those of the user's own by resampling.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from tidegate.config import Bound, Config, place_of
from tidegate.errors import DataError
from tidegate.gate.rows.pairing import Tally
from tidegate.gate.rows.pieces import Pieces
from tidegate.gate.slicing import OVERALL, slice_label, slice_name
from tidegate.gate.statistics.comparison import Estimate, estimate
from tidegate.gate.statistics.curves import Curves, curves
from tidegate.gate.statistics.design import Design, Question, Slicing
from tidegate.gate.statistics.metrics import METRICS, Metric, Solution, Undefined, for_class
from tidegate.gate.statistics.own_metric import OwnMetric
from tidegate.gate.statistics.passes import (
    Answer,
    Spread,
    Survey,
    gradients,
    solve,
    spread,
    survey,
)
from tidegate.gate.statistics.piece import Piece
from tidegate.gate.statistics.sums import CONFUSION

# A merge goes through all bins of the whole: better once for a few pieces than for each, when they
# have become as coarse as the whole.
_MERGED_AT_ONCE = 4


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


def known_metrics(
    config: Config,
    pieces: Pieces,
    tally: Tally,
    slicings: list[Slicing],
    bounds: list[tuple[int, str, Bound]],
    has_baseline: bool,
    notes: list[str],
) -> tuple[list[Found], Curves]:
    """What was found, and the curves of the answers where there are any."""
    evaluation = config.need_evaluation()
    design = make_design(config, tally, slicings, bounds, has_baseline=has_baseline)
    if not design.questions:
        return [], None
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
    found = []
    for number, answer in enumerate(answers):
        question = answer.question
        bound = by_place[question.slicing, question.name.partition("/")[0]]
        for level, solutions in enumerate(answer.solutions):
            if isinstance(solutions, str):
                _no_value(config, design, question, level, solutions, notes)
                continue
            unit = surveyed.typical_weight(question.slicing, level)
            found.append(
                _found(design, spreads, unit, number, answer, level, solutions, bound, unchanged)
            )
    return found, curves(design, surveyed.curves)


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
            rows=rows, added=float(candidate.counted), within=question.metric.within,
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
                added=0.5 * (question.metric.statistic == CONFUSION),
                within=question.metric.harm_within,
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


def own_metrics(
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
        label = slice_label(evaluation, slicing, question.slicing, level)
        notes.append(f"{question.name} was not judged for {slice_name(label)}: {reason}.")
    else:
        raise DataError(
            f"{question.name} has no value on this evaluation set: {reason}",
            where=evaluation.predictions,
            remedy="an evaluation set needs rows of each class, and predictions of each",
        )
