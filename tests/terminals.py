"""A terminal to show a report in, and what a reader sees there."""

from __future__ import annotations

import io
import re


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def without_style(shown: str) -> str:
    """The text without its colours and links."""
    return re.sub(r"\x1b(\[[0-9;]*m|\]8;[^\x1b]*\x1b\\)", "", shown)
