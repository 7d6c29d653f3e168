"""What runs where since when, and what drifted from the ledger; or what ran there at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tidegate.config import Config
from tidegate.context import Context
from tidegate.errors import ConfigError, RegistryError, TidegateError
from tidegate.registry import Registry, version_in_words
from tidegate.release.deployers import deployer_for
from tidegate.release.ledger import Event, Ledger, holds, stay
from tidegate.release.release import Release
from tidegate.verdict import Verdict


@dataclass(frozen=True)
class StatusReport:
    """The environments and the ledger. at: the time that was asked about; None is now."""

    service: str
    environments: tuple[Mapping[str, Any], ...]
    ledger: tuple[Mapping[str, Any], ...]
    at: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        return Verdict.FAIL if self.blocked else Verdict.PASS

    @property
    def blocked(self) -> bool:
        return any(environment["drift"] for environment in self.environments)

    def to_dict(self) -> dict[str, Any]:
        return {
            "service": self.service,
            "environments": list(self.environments),
            "ledger": list(self.ledger),
            "at": self.at,
            "notes": list(self.notes),
        }


def status(config: Config, context: Context, only: str | None = None) -> StatusReport:
    """The state of every environment, or of the one that `only` names."""
    names = _names(config, only)
    registry = Registry.open(config, context)
    events, releases = Ledger(registry).read()
    return StatusReport(
        config.service,
        tuple(state_now(config, context, registry, events, releases, name) for name in names),
        tuple(event.to_dict() for event in events),
    )


def status_at(
    config: Config, context: Context, asked: str, only: str | None = None
) -> StatusReport:
    """What ran at a time, by the ledger alone. asked: ISO 8601, in UTC where it names no zone."""
    names = _names(config, only)
    at, notes = _moment(asked, context.now())
    events, releases = Ledger(Registry.open(config, context)).read()
    return StatusReport(
        config.service,
        tuple({**_state(events, releases, name, at), **_NOT_LOOKED_AT} for name in names),
        tuple(event.to_dict() for event in events),
        at.isoformat(),
        (*notes, "This is the ledger's word: what runs now was not looked at, nor any drift."),
    )


def state_now(
    config: Config,
    context: Context,
    registry: Registry,
    events: Sequence[Event],
    releases: Sequence[Release],
    name: str,
) -> dict[str, Any]:
    """An environment by the ledger, beside what the registry and the deployer say."""
    state = _state(events, releases, name)
    drift: list[str] = []
    if config.is_last(name):
        versions = {release.id: release.model_version for release in releases}
        drift += _champion_drift(registry, versions.get(state["release"] or ""))
    try:
        drift += _running_drift(config, context, registry, name, state["release"])
    except (ConfigError, RegistryError):
        raise
    except TidegateError as error:
        unseen = f"what runs cannot be seen: {error.what}"
        # Nobody knows, so it must not read as if nothing drifted.
        return {**state, "drift": [*drift, unseen], "looked_at": False, "unseen": unseen}
    return {**state, "drift": drift, "looked_at": True, "unseen": None}


_NOT_LOOKED_AT: Mapping[str, Any] = {"drift": [], "looked_at": False, "unseen": None}


def _names(config: Config, only: str | None) -> list[str]:
    if only is not None:
        config.need_environment(only)
    return [only] if only else [*config.environments]


def _state(
    events: Sequence[Event], releases: Sequence[Release], name: str, at: datetime | None = None
) -> dict[str, Any]:
    """An environment by the ledger."""
    there = stay(events, name, at)
    held = holds([e for e in events if at is None or datetime.fromisoformat(e.at) <= at], name)
    known = {release.id: release for release in releases}
    release = None if there is None else there.event.release
    details = known.get(release or "")
    return {
        "name": name,
        "release": release,
        "since": None if there is None else there.since,
        "until": None if there is None else there.until,
        "event": None if there is None else there.event.to_dict(),
        "details": None if details is None else details.to_dict(),
        "hold": None if held is None else held.in_words,
        "held_since": None if held is None else held.at,
    }


def _moment(asked: str, now: datetime) -> tuple[datetime, list[str]]:
    """The time that is meant, and what was taken for granted."""
    try:
        given = datetime.fromisoformat(asked.strip())
        at = given.replace(tzinfo=given.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        raise TidegateError(
            f"{asked!r} is no time",
            where="--at",
            remedy="write it in ISO 8601: 2026-11-24, 2026-11-24T14:30 or 2026-11-24T14:30+01:00",
        ) from None
    notes = [] if given.tzinfo else [f"No zone was given, so {given} is UTC."]
    if at > now:
        raise TidegateError(
            f"{at.isoformat()} is yet to come; it is {now.isoformat(timespec='seconds')}",
            where="--at",
            remedy="give a time that has passed, or leave --at out to see what runs now",
        )
    return at, notes


def _champion_drift(registry: Registry, expected: str | None) -> Iterator[str]:
    champion = registry.champion()
    now = None if champion is None else champion.version
    if now != expected:
        yield (
            f"the champion is {version_in_words(now)}, the ledger says {version_in_words(expected)}"
        )


def _running_drift(
    config: Config, context: Context, registry: Registry, environment: str, release: str | None
) -> Iterator[str]:
    running = deployer_for(config, environment, registry, context.environ).running()
    if running != release:
        yield f"{running or 'nothing'} runs, the ledger says {release or 'nothing'}"
