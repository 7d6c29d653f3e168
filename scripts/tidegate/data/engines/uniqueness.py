"""Keys that repeat, found exactly, in eight bytes a row.

The rows of a key that grows from row to row cannot repeat it: that needs no memory. Others are put
into 64-bit codes, which are sorted. Where a code is a hash, keys that share one are then looked at
themselves.
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
Rows = npt.NDArray[np.int64]
# Batches of the key columns, in order, for the rows from one number up to another.
ReadKeys = Callable[[int, int], Iterator[pl.DataFrame]]

_BLOCK = 1 << 20  # codes looked at in one go, once they are sorted
_MOST_KEYS = 4_000_000  # repeated keys held in memory in one go
_ROW = f"{RESERVED}row"
_INTEGERS = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32)


@dataclass(frozen=True)
class Repeats:
    """The rows at fault. mask is None where there are none."""

    failing: int = 0
    first: tuple[int, ...] = ()
    mask: Mask | None = None


def hashed(keys: pl.DataFrame) -> Hashes:
    """A hash for each row; equal keys have equal ones, null and NaN being keys, too."""
    return keys.hash_rows().to_numpy()


def numbered(keys: pl.DataFrame) -> Hashes | None:
    """A single column's values as numbers of 64 bits, if they fit: no two have the same."""
    values = keys.to_series()
    if keys.width > 1 or values.null_count():
        return None
    if values.dtype.is_float():
        numbers = values.cast(pl.Float64).to_numpy() + 0.0  # for there are two zeros
        numbers[np.isnan(numbers)] = np.nan  # and many NaN
        return numbers.view(np.uint64)
    if values.dtype == pl.UInt64:
        return values.to_numpy()
    if values.dtype.is_temporal() or values.dtype in _INTEGERS:
        return values.to_physical().cast(pl.Int64).to_numpy().view(np.uint64)
    return None


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
        hash_of: Callable[[pl.DataFrame], Hashes] = hashed,
        most_keys: int = _MOST_KEYS,
    ):
        self._rows = rows
        self._report = report
        self._hash_of = hash_of
        self._most_keys = most_keys
        self._seen = 0
        self._last: pl.Series | None = None  # the last key, while keys grow
        self._codes: Hashes | None = None
        self._coded_from = 0  # the rows before have no codes yet, or others
        self._exact = True  # as long as keys fit into their codes

    def add(self, keys: pl.DataFrame) -> None:
        if not keys.height:
            return
        if self._codes is None and not self._still_grows(keys):
            self._codes = np.empty(self._rows, dtype=np.uint64)
            self._coded_from = self._seen
        if self._codes is not None:
            numbers = numbered(keys) if self._exact else None
            if self._exact and numbers is None:
                self._exact = False
                self._coded_from = self._seen
            codes = self._hash_of(keys) if numbers is None else numbers
            self._codes[self._seen : self._seen + keys.height] = codes
        self._seen += keys.height

    def repeats(self, read: ReadKeys) -> Repeats:
        """The rows at fault. Reads keys again where that is needed, and most often it is not."""
        if self._codes is None:
            return Repeats()
        codes, self._codes = self._codes, None
        start = 0
        for keys in read(0, self._coded_from):
            codes[start : start + keys.height] = self._code(keys)
            start += keys.height
        suspects = _repeated(codes)
        del codes
        if not len(suspects):
            return Repeats()
        mask = np.zeros(self._rows, dtype=bool)
        for low in range(0, len(suspects), self._most_keys):
            self._mark(mask, suspects[low : low + self._most_keys], read)
        return Repeats(int(np.count_nonzero(mask)), _first_true(mask), mask)

    def _code(self, keys: pl.DataFrame) -> Hashes:
        if self._exact and (numbers := numbered(keys)) is not None:
            return numbers
        return self._hash_of(keys)

    def _still_grows(self, keys: pl.DataFrame) -> bool:
        if keys.width > 1:
            return False
        values = keys.to_series()
        if self._last is not None:
            values = pl.concat([self._last, values])
        self._last = values.tail(1)
        return values.null_count() == 0 and bool((values.tail(-1) > values.head(-1)).all())

    def _mark(self, mask: Mask, suspects: Hashes, read: ReadKeys) -> None:
        """Mark the rows at fault whose codes are among the suspects, which are in order."""
        first = np.full(len(suspects), self._rows, dtype=np.int64)
        last = np.full(len(suspects), -1, dtype=np.int64)
        keys_of = _Keys()
        for rows, places, keys in self._suspicious(suspects, read):
            mask[rows] = True
            np.minimum.at(first, places, rows)
            np.maximum.at(last, places, rows)
            if not self._exact:
                keys_of.add(places, keys)
        if self._report == "exclude_first":
            mask[first] = False
        elif self._report == "exclude_last":
            mask[last] = False
        shared = keys_of.shared_places()
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
    ) -> Iterator[tuple[Rows, Rows, pl.DataFrame]]:
        """Of the rows whose codes are suspects: numbers, places among the suspects, keys."""
        start = 0
        for keys in read(0, self._rows):
            codes = self._code(keys)
            # Neighbours are looked for near one another; the rows of a key keep their order.
            order = np.argsort(codes, kind="stable")
            codes = codes[order]
            places = np.minimum(np.searchsorted(suspects, codes), len(suspects) - 1)
            hits = np.flatnonzero(suspects[places] == codes)
            if len(hits):
                yield start + order[hits], places[hits], keys[order[hits]]
            start += keys.height


class _Keys:
    """The different keys of each hash, in memory that grows with their number only."""

    def __init__(self) -> None:
        self._known: list[pl.DataFrame] = []
        self._more = 0
        self._allowed = _BLOCK

    def add(self, places: Rows, keys: pl.DataFrame) -> None:
        self._known.append(keys.with_columns(pl.Series(_ROW, places)).unique())
        self._more += self._known[-1].height
        if self._more > self._allowed:
            self._unite()

    def shared_places(self) -> Rows:
        """The places of hashes that several keys have."""
        if not self._known:
            return np.empty(0, dtype=np.int64)
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
        again = block[1:][block[1:] == block[:-1]]
        if not len(again):
            continue
        repeated = np.unique(again)
        if count and hashes[count - 1] == repeated[0]:
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
