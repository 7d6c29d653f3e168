"""JSON lines: an object per line, whose keys are columns. A key that a line lacks is a null."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import polars as pl

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
        for number, lines in enumerate(self._lines(), start=1):
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
            if not retyped:
                yield pl.DataFrame(columns, height=len(rows))
        if retyped:
            raise RetypedError
        if not seen:
            raise self._damaged("it is empty", "write a line for each row; no rows prove nothing")

    def _typed(
        self, name: str, column: JsonColumn, values: Sequence[Any]
    ) -> tuple[pl.Series, bool]:
        try:
            return column.typed(values)
        except UnicodeEncodeError:
            raise self._damaged(
                f"the column {name!r} holds text that is no Unicode (half of a surrogate pair)"
            ) from None

    def _lines(self) -> Iterator[list[str]]:
        """The lines of one piece after the other, in UTF-8."""
        with unpacked(self._path, self._shown) as stream:
            rest, seen = b"", 0
            while content := stream.read(self._piece_bytes):
                whole, end, rest = (rest + content).rpartition(b"\n")
                if end:
                    yield self._decoded(whole, seen)
                    seen += whole.count(b"\n") + 1
                if len(rest) > _LONGEST_LINE:
                    raise self._damaged(f"line {seen + 1} is longer than {_LONGEST_LINE >> 20} MiB")
            if rest:
                yield self._decoded(rest, seen)

    def _decoded(self, content: bytes, seen: int) -> list[str]:
        try:
            return content.decode("utf-8" if seen else "utf-8-sig").split("\n")
        except UnicodeDecodeError as error:
            line = seen + content[: error.start].count(b"\n") + 1
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
