"""Text from data, names and messages is hostile: shown as it is, never acted on."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote, urlsplit

# What Markdown, HTML or GitHub may act on. In the first group it takes a separator to stop that:
# `GH-1`, `www.`, what may be a commit, and, at the beginning of a line, `1.`.
_ACTIVE = re.compile(
    r"(\bGH(?=-\d)|www(?=\.)|[0-9a-f]{6}(?=[0-9a-f])|^\d{1,9}(?=[.)]))|([\\`*_\[\]<>#|~@&$^]|:(?=[\w/+-])|^[-+=])",
    re.IGNORECASE,
)
# What a runner takes for a command of its own, wherever a line breaks: `::name::`, `##[name]`.
_COMMAND = re.compile(r"^(\s*):(?=:)|#(?=#\[)", re.MULTILINE)
_ZERO_WIDTH_SPACE = "\u200b"
_ANSI = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|[@-_])")


def plain(text: object, limit: int = 400) -> str:
    """One line of text without ANSI codes; what cannot be seen is named, such as ⟨U+202E⟩."""
    shown = re.sub(r"\s+", " ", _ANSI.sub("", str(text))).strip()
    return _cut("".join(map(_visible, shown)), limit)


def markdown(text: object, limit: int = 400) -> str:
    """Text for a paragraph or a table cell of GitHub's Markdown.

    Numeric entities are enough for Markdown and HTML. GitHub looks for mentions, issues, addresses
    and emoji in the rendered text, where an entity is a character again: a zero-width space breaks
    those up.
    """

    def inert(match: re.Match[str]) -> str:
        if match[1]:
            return f"{match[1]}&#8203;"
        entity = f"&#{ord(match[2])};"
        if match[2] == "$":
            return f"<span>{entity}</span>"  # GitHub's own advice: no formula begins here
        return f"{entity}&#8203;" if match[2] in "@#:" else entity

    return _ACTIVE.sub(inert, plain(text, limit))


def exact(text: object, limit: int = 120) -> str:
    """A value as plain text, with its white space as it is, made visible where it would get lost.

    A value may fail its check for nothing but a space at its end.
    """
    shown = "".join(map(_visible, _ANSI.sub("", str(text))))
    inner = shown.strip(" ")
    before, _, after = shown.partition(inner) if inner else (shown, "", "")
    return _cut("␣" * len(before) + inner + "␣" * len(after), limit) or "(empty)"


def code(text: object, limit: int = 120) -> str:
    """A value as a code span that it cannot leave, in a paragraph or in a table cell."""
    return f"<code>{_entities(exact(text, limit))}</code>"


def block(text: object, limit: int = 4_000) -> str:
    """Several lines as a code block; nothing in them is active."""
    lines = _ANSI.sub("", str(text)).expandtabs(4).splitlines()
    shown = _cut("\n".join(_cut("".join(map(_visible, line)), 300) for line in lines), limit)
    return "<pre>" + "<br>".join(map(_entities, shown.split("\n"))) + "</pre>"


def address(text: object) -> str | None:
    """A web address for a link, in characters that neither Markdown nor HTML acts on.

    None for anything else: a link to javascript: or a file is never made.
    """
    try:
        parts = urlsplit(str(text))
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        return None
    return quote(str(text), safe="/:?#=%@+,;.~-", errors="replace")


def without_commands(text: str) -> str:
    """Text for a terminal, in whose lines a runner finds no command of its own."""
    return _COMMAND.sub(lambda match: f"{match[0]}{_ZERO_WIDTH_SPACE}", text)


def _entities(text: str) -> str:
    """Text inside <code> or <pre>, where GitHub looks for addresses alone."""

    def inert(match: re.Match[str]) -> str:
        shown = match[1] or f"&#{ord(match[2])};"
        is_address = shown.lower() in {"gh", "www"} or match[2] == "@"
        return f"{shown}<!-- -->" if is_address else shown

    return _ACTIVE.sub(inert, text)


def _visible(char: str) -> str:
    if char == "\x7f":
        return "␡"
    if char < " ":
        return chr(0x2400 + ord(char))
    # Format characters (bidi marks, zero widths), private use, surrogates, unassigned; separators.
    if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}:
        return f"⟨U+{ord(char):04X}⟩"
    return char


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
