"""What is measured of the service, and said of each request: metrics, a log line and an id."""

import logging
import os
import re
import time
from uuid import uuid4

import numpy as np
from fastapi.responses import JSONResponse
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Histogram, Info, ProcessCollector
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digit_reader.logs import REQUEST_ID
from digit_reader.predict import BUCKETS, spread

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
# An id that somebody sends goes into logs and back into a header: only what can do no harm there.
ACCEPTED_ID = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# Asked every few seconds: a line for each would bury the others.
UNLOGGED = {"/health", "/live", "/metrics", "/ready"}
# As nginx logs it: who asked was gone, or the service had to stop, before there was an answer.
UNANSWERED = 499

log = logging.getLogger("digit_reader")


class Telemetry:
    """The metrics of one process. Labels are routes and statuses, never what a request holds."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "http_requests", "Requests.", ["route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "http_request_duration_seconds",
            "From the request's head to the answer's end.",
            ["route"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.predictions = Histogram(
            "model_prediction", "Predictions.", buckets=BUCKETS, registry=self.registry
        )
        Info("model", "What runs.", registry=self.registry).info(
            {
                "service": "digit-reader",
                "release": os.environ.get("TIDEGATE_RELEASE", ""),
                "model_version": os.environ.get("TIDEGATE_MODEL_VERSION", ""),
            }
        )
        # From zero on, so that the first of them is an increase.
        for status in ("200", "500"):
            self.requests.labels("/invocations", status)

    def predicted(self, predictions: NDArray[np.float64]) -> None:
        for value in spread(predictions):
            self.predictions.observe(value)


class Observed:
    """Gives each request an id, counts it, writes a line about it, and answers if nobody did."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry):
        self._app, self._telemetry = app, telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = id_of(scope)
        REQUEST_ID.set(request_id)
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = (b"x-request-id", request_id.encode())
                message["headers"] = [*message.get("headers", ()), own]
            await send(message)

        started = time.perf_counter()
        try:
            await self._app(scope, receive, send_with_id)
        except ClientDisconnect:
            pass
        except Exception:
            log.exception("a request failed")
            if status:  # the answer has begun: that it breaks off is how it is told
                raise
            detail = f"the service failed; its log says more of request {request_id}"
            await JSONResponse({"detail": detail}, 500)(scope, receive, send_with_id)
        finally:
            self._note(scope, status or UNANSWERED, time.perf_counter() - started)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        # The route as it is declared: a path may hold anything, and there are any number of them.
        route = getattr(scope.get("route"), "path", "none")
        self._telemetry.requests.labels(route, str(status)).inc()
        self._telemetry.seconds.labels(route).observe(seconds)
        if route not in UNLOGGED or status >= 400:
            fields = {"route": route, "status": status, "ms": round(seconds * 1000, 3)}
            log.info("request", extra={"fields": fields})


def id_of(scope: Scope) -> str:
    """The id that the sender gave, if it is a sane one, else one of our own."""
    given = [value for name, value in scope["headers"] if name == b"x-request-id"]
    if len(given) == 1 and ACCEPTED_ID.fullmatch(given[0]):
        return str(given[0].decode())
    return uuid4().hex
