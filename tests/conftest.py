"""How many cases property tests try: `HYPOTHESIS_PROFILE=nightly` asks for many more.

With CI set they are the same cases every time: a change is not blocked by another one's luck.
Models are trained by one thread: those of several workers would wait for one another.
No test can ask the stand-in for GitHub, or be answered, what GitHub's own description lacks.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from local_github.description import description
from local_github.server import Server

settings.register_profile(
    "test", max_examples=100, deadline=None, derandomize=bool(os.environ.get("CI"))
)
settings.register_profile(
    "nightly", max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "test"))

os.environ.setdefault("OMP_NUM_THREADS", "1")
Server.held_to = description()

# What takes longest begins first, so that at the end no worker has it alone.
LONGEST = ("runner", "template", "containers", "unit/release", "unit/registry", "docs")
TESTS = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        path = item.path.relative_to(TESTS).as_posix()
        folders = (at for at, folder in enumerate(LONGEST) if path.startswith(f"{folder}/"))
        return next(folders, len(LONGEST))

    items.sort(key=place)
