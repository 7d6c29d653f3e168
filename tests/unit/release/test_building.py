"""How an image is built: which builder is there, what it is told, and what its answer means.

Images that the engine's own builder makes are tested in tests/containers; a builder beside the
engine comes as an image of Docker's, which cannot be had everywhere.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from shop import Shop
from tidegate.config import Image
from tidegate.errors import ImageError, RegistryError
from tidegate.registry import GATE_REPORT_ARTIFACT
from tidegate.release import building
from tidegate.release.building import _command, _commit_time, find_builder, labels_of
from tidegate.release.registration import logged_record

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's own

NAME = "ghcr.io/acme/fraud:3-0a1b2c3"
DIGEST = "sha256:" + "ab" * 32


def image(**fields: Any) -> Image:
    return Image.model_validate({"repository": "ghcr.io/acme/fraud", **fields})


def docker(folder: Path, script: str) -> dict[str, str]:
    """An environment in which `docker` is this script."""
    path = folder / "bin" / "docker"
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return {"PATH": f"{path.parent}:{os.environ['PATH']}"}


INSPECT = "Name:          builder\nDriver:        {}\nLast Activity: 2026-11-20\n\nNodes:\nName: x"


@pytest.mark.parametrize(
    ("script", "builder"),
    [
        (f"printf '{INSPECT.format('docker-container')}'", "buildx"),
        (f"printf '{INSPECT.format('kubernetes')}'", "buildx"),
        (f"printf '{INSPECT.format('docker')}'", "buildkit"),
        ("echo \"docker: 'buildx' is not a docker command.\" >&2; exit 1", "classic"),
        ("echo Usage: docker", "classic"),
    ],
)
def test_find_builder__goes_by_the_driver_that_buildx_names(
    tmp_path: Path, script: str, builder: str
) -> None:
    assert find_builder(docker(tmp_path, script)) == builder


def test_find_builder__without_docker_is_none_beside_the_engine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_builder({"PATH": str(tmp_path)}) == "classic"


def words(builder: str, *, dated: bool = True, **fields: Any) -> str:
    return shlex.join(_command(builder, image(**fields), NAME, Path("note"), dated=dated))


def test_command__plain_docker_pushes_nothing_by_itself() -> None:
    common = f"docker build --tag {NAME} --iidfile note"
    assert words("classic", push=True) == f"{common} --force-rm"
    assert words("buildkit", push=True) == common


def test_command__buildx_pushes_once_with_what_is_known_of_the_image() -> None:
    assert words("buildx", push=True) == (
        "docker buildx build "
        f"--output type=image,name={NAME},push=true,rewrite-timestamp=true "
        "--sbom=true --provenance=mode=max --metadata-file note"
    )
    assert "rewrite-timestamp" not in words("buildx", push=True, dated=False)
    assert words("buildx") == f"docker buildx build --tag {NAME} --iidfile note --load"


def test_command__buildx_keeps_its_layers_where_the_config_says() -> None:
    kept = "type=registry,ref=ghcr.io/acme/fraud:cache"
    said = words("buildx", push=True, cache="ghcr.io/acme/fraud:cache")
    assert f"--cache-from {kept} --cache-to {kept},mode=max,ignore-error=true" in said
    assert "cache" not in words("classic", cache="ghcr.io/acme/fraud:cache")


def test_pushed_digest__is_the_indexs_and_nothing_else_will_do() -> None:
    metadata = {
        "buildx.build.ref": "builder/builder0/x",
        "containerimage.config.digest": "sha256:" + "cd" * 32,
        "containerimage.descriptor": {
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "digest": DIGEST,
            "size": 856,
        },
        "containerimage.digest": DIGEST,
        "image.name": NAME,
    }
    assert building._pushed_digest(json.dumps(metadata)) == DIGEST
    for spoilt in ("", "[]", "{}", '{"containerimage.digest": "latest"}'):
        with pytest.raises(ImageError, match="under which digest"):
            building._pushed_digest(spoilt)


def test_labels__carry_what_the_image_was_made_from_and_judged_by(shop: Shop) -> None:
    version = shop.registry.version("2")
    record = logged_record(version, shop.registry)
    assert labels_of(shop.config, version) == {
        "org.opencontainers.image.title": "shop",
        "org.opencontainers.image.revision": f"{2:040x}",
        "io.tidegate.model": "shop",
        "io.tidegate.model-version": "2",
        "io.tidegate.data-digest": record["data_digest"],
        "io.tidegate.record-digest": record["digest"],
    }


def test_logged_record__an_edited_one_is_an_error(shop: Shop, tmp_path: Path) -> None:
    version = shop.registry.version("2")
    path = tmp_path / Path(GATE_REPORT_ARTIFACT).name
    report = json.loads(shop.candidate(2).read_text())
    report["record"]["verdict"] = "pass, really"
    path.write_text(json.dumps(report))
    run = shop.registry.client.create_run(shop.registry.experiment("edited"))
    shop.registry.client.log_artifact(run.info.run_id, str(path), "tidegate")
    edited = building.ModelVersion(**{**vars(version), "run_id": run.info.run_id})
    with pytest.raises(RegistryError, match="not the one it was registered with"):
        logged_record(edited, shop.registry)


def committed(folder: Path) -> str:
    """A repository with one commit, of a known time; the commit."""
    when = {"GIT_AUTHOR_DATE": "1700000000 +0000", "GIT_COMMITTER_DATE": "1700000123 +0000"}
    environ = {**os.environ, **when}
    for command in (
        "git init --quiet",
        "git -c user.name=a -c user.email=a@example.com commit --quiet --allow-empty -m first",
        "git rev-parse HEAD",
    ):
        done = subprocess.run(
            command.split(), cwd=folder, env=environ, capture_output=True, text=True, check=True
        )
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("commit", "environ", "seconds"),
    [
        (None, {}, "1700000123"),
        ("", {}, "1700000123"),
        (None, {"SOURCE_DATE_EPOCH": "1600000000"}, "1600000000"),
        ("f" * 40, {}, None),
    ],
)
def test_commit_time__is_the_commits_unless_another_is_given(
    tmp_path: Path, commit: str | None, environ: Mapping[str, str], seconds: str | None
) -> None:
    made = committed(tmp_path)
    assert _commit_time(tmp_path, made if commit is None else commit, environ) == seconds


def test_commit_time__outside_a_repository_is_unknown(tmp_path: Path) -> None:
    assert _commit_time(tmp_path, "", {}) is None
