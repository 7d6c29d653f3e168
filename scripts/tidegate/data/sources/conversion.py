"""Text files written anew as Parquet, once, so that they can be scanned like any other table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tidegate.data.sources.csv_files import CsvPieces
from tidegate.data.sources.formats import Format
from tidegate.data.sources.json_lines import JsonLinesPieces
from tidegate.data.sources.pieces import Pieces, RetypedError
from tidegate.data.sources.streams import room_in
from tidegate.data.sources.text_types import DeclaredType


@dataclass(frozen=True)
class Converted:
    """A text file as Parquet files, one after the other."""

    parts: tuple[Path, ...]
    schema: Mapping[str, pl.DataType]
    rows: int

    def scan(self) -> pl.LazyFrame:
        return pl.scan_parquet(list(self.parts), glob=False, hive_partitioning=False)


def pieces_of(
    path: Path, form: Format, declared: DeclaredType, *, shown: str | None = None
) -> Pieces:
    """A text file in pieces. shown: what errors call it, by default its path."""
    kind = CsvPieces if form == "CSV" else JsonLinesPieces
    return kind(path, declared, shown or str(path))


def convert(pieces: Pieces, folder: Path) -> Converted:
    """Write a text file into `folder`, a piece at a time."""
    while True:
        try:
            return _written(pieces, folder)
        except RetypedError:
            continue


def _written(pieces: Pieces, folder: Path) -> Converted:
    parts, rows = [], 0
    for number, frame in enumerate(pieces.frames()):
        part = folder / f"{number:06}.parquet"
        with room_in(folder):
            frame.write_parquet(part, compression="lz4", statistics=False)
        parts.append(part)
        rows += frame.height
        schema = frame.schema
    return Converted(tuple(parts), dict(schema), rows)
