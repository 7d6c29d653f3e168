"""CSV files: rows that do not fit are refused, and a schema says what the text means."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from tidegate.data.sources.pieces import PIECE_BYTES, RetypedError
from tidegate.data.sources.streams import Watched, unpacked
from tidegate.data.sources.text_types import ColumnType, DeclaredType
from tidegate.errors import DataError


class CsvPieces:
    """A CSV file (UTF-8, comma, a header; an empty field is a null), in pieces.

    A column is read as the type that is `declared` for it if every value fits, else as the type
    that its values suggest.
    Raises DataError for rows that do not fit the header, never with their content.
    """

    def __init__(
        self, path: Path, declared: DeclaredType, shown: str, piece_bytes: int = PIECE_BYTES
    ):
        self._path = path
        self._shown = shown
        self._piece_bytes = piece_bytes
        self._declared = declared
        self._types: dict[str, ColumnType] = {}

    def frames(self) -> Iterator[pl.DataFrame]:
        retyped = False
        for number, text in enumerate(self._text()):
            if not self._types:
                self._types = {name: ColumnType(self._declared(name)) for name in text.columns}
            columns = []
            for column in text.get_columns():
                values, moved = self._types[column.name].typed(column)
                columns.append(values)
                retyped |= moved and number > 0
            if not retyped:
                yield pl.DataFrame(columns)
        if retyped:
            raise RetypedError

    def _text(self) -> Iterator[pl.DataFrame]:
        # Not Polars' own reader: it fills short rows up with nulls.
        import pyarrow as pa
        from pyarrow import csv

        ragged: list[Any] = []

        def note(row: Any) -> str:
            ragged.append(row)
            return "error"

        # Without threads, else rows have no numbers.
        read = csv.ReadOptions(use_threads=False, block_size=self._piece_bytes)
        parse = csv.ParseOptions(newlines_in_values=True, invalid_row_handler=note)
        with unpacked(self._path, self._shown) as stream:
            watched = Watched(stream)
            try:
                names = csv.open_csv(watched, read, parse).schema.names
            except (pa.ArrowInvalid, UnicodeDecodeError) as error:
                raise self._damage(error, ragged, watched) from None
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise self._damaged(f"two columns are called {twice!r}")
        parse.ignore_empty_lines = len(names) > 1  # in a single column an empty line is a null
        convert = csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        )
        with unpacked(self._path, self._shown) as stream:
            watched = Watched(stream)
            try:
                batches = csv.open_csv(watched, read, parse, convert)
                has_rows = False
                for batch in batches:
                    has_rows = True
                    yield pl.DataFrame(batch)
            except pa.ArrowInvalid as error:
                raise self._damage(error, ragged, watched) from None
            if watched.quotes % 2:
                raise self._damaged("a quoted value is never closed")
        if not has_rows:
            yield pl.DataFrame(schema=dict.fromkeys(names, pl.String))

    def _damage(self, error: Exception, ragged: list[Any], watched: Watched) -> DataError:
        while watched.read(self._piece_bytes):
            pass
        row = re.search(r"Row #(\d+)", str(error))
        if watched.first.startswith((b"\xff\xfe", b"\xfe\xff")):
            problem = "it is UTF-16, not UTF-8 text"
        elif watched.quotes % 2:
            problem = "a quoted value is never closed"
        elif ragged:
            problem = (
                f"row {ragged[0].number} has {ragged[0].actual_columns} fields and the header "
                f"{ragged[0].expected_columns}"
            )
        elif isinstance(error, UnicodeDecodeError) or "UTF8" in str(error):
            problem = "it is not UTF-8 text" + (f", see row {row[1]}" if row else "")
        elif "straddling" in str(error):
            problem = f"a row is longer than {self._piece_bytes >> 20} MiB"
        elif not watched.first:
            problem = "it is empty, without even a header"
        else:
            problem = "it is not CSV"
        return self._damaged(problem)

    def _damaged(self, problem: str) -> DataError:
        return DataError(
            f"the file cannot be read: {problem}",
            where=self._shown,
            remedy="write it again as CSV: UTF-8, commas, a header, quotes doubled inside quotes",
        )
