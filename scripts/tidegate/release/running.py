"""Where a model version runs, by the ledger: for those who read a comparison with it."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.config import Config
from tidegate.errors import RegistryError
from tidegate.registry import ModelVersion, Registry
from tidegate.release.ledger import Ledger, stay


@dataclass(frozen=True)
class Running:
    """A version's release. environment, since: the last place of the path that runs it."""

    release: str
    environment: str | None
    since: str | None


def running(config: Config, registry: Registry, version: ModelVersion) -> Running | None:
    """None where no release of it is known: nothing is decided by it, so nothing fails for it."""
    try:
        ledger = Ledger.if_there(registry)
        events, releases = ([], []) if ledger is None else ledger.read()
    except RegistryError:
        return None
    ids = [release.id for release in releases if release.model_version == version.version]
    for environment in reversed([*config.environments]):
        found = stay(events, environment)
        if found is not None and found.event.release in ids:
            return Running(str(found.event.release), environment, found.since)
    return Running(ids[-1], None, None) if ids else None
