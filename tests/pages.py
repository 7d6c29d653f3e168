"""The pages for people, taken apart: their fenced blocks, with what a comment above one says of it.

`<!-- example: PATH -->` above a block names the file that it is; `<!-- exit: 1 -->` says which exit
code its commands end with, where that is not 0.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

from local_github.act import ROOT

_BLOCK = re.compile(
    r"(?:^[ ]*<!-- (?P<key>example|exit): (?P<value>\S+) -->\n)?"
    r"^(?P<indent>[ ]*)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """page: its path below the repository; line: of the fence; example: the file that it is."""

    page: str
    line: int
    language: str
    text: str
    example: str | None = None
    exit_code: int = 0

    @property
    def of_github(self) -> bool:
        """Whether its commands fetch this repository, or ask about one, on GitHub."""
        return bool(re.search(r"gh:|git\+https:|https://github|cruft|--repo", self.text))

    @property
    def name(self) -> str:
        """The page and the first line: what a table names it by."""
        return f"{self.page}: {self.text.splitlines()[0].strip()}"

    def commands(self) -> list[str]:
        """Lines of a shell block, joined where a backslash continues them, without comments."""
        joined = self.text.replace("\\\n", " ")
        lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in joined.splitlines())
        return [line for line in lines if line]


def pages() -> list[Path]:
    """README, docs/, the actions' own pages, and what stands in the root for contributors."""
    return [
        *sorted(ROOT.glob("*.md")),
        *sorted(ROOT.glob("docs/**/*.md")),
        *sorted(ROOT.glob("actions/*/README.md")),
    ]


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            page.relative_to(ROOT).as_posix(),
            text.count("\n", 0, found.start("indent")) + 1,
            found["language"],
            textwrap.dedent(found["text"]),
            found["value"] if found["key"] == "example" else None,
            int(found["value"]) if found["key"] == "exit" else 0,
        )
        for found in _BLOCK.finditer(text)
    ]


def every_block(language: str | None = None) -> list[Block]:
    return [
        block
        for page in pages()
        for block in blocks(page)
        if language is None or block.language == language
    ]


def examples(page: str) -> dict[str, str]:
    """The files that a page shows, by their path."""
    return {b.example: b.text for b in blocks(ROOT / page) if b.example is not None}
