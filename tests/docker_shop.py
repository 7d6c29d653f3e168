"""Shops on a real Docker engine: their images are built, their containers looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from shop import DOCKERFILE, Shop
from tidegate.cli.build_image import BuildReport
from tidegate.release.building import build_image
from tidegate.release.registration import create_release, logged_record

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

BASE_IMAGE = "tidegate.local/python:3"
REGISTRY = "127.0.0.1:5000"
REPOSITORY = f"tidegate-test/{uuid4().hex[:8]}"


def dockerized(shop: Shop) -> Shop:
    (shop.folder / "Dockerfile").write_text(DOCKERFILE)
    return shop


def build(shop: Shop, number: int, fault: str = "") -> BuildReport:
    """As `tidegate build-image --model-version NUMBER`, with a fault baked in."""
    config, registry = shop.config, shop.registry
    version = registry.version(str(number))
    arguments = [f"FAULT={fault}"] if fault else []
    record = logged_record(version, registry)
    image = build_image(config, version, registry, arguments, None, shop.environ)
    release = create_release(config, version, image.reference, registry, shop.context)
    return BuildReport(image, release, record)


def container(engine: DockerClient, shop: Shop, name: str) -> Container:
    return engine.containers.get(f"{shop.config.service}-{name}")


def names(engine: DockerClient, shop: Shop) -> set[str]:
    service = shop.config.service
    found = engine.containers.list(all=True, filters={"name": service})
    return {str(item.name).removeprefix(service + "-") for item in found}
