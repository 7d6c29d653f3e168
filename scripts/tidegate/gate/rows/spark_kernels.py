"""What Spark's executors do: the same joining and the same sums as on one machine."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any

import numpy as np
import polars as pl
import polars.selectors as cs

from tidegate.errors import DataError
from tidegate.gate.rows.pairing import Pairing, Tally, add_up
from tidegate.gate.rows.tables import Side, Table
from tidegate.gate.statistics.design import Design
from tidegate.gate.statistics.piece import Piece
from tidegate.spark.rows import Row, frame_rows, loaded, sums_of, sums_rows

# What a row can be, besides rows of the side that `kind` names.
PIECE, TALLY = "piece", "tally"
_PART = "__part"


@dataclass(frozen=True)
class Stretch:
    """Some rows of a file, which an executor is to read. table: of that one file."""

    table: Table
    offset: int
    rows: int

    def read(self) -> pl.DataFrame:
        try:
            return self.table.scan().slice(self.offset, self.rows).collect()
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
            raise DataError(
                f"a Spark executor cannot read the file: {reason}",
                where=str(self.table.files[0]),
                remedy="a large table must stand where the driver and every executor find it under "
                "the same path; for a baseline that comes from the registry, set TMPDIR to a "
                "folder of that kind",
            ) from None


@dataclass(frozen=True)
class Scatter:
    """From frames and stretches to their rows, each with the part that its key belongs to."""

    keys: Mapping[str, list[pl.Expr]]
    parts: int

    def __call__(self, rows: Iterator[Row]) -> Iterator[Row]:
        for row in rows:
            source = loaded(row)
            frame = source.read() if isinstance(source, Stretch) else source
            held = frame.hstack(self._part(frame.select(self.keys[row.kind])))
            split = held.partition_by(_PART, include_key=False, as_dict=True)
            for (part,), rest in split.items():
                yield from frame_rows(part, row.kind, rest)

    def _part(self, keys: pl.DataFrame) -> pl.DataFrame:
        # The number behind a category differs from process to process, its text does not.
        text = keys.with_columns((cs.categorical() | cs.enum()).cast(pl.String))
        part = pl.struct(pl.all()).hash() % self.parts
        return text.select(part.cast(pl.Int32).alias(_PART))


@dataclass(frozen=True)
class Gather:
    """From the rows of both sides, in the order of their parts, to joined pieces and one tally."""

    pairing: Pairing
    schemas: Mapping[Side, Mapping[str, pl.DataType]]

    def __call__(self, rows: Iterator[Row]) -> Iterator[Row]:
        tallies: list[Tally] = []
        for part, group in groupby(rows, attrgetter("part")):
            held: dict[str, list[pl.DataFrame]] = {side: [] for side in self.schemas}
            for row in group:
                held[row.kind].append(loaded(row))
            piece, tally = self.pairing.join(
                {
                    side: pl.concat(held[side]) if held[side] else pl.DataFrame(schema=dict(schema))
                    for side, schema in self.schemas.items()
                }
            )
            tallies.append(tally)
            yield from frame_rows(part, PIECE, piece)
        if tallies:
            yield Row(0, TALLY, 0, pickle.dumps(add_up(tallies)))


@dataclass(frozen=True)
class AddUp:
    """From pieces to the sums that `work` makes of them, merged."""

    design: Design
    work: Callable[[Piece], Any]

    def __call__(self, rows: Iterator[Row]) -> Iterator[Row]:
        return _merged(
            (part, self._worked(group)) for part, group in groupby(rows, attrgetter("part"))
        )

    def _worked(self, rows: Iterable[Row]) -> Any:
        frame = pl.concat([loaded(row) for row in rows])
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is found in judging
            return self.work(Piece(self.design, frame))


@dataclass(frozen=True)
class Merge:
    """From sums, in the order of their parts and numbers, to their sum."""

    def __call__(self, rows: Iterator[Row]) -> Iterator[Row]:
        return _merged((part, sums_of(group)) for part, group in groupby(rows, attrgetter("part")))


def _merged(found: Iterator[tuple[int, Any]]) -> Iterator[Row]:
    """One row of sums, under the number of the first part: the same when a task is run again."""
    for first, total in found:
        for _, other in found:
            total = total.merge(other)
        yield from sums_rows(first, total)
