"""The part of a model card that is known from the gate: rendered, and put between its marks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tidegate.errors import TidegateError
from tidegate.report import markdown

# No text that is rendered can hold these: it is escaped.
BEGIN = "<!-- tidegate:card -->"
END = "<!-- tidegate:end of card -->"


def render(gate: Mapping[str, Any], data: Mapping[str, Any] | None) -> str:
    """gate: a report of gate-model that came to a verdict; data: one of check-data, if there is."""
    return markdown.render_verb("card", {"gate": gate, "data": data, "error": None})


def filled_in(text: str, body: str, path: Path) -> str:
    """The card with `body` between its marks.

    Raises TidegateError when it does not have both, once and in order.
    """
    before, begin, rest = text.partition(BEGIN)
    inside, end, after = rest.partition(END)
    if not (begin and end) or BEGIN in inside + after or END in before + after:
        raise TidegateError(
            "the model card does not say where to fill it in",
            where=str(path),
            remedy=f"give it the lines {BEGIN} and {END}, once each and in this order",
        )
    return f"{before}{BEGIN}\n{body.strip()}\n{END}{after}"
