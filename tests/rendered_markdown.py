"""Markdown as a reader sees it: by GitHub's own renderer, and by what GitHub does after it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from cmarkgfm import markdown_to_html_with_extensions
from cmarkgfm.cmark import Options

EXTENSIONS = ["table", "autolink", "strikethrough", "tasklist", "tagfilter"]
# HTML is let through, as there: the sanitizer that follows lets most of what harms a comment pass.
_OPTIONS = (
    Options.CMARK_OPT_UNSAFE
    | Options.CMARK_OPT_GITHUB_PRE_LANG
    | Options.CMARK_OPT_FOOTNOTES
    | Options.CMARK_OPT_STRIKETHROUGH_DOUBLE_TILDE
)


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


def html(markdown: str) -> str:
    rendered: str = markdown_to_html_with_extensions(
        # A lone surrogate is no text: it would break the file that it is written to, too.
        markdown.encode(errors="replace").decode(),
        options=_OPTIONS,
        extensions=EXTENSIONS,
    )
    return rendered


def read(markdown: str) -> _Read:
    seen = _Read()
    seen.feed(html(markdown))
    return seen


def linked_by_github(seen: _Read) -> list[str]:
    """What GitHub would make links, notifications and emoji of, in the rendered text."""
    act_on = re.compile(
        r"(?<!\w)@[\w-]+|[\w.+-]+@[\w-]+\.\w+|#\d+|\bGH-\d+|\w+://\S+|www\.\w|:[\w+-]+:"
        r"|\b[0-9a-f]{7,40}\b",  # a commit
        re.I,
    )
    return [match for text in seen.searched for match in act_on.findall(text)]
