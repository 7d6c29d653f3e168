"""Digests of datasets: what gate records bind a verdict to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tidegate import digest
from tidegate.config import Config
from tidegate.data.sources.finding import Location, locate_dataset


def data_digest(config: Config) -> str | None:
    """Digest of the contents of every dataset of the config; None when it names none."""
    if not config.data:
        return None
    return combined_digest(
        {
            name: dataset_digest(locate_dataset(config, name, dataset), config.root)
            for name, dataset in config.data.items()
        }
    )


def dataset_digest(files: Sequence[Path | Location], root: Path) -> str:
    """Digest of a dataset's files: their paths below the service's folder, and their contents.

    Of files in an object store: their addresses, ETags and sizes; nothing is read. An ETag changes
    with the content. It may change without it, too (written again in parts of another size, or at
    all in Azure): such data counts as new.
    """
    return _digest(files, root, map(digest.of_file, _paths(files)))


@contextmanager
def dataset_digest_beside(
    files: Sequence[Path | Location], root: Path
) -> Iterator[Callable[[], str]]:
    """Work a dataset_digest out beside other work: the call that this gives waits for it.

    Hashing takes as long as a fast query does, and leaves Python to others meanwhile.
    """
    pool = ThreadPoolExecutor(1, "digest")
    try:
        contents = pool.map(digest.of_file, _paths(files))
        yield lambda: _digest(files, root, contents)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _paths(files: Sequence[Path | Location]) -> list[Path]:
    """The files that have to be read for a digest: none in an object store."""
    if any(isinstance(file, Location) and file.object is not None for file in files):
        return []
    return [file.path if isinstance(file, Location) else file for file in files]


def _digest(files: Sequence[Path | Location], root: Path, contents: Iterable[str]) -> str:
    stored = {
        file.address: [file.object.tag, file.object.size]
        for file in files
        if isinstance(file, Location) and file.object is not None
    }
    if stored:
        return digest.of_json(stored)
    paths = _paths(files)
    inside = all(path.is_relative_to(root) for path in paths)
    return digest.of_files(paths, root if inside else Path(paths[0].anchor), contents)


def combined_digest(digests: Mapping[str, str]) -> str:
    """One digest for several named datasets."""
    return digest.of_json(dict(digests))
