"""Digest of an evaluation set: what was evaluated, whatever the models said of it."""

from __future__ import annotations

import hashlib

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tidegate import digest
from tidegate.config import Evaluation
from tidegate.gate.rows.tables import Table

Words = NDArray[np.uint64]
# The finalizer of splitmix64 (Steele, Lea, Flood 2014), with a seed for each of two lanes.
_SEEDS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F)
_NULL = 0xB5297A4D68E31DA4


def evaluation_digest(table: Table, evaluation: Evaluation) -> str:
    """Digest of keys, labels, weights, clusters and slices, in whatever order the rows stand.

    The sum of a 128-bit hash of each row, so that batches can be added up. It tells evaluation
    sets apart that differ by accident; against intent it is no proof, and the gate does not take
    it for one: keys and labels of the two tables are compared row by row.
    """
    columns = [column for column in evaluation.columns if column not in evaluation.outputs]
    lanes = [0, 0]
    for batch in table.batches():
        words = [_words(batch[column]) for column in columns]
        for lane, seed in enumerate(_SEEDS):
            row = np.full(batch.height, seed, dtype=np.uint64)
            for word in words:
                row = _mixed(row ^ word) + np.uint64(seed)
            lanes[lane] = (lanes[lane] + int(np.add.reduce(row))) % (1 << 64)
    return digest.of_json({"columns": columns, "rows": table.rows, "sums": lanes})


def _words(column: pl.Series) -> Words:
    """A number of 64 bits for each value, the same for 1, 1.0 and True."""
    kind = column.dtype
    empty = column.is_null()
    if kind.is_float():
        values = column.fill_null(0.0).cast(pl.Float64).to_numpy()
        with np.errstate(invalid="ignore"):
            whole = values.astype(np.int64)
        is_whole = (whole == values) & (np.abs(values) < 2**53)
        words = np.where(is_whole, whole, values.view(np.int64)).view(np.uint64)
    elif (kind.is_integer() and kind != pl.Int128) or kind == pl.Boolean:
        wide = pl.UInt64 if kind == pl.UInt64 else pl.Int64
        words = column.cast(wide).fill_null(0).to_numpy().view(np.uint64)
    else:
        text = column.cast(pl.String).fill_null("")
        values_once = text.unique()
        hashes = [
            int.from_bytes(hashlib.blake2b(value.encode(), digest_size=8).digest(), "little")
            for value in values_once
        ]
        numbers = pl.Series(hashes, dtype=pl.UInt64)
        words = text.replace_strict(values_once, numbers, return_dtype=pl.UInt64).to_numpy()
    if empty.any():
        words = np.where(empty.to_numpy(), np.uint64(_NULL), words)
    return _mixed(words)


def _mixed(words: Words) -> Words:
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
