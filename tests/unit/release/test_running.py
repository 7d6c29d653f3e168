"""Where a version runs, as the gate tells it of its baseline."""

from __future__ import annotations

from pathlib import Path

import pytest

from shop import Shop
from tidegate.errors import RegistryError
from tidegate.registry import Registry
from tidegate.release.ledger import Ledger
from tidegate.release.running import Running, running

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's own


def where(shop: Shop, version: str) -> Running | None:
    return running(shop.config, shop.registry, shop.registry.version(version))


def test_running__on_production__names_the_release_and_since_when(shop: Shop) -> None:
    shop.ship(1)
    shop.promote(2, "staging")
    (moved,) = shop.moves("production")

    assert where(shop, "1") == Running(shop.release(1), "production", moved.at)
    two = where(shop, "2")
    assert two is not None
    assert (two.release, two.environment) == (shop.release(2), "staging")


def test_running__released_and_nowhere__names_the_release_alone(shop: Shop) -> None:
    assert where(shop, "3") == Running(shop.release(3), None, None)


def test_running__no_ledger_yet__is_none_and_makes_none(tmp_path: Path, shop: Shop) -> None:
    other = Registry(f"sqlite:///{tmp_path}/other.db", "shop")

    assert Ledger.if_there(other) is None
    assert running(shop.config, other, shop.registry.version("1")) is None
    assert other.client.get_experiment_by_name("tidegate/shop") is None


def test_running__ledger_out_of_reach__fails_no_gate(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = shop.registry.version("1")

    def gone(_: Registry) -> Ledger | None:
        raise RegistryError("the registry does not answer")

    monkeypatch.setattr(Ledger, "if_there", gone)
    assert running(shop.config, shop.registry, version) is None
