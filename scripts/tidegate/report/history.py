"""Earlier verdicts on a pull request, kept in its comment: the last line of it, which is not shown.

The comment is the bot's, but whoever may write to the repository can edit it. So what is read back
is checked like anything from outside, and holds no address: a run is a number.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from tidegate.report.escape import plain

MAX_ENTRIES = 10
_MAX_HEADLINE = 200
_MAX_LINE = 12_000
_LINE = re.compile(r"<!-- tidegate:history ([A-Za-z0-9+/]+=*) -->")
_RUN = re.compile(r"(?<=/actions/runs/)\d{1,19}$")


class Entry(BaseModel):
    """A verdict as it was said once. at: ISO 8601; run: number of the run, where it was one."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    headline: Annotated[str, Field(max_length=_MAX_HEADLINE)]
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{7,64}$")] | None
    at: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT[\d:.]{5,12}(\+00:00|Z)$")]
    run: Annotated[int, Field(ge=1, lt=10**19)] | None


# Built when a comment is written: every verb imports this module.
_ENTRIES = TypeAdapter(
    Annotated[list[Entry], Field(max_length=MAX_ENTRIES)], config=ConfigDict(defer_build=True)
)


def entry(headline: str, commit: object, at: str, run_url: str | None) -> Entry:
    """A verdict for the history. A commit that is none is left out."""
    found = _RUN.search(run_url or "")
    known = isinstance(commit, str) and re.fullmatch(r"[0-9a-f]{7,64}", commit)
    return Entry(
        headline=plain(headline, _MAX_HEADLINE),
        commit=str(commit) if known else None,
        at=at,
        run=int(found[0]) if found else None,
    )


def read(comment: str) -> list[Entry]:
    """The verdicts that a comment knows of, the newest first; none where they are damaged."""
    last = comment.rstrip().rpartition("\n")[2]
    found = _LINE.fullmatch(last) if len(last) <= _MAX_LINE else None
    if found is None:
        return []
    try:
        return _ENTRIES.validate_json(base64.b64decode(found[1], validate=True))
    except (ValidationError, binascii.Error, ValueError):
        return []


def before(earlier: Sequence[Entry], now: Entry) -> list[Entry]:
    """The earlier verdicts beside this one, the newest first, as many as are kept.

    The same verdict on the same commit is the same verdict, said again.
    """
    said = (now.commit, now.headline)
    others = [one for one in earlier if (one.commit, one.headline) != said]
    return others[: MAX_ENTRIES - 1]


def line(entries: Sequence[Entry]) -> str:
    """The last line of the comment, for the next one to read. Nothing in it can end it."""
    content = base64.b64encode(_ENTRIES.dump_json([*entries])).decode("ascii")
    return f"<!-- tidegate:history {content} -->"


def run_url(one: Entry, now: str | None) -> str | None:
    """The address of an entry's run, from that of this one: never from the entry."""
    if one.run is None or now is None or not _RUN.search(now):
        return None
    return _RUN.sub(str(one.run), now)
