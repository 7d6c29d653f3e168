"""An earlier state of the repository, read through git without a checkout."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tidegate.processes import GIT

_LINK = "120000"
# What a service's code and config may be made of. Data is left where it is.
_CODE = (".py", ".pyi", ".yaml", ".yml", ".json", ".toml", ".cfg", ".ini", ".txt", ".lock")
_LARGEST = 5_000_000  # bytes


class GitError(Exception):
    """git is not there, or refused; the message is its own."""


@dataclass(frozen=True)
class Entry:
    """A file of a commit. path: from the repository's top; size in bytes."""

    path: PurePosixPath
    object_id: str
    size: int


@dataclass(frozen=True)
class Commit:
    """A commit of the repository that `top` is the top folder of."""

    top: Path
    sha: str

    @classmethod
    def at(cls, folder: Path, ref: str) -> Commit:
        """What `ref` names in the repository of `folder`.

        Raises GitError when there is no such ref, or no repository.
        """
        top = Path(_git(folder, "rev-parse", "--show-toplevel").decode().strip())
        if ref.startswith("-"):
            raise GitError("no ref begins with a hyphen")
        name = _branch_of_name(folder, ref) or ref
        sha = _git(folder, "rev-parse", "--verify", f"{name}^{{commit}}").decode().strip()
        return cls(top, sha)

    def left_by_checkout(self) -> Commit:
        """The commit at which the checkout left this one's branch.

        In a clone without that part of history it is this commit itself.
        """
        with suppress(GitError):
            return Commit(self.top, _git(self.top, "merge-base", self.sha, "HEAD").decode().strip())
        return self

    def files(self, below: PurePosixPath | None = None) -> Iterator[Entry]:
        """Every file, or every one below a folder; links are left out."""
        folder = [] if below in (None, PurePosixPath()) else ["--", str(below)]
        listing = _git(self.top, "ls-tree", "-r", "-l", "-z", "--full-tree", self.sha, *folder)
        for line in listing.decode(errors="surrogateescape").split("\0"):
            if not line:
                continue
            described, _, path = line.partition("\t")
            mode, kind, object_id, size = described.split()
            if kind == "blob" and mode != _LINK:
                yield Entry(PurePosixPath(path), object_id, int(size))

    def read(self, entries: Iterable[Entry]) -> Iterator[tuple[Entry, bytes]]:
        """The contents of files, as they were committed: no filter, no line ends changed."""
        entries = list(entries)
        wanted = "".join(f"{entry.object_id}\n" for entry in entries).encode()
        answer = memoryview(_git(self.top, "cat-file", "--batch", given=wanted))
        at = 0
        for entry in entries:
            at = bytes(answer[at : at + 200]).index(b"\n") + at + 1
            yield entry, bytes(answer[at : at + entry.size])
            at += entry.size + 1

    def text(self, path: PurePosixPath) -> str | None:
        """The text of one file; None where the commit does not have it."""
        try:
            content = _git(self.top, "cat-file", "blob", f"{self.sha}:{path}")
        except GitError:
            return None
        return content.decode(errors="replace")

    def export(self, below: PurePosixPath, target: Path) -> None:
        """Write the code and config of a folder, as they were committed, into `target`."""
        files = [
            entry
            for entry in self.files(below)
            if entry.path.suffix in _CODE and entry.size <= _LARGEST
        ]
        for entry, content in self.read(files):
            path = target / entry.path.relative_to(below)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def present_files(top: Path, *names: str) -> list[PurePosixPath]:
    """Files of the checkout by their names (globs), committed or not, but not ignored."""
    which = ("--cached", "--others", "--exclude-standard")
    patterns = [f":(glob)**/{name}" for name in names]
    found = _git(top, "ls-files", "-z", *which, "--", *patterns)
    paths = {PurePosixPath(path) for path in found.decode().split("\0") if path}
    return sorted(path for path in paths if (top / path).is_file())


def _branch_of_name(folder: Path, name: str) -> str | None:
    """A branch in full; None where there is none of this name.

    git itself takes a tag first, and whoever may push could make one called `origin/main`.
    """
    for full in (f"refs/heads/{name}", f"refs/remotes/{name}"):
        with suppress(GitError):
            _git(folder, "show-ref", "--verify", "--quiet", full)
            return full
    return None


def _git(folder: Path, *arguments: str, given: bytes = b"") -> bytes:
    try:
        answer = subprocess.run(
            [*GIT, *arguments], cwd=folder, input=given, capture_output=True, check=False
        )
    except OSError as error:
        raise GitError(f"git cannot be run: {error.strerror}") from None
    if answer.returncode != 0:
        lines = answer.stderr.decode(errors="replace").strip().splitlines()
        raise GitError(lines[0] if lines else f"git {arguments[0]} found nothing")
    return answer.stdout
