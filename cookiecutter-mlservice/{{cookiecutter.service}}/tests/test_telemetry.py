import json
import logging

import pytest
from fastapi.testclient import TestClient
from prometheus_client.metrics_core import Sample
from prometheus_client.parser import text_string_to_metric_families

from {{ cookiecutter.__package }}.logs import JsonLines
from {{ cookiecutter.__package }}.predict import Predictor

from sample import REQUEST

ROWS = {"dataframe_records": [REQUEST, REQUEST]}


def samples(client: TestClient, name: str) -> list[Sample]:
    families = text_string_to_metric_families(client.get("/metrics").text)
    return [one for family in families for one in family.samples if one.name == name]


def value(client: TestClient, name: str, **labels: str) -> float:
    return sum(one.value for one in samples(client, name) if labels.items() <= one.labels.items())


def test_metrics__count_each_request_by_route_and_status(client: TestClient) -> None:
    for path, rows, status in (("/invocations", ROWS, "200"), ("/invocations", {}, "422")):
        before = value(client, "http_requests_total", route=path, status=status)
        client.post(path, json=rows)
        assert value(client, "http_requests_total", route=path, status=status) == before + 1


def test_metrics__hold_latency_and_the_distribution_of_predictions(client: TestClient) -> None:
    requests = value(client, "http_request_duration_seconds_count", route="/invocations")
    rows = value(client, "model_prediction_count")
    client.post("/invocations", json=ROWS)
    took = value(client, "http_request_duration_seconds_count", route="/invocations")
    assert took == requests + 1
    assert value(client, "model_prediction_count") == rows + 2
    assert value(client, "model_prediction_bucket", le="+Inf") == rows + 2


def test_metrics__refused_rows_are_no_predictions(client: TestClient) -> None:
    before = value(client, "model_prediction_count")
    client.post("/invocations", json={"dataframe_records": [{}]})
    assert value(client, "model_prediction_count") == before


def test_metrics__say_which_model_it_is(client: TestClient) -> None:
    (info,) = samples(client, "model_info")
    assert {*info.labels} == {"service", "release", "model_version"}
    assert info.labels["service"] == "{{ cookiecutter.service }}"


def test_metrics__do_not_grow_with_what_is_asked(client: TestClient) -> None:
    client.get("/no/such/path")
    before = len(client.get("/metrics").text.splitlines())
    for number in range(50):
        client.get(f"/no/such/path/{number}?token={number}")
    after = client.get("/metrics").text
    assert len(after.splitlines()) == before
    assert "such" not in after


def test_request_id__a_sane_one_is_kept_and_said_back(client: TestClient) -> None:
    answer = client.get("/live", headers={"x-request-id": "a1-b2.c_3"})
    assert answer.headers["x-request-id"] == "a1-b2.c_3"


@pytest.mark.parametrize(
    "hostile",
    ["", "a b", "-a", "a" * 65, "${jndi:ldap://x}", '"},{"level":"error', "<script>", "é".encode()],
)
def test_request_id__any_other_gives_way_to_one_of_our_own(
    client: TestClient, caplog: pytest.LogCaptureFixture, hostile: str | bytes
) -> None:
    with caplog.at_level(logging.INFO):
        answer = client.post("/invocations", json=ROWS, headers={"x-request-id": hostile})
    assert len(answer.headers["x-request-id"]) == 32
    said = hostile if isinstance(hostile, str) else hostile.decode()
    assert not said or said not in caplog.text


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    own = [record for record in caplog.records if record.name == "{{ cookiecutter.__package }}"]
    return [json.loads(JsonLines().format(record)) for record in own]


def test_log__has_one_line_a_request_and_none_for_a_probe(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        client.post("/invocations", json=ROWS)
        for path in ("/health", "/live", "/ready", "/metrics"):
            client.get(path)
    (line,) = lines(caplog)
    assert (line["route"], line["status"]) == ("/invocations", 200)


def test_log__tells_a_failure_by_its_places_and_never_by_its_values(
    client: TestClient, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: object, raw: object) -> None:
        raise ValueError("cannot convert 'secret'")

    monkeypatch.setattr(Predictor, "__call__", fails)
    with caplog.at_level(logging.INFO):
        answer = client.post("/invocations", json=ROWS, headers={"x-request-id": "abc"})
    assert answer.status_code == 500
    failure, request = lines(caplog)
    assert failure["error"] == "ValueError"
    assert any("fails" in place for place in failure["places"])  # type: ignore[attr-defined]
    assert request["status"] == 500
    assert "secret" not in json.dumps([failure, request]) + answer.text


def test_log__a_line_is_one_line_whatever_is_in_it() -> None:
    record = logging.LogRecord("x", logging.INFO, "x.py", 1, "a\n{}\u2028%s", ("\x1b[31m",), None)
    line = JsonLines().format(record)
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["message"] == "a\n{}\u2028\x1b[31m"
