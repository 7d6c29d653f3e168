"""Reports out of a zip file that a stranger may have made: read in memory, never unpacked.

Only <verb>.json of the verbs asked for is read, and never more of it than the limits say. An
archive in which anything hints at an attack is refused as a whole: what uploads an honest one
writes plain names of plain files.
"""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import PurePosixPath, PureWindowsPath

from tidegate.errors import TidegateError
from tidegate.report.escape import plain

MAX_ARCHIVE = 20_000_000  # bytes, as it is sent
MAX_ENTRIES = 1_000
MAX_FILE = 8_000_000  # bytes of one report
MAX_RATIO = 200  # deflate gives JSON a tenth of it; a bomb needs a thousand
_PIECE = 65_536
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ENCRYPTED = 0x1


class ArchiveError(TidegateError):
    """The archive, or a file in it, is not taken."""

    def __init__(self, what: str, *, where: str | None = None):
        super().__init__(
            what,
            where=where,
            remedy="look at the run and at what it uploads before you trust it with anything",
        )


def reports_in(content: bytes, verbs: Collection[str]) -> dict[str, bytes]:
    """Verb -> the bytes of its report, for those that are there.

    Raises ArchiveError.
    """
    if len(content) > MAX_ARCHIVE:
        raise ArchiveError(f"the archive is larger than {MAX_ARCHIVE:,} bytes")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _reports(archive, {f"{verb}.json": verb for verb in verbs})
    except ArchiveError:
        raise
    # Damaged in one of the many ways that the zipfile module has its own exceptions for.
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as error:
        raise ArchiveError(f"the archive cannot be read: {plain(error, 200)}") from None


def _reports(archive: zipfile.ZipFile, wanted: Mapping[str, str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for entry in _entries(archive):
        verb = wanted.get(entry.filename)
        if verb is None:
            continue
        if verb in found:
            raise ArchiveError("the archive holds the file twice", where=entry.filename)
        found[verb] = _read(archive, entry)
    return found


def _entries(archive: zipfile.ZipFile) -> Iterator[zipfile.ZipInfo]:
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise ArchiveError(f"the archive holds more than {MAX_ENTRIES:,} files")
    for entry in entries:
        _refuse_odd(entry)
        yield entry


def _refuse_odd(entry: zipfile.ZipInfo) -> None:
    name, where = entry.filename, plain(entry.filename, 100)
    # orig_filename: zipfile cuts a name at a NUL, behind which another one may hide.
    if not name or name != entry.orig_filename or "\\" in name:
        raise ArchiveError("the archive holds a name that is no name", where=where)
    if PurePosixPath(name).is_absolute() or PureWindowsPath(name).drive:
        raise ArchiveError("the archive holds an absolute path", where=where)
    if ".." in PurePosixPath(name).parts:
        raise ArchiveError("the archive holds a path that climbs out of it", where=where)
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise ArchiveError("the archive holds a link or a device", where=where)
    if entry.flag_bits & _ENCRYPTED or entry.compress_type not in _METHODS:
        raise ArchiveError(
            "the archive holds a file that is encrypted or oddly packed", where=where
        )


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """The file's bytes; what the archive says of its size is not believed."""
    size, most = 0, min(MAX_FILE, MAX_RATIO * max(entry.compress_size, _PIECE))
    pieces = []
    with archive.open(entry) as stream:
        while piece := stream.read(_PIECE):
            size += len(piece)
            if size > most:
                raise ArchiveError(
                    f"the report is larger than {MAX_FILE:,} bytes, or packed like a bomb",
                    where=entry.filename,
                )
            pieces.append(piece)
    return b"".join(pieces)
