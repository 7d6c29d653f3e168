"""What a watch found: data alone, which report/ and github/ turn into text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from tidegate.errors import TidegateError
from tidegate.runbook import Runbook
from tidegate.verdict import Verdict, worst
from tidegate.watch.rule import Incident, Rule, Standing

Kind = Literal["data", "labels", "objectives", "freshness", "cost"]
_SEVERITY = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)


@dataclass(frozen=True)
class Change:
    """One thing that was found. what: the column, rule, metric or figure; detail: in words."""

    what: str
    verdict: Verdict
    detail: str

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "verdict": str(self.verdict)}


@dataclass(frozen=True)
class Figure:
    """A number that is kept in the history, and what it is held to."""

    name: str
    value: float
    min: float | None = None
    max: float | None = None


@dataclass(frozen=True)
class Part:
    """One thing that is watched, as this run found it.

    verdict: None where nothing could be decided; error says why. results: of the gate engine, for
    labels. summary: in one sentence.
    """

    kind: Kind
    name: str
    verdict: Verdict | None
    summary: str
    changes: tuple[Change, ...] = ()
    figures: tuple[Figure, ...] = ()
    results: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[str, ...] = ()
    error: Mapping[str, str | None] | None = None

    @property
    def id(self) -> str:
        return f"{self.kind}.{self.name}"

    @classmethod
    def undecided(cls, kind: Kind, name: str, error: TidegateError) -> Part:
        return cls(kind, name, None, "could not be decided", error=error.to_dict())

    @classmethod
    def of(
        cls,
        kind: Kind,
        name: str,
        summary: str,
        changes: Sequence[Change],
        verdict: Verdict | None = None,
        **more: Any,
    ) -> Part:
        """verdict: by default the worst of what was found."""
        ordered = sorted(changes, key=lambda change: _SEVERITY.index(change.verdict))
        verdict = verdict or worst([Verdict.PASS, *(change.verdict for change in changes)])
        return cls(kind, name, verdict, summary, tuple(ordered), **more)

    def to_dict(self) -> dict[str, Any]:
        return {
            "part": self.id,
            "kind": self.kind,
            "name": self.name,
            "verdict": None if self.verdict is None else str(self.verdict),
            "summary": self.summary,
            "changes": [change.to_dict() for change in self.changes],
            "figures": [asdict(figure) for figure in self.figures],
            "results": list(self.results),
            "notes": list(self.notes),
            "error": self.error,
        }


@dataclass(frozen=True)
class WatchReport:
    """What one watch found, and what it means beside those before it.

    release, since: what the environment runs, by the ledger. standings: by part. brought_by: the
    release that was promoted between the last pass and the first fail, by part. action: what the
    incident is to start; recorded: whether this run is in the history.
    """

    service: str
    commit: str | None
    at: str
    environment: str | None
    release: str | None
    since: str | None
    parts: tuple[Part, ...]
    rule: Rule
    standings: Mapping[str, Standing]
    brought_by: Mapping[str, Mapping[str, Any] | None]
    runbooks: Mapping[str, Runbook]
    incident: Incident | None
    action: Mapping[str, Any] | None
    recorded: bool
    run_url: str | None

    @property
    def verdict(self) -> Verdict | None:
        """fail: an incident stands. A fail that is not confirmed yet is inconclusive."""
        if self.blocked:
            return Verdict.FAIL
        found = [part.verdict for part in self.parts]
        if None in found:
            return None
        sure = all(verdict is Verdict.PASS for verdict in found)
        return Verdict.PASS if sure else Verdict.INCONCLUSIVE

    @property
    def blocked(self) -> bool:
        return self.incident is not None and self.incident.ended is None

    def to_dict(self) -> dict[str, Any]:
        return {
            "service": self.service,
            "commit": self.commit,
            "at": self.at,
            "environment": self.environment,
            "release": self.release,
            "since": self.since,
            "parts": [
                {
                    **part.to_dict(),
                    **self.standings[part.id].to_dict(),
                    "brought_by": self.brought_by[part.id],
                    "runbook": asdict(self.runbooks[part.id]),
                }
                for part in self.parts
            ],
            "rule": asdict(self.rule),
            "incident": None if self.incident is None else self.incident.to_dict(),
            "action": self.action,
            "recorded": self.recorded,
            "run_url": self.run_url,
        }
