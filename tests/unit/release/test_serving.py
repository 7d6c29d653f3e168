"""What a running service is held to, against servers that answer as they are told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from shop import free_port
from tidegate.config import Serving
from tidegate.errors import DeployError
from tidegate.release.serving import Check, Example, RunningService, connect, read_examples

EXAMPLES = [Example({"x": 1.0}, 0.25), Example({"x": 2.0}, 0.5)]
Answer = Callable[[bytes], tuple[int, Any]]


@contextmanager
def answering(answer: Answer, health: Any = None) -> Iterator[RunningService]:
    """A service whose predictions are `answer(body)`: a status and what becomes JSON."""

    class Handler(BaseHTTPRequestHandler):
        def _send(self, status: int, body: Any) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            self._send(200 if health is not None else 503, health)

        def do_POST(self) -> None:
            self._send(*answer(self.rfile.read(int(self.headers["Content-Length"]))))

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            with connecting(server.server_port) as service:
                yield service
        finally:
            server.shutdown()
            thread.join()


def connecting(port: int) -> AbstractContextManager[RunningService]:
    return connect(f"http://127.0.0.1:{port}/", Serving.model_validate({"startup-seconds": 0.3}))


def predictions(*values: Any) -> Answer:
    return lambda _: (200, {"predictions": list(values)})


def verdicts(checks: Iterator[Check]) -> dict[str, str]:
    return {check.name: str(check.verdict) for check in checks}


@pytest.mark.parametrize(
    ("answer", "verdict", "said"),
    [
        (predictions(0.25, 0.5), "pass", "2 rows, greatest difference"),
        (predictions(0.25, 0.5 + 9e-7), "pass", "tolerated 1e-06"),
        (predictions(0.25, 0.5 + 2e-6), "fail", "2e-06"),
        (predictions(0.25, float("nan")), "fail", "greatest difference"),
        (predictions(float("nan"), 0.5), "fail", "greatest difference"),
        (predictions(float("inf"), 0.5), "fail", "inf"),
        (predictions(0.25), "fail", "1 answers to 2 rows"),
        (predictions(), "fail", "0 answers to 2 rows"),
        (predictions(0.25, None), "fail", "no predictions"),
        (predictions(0.25, [0.5]), "fail", "no predictions"),
        (lambda _: (200, {"scores": [0.25, 0.5]}), "fail", "no predictions"),
        (lambda _: (200, [0.25, 0.5]), "fail", "no predictions"),
        (lambda _: (200, None), "fail", "no predictions"),
        (lambda _: (500, {"predictions": [0.25, 0.5]}), "fail", "500"),
    ],
)
def test_check_predictions__must_repeat_the_offline_ones(
    answer: Answer, verdict: str, said: str
) -> None:
    with answering(answer) as service:
        check = service.check_predictions(EXAMPLES)
    assert (str(check.verdict), said in check.detail) == (verdict, True), check


@pytest.mark.parametrize(
    ("health", "verdict"),
    [
        ({"release": "v1-abc1234"}, "pass"),
        ({"release": "v2-abc1234"}, "fail"),
        ({}, "pass"),
        ({"release": None}, "pass"),
        (["ready"], "pass"),
    ],
)
def test_check_identity__another_release_does_not_pass(health: Any, verdict: str) -> None:
    with answering(predictions(), health) as service:
        assert str(service.check_identity("v1-abc1234").verdict) == verdict


def test_wait_until_ready__says_why_it_gave_up() -> None:
    with answering(predictions()) as service, pytest.raises(DeployError, match="answers 503"):
        service.wait_until_ready()
    with connecting(free_port()) as service, pytest.raises(DeployError, match="not ready after"):
        service.wait_until_ready()
    with answering(predictions(), {}) as service:
        assert service.wait_until_ready() < 0.3


def test_check_manners__polite_means_4xx_with_a_reason_and_still_there() -> None:
    def polite(body: bytes) -> tuple[int, Any]:
        good = body.replace(b" ", b"") == b'{"dataframe_records":[{"x":1.0}]}'
        return (200, {"predictions": [0.25]}) if good else (422, {"detail": "no"})

    with answering(polite) as service:
        assert set(verdicts(service.check_manners(EXAMPLES[0])).values()) == {"pass"}
    with answering(lambda _: (500, {"detail": "Traceback"})) as service:
        assert set(verdicts(service.check_manners(EXAMPLES[0])).values()) == {"fail"}
    with answering(predictions(0.25)) as service:  # takes anything
        taken = verdicts(service.check_manners(EXAMPLES[0]))
    assert taken.pop("alive after bad requests") == "pass"
    assert set(taken.values()) == {"fail"}


def test_check_manners__a_service_that_is_gone_fails_and_is_no_crash_here() -> None:
    with connecting(free_port()) as service:
        found = verdicts(service.check_manners(EXAMPLES[0]))
    assert found["alive after bad requests"] == "fail"
    assert found["bad request: not JSON"] == "fail"


def test_latency__percentiles_in_order_and_an_unanswered_request_is_an_error() -> None:
    with answering(predictions(0.25)) as service:
        latency = service.latency(EXAMPLES)
    assert 0 < latency["p50_ms"] <= latency["p95_ms"] <= latency["p99_ms"]
    with (
        answering(lambda _: (503, {})) as service,
        pytest.raises(DeployError, match="was not answered"),
    ):
        service.latency(EXAMPLES)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot be read"),
        ("", "no example"),
        ("\n\n", "no example"),
        ("{", "cannot be read"),
        ('{"request": {"x": 1}}', "KeyError: 'expected'"),
        ('{"request": {"x": 1}, "expected": null}', "cannot be read"),
        ('{"request": 3, "expected": 1}', "cannot be read"),
        ('{"request": {"x": 1}, "expected": NaN}', "cannot be read"),
    ],
)
def test_read_examples__what_holds_a_service_to_nothing_is_an_error(
    tmp_path: Path, text: str | None, said: str
) -> None:
    path = tmp_path / "examples.jsonl"
    if text is not None:
        path.write_text(text)
    with pytest.raises(DeployError, match=said):
        read_examples(path)
