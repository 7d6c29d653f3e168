"""Evaluation sets of a known kind, taken through the gate's own passes without files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import polars as pl
import polars.selectors as cs
from numpy.random import Generator
from numpy.typing import NDArray

from tidegate.config import METRICS, Bound, Config
from tidegate.gate.estimating import make_design
from tidegate.gate.judging import Result, judge_all
from tidegate.gate.rows.pairing import Pairing, Tally
from tidegate.gate.rows.pieces import InMemory
from tidegate.gate.rows.tables import Side, Table
from tidegate.gate.statistics.design import Design, Slicing
from tidegate.gate.statistics.metrics import Solution
from tidegate.gate.statistics.passes import Answer, Spread, Survey, gradients, solve, spread, survey
from tidegate.gate.statistics.piece import Piece

Floats = NDArray[np.float64]
Pair = tuple[pl.DataFrame, pl.DataFrame]  # the candidate's table and the baseline's
Draw = Callable[[int, Generator], Pair]

ANYTHING: Mapping[str, float] = {"min": -1e300, "max-regression": 1e300}
CLASSES = ("a", "b", "c")
ANSWERS: Mapping[str, Mapping[str, Any]] = {
    "binary": {"score": "score"},
    "multiclass": {"scores": {name: f"p_{name}" for name in CLASSES}},
    "regression": {"prediction": "prediction"},
}


def make_config(
    task: str,
    metrics: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    gate: Mapping[str, Any] | None = None,
    **evaluation: Any,
) -> Config:
    """A config of tables with the columns id and label; by default with every metric, unbound."""
    bounds = dict.fromkeys(METRICS[task], ANYTHING) if metrics is None else metrics
    return Config.model_validate(
        {
            "service": "simulated",
            "task": task,
            "evaluation": {
                "predictions": "none", "key": "id", "label": "label", **ANSWERS[task], **evaluation,
            },
            "gate": {"metrics": bounds, **(gate or {})},
        }
    )  # fmt: skip


def join(
    config: Config, candidate: pl.DataFrame, baseline: pl.DataFrame | None = None
) -> tuple[pl.DataFrame, Tally]:
    """The paired rows and the tally, as the gate makes them of tables in memory."""
    sides: dict[Side, pl.DataFrame] = {"candidate": candidate}
    if baseline is not None:
        sides["baseline"] = baseline
    tables = [
        Table(side, (), side, dict(frame.schema), frame.height, frame)
        for side, frame in sides.items()
    ]
    pairing = Pairing.of(config, tables[0], tables[1] if baseline is not None else None)
    return pairing.join(sides)


def judged(
    config: Config, candidate: pl.DataFrame, baseline: pl.DataFrame | None = None
) -> tuple[Result, ...]:
    """The gate's results on tables in memory."""
    piece, tally = join(config, candidate, baseline)
    has_baseline = baseline is not None
    return judge_all(config, InMemory(piece), tally, has_baseline=has_baseline, notes=[])[0]


