"""A running service, held to what it must answer."""

from __future__ import annotations

import json
import math
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import httpx

from tidegate.config import Serving
from tidegate.errors import DeployError
from tidegate.verdict import Verdict

POLL_SECONDS = 0.1
TIMEOUT_SECONDS = 10.0
LATENCY_REQUESTS = 200


@dataclass(frozen=True)
class Check:
    """One thing that a running service was held to."""

    name: str
    verdict: Verdict
    detail: str

    def to_dict(self) -> dict[str, str]:
        return {"name": self.name, "verdict": str(self.verdict), "detail": self.detail}


@dataclass(frozen=True)
class Example:
    """A row of the evaluation set as a request, and the offline prediction for it."""

    request: Mapping[str, Any]
    expected: float


def read_examples(path: Path) -> list[Example]:
    """Raises DeployError when the file is no JSON lines of {request, expected}, or has none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines if line.strip()]
        examples = [Example(dict(row["request"]), _finite(row["expected"])) for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DeployError(
            f"the examples cannot be read: {type(error).__name__}: {error}",
            where=str(path),
            remedy='write JSON lines of {"request": {...}, "expected": 0.5} in the pipeline',
        ) from None
    if not examples:
        raise DeployError(
            "there is no example to hold the service to",
            where=str(path),
            remedy="write some rows of the evaluation set in the pipeline",
        )
    return examples


def _finite(value: Any) -> float:
    if not math.isfinite(number := float(value)):
        raise ValueError(f"{number} is no prediction")
    return number


class RunningService:
    """A service at an address, spoken to by its serving protocol."""

    def __init__(self, url: str, serving: Serving, http: httpx.Client):
        self.url, self._serving, self._http = url.rstrip("/"), serving, http

    def wait_until_ready(self) -> float:
        """Seconds until it could serve. Raises DeployError when it never could."""
        started = time.monotonic()
        last = "nothing listens there"
        while (waited := time.monotonic() - started) < self._serving.startup_seconds:
            try:
                response = self._http.get(self.url + self._serving.ready)
                if response.status_code == httpx.codes.OK:
                    return waited
                last = f"it answers {response.status_code}"
            except httpx.HTTPError as error:
                last = str(error) or type(error).__name__
            time.sleep(POLL_SECONDS)
        raise DeployError(
            f"the service was not ready after {self._serving.startup_seconds:g} s: {last}",
            where=self.url + self._serving.ready,
            remedy="read its log; serving.startup-seconds is how long it may take",
        )

    def release(self) -> str | None:
        """Id of the release that it says it is; None when it does not say, or does not answer."""
        try:
            answer = self._http.get(self.url + self._serving.ready).json()
            return str(answer["release"]) if answer.get("release") else None
        except (httpx.HTTPError, ValueError, KeyError, AttributeError):
            return None

    def check_identity(self, release_id: str) -> Check:
        """Another release answering here must not pass for this one."""
        said = self.release()
        if said is None:
            return Check("identity", Verdict.PASS, "the service does not say which release it is")
        verdict = Verdict.PASS if said == release_id else Verdict.FAIL
        return Check("identity", verdict, f"it says it is {said}, wanted {release_id}")

    def check_predictions(self, examples: Sequence[Example]) -> Check:
        """Train/serve skew: the service must repeat the offline predictions."""
        rows = [dict(example.request) for example in examples]
        try:
            answer = self._predict(rows)
            answer.raise_for_status()
            predictions = [float(value) for value in answer.json()["predictions"]]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            return Check("predictions", Verdict.FAIL, f"no predictions: {error}")
        if len(predictions) != len(rows):
            return Check(
                "predictions", Verdict.FAIL, f"{len(predictions)} answers to {len(rows)} rows"
            )
        differences = [
            abs(given - example.expected)
            for given, example in zip(predictions, examples, strict=True)
        ]
        # Row by row, so that NaN, which compares false with everything, fails.
        equal = all(difference <= self._serving.tolerance for difference in differences)
        difference = max(differences)
        verdict = Verdict.PASS if equal else Verdict.FAIL
        return Check(
            "predictions",
            verdict,
            f"{len(rows)} rows, greatest difference from the offline table {difference:.3g}, "
            f"tolerated {self._serving.tolerance:g}",
        )

    def check_manners(self, example: Example) -> Iterator[Check]:
        """Bad requests get a 4xx with a reason, and the service lives on."""
        wrong = {name: {"not": "a value"} for name in example.request}
        bad: dict[str, Any] = {
            "not JSON": b"{",
            "wrong shape": b'{"rows": 3}',
            "wrong types": json.dumps({"dataframe_records": [wrong]}).encode(),
            "missing columns": b'{"dataframe_records": [{}]}',
            "oversized": b'{"dataframe_records": [' + b" " * 20_000_000 + b"]}",
        }
        for name, body in bad.items():
            try:
                response = self._http.post(
                    self.url + self._serving.predict,
                    content=body,
                    headers={"Content-Type": "application/json"},
                )
                said = f"{response.status_code}: {response.text[:120]}"
                polite = 400 <= response.status_code < 500 and bool(response.text)
            except httpx.HTTPError as error:
                # Closing the connection on an oversized body is an answer, too.
                said, polite = f"{type(error).__name__}", name == "oversized"
            yield Check(f"bad request: {name}", Verdict.PASS if polite else Verdict.FAIL, said)
        try:
            status = self._predict([dict(example.request)]).status_code
            verdict = Verdict.PASS if status == httpx.codes.OK else Verdict.FAIL
            yield Check("alive after bad requests", verdict, f"it answers {status}")
        except httpx.HTTPError as error:
            yield Check("alive after bad requests", Verdict.FAIL, type(error).__name__)

    def latency(self, examples: Sequence[Example]) -> dict[str, float]:
        """Percentiles in ms over single-row requests, one after another.

        Raises DeployError when one is not answered.
        """
        taken = []
        for example in islice(cycle(examples), LATENCY_REQUESTS):
            started = time.perf_counter()
            try:
                self._predict([dict(example.request)]).raise_for_status()
            except httpx.HTTPError as error:
                raise DeployError(
                    f"a request was not answered while its latency was measured: {error}",
                    where=self.url + self._serving.predict,
                ) from None
            taken.append((time.perf_counter() - started) * 1000)
        percentiles = statistics.quantiles(taken, n=100, method="inclusive")
        return {f"p{rank}_ms": round(percentiles[rank - 1], 3) for rank in (50, 95, 99)}

    def _predict(self, rows: list[dict[str, Any]]) -> httpx.Response:
        return self._http.post(self.url + self._serving.predict, json={"dataframe_records": rows})


@contextmanager
def connect(url: str, serving: Serving) -> Iterator[RunningService]:
    with httpx.Client(timeout=TIMEOUT_SECONDS) as http:
        yield RunningService(url, serving, http)
