"""The paired rows of an evaluation set, in one piece in memory or in many on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import polars as pl

from tidegate.gate.rows.pairing import Pairing, Tally, add_up
from tidegate.gate.rows.tables import Side, Table
from tidegate.gate.statistics.design import Design
from tidegate.gate.statistics.piece import Piece

# So many rows are joined and judged at once; it bounds the memory, not the size of the tables.
PIECE_ROWS = 250_000
_PART = "__part"

Result = TypeVar("Result")
Step = TypeVar("Step")


class Pieces(Protocol):
    """Where the rows are. The verdict is the same wherever that is."""

    def map(self, design: Design, work: Callable[[Piece], Result]) -> Iterator[Result]:
        """The work done on every piece, in any order."""
        ...

    def whole(self) -> pl.DataFrame | None:
        """All rows at once, where they are in memory."""
        ...


@dataclass
class InMemory:
    """One piece, kept with what was worked out on it."""

    frame: pl.DataFrame
    _piece: Piece | None = None

    def map(self, design: Design, work: Callable[[Piece], Result]) -> Iterator[Result]:
        if self._piece is None or self._piece.design is not design:
            self._piece = Piece(design, self.frame)
        yield work(self._piece)

    def whole(self) -> pl.DataFrame | None:
        return self.frame


@dataclass(frozen=True)
class OnDisk:
    """Files of paired rows, each small enough for memory."""

    files: tuple[Path, ...]
    interactive: bool = False  # show on a terminal how far it is

    def map(self, design: Design, work: Callable[[Piece], Result]) -> Iterator[Result]:
        for file in shown(self.files, "judging", interactive=self.interactive):
            yield work(Piece(design, pl.read_ipc(file)))

    def whole(self) -> pl.DataFrame | None:
        return None


def join_tables(
    pairing: Pairing,
    tables: list[Table],
    folder: Path,
    parts: int | None = None,
    *,
    interactive: bool = False,
) -> tuple[Pieces, Tally]:
    """Join the tables. folder: for what does not fit into memory.

    parts: in how many pieces; by default one while both tables are in memory.
    """
    if parts is None and all(table.frame is not None for table in tables):
        raw = {table.side: table.frame for table in tables if table.frame is not None}
        piece, tally = pairing.join(raw)
        return InMemory(piece), tally
    count = parts or -(-max(table.rows for table in tables) // PIECE_ROWS)
    for table in shown(tables, "reading", interactive=interactive):
        _partition(table, pairing, count, folder / table.side)
    files, tallies = [], []
    for part in shown(range(count), "joining", interactive=interactive):
        rows: dict[Side, pl.DataFrame] = {}
        for table in tables:
            written = sorted((folder / table.side / f"{_PART}={part}").glob("*.ipc"))
            rows[table.side] = (
                pl.concat([pl.read_ipc(file) for file in written])
                if written
                else pl.DataFrame(schema=dict(table.schema))
            )
            for file in written:
                file.unlink()
        piece, tally = pairing.join(rows)
        file = folder / f"piece-{part}.ipc"
        piece.write_ipc(file)
        files.append(file)
        tallies.append(tally)
    return OnDisk(tuple(files), interactive), add_up(tallies)


def shown(steps: Sequence[Step], what: str, *, interactive: bool) -> Iterable[Step]:
    """The steps, with a bar on the terminal that goes along with them."""
    if not interactive:
        return steps
    from rich.console import Console
    from rich.progress import track

    return track(steps, what, console=Console(stderr=True), transient=True)


def _partition(table: Table, pairing: Pairing, count: int, folder: Path) -> None:
    """Write the rows of a table into `count` parts by their key: the same key, the same part."""
    folder.mkdir(parents=True)
    keys = pairing.columns[table.side][: pairing.keys]
    part = (pl.struct(keys).hash() % count).alias(_PART)
    table.scan().with_columns(part).sink_ipc(
        pl.PartitionBy(folder, key=_PART, include_key=False), engine="streaming"
    )
