"""Builds a service's image, once, with the registered model inside."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tidegate.config import Config, Image
from tidegate.errors import ConfigError, ImageError
from tidegate.models.fetching import fetch_model
from tidegate.pipeline import PipelineError, run
from tidegate.processes import GIT
from tidegate.registry import ModelVersion, Registry
from tidegate.release.image import LABEL, connect, engine_obeys, ensure_present
from tidegate.release.release import ImageReference

if TYPE_CHECKING:
    from docker import DockerClient


@dataclass(frozen=True)
class BuiltImage:
    """An image that was built. size_mb: as the engine stores it, in 10^6 bytes.

    builder: what built it: `classic`, `buildkit` (the engine's own) or `buildx` (a builder beside
    the engine, which alone adds the list of what is inside and how it was built).
    """

    reference: ImageReference
    repository: str
    tag: str
    id: str
    size_mb: float
    labels: Mapping[str, str]
    builder: str

    def to_dict(self) -> dict[str, Any]:
        return {
            "repository": self.repository,
            "tag": self.tag,
            "id": self.id,
            "digest": self.reference.digest,
            "reference": self.reference.reference,
            "size_mb": self.size_mb,
            "labels": dict(self.labels),
            "builder": self.builder,
        }


def build_image(
    config: Config,
    version: ModelVersion,
    registry: Registry,
    build_args: Sequence[str],
    network: str | None,
    environ: Mapping[str, str],
    *,
    no_cache: bool = False,
) -> BuiltImage:
    """Build the service's image around a registered version, and push it where the config says so.

    build_args: NAME=value. Raises ImageError with the build's last lines.
    """
    image = config.need_image()
    for argument in build_args:
        if "=" not in argument:
            raise ConfigError(f"{argument!r} is no build argument", remedy="write NAME=value")
    client = connect()
    model = config.resolve(config.model_path)
    fetch_model(registry, version, model, config.registry.trusted_pickles)
    commit = version.tags["tidegate.commit"]
    tag = f"{version.version}-{commit[:7] or 'local'}"
    labels = labels_of(config, version)
    builder = find_builder(environ)
    made_at = None if builder == "classic" else _commit_time(config.root, commit, environ)
    arguments = [*build_args, *([f"SOURCE_DATE_EPOCH={made_at}"] if made_at else ())]
    words = [
        *("--file", str(config.resolve(image.context) / image.dockerfile)),
        *(word for name, value in labels.items() for word in ("--label", f"{name}={value}")),
        *(word for argument in arguments for word in ("--build-arg", argument)),
        *(("--network", network) if network else ()),
        *(("--no-cache",) if no_cache else ()),
    ]
    name, context = f"{image.repository}:{tag}", str(config.resolve(image.context))
    with TemporaryDirectory() as folder:
        note = Path(folder, "note")
        command = [*_command(builder, image, name, note, dated=made_at is not None), *words]
        variables = {**environ, "DOCKER_BUILDKIT": "0" if builder == "classic" else "1"}
        try:
            run([*command, context], config.root, variables)
        except PipelineError as error:
            raise ImageError(error.what, where=error.where, remedy=error.remedy) from None
        if builder == "buildx" and image.push:
            digest = _pushed_digest(note.read_text(encoding="utf-8"))
            reference = ImageReference(f"{image.repository}@{digest}", digest)
            ensure_present(client, reference)
        else:
            reference = ImageReference(note.read_text(encoding="utf-8").strip(), None)
    with engine_obeys(f"{name} is looked at"):
        built = client.images.get(reference.reference)
    if image.push and reference.digest is None:
        reference = _push(client, image.repository, tag)
    size = round(built.attrs["Size"] / 1e6, 1)
    return BuiltImage(reference, image.repository, tag, str(built.id), size, labels, builder)


def labels_of(config: Config, version: ModelVersion) -> dict[str, str]:
    """What an image says of itself. No time of the build: it would make every image another."""
    commit = version.tags["tidegate.commit"]
    return {
        "org.opencontainers.image.title": config.service,
        "org.opencontainers.image.revision": commit,
        LABEL + "model": version.name,
        LABEL + "model-version": version.version,
        LABEL + "data-digest": version.tags["tidegate.data-digest"],
        LABEL + "record-digest": version.tags["tidegate.record-digest"],
    }


def find_builder(environ: Mapping[str, str]) -> str:
    """`classic`, `buildkit` or `buildx`: see BuiltImage."""
    try:
        seen = subprocess.run(
            ["docker", "buildx", "inspect"],
            env=dict(environ),
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return "classic"
    driver = re.search(r"^Driver:\s*(\S+)", seen.stdout, re.MULTILINE)
    if seen.returncode != 0 or driver is None:
        return "classic"
    return "buildkit" if driver[1] == "docker" else "buildx"


def _command(builder: str, image: Image, name: str, note: Path, *, dated: bool) -> list[str]:
    """The build without its arguments. note: file that gets the id, or the pushed digest.

    dated: whether the time that the image shall bear is known.
    """
    if builder != "buildx":
        force = ["--force-rm"] if builder == "classic" else []
        return ["docker", "build", "--tag", name, "--iidfile", str(note), *force]
    command = ["docker", "buildx", "build"]
    if image.cache:
        kept = f"type=registry,ref={image.cache}"
        # A cache that cannot be written costs time, not the release.
        command += ["--cache-from", kept, "--cache-to", f"{kept},mode=max,ignore-error=true"]
    if not image.push:
        return [*command, "--tag", name, "--iidfile", str(note), "--load"]
    output = f"type=image,name={name},push=true" + (",rewrite-timestamp=true" if dated else "")
    inside = ["--sbom=true", "--provenance=mode=max"]
    return [*command, "--output", output, *inside, "--metadata-file", str(note)]


def _commit_time(folder: Path, commit: str, environ: Mapping[str, str]) -> str | None:
    """Seconds since 1970 at which the commit was made: the time that BuildKit gives an image."""
    if given := environ.get("SOURCE_DATE_EPOCH"):
        return given
    try:
        answer = subprocess.run(
            [*GIT, "show", "--no-patch", "--format=%ct", commit or "HEAD", "--"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return None
    return answer.stdout.strip() or None


def _pushed_digest(metadata: str) -> str:
    """Of what was pushed: an index, where the image stands beside what is known of it."""
    try:
        digest = json.loads(metadata)["containerimage.digest"]
    except (ValueError, KeyError, TypeError):
        digest = None
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", str(digest)):
        raise ImageError(
            "buildx did not say under which digest it pushed the image",
            remedy="see that buildx is 0.13 or newer: `docker buildx version`",
        )
    return str(digest)


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
