"""The paired rows of an evaluation set, in the partitions of a Spark cluster."""

from __future__ import annotations

import pickle
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import polars as pl
import pyarrow as pa

from tidegate.gate.rows import spark_kernels as kernels
from tidegate.gate.rows.pairing import Pairing, Tally, add_up
from tidegate.gate.rows.pieces import PIECE_ROWS
from tidegate.gate.rows.tables import Table, scan
from tidegate.gate.statistics.design import Design
from tidegate.gate.statistics.piece import Piece
from tidegate.spark.kernels import Kernel, apply
from tidegate.spark.rows import SCHEMA, Row, errors_raised, frame_rows, loaded, packed, sums_of
from tidegate.spark.session import open_session, working

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# So many rows of a file are read at once.
STRETCH_ROWS = 1_000_000
# So many sums are merged into one, in as many rounds as that takes.
FAN_IN = 8

Result = TypeVar("Result")


class OnSpark:
    """Pieces that the executors hold, in memory and on disk.

    Each kernel runs where the pieces are; only sums, merged, come to the driver.
    """

    def __init__(self, session: SparkSession, joined: DataFrame, partitions: int, folder: Path):
        self._session, self._joined, self._partitions = session, joined, partitions
        self._folder = folder
        weakref.finalize(self, _release, joined).atexit = False

    def map(self, design: Design, work: Callable[[Piece], Result]) -> Iterator[Result]:
        """The results of all pieces, merged: they must have `merge`, as those of both passes."""
        with working(self._session):
            pieces = self._joined.where("kind = 'piece'")
            sums = self._apply(pieces, kernels.AddUp(design, work))
            left = self._partitions
            while left > 1:
                left = -(-left // FAN_IN)
                together = sums.repartition(left, "part").sortWithinPartitions("part", "number")
                sums = self._apply(together, kernels.Merge())
            rows = sorted(_fetch(sums.repartition("number")))
        yield sums_of(rows)

    def whole(self) -> pl.DataFrame | None:
        """None: the rows are not on one machine."""
        return None

    def tally(self) -> Tally:
        with working(self._session):
            return add_up([loaded(row) for row in _fetch(self._joined.where("kind != 'piece'"))])

    def _apply(self, frame: DataFrame, kernel: Kernel) -> DataFrame:
        return apply(self._session, frame, kernel, self._folder)


def join_on_spark(
    pairing: Pairing,
    tables: Sequence[Table],
    folder: Path,
    parts: int | None = None,
    session: SparkSession | None = None,
) -> tuple[OnSpark, Tally]:
    """Join the tables on a Spark cluster, as pieces.join_tables does here.

    A table that is in memory is sent; the files of a larger one are read by the executors, under
    the same path. folder: for what is sent to them; parts: in how many pieces.
    """
    session = session or open_session()
    count = parts or -(-max(table.rows for table in tables) // PIECE_ROWS)
    partitions = min(count, int(session.conf.get("spark.sql.shuffle.partitions")))
    sources = list(_sources(tables))
    with working(session):
        from pyspark import StorageLevel

        given = session.createDataFrame(pa.Table.from_batches(packed(sources)), SCHEMA)
        keys: dict[str, list[pl.Expr]] = {
            table.side: pairing.columns[table.side][: pairing.keys] for table in tables
        }
        schemas = {table.side: dict(table.schema) for table in tables}
        applied = partial(apply, session, folder=folder)
        scattered = applied(given.repartition(len(sources)), kernels.Scatter(keys, count))
        by_part = scattered.repartition(partitions, "part").sortWithinPartitions("part")
        joined = applied(by_part, kernels.Gather(pairing, schemas))
        joined = joined.persist(StorageLevel.MEMORY_AND_DISK)
    pieces = OnSpark(session, joined, partitions, folder)
    return pieces, pieces.tally()


def _sources(tables: Sequence[Table]) -> Iterator[Row]:
    """The rows that the driver has, and the stretches of files that it leaves to the executors."""
    for table in tables:
        if table.frame is not None:
            yield from frame_rows(0, table.side, table.frame)
            continue
        for file in table.files:
            of_file = replace(table, files=(file,))
            rows = scan([file]).select(pl.len()).collect().item()
            for offset in range(0, rows, STRETCH_ROWS):
                stretch = kernels.Stretch(of_file, offset, STRETCH_ROWS)
                yield Row(0, table.side, 0, pickle.dumps(stretch))


def _fetch(frame: DataFrame) -> list[Row]:
    return list(errors_raised(Row(*row) for row in frame.toLocalIterator()))


def _release(joined: DataFrame) -> None:
    with suppress(Exception):  # where the session is gone, so are the pieces
        joined.unpersist()
