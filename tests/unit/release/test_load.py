"""How quickly a service answers, measured on services of a known pace."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from answering import EXAMPLES, answering, predictions
from tidegate.config import Load
from tidegate.errors import DeployError
from tidegate.release.load import latency, under_load


def load(**fields: int) -> Load:
    return Load.model_validate({"requests": 40, **fields})


def test_latency__percentiles_in_order_and_an_unanswered_request_is_an_error() -> None:
    with answering(predictions(0.25)) as service:
        found = latency(service, EXAMPLES)
    assert 0 < found["p50_ms"] <= found["p95_ms"] <= found["p99_ms"]
    with (
        answering(lambda _: (503, {})) as service,
        pytest.raises(DeployError, match="was not answered"),
    ):
        latency(service, EXAMPLES)


def test_under_load__sends_what_is_stated_so_many_at_a_time() -> None:
    lock, at_once, most, sizes = threading.Lock(), 0, 0, []

    def slow(body: bytes) -> tuple[int, Any]:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
            sizes.append([row["x"] for row in json.loads(body)["dataframe_records"]])
        time.sleep(0.02)
        with lock:
            at_once -= 1
        return 200, {"predictions": [0.25] * 3}

    with answering(slow) as service:
        measured = under_load(service, EXAMPLES, load(concurrency=8, rows=3))
    assert most == 8
    assert len(sizes) == 40
    assert {tuple(sent) for sent in sizes} == {(1.0, 2.0, 1.0), (2.0, 1.0, 2.0)}
    # 40 requests of 20 ms, 8 at a time, take at least 0.1 s.
    assert measured.seconds >= 0.1
    assert measured.throughput_rps == pytest.approx(40 / measured.seconds, rel=0.01)
    assert 20 <= measured.latency["p50_ms"] <= measured.latency["p99_ms"]
    assert measured.to_dict() == {
        "requests": 40,
        "concurrency": 8,
        "rows": 3,
        "seconds": round(measured.seconds, 3),
        "throughput_rps": measured.throughput_rps,
        **measured.latency,
    }
    check = measured.check()
    assert (str(check.verdict), "40 requests, 8 at a time: all answered" in check.detail) == (
        "pass",
        True,
    )


def test_under_load__one_unanswered_request_fails_the_check_and_is_told() -> None:
    count = iter(range(1_000))

    def sometimes(_: bytes) -> tuple[int, Any]:
        return (503, {"detail": "full"}) if next(count) == 7 else (200, {"predictions": [0.25]})

    with answering(sometimes) as service:
        measured = under_load(service, EXAMPLES, load())
    check = measured.check()
    assert str(check.verdict) == "fail"
    assert "1 not answered, the first: Server error '503 Service Unavailable'" in check.detail
    assert measured.throughput_rps == pytest.approx(39 / measured.seconds, rel=0.01)
