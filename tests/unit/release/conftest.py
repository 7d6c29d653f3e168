"""Shops with three releases. Making a database takes seconds, so one is made and copied."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from shop import Shop, command_config, copy_database


@pytest.fixture(scope="session")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Versions 1 to 3, all released; 1 was judged alone, 2 and 3 against it."""
    shop = Shop.make(tmp_path_factory.mktemp("stocked"), command_config())
    shop.clock.at -= timedelta(days=1)
    for number, baseline in ((1, None), (2, "1"), (3, "1")):
        shop.candidate(number, baseline)
        shop.register()
    return shop.folder


@pytest.fixture
def shop(stocked: Path, tmp_path: Path) -> Iterator[Shop]:
    copy_database(stocked, tmp_path)
    made = Shop.make(tmp_path, command_config())
    yield made
    made.close()
