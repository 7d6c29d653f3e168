"""The two passes over the pieces of an evaluation set.

The first, `survey`, adds up the statistics of every slice; from the sums follow each metric's
value and derivatives (`solve`). The second, `spread`, gives each row its influence and adds up the
squares, or the sums of each cluster. Both give sums that merge, in any order.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from tidegate.gate.statistics.curves import curve_sums, has_curves
from tidegate.gate.statistics.design import Design, Question
from tidegate.gate.statistics.metrics import Solution, Undefined
from tidegate.gate.statistics.piece import Piece, Place
from tidegate.gate.statistics.sums import (
    Bins,
    ByValue,
    Floats,
    Histogram,
    Ints,
    Statistic,
    dense,
    weighted,
)

CANDIDATE, BASELINE = 0, 1


@dataclass
class Survey:
    """Sums of every statistic, by model and slicing.

    weights, squared_weights: of the rows of each level, one array a slicing; dense: (level, bin,
    term); curves: of each model, for its curves, where it has any.
    """

    weights: list[Floats]
    squared_weights: list[Floats]
    curves: list[Floats] = field(default_factory=list)
    dense: dict[tuple[int, Statistic, int], Floats] = field(default_factory=dict)
    histograms: dict[Place, Histogram] = field(default_factory=dict)

    def merge(self, *others: Survey) -> Survey:
        every = (self, *others)

        def total(parts: Iterable[list[Floats]]) -> list[Floats]:
            return [np.sum(sums, axis=0) for sums in zip(*parts, strict=True)]

        return Survey(
            total(part.weights for part in every),
            total(part.squared_weights for part in every),
            total(part.curves for part in every),
            {place: np.sum([part.dense[place] for part in every], axis=0) for place in self.dense},
            {
                place: first.merge(*(other.histograms[place] for other in others))
                for place, first in self.histograms.items()
            },
        )

    @property
    def bits(self) -> dict[Place, int]:
        """How many leading bits of the values each histogram keeps."""
        return {place: whole.bits for place, whole in self.histograms.items()}

    @property
    def is_coarse(self) -> bool:
        return any(whole.is_coarse for whole in self.histograms.values())

    def typical_weight(self, slicing: int, level: int) -> float:
        """That of a row, as often as it weighs: few heavy rows are few."""
        return float(self.squared_weights[slicing][level] / self.weights[slicing][level])

    def bins(self, design: Design, model: int, question: Question, level: int) -> Bins:
        """The sums that a metric is solved from."""
        statistic, slicing = question.metric.statistic, question.slicing
        weight = float(self.weights[slicing][level])
        rows = int(design.slicings[slicing].levels["rows"][level])
        if isinstance(statistic, ByValue):
            whole = self.histograms[model, statistic]
            return whole.level(design.first_level(slicing) + level, weight, rows)
        centre = float(design.slicings[slicing].centres[level])
        return Bins(self.dense[model, statistic, slicing][level], weight, rows, centre=centre)


def survey(piece: Piece, bits: Mapping[Place, int] | None = None) -> Survey:
    """The first pass over a piece. bits: of the histograms of other pieces, where there are any."""
    design = piece.design
    squared = None if piece.weight is None else piece.weight**2
    weights, squares = (
        [
            np.bincount(levels, weights=weight, minlength=slicing.count + 1).astype(np.float64)
            for slicing, levels in zip(design.slicings, piece.levels, strict=True)
        ]
        for weight in (piece.weight, squared)
    )
    drawn = range(design.models if has_curves(design) else 0)
    found = Survey(weights, squares, [np.empty(0) for _ in drawn])

    def draw(model: int) -> None:
        found.curves[model] = curve_sums(design, piece.models[model])

    def add_up(model: int, statistic: Statistic) -> None:
        if isinstance(statistic, ByValue):
            part, _ = piece.histogram(model, statistic, (bits or {}).get((model, statistic)))
            found.histograms[model, statistic] = part.bounded()
            return
        for slicing in design.needs[statistic]:
            found.dense[model, statistic, slicing] = dense(
                statistic,
                piece.rows(model, statistic, slicing),
                piece.levels[slicing],
                design.slicings[slicing].count + 1,
            )

    in_threads(
        [partial(add_up, model, s) for s in _slow_first(design) for model in range(design.models)]
        + [partial(draw, model) for model in drawn]
    )
    return found


def in_threads(tasks: Sequence[Callable[[], None]]) -> None:
    """Run tasks side by side: sorting and adding up arrays leaves the interpreter free."""
    with ThreadPoolExecutor(min(len(tasks), os.cpu_count() or 1)) as pool:
        # In the context of the caller, which holds what numpy does about overflows.
        for done in [pool.submit(copy_context().run, task) for task in tasks]:
            done.result()


def _slow_first(design: Design) -> list[Statistic]:
    return sorted(design.needs, key=lambda one: not isinstance(one, ByValue))


@dataclass(frozen=True)
class Answer:
    """A question solved: for each level the solutions of the models, or why there is none."""

    question: Question
    solutions: tuple[tuple[Solution, ...] | str, ...]


def solve(design: Design, found: Survey) -> list[Answer]:
    """Every metric's value and derivatives, from the sums of the whole."""
    answers = []
    for question in design.questions:
        solutions: list[tuple[Solution, ...] | str] = []
        for level in range(design.slicings[question.slicing].count):
            try:
                solutions.append(
                    tuple(
                        question.metric.solve(found.bins(design, model, question, level))
                        for model in range(design.models)
                    )
                )
            except Undefined as reason:
                solutions.append(str(reason))
        answers.append(Answer(question, tuple(solutions)))
    return answers


