"""The words in which a repository's settings are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.errors import GitHubError
from tidegate.github.api import GitHub


@dataclass(frozen=True)
class Change:
    """One request that sets something up; what: in words, such as `make the environment x`."""

    what: str
    method: str
    path: str
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    verdict: pass, fail, note for advice, or unseen where the token may not see it, which is never
    a pass. changes: what would set it right, as far as a machine may.
    """

    name: str
    verdict: str
    detail: str
    remedy: str | None = None
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Repository:
    """A repository that can be asked."""

    github: GitHub
    default_branch: str
    private: bool


def not_seen(name: str, error: GitHubError) -> Finding:
    if "Upgrade to" in error.what:
        return Finding(name, "fail", f"this plan does not have it: {error.what}", error.what)
    return Finding(
        name,
        "unseen",
        f"not seen: {error.what}",
        "use a token that may read it: of a person who administers the repository, or fine-grained "
        "with Administration, Actions, Environments, Secrets and Contents: read",
    )


def joined(problems: list[str]) -> str:
    return "; ".join(problems)
