"""A dataset's path as a pattern for paths that need not be there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import takewhile
from pathlib import Path, PurePosixPath


@dataclass(frozen=True)
class Pattern:
    """A file, folder or glob, from the repository's top."""

    parts: tuple[str, ...]

    @classmethod
    def of(cls, path: str, root: Path, top: Path) -> Pattern | None:
        """None for a path that is not in the repository, such as one in an object store."""
        if "://" in path:
            return None
        below = os.path.relpath(os.path.normpath(root.resolve() / path), top.resolve())
        parts = PurePosixPath(Path(below).as_posix()).parts
        return None if ".." in parts[:1] else cls(parts)

    def has(self, path: PurePosixPath) -> bool:
        """Whether a file is of the dataset: it matches, or a folder that it is in does."""
        return any(_matches(path.parts[:end], self.parts) for end in range(len(path.parts) + 1))

    def overlaps(self, folder: PurePosixPath) -> bool:
        """Whether files below a folder may be of the dataset. Rather one folder too many."""
        fixed = tuple(takewhile(lambda part: not any(mark in part for mark in "*?["), self.parts))
        return fixed[: len(folder.parts)] == folder.parts[: len(fixed)]


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """As `Path.glob` has it: `**` is any number of folders."""
    if not pattern or not parts:
        return not parts and all(part == "**" for part in pattern)
    if pattern[0] == "**":
        return _matches(parts, pattern[1:]) or _matches(parts[1:], pattern)
    return fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])
