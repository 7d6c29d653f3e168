"""Bytes of text files, unpacked on the way."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tidegate.data.sources.formats import compression_of
from tidegate.errors import DataError


@contextmanager
def unpacked(path: Path, shown: str) -> Iterator[IO[bytes]]:
    """The content of a file, read as it is needed. shown: what errors call it.

    Raises DataError where packed content is damaged, OSError as `open` does.
    """
    compression = compression_of(path.name)
    with path.open("rb") as file:
        if compression is None:
            yield file
            return
        import pyarrow as pa

        try:
            yield pa.CompressedInputStream(file, compression)
        except OSError as error:
            if error.errno is not None:
                raise
            problem = (
                "it is cut off" if "Truncated" in str(error) else f"it is no sound {compression}"
            )
            raise DataError(
                f"the file cannot be read: {problem}",
                where=shown,
                remedy="copy it again, or write it again",
            ) from None


@contextmanager
def room_in(folder: Path) -> Iterator[None]:
    """Around writing into the temporary folder: raise DataError when that fails."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"a table is copied here to be read, and that fails: {error.strerror or error}",
            where=str(folder),
            remedy="make room there, or set TMPDIR to a folder on a larger disk",
        ) from None


class Watched(io.RawIOBase):
    """A stream that counts the quotes in what was read, and ends its last line.

    first: the beginning of the content.
    """

    def __init__(self, stream: IO[bytes]):
        self._stream = stream
        self._ahead: bytes | None = None
        self.first = b""
        self.quotes = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        room = size - 1 if size > 1 else size  # for the end of the last line
        content = self._stream.read(room) if self._ahead is None else self._ahead
        self._ahead = self._stream.read(room)
        self.first = self.first or content[:16]
        self.quotes += content.count(b'"')
        is_last = bool(content) and not self._ahead
        return content + b"\n" if is_last and not content.endswith(b"\n") else content
