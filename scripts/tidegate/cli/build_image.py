"""Build the service's image with a registered model inside, and make a release of the two.

Labels carry model version, commit, data digest and gate record digest. With image.push the image
is pushed once, and addressed by its digest from then on. A buildx builder beside the engine, such
as docker/setup-buildx-action makes, adds SBOM and provenance; without one, `docker build` builds.

examples:
  tidegate build-image
  tidegate build-image --model-version 7 --build-arg PYTHON_IMAGE=python:3.13-slim
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.cli import lines
from tidegate.config import Config
from tidegate.context import Context
from tidegate.errors import RegistryError
from tidegate.registry import Registry
from tidegate.release.building import BuiltImage, build_image
from tidegate.release.registration import create_release, logged_record
from tidegate.release.release import Release
from tidegate.verdict import Verdict


@dataclass(frozen=True)
class BuildReport:
    """The image, and the release it completes. record: the gate's, for who signs the two."""

    image: BuiltImage
    release: Release
    record: Mapping[str, Any]
    verdict: Verdict = Verdict.PASS
    blocked: bool = False

    def to_dict(self) -> dict[str, Any]:
        return {
            "service": self.release.service,
            "image": self.image.to_dict(),
            "release": self.release.to_dict(),
            "record": dict(self.record),
        }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model-version", metavar="N", help="registered version (default: the challenger)"
    )
    parser.add_argument(
        "--build-arg",
        type=lines,
        action="extend",
        default=[],
        metavar="NAME=VALUE",
        help="build argument of the Dockerfile; may be repeated",
    )
    parser.add_argument("--build-network", metavar="NAME", help="network of the build, like host")
    parser.add_argument("--no-cache", action="store_true", help="build every layer anew")


def run(arguments: argparse.Namespace, config: Config, context: Context) -> BuildReport:
    config.need_image()
    registry = Registry.open(config, context)
    if arguments.model_version:
        version = registry.version(arguments.model_version)
    elif (challenger := registry.challenger()) is not None:
        version = challenger
    else:
        raise RegistryError(
            f"{config.model} has no challenger",
            where=registry.shown_uri,
            remedy="run `tidegate register-model` first, or pass --model-version",
        )
    if "tidegate.record-digest" not in version.tags:
        raise RegistryError(
            f"version {version.version} of {version.name} has no gate record",
            where=registry.shown_uri,
            remedy="only a version that `tidegate register-model` made can be released",
        )
    record = logged_record(version, registry)
    image = build_image(
        config,
        version,
        registry,
        arguments.build_arg,
        arguments.build_network,
        context.environ,
        no_cache=arguments.no_cache,
    )
    release = create_release(config, version, image.reference, registry, context)
    return BuildReport(image, release, record)
