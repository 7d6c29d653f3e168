"""The one family of errors that a user can meet and mend."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TidegateError(Exception):
    """Something that kept a command from deciding (exit code 2, never a verdict).

    what: what is wrong, in one sentence; where: file, line, column or address;
    remedy: what to do next.
    """

    def __init__(self, what: str, *, where: str | None = None, remedy: str | None = None):
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}\n  remedy: {self.remedy}" if self.remedy else text

    def to_dict(self) -> dict[str, str | None]:
        return {"what": self.what, "where": self.where, "remedy": self.remedy}


class ConfigError(TidegateError):
    """tidegate.yaml, or something it refers to, is wrong."""


class DataError(TidegateError):
    """A table cannot be read, or lacks what is needed to judge it."""


class RegistryError(TidegateError):
    """MLflow cannot be reached, or does not hold what is asked for."""


class ImageError(TidegateError):
    """An image cannot be built, found or run."""


class DeployError(TidegateError):
    """An environment could not be changed or verified."""


class GitHubError(TidegateError):
    """GitHub's API refused, or could not be reached. status: of its answer, where it gave one."""

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        remedy: str | None = None,
        status: int | None = None,
    ):
        super().__init__(what, where=where, remedy=remedy)
        self.status = status


def refused_by_the_system(error: BaseException) -> str | None:
    """What an error began with, such as "connection refused"; None where it was no system's error.

    Libraries wrap it in several of their own, and quote all of them.
    """
    found: str | None = None
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        if isinstance(link, OSError) and link.strerror:
            found = link.strerror.lower()
        link = link.__cause__ or link.__context__
    return found


def suggestion(name: str, known: Iterable[str]) -> str:
    """`; did you mean ...?` for a message, or nothing where no known name is near."""
    nearest = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {nearest[0]!r}?" if nearest else ""
