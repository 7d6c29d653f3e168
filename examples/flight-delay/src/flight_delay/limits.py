"""How much a request may send: known before any of it is read, but for a batch."""

from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from flight_delay import batch

MAX_BYTES = 2_000_000


class Limited:
    """Refuses bodies that are too large, or whose length is not told.

    Only a batch may be of untold length: it is read by pieces, and counts them.
    """

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = refused(scope) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)


def refused(scope: Scope) -> JSONResponse | None:
    headers = Headers(scope=scope)
    is_batch = scope["path"] == "/batch"
    most = batch.MAX_BYTES if is_batch else MAX_BYTES
    length = headers.get("content-length")
    if length is None and "transfer-encoding" in headers and not is_batch:
        return JSONResponse({"detail": "a request must say its Content-Length"}, 411)
    if int(length or 0) > most:
        return JSONResponse({"detail": f"at most {most} bytes a request"}, 413)
    return None
