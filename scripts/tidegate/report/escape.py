"""Text from data, names and messages is hostile: shown as it is, never acted on."""

from __future__ import annotations

import re
import unicodedata

# Everything that Markdown, HTML or GitHub (mentions, issue references, commit links) may act on.
_ACTIVE = re.compile(r"([\\`*_{}\[\]()<>#+.!|~@&:$=^-])")
_ANSI = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|[@-_])")


def plain(text: object, limit: int = 400) -> str:
    """One line without ANSI codes, control characters or marks that change reading direction."""
    shown = _ANSI.sub("", str(text))
    shown = "".join(
        " " if char in "\n\r\t\v\f\u2028\u2029" else "" if _is_hidden(char) else char
        for char in shown
    )
    shown = " ".join(shown.split())
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def markdown(text: object, limit: int = 400) -> str:
    """Text for a paragraph or a table cell of GitHub's Markdown.

    Active characters become numeric entities: unlike a backslash, an entity also keeps GitHub from
    linking `@name`, `#1`, `owner/name#1` and bare addresses.
    """
    return _ACTIVE.sub(lambda match: f"&#{ord(match[1])};", plain(text, limit))


def code(text: object, limit: int = 120) -> str:
    """Text as a code span that it cannot leave, in a paragraph or in a table cell."""
    return f"<code>{markdown(text, limit)}</code>"


def block(text: object, limit: int = 4_000) -> str:
    """Several lines as a code block: indented lines inside <pre>, nothing in them active."""
    lines = [markdown(line, 300) for line in str(text).splitlines()]
    shown = "<br>".join(lines)
    return f"<pre>{shown[:limit]}</pre>"


def _is_hidden(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn"}
