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
    known = Known.read(config, context)
    return StatusReport(
        config.service,
        tuple(known.now(name) for name in names),
        tuple(event.to_dict() for event in known.events),
    )


def status_at(
    config: Config, context: Context, asked: str, only: str | None = None
) -> StatusReport:
    """What ran at a time, by the ledger alone. asked: ISO 8601, in UTC where it names no zone."""
    names = _names(config, only)
    at, notes = _moment(asked, context.now())
    known = Known.read(config, context)
    return StatusReport(
        config.service,
        tuple(known.then(name, at) for name in names),
        tuple(event.to_dict() for event in known.events),
        at.isoformat(),
        (*notes, "This is the ledger's word: what runs now was not looked at, nor any drift."),
    )


@dataclass(frozen=True)
class Known:
    """What the ledger says of environments, and where to look for what they run."""

    config: Config
    context: Context
    registry: Registry
    ledger: Ledger
    events: Sequence[Event]
    releases: Sequence[Release]

    @classmethod
    def read(cls, config: Config, context: Context) -> Known:
        registry = Registry.open(config, context)
        ledger = Ledger(registry)
        return cls(config, context, registry, ledger, *ledger.read())

    def now(self, name: str) -> dict[str, Any]:
        """An environment by the ledger, beside what the registry and the deployer say."""
        state = self._by_ledger(name, self.events)
        drift: list[str] = []
        if self.config.is_last(name):
            versions = {release.id: release.model_version for release in self.releases}
            drift += _champion_drift(self.registry, versions.get(state["release"] or ""))
        unseen = None
        try:
            drift += self._running_drift(name, state["release"])
        except (ConfigError, RegistryError):
            raise
        except TidegateError as error:
            # Nobody knows, so it must not read as if nothing drifted.
            unseen = f"what runs cannot be seen: {error.what}"
            drift.append(unseen)
        return {
            **state,
            "moving": self.ledger.moving(name),
            "drift": drift,
            "looked_at": unseen is None,
            "unseen": unseen,
        }

    def then(self, name: str, at: datetime) -> dict[str, Any]:
        """An environment as it was, by the ledger."""
        before = [event for event in self.events if datetime.fromisoformat(event.at) <= at]
        unknown: dict[str, Any] = {"moving": None, "drift": [], "looked_at": False, "unseen": None}
        return {**self._by_ledger(name, before, at), **unknown}

    def _by_ledger(
        self, name: str, events: Sequence[Event], at: datetime | None = None
    ) -> dict[str, Any]:
        there = stay(self.events, name, at)
        held = holds(events, name)
        release = None if there is None else there.event.release
        details = next((found for found in self.releases if found.id == release), None)
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

    def _running_drift(self, name: str, release: str | None) -> Iterator[str]:
        deployer = deployer_for(self.config, name, self.registry, self.context.environ)
        running = deployer.running()
        if running != release:
            yield f"{running or 'nothing'} runs, the ledger says {release or 'nothing'}"


def _names(config: Config, only: str | None) -> list[str]:
    if only is not None:
        config.need_environment(only)
    return [only] if only else [*config.environments]


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
