"""What `check-data` found: data alone, which report/ and github/ turn into text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from tidegate.data.sources import combined_digest
from tidegate.override import NOBODY, Overriding
from tidegate.verdict import Verdict, worst

if TYPE_CHECKING:
    from tidegate.policy.bar import Policy

# What a check is of: the schema's own, or one of the config's rules beyond rows.
Kind = Literal["schema", "rows", "freshness", "foreign-key", "categories"]
_SEVERITY = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)


class Finding(Protocol):
    """A part of a report that knows its own form in JSON."""

    def to_dict(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class Example:
    """A row that breaks a rule. row counts from 0 within its file; None for a whole column.

    value is None where it is redacted. key: the row's values of the dataset's key columns, where
    the config names some and does not redact them.
    """

    file: str
    row: int | None
    value: str | None
    key: Mapping[str, str] | None = None


@dataclass(frozen=True)
class CheckResult:
    """One rule of a schema. column is None for rules over several columns.

    inconclusive: it could not be judged, because its column is lost or of another type.
    A rule that merely warns (pandera's raise_warning, or the config says so) counts its rows, and
    passes. engine: what ran it (polars, pandera, spark), and engine_reason why pandera did. detail:
    what was found and what was asked, in words, where failing rows do not say it.
    """

    column: str | None
    check: str
    verdict: Verdict
    failing_rows: int = 0
    examples: tuple[Example, ...] = ()
    redacted: bool = False
    engine: str = "pandera"
    kind: Kind = "schema"
    warns: bool = False
    detail: str | None = None
    engine_reason: str | None = None


@dataclass(frozen=True)
class DatasetResult:
    """A dataset against its schema. failing_rows counts each row once that breaks it.

    Rows without a foreign key's partner are in the result of that check alone.
    faulty: a column is lost or of another type, a check fails as a whole or could not be judged.
    That is never tolerated. undecided: whether a column drifts that must not, the rows cannot tell.
    """

    name: str
    path: str
    schema: str
    digest: str
    files: int
    rows: int
    failing_rows: int
    tolerated_rows: int
    faulty: bool
    checks: tuple[CheckResult, ...]
    engine: str = "pandera"
    # Against the reference and against the base branch; each finding says what it is.
    drift: tuple[Finding, ...] = ()
    contract: tuple[Finding, ...] = ()
    profile: tuple[Finding, ...] = ()  # histograms of columns, for the page
    redacted_columns: tuple[str, ...] = ()  # of which no value is shown
    undecided: bool = False

    @property
    def verdict(self) -> Verdict:
        if self.failing_rows > self.tolerated_rows or self.faulty:
            return Verdict.FAIL
        return Verdict.INCONCLUSIVE if self.undecided else Verdict.PASS

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "path": self.path,
            "schema": self.schema,
            "digest": self.digest,
            "verdict": str(self.verdict),
            "engine": self.engine,
            "files": self.files,
            "rows": self.rows,
            "failing_rows": self.failing_rows,
            "tolerated_rows": self.tolerated_rows,
            "checks": [
                {
                    "column": check.column,
                    "check": check.check,
                    "verdict": str(check.verdict),
                    "failing_rows": check.failing_rows,
                    "share": check.failing_rows / self.rows if self.rows else 0.0,
                    "examples": [vars(example) for example in check.examples],
                    "engine": check.engine,
                    "redacted": check.redacted,
                    "kind": check.kind,
                    "warns": check.warns,
                    "detail": check.detail,
                    "engine_reason": check.engine_reason,
                }
                for check in sorted(self.checks, key=_worst_first)
            ],
            "drift": [finding.to_dict() for finding in self.drift],
            "contract": [finding.to_dict() for finding in self.contract],
            "profile": [finding.to_dict() for finding in self.profile],
            "redacted_columns": list(self.redacted_columns),
        }


def _worst_first(check: CheckResult) -> tuple[int, int]:
    return _SEVERITY.index(check.verdict), -check.failing_rows


class DatasetLike(Protocol):
    """A dataset's result, judged here or in a process of its own."""

    @property
    def name(self) -> str: ...

    @property
    def digest(self) -> str: ...

    @property
    def verdict(self) -> Verdict: ...

    def to_dict(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class DataReport:
    """What `check-data` found."""

    service: str
    commit: str | None
    datasets: tuple[DatasetLike, ...]
    policy: Policy | None = None
    overriding: Overriding = NOBODY

    @property
    def verdict(self) -> Verdict:
        return worst([Verdict.PASS, *(dataset.verdict for dataset in self.datasets)])

    @property
    def blocked(self) -> bool:
        return self.verdict is not Verdict.PASS and self.overriding.override is None

    def to_dict(self) -> dict[str, Any]:
        digests = {dataset.name: dataset.digest for dataset in self.datasets}
        override = self.overriding.override
        return {
            "service": self.service,
            "commit": self.commit,
            "data_digest": combined_digest(digests) if digests else None,
            "datasets": [dataset.to_dict() for dataset in self.datasets],
            "policy": None if self.policy is None else self.policy.to_dict(),
            "override": None if override is None else override.to_dict(),
            "override_refused": self.overriding.refusal,
        }
