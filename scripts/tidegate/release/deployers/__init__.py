"""Deployers: what puts a release on an environment. One small class each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from tidegate.config import Config
from tidegate.registry import Registry
from tidegate.release.release import Release

# Raises DeployError unless the service at the address is the release and answers as it should.
Verify = Callable[[str], None]


class Deployer(Protocol):
    """Puts releases on one environment. Every method may be called again after a crash."""

    def reached(self) -> AbstractContextManager[str]:
        """The address at which the environment's service answers, for as long as it is open."""
        ...

    def running(self) -> str | None:
        """Id of the release that runs, as far as can be told from outside the ledger."""
        ...

    def deploy(self, release: Release, verify: Verify) -> str:
        """Put a release there; says what was done. On failure what ran before runs on, or again."""
        ...

    def restore(self, previous: Release | None) -> None:
        """Put back what ran before, after a deployment that did not verify."""
        ...


def deployer_for(
    config: Config, environment: str, registry: Registry, environ: Mapping[str, str]
) -> Deployer:
    """The deployer that the config names for an environment."""
    kind = config.need_environment(environment).deploy.kind
    if kind == "docker":
        from tidegate.release.deployers.docker import DockerDeployer

        return DockerDeployer(config, environment)
    if kind == "command":
        from tidegate.release.deployers.command import CommandDeployer

        return CommandDeployer(config, environment, registry, environ)
    from tidegate.release.deployers.kubernetes import KubernetesDeployer

    return KubernetesDeployer(config, environment, environ)
