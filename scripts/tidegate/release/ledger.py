"""The ledger: every release, promotion, roll-back and hold, one MLflow run each, oldest first."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from tidegate.errors import DeployError, suggestion
from tidegate.interruption import too_late_to_stop
from tidegate.registry import Registry
from tidegate.release.lease import Lease, claims
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
        self._experiment = registry.experiment(_experiment(registry))

    @classmethod
    def if_there(cls, registry: Registry) -> Ledger | None:
        """The ledger for those who only read: where there is none yet, none is made."""
        with registry.reachable():
            found = registry.client.get_experiment_by_name(_experiment(registry))
        return None if found is None else cls(registry)

    def record(self, event: Event, release: Release | None = None) -> None:
        """Write one event. It stands as soon as the run exists: there is no half-written event."""
        tags = _tags(event)
        if release is not None:
            tags[_RELEASE] = json.dumps(release.to_dict())
        with self._registry.reachable():
            run = self._registry.client.create_run(
                self._experiment,
                start_time=_milliseconds(event.at),
                tags=tags,
                run_name=_name(event),
            )
            self._registry.client.set_terminated(run.info.run_id)

    def lease(self, environment: str, at: str, holder: Mapping[str, Any]) -> Lease:
        """The right to move an environment, in the run that `record_move` makes an event of."""
        held = {**holder, "at": at}
        return Lease(self._registry, self._experiment, environment, _milliseconds(at), held)

    def record_move(self, event: Event, lease: Lease) -> None:
        """Write what was done under a lease, in one transaction."""
        from mlflow.entities import RunTag

        # Were it cut off, nobody could say whether it stands, and what to put back.
        too_late_to_stop()
        tags = {**_tags(event), "mlflow.runName": _name(event)}
        with self._registry.reachable():
            self._registry.client.log_batch(
                lease.run_id, tags=[RunTag(name, value) for name, value in tags.items()]
            )

    def moving(self, environment: str) -> str | None:
        """Who is moving an environment now, in words; also a move that was cut off."""
        found = claims(self._registry, self._experiment, environment)
        return found[0].in_words if found else None

    def events(self) -> list[Event]:
        """Every event, oldest first."""
        return self.read()[0]

    def releases(self) -> list[Release]:
        """Every release, oldest first."""
        return self.read()[1]

    def read(self) -> tuple[list[Event], list[Release]]:
        """Every event and every release, oldest first, in one look."""
        tags = self._tags()
        events = [Event(**json.loads(of[_EVENT])) for of in tags]
        return (
            sorted(events, key=lambda event: datetime.fromisoformat(event.at)),
            [Release.from_dict(json.loads(of[_RELEASE])) for of in tags if _RELEASE in of],
        )

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


def _experiment(registry: Registry) -> str:
    return f"tidegate/{registry.model}"


def _tags(event: Event) -> dict[str, str]:
    tags = {f"tidegate.{name}": str(value) for name, value in event.to_dict().items() if value}
    return {**tags, _EVENT: json.dumps(event.to_dict())}


def _name(event: Event) -> str:
    return f"{event.kind} {event.release or ''} {event.environment or ''}".strip()


def _milliseconds(at: str) -> int:
    return int(datetime.fromisoformat(at).timestamp() * 1000)


def time_after(events: Sequence[Event], now: datetime) -> str:
    """When the next event is, ISO 8601: now, but never before an event that is there already.

    Machines' clocks differ, and the order of events decides what runs and what holds.
    """
    if events:
        now = max(now, datetime.fromisoformat(events[-1].at) + timedelta(milliseconds=1))
    return now.isoformat(timespec="milliseconds")


def moves(events: Sequence[Event], environment: str) -> list[Event]:
    """What an environment took, oldest first."""
    return [e for e in events if e.environment == environment and e.kind in MOVES]


@dataclass(frozen=True)
class Stay:
    """A release on an environment without a break. event: the newest move that put it there.

    until: when another took its place; None while it runs.
    """

    event: Event
    since: str
    until: str | None


def stay(events: Sequence[Event], environment: str, at: datetime | None = None) -> Stay | None:
    """What an environment runs, by the ledger, or ran at a time; None for nothing yet."""
    found: Stay | None = None
    for event in moves(events, environment):
        after = at is not None and datetime.fromisoformat(event.at) > at
        another = found is None or found.event.release != event.release
        if after and another:
            return None if found is None else replace(found, until=event.at)
        if not after:
            found = Stay(event, event.at if found is None or another else found.since, None)
    return found


def releases_before(there: Sequence[Event]) -> list[str]:
    """The releases that a roll-back may go to, the nearest last. there: the moves of one place.

    A roll-back takes back everything since the release that it goes to: from there on, it is as if
    that had not been.
    """
    way: list[str] = []
    for event in there:
        release = str(event.release)
        if event.kind == "rollback" and release in way:
            last = len(way) - 1 - way[::-1].index(release)
            del way[last + 1 :]
        elif not way or way[-1] != release:
            way.append(release)
    return [release for release in way[:-1] if release != way[-1]]


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
