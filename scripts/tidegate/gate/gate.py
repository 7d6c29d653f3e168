"""The quality gate: every metric on every slice, judged; the whole, decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

from tidegate import digest
from tidegate.config import Config, Gate
from tidegate.context import Context
from tidegate.data.sources import data_digest
from tidegate.errors import DataError
from tidegate.gate import record as records
from tidegate.gate.baseline import Baseline, resolve_baseline
from tidegate.gate.budgets import BudgetResult, folder_megabytes, judge_budgets, read_measurements
from tidegate.gate.judging import Result, judge_all
from tidegate.gate.rows.evaluation_digest import evaluation_digest
from tidegate.gate.rows.pairing import Pairing, Tally
from tidegate.gate.rows.pieces import Pieces, join_tables
from tidegate.gate.rows.settling import settle
from tidegate.gate.rows.tables import open_table
from tidegate.gate.statistics.curves import Curves
from tidegate.override import NOBODY, Overriding
from tidegate.registry import Registry
from tidegate.verdict import Verdict, worst

if TYPE_CHECKING:
    from tidegate.policy.bar import Policy


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
    measurements: Mapping[str, float]
    notes: tuple[str, ...]
    curves: Curves
    record: Mapping[str, Any]
    policy: Policy | None = None
    override_refused: str | None = None

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
            "measurements": dict(self.measurements),
            "notes": list(self.notes),
            "curves": self.curves,
            "policy": None if self.policy is None else self.policy.to_dict(),
            "override": self.record["override"],
            "override_refused": self.override_refused,
            "record": dict(self.record),
        }


def gate_model(
    config: Config,
    context: Context,
    *,
    candidate: str | None = None,
    baseline: str | None = None,
    measurements: str | None = None,
    allow_same_version: bool | None = None,
    parts: int | None = None,
    engine: Literal["auto", "spark"] = "auto",
    open_registry: Callable[[], Registry],
    data: str | None = None,
    policy: Policy | None = None,
    look_for_override: Callable[[], Overriding] = lambda: NOBODY,
) -> GateReport:
    """Judge the candidate's predictions table; see docs/statistics.md for how.

    candidate, measurements: paths relative to the config's folder; baseline: see resolve_baseline.
    parts: in how many pieces the rows are judged; by default as many as the memory asks for.
    engine: where they are judged; auto is this process.
    data: digest of the datasets, where they are not here (config.outputs_elsewhere).
    policy: whose policy `config` is. look_for_override: asked where the verdict blocks.
    """
    evaluation, gate = config.need_evaluation(), config.need_gate()
    path = candidate or str(config.output(evaluation.predictions))
    table = open_table(config, path, "candidate")
    evaluated = evaluation_digest(table, evaluation)
    with TemporaryDirectory(prefix="tidegate-") as name:
        folder = Path(name)
        against = resolve_baseline(
            config, baseline, table, evaluated, open_registry, context, folder
        )
        notes = _baseline_notes(config, gate, against, wanted=baseline)
        model = _model_digest(config)
        if against is not None:
            allowed = gate.allow_same_version if allow_same_version is None else allow_same_version
            _refuse_same(against, model, table.digest, notes, allowed=allowed)
        tables = [table]
        if against is not None and against.table is not None:
            tables.append(against.table)
        has_baseline = len(tables) > 1
        pairing = Pairing.of(config, *tables, *([None] if not has_baseline else []))
        join: Callable[..., tuple[Pieces, Tally]] = partial(
            join_tables, interactive=context.interactive
        )
        if engine == "spark":
            from tidegate.gate.rows.spark import join_on_spark as join
        pieces, tally = join(pairing, tables, folder, parts)
        notes += settle(config, tables, pairing, tally)
        results, drawn = judge_all(config, pieces, tally, has_baseline=has_baseline, notes=notes)
    if not results:
        raise DataError(
            "nothing could be judged: every bound needs a baseline, and there is none",
            where=str(config.path),
            remedy="give at least one metric an absolute bound (min or max)",
        )
    figures = _figures(config, measurements)
    later = [name for name in gate.budgets if name not in figures]
    if later:
        notes.append(f"Budgets that are judged where they are measured: {', '.join(later)}.")
    budgets, unjudged = judge_budgets(
        gate.budgets, figures, _champions(gate, against, open_registry)
    )
    notes += unjudged
    verdict, blocked = decide(gate, results, budgets)
    overriding = look_for_override() if blocked else NOBODY
    override = overriding.override
    clusters = len(tally.clusters) if tally.clusters is not None else None
    return GateReport(
        service=config.service,
        mode=gate.mode,
        confidence=gate.confidence,
        rows=tally.paired,
        clusters=clusters if evaluation.cluster is not None else None,
        baseline=against,
        results=results,
        budgets=tuple(budgets),
        measurements=figures,
        notes=tuple(notes),
        curves=drawn,
        policy=policy,
        override_refused=overriding.refusal,
        record=records.seal(
            {
                "service": config.service,
                "model": config.model,
                "verdict": str(verdict),
                "blocked": blocked and override is None,
                "override": None if override is None else override.to_dict(),
                "mode": gate.mode,
                "commit": context.commit(config.root),
                "created_at": context.now().isoformat(timespec="seconds"),
                "data_digest": data if config.outputs_elsewhere else data_digest(config),
                "evaluation_digest": evaluated,
                "config_digest": config.gate_digest,
                "results_digest": records.results_digest(results, budgets),
                "measurements": figures,
                "candidate": {"model_digest": model, "predictions_digest": table.digest},
                "baseline": None if against is None else against.for_record(),
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


def _baseline_notes(
    config: Config, gate: Gate, against: Baseline | None, *, wanted: str | None
) -> list[str]:
    """What is to be said of the baseline. Raises DataError where the config asks for one."""
    if against is not None:
        return [against.note] if against.note else []
    if gate.on_missing_baseline == "fail":
        raise DataError(
            "there is no baseline, and the config asks for one (on-missing-baseline: fail)",
            where=str(config.path),
            remedy="pass --baseline TABLE, or set on-missing-baseline: absolute-only for the first "
            "release",
        )
    if wanted == "none":
        return ["No baseline was asked for: the candidate is held to the absolute bounds alone."]
    return ["There is no baseline yet: the candidate is held to the absolute bounds alone."]


def _refuse_same(
    against: Baseline, model: str | None, predictions: str, notes: list[str], *, allowed: bool
) -> None:
    """A candidate held against itself passes whatever it is: only where that was asked for."""
    same_model = model is not None and model == against.model_digest
    same_table = against.table is not None and against.table.digest == predictions
    if not same_model and not same_table:
        return
    name = "the baseline" if against.version is None else f"version {against.version}"
    what = "model" if same_model else "predictions"
    said = f"the candidate's {what} and those of {name} are the very same".replace(
        "model and those", "model and that"
    )
    if not allowed:
        raise DataError(
            f"{said}: compared with itself, anything passes",
            remedy="see that the pipeline trained and scored a new model; where an unchanged one "
            "is meant, set gate.allow-same-version or pass --allow-same-version",
        )
    notes.append(f"{said[0].upper()}{said[1:]}.")


def _figures(config: Config, measurements: str | None) -> dict[str, float]:
    written = config.need_evaluation().measurements
    figures = {}
    if measurements or written:
        file = config.resolve(measurements) if measurements else config.output(str(written))
        figures = read_measurements(file)
    model = config.output(config.model_path)
    if model.exists():
        figures["model-size-mb"] = folder_megabytes(model)
    return figures


def _champions(
    gate: Gate, against: Baseline | None, open_registry: Callable[[], Registry]
) -> Mapping[str, float] | None:
    """What the record of the baseline's version holds, where a budget compares with it."""
    if against is None or against.version is None:
        return None
    if all(budget.max_increase is None for budget in gate.budgets.values()):
        return None
    registry = open_registry()
    return registry.measurements(registry.version(against.version))


def _model_digest(config: Config) -> str | None:
    model = config.output(config.model_path)
    return digest.of_folder(model) if model.is_dir() else None
