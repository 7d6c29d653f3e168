"""A promotion where the config asks for GitHub's attestation of image and gate record."""

from __future__ import annotations

import json
import os

import pytest

from shop import Shop
from tidegate.release.ledger import Ledger
from tidegate.release.registration import create_release
from tidegate.release.release import ImageReference
from tidegate.release.steps import MoveReport

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's own

WORKFLOW = "tidegate/tidegate/.github/workflows/ml-release.yml"
DIGEST = "sha256:" + "ab" * 32
PUSHED = ImageReference(f"ghcr.io/acme/shop@{DIGEST}", DIGEST)


@pytest.fixture
def asking(shop: Shop) -> Shop:
    """A shop that asks for an attestation, in a world where gh knows of none."""
    path = shop.folder / "tidegate.yaml"
    image = f"{{repository: ghcr.io/acme/shop, push: true, attested-by: {WORKFLOW}}}"
    path.write_text(f"{path.read_text()}image: {image}\n")
    (shop.folder / "bin").mkdir()
    shop.environ |= {
        "PATH": f"{shop.folder}/bin:{os.environ['PATH']}",
        "GITHUB_REPOSITORY": "acme/shop",
    }
    attested_with(shop, None)
    return shop


def attested_with(shop: Shop, record_digest: str | None) -> None:
    """What gh says from now on."""
    statement = {"predicate": {"digest": record_digest}}
    said = json.dumps([{"verificationResult": {"statement": statement}}])
    gh = shop.folder / "bin" / "gh"
    lines = [f"echo '{said}'"] if record_digest else ["echo Error: HTTP 404 >&2", "exit 1"]
    gh.write_text("\n".join(["#!/bin/sh", *lines]) + "\n")
    gh.chmod(0o755)


def promote(shop: Shop, image: ImageReference | None) -> MoveReport:
    version = shop.registry.version("1")
    release = create_release(shop.config, version, image, shop.registry, shop.context)
    return shop.mover("staging").promote(release.id)


def record_digest(shop: Shop) -> str:
    return Ledger(shop.registry).release(shop.release(1)).record_digest


def test_promote__an_attested_image_goes_through_and_says_so(asking: Shop) -> None:
    attested_with(asking, record_digest(asking))
    report = promote(asking, PUSHED)
    assert not report.blocked, report.to_dict()
    assert f"attested by {WORKFLOW}" in report.steps[0].detail
    assert asking.serves("staging") == "1"


@pytest.mark.parametrize(
    ("image", "record", "said"),
    [
        (PUSHED, None, "no valid attestation of the image: Error: HTTP 404"),
        (PUSHED, "sha256:" + "0" * 64, "with another gate record"),
        (ImageReference("sha256:" + "cd" * 32, None), None, "has no pushed image"),
        (None, None, "has no pushed image"),
    ],
)
def test_promote__an_image_without_its_attestation_is_refused(
    asking: Shop, image: ImageReference | None, record: str | None, said: str
) -> None:
    attested_with(asking, record)
    report = promote(asking, image)
    assert report.blocked
    assert [step.name for step in report.steps] == ["preflight"]
    assert said in report.steps[0].detail
    assert (asking.serves("staging"), asking.moves("staging")) == (None, [])


def test_promote__where_the_config_asks_for_none_gh_is_not_run(shop: Shop) -> None:
    shop.environ["PATH"] = f"{shop.folder}/bin:{os.environ['PATH']}"
    (shop.folder / "bin").mkdir()
    (shop.folder / "bin" / "gh").write_text("#!/bin/sh\ntouch asked\nexit 1\n")
    (shop.folder / "bin" / "gh").chmod(0o755)
    assert not promote(shop, PUSHED).blocked
    assert not (shop.folder / "asked").exists()