@dataclass(frozen=True)
class Gradients:
    """The derivatives of one question, laid out for look-up by row: one pair a model.

    values: (level, bin, term); of a histogram its entries by class in one row, and a 0 at the end
    for rows that are in no slice.
    """

    question: Question
    values: tuple[Floats, ...]
    constants: tuple[Floats, ...]


def gradients(design: Design, found: Survey, answers: Sequence[Answer]) -> list[Gradients]:
    """Derivatives of every question; zero where the metric has no value."""
    laid_out = []
    for answer in answers:
        question = answer.question
        statistic, count = question.metric.statistic, design.slicings[question.slicing].count
        values, constants = [], []
        for model in range(design.models):
            constant = np.zeros(count + 1)
            if isinstance(statistic, ByValue):
                whole = found.histograms[model, statistic]
                value = np.zeros_like(whole.values)
            else:
                value = np.zeros_like(found.dense[model, statistic, question.slicing])
            for level, solutions in enumerate(answer.solutions):
                if isinstance(solutions, str):
                    continue
                place: int | slice = level
                if isinstance(statistic, ByValue):
                    place = whole.places(design.first_level(question.slicing) + level)
                value[place] = solutions[model].gradient
                constant[level] = solutions[model].constant
            values.append(np.append(value.ravel(), 0.0) if value.ndim == 2 else value)
            constants.append(constant)
        laid_out.append(Gradients(question, tuple(values), tuple(constants)))
    return laid_out


@dataclass
class Spread:
    """Sums of influence: by question, of the candidate's own value and of the harm.

    Independent rows: (level, 2), the sums of squares and of fourth powers. Clusters: (level,
    bucket), the sum of influence of each; present: rows of each bucket, by slicing.
    """

    own: dict[int, Floats] = field(default_factory=dict)
    harm: dict[int, Floats] = field(default_factory=dict)
    present: dict[int, Floats] = field(default_factory=dict)

    def merge(self, other: Spread) -> Spread:
        return Spread(
            {number: sums + other.own[number] for number, sums in self.own.items()},
            {number: sums + other.harm[number] for number, sums in self.harm.items()},
            {number: sums + other.present[number] for number, sums in self.present.items()},
        )


def spread(piece: Piece, found: Survey, laid_out: Sequence[Gradients]) -> Spread:
    """The second pass over a piece."""
    design, result = piece.design, Spread()
    places: dict[tuple[int, Statistic, int], Ints] = {}

    def add_up(number: int) -> None:
        gradient = laid_out[number]
        question = gradient.question
        add = _adder(piece, question.slicing)
        own = _influence(piece, found, gradient, CANDIDATE, places)
        if question.own:
            result.own[number] = add(own)
        if question.harm:
            before = _influence(piece, found, gradient, BASELINE, places)
            result.harm[number] = add(question.metric.sign * (own - before))

    in_threads([partial(add_up, number) for number in range(len(laid_out))])
    if design.clustered:
        for slicing in range(len(design.slicings)):
            result.present[slicing] = _adder(piece, slicing)(None)
    return result


def _adder(piece: Piece, slicing: int) -> Callable[[Floats | None], Floats]:
    """What adds up the influence of rows by level, and by cluster where there are clusters."""
    design, levels = piece.design, piece.levels[slicing]
    count = design.slicings[slicing].count

    def squares(influence: Floats | None) -> Floats:
        assert influence is not None  # noqa: S101 - presence is asked of clusters alone
        squared = influence**2
        return np.column_stack(
            [np.bincount(levels, weights=w, minlength=count + 1) for w in (squared, squared**2)]
        )

    def clusters(influence: Floats | None) -> Floats:
        buckets = design.buckets(slicing)
        place = levels * buckets + piece.cluster % buckets
        sums = np.bincount(place, weights=influence, minlength=(count + 1) * buckets)
        return sums.reshape(count + 1, buckets).astype(np.float64)

    return clusters if design.clustered else squares


def _influence(
    piece: Piece,
    found: Survey,
    gradient: Gradients,
    model: int,
    places: dict[tuple[int, Statistic, int], Ints],
) -> Floats:
    """How far each row moves the metric of its slice; 0 for a row in none.

    places: where the derivatives of a row stand, kept for the metrics that share a statistic.
    """
    question = gradient.question
    levels = piece.levels[question.slicing]
    statistic, values = question.metric.statistic, gradient.values[model]
    rows = piece.rows(model, statistic, question.slicing)
    where = (model, statistic, question.slicing)
    if isinstance(statistic, ByValue):
        if where not in places:
            whole = found.histograms[model, statistic]
            part, entries = piece.histogram(model, statistic, whole.bits)
            of_slicing = entries[piece.design.needs[statistic].index(question.slicing)]
            moved = np.append(whole.locate(part), -1)
            group = statistic.group(rows)
            place = moved[of_slicing] * statistic.classes
            places[where] = np.where(of_slicing < 0, -1, place if group is None else place + group)
        return weighted(values[places[where]], rows.weight)
    width = values.shape[1]
    if where not in places:
        bins = statistic.bins(rows)
        places[where] = levels * width if bins is None else levels * width + bins
    by_place, total = values.reshape(-1, values.shape[2]), gradient.constants[model][levels]
    for number, term in enumerate(statistic.terms(rows)):
        part_of = by_place[places[where], number]
        total = total + (part_of if term is None else part_of * term)
    return weighted(total, rows.weight)
