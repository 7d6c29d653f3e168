"""An HTML page as a browser takes it apart, and the contrast of the colours of its style."""

from __future__ import annotations

import re
from html.parser import HTMLParser

# Elements without an end.
VOID = {"meta", "br", "link", "img", "input", "hr"}
_COLOUR = re.compile(r"(--[\w-]+): (#[0-9a-f]{6});")


class Page(HTMLParser):
    """Elements with their attributes in order, the text of each, and what is wrong with nesting."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.paths: list[tuple[str, ...]] = []
        self.text = ""
        self.faults: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        self.faults += [f"{tag} is not closed" for tag in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        if len(names) != len(set(names)):
            self.faults.append(f"{tag} has an attribute twice")
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self.paths.append((*self._open, tag))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self.paths.append((*self._open, tag))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1] != tag:
            self.faults.append(f"</{tag}> inside {self._open[-1:]}")
            return
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def shape(self) -> list[tuple[str, tuple[str, ...]]]:
        """What it is made of, whatever the values in it."""
        return [(tag, tuple(attributes)) for tag, attributes in self.elements]


def colours(css: str) -> dict[str, dict[str, str]]:
    """The colours by name, in light and in dark."""
    light, dark = css.split("@media (prefers-color-scheme: dark)", 1)
    bright = dict(_COLOUR.findall(light))
    return {"light": bright, "dark": {**bright, **dict(_COLOUR.findall(dark))}}


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, by WCAG 2.2."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
