"""The same Markdown in a terminal."""

from __future__ import annotations

import re
import sys
from html import unescape
from typing import TextIO

from rich.console import Console
from rich.markdown import Markdown

_MIN_WIDTH = 110


def show(text: str, stream: TextIO | None = None) -> None:
    """Print a report or a comment as a person reads it on GitHub, in colour where there is any."""
    target = stream or sys.stdout
    width = None if target.isatty() else _MIN_WIDTH
    Console(file=target, width=width).print(Markdown(without_html(text)))


def without_html(text: str) -> str:
    """GitHub's few HTML tags as plain Markdown: a terminal cannot fold, so folds stand open."""
    text = re.sub(r"<!--.*?-->\n?", "", text, flags=re.DOTALL)
    text = re.sub(r"<details[^>]*><summary>(.*?)</summary>", r"**\1**", text)
    text = text.replace("</details>", "")
    text = re.sub(r"<pre>(.*?)</pre>", _fence, text, flags=re.DOTALL)
    text = re.sub(r"<code>(.*?)</code>", _span, text)
    return text.replace("<br>", "; ")


def _fence(match: re.Match[str]) -> str:
    return f"\n```\n{unescape(match[1].replace('<br>', chr(10)))}\n```\n"


def _span(match: re.Match[str]) -> str:
    inner = unescape(match[1]).replace("`", "'").replace("|", "\\|")
    return f"`{inner}`" if inner else ""
