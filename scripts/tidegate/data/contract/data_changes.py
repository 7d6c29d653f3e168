"""Which data files that DVC tracks changed since the base, and by how many rows."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from tidegate.config import Dataset
from tidegate.data.contract.base import Base
from tidegate.data.contract.findings import DataChange
from tidegate.data.contract.patterns import Pattern
from tidegate.data.contract.tracking import Cache, Output
from tidegate.data.sources import Location
from tidegate.data.sources.formats import format_of
from tidegate.data.sources.opening import open_files
from tidegate.errors import DataError

MAX_NAMED = 20
_Files = dict[PurePosixPath, Output]
_Rows = tuple[int | None, str | None]  # how many; or why that is unknown


def data_changes(dataset: Dataset, base: Base) -> list[DataChange]:
    """The files of the dataset that DVC tracks, where they differ from the base's.

    The first of them are named; the others are one finding with their sums.
    """
    pattern = Pattern.of(dataset.path, base.config.root, base.commit.top)
    if pattern is None:
        return []
    redact = tuple(dataset.redact)
    then, now = (_Version(base, redact, is_present) for is_present in (False, True))
    earlier, present = ({path: output for path, output in outputs.items()
                         if _concerns(output, pattern)}
                        for outputs in base.outputs)  # fmt: skip
    found: list[DataChange] = []
    old: _Files = {}
    new: _Files = {}
    for path in sorted({*earlier, *present}):
        before, after = earlier.get(path), present.get(path)
        if before and after and _content_of(before) == _content_of(after):
            continue
        parts, other_parts = then.parts(before), now.parts(after)
        if parts is None or other_parts is None:
            rows = then.folder_rows(before, parts, pattern)
            other_rows = now.folder_rows(after, other_parts, pattern)
            found.append(_change(then.shown(path), before, after, rows, other_rows))
            continue
        old |= parts
        new |= other_parts
    for path in sorted({*old, *new}):
        before, after = old.get(path), new.get(path)
        is_same = before and after and before.digest == after.digest
        if not is_same and pattern.has(path):
            rows, other_rows = then.rows(before), now.rows(after)
            found.append(_change(then.shown(path), before, after, rows, other_rows))
    return found if len(found) <= MAX_NAMED else [*found[:MAX_NAMED], _rest(found[MAX_NAMED:])]


def _concerns(output: Output, pattern: Pattern) -> bool:
    return pattern.overlaps(output.path) if output.is_folder else pattern.has(output.path)


def _content_of(output: Output) -> tuple[str | None, tuple[Output, ...]]:
    return output.digest, output.parts


def _change(
    file: str, before: Output | None, after: Output | None, rows: _Rows, other_rows: _Rows
) -> DataChange:
    kind: Literal["added", "removed", "changed"] = "changed"
    if before is None or after is None:
        kind = "added" if before is None else "removed"
    there = [output for output in (before, after) if output is not None]
    counts = [f"{output.files:,}" for output in there if output.files is not None]
    notes = [f"{' → '.join(counts)} files" if counts else None, rows[1], other_rows[1]]
    told = "; ".join(dict.fromkeys(note for note in notes if note))
    return DataChange(file, kind, rows[0], other_rows[0], told or None)


def _rest(changes: Sequence[DataChange]) -> DataChange:
    """Many changes as one."""
    kinds = [change.change for change in changes]
    told = [f"{kinds.count(kind):,} {kind}" for kind in dict.fromkeys(kinds)]
    before, after = ([getattr(change, side) for change in changes]
                     for side in ("rows_before", "rows_after"))  # fmt: skip
    return DataChange(
        f"{len(changes):,} more files",
        "changed",
        None if None in before else sum(before),
        None if None in after else sum(after),
        ", ".join(told),
    )


@dataclass(frozen=True)
class _Version:
    """The tracked data as it was at the base, or as it is now."""

    base: Base
    redact: tuple[str, ...]
    is_present: bool

    def shown(self, path: PurePosixPath) -> str:
        """A path as people in the service's folder write it, without what is redacted."""
        parts = Path(os.path.relpath(path, self.base.folder)).parts
        # A folder may be named for a value: column=value.
        columns = (part.partition("=")[0] for part in parts)
        return "/".join(
            f"{column}=…" if column in self.redact and "=" in part else part
            for part, column in zip(parts, columns, strict=True)
        )

    def parts(self, output: Output | None) -> _Files | None:
        """The files of an output; None for a folder whose listing is not at hand."""
        if output is None:
            return {}
        if not output.is_folder:
            return {output.path: output}
        cache = Cache.of(self.base.commit.top, output.path)
        parts = output.parts or (None if cache is None else cache.parts(output))
        return None if parts is None else {part.path: part for part in parts}

    def rows(self, output: Output | None) -> _Rows:
        if output is None:
            return 0, None
        if output.digest is None:
            return None, "rows unknown: dvc.lock has no digest of it, run `dvc repro`"
        content = self._content(output)
        if content is None:
            return self._unknown(output.path)
        try:
            return _counted(content, output.path)
        except DataError as error:
            return None, "rows unknown" if self.redact else f"rows unknown: {error.what}"

    def folder_rows(self, output: Output | None, parts: _Files | None, pattern: Pattern) -> _Rows:
        """The rows of all of a folder's files together."""
        if output is None:
            return 0, None
        if parts is None and self.is_present:
            parts = self._in_workspace(output)
        if parts is None:
            return self._unknown(output.path)
        found = [self.rows(part) for path, part in parts.items() if pattern.has(path)]
        total = 0
        for rows, reason in found:
            if rows is None:
                return None, reason
            total += rows
        return total, None

    def _content(self, output: Output) -> Path | None:
        """Where the content of a file is on this machine."""
        top = self.base.commit.top
        cache = Cache.of(top, output.path)
        cached = None if cache is None else cache.find(output.digest)
        if cached is not None or not self.is_present:
            return cached
        file = top / output.path
        if file.is_file() and output.size in (None, file.stat().st_size):
            return file
        return None

    def _in_workspace(self, output: Output) -> _Files | None:
        """The files of a folder as they lie there, if they are as many and as large as recorded."""
        top = self.base.commit.top
        files = [file for file in (top / output.path).rglob("*") if file.is_file()]
        size = sum(file.stat().st_size for file in files)
        if not files or len(files) != output.files or size != output.size:
            return None
        paths = (PurePosixPath(file.relative_to(top).as_posix()) for file in files)
        return {path: Output(path, "in the workspace") for path in paths}

    def _unknown(self, path: PurePosixPath) -> _Rows:
        shown = self.shown(path)
        if self.is_present:
            return None, f"rows unknown: this version is not here; `dvc pull {shown}` brings it"
        return None, (
            "rows unknown: the earlier version is not in the cache; "
            f"`dvc fetch --all-commits {shown}` brings it"
        )


def _counted(content: Path, path: PurePosixPath) -> _Rows:
    if format_of(path.name) is None:
        return None, "rows unknown: it is no table"
    with tempfile.TemporaryDirectory(prefix="tidegate-rows-") as folder:
        # The cache has no file names, and the name says what a file is.
        link = Path(folder, path.name)
        link.symlink_to(content.resolve())
        (table,) = open_files([Location(path.name, str(link))], Path(folder, "opened"))
        return table.rows, None
