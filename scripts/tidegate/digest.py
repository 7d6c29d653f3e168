"""Content digests: `sha256:<hex>`, the same on every machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# Bytes that are hashed at once. After each piece a thread waits for its turn, up to 5 ms.
_PIECE = 8 * 2**20


def of_bytes(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def of_file(path: Path) -> str:
    content, piece = hashlib.sha256(), memoryview(bytearray(_PIECE))
    with path.open("rb", buffering=0) as stream:
        while size := stream.readinto(piece):
            content.update(piece[:size])
    return "sha256:" + content.hexdigest()


def of_json(value: Any) -> str:
    """Digest of a JSON value in canonical form: sorted keys, no spaces, no NaN."""
    return of_bytes(
        json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    )


def of_files(files: Iterable[Path], root: Path, contents: Iterable[str] | None = None) -> str:
    """Digest of a set of files: their paths below `root` and their contents, in any order.

    contents: their own digests, where they are known.
    """
    paths = list(files)
    names = [path.relative_to(root).as_posix() for path in paths]
    return of_json(dict(zip(names, contents or map(of_file, paths), strict=True)))


def of_folder(folder: Path) -> str:
    """Digest of every file below `folder`, compiled Python left out."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return of_files(files, folder)
