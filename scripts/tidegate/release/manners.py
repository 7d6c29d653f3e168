"""What clumsy and hostile clients send, and how a service must take it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from tidegate.release.serving import TIMEOUT_SECONDS, Check, Example, RunningService
from tidegate.verdict import Verdict

JSON = "application/json"
SLOW_CLIENTS = 16


@dataclass(frozen=True)
class BadRequest:
    """A request that must be refused. sent: in words, for the report; path None is predictions'.

    may: what other answer is right, too, beside a 4xx with a reason: `[]` (no predictions), `501`
    (HTTP's own word for a method that a server does not know) or `closed` (the connection).
    """

    name: str
    sent: str
    body: bytes = b""
    content_type: str = JSON
    method: str = "POST"
    path: str | None = None
    may: str | None = None


def bad_requests(example: Example) -> Iterator[BadRequest]:
    """Each kind once. example: a request that is fine."""
    row = dict(example.request)

    def rows(*records: Mapping[str, Any]) -> bytes:
        return json.dumps({"dataframe_records": records}).encode()

    numbers = [name for name, value in row.items() if isinstance(value, int | float)]
    yield BadRequest("not JSON", "a body of `{`", b"{")
    yield BadRequest("no body", "an empty body")
    yield BadRequest("not UTF-8", "a byte that is no UTF-8", b'{"dataframe_records": ["\xff"]}')
    yield BadRequest("wrong shape", '{"rows": 3}', b'{"rows": 3}')
    yield BadRequest("no rows", "an empty list of rows", rows(), may="[]")
    yield BadRequest("missing columns", "a row without a column", rows({}))
    wrong = rows({name: {"not": "a value"} for name in row})
    yield BadRequest("wrong types", "an object in the place of each value", wrong)
    for word in ("NaN", "Infinity"):
        if numbers:
            marked = rows({**row, numbers[0]: "MARK"}).replace(b'"MARK"', word.encode())
            sent = f"{word}, which JSON does not know, as {numbers[0]}"
            yield BadRequest(f"{word} in JSON", sent, marked)
    yield BadRequest("deep nesting", "100,000 lists, one in another", b"[" * 100_000)
    yield BadRequest("wrong content type", "plain text, and said so", b"hello", "text/plain")
    yield BadRequest("unknown path", "rows to a path that is not there", rows(row), path="/no/such")
    yield BadRequest("unknown method", "DELETE", method="DELETE", may="501")
    oversized = b'{"dataframe_records": [' + b" " * 20_000_000 + b"]}"
    yield BadRequest("oversized", "a body of 20 MB", oversized, may="closed")


def check_manners(service: RunningService, example: Example) -> Iterator[Check]:
    """Bad requests get a 4xx with a reason, and the service lives on."""
    for request in bad_requests(example):
        yield _refuses(service, request)
    yield _serves_others_meanwhile(service, example)
    yield _answers(service, example, "alive after bad requests", "bad requests")


def _refuses(service: RunningService, request: BadRequest) -> Check:
    name = f"bad request: {request.name}"
    try:
        answer = service.send(request.method, request.body, request.content_type, request.path)
    except httpx.HTTPError as error:
        # Closing the connection is an answer, too, where nobody has to take what is sent.
        if request.may == "closed" and not isinstance(error, httpx.TimeoutException):
            return Check(name, Verdict.PASS, f"the connection was closed: {type(error).__name__}")
        return Check(
            name,
            Verdict.FAIL,
            f"sent: {request.sent}; no answer came: {type(error).__name__}. "
            "Answer with a 4xx and a reason, and do not end over it",
        )
    said = f"{answer.status_code}: {answer.text[:120]}"
    reasoned = 400 <= answer.status_code < 500 and bool(answer.text.strip())
    if reasoned or (request.may == "501" and answer.status_code == httpx.codes.NOT_IMPLEMENTED):
        return Check(name, Verdict.PASS, said)
    if request.may == "[]" and answer.status_code == httpx.codes.OK and _no_predictions(answer):
        return Check(name, Verdict.PASS, said)
    return Check(
        name,
        Verdict.FAIL,
        f"sent: {request.sent}; it answered {said or 'nothing'}. {_remedy(answer.status_code)}",
    )


def _no_predictions(answer: httpx.Response) -> bool:
    try:
        return bool(answer.json()["predictions"] == [])
    except (ValueError, KeyError, TypeError):
        return False


def _remedy(status: int) -> str:
    if status >= 500:
        return "Look for the request in its log; look at it before the model sees it"
    if status < 400:
        return "Refuse it with a 4xx and a reason: what looks like a prediction will be used"
    return "Give the reason in the body"


def _serves_others_meanwhile(service: RunningService, example: Example) -> Check:
    """Clients that begin a request and never end it must not keep others from an answer."""
    name = "others served beside slow clients"
    parts = urlsplit(service.predict_url)
    begun = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Content-Type: {JSON}\r\nContent-Length: 1000\r\n\r\n{{"
    ).encode()
    with ExitStack() as held:
        try:
            for _ in range(SLOW_CLIENTS):
                place = (parts.hostname or "", parts.port or 80)
                slow = held.enter_context(socket.create_connection(place, TIMEOUT_SECONDS))
                slow.sendall(begun)
        except OSError as error:
            return Check(name, Verdict.FAIL, f"no connection could be made: {error}")
        return _answers(service, example, name, f"{SLOW_CLIENTS} clients that never end a body")


def _answers(service: RunningService, example: Example, name: str, after: str) -> Check:
    try:
        status = service.predict([dict(example.request)]).status_code
    except httpx.HTTPError as error:
        said = f"no answer to a good request: {type(error).__name__}"
        return Check(name, Verdict.FAIL, f"with {after}, {said} (waited {TIMEOUT_SECONDS:g} s)")
    verdict = Verdict.PASS if status == httpx.codes.OK else Verdict.FAIL
    return Check(name, verdict, f"with {after}, it answers {status} to a good request")
