"""The same Markdown in a terminal."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from typing import TextIO

from tidegate.report.escape import without_commands

# A chart, and what explains it.
_CHART = re.compile(r"^```mermaid\n.*?^```\n\n[^\n]*\n", re.DOTALL | re.MULTILINE)


@contextmanager
def reader() -> Iterator[None]:
    """Around what only prints: its reader may leave when they have seen enough, as `head` does."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still to be written goes nowhere, at the end of the process, too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def show(text: str, stream: TextIO | None = None) -> None:
    """Print a report or a comment as a person reads it on GitHub, in colour where there is any.

    A pipe or a log gets the Markdown as it is: rich alone takes a seventh of a short check.
    """
    target = stream or sys.stdout
    plain = without_html(text)
    target.write(without_commands(_drawn(plain, target) if target.isatty() else unescape(plain)))


def _drawn(text: str, target: TextIO) -> str:
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console(file=target)
    with console.capture() as capture:
        console.print(Markdown(text))
    return capture.get()


def without_html(text: str) -> str:
    """GitHub's few HTML tags as plain Markdown: a terminal cannot fold, so folds stand open.

    It cannot draw charts either: what they show stands in the table below.
    """
    text = re.sub(r"<!--.*?-->\n?", "", text, flags=re.DOTALL)
    text = _CHART.sub("", text)
    # Rich breaks no word, so that a range that holds together would be cut short.
    text = re.sub("([▲▼≥≤])\N{NO-BREAK SPACE}", r"\1", text)
    text = text.replace("\N{NO-BREAK SPACE}…\N{NO-BREAK SPACE}", " … ")
    text = re.sub(r"<details[^>]*><summary>(.*?)</summary>", r"**\1**", text)
    text = re.sub(r"</details>|</?span>|</?sub>|&#8203;", "", text)
    return re.sub(r"<(pre|code)>(.*?)</\1>|<br>", _plain_markdown, text)


def _plain_markdown(match: re.Match[str]) -> str:
    if match[1] is None:
        return "; "
    if match[1] == "pre":
        return _fence(match[2])
    line = match.string.rfind("\n", 0, match.start()) + 1
    return _span(match[2], in_table=match.string.startswith("|", line))


def _fence(html: str) -> str:
    content = unescape(html.replace("<br>", "\n"))
    longest = max((len(run) for run in re.findall(r"`+", content)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"\n{fence}\n{content}\n{fence}\n"


def _span(html: str, *, in_table: bool) -> str:
    inner = unescape(html).replace("`", "'")
    if in_table:
        inner = inner.replace("|", "\\|")  # else it would end the cell
    return f"`{inner}`" if inner else ""
