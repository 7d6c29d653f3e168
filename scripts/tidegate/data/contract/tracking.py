"""What DVC tracks: the outputs that `.dvc` files, dvc.lock and dvc.yaml name, and its cache.

Read without DVC, which a service has as a command of its own:
https://dvc.org/doc/user-guide/project-structure has the forms of the files.
"""

from __future__ import annotations

import configparser
import json
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

NAMES = ("*.dvc", "dvc.lock", "dvc.yaml")


@dataclass(frozen=True)
class Output:
    """A file or folder that DVC tracks, at one commit.

    path: from the repository's top. digest: of its content; None before its stage has been run.
    size in bytes, files: how many a folder has. parts: what a folder has, where the `.dvc` file
    itself lists it.
    """

    path: PurePosixPath
    digest: str | None
    size: int | None = None
    files: int | None = None
    parts: tuple[Output, ...] = field(default=(), repr=False)

    @property
    def is_folder(self) -> bool:
        return bool(self.parts) or (self.digest or "").endswith(".dir")


def outputs(texts: Mapping[PurePosixPath, str]) -> dict[PurePosixPath, Output]:
    """The outputs that the files name, by path. texts: the files' contents by their paths.

    A file that is no YAML, or of another form, names none.
    """
    documents = {path: _document(text) for path, text in texts.items()}
    found: dict[PurePosixPath, Output] = {}
    for path, document in documents.items():
        if path.name == "dvc.yaml":
            for _, stage, folder in _stages(path, document):
                for output in _declared(stage, folder):
                    found.setdefault(output.path, output)
    for path, document in documents.items():
        if path.suffix == ".dvc":
            folder = _joined(path.parent, document.get("wdir", "."))
            found |= {output.path: output for output in _recorded(document, folder)}
        elif path.name == "dvc.lock":
            folders = {
                name: folder
                for name, _, folder in _stages(path, documents.get(path.with_name("dvc.yaml"), {}))
            }
            for name, stage, folder in _stages(path, document):
                # Stages made of one by `foreach` or `matrix` are called its-name@item.
                folder = folders.get(name.partition("@")[0], folder)
                found |= {output.path: output for output in _recorded(stage, folder)}
    return found


def _document(text: str) -> dict[str, Any]:
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError:
        return {}
    return document if isinstance(document, dict) else {}


def _stages(
    path: PurePosixPath, document: Mapping[str, Any]
) -> Iterator[tuple[str, dict[str, Any], PurePosixPath]]:
    """(name, what it says, the folder its paths are relative to)"""
    stages = document.get("stages", document)
    for name, stage in (stages if isinstance(stages, dict) else {}).items():
        if isinstance(stage, dict):
            stage = stage.get("do", stage)
            yield str(name), stage, _joined(path.parent, stage.get("wdir", "."))


def _declared(stage: Mapping[str, Any], folder: PurePosixPath) -> Iterator[Output]:
    """The outputs of a stage in dvc.yaml: a path, or a mapping from it to options."""
    for output in stage.get("outs") or []:
        path = next(iter(output), None) if isinstance(output, dict) else output
        if isinstance(path, str) and "${" not in path and _is_inside(path):
            yield Output(_joined(folder, path), None)


def _recorded(section: Mapping[str, Any], folder: PurePosixPath) -> Iterator[Output]:
    """The outputs of a `.dvc` file, or of a stage in dvc.lock."""
    for output in section.get("outs") or []:
        if not isinstance(output, dict) or not _is_inside(str(output.get("path", ""))):
            continue
        path = _joined(folder, str(output["path"]))
        parts = tuple(
            Output(_joined(path, str(part.get("relpath"))), _digest(part), part.get("size"))
            for part in output.get("files") or []
        )
        yield Output(path, _digest(output), output.get("size"), output.get("nfiles"), parts)


def _digest(output: Mapping[str, Any]) -> str | None:
    for key in ("md5", "checksum", "etag", "version_id"):
        if output.get(key):
            return str(output[key])
    return None


def _is_inside(path: str) -> bool:
    return bool(path) and "://" not in path and not path.startswith("/")


def _joined(folder: PurePosixPath, path: str) -> PurePosixPath:
    return PurePosixPath(posixpath.normpath(posixpath.join(str(folder), path)))


@dataclass(frozen=True)
class Cache:
    """DVC's cache of contents by their digests, as far as it is on this machine."""

    folder: Path

    @classmethod
    def of(cls, top: Path, path: PurePosixPath) -> Cache | None:
        """The cache of the DVC repository that a path is in."""
        for parent in (top / path).parents:
            if (parent / ".dvc").is_dir():
                return cls(_cache_folder(parent / ".dvc"))
            if parent == top:
                return None
        return None

    def find(self, digest: str | None) -> Path | None:
        if not digest:
            return None
        below = Path(digest[:2], digest[2:])
        # DVC 2 had no files/md5.
        places = (self.folder / "files" / "md5" / below, self.folder / below)
        return next((place for place in places if place.is_file()), None)

    def parts(self, folder: Output) -> tuple[Output, ...] | None:
        """What a tracked folder has; None where its listing is not here."""
        if folder.parts:
            return folder.parts
        place = self.find(folder.digest)
        if place is None:
            return None
        try:
            listing = json.loads(place.read_text(encoding="utf-8"))
            return tuple(
                Output(_joined(folder.path, part["relpath"]), part["md5"]) for part in listing
            )
        except (ValueError, KeyError, TypeError):
            return None


def _cache_folder(settings: Path) -> Path:
    """Where the cache is: config.local wins over config."""
    for name in ("config.local", "config"):
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            parser.read(settings / name, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue
        if place := parser.get("cache", "dir", fallback=None):
            return settings / place
    return settings / "cache"
