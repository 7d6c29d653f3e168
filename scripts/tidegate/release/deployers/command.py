"""Deploys by a command of the service's own, given the release in TIDEGATE_* variables."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

from tidegate.config import Config
from tidegate.errors import DeployError
from tidegate.models.fetching import fetch_model
from tidegate.pipeline import PipelineError, run
from tidegate.registry import Registry
from tidegate.release.deployers import Verify
from tidegate.release.release import Release
from tidegate.release.serving import connect


class CommandDeployer:
    """Exit code 0 of the command means that the release is on the environment."""

    def __init__(
        self, config: Config, environment: str, registry: Registry, environ: Mapping[str, str]
    ):
        deploy = config.need_environment(environment).deploy
        assert deploy.run is not None  # noqa: S101 - the config has seen to both
        assert deploy.url is not None  # noqa: S101
        self.url = deploy.url
        self._seconds = deploy.timeout_seconds
        self._command = shlex.split(deploy.run)
        self._config = config
        self._environment = environment
        self._registry = registry
        self._environ = {**environ, "MLFLOW_TRACKING_URI": registry.tracking_uri}

    def reached(self) -> AbstractContextManager[str]:
        return nullcontext(self.url)

    def running(self) -> str | None:
        with connect(self.url, self._config.serving) as service:
            return service.release()

    def deploy(self, release: Release, verify: Verify) -> str:  # noqa: ARG002
        if self.running() == release.id:
            return f"{release.id} runs there already"
        model = self._config.resolve(self._config.model_path)
        version = self._registry.version(release.model_version)
        fetch_model(self._registry, version, model, self._config.registry.trusted_pickles)
        variables = {
            "TIDEGATE_ENVIRONMENT": self._environment,
            "TIDEGATE_RELEASE": release.id,
            "TIDEGATE_MODEL": release.model,
            "TIDEGATE_MODEL_VERSION": release.model_version,
            "TIDEGATE_MODEL_URI": f"models:/{release.model}/{release.model_version}",
            "TIDEGATE_MODEL_PATH": str(model),
            "TIDEGATE_IMAGE": release.image.reference if release.image else "",
            "TIDEGATE_COMMIT": release.commit or "",
            "TIDEGATE_URL": self.url,
        }
        try:
            environ = {**self._environ, **variables}
            seconds = run(self._command, self._config.root, environ, self._seconds)
        except PipelineError as error:
            raise DeployError(error.what, where=error.where, remedy=error.remedy) from None
        return f"`{shlex.join(self._command)}` ended well after {seconds:.1f} s"

    def restore(self, previous: Release | None) -> None:
        if previous is not None:
            self.deploy(previous, lambda _: None)
        elif (left := self.running()) is not None:
            raise DeployError(
                f"{left} still runs there, and no earlier release is there to replace it",
                where=self.url,
                remedy="stop it by hand, or promote a release that is good",
            )
