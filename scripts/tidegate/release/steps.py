"""The steps of a move, as they are taken: what each said, and how long it took."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tidegate.release.ledger import Event
from tidegate.verdict import Verdict


@dataclass(frozen=True)
class Step:
    """One step, how it went and how long it took."""

    name: str
    verdict: Verdict
    seconds: float
    detail: str

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "verdict": str(self.verdict),
            "seconds": round(self.seconds, 3),
            "detail": self.detail,
        }


@dataclass
class MoveReport:
    """What a promotion, roll-back or hold did. before, after: ids of releases."""

    service: str
    environment: str
    before: str | None
    after: str | None
    steps: list[Step] = field(default_factory=list)
    event: Event | None = None
    watched: bool = False  # whether a person looks on

    def take(self, name: str, act: Callable[[], str], expected: type[Exception]) -> bool:
        """Take one step, which says what it did; whether it went well.

        expected: what the step raises when it goes wrong; anything else goes on to the caller.
        """
        if self.watched:
            print(f"{name} ...", file=sys.stderr, flush=True)
        started = time.monotonic()
        try:
            verdict, detail = Verdict.PASS, act()
        except expected as error:
            verdict, detail = Verdict.FAIL, str(error)
        self.steps.append(Step(name, verdict, time.monotonic() - started, detail))
        return verdict is Verdict.PASS

    @property
    def verdict(self) -> Verdict:
        failed = any(step.verdict is not Verdict.PASS for step in self.steps)
        return Verdict.FAIL if failed else Verdict.PASS

    @property
    def blocked(self) -> bool:
        return self.verdict is Verdict.FAIL

    def to_dict(self) -> dict[str, Any]:
        return {
            "service": self.service,
            "environment": self.environment,
            "before": self.before,
            "after": self.after,
            "steps": [step.to_dict() for step in self.steps],
            "event": None if self.event is None else self.event.to_dict(),
        }
