"""One file read into memory, and what its damage is called."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from tidegate.data.sources.conversion import pieces_of
from tidegate.data.sources.formats import format_of
from tidegate.data.sources.pieces import in_memory
from tidegate.data.sources.text_types import DeclaredType, nothing_declared
from tidegate.errors import DataError


def read_table(path: Path, declared: DeclaredType = nothing_declared) -> pl.DataFrame:
    """Read one file; `declared` says what type a column of a text format should have.

    Raises DataError when the file is missing, cut off, or not what its name says.
    """
    form = format_of(path.name)
    if form is None:
        raise _unreadable("it is neither Parquet, CSV nor JSON lines, by its name", str(path))
    with damage_named(str(path)):
        if form == "Parquet":
            refuse_without_content(path)
            return pl.read_parquet(path, hive_partitioning=False, glob=False)
        return in_memory(pieces_of(path, form, declared))


def refuse_without_content(path: Path) -> None:
    """Raise for what Polars has no clear word for: a folder, and an empty file."""
    if path.is_dir():
        raise IsADirectoryError
    if path.stat().st_size == 0:
        raise _unreadable("it is empty (0 bytes)", str(path))


@contextmanager
def damage_named(where: str) -> Iterator[None]:
    """Raise DataError for whatever reading a file raises. No message quotes what a file holds."""
    try:
        yield
    except FileNotFoundError:
        raise DataError(
            "the file does not exist (any more)",
            where=where,
            remedy="run the pipeline that writes it, and nothing that deletes it meanwhile",
        ) from None
    except PermissionError:
        raise DataError(
            "the file may not be read by this user",
            where=where,
            remedy="give the user who runs tidegate the right to read it",
        ) from None
    except IsADirectoryError:
        raise DataError(
            "it is a folder, not a file", where=where, remedy="name a file in it"
        ) from None
    except pl.exceptions.DuplicateError as error:
        reason = str(error)
    except (pl.exceptions.PolarsError, OSError, EOFError) as error:
        reason = _reason(error)
    except pl.exceptions.PanicException:
        reason = "its content is damaged"
    else:
        return
    raise _unreadable(reason, where)


def _reason(error: Exception) -> str:
    text = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
    if "must end with PAR1" in text or "at least 12 bytes" in text:
        return "it is cut off, or no Parquet file"
    if text.startswith("parquet: "):
        return f"it is damaged ({text.removeprefix('parquet: ')})"
    return text


def _unreadable(reason: str, where: str) -> DataError:
    return DataError(
        f"the file cannot be read: {reason}",
        where=where,
        remedy="it is cut off, damaged, or not what its name says: write it again",
    )
