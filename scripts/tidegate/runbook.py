"""What people follow when something is wrong: a page that the service keeps of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tidegate.config import Config

# Verb -> the page that a report of it which blocks leads to, where the service has it.
_BLOCKED: Mapping[str, str] = {
    "check-data": "docs/runbooks/blocked-data.md",
    "gate-model": "docs/runbooks/blocked-model.md",
}


@dataclass(frozen=True)
class Runbook:
    """What to follow. path: below the service's folder; in_repository: from the repository's root,
    where that is known; exists: whether it is there.
    """

    path: str
    in_repository: str | None
    exists: bool


def find_runbook(config: Config, path: str, environ: Mapping[str, str]) -> Runbook:
    """The runbook at a path of the service's folder."""
    workspace = environ.get("GITHUB_WORKSPACE")
    place = Path(os.path.normpath(config.resolve(path)))
    inside = workspace is not None and place.is_relative_to(Path(workspace).resolve())
    return Runbook(
        path,
        place.relative_to(Path(str(workspace)).resolve()).as_posix() if inside else None,
        place.is_file(),
    )


def blocked_runbook(verb: str, config: Config, environ: Mapping[str, str]) -> Runbook | None:
    """What to follow when this verb blocks; None where the service has nothing for it."""
    if verb not in _BLOCKED:
        return None
    found = find_runbook(config, _BLOCKED[verb], environ)
    return found if found.exists else None
