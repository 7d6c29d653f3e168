"""Many rows in one request: JSON, one row a line (NDJSON), read and predicted by pieces.

A batch is answered whole or refused whole. Only its predictions are kept while it is read.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ValidationError

from flight_delay.contract import Row
from flight_delay.predict import Answer

MAX_BYTES = 50_000_000
MAX_ROWS = 100_000
MAX_LINE_BYTES = 64_000
PIECE_ROWS = 1_000
MAX_REASONS = 10
CONTENT_TYPE = "application/x-ndjson"

Line = tuple[int, bytes]


class RefusedError(Exception):
    """A batch that is not answered: with which status, and why."""

    def __init__(self, status: int, detail: Any):
        super().__init__(status)
        self.status, self.detail = status, detail


async def predict(
    chunks: AsyncIterator[bytes], score: Callable[[Sequence[BaseModel]], list[Answer]]
) -> list[Answer]:
    """One prediction a row, in the rows' order. Raises RefusedError."""
    predictions: list[Answer] = []
    piece: list[Line] = []

    def answer(lines: list[Line]) -> list[Answer]:
        return score(read(lines))

    async for line in lines_of(chunks):
        piece.append(line)
        if len(predictions) + len(piece) > MAX_ROWS:
            raise RefusedError(413, f"at most {MAX_ROWS} rows a batch; send the rest in another")
        if len(piece) == PIECE_ROWS:
            # In a worker, as every prediction: others are answered between the pieces.
            predictions += await run_in_threadpool(answer, piece)
            piece = []
    if piece:
        predictions += await run_in_threadpool(answer, piece)
    if not predictions:
        raise RefusedError(422, "no rows: send one JSON object a line")
    return predictions


def read(lines: list[Line]) -> list[BaseModel]:
    """Raises RefusedError with what is wrong, by line and without the values."""
    rows, reasons = [], []
    for number, line in lines:
        try:
            rows.append(Row.model_validate_json(line))
        except ValidationError as error:
            for one in error.errors(include_url=False, include_input=False, include_context=False):
                reasons.append({**one, "loc": ["body", f"line {number}", *one["loc"]]})
    if reasons:
        raise RefusedError(422, reasons[:MAX_REASONS])
    return rows


async def lines_of(chunks: AsyncIterator[bytes]) -> AsyncIterator[Line]:
    """(number, line) of each line that is not blank."""
    rest, number, size = b"", 0, 0
    async for chunk in chunks:
        size += len(chunk)
        if size > MAX_BYTES:
            raise RefusedError(413, f"at most {MAX_BYTES} bytes a batch; send the rest in another")
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            number += 1
            if bounded(number, line).strip():
                yield number, line
        bounded(number + 1, rest)
    if rest.strip():
        yield number + 1, rest


def bounded(number: int, line: bytes) -> bytes:
    if len(line) > MAX_LINE_BYTES:
        raise RefusedError(413, f"line {number}: at most {MAX_LINE_BYTES} bytes a row")
    return line
