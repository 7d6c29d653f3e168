"""A run of a pull request that got no secrets: which pull request it is of, and what it reports.

What GitHub says of the run is trusted; what the run left behind is not. A fork may change the
workflow that runs, and with it every byte of the artifact.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from tidegate.errors import GitHubError
from tidegate.github.api import GitHub
from tidegate.report.archive import MAX_ARCHIVE, reports_in

ARTIFACT = "tidegate-reports"
MAX_FILES = 3_000  # GitHub lists no more of a pull request


@dataclass(frozen=True)
class Run:
    """A completed run for a pull request. head: its repository's full name and id."""

    id: int
    url: str
    conclusion: str
    commit: str
    branch: str
    head: str
    head_id: int
    repository_id: int


def find_run(github: GitHub, run_id: int, workflow: str) -> Run:
    """The run of this number, where it is one that may be commented on.

    workflow: path of the file that the run must be of. Raises GitHubError.
    """
    found = github.get(f"actions/runs/{run_id}")
    path = str(found["path"]).partition("@")[0]
    if found["event"] != "pull_request" or path != workflow:
        raise GitHubError(
            f"run {run_id} is one of {path} for {found['event']}, and not of {workflow} for "
            "pull_request",
            where=github.repository,
            remedy="name the workflow that checks pull requests with --workflow, and start this "
            "one on its workflow_run",
        )
    if found["status"] != "completed":
        raise GitHubError(
            f"run {run_id} has not ended yet",
            where=github.repository,
            remedy="start this one on `workflow_run: {types: [completed]}`",
        )
    # A fork that was deleted meanwhile has no repository.
    head = found["head_repository"] or {"full_name": "", "id": 0}
    return Run(
        id=run_id,
        url=found["html_url"],
        conclusion=found["conclusion"] or "",
        commit=found["head_sha"],
        branch=found["head_branch"] or "",
        head=head["full_name"],
        head_id=head["id"],
        repository_id=found["repository"]["id"],
    )


def pull_request_of(github: GitHub, run: Run) -> int | None:
    """Number of the open pull request whose head this run is of; None when there is none now.

    workflow_run.pull_requests, and what is listed with a commit, know nothing of forks: so they
    are found by head branch, and held to repository and commit. Raises GitHubError when it is not
    exactly one.
    """
    owner = run.head.partition("/")[0]
    if not owner or not run.branch:
        return None
    query = urlencode({"state": "open", "head": f"{owner}:{run.branch}"})
    numbers = [int(pull["number"]) for pull in github.pages(f"pulls?{query}") if _is_of(pull, run)]
    if len(numbers) > 1:
        raise GitHubError(
            f"run {run.id} is of the head of {len(numbers)} pull requests "
            f"({', '.join(f'#{number}' for number in numbers)}), and nothing says of which",
            where=github.repository,
            remedy="close all but one of them",
        )
    return numbers[0] if numbers else None


def _is_of(pull: Mapping[str, Any], run: Run) -> bool:
    head, base = pull["head"], pull["base"]
    return (
        head["sha"] == run.commit
        and (head["repo"] or {}).get("id") == run.head_id
        and base["repo"]["id"] == run.repository_id
    )


def files_that_run(github: GitHub, number: int) -> list[str]:
    """Files of a pull request that say what its run does, under the names of before and after."""
    files = islice(github.pages(f"pulls/{number}/files"), MAX_FILES)
    names = {
        name: None
        for file in files
        for name in (file["filename"], file.get("previous_filename"))
        if name and name.startswith(".github/")
    }
    return list(names)


def reports_of(github: GitHub, run: Run, verbs: Collection[str]) -> dict[str, bytes] | None:
    """Verb -> bytes of its report, from the run's artifact; None where it left none.

    Raises ArchiveError for an artifact that is not to be trusted with being read.
    """
    query = urlencode({"name": ARTIFACT, "per_page": 100})
    listed = github.get(f"actions/runs/{run.id}/artifacts?{query}")["artifacts"]
    kept = [item for item in listed if item["name"] == ARTIFACT and not item["expired"]]
    if not kept:
        return None
    # Of several attempts the latest.
    artifact = max(item["id"] for item in kept)
    content = github.content(f"actions/artifacts/{artifact}/zip", MAX_ARCHIVE + 1)
    return reports_in(content, verbs)
