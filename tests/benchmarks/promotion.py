"""What promotions cost and survive: on processes of this machine, and on its Docker engine.

Needs an engine with the base image of `make docker-engine`.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import httpx

from benchmarks.table import Line
from docker_shop import REPOSITORY, build, dockerized
from kill_points import Move, effects_of, kill_and_repeat
from shop import Shop, command_config, docker_config
from tidegate.release import image as images
from tidegate.release.steps import MoveReport

REPEATS = 5
REQUESTS_A_SECOND = 50


def lines() -> Iterator[Line]:
    with processes() as shop:
        yield _overhead(shop, "a process on this machine")
        yield _kill_points(shop, "a process on this machine")
    with containers() as shop:
        yield _overhead(shop, "a container")
        yield _without_service(shop)
        yield _kill_points(shop, "a container")


@contextmanager
def processes() -> Iterator[Shop]:
    """Production runs version 1, put there by a command."""
    with TemporaryDirectory() as folder:
        shop = Shop.make(Path(folder), command_config())
        try:
            for number, baseline in ((1, None), (2, "1")):
                shop.candidate(number, baseline)
                shop.register()
            _begin(shop)
            yield shop
        finally:
            shop.close()


@contextmanager
def containers() -> Iterator[Shop]:
    """Production runs version 1 in a container."""
    client = images.connect()
    service = f"shop-{uuid4().hex[:8]}"
    with TemporaryDirectory() as folder:
        shop = dockerized(Shop.make(Path(folder), docker_config(service, REPOSITORY)))
        try:
            for number, baseline in ((1, None), (2, "1")):
                shop.candidate(number, baseline)
                shop.register()
                build(shop, number)
            _begin(shop)
            yield shop
        finally:
            for container in client.containers.list(all=True, filters={"name": service}):
                container.remove(force=True)
            for tag in [tag for image in client.images.list(REPOSITORY) for tag in image.tags]:
                client.images.remove(tag)
            client.close()


def _begin(shop: Shop) -> None:
    shop.clock.at += timedelta(days=1)
    shop.leave_production_alone()
    _made(shop, Move(1))


def _made(shop: Shop, move: Move) -> MoveReport:
    report = move.make(shop)
    if report.blocked:
        raise SystemExit(f"{move} is refused: {report.to_dict()}")
    return report


def _back_again(shop: Shop) -> None:
    _made(shop, Move(None))
    shop.mover("production").hold(release=True, reason=None)


def _overhead(shop: Shop, what: str) -> Line:
    """What a promotion takes beside putting the release there and looking at it."""
    own, whole = [], []
    for _ in range(REPEATS):
        started = time.perf_counter()
        report = _made(shop, Move(2))
        whole.append(time.perf_counter() - started)
        spent = sum(step.seconds for step in report.steps if step.name in ("deploy", "verify"))
        own.append(whole[-1] - spent)
        _back_again(shop)
    seconds = statistics.median(own)
    return Line(
        f"promote's own time beside deploy and verify, {what}",
        "≤ 2 s",
        f"{seconds:.2f} s of {statistics.median(whole):.2f} s, ratio {seconds / 2:.2f}",
        seconds <= 2,
    )


def _kill_points(shop: Shop, what: str) -> Line:
    points = {move: len(effects_of(shop, move)) + 1 for move in (Move(2), Move(None))}
    shop.mover("production").hold(release=True, reason=None)
    tried, lost = 0, []
    for point in range(max(points.values())):
        for move, before, after in ((Move(2), "1", "2"), (Move(None), "2", "1")):
            if point >= points[move]:
                _made(shop, move)
                continue
            outcome = kill_and_repeat(shop, move, point, before, after)
            tried += 1
            if outcome.lost:
                lost.append(f"{move} after {outcome.after}: {outcome.lost[0]}")
        shop.mover("production").hold(release=True, reason=None)
    kept = tried - len(lost)
    return Line(
        f"kill points of promote and rollback with nothing lost, {what}",
        "100 %",
        f"{kept} of {tried}, {kept / tried:.0%}" + (f": {'; '.join(lost[:3])}" if lost else ""),
        not lost,
    )


@dataclass
class Load:
    """Requests at a steady pace, none waiting for another, and when each was answered well."""

    url: str
    good: list[float] = field(default_factory=list)
    bad: int = 0

    @contextmanager
    def on(self) -> Iterator[None]:
        ended = threading.Event()
        thread = threading.Thread(target=self._send, args=(ended,))
        thread.start()
        try:
            time.sleep(1)
            yield
            time.sleep(1)
        finally:
            ended.set()
            thread.join()

    @property
    def longest_gap(self) -> float:
        """Seconds between two answers that followed one another, at most."""
        times = sorted(self.good)
        return max(later - earlier for earlier, later in pairwise(times))

    def _send(self, ended: threading.Event) -> None:
        senders = []
        started = time.monotonic()
        count = 0
        while not ended.is_set():
            sender = threading.Thread(target=self._ask)
            sender.start()
            senders.append(sender)
            count += 1
            time.sleep(max(0.0, started + count / REQUESTS_A_SECOND - time.monotonic()))
        for sender in senders:
            sender.join()

    def _ask(self) -> None:
        try:
            answer = httpx.post(
                f"{self.url}/invocations", json={"dataframe_records": [{"x": 1.0}]}, timeout=5
            )
            answer.raise_for_status()
        except httpx.HTTPError:
            self.bad += 1
        else:
            self.good.append(time.monotonic())


def _without_service(shop: Shop) -> Line:
    """The longest time that no request was answered while a promotion switched containers."""
    deploy = shop.config.environments["production"].deploy
    gaps, bad, sent, said = [], 0, 0, []
    for _ in range(REPEATS):
        load = Load(f"http://127.0.0.1:{deploy.port}")
        with load.on():
            report = _made(shop, Move(2))
        gaps.append(load.longest_gap)
        bad, sent = bad + load.bad, sent + load.bad + len(load.good)
        (step,) = (step for step in report.steps if step.name == "deploy")
        said.append(step.detail)
        _back_again(shop)
    return Line(
        f"without service in a docker promotion under {REQUESTS_A_SECOND} requests a second",
        "reported",
        f"{statistics.median(gaps):.2f} s (longest {max(gaps):.2f} s), {bad} of {sent} requests "
        f"unanswered in {REPEATS} promotions; tidegate said: {said[-1]}",
        True,
    )
