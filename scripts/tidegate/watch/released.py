"""What is watched: the release that an environment runs, by the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tidegate.config import Config
from tidegate.errors import RegistryError
from tidegate.registry import ModelVersion, Registry
from tidegate.release.ledger import Event, Ledger, moves, stay
from tidegate.release.release import Release


@dataclass(frozen=True)
class Released:
    """environment, release: None where the config has no environments, or nothing is there yet;
    then the version is the champion.
    """

    registry: Registry
    environment: str | None
    release: Release | None
    since: str | None
    version: ModelVersion | None
    events: Sequence[Event]

    @classmethod
    def read(cls, config: Config, registry: Registry) -> Released:
        events, releases = Ledger(registry).read()
        wanted = None if config.watch is None else config.watch.environment
        last = (name for name in config.environments if config.is_last(name))
        environment = wanted or next(last, None)
        there = None if environment is None else stay(events, environment)
        if there is None:
            return cls(registry, environment, None, None, registry.champion(), events)
        release = next((one for one in releases if one.id == there.event.release), None)
        version = None if release is None else registry.find(release.model_version)
        return cls(registry, environment, release, there.since, version, events)

    def need_version(self) -> ModelVersion:
        """Raises RegistryError where there is none."""
        if self.version is None:
            raise RegistryError(
                f"{self.environment or 'the registry'} has no release yet"
                if self.release is None
                else f"version {self.release.model_version} is no longer in the registry",
                where=self.registry.shown_uri,
                remedy="promote a release first; `tidegate status` shows what runs",
            )
        return self.version

    def promoted_between(self, after: str | None, until: str) -> Event | None:
        """The newest move of the environment between two moments; after: None for ever since."""
        if self.environment is None:
            return None
        end = datetime.fromisoformat(until)
        found = [
            event
            for event in moves(self.events, self.environment)
            if (after is None or datetime.fromisoformat(event.at) > datetime.fromisoformat(after))
            and datetime.fromisoformat(event.at) <= end
        ]
        return found[-1] if found else None
