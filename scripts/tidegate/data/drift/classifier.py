"""A classifier two-sample test: can a model tell the dataset's rows from the reference's?

Lopez-Paz and Oquab, "Revisiting Classifier Two-Sample Tests", ICLR 2017; here with the area under
the ROC curve on held-out rows, which needs no threshold and has DeLong's interval. It sees what no
single column shows: columns that have stopped going together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from tidegate.config import Drift
from tidegate.data.drift.columns import Column
from tidegate.data.drift.judging import Part, in_words, rows_for
from tidegate.data.drift.measures import POWER, MeasureName, Risks
from tidegate.data.drift.results import ColumnDrift
from tidegate.data.drift.sampling import MAX_SAMPLE, SEED, sampled_table
from tidegate.data.drift.sketches import Floats, Ints
from tidegate.data.drift.survey import Survey
from tidegate.errors import ConfigError
from tidegate.gate.statistics.comparison import Estimate, ends, estimate, standard_error
from tidegate.gate.statistics.metrics import METRICS
from tidegate.gate.statistics.sums import SCORES, Rows, histogram
from tidegate.verdict import Verdict

MIN_SAMPLE = 50
_EXPLAINED = 5_000  # held-out rows on which columns are shuffled in turn
_NAMED = 5
_LEAST_LOSS = 0.005  # of AUC, for a column to be named


def need_scikit_learn(where: str) -> None:
    """Raises ConfigError where it is not installed."""
    try:
        import sklearn  # noqa: F401
    except ImportError:
        raise ConfigError(
            "drift.classifier needs scikit-learn, which is not installed",
            where=where,
            remedy="pip install 'tidegate[drift]', or set drift.classifier: false",
        ) from None


def tolerated_auc(max_psi: float) -> float:
    """What two normal distributions of one variance reach whose PSI is the tolerated one.

    A shift of d standard deviations has PSI d², and AUC Φ(d / √2).
    """
    return NormalDist().cdf(math.sqrt(max_psi / 2))


@dataclass(frozen=True)
class Auc:
    """ROC AUC on held-out rows; 1/2 where the two cannot be told apart."""

    estimate: Estimate
    spread: float
    name: MeasureName = "roc-auc"

    @property
    def value(self) -> float:
        return self.estimate.value

    def lower(self, risk: float) -> float:
        return max(0.0, ends(self.estimate, 1 - risk)[0])

    def upper(self, risk: float) -> float:
        return min(1.0, ends(self.estimate, 1 - risk)[1])

    def spread_needed(self, limit: float, risks: Risks) -> float | None:
        risk = risks.passing if self.value < limit else risks.failing
        normal = NormalDist()
        reach = (normal.inv_cdf(1 - risk) + normal.inv_cdf(POWER)) * standard_error(
            self.estimate, 1 - risk
        )
        # A larger sample is not drawn, so that no more rows can be advised.
        spread = self.spread * ((limit - self.value) / reach) ** 2
        return None if spread < 2 / MAX_SAMPLE else min(spread, self.spread)


def judge_classifier(
    columns: Sequence[Column], current: Survey, reference: Survey, settings: Drift, risks: Risks,
    redact: Sequence[str],
) -> ColumnDrift:  # fmt: skip
    """Hold a classifier's AUC to what a tolerated shift of one column would give it."""
    # Times go on: unless they are asked for, they would give every dataset away.
    used = [
        column
        for column in columns
        if column.kind != "timestamp" or column.name in settings.columns
    ]
    left_out = [column.name for column in columns if column not in used]
    note = f"; without {_listed(left_out)}, unless drift.columns names them" if left_out else ""
    rows = min(current.rows, MAX_SAMPLE), min(reference.rows, MAX_SAMPLE)
    common: dict[str, Any] = {
        "column": None,
        "kind": "classifier",
        "blocking": settings.mode == "fail",
        "rows": rows[0],
        "reference_rows": rows[1],
        "redacted": any(column.name in redact for column in used),
    }
    if not used or min(rows) < MIN_SAMPLE:
        why = f"a classifier takes {MIN_SAMPLE} rows of each side" if used else "no column is left"
        return ColumnDrift(
            **common,
            verdict=Verdict.INCONCLUSIVE,
            detail=f"cannot tell: {why}{note}",
            rows_needed=max(MIN_SAMPLE, rows[0]) if used else None,
            reference_rows_needed=max(MIN_SAMPLE, rows[1]) if used else None,
        )
    from threadpoolctl import threadpool_limits

    table, label = sampled_table(used, current, reference)
    # One thread: for so few rows the others wait for one another longer than they work.
    with threadpool_limits(limits=1, user_api="openmp"):
        found, telling = _told_apart(table, label, used)
    auc = Auc(found, sum(1 / count for count in rows))
    part = Part(auc, tolerated_auc(settings.max_psi), risks)
    needed = None
    if part.verdict is Verdict.INCONCLUSIVE:
        needed = rows_for([part.spread_needed()], np.array(rows))
    detail = "a classifier on all columns: " + in_words(
        part, np.array(rows), needed, settings.confidence
    )
    if part.verdict is not Verdict.PASS and telling:
        detail += f"; given away by {_listed(telling)}"
    error = standard_error(auc.estimate, 1 - risks.passing)
    return ColumnDrift(
        **common,
        verdict=part.verdict,
        detail=detail + note,
        measure=auc.name,
        effect=auc.value,
        lower=part.lower,
        upper=part.upper,
        tolerated=part.limit,
        test="delong",
        statistic=auc.value,
        p_value=NormalDist().cdf((0.5 - auc.value) / error),
        rows_needed=None if needed is None else needed[0],
        reference_rows_needed=None if needed is None else needed[1],
    )


