"""The contracts as they are on the base branch: config and schemas, read at its commit."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from pydantic import ValidationError

from tidegate.config import Config, Dataset
from tidegate.data.contract.tracking import NAMES, Output, outputs
from tidegate.policy.branch import Branch
from tidegate.policy.git import Commit, GitError, present_files
from tidegate.processes import of_this_tidegate

_SECONDS = 300

Description = Mapping[str, Any]


@dataclass(frozen=True)
class Base:
    """The base of a pull request. ref: its name, for people."""

    config: Config
    ref: str
    commit: Commit

    @classmethod
    def of(cls, config: Config, branch: Branch) -> Base:
        return cls(config, branch.ref, branch.left)

    @cached_property
    def folder(self) -> PurePosixPath:
        """The service's folder, from the repository's top."""
        below = self.config.root.resolve().relative_to(self.commit.top.resolve())
        return PurePosixPath(below.as_posix())

    def dataset(self, name: str) -> Dataset | str | None:
        """A dataset of the base's config; None where it has none of that name; or why it cannot
        be read.
        """
        if isinstance(self._sections, str):
            return self._sections
        if name not in self._sections:
            return None
        try:
            return Dataset.model_validate(self._sections[name])
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in ("data", name, *first["loc"]))
            return f"{place} is not valid there: {first['msg']}"

    def description(self, name: str) -> Description | str:
        """A dataset's schema at the base, described; or why it cannot be loaded."""
        return self._descriptions[name]

    def own_description(self, name: str) -> Description | str:
        """The same of the schema here."""
        return self._own_descriptions[name]

    @cached_property
    def _sections(self) -> Mapping[str, Any] | str:
        path = self.folder / self.config.path.name
        text = self.commit.text(path)
        try:
            document = yaml.safe_load(text or "")
        except yaml.YAMLError:
            return f"{path} is not valid YAML there"
        sections = document.get("data") if isinstance(document, dict) else None
        return sections if isinstance(sections, dict) else {}

    @cached_property
    def _descriptions(self) -> Mapping[str, Description | str]:
        asked = {}
        for name, dataset in self.config.data.items():
            before = self.dataset(name)
            # A schema may have been there before the config was.
            known = before if isinstance(before, Dataset) else dataset
            asked[name] = known.schema_reference
        with tempfile.TemporaryDirectory(prefix="tidegate-base-") as folder:
            root = Path(folder, "service")
            root.mkdir()
            try:
                self.commit.export(self.folder, root)
            except GitError as error:
                return dict.fromkeys(asked, f"git cannot read it: {error}")
            return _described(asked, root, Path(folder, "answer.json"))

    @cached_property
    def _own_descriptions(self) -> Mapping[str, Description | str]:
        asked = {name: dataset.schema_reference for name, dataset in self.config.data.items()}
        with tempfile.TemporaryDirectory(prefix="tidegate-own-") as folder:
            return _described(asked, self.config.root.resolve(), Path(folder, "answer.json"))

    @cached_property
    def outputs(self) -> tuple[dict[PurePosixPath, Output], dict[PurePosixPath, Output]]:
        """What DVC tracks in the repository: at the base, and now."""
        listed = [
            entry
            for entry in self.commit.files()
            if any(fnmatchcase(entry.path.name, name) for name in NAMES)
        ]
        then = {
            entry.path: content.decode(errors="replace")
            for entry, content in self.commit.read(listed)
        }
        top = self.commit.top
        now = {
            path: (top / path).read_text(encoding="utf-8", errors="replace")
            for path in present_files(top, *NAMES)
        }
        return outputs(then), outputs(now)


def _without_token() -> dict[str, str]:
    """The environment of code that may be anybody's."""
    return {name: value for name, value in os.environ.items() if name != "GITHUB_TOKEN"}


def _described(
    asked: Mapping[str, str], root: Path, answer: Path
) -> Mapping[str, Description | str]:
    """In a process of its own: here the code that judges is loaded, by the same names."""
    command = [*of_this_tidegate("tidegate.data.contract.describing"), str(answer)]
    given = json.dumps({"root": str(root), "schemas": asked})
    try:
        ended = subprocess.run(
            command, cwd=root, input=given, capture_output=True, text=True, errors="replace",
            check=False, timeout=_SECONDS, env=_without_token(),
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return dict.fromkeys(asked, f"it is still being imported after {_SECONDS} s")
    if ended.returncode != 0 or not answer.is_file():
        last = (ended.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        return dict.fromkeys(asked, f"the process that imports it ends: {last[:300]}")
    found = json.loads(answer.read_text(encoding="utf-8"))
    return {
        name: said["description"] if "description" in said else str(said["error"])
        for name, said in found.items()
    }
