"""What clumsy and hostile clients send, to services that take it well and badly."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from http.server import HTTPServer
from typing import Any

import pytest

from answering import EXAMPLES, answering, connecting, predictions
from ports import free_port
from tidegate.release import manners
from tidegate.release.manners import bad_requests, check_manners
from tidegate.release.serving import Check

EXAMPLE = EXAMPLES[0]
KINDS = {request.name for request in bad_requests(EXAMPLE)}


def polite(body: bytes) -> tuple[int, Any]:
    good = body.replace(b" ", b"") == b'{"dataframe_records":[{"x":1.0}]}'
    return (200, {"predictions": [0.25]}) if good else (422, {"detail": "no"})


def verdicts(checks: Iterable[Check]) -> dict[str, str]:
    return {check.name.removeprefix("bad request: "): str(check.verdict) for check in checks}


def details(checks: Iterable[Check]) -> dict[str, str]:
    return {check.name.removeprefix("bad request: "): check.detail for check in checks}


def test_bad_requests__hold_every_kind_once_and_are_what_they_are_called() -> None:
    bodies = {request.name: request.body for request in bad_requests(EXAMPLE)}
    assert len(bodies) == 14
    assert json.loads(bodies["no rows"]) == {"dataframe_records": []}
    assert bodies["NaN in JSON"] == b'{"dataframe_records": [{"x": NaN}]}'
    assert bodies["Infinity in JSON"] == b'{"dataframe_records": [{"x": Infinity}]}'
    assert len(bodies["oversized"]) > 20_000_000
    with pytest.raises(UnicodeDecodeError):
        bodies["not UTF-8"].decode()
    with pytest.raises(RecursionError):
        json.loads(bodies["deep nesting"])


def test_check_manners__polite_means_4xx_with_a_reason_and_still_there() -> None:
    with answering(polite) as service:
        found = verdicts(check_manners(service, EXAMPLE))
    assert set(found) == {*KINDS, "others served beside slow clients", "alive after bad requests"}
    assert set(found.values()) == {"pass"}


def test_check_manners__no_rows_may_get_no_predictions() -> None:
    def empty(body: bytes) -> tuple[int, Any]:
        nothing = body == b'{"dataframe_records": []}'
        return (200, {"predictions": []}) if nothing else polite(body)

    with answering(empty) as service:
        assert set(verdicts(check_manners(service, EXAMPLE)).values()) == {"pass"}


def test_check_manners__a_crash_says_what_was_sent_what_came_back_and_what_to_mend() -> None:
    def crashes(body: bytes) -> tuple[int, Any]:
        return (500, {"detail": "Traceback"}) if b"NaN" in body else polite(body)

    with answering(crashes) as service:
        checks = list(check_manners(service, EXAMPLE))
    assert [name for name, verdict in verdicts(checks).items() if verdict == "fail"] == [
        "NaN in JSON"
    ]
    assert details(checks)["NaN in JSON"] == (
        "sent: NaN, which JSON does not know, as x; it answered 500: "
        '{"detail": "Traceback"}. Look for the request in its log; look at it before the model '
        "sees it"
    )


def test_check_manners__taking_anything_is_no_politeness() -> None:
    with answering(predictions(0.25)) as service:
        checks = list(check_manners(service, EXAMPLE))
    # A server of Python's own knows neither the path nor the method, whatever it predicts.
    passing = {name for name, verdict in verdicts(checks).items() if verdict == "pass"}
    assert passing == {
        "unknown path",
        "unknown method",
        "others served beside slow clients",
        "alive after bad requests",
    }
    assert "what looks like a prediction will be used" in details(checks)["not JSON"]


class OneAtATime(HTTPServer):
    request_queue_size = 32

    def handle_error(self, *_: Any) -> None:
        """Silent: the slow clients are gone before they are answered."""


def test_check_manners__one_request_at_a_time_is_no_service(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(manners, "TIMEOUT_SECONDS", 1.0)
    with answering(polite, server=OneAtATime) as service:
        service._http.timeout = 1.0
        started = time.monotonic()
        check = manners._serves_others_meanwhile(service, EXAMPLE)
        assert time.monotonic() - started < 3
    assert str(check.verdict) == "fail"
    assert "no answer to a good request: ReadTimeout" in check.detail
    assert "16 clients that never end a body" in check.detail


def test_check_manners__a_service_that_is_gone_fails_and_is_no_crash_here() -> None:
    with connecting(free_port()) as service:
        found = verdicts(check_manners(service, EXAMPLE))
    assert found.pop("oversized") == "pass"  # as if the connection had been closed
    assert set(found.values()) == {"fail"}
