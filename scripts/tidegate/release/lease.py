"""One at a time: whoever moves an environment holds a lease on it, kept in the ledger.

A lease is an MLflow run that has not ended. MLflow has no lock, so everybody writes a claim first
and then looks for others: of two that come together, at least one sees the other. A claim beats
while its process lives. One that does not was left by a process that was killed, and is cleared
away: at once where this machine can see that the process is gone, else after LOST_SECONDS.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from tidegate.errors import RegistryError
from tidegate.registry import Registry

BEAT_SECONDS = 5.0
LOST_SECONDS = 20.0
POLL_SECONDS = 0.2
_ENVIRONMENT, _HOLDER, _PROCESS = "tidegate.lease", "tidegate.lease-holder", "tidegate.process"
_HOLDS, _BEAT = "tidegate.lease-held", "tidegate.lease-beat"


class Leased(Exception):
    """Somebody else is moving the environment."""


@dataclass(frozen=True)
class Claim:
    """A run that claims an environment. holder: kind, actor, at, run_url."""

    run_id: str
    started: int
    environment: str
    holder: Mapping[str, Any]
    process: str
    holds: bool
    beat: str

    @property
    def in_words(self) -> str:
        run = self.holder.get("run_url")
        return (
            f"{self.environment} is being moved: {self.holder['kind']} by {self.holder['actor']} "
            f"since {self.holder['at']}" + (f", {run}" if run else "")
        )

    @property
    def order(self) -> tuple[int, str]:
        return self.started, self.run_id


def claims(registry: Registry, experiment: str, environment: str) -> list[Claim]:
    """Who moves an environment, or waits to; also what killed processes left."""
    with registry.reachable():
        runs = registry.client.search_runs([experiment], "attributes.status = 'RUNNING'")
    return [
        Claim(
            run_id=run.info.run_id,
            started=run.info.start_time,
            environment=environment,
            holder=json.loads(run.data.tags[_HOLDER]),
            process=run.data.tags[_PROCESS],
            holds=_HOLDS in run.data.tags,
            beat=run.data.tags.get(_BEAT, ""),
        )
        for run in runs
        if run.data.tags.get(_ENVIRONMENT) == environment
    ]


class Lease:
    """The right to change one environment while a `with` block lasts.

    started: milliseconds since 1970. Raises Leased on entering, when somebody else has it.
    """

    def __init__(
        self,
        registry: Registry,
        experiment: str,
        environment: str,
        started: int,
        holder: Mapping[str, Any],
    ):
        self._registry, self._experiment = registry, experiment
        self._environment, self._started, self._holder = environment, started, holder
        self._left = threading.Event()
        self.run_id = ""

    def __enter__(self) -> Lease:
        with self._registry.reachable():
            run = self._registry.client.create_run(
                self._experiment,
                start_time=self._started,
                run_name=f"{self._holder['kind']} {self._environment}",
                tags={
                    _ENVIRONMENT: self._environment,
                    _HOLDER: json.dumps(dict(self._holder)),
                    _PROCESS: process_identity(),
                },
            )
        self.run_id = run.info.run_id
        threading.Thread(target=self._beat, name="lease", daemon=True).start()
        try:
            self._wait_for_others()
            with self._registry.reachable():
                self._registry.client.set_tag(self.run_id, _HOLDS, "yes")
        except BaseException:
            self._leave("KILLED")
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave("FINISHED" if kind is None else "FAILED")

    def is_lost(self) -> bool:
        """Whether another took it over, because this process had stood still for too long."""
        with suppress(RegistryError), self._registry.reachable():
            return str(self._registry.client.get_run(self.run_id).info.status) != "RUNNING"
        return False

    def _wait_for_others(self) -> None:
        watched: dict[str, tuple[str, float]] = {}
        mine = (self._started, self.run_id)
        while True:
            others = [
                claim
                for claim in claims(self._registry, self._experiment, self._environment)
                if claim.run_id != self.run_id
            ]
            for claim in others:
                now, alive = time.monotonic(), is_alive(claim.process)
                if claim.run_id not in watched and alive is None:
                    print(f"{claim.in_words}; seeing whether it still is", file=sys.stderr)
                beat, since = watched.setdefault(claim.run_id, (claim.beat, now))
                if alive is None and beat != claim.beat:
                    alive = True
                if alive and (claim.holds or claim.order < mine):
                    raise Leased(claim.in_words)
                if alive is False or (alive is None and now - since > LOST_SECONDS):
                    with self._registry.reachable():
                        self._registry.client.set_terminated(claim.run_id, "KILLED")
            if not others:
                return
            time.sleep(POLL_SECONDS)

    def _beat(self) -> None:
        beats = 0
        while not self._left.wait(BEAT_SECONDS):
            beats += 1
            with suppress(RegistryError), self._registry.reachable():
                self._registry.client.set_tag(self.run_id, _BEAT, str(beats))

    def _leave(self, status: str) -> None:
        """What cannot be written now is cleared away by the next one."""
        self._left.set()
        with suppress(RegistryError), self._registry.reachable():
            self._registry.client.set_terminated(self.run_id, status)


def process_identity() -> str:
    """This process among all of all machines; its third part is empty where /proc tells none."""
    return f"{_machine()} {os.getpid()} {_started(os.getpid())}"


def is_alive(process: str) -> bool | None:
    """Whether a process still runs. None for one of another machine: nobody can tell."""
    machine, pid, started = process.split(" ")
    if not started or machine != _machine():
        return None
    return _started(int(pid)) == started


def _machine() -> str:
    """One boot of one kernel, and one container on it."""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    return "unknown"


def _started(pid: int) -> str:
    """When a process was started, in ticks; empty when it has ended."""
    with suppress(OSError):
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if state in "ZX" else fields[18]
    return ""
