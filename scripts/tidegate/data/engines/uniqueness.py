"""Keys that repeat, found exactly, in eight bytes a row.

The rows of a key that grows from row to row cannot repeat it: that needs no memory. For others the
64-bit hashes of all keys are sorted; only keys whose hashes repeat are then looked at themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from tidegate.data.engines.plan import RESERVED
from tidegate.data.engines.tally import MAX_EXAMPLES
from tidegate.data.frames import Mask

Hashes = npt.NDArray[np.uint64]
# Batches of the key columns, in order, for the rows from one number up to another.
ReadKeys = Callable[[int, int], Iterator[pl.DataFrame]]

_BLOCK = 1 << 20  # hashes looked at in one go, once they are sorted
_MOST_KEYS = 4_000_000  # repeated keys held in memory in one go
_ROW = f"{RESERVED}row"


@dataclass(frozen=True)
class Repeats:
    """The rows at fault. mask is None where there are none."""

    failing: int = 0
    first: tuple[int, ...] = ()
    mask: Mask | None = None


def hashed(keys: pl.DataFrame) -> Hashes:
    """A hash for each row; equal keys have equal ones, null and NaN being keys, too."""
    return keys.hash_rows().to_numpy()


class Uniqueness:
    """Finds the rows whose keys repeat. Keys are added in order, batch by batch.

    rows: how many there will be. report: which rows of a repeated key are at fault: all,
    exclude_first, exclude_last.
    """

    def __init__(
        self,
        rows: int,
        report: str,
        *,
        hashes_of: Callable[[pl.DataFrame], Hashes] = hashed,
        most_keys: int = _MOST_KEYS,
    ):
        self._rows = rows
        self._report = report
        self._hashes_of = hashes_of
        self._most_keys = most_keys
        self._seen = 0
        self._last: pl.Series | None = None  # the last key, while keys grow
        self._grows = True
        self._hashes: Hashes | None = None
        self._hashed_from = 0

    def add(self, keys: pl.DataFrame) -> None:
        if not keys.height:
            return
        if self._grows and not self._still_grows(keys):
            self._grows = False
            self._hashes = np.empty(self._rows, dtype=np.uint64)
            self._hashed_from = self._seen
        if self._hashes is not None:
            self._hashes[self._seen : self._seen + keys.height] = self._hashes_of(keys)
        self._seen += keys.height

    def repeats(self, read: ReadKeys) -> Repeats:
        """The rows at fault. Reads keys again where that is needed, and most often it is not."""
        if self._hashes is None:
            return Repeats()
        start = 0
        for keys in read(0, self._hashed_from):  # those from when keys still grew
            self._hashes[start : start + keys.height] = self._hashes_of(keys)
            start += keys.height
        hashes, self._hashes = self._hashes, None
        suspects = _repeated(hashes)
        if not len(suspects):
            return Repeats()
        mask = np.zeros(self._rows, dtype=bool)
        for low in range(0, len(suspects), self._most_keys):
            self._mark(mask, suspects[low : low + self._most_keys], read)
        rows = _first_true(mask)
        return Repeats(int(np.count_nonzero(mask)), rows, mask)

    def _still_grows(self, keys: pl.DataFrame) -> bool:
        if keys.width > 1:
            return False
        values = keys.to_series()
        if self._last is not None:
            values = pl.concat([self._last, values])
        self._last = values.tail(1)
        return values.null_count() == 0 and bool((values.tail(-1) > values.head(-1)).all())

    def _mark(self, mask: Mask, suspects: Hashes, read: ReadKeys) -> None:
        """Mark the rows at fault whose hashes are among the suspects, which are in order."""
        first = np.full(len(suspects), self._rows, dtype=np.int64)
        last = np.full(len(suspects), -1, dtype=np.int64)
        keys_of = _Keys()
        for rows, places, keys in self._suspicious(suspects, read):
            mask[rows] = True
            np.minimum.at(first, places, rows)
            np.maximum.at(last, places, rows)
            keys_of.add(places, keys)
        shared = keys_of.shared_places()
        if self._report == "exclude_first":
            mask[first] = False
        elif self._report == "exclude_last":
            mask[last] = False
        if len(shared):
            self._mark_keys_of_one_hash(mask, suspects[shared], read)

    def _mark_keys_of_one_hash(self, mask: Mask, suspects: Hashes, read: ReadKeys) -> None:
        """Mark rows by the keys themselves, where different keys have the same hash."""
        found = [
            keys.with_columns(pl.Series(_ROW, rows))
            for rows, _, keys in self._suspicious(suspects, read)
        ]
        table = pl.concat(found)
        keys = table.drop(_ROW)
        repeated = keys.is_duplicated()
        if self._report == "exclude_first":
            repeated &= ~keys.select(pl.struct(pl.all()).is_first_distinct()).to_series()
        elif self._report == "exclude_last":
            repeated &= ~keys.select(pl.struct(pl.all()).is_last_distinct()).to_series()
        mask[table[_ROW].to_numpy()] = repeated.to_numpy()

    def _suspicious(
        self, suspects: Hashes, read: ReadKeys
    ) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], pl.DataFrame]]:
        """Of the rows whose hashes are suspects: numbers, places among the suspects, keys."""
        start = 0
        for keys in read(0, self._rows):
            hashes = self._hashes_of(keys)
            places = np.minimum(np.searchsorted(suspects, hashes), len(suspects) - 1)
            hits = np.flatnonzero(suspects[places] == hashes)
            if len(hits):
                yield start + hits, places[hits], keys[hits]
            start += keys.height


class _Keys:
    """The different keys of each hash, in memory that grows with their number only."""

    def __init__(self) -> None:
        self._known: list[pl.DataFrame] = []
        self._more = 0
        self._allowed = _BLOCK

    def add(self, places: npt.NDArray[np.int64], keys: pl.DataFrame) -> None:
        self._known.append(keys.with_columns(pl.Series(_ROW, places)).unique())
        self._more += self._known[-1].height
        if self._more > self._allowed:
            self._unite()

    def shared_places(self) -> npt.NDArray[np.int64]:
        """The places of hashes that several keys have."""
        places = self._unite()[_ROW]
        return places.filter(places.is_duplicated()).unique().to_numpy()

    def _unite(self) -> pl.DataFrame:
        united = pl.concat(self._known).unique()
        self._known, self._more = [united], 0
        self._allowed = max(_BLOCK, united.height)
        return united


def _repeated(hashes: Hashes) -> Hashes:
    """The hashes that occur more than once, in order. Uses the array up."""
    hashes.sort()
    count = 0
    for start in range(0, len(hashes) - 1, _BLOCK):
        block = hashes[start : start + _BLOCK + 1]
        repeated = np.unique(block[1:][block[1:] == block[:-1]])
        if len(repeated) and count and hashes[count - 1] == repeated[0]:
            repeated = repeated[1:]
        # What is overwritten here has been looked at.
        hashes[count : count + len(repeated)] = repeated
        count += len(repeated)
    return hashes[:count].copy()


def _first_true(mask: Mask) -> tuple[int, ...]:
    rows: list[int] = []
    for start in range(0, len(mask), _BLOCK):
        found = np.flatnonzero(mask[start : start + _BLOCK])[: MAX_EXAMPLES - len(rows)]
        rows.extend((start + found).tolist())
        if len(rows) == MAX_EXAMPLES:
            break
    return tuple(rows)
