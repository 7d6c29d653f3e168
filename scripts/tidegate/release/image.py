"""Images on an engine: addressed by content, run with no rights, watched."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, cast

from tidegate.errors import DeployError, ImageError, refused_by_the_system
from tidegate.interruption import as_a_whole
from tidegate.release.release import ImageReference

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

LABEL = "io.tidegate."
WATCH_SECONDS = 0.05


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
        # A request that was cut off goes on in the engine: nobody could say what it leaves.
        # A weak reference: in a cycle, its sockets would stay open until somebody looks for cycles.
        api: Any = client.api
        api.send = as_a_whole(partial(type(api).send, weakref.proxy(api)))
    except DockerException as error:
        raise ImageError(
            f"no Docker engine answers: {refused_by_the_system(error) or error}",
            where=os.environ.get("DOCKER_HOST"),
            remedy="start one (in this repository: `make docker-engine`), or set DOCKER_HOST",
        ) from None
    return client


def engine_version() -> str:
    return str(connect().version()["Version"])


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


def create_container(
    client: DockerClient,
    image: ImageReference,
    name: str,
    *,
    container_port: int,
    host_port: int | None,
    environment: Mapping[str, str],
    labels: Mapping[str, str],
) -> Container:
    """Make a container that can write nowhere but /tmp and has no capabilities; not yet started.

    host_port: None takes a free one, for this machine alone.
    """
    return client.containers.create(
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


def start_container(container: Container) -> None:
    """Start what was created. Raises ImageError, such as for a port in use; it is gone then."""
    from docker.errors import DockerException

    try:
        container.start()
    except DockerException as error:
        container.remove(force=True)
        taken = "port is already allocated" in str(error) or "address already in use" in str(error)
        bindings = container.attrs["HostConfig"]["PortBindings"] or {}
        ports = ", ".join(port["HostPort"] for of in bindings.values() for port in of)
        raise ImageError(
            f"port {ports} is in use by something else" if taken else
            f"the container does not start: {error}",
            where=container.name,
            remedy="stop what listens there, or give the environment another port" if taken else
            "run the image by hand and read its log",
        ) from None  # fmt: skip
    container.reload()


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
    try:
        with engine_obeys(f"{name} is made"):
            remove_container(client, name)
            container = create_container(
                client,
                image,
                name,
                container_port=container_port,
                host_port=None,
                environment=environment,
                labels={},
            )
        start_container(container)
        try:
            yield container, f"http://127.0.0.1:{published_port(container, container_port)}"
        except DeployError as error:
            log = container.logs(tail=12).decode(errors="replace").strip() or "nothing"
            raise DeployError(
                f"{error.what}; its log ends:\n{log}", where=error.where, remedy=error.remedy
            ) from None
    finally:
        remove_container(client, name)  # also one that Ctrl-C kept from being known


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
    """Memory in use without the page cache, in 10^6 bytes, as `docker stats` counts it.

    Raises ImageError where the engine does not tell, such as of a container that has ended.
    """
    stats = cast("dict[str, Any]", container.stats(stream=False, one_shot=True))
    usage = stats.get("memory_stats", {})
    if "usage" not in usage:
        raise ImageError(
            "the engine does not tell what memory the container uses",
            where=container.name,
            remedy="see that it still runs, and that `docker stats` shows its memory",
        )
    cache = usage.get("stats", {})
    reclaimable = cache.get("inactive_file", cache.get("total_inactive_file", 0))
    return round(float(usage["usage"] - reclaimable) / 1e6, 1)


@contextmanager
def watched_memory(container: Container) -> Iterator[list[float]]:
    """Memory in use from moment to moment, in 10^6 bytes, until the block ends.

    As often as the engine tells it, which may be once a second.
    """
    seen = [memory_megabytes(container)]
    over = Event()

    def watch() -> None:
        with suppress(ImageError):  # it has ended: who waits for its answers will tell
            while not over.wait(WATCH_SECONDS):
                seen.append(memory_megabytes(container))

    watcher = Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()
