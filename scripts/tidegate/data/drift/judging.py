"""Each column's verdict: the effect is above what is tolerated, below, or nobody can tell."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tidegate.config import Drift
from tidegate.data.drift.columns import Column
from tidegate.data.drift.distributions import kolmogorov_above
from tidegate.data.drift.levels import Levels, value_levels
from tidegate.data.drift.measures import Measure, Psi, Risks, chi_squared
from tidegate.data.drift.results import ColumnDrift
from tidegate.data.drift.sizes import Sizes, sizes_of
from tidegate.data.drift.sketches import Floats, Ints
from tidegate.data.drift.survey import Survey
from tidegate.verdict import Verdict, worst

_MOST_OTHER = 0.5  # share of rows whose values are too rare to be compared, for a pass
_LABEL = 40


@dataclass(frozen=True)
class Part:
    """A measure held to its limit."""

    measure: Measure
    limit: float
    risks: Risks

    @cached_property
    def lower(self) -> float:
        return self.measure.lower(self.risks.failing)

    @cached_property
    def upper(self) -> float:
        return self.measure.upper(self.risks.passing)

    @property
    def verdict(self) -> Verdict:
        """The design's rule: pass where the upper end is at most the limit, fail where the lower
        end is above it.
        """
        if self.lower > self.limit:
            return Verdict.FAIL
        return Verdict.PASS if self.upper <= self.limit else Verdict.INCONCLUSIVE

    def spread_needed(self) -> float | None:
        return self.measure.spread_needed(self.limit, self.risks)


def tolerated_distance(max_psi: float) -> float:
    """The distance that no change within the tolerated PSI can have.

    By Pinsker's inequality PSI, which is the sum of both Kullback-Leibler divergences, is at least
    four times the square of the total variation, and that is at least the distance.
    """
    return min(1.0, math.sqrt(max_psi) / 2)


def tests_of(columns: Sequence[Column], *, classifier: bool) -> int:
    """How many effects are held to a limit: one for a column of values, two for one of sizes."""
    return sum(1 if column.by_value else 2 for column in columns) + classifier


def judge_column(
    column: Column, current: Survey, reference: Survey, settings: Drift, risks: Risks,
    *, redacted: bool,
) -> ColumnDrift:  # fmt: skip
    """Hold one column to the tolerated PSI. Both sides have rows."""
    sizes = None
    if column.by_value:
        levels = value_levels(column, current, reference, settings.max_psi)
    else:
        sizes = sizes_of(column, current, reference)
        levels = sizes.levels()
    psi = Psi.of(levels.counts[0], levels.counts[1])
    parts = [Part(psi, settings.max_psi, risks)]
    if sizes is not None:
        distance = sizes.distance()
        parts.append(Part(distance, tolerated_distance(settings.max_psi), risks))
        statistic, v = distance.least, None
        p_value = kolmogorov_above(statistic, current.rows, reference.rows)
    else:
        statistic, p_value, v = chi_squared(levels.counts[0], levels.counts[1])
    verdict = worst(part.verdict for part in parts)
    deciding = next(part for part in parts if part.verdict is verdict)
    other = float((levels.other / levels.rows).mean())
    needed = None
    if verdict is Verdict.INCONCLUSIVE:
        needed = rows_for(
            [part.spread_needed() for part in parts if part.verdict is verdict], levels.rows
        )
    hidden = verdict is Verdict.PASS and other > _MOST_OTHER
    rare = f"{100 * other:.0f} % of the rows hold values too rare to be compared"
    words = f"cannot tell: {rare}; the rest: "
    return ColumnDrift(
        column=column.name,
        kind=column.kind,
        verdict=Verdict.INCONCLUSIVE if hidden else verdict,
        blocking=settings.mode == "fail",
        detail=(words if hidden else "")
        + in_words(deciding, levels.rows, needed, settings.confidence)
        + _what_moved(levels, sizes, verdict, column, redacted=redacted),
        rows=int(levels.rows[0]),
        reference_rows=int(levels.rows[1]),
        redacted=redacted,
        measure=deciding.measure.name,
        effect=deciding.measure.value,
        lower=deciding.lower,
        upper=deciding.upper,
        tolerated=deciding.limit,
        psi=psi.value,
        test="chi-squared" if sizes is None else "kolmogorov-smirnov",
        statistic=statistic,
        p_value=p_value,
        cramers_v=v,
        rows_needed=None if needed is None else needed[0],
        reference_rows_needed=None if needed is None else needed[1],
    )


def rows_for(spreads: Sequence[float | None], rows: Ints) -> tuple[int, int] | None:
    """Rows, and reference rows, of the least of these spreads.

    If one side alone can grow enough it does, without more than doubling what an equal growth of
    both would take; else both grow to the same.
    """
    known = [spread for spread in spreads if spread is not None]
    if len(known) < len(spreads) or not known:
        return None
    spread = min(known)
    now, before = int(rows[0]), int(rows[1])
    if 1 / before <= spread / 2:
        return max(now, math.ceil(1 / (spread - 1 / before))), before
    if 1 / now <= spread / 2:
        return now, max(before, math.ceil(1 / (spread - 1 / now)))
    return math.ceil(2 / spread), math.ceil(2 / spread)


_NAMES: Mapping[str, str] = {"psi": "PSI", "ks-distance": "KS distance", "roc-auc": "ROC AUC"}
_LEADS: Mapping[Verdict, str] = {
    Verdict.PASS: "no drift",
    Verdict.FAIL: "drift",
    Verdict.INCONCLUSIVE: "cannot tell",
}


def in_words(part: Part, rows: Ints, needed: tuple[int, int] | None, confidence: float) -> str:
    """drift: PSI 0.31 (at least 0.27 with 99 % confidence, tolerated 0.2)"""
    sure = f"with {100 * confidence:.6g} % confidence"
    ends = {
        Verdict.PASS: f"at most {part.upper:.3g} {sure}",
        Verdict.FAIL: f"at least {part.lower:.3g} {sure}",
        Verdict.INCONCLUSIVE: f"between {part.lower:.3g} and {part.upper:.3g}",
    }[part.verdict]
    said = (
        f"{_LEADS[part.verdict]}: {_NAMES[part.measure.name]} {part.measure.value:.3g} "
        f"({ends}, tolerated {part.limit:.3g})"
    )
    if part.verdict is not Verdict.INCONCLUSIVE:
        return said
    said += f" on {rows[0]:,} rows against {rows[1]:,}"
    if needed is None:
        return f"{said}, which is too near the limit to say how many rows would tell"
    if needed[1] == rows[1]:
        return f"{said}; about {needed[0]:,} rows would tell"
    if needed[0] == rows[0]:
        return f"{said}; about {needed[1]:,} rows of reference would tell"
    return f"{said}; about {needed[0]:,} rows of each would tell"


def _what_moved(
    levels: Levels, sizes: Sizes | None, verdict: Verdict, column: Column, *, redacted: bool
) -> str:
    """What people look at first, after a fail: nulls, the median, the level that moved most."""
    if verdict is not Verdict.FAIL:
        return ""
    said = ""
    nulls = levels.nulls / levels.rows
    if abs(nulls[0] - nulls[1]) >= 0.001:
        said += f"; nulls {_change(nulls)}"
    if redacted:
        return said
    if sizes is not None and column.kind == "number":
        now, before = sizes.median(0), sizes.median(1)
        if now is not None and before is not None and now != before:
            said += f"; median {before:.4g} → {now:.4g}"
    if sizes is None:
        shares = levels.counts / levels.rows[:, None]
        most = int(np.argmax(np.abs(shares[0] - shares[1])))
        label = levels.labels[most]
        name = label if len(label) <= _LABEL else f"{label[: _LABEL - 1]}…"
        said += f"; {name!r} {_change(shares[:, most])}"
    return said


def _change(shares: Floats) -> str:
    """From the reference's share to the present one."""
    return f"{100 * shares[1]:.3g} % → {100 * shares[0]:.3g} %"
