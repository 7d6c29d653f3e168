"""CODEOWNERS: whose review a change of the bar, or of the workflows, needs."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from urllib.parse import quote

from tidegate.config import Config
from tidegate.errors import GitHubError
from tidegate.github.repository.findings import Finding, Repository
from tidegate.github.repository.workflows import root_of

PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")  # GitHub takes the first
_WORKFLOWS = ".github/workflows/"


def examine(repository: Repository, config: Config) -> Iterator[Finding]:
    bar = config.path.resolve().relative_to(root_of(config)).as_posix()
    found = _read(repository)
    if found is None:
        said = f"there is none, so nobody owns {bar}"
        yield Finding("CODEOWNERS", "fail", said, _remedy([bar, _WORKFLOWS]))
        return
    place, text = found
    # A new workflow is as good as a changed one: the folder is to be owned, not the files in it.
    owners = {bar: owners_of(text, bar), _WORKFLOWS: owners_of(text, f"{_WORKFLOWS}new.yml")}
    unowned = [path for path, its in owners.items() if not its]
    if unowned:
        said = f"{place} gives {' and '.join(unowned)} no owner"
        yield Finding("CODEOWNERS", "fail", said, _remedy(unowned))
    else:
        said = " and ".join(f"{path} owned by {', '.join(its)}" for path, its in owners.items())
        yield Finding("CODEOWNERS", "pass", f"{place} has {said}")


def _remedy(paths: list[str]) -> str:
    lines = " and ".join(f"`/{path} @LOGIN-OR-TEAM`" for path in paths)
    return (
        f"add {lines} to {PLACES[0]} by a pull request: whoever is named there has to agree to a "
        "change of the bar, and of the workflows that hold it there"
    )


def _read(repository: Repository) -> tuple[str, str] | None:
    for place in PLACES:
        try:
            file = repository.github.get(
                f"contents/{place}?ref={quote(repository.default_branch, safe='')}"
            )
        except GitHubError as error:
            if error.status == 404:
                continue
            raise
        if isinstance(file, dict) and file.get("type") == "file":
            return place, base64.b64decode(file["content"]).decode("utf-8", "replace")
    return None


def owners_of(text: str, path: str) -> list[str]:
    """Owners of a file: those of the last pattern that it fits, which may be none."""
    owners: list[str] = []
    for line in text.splitlines():
        words = re.sub(r"(^|\s)#.*", "", line).split()
        if words and _pattern(words[0]).fullmatch(path):
            owners = words[1:]
    return owners


def _pattern(text: str) -> re.Pattern[str]:
    """A pattern of CODEOWNERS: as in .gitignore, without `!` and `[ ]`."""
    anchored = "/" in text.rstrip("/")
    parts = []
    for part in re.split(r"(\*\*/|/\*\*$|\*|\?)", text.strip("/")):
        parts.append(
            {"**/": "(?:.*/)?", "/**": "/.*", "*": "[^/]*", "?": "[^/]"}.get(part)
            or re.escape(part)
        )
    # A folder's pattern is of all below it; `docs/*` only of what is right in it.
    below = "/.*" if text.endswith("/") else "" if text.endswith("/*") else "(?:/.*)?"
    return re.compile(("" if anchored else "(?:.*/)?") + "".join(parts) + below)
