"""Images: built once with the registered model inside, addressed by content, run with no rights."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

from tidegate.config import Config
from tidegate.errors import ConfigError, DeployError, ImageError
from tidegate.pipeline import PipelineError, run
from tidegate.registry import ModelVersion, Registry
from tidegate.release.release import ImageReference

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

LABEL = "io.tidegate."


@dataclass(frozen=True)
class BuiltImage:
    """An image that was built. size_mb: as the engine stores it, in 10^6 bytes."""

    reference: ImageReference
    repository: str
    tag: str
    id: str
    size_mb: float
    labels: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        return {
            "repository": self.repository,
            "tag": self.tag,
            "id": self.id,
            "digest": self.reference.digest,
            "reference": self.reference.reference,
            "size_mb": self.size_mb,
            "labels": dict(self.labels),
        }


@contextmanager
def engine_obeys(what: str) -> Iterator[None]:
    """Turn what the engine refuses into ImageErrors. what: is being done."""
    from docker.errors import DockerException

    try:
        yield
    except DockerException as error:
        raise ImageError(
            f"the engine failed while {what}: {error}", remedy="see `docker ps -a` and its log"
        ) from None


def connect() -> DockerClient:
    """The engine that DOCKER_HOST names, or the local one. Raises ImageError when none answers."""
    import docker
    from docker.errors import DockerException

    try:
        client = docker.from_env()
        client.ping()
    except DockerException as error:
        raise ImageError(
            f"no Docker engine answers: {error}",
            remedy="start one (in this repository: `make docker-engine`), or set DOCKER_HOST",
        ) from None
    return client


def engine_version() -> str:
    return str(connect().version()["Version"])


def build_image(
    config: Config,
    version: ModelVersion,
    registry: Registry,
    build_args: Sequence[str],
    network: str | None,
    environ: Mapping[str, str],
) -> BuiltImage:
    """Build the service's image around a registered version, and push it where the config says so.

    build_args: NAME=value. Raises ImageError with the build's last lines.
    """
    image = config.need_image()
    for argument in build_args:
        if "=" not in argument:
            raise ConfigError(f"{argument!r} is no build argument", remedy="write NAME=value")
    client = connect()
    registry.fetch_model(version, config.resolve(config.model_path))
    commit = version.tags["tidegate.commit"]
    tag = f"{version.version}-{commit[:7] or 'local'}"
    labels = {
        "org.opencontainers.image.title": config.service,
        "org.opencontainers.image.revision": commit,
        LABEL + "model": version.name,
        LABEL + "model-version": version.version,
        LABEL + "data-digest": version.tags["tidegate.data-digest"],
        LABEL + "record-digest": version.tags["tidegate.record-digest"],
    }
    buildkit = _drives_buildkit()
    with TemporaryDirectory() as folder:
        id_file = Path(folder, "id")
        command = [
            *("docker", "build", "--file", str(config.resolve(image.context) / image.dockerfile)),
            *("--tag", f"{image.repository}:{tag}", "--iidfile", str(id_file)),
            *(word for name, value in labels.items() for word in ("--label", f"{name}={value}")),
            *(word for argument in build_args for word in ("--build-arg", argument)),
            *(("--network", network) if network else ()),
            *(() if buildkit else ("--force-rm",)),
            str(config.resolve(image.context)),
        ]
        try:
            run(command, config.root, {**environ, "DOCKER_BUILDKIT": str(int(buildkit))})
        except PipelineError as error:
            raise ImageError(error.what, where=error.where, remedy=error.remedy) from None
        image_id = id_file.read_text().strip()
    size = client.images.get(image_id).attrs["Size"] / 1e6
    reference = ImageReference(image_id, None)
    if image.push:
        reference = _push(client, image.repository, tag)
    return BuiltImage(reference, image.repository, tag, image_id, round(size, 1), labels)


def _drives_buildkit() -> bool:
    """Whether the client can; the classic builder does as well."""
    plugin = subprocess.run(["docker", "buildx", "version"], capture_output=True, check=False)
    return plugin.returncode == 0


def _push(client: DockerClient, repository: str, tag: str) -> ImageReference:
    for line in client.images.push(repository, tag=tag, stream=True, decode=True):
        if "error" in line:
            raise ImageError(
                f"the push failed: {line['error']}",
                where=f"{repository}:{tag}",
                remedy="log in to the registry, and see that the repository may be written",
            )
        if "Digest" in line.get("aux", {}):
            pushed = line["aux"]["Digest"]
            return ImageReference(f"{repository}@{pushed}", pushed)
    raise ImageError("the registry named no digest", where=f"{repository}:{tag}")


def ensure_present(client: DockerClient, image: ImageReference) -> None:
    """Have the image on this engine: from its registry where it was pushed to one."""
    from docker.errors import DockerException, ImageNotFound

    try:
        client.images.get(image.reference)
    except ImageNotFound:
        if image.digest is None:
            raise ImageError(
                f"the image {image.reference} is not on this engine",
                remedy="promote from the engine that built it, or set image.push: true",
            ) from None
        try:
            client.images.pull(image.reference)
        except DockerException as error:
            raise ImageError(
                f"the image cannot be pulled: {error}",
                where=image.reference,
                remedy="see that the registry runs, that it holds the digest, and that this "
                "engine may read it",
            ) from None


def start_container(
    client: DockerClient,
    image: ImageReference,
    name: str,
    *,
    container_port: int,
    host_port: int | None,
    environment: Mapping[str, str],
    labels: Mapping[str, str],
) -> Container:
    """Start a container that can write nowhere but /tmp and has no capabilities.

    host_port: None takes a free one, for this machine alone. Raises ImageError, such as for a port
    in use.
    """
    from docker.errors import DockerException

    container = None
    try:
        container = client.containers.create(
            image.reference,
            name=name,
            detach=True,
            ports={f"{container_port}/tcp": host_port or ("127.0.0.1", 0)},
            environment=dict(environment),
            labels=dict(labels),
            read_only=True,
            tmpfs={"/tmp": "size=64m"},  # noqa: S108 - inside the container
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            # A deployed service comes back with its engine; one under test ends when it crashes.
            restart_policy=cast("Any", {"Name": "unless-stopped"} if host_port else None),
        )
        container.start()
    except DockerException as error:
        if container is not None:
            container.remove(force=True)
        taken = "port is already allocated" in str(error) or "address already in use" in str(error)
        raise ImageError(
            f"port {host_port} is in use by something else" if taken else
            f"the container does not start: {error}",
            where=name,
            remedy="stop what listens there, or give the environment another port" if taken else
            "run the image by hand and read its log",
        ) from None  # fmt: skip
    container.reload()
    return container


def published_port(container: Container, container_port: int) -> int:
    bindings = container.ports[f"{container_port}/tcp"]
    if not bindings:
        raise ImageError(
            "the container ended at once", remedy="run the image by hand, read its log"
        )
    return int(bindings[0]["HostPort"])


@contextmanager
def temporary_container(
    client: DockerClient,
    image: ImageReference,
    name: str,
    container_port: int,
    environment: Mapping[str, str],
) -> Iterator[tuple[Container, str]]:
    """(container, its URL), gone afterwards; what it said last goes into a DeployError."""
    remove_container(client, name)
    container = start_container(
        client,
        image,
        name,
        container_port=container_port,
        host_port=None,
        environment=environment,
        labels={},
    )
    try:
        yield container, f"http://127.0.0.1:{published_port(container, container_port)}"
    except DeployError as error:
        log = container.logs(tail=12).decode(errors="replace").strip() or "nothing"
        raise DeployError(
            f"{error.what}; its log ends:\n{log}", where=error.where, remedy=error.remedy
        ) from None
    finally:
        container.remove(force=True)


def remove_container(client: DockerClient, name: str) -> None:
    """Remove a container, where there is one."""
    if (found := find_container(client, name)) is not None:
        found.remove(force=True)


def find_container(client: DockerClient, name: str) -> Container | None:
    from docker.errors import NotFound

    try:
        return client.containers.get(name)
    except NotFound:
        return None


def memory_megabytes(container: Container) -> float:
    """Memory in use without the page cache, in 10^6 bytes, as `docker stats` counts it."""
    usage = cast("dict[str, Any]", container.stats(stream=False))["memory_stats"]
    cache = usage.get("stats", {})
    reclaimable = cache.get("inactive_file", cache.get("total_inactive_file", 0))
    return round(float(usage["usage"] - reclaimable) / 1e6, 1)
