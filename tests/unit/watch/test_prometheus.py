"""Objectives and cost from a real Prometheus where one is installed, and from answers that lie."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs
from urllib.request import urlopen

import pytest

from ports import free_port
from tidegate.errors import ConfigError, TidegateError
from tidegate.watch import prometheus as client
from tidegate.watch.operations import QUERIES
from tidegate.watch.prometheus import Prometheus, PrometheusError
from watched import Watched, part

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's own

AT = datetime(2026, 3, 3, 6, tzinfo=UTC)
real = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None,
    reason="needs Prometheus and its promtool (make debian-tools)",
)


def series(start: datetime, minutes: int) -> str:
    """A service, `shop`: a hundred requests a minute, one of them fails, 9 of 10 take 0.1 s."""
    lines = ["# TYPE up gauge"]
    every = [start + timedelta(minutes=n) for n in range(minutes)]
    for n, at in enumerate(every):
        lines.append(f'up{{job="shop"}} {0 if n % 100 == 50 else 1} {at.timestamp()}')
    lines.append("# TYPE http_requests counter")
    for status, per_minute in (("200", 99), ("503", 1)):
        for n, at in enumerate(every):
            labels = f'{{job="shop",status="{status}"}}'
            lines.append(f"http_requests_total{labels} {per_minute * n} {at.timestamp()}")
    for n, at in enumerate(every):
        labels = '{job="quiet",status="200"}'
        lines.append(f"http_requests_total{labels} {n} {at.timestamp()}")
    lines.append("# TYPE http_request_duration_seconds histogram")
    for bound, share in (("0.1", 90), ("0.5", 100), ("+Inf", 100)):
        for n, at in enumerate(every):
            labels = f'{{job="shop",le="{bound}"}}'
            name = "http_request_duration_seconds_bucket"
            lines.append(f"{name}{labels} {share * n} {at.timestamp()}")
    return "\n".join([*lines, "# EOF", ""])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Prometheus that holds two days of a service."""
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "series.txt").write_text(series(AT - timedelta(days=2), 2 * 24 * 60 + 1))
    (folder / "prometheus.yml").write_text("global: {}\n")
    create = ["tsdb", "create-blocks-from", "openmetrics", "series.txt", "data"]
    subprocess.run(["promtool", *create], cwd=folder, check=True, capture_output=True)
    url = f"127.0.0.1:{free_port()}"
    flags = [
        f"--web.listen-address={url}",
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",
        "--storage.tsdb.retention.time=100y",
    ]
    process = subprocess.Popen(
        ["prometheus", *flags], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(300):
            with suppress(OSError), urlopen(f"http://{url}/-/ready", timeout=5):
                break
            time.sleep(0.1)
        yield f"http://{url}"
    finally:
        process.terminate()
        process.wait(20)


def filled(name: str, service: str = "shop") -> str:
    return QUERIES[name].replace("{window}", "86400s").replace("{service}", service)


@real
@pytest.mark.parametrize(
    ("name", "value"), [("errors", 0.01), ("latency", 0.3), ("availability", 0.99)]
)
def test_number__the_defaults__are_what_the_service_did(
    server: str, name: str, value: float
) -> None:
    found = Prometheus(server, {}).number(filled(name), AT)
    assert found == pytest.approx(value, rel=0.01)


@real
def test_number__no_failed_request_is_no_error__and_no_request_is_no_data(server: str) -> None:
    prometheus = Prometheus(server, {})
    assert prometheus.number(filled("errors", "quiet"), AT) == 0
    assert prometheus.number(filled("errors", "another"), AT) is None
    assert prometheus.number(filled("errors"), AT + timedelta(days=9)) is None
    assert prometheus.number("vector(0) / 0", AT) is None
    assert prometheus.number("scalar(vector(7))", AT) == 7


@real
def test_number__not_one_number__is_an_error_with_its_remedy(server: str) -> None:
    prometheus = Prometheus(server, {})
    with pytest.raises(PrometheusError, match="gives 4 series"):
        prometheus.number('{job=~"shop|quiet",__name__=~"up|http_requests_total"}', AT)
    with pytest.raises(PrometheusError, match="gives a matrix"):
        prometheus.number("up[5m]", AT)
    with pytest.raises(ConfigError, match="does not understand the query"):
        prometheus.number("sum(", AT)


@real
def test_watch__objectives_and_cost__are_held_to_their_bounds(shop: Watched, server: str) -> None:
    shop.at = AT
    shop.change_watch(
        prometheus=server,
        objectives={
            "errors": {"max": 0.005},
            "latency": {"max": 0.5},
            "availability": {"min": 0.98},
            "traffic": {"query": "sum(rate(http_requests_total{job='none'}[{window}]))", "min": 1},
        },
        cost={"max": 20, "query": "vector(21)"},
    )
    report = shop.watch()
    found = {one.id: one.verdict for one in report.parts}
    assert found["objectives.errors"] == found["cost.total"] == "fail"
    assert found["objectives.latency"] == found["objectives.availability"] == "pass"
    assert found["objectives.traffic"] is None
    errors = part(report, "objectives.errors")
    assert errors.summary == "errors is 0.01, at most 0.005 is allowed over 24h"
    error = part(report, "objectives.traffic").error
    assert error is not None
    assert "no data" in str(error["what"])


# Answers as the API documents them, and others.


class Answering:
    """A server that answers with what it is told; it keeps what it was asked."""

    def __init__(self) -> None:
        self.status, self.body, self.wait = 200, b"{}", 0.0
        self.asked: list[tuple[str, dict[str, list[str]]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sent = self.rfile.read(int(self.headers["content-length"])).decode()
                outer.asked.append((self.headers.get("authorization", ""), parse_qs(sent)))
                time.sleep(outer.wait)
                with suppress(OSError):
                    self.send_response(outer.status)
                    self.send_header("Content-Length", str(len(outer.body)))
                    self.end_headers()
                    self.wfile.write(outer.body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def answering() -> Iterator[Answering]:
    made = Answering()
    yield made
    made.server.shutdown()
    made.server.server_close()


def success(kind: str, result: object) -> bytes:
    data = {"resultType": kind, "result": result}
    return json.dumps({"status": "success", "data": data}).encode()


def vector(value: str) -> bytes:
    return success("vector", [{"metric": {}, "value": [AT.timestamp(), value]}])


def test_number__credentials__come_from_the_environment_alone(answering: Answering) -> None:
    answering.body = vector("0.5")
    assert Prometheus(answering.url, {"PROMETHEUS_TOKEN": "s3cret"}).number("x", AT) == 0.5
    login = {"PROMETHEUS_USERNAME": "ada", "PROMETHEUS_PASSWORD": "pw"}
    Prometheus(answering.url, login).number("x", AT)
    Prometheus(answering.url, {}).number("x", AT)
    basic = "Basic " + base64.b64encode(b"ada:pw").decode()
    assert [authorization for authorization, _ in answering.asked] == ["Bearer s3cret", basic, ""]
    assert answering.asked[0][1] == {
        "query": ["x"], "time": [str(AT.timestamp())], "timeout": ["15s"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, b"<html>", "no JSON"),
        (200, b"[]", "no JSON"),
        (200, b"{}", "Prometheus answered 200"),
        (200, vector("many"), "no number"),
        (200, success("vector", [{}, {}]), "gives 2 series"),
        (200, b'{"status": "success"}', "gives a None"),
        (200, success("scalar", 1), "no number"),
        (401, b"Unauthorized", "wants other credentials"),
        (503, b'{"status": "error", "errorType": "timeout", "error": "too slow"}', "too slow"),
        (200, b" " * (client.MAX_ANSWER + 1), "more than 1,000,000 bytes"),
    ],
)  # fmt: skip
def test_number__what_is_no_answer__is_an_error_and_never_a_figure(
    answering: Answering, status: int, body: bytes, said: str
) -> None:
    answering.status, answering.body = status, body
    with pytest.raises(TidegateError, match=said):
        Prometheus(answering.url, {}).number("x", AT)


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf"])
def test_number__what_is_not_finite__is_no_data(answering: Answering, value: str) -> None:
    answering.body = vector(value)
    assert Prometheus(answering.url, {}).number("x", AT) is None


def test_number__no_answer_in_time__is_an_error(
    answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "TIMEOUT_SECONDS", 0.2)
    answering.wait = 1
    with pytest.raises(PrometheusError, match="did not answer"):
        Prometheus(answering.url, {}).number("x", AT)


def test_number__nobody_listens__says_so_without_a_word_of_the_library() -> None:
    with pytest.raises(PrometheusError, match="did not answer: connection refused"):
        Prometheus("http://127.0.0.1:9", {"PROMETHEUS_TOKEN": "s3cret"}).number("x", AT)


def test_watch__prometheus_is_down__its_parts_are_undecided_and_the_rest_is_looked_at(
    shop: Watched,
) -> None:
    shop.change_watch(prometheus="http://127.0.0.1:9", objectives={"errors": {"max": 0.1}})
    report = shop.watch()
    assert part(report, "objectives.errors").verdict is None
    assert part(report, "data.recent").verdict == "pass"
    assert (report.verdict, report.blocked) == (None, False)
