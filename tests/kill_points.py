"""Moves of releases that are killed: SIGKILL right after one of the effects they have on the world.

An effect is a call that changes something: in MLflow, on the Docker engine, by the deploy command.
Between two effects nothing changes, so that these points stand for every moment.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import docker.api.client
import mlflow

from shop import Clock, Shop
from tidegate.release import status
from tidegate.release.deployers import command
from tidegate.release.ledger import Ledger
from tidegate.release.steps import MoveReport

# (owner, names of what has an effect). The lease's beat, in a thread of its own, is left out.
EFFECTS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (
        mlflow.MlflowClient,
        (
            "create_run",
            "set_tag",
            "log_batch",
            "set_terminated",
            "set_registered_model_alias",
            "delete_registered_model_alias",
        ),
    ),
    (docker.api.client.APIClient, ("_post", "_put", "_delete")),
    (command, ("run",)),
)
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(
    [
        "docker",
        "mlflow.store.model_registry.sqlalchemy_store",
        "mlflow.store.tracking.sqlalchemy_store",
        "tidegate.release.promotion",
        "tidegate.release.registration",
    ]
)


@dataclass(frozen=True)
class Move:
    """A promotion of a version to production, or, with None, a roll-back."""

    promoted: int | None

    def make(self, shop: Shop) -> MoveReport:
        if self.promoted is None:
            return shop.mover("production").rollback(None, "grace", "errors since 03:00")
        return shop.promote(self.promoted, "production")


def effects_of(shop: Shop, move: Move, killed_after: int | None = None) -> list[str]:
    """Make a move in a process of its own; what it did, in order.

    killed_after: the process is killed right after so many effects; None lets it live.
    """
    ours, theirs = _processes.Pipe(duplex=False)
    arguments = (shop.folder, shop.clock.at, dict(shop.environ), move, killed_after, theirs)
    process = _processes.Process(target=_make, args=arguments)
    process.start()
    theirs.close()
    seen: list[str] = []
    with suppress(EOFError):
        while True:
            seen.append(ours.recv())
    process.join()
    expected = 0 if killed_after is None else -signal.SIGKILL
    assert process.exitcode == expected, f"{move} ended with {process.exitcode} after {seen}"
    return seen


def _make(
    folder: Path,
    at: datetime,
    environ: dict[str, str],
    move: Move,
    killed_after: int | None,
    tell: Connection,
) -> None:
    shop = Shop(folder, Clock(at), environ)
    count = 0

    def kill_when_due() -> None:
        if count == killed_after:
            os.kill(os.getpid(), signal.SIGKILL)

    def watched(name: str, act: Callable[..., Any]) -> Callable[..., Any]:
        def watching(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            answer = act(*args, **kwargs)
            if threading.current_thread() is threading.main_thread():
                count += 1
                detail = next((word for word in args if isinstance(word, str) and "/" in word), "")
                tell.send(f"{name} {detail.rpartition('/')[2]}".strip())
                kill_when_due()
            return answer

        return watching

    for owner, names in EFFECTS:
        for name in names:
            setattr(owner, name, watched(name, getattr(owner, name)))
    kill_when_due()
    report = move.make(shop)
    assert not report.blocked, report.to_dict()


def at_once(shop: Shop, moves: Sequence[Move]) -> list[dict[str, Any]]:
    """Make moves at the same moment, each in a process of its own; their reports."""
    ready = _processes.Barrier(len(moves))
    waiting = []
    for move in moves:
        ours, theirs = _processes.Pipe(duplex=False)
        arguments = (shop.folder, shop.clock.at, dict(shop.environ), move, ready, theirs)
        process = _processes.Process(target=_make_with_others, args=arguments)
        process.start()
        theirs.close()
        waiting.append((process, ours))
    reports = [ours.recv() for _, ours in waiting]
    for process, _ in waiting:
        process.join()
    return reports


def _make_with_others(
    folder: Path,
    at: datetime,
    environ: dict[str, str],
    move: Move,
    ready: Barrier,
    tell: Connection,
) -> None:
    shop = Shop(folder, Clock(at), environ)
    shop.mover("production")  # what takes long for the first time
    ready.wait(60)
    tell.send(move.make(shop).to_dict())


@dataclass(frozen=True)
class Outcome:
    """What a killed move left, and what making it again made of it."""

    after: str
    served: str | None
    lost: list[str]


def kill_and_repeat(shop: Shop, move: Move, point: int, before: str, after: str) -> Outcome:
    """Kill a move at a point and make it again; what was lost on the way, nothing if all is well.

    before, after: the versions that production serves before the move and after it.
    """
    known = [event.to_dict() for event in Ledger(shop.registry).events()]
    effects = effects_of(shop, move, point)
    shop.clock.at += timedelta(minutes=1)  # whoever was killed looked at it, too
    lost = []
    left = [event.to_dict() for event in Ledger(shop.registry).events()]
    if left[: len(known)] != known or len(left) > len(known) + 1:
        lost.append("an event of the ledger")
    served, champion = shop.serves("production"), shop.champion()
    if served not in (before, after, None):
        lost.append(f"production serves {served}")
    if champion not in (before, after):
        lost.append(f"the champion is {champion}")
    written = after if len(left) > len(known) else before
    seen = status.status(shop.config, shop.context)
    if seen.blocked != ((served, champion) != (written, written)):
        lost.append(f"status is {seen.verdict}: {seen.environments[0]['drift']}")

    report = move.make(shop)
    events = [event.to_dict() for event in Ledger(shop.registry).events()]
    if report.blocked:
        lost.append(f"made again, it is refused: {report.to_dict()}")
    if len(events) != len(known) + 1 or events[-1] != (report.event and report.event.to_dict()):
        lost.append(f"{len(events) - len(known)} events instead of one")
    if (now := (shop.serves("production"), shop.champion())) != (after, after):
        lost.append(f"made again, served and champion are {now}")
    again = status.status(shop.config, shop.context)
    if again.blocked or again.environments[0]["moving"]:
        lost.append(f"made again, status is {again.environments[0]}")
    return Outcome(effects[-1] if effects else "the start", served, lost)
