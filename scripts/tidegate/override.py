"""An override: a person lets one blocked commit through. It is no pass, and is kept on record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Override:
    """Who let which commit through, and how.

    by: a login, role: that of the person in the repository; label: the one that was set, at: when.
    """

    by: str
    role: str
    label: str
    at: str
    commit: str
    run_url: str | None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Overriding:
    """The answer to whether somebody overrides: who does, or why one who tried to does not."""

    override: Override | None = None
    refusal: str | None = None


NOBODY = Overriding()


def in_words(record: Mapping[str, Any]) -> str:
    """A gate record's verdict, with who overrode it: `fail, overridden by ada (maintain)`."""
    override = record.get("override")
    said = str(record["verdict"])
    return f"{said}, overridden by {override['by']} ({override['role']})" if override else said
