"""Digests of datasets: what gate records bind a verdict to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Self

from tidegate import digest
from tidegate.config import Config, Dataset
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


class DatasetFiles:
    """The files of a dataset, and its digest, worked out beside other work.

    Hashing takes as long as a fast query does, and leaves Python to others meanwhile. Used in a
    `with` block, at whose end nothing more is hashed.
    """

    def __init__(self, config: Config, name: str, dataset: Dataset):
        self._root = config.root
        self._pool = ThreadPoolExecutor(1, "digest")
        self.locations = locate_dataset(config, name, dataset)
        self._contents = self._pool.map(digest.of_file, _paths(self.locations))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    @cached_property
    def digest(self) -> str:
        """As dataset_digest gives it; waits until it is there."""
        return _digest(self.locations, self._root, self._contents)


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
