import json
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from digit_reader import batch

from sample import REQUEST

LINE = json.dumps(REQUEST).encode() + b"\n"


def post(
    client: TestClient, content: bytes | Iterator[bytes], kind: str = batch.CONTENT_TYPE
) -> Response:
    return client.post("/batch", content=content, headers={"content-type": kind})


def test_batch__predicts_as_invocations_do_in_the_rows_order(client: TestClient) -> None:
    larger = {name: one * 1.5 for name, one in REQUEST.items() if isinstance(one, float)}
    rows = [REQUEST, {**REQUEST, **larger}, REQUEST]
    wanted = client.post("/invocations", json={"dataframe_records": rows}).json()
    answer = post(client, "\n".join(map(json.dumps, rows)).encode())
    assert answer.json() == wanted


@pytest.mark.parametrize("step", [1, 7, 4096])
def test_batch__is_read_however_it_is_cut_and_of_untold_length(
    client: TestClient, step: int
) -> None:
    body = LINE * 3 + b"\r\n \n" + LINE.strip()
    pieces = (body[at : at + step] for at in range(0, len(body), step))
    assert len(post(client, pieces).json()["predictions"]) == 4


def test_batch__more_rows_than_a_piece_are_all_predicted(client: TestClient) -> None:
    rows = batch.PIECE_ROWS * 2 + 1
    assert len(post(client, LINE * rows).json()["predictions"]) == rows


def test_batch__a_bad_row_refuses_it_whole_by_line_and_without_values(client: TestClient) -> None:
    bad = json.dumps({name: "secret" for name in REQUEST}).encode()
    answer = post(client, LINE * 2 + b"\n" + bad)
    assert answer.status_code == 422
    assert {reason["loc"][1] for reason in answer.json()["detail"]} == {"line 4"}
    assert "predictions" not in answer.json()
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 422),
        (b"\n\n", 422),
        (b"{", 422),
        (b"\xff\n", 422),
        (b"[" * 50_000, 422),
        (LINE.replace(b":", b": NaN,", 1), 422),
        (b"{}\n" * 5_000, 422),
        (b" " * (batch.MAX_LINE_BYTES + 1), 413),
        (b" " * (batch.MAX_LINE_BYTES + 1) + b"\n", 413),
    ],
    ids=lambda value: repr(value[:6]) if isinstance(value, bytes) else None,
)
def test_batch__what_is_no_batch_is_refused_with_a_short_reason(
    client: TestClient, content: bytes, status: int
) -> None:
    answer = post(client, iter([content]))
    assert answer.status_code == status
    assert answer.json()["detail"]
    assert len(answer.json()["detail"]) <= max(batch.MAX_REASONS, 100)


def test_batch__another_content_type_is_refused(client: TestClient) -> None:
    assert post(client, LINE, "application/json").status_code == 415
    assert post(client, LINE, "Application/X-NDJSON ; charset=utf-8").status_code == 200


def test_batch__too_many_rows_or_bytes_are_refused(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert post(client, b" " * (batch.MAX_BYTES + 1)).status_code == 413
    monkeypatch.setattr(batch, "MAX_ROWS", 3)
    assert post(client, LINE * 3).status_code == 200
    assert post(client, LINE * 4).status_code == 413
    monkeypatch.setattr(batch, "MAX_BYTES", len(LINE) * 2)
    assert post(client, iter([LINE] * 2)).status_code == 200
    assert post(client, iter([LINE] * 3)).status_code == 413
