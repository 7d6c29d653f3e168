"""How quickly a service answers: asked alone, and under a load that is stated."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

import httpx

from tidegate.config import Load
from tidegate.errors import DeployError
from tidegate.release.serving import Check, Example, RunningService
from tidegate.verdict import Verdict

LATENCY_REQUESTS = 200
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Measured:
    """What was seen under a load. latency: percentiles in ms; unanswered: why, one a request.

    seconds: from the first request to the last answer.
    """

    load: Load
    seconds: float
    latency: Mapping[str, float]
    unanswered: tuple[str, ...]

    @property
    def throughput_rps(self) -> float:
        """Requests a second that were answered."""
        return round((self.load.requests - len(self.unanswered)) / self.seconds, 1)

    def check(self) -> Check:
        """Every request has to be answered: figures of the others alone would flatter."""
        load = f"{self.load.requests} requests, {self.load.concurrency} at a time"
        if not self.unanswered:
            return Check("load", Verdict.PASS, f"{load}: all answered in {self.seconds:.1f} s")
        return Check(
            "load",
            Verdict.FAIL,
            f"{load}: {len(self.unanswered)} not answered, the first: {self.unanswered[0]}. "
            "Look in its log; more workers or memory may help, or serving.load asks too much",
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            **self.load.model_dump(),
            "seconds": round(self.seconds, 3),
            "throughput_rps": self.throughput_rps,
            **self.latency,
        }


def latency(service: RunningService, examples: Sequence[Example]) -> dict[str, float]:
    """Percentiles in ms over single-row requests, one after another.

    Raises DeployError when one is not answered.
    """
    taken = []
    for example in islice(cycle(examples), LATENCY_REQUESTS):
        milliseconds, unanswered = _ask(service, [dict(example.request)])
        if unanswered is not None:
            raise DeployError(
                f"a request was not answered while its latency was measured: {unanswered}",
                where=service.predict_url,
                remedy="read the service's log",
            )
        taken.append(milliseconds)
    return _percentiles(taken)


def under_load(service: RunningService, examples: Sequence[Example], load: Load) -> Measured:
    """Send all of the load's requests, so many at a time, each as soon as another is answered.

    The client is one process beside the service: what it needs of the machine is in the figures.
    """
    rows = cycle(dict(example.request) for example in examples)
    requests = [list(islice(rows, load.rows)) for _ in range(load.requests)]
    started = time.perf_counter()
    with ThreadPoolExecutor(load.concurrency) as clients:
        answers = list(clients.map(lambda sent: _ask(service, sent), requests))
    seconds = time.perf_counter() - started
    unanswered = tuple(reason for _, reason in answers if reason is not None)
    return Measured(load, seconds, _percentiles([taken for taken, _ in answers]), unanswered)


def _ask(service: RunningService, rows: Rows) -> tuple[float, str | None]:
    """(milliseconds, why there was no answer) of one request."""
    started = time.perf_counter()
    try:
        service.predict(rows).raise_for_status()
        unanswered = None
    except httpx.HTTPError as error:
        unanswered = str(error) or type(error).__name__
    return (time.perf_counter() - started) * 1000, unanswered


def _percentiles(taken: Sequence[float]) -> dict[str, float]:
    percentiles = statistics.quantiles(taken, n=100, method="inclusive")
    return {f"p{rank}_ms": round(percentiles[rank - 1], 3) for rank in (50, 95, 99)}
