"""The ledger: every release, promotion, roll-back and hold, one MLflow run each, oldest first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from tidegate.errors import DeployError, suggestion
from tidegate.registry import Registry
from tidegate.release.release import Release

MOVES = ("promotion", "rollback")
_EVENT, _RELEASE = "tidegate.event", "tidegate.release-record"


@dataclass(frozen=True)
class Event:
    """One line of the ledger. at: ISO 8601 in UTC; seconds: how long it took."""

    kind: str  # release, promotion, rollback, hold or unhold
    at: str
    environment: str | None = None
    release: str | None = None
    before: str | None = None
    actor: str | None = None
    approver: str | None = None
    reason: str | None = None
    record_digest: str | None = None
    run_url: str | None = None
    seconds: float | None = None

    @property
    def in_words(self) -> str:
        """Who did it and why."""
        return f"{self.kind} by {self.actor}" + (f": {self.reason}" if self.reason else "")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class Ledger:
    """The ledger of one registered model, in an experiment of its own beside the model's runs."""

    def __init__(self, registry: Registry):
        self._registry = registry
        self._experiment = registry.experiment(f"tidegate/{registry.model}")

    def record(self, event: Event, release: Release | None = None) -> None:
        """Write one event. It stands as soon as the run exists: there is no half-written event."""
        started = int(datetime.fromisoformat(event.at).timestamp() * 1000)
        tags = {f"tidegate.{name}": str(value) for name, value in event.to_dict().items() if value}
        tags[_EVENT] = json.dumps(event.to_dict())
        if release is not None:
            tags[_RELEASE] = json.dumps(release.to_dict())
        name = f"{event.kind} {event.release or ''} {event.environment or ''}".strip()
        with self._registry.reachable():
            run = self._registry.client.create_run(
                self._experiment, start_time=started, tags=tags, run_name=name
            )
            self._registry.client.set_terminated(run.info.run_id)

    def events(self) -> list[Event]:
        """Every event, oldest first."""
        return [Event(**json.loads(tags[_EVENT])) for tags in self._tags()]

    def releases(self) -> list[Release]:
        """Every release, oldest first."""
        return [
            Release.from_dict(json.loads(tags[_RELEASE]))
            for tags in self._tags()
            if _RELEASE in tags
        ]

    def release(self, release_id: str) -> Release:
        """The release of this id. Raises DeployError, which names the nearest."""
        known = {release.id: release for release in self.releases()}
        if release_id not in known:
            raise DeployError(
                f"no release is called {release_id!r}" + suggestion(release_id, known),
                where=self._registry.shown_uri,
                remedy=f"newest releases: {', '.join([*known][-5:]) or 'none yet'}",
            )
        return known[release_id]

    def _tags(self) -> list[dict[str, str]]:
        client, found, token = self._registry.client, [], None
        with self._registry.reachable():
            while True:
                page = client.search_runs(
                    [self._experiment], order_by=["attributes.start_time ASC"], page_token=token
                )
                found += [run.data.tags for run in page if _EVENT in run.data.tags]
                token = page.token
                if not token:
                    return found


def moves(events: Sequence[Event], environment: str) -> list[Event]:
    """What an environment took, oldest first."""
    return [e for e in events if e.environment == environment and e.kind in MOVES]


def last_release(events: Sequence[Event], environment: str) -> str | None:
    """Id of the release that an environment runs, by the ledger."""
    there = moves(events, environment)
    return there[-1].release if there else None


def holds(events: Sequence[Event], environment: str) -> Event | None:
    """The event that keeps an environment from promotions. A roll-back holds by itself."""
    held = None
    for event in events:
        if event.environment == environment:
            if event.kind in {"hold", "rollback"}:
                held = event
            elif event.kind == "unhold":
                held = None
    return held
