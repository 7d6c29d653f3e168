"""The service: MLflow's scoring protocol over HTTP.

`python -m digit_reader.serve --port 8080`
"""

import argparse
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, create_model

from digit_reader import features
from digit_reader.predict import Answer, Predictor, answers

MAX_ROWS = 1_000
MAX_BYTES = 2_000_000
MAX_REASONS = 10

fields: dict[str, Any] = {name: (kind, ...) for name, kind in features.REQUEST.items()}
Row: type[BaseModel] = create_model(
    "Row", __config__=ConfigDict(extra="ignore", allow_inf_nan=False), **fields
)


class Rows(BaseModel):
    dataframe_records: Annotated[list[Row], Field(min_length=1, max_length=MAX_ROWS)]  # type: ignore[valid-type]


class Predictions(BaseModel):
    predictions: list[Answer]


def create_app(folder: Path = Path("models/model")) -> FastAPI:
    loaded: dict[str, Predictor] = {}

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        loaded["model"] = Predictor(folder)
        yield

    app = FastAPI(title="digit-reader", lifespan=lifespan)

    @app.middleware("http")
    async def refuse_large_bodies(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        length = request.headers.get("content-length")
        if length is None and "transfer-encoding" in request.headers:
            return JSONResponse({"detail": "a request must say its Content-Length"}, 411)
        if int(length or 0) > MAX_BYTES:
            return JSONResponse({"detail": f"at most {MAX_BYTES} bytes a request"}, 413)
        return await call_next(request)

    @app.exception_handler(RequestValidationError)
    async def say_what_is_wrong(_: Request, error: RequestValidationError) -> Response:
        """Without the values: they may be many, be private, or be no JSON, as NaN is."""
        reasons = [{key: one[key] for key in ("loc", "msg", "type")} for one in error.errors()]
        return JSONResponse({"detail": reasons[:MAX_REASONS]}, 422)

    @app.get("/health")
    def health() -> dict[str, str | None]:
        """Answers once predictions can be served, and says which release this is."""
        return {
            "status": "ready",
            "service": "digit-reader",
            "release": os.environ.get("TIDEGATE_RELEASE"),
            "model_version": os.environ.get("TIDEGATE_MODEL_VERSION"),
        }

    @app.post("/invocations")
    def invocations(rows: Rows) -> Predictions:
        raw = pl.DataFrame(rows.model_dump()["dataframe_records"])
        return Predictions(predictions=answers(loaded["model"](raw)))

    return app


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--model", type=Path, default=Path("models/model"))
    arguments = parser.parse_args()
    uvicorn.run(
        create_app(arguments.model), host=arguments.host, port=arguments.port, access_log=False
    )


if __name__ == "__main__":
    main()
