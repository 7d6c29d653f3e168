"""A running service, held to what it must answer."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tidegate.config import Serving
from tidegate.errors import DeployError
from tidegate.release.predictions import Numbers, difference, finite, numbers
from tidegate.verdict import Verdict

POLL_SECONDS = 0.1
TIMEOUT_SECONDS = 10.0


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
    expected: Numbers


def read_examples(path: Path) -> list[Example]:
    """Raises DeployError when the file is no JSON lines of {request, expected}, or has none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines if line.strip()]
        examples = [Example(dict(row["request"]), finite(row["expected"])) for row in rows]
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
            answer = self.predict(rows)
            answer.raise_for_status()
            predictions = [numbers(value) for value in answer.json()["predictions"]]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            return Check("predictions", Verdict.FAIL, f"no predictions: {error}")
        if len(predictions) != len(rows):
            return Check(
                "predictions", Verdict.FAIL, f"{len(predictions)} answers to {len(rows)} rows"
            )
        try:
            differences = [
                difference(given, example.expected)
                for given, example in zip(predictions, examples, strict=True)
            ]
        except ValueError as error:
            return Check("predictions", Verdict.FAIL, f"no predictions to compare: {error}")
        # Row by row, so that NaN, which compares false with everything, fails.
        equal = all(difference <= self._serving.tolerance for difference in differences)
        greatest = max(differences)
        verdict = Verdict.PASS if equal else Verdict.FAIL
        return Check(
            "predictions",
            verdict,
            f"{len(rows)} rows, greatest difference from the offline table {greatest:.3g}, "
            f"tolerated {self._serving.tolerance:g}",
        )

    @property
    def predict_url(self) -> str:
        return self.url + self._serving.predict

    def predict(self, rows: list[dict[str, Any]]) -> httpx.Response:
        return self._http.post(self.predict_url, json={"dataframe_records": rows})

    def send(
        self, method: str, body: bytes, content_type: str, path: str | None = None
    ) -> httpx.Response:
        """A request as it is given. path: None is where predictions are asked for."""
        url = self.predict_url if path is None else self.url + path
        headers = {"Content-Type": content_type}
        return self._http.request(method, url, content=body, headers=headers)


@contextmanager
def connect(url: str, serving: Serving) -> Iterator[RunningService]:
    # As many connections as a load asks for, each kept: making one is no part of an answer.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    with httpx.Client(timeout=TIMEOUT_SECONDS, limits=limits) as http:
        yield RunningService(url, serving, http)
