"""Deploys to a Docker engine: verified on a side port first, then switched."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from tidegate.config import Config
from tidegate.errors import DeployError
from tidegate.release import image as images
from tidegate.release.deployers import Verify
from tidegate.release.image import LABEL
from tidegate.release.release import ImageReference, Release
from tidegate.release.serving import connect

if TYPE_CHECKING:
    from docker.models.containers import Container


class DockerDeployer:
    """One container an environment, called SERVICE-ENVIRONMENT; the one before is kept, stopped."""

    def __init__(self, config: Config, environment: str):
        port = config.need_environment(environment).deploy.port
        assert port is not None  # noqa: S101 - the config has seen to it
        self._config = config
        self._environment = environment
        self._port = port
        self._name = f"{config.service}-{environment}"
        self._previous = f"{self._name}-previous"
        self._client = images.connect()
        self.url = f"http://127.0.0.1:{port}"

    def reached(self) -> AbstractContextManager[str]:
        return nullcontext(self.url)

    def running(self) -> str | None:
        # A switch that was cut off may have renamed the old one, and not yet stopped it.
        for name in (self._name, self._previous):
            container = images.find_container(self._client, name)
            if container is not None and container.status == "running":
                return str(container.labels.get(LABEL + "release") or container.name)
        return None

    def deploy(self, release: Release, verify: Verify) -> str:
        image = release.image
        if image is None:
            raise DeployError(
                f"{release.id} has no image",
                remedy="give the config an image section, or deploy with kind: command",
            )
        images.ensure_present(self._client, image)
        with images.engine_obeys(f"{self._name} is looked at"):
            self._take_back_half_a_switch()
        if self.running() == release.id:
            return f"{release.id} runs there already"
        side = f"{self._name}-side"
        with images.temporary_container(
            self._client, image, side, self._config.serving.port, self._variables(release)
        ) as (_, url):
            verify(url)
        with images.engine_obeys(f"{self._name} is switched"):
            seconds = self._switch(release, image)
        return f"verified on a side port, then switched with {seconds:.2f} s without service"

    def restore(self, previous: Release | None) -> None:
        with images.engine_obeys(f"{self._name} is put back"):
            self._restore(previous)

    def _take_back_half_a_switch(self) -> None:
        kept = images.find_container(self._client, self._previous)
        there = images.find_container(self._client, self._name)
        if kept is None or kept.status != "running":
            return
        if there is None or there.status != "running":
            images.remove_container(self._client, self._name)
            kept.rename(self._name)

    def _restore(self, previous: Release | None) -> None:
        images.remove_container(self._client, self._name)
        kept = images.find_container(self._client, self._previous)
        if previous is None:
            return
        if kept is not None and kept.labels.get(LABEL + "release") == previous.id:
            kept.rename(self._name)
            kept.start()
            self._wait()
        elif previous.image is not None:
            images.start_container(self._create(previous, previous.image))
            self._wait()

    def _switch(self, release: Release, image: ImageReference) -> float:
        """Seconds from stopping the old container to the new one being ready."""
        old = images.find_container(self._client, self._name)
        if old is not None and old.status == "running":
            images.remove_container(self._client, self._previous)
            # Renamed before it is stopped: whatever bears the name and does not run is a start
            # that was cut off, and may go.
            old.rename(self._previous)
        elif old is not None:
            old.remove(force=True)
        made = self._create(release, image)
        started = time.monotonic()
        kept = images.find_container(self._client, self._previous)
        if kept is not None:
            kept.stop(timeout=10)
        images.start_container(made)
        self._wait()
        return time.monotonic() - started

    def _create(self, release: Release, image: ImageReference) -> Container:
        return images.create_container(
            self._client,
            image,
            self._name,
            container_port=self._config.serving.port,
            host_port=self._port,
            environment=self._variables(release),
            labels={LABEL + "release": release.id, LABEL + "environment": self._environment},
        )

    def _wait(self) -> None:
        with connect(self.url, self._config.serving) as service:
            service.wait_until_ready()

    def _variables(self, release: Release) -> dict[str, str]:
        return {
            "TIDEGATE_RELEASE": release.id,
            "TIDEGATE_MODEL_VERSION": release.model_version,
            "TIDEGATE_ENVIRONMENT": self._environment,
        }
