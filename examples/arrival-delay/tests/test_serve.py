from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from arrival_delay.serve import MAX_BYTES, MAX_REASONS, MAX_ROWS, create_app

from sample import REQUEST


@pytest.fixture(scope="session")
def client(model: Path) -> Iterator[TestClient]:
    with TestClient(create_app(model)) as client:
        yield client


def test_health__says_that_it_is_ready(client: TestClient) -> None:
    assert client.get("/health").json()["status"] == "ready"


def test_invocations__one_prediction_a_row(client: TestClient) -> None:
    answer = client.post("/invocations", json={"dataframe_records": [REQUEST, REQUEST]})
    first, second = answer.json()["predictions"]
    assert first == second
    assert isinstance(first, float)


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
