"""What runs where since when, and what drifted from the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.config import Config
from tidegate.context import Context
from tidegate.errors import ConfigError, RegistryError, TidegateError
from tidegate.registry import Registry, version_in_words
from tidegate.release.deployers import deployer_for
from tidegate.release.ledger import Ledger, holds, last_release, moves
from tidegate.verdict import Verdict


@dataclass(frozen=True)
class StatusReport:
    """The environments and the ledger."""

    service: str
    environments: tuple[Mapping[str, Any], ...]
    ledger: tuple[Mapping[str, Any], ...]

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
        }


def status(config: Config, context: Context, only: str | None = None) -> StatusReport:
    """The state of every environment, or of the one that `only` names."""
    if only is not None:
        config.need_environment(only)
    registry = Registry.open(config, context)
    ledger = Ledger(registry)
    events = ledger.events()
    versions = {release.id: release.model_version for release in ledger.releases()}
    environments = []
    for name in [only] if only else config.environments:
        last = next(reversed(moves(events, name)), None)
        held = holds(events, name)
        release = last_release(events, name)
        drift = [
            *(
                _champion_drift(registry, versions.get(release or ""))
                if config.is_last(name)
                else ()
            ),
            *_running_drift(config, context, registry, name, release),
        ]
        environments.append(
            {
                "name": name,
                "release": release,
                "since": None if last is None else last.at,
                "event": None if last is None else last.to_dict(),
                "hold": None if held is None else held.in_words,
                "moving": ledger.moving(name),
                "drift": drift,
            }
        )
    return StatusReport(
        config.service, tuple(environments), tuple(event.to_dict() for event in events)
    )


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
    try:
        running = deployer_for(config, environment, registry, context.environ).running()
    except (ConfigError, RegistryError):
        raise
    except TidegateError as error:
        yield f"what runs cannot be seen: {error.what}"
        return
    if running != release:
        yield f"{running or 'nothing'} runs, the ledger says {release or 'nothing'}"
