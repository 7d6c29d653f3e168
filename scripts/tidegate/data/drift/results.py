"""What the comparison with the reference found: data alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from tidegate.data.drift.columns import Kind
from tidegate.data.drift.measures import MeasureName
from tidegate.verdict import Verdict

TestName = Literal["kolmogorov-smirnov", "chi-squared", "delong"]


@dataclass(frozen=True)
class ColumnDrift:
    """One column against the reference; column is None for the classifier, which sees all of them.

    measure: what was judged; effect, lower, upper: its estimate and bounds, held to `tolerated`;
    all are None where the verdict follows from the column alone (gone, of another type).
    statistic, p_value: of `test`, which asks only whether there is any difference at all.
    rows_needed, reference_rows_needed: what would decide an inconclusive column, where that can be
    said. blocking: whether a fail stops the change. detail: verdict and reason in words.
    """

    column: str | None
    kind: Kind | Literal["classifier"]
    verdict: Verdict
    blocking: bool
    detail: str
    rows: int
    reference_rows: int
    redacted: bool = False
    measure: MeasureName | None = None
    effect: float | None = None
    lower: float | None = None
    upper: float | None = None
    tolerated: float | None = None
    psi: float | None = None
    test: TestName | None = None
    statistic: float | None = None
    p_value: float | None = None
    cramers_v: float | None = None
    rows_needed: int | None = None
    reference_rows_needed: int | None = None

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "verdict": str(self.verdict)}


@dataclass(frozen=True)
class ColumnProfile:
    """A small histogram of a column, for the page. column is None for what was left out.

    labels: one for each bin; edges: where numbers are told apart, one fewer than the bins that hold
    numbers by size, None where each bin is a value; current, reference: rows of each bin.
    """

    column: str | None
    kind: Kind
    labels: tuple[str, ...]
    edges: tuple[float | str, ...] | None
    current: tuple[int, ...]
    reference: tuple[int, ...] | None
    nulls: int
    reference_nulls: int | None
    detail: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return {name: list(value) if isinstance(value, tuple) else value
                for name, value in asdict(self).items()}  # fmt: skip
