"""Evaluation sets with a known truth, and the gate's own code on them, without files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from tidegate.config import Config
from tidegate.gate.judging import Result, judge_all
from tidegate.gate.rows.pairing import Pairing
from tidegate.gate.rows.pieces import InMemory
from tidegate.gate.rows.tables import Side, Table

Floats = NDArray[np.float64]
Frames = dict[str, Any]  # column -> values: label, candidate, baseline, and slice, cluster
Draw = Callable[[int, Generator], Frames]


def make_config(task: str, gate: dict[str, Any], evaluation: dict[str, Any]) -> Config:
    answer = {"binary": "score", "multiclass": "prediction", "regression": "prediction"}[task]
    if task == "multiclass" and "scores" in evaluation:
        answer = ""
    shown = {answer: "answer"} if answer else {}
    return Config.model_validate(
        {
            "service": "simulated",
            "task": task,
            "evaluation": {
                "predictions": "none", "key": "id", "label": "label", **shown, **evaluation,
            },
            "gate": gate,
        }
    )  # fmt: skip


def judged(config: Config, frames: Frames) -> tuple[Result, ...]:
    """The gate's results on an evaluation set of candidate and baseline."""
    evaluation = config.need_evaluation()
    n = len(frames["label"])
    shared = {"id": np.arange(n), "label": frames["label"]}
    extra = {name: frames[name] for name in ("slice", "cluster") if name in frames}
    tables = []
    sides: tuple[Side, ...] = ("candidate", "baseline")
    for side in sides:
        answers = frames[side]
        named = answers if isinstance(answers, dict) else {evaluation.outputs[0]: answers}
        frame = pl.DataFrame({**shared, **named, **(extra if side == "candidate" else {})})
        tables.append(Table(side, (), side, dict(frame.schema), n, frame))
    pairing = Pairing.of(config, *tables)
    raw = {table.side: table.frame for table in tables if table.frame is not None}
    piece, tally = pairing.join(raw)
    return judge_all(config, InMemory(piece), tally, has_baseline=True, notes=[])


def logistic(values: Floats) -> Floats:
    odds: Floats = 1 / (1 + np.exp(-values))
    return odds


@dataclass(frozen=True)
class Binary:
    """Two noisy views of one signal, the candidate's noisier by `damage`."""

    share: float
    damage: float = 0.0

    def __call__(self, n: int, rng: Generator) -> Frames:
        signal = np.log(self.share / (1 - self.share)) + rng.normal(size=n)
        label = (rng.random(n) < logistic(signal)).astype(np.int8)
        return {
            "label": label,
            "candidate": logistic(signal + (0.8 + self.damage) * rng.normal(size=n)),
            "baseline": logistic(signal + 0.8 * rng.normal(size=n)),
        }


@dataclass(frozen=True)
class Multiclass:
    """Probabilities of each class from noisy signals, as columns p0, p1, ..."""

    shares: tuple[float, ...]

    def __call__(self, n: int, rng: Generator) -> Frames:
        k = len(self.shares)
        label = rng.choice(k, size=n, p=np.array(self.shares))
        frames: Frames = {"label": label}
        for side in ("candidate", "baseline"):
            logits = np.log(self.shares) + 2.0 * np.eye(k)[label] + rng.normal(size=(n, k))
            p = np.exp(logits)
            p /= p.sum(axis=1, keepdims=True)
            frames[side] = {f"p{i}": p[:, i] for i in range(k)}
        return frames


def regression(n: int, rng: Generator) -> Frames:
    """Errors with a bias, and larger where the label is."""
    label = 1 + rng.gamma(2.0, 2.0, size=n)
    frames: Frames = {"label": label}
    for side in ("candidate", "baseline"):
        frames[side] = label + 0.3 + 0.5 * np.sqrt(label) * rng.normal(size=n)
    return frames
