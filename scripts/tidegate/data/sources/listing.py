"""Folders of this machine, listed so that nothing is passed over because it cannot be looked at.

Python's own globs leave out folders that they may not read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path


def files_below(folder: Path, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """Every file in a folder and below it, links followed, hidden ones left out.

    Raises OSError for a folder that may not be listed.
    """
    above = (*above, folder.resolve())
    for entry in entries(folder):
        if not entry.is_dir():
            yield entry
        elif entry.resolve() not in above:  # a link may lead back
            yield from files_below(entry, above)


def matches(folder: Path, pattern: Sequence[str]) -> Iterator[Path]:
    """What is of a glob below a folder, as `Path.glob` has it; it may come twice.

    Raises OSError for a folder that may not be listed.
    """
    part, *rest = pattern
    if part == "**":
        yield from matches(folder, rest) if rest else [folder]
        for entry in entries(folder):
            if entry.is_dir() and not entry.is_symlink():
                yield from matches(entry, pattern)
        return
    if has_wildcards(part):
        found = [entry for entry in entries(folder) if fnmatchcase(entry.name, part)]
    else:
        found = [folder / part] if os.path.lexists(folder / part) else []
    for entry in found:
        if not rest:
            yield entry
        elif entry.is_dir():
            yield from matches(entry, rest)


def entries(folder: Path) -> list[Path]:
    return [
        entry
        for entry in folder.iterdir()
        if not is_hidden([entry.name, ""] if entry.is_dir() else [entry.name])
    ]


def is_hidden(parts: Sequence[str]) -> bool:
    """By name, as Hive and Spark have it: `_temporary/x.csv`, but not `_year=2013/x.csv`."""
    return any(part.startswith(".") for part in parts) or any(
        part.startswith("_") and "=" not in part for part in parts[:-1]
    )


def is_match(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether a path is of a glob: `**` is any number of folders."""
    if not pattern or not parts:
        return not parts and all(part == "**" for part in pattern)
    if pattern[0] == "**":
        return is_match(parts, pattern[1:]) or is_match(parts[1:], pattern)
    return fnmatchcase(parts[0], pattern[0]) and is_match(parts[1:], pattern[1:])


def has_wildcards(path: str) -> bool:
    return any(mark in path for mark in "*?[")