def _told_apart(
    table: Floats, label: Floats, columns: Sequence[Column]
) -> tuple[Estimate, list[str]]:
    """The AUC on rows held back, and the columns that it is owed to."""
    train, test = _halves(label)
    model = _fitted(table[train], label[train], columns)
    scores = model.predict_proba(table[test])[:, 1]
    return roc_auc(label[test], scores), _telling(model, table[test], label[test], columns)


def roc_auc(label: Floats, scores: Floats) -> Estimate:
    """With the influence of each row after DeLong, as the gate has it."""
    levels = np.zeros(label.size, dtype=np.int64)
    sums, _ = histogram(SCORES, Rows(label, scores), [(0, 1, levels)])
    bins = sums.level(0, float(label.size), label.size)
    solved = METRICS["roc-auc"].solve(bins)
    spread = [float((bins.values * solved.gradient**power).sum()) for power in (2, 4)]
    found = estimate(solved.value, np.array(spread), label.size, clustered=False)
    return Estimate(
        found.value, found.second, found.fourth, label.size, solved.slack, solved.step,
        rows=label.size,
    )  # fmt: skip


def _halves(label: Floats) -> tuple[Ints, Ints]:
    """Row numbers to train and to test on: half of each side."""
    random = np.random.default_rng(SEED)
    sides = [random.permutation(np.flatnonzero(label == side)) for side in (0.0, 1.0)]
    train = [side[: side.size // 2] for side in sides]
    test = [side[side.size // 2 :] for side in sides]
    return np.concatenate(train), np.concatenate(test)


def _fitted(table: Floats, label: Floats, columns: Sequence[Column]) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=100,
        max_leaf_nodes=15,
        early_stopping=False,
        categorical_features=[column.by_value for column in columns],
        random_state=SEED,
    ).fit(table, label)


def _telling(model: Any, table: Floats, label: Floats, columns: Sequence[Column]) -> list[str]:
    """Columns without which the classifier does worse, the most telling first."""
    from sklearn.inspection import permutation_importance

    rows = np.random.default_rng(SEED).permutation(label.size)[:_EXPLAINED]
    found = permutation_importance(
        model, table[rows], label[rows], scoring="roc_auc", n_repeats=5, random_state=SEED
    )
    loss, noise = found.importances_mean, found.importances_std
    order = np.argsort(-loss, kind="stable")[:_NAMED]
    return [columns[at].name for at in order if loss[at] > max(_LEAST_LOSS, 2 * noise[at])]


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
