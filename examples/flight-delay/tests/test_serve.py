import json
import threading

import anyio.to_thread
import numpy as np
import pytest
from fastapi.testclient import TestClient

from flight_delay import contract, features
from flight_delay.limits import MAX_BYTES
from flight_delay.predict import Predictor
from flight_delay.serve import MAX_REASONS, MAX_ROWS

from sample import REQUEST


@pytest.mark.parametrize("path", ["/health", "/ready"])
def test_ready__says_so_and_which_release_it_is(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setenv("TIDEGATE_RELEASE", "v3-0123456")
    answer = client.get(path).json()
    assert (answer["status"], answer["release"]) == ("ready", "v3-0123456")


def test_live__answers_while_no_worker_is_free_and_ready_does_not(client: TestClient) -> None:
    assert client.portal is not None
    workers = client.portal.call(anyio.to_thread.current_default_thread_limiter)
    free, waiting = workers.total_tokens, threading.Event()

    def ask() -> None:
        client.get("/ready")
        waiting.set()

    client.portal.call(lambda: setattr(workers, "total_tokens", 0))
    try:
        threading.Thread(target=ask).start()
        assert client.get("/live").json() == {"status": "alive"}
        assert not waiting.wait(0.5)
    finally:
        client.portal.call(lambda: setattr(workers, "total_tokens", free))
    assert waiting.wait(10)


def test_invocations__one_prediction_a_row(client: TestClient) -> None:
    answer = client.post("/invocations", json={"dataframe_records": [REQUEST, REQUEST]})
    first, second = answer.json()["predictions"]
    assert first == second
    assert 0 <= first <= 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"dataframe_records": []},
        {"dataframe_records": [{}]},
        {"dataframe_records": [{name: [] for name in REQUEST}]},
        {"dataframe_records": [REQUEST] * (MAX_ROWS + 1)},
    ],
)
def test_invocations__bad_request_is_refused_with_a_reason(
    client: TestClient, body: dict[str, object]
) -> None:
    answer = client.post("/invocations", json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"]


def test_invocations__missing_values_do_not_decide_what_a_column_is(client: TestClient) -> None:
    """Where values may be missing, as many rows without as there can be, then one with."""
    optional = [name for name, kind in features.REQUEST.items() if contract.may_be_missing(kind)]
    without = {**REQUEST, **dict.fromkeys(optional)}
    rows = [without] * (MAX_ROWS - 1) + [REQUEST]
    answer = client.post("/invocations", json={"dataframe_records": rows})
    assert len(answer.json()["predictions"]) == MAX_ROWS


@pytest.mark.parametrize("value", ["1" * 40, '"\\ud800"', "[1]", "{}"], ids=lambda v: v[:8])
@pytest.mark.parametrize("name", REQUEST)
def test_invocations__values_that_no_column_takes_are_refused_or_answered(
    client: TestClient, name: str, value: str
) -> None:
    members = (f'"{key}": {json.dumps(one)}' for key, one in REQUEST.items() if key != name)
    row = ", ".join([*members, f'"{name}": {value}'])
    answer = client.post("/invocations", content='{"dataframe_records": [{' + row + "}]}")
    assert answer.status_code in {200, 422}, answer.text


@pytest.mark.parametrize("prediction", [float("nan"), float("inf")])
def test_invocations__a_prediction_that_is_no_number_is_a_failure_of_the_service(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, prediction: float
) -> None:
    shape = 1
    monkeypatch.setattr(Predictor, "__call__", lambda *_: np.full(shape, prediction))
    answer = client.post("/invocations", json={"dataframe_records": [REQUEST]})
    assert answer.status_code == 500
    assert answer.headers["x-request-id"] in answer.json()["detail"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_invocations__what_is_no_number_is_refused(client: TestClient, number: str) -> None:
    row = ", ".join(f'"{name}": {number}' for name in REQUEST)
    answer = client.post("/invocations", content='{"dataframe_records": [{' + row + "}]}")
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "application/json"),
        (b"{", "application/json"),
        (b"[" * 100_000, "application/json"),
        (b'{"dataframe_records": ["\xff"]}', "application/json"),
        (b"hello", "text/plain"),
    ],
)
def test_invocations__what_is_no_json_is_refused_with_a_reason(
    client: TestClient, content: bytes, kind: str
) -> None:
    answer = client.post("/invocations", content=content, headers={"content-type": kind})
    assert 400 <= answer.status_code < 500
    assert answer.json()["detail"]


def test_invocations__many_bad_rows_get_a_short_answer(client: TestClient) -> None:
    answer = client.post("/invocations", json={"dataframe_records": [{}] * MAX_ROWS})
    assert len(answer.json()["detail"]) == MAX_REASONS


def test_invocations__body_of_untold_length_is_refused(client: TestClient) -> None:
    answer = client.post("/invocations", content=iter([b" " * MAX_BYTES, b" "]))
    assert answer.status_code == 411


def test_invocations__oversized_body_is_refused(client: TestClient) -> None:
    answer = client.post("/invocations", content=b" " * (MAX_BYTES + 1))
    assert answer.status_code == 413
