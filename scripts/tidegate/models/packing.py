"""Files in files: what a model's data is packed into, opened as far as it can be."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import IO, Any

MAX_DEPTH = 4
MAX_BYTES = 8 * 2**30  # of one file, unpacked
_PIECE = 2**20
_IN_MEMORY = 64 * 2**20
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_NUMPY = b"\x93NUMPY"
_PACKERS: dict[bytes, Callable[[IO[bytes]], Any]] = {
    b"\x1f\x8b": lambda stream: gzip.GzipFile(fileobj=stream, mode="rb"),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
    b"\x5d\x00\x00": lzma.LZMAFile,
}
_ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
# What joblib and others can pack with, and the standard library cannot open.
_CLOSED = {b"\x04\x22\x4d\x18": "lz4", b"\x28\xb5\x2f\xfd": "zstd", b"7z\xbc\xaf": "7z"}


class Unreadable(Exception):
    """A file that cannot be looked into. str(): why, after the file's name."""


def unpacked(stream: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]] | None:
    """(name, content) of what the file holds; None for one that holds nothing but itself.

    The name is empty where there is but one content. Raises Unreadable.
    """
    head = stream.read(8)
    stream.seek(0)
    # Also where something stands before it: whoever looks for a zip file finds it from its end.
    is_zip = zipfile.is_zipfile(stream)
    stream.seek(0)
    if head.startswith(_ZIP) or is_zip:
        if not head.startswith(_ZIP):
            raise Unreadable("is a zip file with something else before it")
        return _of_zip(stream)
    for magic, name in _CLOSED.items():
        if head.startswith(magic):
            raise Unreadable(f"is packed by {name}, which cannot be looked into")
    if head.startswith(_NUMPY):
        return _of_numpy(stream)
    for magic, packer in _PACKERS.items():
        if head.startswith(magic):
            return _opened(packer, stream)
    return _opened(_Inflating, stream) if head.startswith(_ZLIB) else None


def _of_zip(stream: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    try:
        with zipfile.ZipFile(stream) as archive:
            for entry in archive.infolist():
                with _copy(archive.open, entry) as content:
                    yield entry.filename, content
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, ValueError) as error:
        raise Unreadable(f"is a zip file that cannot be read ({error})") from None


def _of_numpy(stream: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    """An array of objects is a header and a pickle; any other one holds nothing to load."""
    from numpy.lib import format as npy

    try:
        version = npy.read_magic(stream)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        _, _, dtype = read(stream)
    except (ValueError, EOFError) as error:
        raise Unreadable(f"is a NumPy file that cannot be read ({error})") from None
    if dtype.hasobject:
        yield "objects.pickle", _copy(lambda rest: rest, stream)


class _Inflating:
    """zlib's own wrapping, as a file to read from. Raises zlib.error, also for one that is cut."""

    def __init__(self, packed: IO[bytes]):
        self._packed = packed
        self._machine = zlib.decompressobj()

    def read(self, size: int) -> bytes:
        machine = self._machine
        while not machine.eof:
            packed = machine.unconsumed_tail or self._packed.read(size)
            if not packed:
                raise zlib.error("it is cut")
            if piece := machine.decompress(packed, size):
                return piece
        return b""


def _copy(opener: Callable[[Any], Any], packed: Any) -> IO[bytes]:
    """The content in a file of its own, in which one can go back. The caller closes it."""
    with ExitStack() as closing:
        target: Any = closing.enter_context(tempfile.SpooledTemporaryFile(_IN_MEMORY))
        source, size = opener(packed), 0
        while piece := source.read(_PIECE):
            size += target.write(piece)
            if size > MAX_BYTES:
                raise Unreadable(f"is larger than {MAX_BYTES:,} bytes when it is unpacked")
        target.seek(0)
        closing.pop_all()
    return target  # type: ignore[no-any-return]


def _opened(opener: Callable[[Any], Any], packed: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    try:
        content = _copy(opener, packed)
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise Unreadable(f"is packed and cannot be read ({error})") from None
    yield "", content