@dataclass(frozen=True)
class Passes:
    """The two passes over an evaluation set, every metric on every slice."""

    design: Design
    pieces: list[Piece]
    survey: Survey
    answers: list[Answer]

    @classmethod
    def over(
        cls,
        config: Config,
        candidate: pl.DataFrame,
        baseline: pl.DataFrame | None = None,
        *,
        parts: int = 1,
    ) -> Passes:
        """parts: into how many pieces the rows are dealt, one after the other."""
        frame, tally = join(config, candidate, baseline)
        levels = [level.sort(cs.starts_with("slice."), nulls_last=True) for level in tally.levels]
        whole = pl.DataFrame({"rows": [tally.paired], "label_sum": [tally.label_sum]})
        slicings = [Slicing(whole), *map(Slicing, levels)]
        bounds: list[tuple[int, str, Bound]] = [
            (number, name, bound)
            for number in range(len(slicings))
            for name, bound in config.need_gate().metrics.items()
        ]
        has_baseline = baseline is not None
        design = make_design(config, tally, slicings, bounds, has_baseline=has_baseline)
        count = min(parts, frame.height)
        dealt = [frame.gather_every(count, offset) for offset in range(count)]
        pieces = [Piece(design, part) for part in dealt]
        surveyed = reduce(Survey.merge, map(survey, pieces))
        return cls(design, pieces, surveyed, solve(design, surveyed))

    def values(self) -> Iterator[tuple[str, dict[str, str | None], tuple[Solution, ...] | str]]:
        """(metric, slice, solutions or why there is none) of everything that was asked."""
        for answer in self.answers:
            slicing = self.design.slicings[answer.question.slicing]
            for level, solutions in enumerate(answer.solutions):
                values = slicing.levels.row(level, named=True)
                row = {name: values[name] for name in slicing.columns}
                yield answer.question.name, row, solutions

    def overall(self, name: str, model: int = 0) -> Solution:
        """A metric's solution on all rows; model 0 is the candidate, 1 the baseline."""
        found = next(a for a in self.answers if a.question.name == name)
        solutions = found.solutions[0]
        if isinstance(solutions, str):
            raise TypeError(f"{name} has no value: {solutions}")
        return solutions[model]

    def spread(self) -> Spread:
        laid_out = gradients(self.design, self.survey, self.answers)
        return reduce(Spread.merge, (spread(p, self.survey, laid_out) for p in self.pieces))

    def influence(self) -> Iterator[tuple[str, int, Floats, Floats | None]]:
        """(metric, slicing, own influence, that of the harm), each (level, cluster).

        With a cluster for each row, these are the influences of the rows.
        """
        added = self.spread()
        for number, answer in enumerate(self.answers):
            question = answer.question
            rows = self.design.slicings[question.slicing].count
            harm = added.harm.get(number)
            yield (question.name, question.slicing, added.own[number][:rows],
                   None if harm is None else harm[:rows])  # fmt: skip


def logistic(values: Floats) -> Floats:
    odds: Floats = 1 / (1 + np.exp(-values))
    return odds


@dataclass(frozen=True)
class Binary:
    """Two noisy views of one signal, the candidate's noisier by `damage`."""

    share: float
    noise: float = 0.8
    damage: float = 0.0

    def __call__(self, n: int, rng: Generator) -> Pair:
        signal = float(np.log(self.share / (1 - self.share))) + rng.normal(size=n)
        rows = pl.DataFrame({"id": np.arange(n), "label": rng.random(n) < logistic(signal)})
        candidate = logistic(signal + (self.noise + self.damage) * rng.normal(size=n))
        baseline = logistic(signal + self.noise * rng.normal(size=n))
        return rows.with_columns(score=candidate), rows.with_columns(score=baseline)


def multiclass(n: int, rng: Generator) -> Pair:
    """Probabilities of three classes, of 60, 30 and 10 percent of the rows."""
    shares = np.array([0.6, 0.3, 0.1])
    label = rng.choice(3, size=n, p=shares)
    rows = pl.DataFrame({"id": np.arange(n), "label": np.array(CLASSES)[label]})
    tables = []
    for _ in range(2):
        weights = np.exp(np.log(shares) + 2 * np.eye(3)[label] + rng.normal(size=(n, 3)))
        weights /= weights.sum(axis=1, keepdims=True)
        tables.append(
            rows.with_columns(
                **{f"p_{name}": weights[:, number] for number, name in enumerate(CLASSES)}
            )
        )
    return tables[0], tables[1]


def regression(n: int, rng: Generator) -> Pair:
    """Errors with a bias, and larger where the label is."""
    label = 1 + rng.gamma(2.0, 2.0, size=n)
    rows = pl.DataFrame({"id": np.arange(n), "label": label})
    first, second = (label + 0.3 + 0.5 * np.sqrt(label) * rng.normal(size=n) for _ in range(2))
    return rows.with_columns(prediction=first), rows.with_columns(prediction=second)


DRAWS: Mapping[str, Draw] = {
    "binary": Binary(0.3),
    "multiclass": multiclass,
    "regression": regression,
}
