"""Text files read in pieces of bounded size, whose types show only at the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import polars as pl

PIECE_BYTES = 4 << 20


class RetypedError(Exception):
    """A value did not fit the type that earlier pieces were given: read the file once more."""


class Pieces(Protocol):
    """A text file as frames in the order of its rows, all with the same columns and types.

    It yields one frame at least. Raises RetypedError at the end of the file, DataError for damage.
    """

    def frames(self) -> Iterator[pl.DataFrame]: ...


def in_memory(pieces: Pieces) -> pl.DataFrame:
    while True:
        try:
            return pl.concat(list(pieces.frames()))
        except RetypedError:
            continue
