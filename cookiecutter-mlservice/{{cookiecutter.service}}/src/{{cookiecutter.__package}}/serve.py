"""The service: MLflow's scoring protocol over HTTP, with metrics and logs.

`python -m {{ cookiecutter.__package }}.serve --port 8080`
"""

import argparse
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import numpy as np
import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field

from {{ cookiecutter.__package }} import batch, contract, logs
from {{ cookiecutter.__package }}.limits import Limited
from {{ cookiecutter.__package }}.predict import Answer, Predictor, answers
from {{ cookiecutter.__package }}.telemetry import Observed, Telemetry

MAX_ROWS = 1_000
MAX_REASONS = 10
# Requests that are being answered get so long after a SIGTERM. Docker kills after 10 seconds.
SHUTDOWN_SECONDS = 8


class Rows(BaseModel):
    dataframe_records: Annotated[
        list[contract.Row],  # type: ignore[valid-type]
        Field(min_length=1, max_length=MAX_ROWS),
    ]


class Predictions(BaseModel):
    predictions: list[Answer]


def create_app(folder: Path = Path("models/model")) -> FastAPI:
    loaded: dict[str, Predictor] = {}
    telemetry = Telemetry()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        loaded["model"] = Predictor(folder)
        yield

    app = FastAPI(title="{{ cookiecutter.service }}", lifespan=lifespan)
    app.add_middleware(Limited)
    app.add_middleware(Observed, telemetry=telemetry)

    @app.exception_handler(RequestValidationError)
    async def say_what_is_wrong(_: Request, error: RequestValidationError) -> Response:
        """Without the values: they may be many, be private, or be no JSON, as NaN is."""
        reasons = [{key: one[key] for key in ("loc", "msg", "type")} for one in error.errors()]
        return JSONResponse({"detail": reasons[:MAX_REASONS]}, 422)

    @app.get("/live")
    async def live() -> dict[str, str]:
        """Answers while the process works, however busy it is: whoever does not is restarted."""
        return {"status": "alive"}

    # Not async: it waits for a worker as a prediction does, and is late when those would be.
    @app.get("/ready")
    @app.get("/health")
    def health() -> dict[str, str | None]:
        """Answers once predictions can be served, and says which release this is."""
        return {
            "status": "ready",
            "service": "{{ cookiecutter.service }}",
            "release": os.environ.get("TIDEGATE_RELEASE"),
            "model_version": os.environ.get("TIDEGATE_MODEL_VERSION"),
        }

    @app.get("/metrics")
    async def metrics() -> Response:
        """For Prometheus."""
        return Response(generate_latest(telemetry.registry), media_type=CONTENT_TYPE_LATEST)

    def score(rows: Sequence[BaseModel]) -> list[Answer]:
        predictions = loaded["model"](contract.frame(rows))
        if not np.isfinite(predictions).all():
            raise ArithmeticError("a prediction that is no number")
        telemetry.predicted(predictions)
        return answers(predictions)

    @app.post("/invocations")
    def invocations(rows: Rows) -> Predictions:
        return Predictions(predictions=score(rows.dataframe_records))

    one_row_a_line = {"requestBody": {"required": True, "content": {batch.CONTENT_TYPE: {}}}}

    @app.post("/batch", openapi_extra=one_row_a_line)
    async def many(request: Request) -> Predictions:
        """One row a line, as in `dataframe_records`; up to 100,000 of them."""
        kind = request.headers.get("content-type", "").partition(";")[0]
        if kind.strip().lower() != batch.CONTENT_TYPE:
            raise HTTPException(415, f"send one JSON object a line, as {batch.CONTENT_TYPE}")
        try:
            return Predictions(predictions=await batch.predict(request.stream(), score))
        except batch.RefusedError as refused:
            raise HTTPException(refused.status, refused.detail) from None

    return app


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--model", type=Path, default=Path("models/model"))
    parser.add_argument("--shutdown-seconds", type=int, default=SHUTDOWN_SECONDS)
    arguments = parser.parse_args()
    logs.configure()
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(arguments.model),
            host=arguments.host,
            port=arguments.port,
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=arguments.shutdown_seconds,
        )
    )
    # uvicorn stops at SIGTERM, and then raises it anew: a stop that went well is no failure.
    signal.signal(signal.SIGTERM, lambda *_: None)
    server.run()
    # At once: a prediction that does not end has a thread, and would keep the process for ever.
    os._exit(0 if server.started else 1)


if __name__ == "__main__":
    main()
