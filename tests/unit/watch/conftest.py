"""Making a released service takes seconds, so one is made and copied."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from watched import Watched


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    return Watched.make(tmp_path_factory.mktemp("released"))


@pytest.fixture
def shop(released: Watched, tmp_path: Path) -> Watched:
    """Its registry's artifacts stay where they were made: they are never written to."""
    shutil.copytree(released.folder, tmp_path / "shop")
    return Watched(tmp_path / "shop", released.at)
