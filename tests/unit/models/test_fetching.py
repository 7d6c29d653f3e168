"""What is fetched from the registry is what was registered, or nothing is loaded of it."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from shop import Shop, command_config
from tidegate.errors import DataError
from tidegate.models.fetching import DIGEST_TAG, fetch_model
from tidegate.registry import ModelVersion

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's own


class Attack:
    def __reduce__(self) -> object:
        return os.system, ("touch /tmp/owned",)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop.make(tmp_path, command_config())
    yield shop
    shop.close()


@pytest.fixture
def version(shop: Shop) -> ModelVersion:
    shop.candidate(1)
    shop.register()
    return shop.registry.version("1")


def stored(version: ModelVersion) -> Path:
    """The model's folder in MLflow's own store."""
    return Path(version.source.removeprefix("file://"))


def fetch(shop: Shop, version: ModelVersion) -> Path:
    target = shop.folder / "fetched"
    fetch_model(shop.registry, version, target, shop.config.registry.trusted_pickles)
    return target


def test_fetch__replaces_what_is_not_the_registered_model(shop, version):
    target = shop.folder / "fetched"
    target.mkdir()
    (target / "MLmodel").write_text("tampered")
    fetch(shop, version)
    assert (target / "MLmodel").read_text() == (stored(version) / "MLmodel").read_text()


def test_fetch__model_changed_after_registration__is_refused_and_leaves_nothing(shop, version):
    (stored(version) / "MLmodel").write_text("flavors: {}\nversion: 2\n")
    with pytest.raises(DataError, match="is not the one that its gate report was written for"):
        fetch(shop, version)
    assert not (shop.folder / "fetched").exists()


def test_fetch__file_added_after_registration__is_refused(shop, version):
    (stored(version) / "sitecustomize.txt").write_text("x")
    with pytest.raises(DataError, match="is not the one"):
        fetch(shop, version)


@pytest.mark.parametrize("tag", [DIGEST_TAG, "tidegate.record-digest"])
def test_fetch__tag_changed_after_registration__is_refused(shop, version, tag):
    shop.registry.client.set_model_version_tag(version.name, "1", tag, "sha256:another")
    with pytest.raises(DataError, match=r"is not the one|was changed after it was written"):
        fetch(shop, shop.registry.version("1"))


def test_register__digest_and_scan__stand_with_the_version(shop, version):
    assert version.tags[DIGEST_TAG].startswith("sha256:")
    assert version.tags["tidegate.model-scan"] == "0 pickles, 0 imports, none refused"


def test_register__dangerous_pickle__is_not_registered(shop):
    model = shop.folder / "models/model"
    model.mkdir(parents=True)
    (model / "weights.bin").write_bytes(pickle.dumps(Attack()))
    shop.candidate(1)
    with pytest.raises(DataError, match=r"weights\.bin imports posix\.system, which can run") as e:
        shop.register()
    assert "registry.trusted-pickles" in (e.value.remedy or "")
    assert shop.registry.find("1") is None


def test_fetch__dangerous_pickle_that_was_registered_long_ago__is_refused(shop):
    model = shop.folder / "models/model"
    model.mkdir(parents=True)
    (model / "weights.bin").write_bytes(pickle.dumps(Attack()))
    shop.candidate(1)
    config = shop.folder / "tidegate.yaml"
    asked = config.read_text()
    config.write_text(asked + "\nregistry: {trusted-pickles: [posix.system]}\n")
    shop.register()
    fetch(shop, shop.registry.version("1"))
    config.write_text(asked)
    with pytest.raises(DataError, match="the model is not loaded"):
        fetch(shop, shop.registry.version("1"))
    assert not Path("/tmp/owned").exists()  # noqa: S108
