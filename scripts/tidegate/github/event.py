"""What the runner's own event file says of the run that this is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tidegate.errors import RegistryError, TidegateError

_DEPENDABOT = "dependabot[bot]"
WHAT_TO_DO = (
    "GitHub gives the run of a fork, or of Dependabot, neither secrets nor variables: a maintainer "
    "who has read the change pushes its branch to this repository and opens a pull request there"
)


def pull_request_number(environ: Mapping[str, str]) -> int | None:
    """Number of the pull request that the run is for."""
    try:
        return int(_event(environ)["pull_request"]["number"])
    except (KeyError, TypeError, ValueError):
        return None


def without_secrets(environ: Mapping[str, str]) -> bool:
    """Whether this is the run of a pull request that GitHub gives no secrets: a fork's."""
    pull = _event(environ).get("pull_request")
    if not isinstance(pull, dict):
        return False
    if environ.get("GITHUB_ACTOR") == _DEPENDABOT:
        return True
    head = pull.get("head")
    if not isinstance(head, dict) or "repo" not in head:
        return False
    # A fork that was deleted has no repository any more.
    return (head["repo"] or {}).get("full_name") != environ.get("GITHUB_REPOSITORY")


def explained(verb: str, error: TidegateError, environ: Mapping[str, str]) -> TidegateError:
    """The error, and whether want of secrets may be behind it, where the run has none."""
    remote = verb == "pull-data" or isinstance(error, RegistryError) or "://" in (error.where or "")
    if remote and not (error.remedy or "").startswith(WHAT_TO_DO) and without_secrets(environ):
        error.remedy = (
            f"{WHAT_TO_DO}. If it is not for want of those: {error.remedy or 'try again'}"
        )
    return error


def _event(environ: Mapping[str, str]) -> Mapping[str, Any]:
    try:
        event = json.loads(Path(environ["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))
    except (KeyError, ValueError, OSError):
        return {}
    return event if isinstance(event, dict) else {}
