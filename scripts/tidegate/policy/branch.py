"""The base branch of a pull request, as git knows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tidegate.errors import ConfigError
from tidegate.policy.git import Commit, GitError


@dataclass(frozen=True)
class Branch:
    """ref: its name, for people. tip: what it is now, whose policy judges. left: the commit at
    which the checkout left it, against which changes are told.
    """

    ref: str
    tip: Commit
    left: Commit

    @classmethod
    def at(cls, folder: Path, ref: str) -> Branch:
        """Raises ConfigError where git does not know the ref."""
        try:
            tip = Commit.at(folder, ref)
        except GitError as error:
            raise ConfigError(
                f"git does not know the base {ref!r}: {error}",
                where="--base",
                remedy="fetch it (`git fetch origin main`; actions/checkout with fetch-depth: 0), "
                "or name another",
            ) from None
        return cls(ref, tip, tip.left_by_checkout())

    @classmethod
    def of_run(cls, ref: str | None, folder: Path, environ: Mapping[str, str]) -> Branch | None:
        """What `ref` names, else the base of GitHub's pull request; None where there is neither.

        Raises ConfigError where it is not in this clone: without its base, a pull request would be
        judged by the bar that it brings along.
        """
        branch = environ.get("GITHUB_BASE_REF")
        if ref or branch:
            return cls.at(folder, ref or f"origin/{branch}")
        return None
