"""The quality gate: every metric on every slice, judged; the whole, decided."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tidegate import digest
from tidegate.config import Bound, Config, Evaluation, Gate
from tidegate.context import Context
from tidegate.data.sources import data_digest
from tidegate.errors import DataError
from tidegate.gate import record as records
from tidegate.gate.baseline import Baseline, resolve_baseline
from tidegate.gate.budgets import BudgetResult, folder_megabytes, judge_budgets, read_measurements
from tidegate.gate.comparison import Judgement, judge
from tidegate.gate.evaluation import encode_classes, evaluation_digest, load_predictions, pair
from tidegate.gate.metrics import METRICS, Floats, Undefined
from tidegate.registry import Registry
from tidegate.verdict import Verdict, worst

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Result:
    """One metric on one slice (None: overall). blocking: whether a bad verdict stops the change."""

    metric: str
    slice: Mapping[str, str | None] | None
    rows: int
    bound: Bound
    judgement: Judgement
    blocking: bool

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
            "reason": judged.reason,
        }


@dataclass(frozen=True)
class GateReport:
    """What `gate-model` decided, and on what grounds."""

    service: str
    mode: str
    confidence: float
    rows: int
    clusters: int | None
    baseline: Baseline | None
    results: tuple[Result, ...]
    budgets: tuple[BudgetResult, ...]
    notes: tuple[str, ...]
    record: Mapping[str, Any]

    @property
    def verdict(self) -> Verdict:
        return Verdict(self.record["verdict"])

    @property
    def blocked(self) -> bool:
        return bool(self.record["blocked"])

    def to_dict(self) -> dict[str, Any]:
        return {
            "service": self.service,
            "commit": self.record["commit"],
            "mode": self.mode,
            "confidence": self.confidence,
            "rows": self.rows,
            "clusters": self.clusters,
            "baseline": None if self.baseline is None else self.baseline.to_dict(),
            "results": [result.to_dict() for result in self.results],
            "budgets": [budget.to_dict() for budget in self.budgets],
            "notes": list(self.notes),
            "record": dict(self.record),
        }


def gate_model(
    config: Config,
    context: Context,
    *,
    candidate: str | None = None,
    baseline: str | None = None,
    measurements: str | None = None,
    open_registry: Callable[[], Registry],
) -> GateReport:
    """Judge the candidate's predictions table; see docs/statistics.md for how.

    candidate, measurements: paths relative to the config's folder; baseline: see resolve_baseline.
    """
    evaluation, gate = config.need_evaluation(), config.need_gate()
    candidate_path = config.resolve(candidate or evaluation.predictions)
    table = load_predictions(config, candidate_path)
    evaluated = evaluation_digest(table, evaluation)
    against = resolve_baseline(config, baseline, evaluated, open_registry)
    if against is None and gate.on_missing_baseline == "fail":
        raise DataError(
            "there is no baseline, and the config asks for one (on-missing-baseline: fail)",
            where=str(config.path),
            remedy="pass --baseline TABLE, or set on-missing-baseline: absolute-only for the first "
            "release",
        )
    notes = [] if against is not None else [
        "There is no baseline yet: the candidate is held to the absolute bounds alone."
    ]  # fmt: skip
    candidate_digest = digest.of_file(candidate_path)
    if against is not None and against.predictions_digest == candidate_digest:
        notes.append("Candidate and baseline made the very same predictions.")
    judged = _Judge(config, evaluation, gate, table, against, notes)
    results = (*judged.overall(), *judged.slices())
    if not results:
        raise DataError(
            "nothing could be judged: every bound needs a baseline, and there is none",
            where=str(config.path),
            remedy="give at least one metric an absolute bound (min or max)",
        )
    budgets = _budgets(config, gate, measurements or evaluation.measurements, notes)
    verdict, blocked = decide(gate, results, budgets)
    return GateReport(
        service=config.service,
        mode=gate.mode,
        confidence=gate.confidence,
        rows=table.height,
        clusters=judged.cluster_count,
        baseline=against,
        results=results,
        budgets=tuple(budgets),
        notes=tuple(notes),
        record=records.seal(
            {
                "service": config.service,
                "model": config.model,
                "verdict": str(verdict),
                "blocked": blocked,
                "mode": gate.mode,
                "commit": context.commit(config.root),
                "created_at": context.now().isoformat(timespec="seconds"),
                "data_digest": data_digest(config),
                "evaluation_digest": evaluated,
                "config_digest": config.gate_digest,
                "candidate": {
                    "model_digest": _model_digest(config),
                    "predictions_digest": candidate_digest,
                },
                "baseline": None if against is None else against.to_dict(),
            }
        ),
    )


def decide(
    gate: Gate, results: tuple[Result, ...], budgets: list[BudgetResult]
) -> tuple[Verdict, bool]:
    """The verdict of the whole, and whether it stops the change.

    An inconclusive slice that the config only warns of is listed, and decides nothing.
    """
    blocking = [result.judgement.verdict for result in results if result.blocking]
    verdict = worst([Verdict.PASS, *blocking, *(budget.verdict for budget in budgets)])
    stopped = verdict is Verdict.FAIL or (
        verdict is Verdict.INCONCLUSIVE
        and (gate.on_inconclusive == "fail" or _inconclusive_slice(results))
    )
    return verdict, stopped and gate.mode == "enforce"


def _inconclusive_slice(results: tuple[Result, ...]) -> bool:
    return any(
        result.blocking and result.slice and result.judgement.verdict is Verdict.INCONCLUSIVE
        for result in results
    )


class _Judge:
    """The tables as arrays, and the metrics applied to all rows or to some."""

    def __init__(
        self,
        config: Config,
        evaluation: Evaluation,
        gate: Gate,
        table: pl.DataFrame,
        baseline: Baseline | None,
        notes: list[str],
    ):
        self.evaluation, self.gate, self.table, self.notes = evaluation, gate, table, notes
        tables = [table] if baseline is None else [table, baseline.table]
        if config.task == "multiclass":
            tables = encode_classes(tables, evaluation)
        self.label: Floats = tables[0][evaluation.label].cast(pl.Float64).to_numpy()
        self.output: Floats = tables[0][evaluation.output].cast(pl.Float64).to_numpy()
        self.before = None if baseline is None else pair(tables[0], tables[1], evaluation)
        self.clusters = (
            None
            if evaluation.cluster is None
            else _renumbered(table[evaluation.cluster].rank("dense").fill_null(0).to_numpy())
        )
        self.cluster_count = None if self.clusters is None else int(self.clusters.max()) + 1

    def overall(self) -> Iterator[Result]:
        everything = np.arange(self.table.height)
        for name, bound in self.gate.metrics.items():
            try:
                judged = self._judge(name, bound, everything, self.gate.confidence)
            except Undefined as reason:
                raise DataError(
                    f"{name} has no value on this evaluation set: {reason}",
                    where=self.evaluation.predictions,
                    remedy="an evaluation set needs rows of each class, and predictions of each",
                ) from None
            if judged is None:
                self.notes.append(f"{name} was not judged: its bound needs a baseline.")
            else:
                yield Result(name, None, self.table.height, bound, judged, blocking=True)

    def slices(self) -> Iterator[Result]:
        """Each slice metric on each slice that is large enough.

        The family is corrected after Šidák 1967: with k results, each is judged at
        confidence^(1/k), so that all ends hold together at the configured confidence.
        """
        if not self.gate.slice_metrics:
            return
        chosen = [
            (label, rows)
            for columns in self.evaluation.slices
            for label, rows in self._large_slices(columns)
        ]
        family = max(1, len(chosen) * len(self.gate.slice_metrics))
        confidence = self.gate.confidence ** (1 / family)
        for name, bound in self.gate.slice_metrics.items():
            if self.before is None and bound.min is None and bound.max is None:
                self.notes.append(f"{name} by slice was not judged: its bound needs a baseline.")
                continue
            for label, rows in chosen:
                try:
                    judged = self._judge(name, bound, rows, confidence)
                except Undefined as reason:
                    self.notes.append(f"{name} was not judged for {_shown(label)}: {reason}.")
                    continue
                if judged is not None:
                    warned = (
                        judged.verdict is Verdict.INCONCLUSIVE
                        and self.gate.on_inconclusive_slice == "warn"
                    )
                    yield Result(name, label, rows.size, bound, judged, blocking=not warned)

    def _judge(self, name: str, bound: Bound, rows: Rows, confidence: float) -> Judgement | None:
        metric = METRICS[name]
        label = self.label[rows]

        def model(output: Floats) -> tuple[Floats, Floats]:
            chosen = output[rows]
            if metric.threshold and self.evaluation.score is not None:
                chosen = (chosen >= self.evaluation.threshold).astype(np.float64)
            return label, chosen

        return judge(
            metric,
            bound,
            model(self.output),
            None if self.before is None else model(self.before),
            None if self.clusters is None else _renumbered(self.clusters[rows]),
            confidence,
        )

    def _large_slices(self, columns: list[str]) -> Iterator[tuple[dict[str, str | None], Rows]]:
        groups = (
            self.table.select(columns)
            .with_row_index("__row")
            .group_by(columns)
            .agg("__row")
            .sort(columns, nulls_last=True)
        )
        small = []
        for group in groups.iter_rows(named=True):
            rows = np.asarray(group.pop("__row"), dtype=np.int64)
            label = {name: None if value is None else str(value) for name, value in group.items()}
            if rows.size >= self.gate.min_slice_rows:
                yield label, rows
            else:
                small.append(f"{_shown(label)} ({rows.size})")
        if small:
            self.notes.append(
                f"Slices below {self.gate.min_slice_rows} rows were not judged: {', '.join(small)}."
            )


def _budgets(
    config: Config, gate: Gate, measurements: str | None, notes: list[str]
) -> list[BudgetResult]:
    figures = read_measurements(config.resolve(measurements)) if measurements else {}
    model = config.resolve(config.model_path)
    if model.exists():
        figures["model-size-mb"] = folder_megabytes(model)
    later = [name for name in gate.budgets if name not in figures]
    if later:
        notes.append(f"Budgets that are judged where they are measured: {', '.join(later)}.")
    return judge_budgets(gate.budgets, figures)


def _model_digest(config: Config) -> str | None:
    model = config.resolve(config.model_path)
    return digest.of_folder(model) if model.is_dir() else None


def _renumbered(clusters: NDArray[Any]) -> Rows:
    """Numbers from 0 without gaps; a null cluster, coded 0, is one of its own."""
    codes: Rows = np.unique(clusters, return_inverse=True)[1]
    return codes


def _shown(label: Mapping[str, str | None]) -> str:
    return ", ".join(f"{name}={value}" for name, value in label.items())


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
