"""A client of the stand-in for GitHub, and a clock that only moves when somebody sleeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from local_github.api import LocalGitHub
from tidegate.github.api import GitHub

REPOSITORY = "acme/flights"


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 5, 1, 12, 0, tzinfo=UTC).timestamp()
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def github(clock: Clock) -> Iterator[LocalGitHub]:
    with LocalGitHub(clock=clock.now) as local:
        local.add_pull_request(REPOSITORY, 7, head_sha="ab" * 20, author="mona")
        yield local


@pytest.fixture
def client(github: LocalGitHub, clock: Clock) -> Iterator[Callable[..., GitHub]]:
    opened = []

    def connect(repository: str = REPOSITORY, token: str = github.token) -> GitHub:
        opened.append(
            GitHub(repository, token, api_url=github.url, sleep=clock.sleep, now=clock.now)
        )
        return opened[-1]

    yield connect
    for one in opened:
        one.close()
