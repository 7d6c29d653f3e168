"""JSON lines: an object per line, whose keys are columns. A key that a line lacks is a null."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import polars as pl

from tidegate.data.sources.json_plain import read_plain
from tidegate.data.sources.json_types import JsonColumn
from tidegate.data.sources.pieces import PIECE_BYTES, RetypedError
from tidegate.data.sources.streams import unpacked
from tidegate.data.sources.text_types import DeclaredType
from tidegate.errors import DataError

_LONGEST_LINE = 64 << 20


class JsonLinesPieces:
    """A file of JSON lines, in pieces. Empty lines are passed over.

    Raises DataError for a line that is no JSON object, with its number and never its content.
    """

    def __init__(
        self, path: Path, declared: DeclaredType, shown: str, piece_bytes: int = PIECE_BYTES
    ):
        self._path = path
        self._shown = shown
        self._piece_bytes = piece_bytes
        self._declared = declared
        self._columns: dict[str, JsonColumn] = {}

    def frames(self) -> Iterator[pl.DataFrame]:
        retyped, first_line, seen = False, 1, 0
        for number, content in enumerate(self._pieces(), start=1):
            frame = self._plain(content) if number > 1 else None
            if frame is not None:
                first_line += frame.height
                seen += frame.height
                if not retyped:
                    yield frame
                continue
            lines = self._decoded(content, first_line)
            rows = self._rows(lines, first_line)
            first_line += len(lines)
            for name in dict.fromkeys(chain.from_iterable(rows)):
                if name not in self._columns:
                    self._columns[name] = JsonColumn(name, self._declared(name))
                    retyped |= number > 1
            columns = []
            for name, column in self._columns.items():
                values, changed = self._typed(name, column, [row.get(name) for row in rows])
                columns.append(values)
                retyped |= changed and number > 1
            seen += len(rows)
            if columns and not retyped:
                yield pl.DataFrame(columns)
        if retyped:
            raise RetypedError
        if not seen:
            raise self._damaged("it is empty", "write a line for each row; no rows prove nothing")
        if not self._columns:
            raise self._damaged("no line has a key", "write the columns of each row as its keys")

    def _typed(
        self, name: str, column: JsonColumn, values: Sequence[Any]
    ) -> tuple[pl.Series, bool]:
        try:
            return column.typed(values)
        except UnicodeEncodeError:
            raise self._damaged(
                f"the column {name!r} holds text that is no Unicode (half of a surrogate pair)"
            ) from None

    def _plain(self, content: bytes) -> pl.DataFrame | None:
        """A piece without surprises; None where it has to be looked at line by line."""
        types = {name: column.plain for name, column in self._columns.items()}
        known = {name: dtype for name, dtype in types.items() if dtype is not None}
        frame = read_plain(content, known) if len(known) == len(types) else None
        if frame is None:
            return None
        taken = [column.taken(frame[name]) for name, column in self._columns.items()]
        columns = [values for values in taken if values is not None]
        return pl.DataFrame(columns) if len(columns) == len(taken) else None

    def _pieces(self) -> Iterator[bytes]:
        """The content in pieces of whole lines, without the end of the last."""
        with unpacked(self._path, self._shown) as stream:
            rest, seen = b"", 0
            while content := stream.read(self._piece_bytes):
                whole, end, rest = (rest + content).rpartition(b"\n")
                if end:
                    yield whole
                    seen += whole.count(b"\n") + 1
                if len(rest) > _LONGEST_LINE:
                    raise self._damaged(f"line {seen + 1} is longer than {_LONGEST_LINE >> 20} MiB")
            if rest:
                yield rest

    def _decoded(self, content: bytes, first_line: int) -> list[str]:
        try:
            return content.decode("utf-8-sig" if first_line == 1 else "utf-8").split("\n")
        except UnicodeDecodeError as error:
            line = first_line + content[: error.start].count(b"\n")
            raise self._damaged(f"it is not UTF-8 text, see line {line}") from None

    def _rows(self, lines: Sequence[str], first_line: int) -> list[dict[str, Any]]:
        rows = []
        for number, line in enumerate(lines, start=first_line):
            text = line.strip(" \t\r")
            if not text:
                continue
            try:
                row, end = _decode(text)
            except _RepeatedKeyError as error:
                raise self._damaged(f"line {number} has the key {error.key!r} twice") from None
            except (ValueError, RecursionError):
                row, end = None, 0
            if end < len(text):
                raise self._damaged(f"line {number} is not one complete JSON value")
            if type(row) is not dict:
                raise self._damaged(f"line {number} is {_NAMES[type(row)]}, not an object")
            rows.append(row)
        return rows

    def _damaged(self, problem: str, remedy: str | None = None) -> DataError:
        return DataError(
            f"the file cannot be read: {problem}",
            where=self._shown,
            remedy=remedy or "write it again as JSON lines: UTF-8, one object per line",
        )


class _RepeatedKeyError(ValueError):
    def __init__(self, key: str):
        super().__init__()
        self.key = key


_NAMES = {
    list: "an array",
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}


def _with_keys_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _RepeatedKeyError(next(key for key in keys if keys.count(key) > 1))
    return row


_decode = json.JSONDecoder(object_pairs_hook=_with_keys_once).raw_decode
