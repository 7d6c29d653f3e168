"""What a repository's own workflow files say of themselves: checks of a pull request, secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tidegate.config import Config

PACK = "tidegate/tidegate/"
# Jobs of the pack's own workflow that must be green before a merge; a test holds them to it.
GATING_JOBS = ("Gate",)
GATING_WORKFLOW = "ml-pull-request.yml"
GATING_ACTIONS = ("check-data", "gate-model")
GIVEN_BY_GITHUB = "GITHUB_TOKEN"


@dataclass(frozen=True)
class Workflows:
    """checks: names under which the gates show on a pull request. filtered: of these, those of a
    workflow that does not run for every pull request. secrets: names that the files refer to."""

    folder: Path
    checks: tuple[str, ...]
    filtered: tuple[str, ...]
    secrets: tuple[str, ...]


def root_of(config: Config) -> Path:
    """The repository's root: the nearest folder upwards that git or GitHub takes for one."""
    start = config.resolve(".").resolve()
    for folder in (start, *start.parents):
        if (folder / ".git").exists() or (folder / ".github").exists():
            return folder
    return start


def read_workflows(config: Config) -> Workflows:
    folder = root_of(config) / ".github/workflows"
    checks: list[str] = []
    filtered: list[str] = []
    secrets: set[str] = set()
    for path in sorted(folder.glob("*.y*ml")):
        text = path.read_text(encoding="utf-8", errors="replace")
        if PACK not in text:
            continue
        secrets |= set(re.findall(r"\bsecrets\.([A-Za-z_]\w*)", text)) - {GIVEN_BY_GITHUB}
        try:
            document = yaml.safe_load(text)
        except yaml.YAMLError:
            continue  # GitHub says so itself, and runs nothing of it
        trigger = _pull_request_trigger(document)
        if trigger is not None:
            found = list(_checks(document))
            checks += found
            if {"paths", "paths-ignore"} & set(trigger):
                filtered += found
    return Workflows(folder, tuple(checks), tuple(filtered), tuple(sorted(secrets)))


def _pull_request_trigger(document: Any) -> dict[str, Any] | None:
    """The filters of `on: pull_request`; None where the workflow is not for pull requests."""
    if not isinstance(document, dict):
        return None
    on = document.get("on", document.get(True))  # YAML 1.1 reads `on` as true
    if on == "pull_request" or (isinstance(on, list) and "pull_request" in on):
        return {}
    if isinstance(on, dict) and "pull_request" in on:
        return on["pull_request"] or {}
    return None


def _checks(document: dict[str, Any]) -> Iterator[str]:
    for job_id, job in (document.get("jobs") or {}).items():
        if not isinstance(job, dict):
            continue
        name = str(job.get("name") or job_id)
        uses = str(job.get("uses") or "")
        if uses.startswith(f"{PACK}.github/workflows/{GATING_WORKFLOW}@"):
            yield from (f"{name} / {inner}" for inner in GATING_JOBS)
        elif any(_is_gate(step) for step in job.get("steps") or ()):
            yield name


def _is_gate(step: Any) -> bool:
    uses = str(step.get("uses") or "") if isinstance(step, dict) else ""
    return any(uses.startswith(f"{PACK}actions/{action}@") for action in GATING_ACTIONS)
