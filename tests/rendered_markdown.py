"""Markdown as a reader sees it: by a real renderer, and by what GitHub does after it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from markdown_it import MarkdownIt


class _Read(HTMLParser):
    """What a reader sees, the elements it is made of, and the text that GitHub looks into."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[str] = []
        self.text = ""
        self.searched = [""]

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.elements.append(tag)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            self.open.remove(tag)

    def handle_data(self, data: str) -> None:
        self.text += data
        # GitHub leaves code alone, and looks into each text node by itself.
        self.searched.append("" if {"code", "pre"} & {*self.open} else data)


def read(markdown: str) -> _Read:
    renderer = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    seen = _Read()
    seen.feed(renderer.render(markdown))
    return seen


def linked_by_github(seen: _Read) -> list[str]:
    """What GitHub would make links, notifications and emoji of, in the rendered text."""
    act_on = re.compile(
        r"(?<!\w)@[\w-]+|[\w.+-]+@[\w-]+\.\w+|#\d+|\bGH-\d+|\w+://\S+|www\.\w|:[\w+-]+:", re.I
    )
    return [match for text in seen.searched for match in act_on.findall(text)]
