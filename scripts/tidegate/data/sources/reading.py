"""One file read into memory, and what its damage is called."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from tidegate.data.csv_files import read_csv
from tidegate.data.sources.formats import format_of
from tidegate.errors import DataError

DeclaredType = Callable[[str], pl.DataType | None]


def read_table(path: Path, declared: DeclaredType = lambda _: None) -> pl.DataFrame:
    """Read one Parquet or CSV file; `declared` says what type a column of a CSV should have.

    Raises DataError when the file is missing, cut off, or not what its name says.
    """
    with damage_named(str(path)):
        if format_of(path) == "parquet":
            return pl.read_parquet(path, hive_partitioning=False, glob=False)
        return read_csv(path, declared)


@contextmanager
def damage_named(where: str) -> Iterator[None]:
    """Raise DataError for whatever reading a file raises."""
    try:
        yield
    except FileNotFoundError:
        raise DataError(
            "the file does not exist", where=where, remedy="run the pipeline that writes it"
        ) from None
    except (pl.exceptions.PolarsError, OSError, EOFError, zlib.error) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    except pl.exceptions.PanicException:
        reason = "its content is damaged"
    else:
        return
    raise DataError(
        f"the file cannot be read: {reason[:300]}",
        where=where,
        remedy="it is cut off, damaged, or not what its name says: write it again",
    ) from None
