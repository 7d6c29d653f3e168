"""The board: what runs where, what happened, how the metrics went, and what waits for a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.config import Config
from tidegate.context import Context
from tidegate.errors import GitHubError
from tidegate.release.status import Known
from tidegate.release.trend import Trend, trend
from tidegate.verdict import Verdict
from tidegate.watch.chronicle import chronicle


@dataclass(frozen=True)
class BoardReport:
    """Everything that is on the board. It never blocks: a board that shows trouble is made, too.

    releases: how many there are in all; watch: what the watches found, None where nothing is
    watched.
    """

    service: str
    made_at: str
    environments: tuple[Mapping[str, Any], ...]
    ledger: tuple[Mapping[str, Any], ...]
    releases: int
    trend: Trend
    approvals: Mapping[str, Any]
    watch: Mapping[str, Any] | None = None
    blocked: bool = False

    @property
    def verdict(self) -> Verdict:
        """fail where something drifted, inconclusive where something could not be seen."""
        if any(environment["drift"] for environment in self.environments):
            return Verdict.FAIL
        seen = all(environment["looked_at"] for environment in self.environments)
        return Verdict.PASS if seen else Verdict.INCONCLUSIVE

    def to_dict(self) -> dict[str, Any]:
        return {
            "service": self.service,
            "made_at": self.made_at,
            "environments": list(self.environments),
            "ledger": list(self.ledger),
            "releases": self.releases,
            "trend": self.trend.to_dict(),
            "approvals": dict(self.approvals),
            "watch": self.watch,
        }


def board(config: Config, context: Context) -> BoardReport:
    """The board as of now. Raises RegistryError without its registry; the rest may be missing."""
    known = Known.read(config, context)
    return BoardReport(
        config.service,
        context.timestamp(),
        tuple(_without_unseen(known.now(name)) for name in config.environments),
        tuple(event.to_dict() for event in known.events),
        len(known.releases),
        trend(known.registry, known.releases),
        _approvals(config, context),
        chronicle(config, known.registry),
    )


def _without_unseen(state: dict[str, Any]) -> dict[str, Any]:
    """What cannot be seen from here, where the board is made, need not have drifted."""
    return {**state, "drift": [text for text in state["drift"] if text != state["unseen"]]}


def _approvals(config: Config, context: Context) -> dict[str, Any]:
    """What waits for a reviewer, where GitHub can be asked; else why it was not."""
    from tidegate.github.environments import waiting

    try:
        found, more = waiting(config.environments, context.environ)
    except GitHubError as error:
        return {"asked": False, "reason": error.what, "waiting": [], "runs_left_out": 0}
    return {
        "asked": True,
        "reason": None,
        "waiting": [one.to_dict() for one in found],
        "runs_left_out": more,
    }
