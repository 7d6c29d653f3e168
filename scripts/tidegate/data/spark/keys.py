"""Keys that repeat among rows that no machine holds together.

In each stretch of rows, those that repeat a key of that stretch are found at once. One row stands
for each different key, and goes where the rows that stand for the same key elsewhere go.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
import polars.selectors as cs

from tidegate.data.engines.findings import Count
from tidegate.data.engines.plan import RESERVED
from tidegate.data.engines.uniqueness import hashed
from tidegate.data.frames import Mask

# Beside the keys: the number of the row in the part, whether it breaks a rule in its own stretch,
# and whether it is one that this very rule has been found to blame.
ROW, BLOCKED, BLAMED = f"{RESERVED}row", f"{RESERVED}blocked", f"{RESERVED}blamed"
_PART = f"{RESERVED}part"


def comparable(keys: pl.DataFrame) -> pl.DataFrame:
    """Keys that mean the same in every process: the number behind a category does not."""
    return keys.with_columns((cs.categorical() | cs.enum()).cast(pl.String))


def repeated(keys: pl.DataFrame, report: str) -> Mask:
    """The rows at fault for a key that another of these rows has. report: as in `Distinct`."""
    if report == "exclude_first":
        return ~_distinct(keys, first=True)
    if report == "exclude_last":
        return ~_distinct(keys, first=False)
    return keys.is_duplicated().to_numpy()


def standing(
    keys: pl.DataFrame, report: str, first: int, blamed: Mask, blocked: Mask
) -> pl.DataFrame:
    """One row for each different key, with what must be known of it elsewhere.

    first: the number in the part of the first row.
    """
    stands = _distinct(keys, first=report != "exclude_last")
    return keys.with_columns(
        pl.int_range(first, first + keys.height, eager=True).alias(ROW),
        pl.Series(BLOCKED, blocked),
        pl.Series(BLAMED, blamed),
    ).filter(pl.Series(stands))


def scattered(rows: pl.DataFrame, parts: int) -> Iterator[tuple[int, pl.DataFrame]]:
    """The rows by the part that their key belongs to."""
    keys = rows.drop(ROW, BLOCKED, BLAMED)
    yield from _split(rows, hashed(keys) % np.uint64(parts))


def met(rows: pl.DataFrame, report: str) -> tuple[Count, pl.DataFrame]:
    """Of rows that stand for their keys in several stretches: those at fault, and not yet blamed.

    Their count, and the numbers of those that break no rule in their own stretch.
    """
    rows = rows.sort(ROW)
    keys = rows.drop(ROW, BLOCKED, BLAMED)
    failing = rows.filter(pl.Series(repeated(keys, report)) & ~pl.col(BLAMED))
    count = Count(failing.height, failing[ROW].head(5).to_list())
    return count, failing.filter(~pl.col(BLOCKED)).select(ROW)


def scattered_by_row(rows: pl.DataFrame, parts: int) -> Iterator[tuple[int, pl.DataFrame]]:
    """Numbers of rows by a part that each belongs to."""
    yield from _split(rows, rows[ROW].to_numpy() % parts)


def _distinct(keys: pl.DataFrame, *, first: bool) -> Mask:
    together = pl.struct(pl.all())
    chosen = together.is_first_distinct() if first else together.is_last_distinct()
    return keys.select(chosen).to_series().to_numpy()


def _split(rows: pl.DataFrame, part: np.ndarray) -> Iterator[tuple[int, pl.DataFrame]]:
    held = rows.with_columns(pl.Series(_PART, part.astype(np.int32)))
    split = held.partition_by(_PART, include_key=False, as_dict=True)
    yield from ((number, rest) for (number,), rest in split.items())
