"""The base branch of a pull request, as git knows it."""

from __future__ import annotations

import os
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
    def of_run(cls, ref: str | None, config: Path, environ: Mapping[str, str]) -> Branch | None:
        """What `ref` names, else the base of GitHub's pull request; None where there is neither.

        Raises ConfigError where it is not in this clone: without its base, a pull request would be
        judged by the bar that it brings along. So would it where the config is behind a link.
        """
        branch = environ.get("GITHUB_BASE_REF")
        if not ref and not branch:
            return None
        _refuse_links(config)
        return cls.at(config.parent, ref or f"origin/{branch}")


def _refuse_links(config: Path) -> None:
    """Behind a link there may be another place, even another repository, whose base is no bar.

    Looked for up to the top of the repository, whose `.git` is a name that nobody can commit.
    """
    path = Path(os.path.abspath(config))  # noqa: PTH100 - resolve() would follow the links
    top = next((folder for folder in reversed(path.parents) if (folder / ".git").exists()), None)
    within = [path, *path.parents]
    for place in within[: within.index(top)] if top else ():
        if place.is_symlink():
            raise ConfigError(
                "it is a link, and what a change is judged by is looked up by its place",
                where=str(place),
                remedy="commit the file or folder itself in its place",
            )
