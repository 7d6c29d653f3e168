"""A real engine, or a reason to skip; and a shop with two versions that are built already."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from docker_shop import BASE_IMAGE, REPOSITORY, build, dockerized
from shop import Shop, copy_database, docker_config
from tidegate.errors import ImageError
from tidegate.release import image as images

if TYPE_CHECKING:
    from docker import DockerClient


@pytest.fixture(scope="module")
def engine() -> Iterator[DockerClient]:
    client, reason = None, ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # docker leaves its socket when it fails
        try:
            client = images.connect()
        except ImageError as error:
            reason = error.what
        gc.collect()
    if client is None:
        pytest.skip(reason)
    if not client.images.list(BASE_IMAGE):
        pytest.skip(f"the engine has no {BASE_IMAGE}: make docker-engine")
    yield client
    client.close()


@pytest.fixture(scope="module")
def stocked(engine: DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Versions 1 and 2, built and released; 2 was judged against 1."""
    folder = tmp_path_factory.mktemp("stocked")
    shop = dockerized(Shop.make(folder, docker_config("shop-stocked", REPOSITORY)))
    shop.clock.at -= timedelta(days=1)
    for number, baseline in ((1, None), (2, "1")):
        shop.candidate(number, baseline)
        shop.register()
        build(shop, number)
    yield folder
    for tag in [tag for image in engine.images.list(REPOSITORY) for tag in image.tags]:
        if tag.startswith(REPOSITORY):
            engine.images.remove(tag)


@pytest.fixture
def shop(engine: DockerClient, stocked: Path, tmp_path: Path) -> Iterator[Shop]:
    copy_database(stocked, tmp_path)
    service = f"shop-{uuid4().hex[:8]}"
    yield dockerized(Shop.make(tmp_path, docker_config(service, REPOSITORY)))
    for container in engine.containers.list(all=True, filters={"name": service}):
        container.remove(force=True)
