"""The site of these pages: `make docs` writes it to build/site. Sphinx reads this file.

The pages are plain Markdown, as GitHub shows it, without Sphinx's own directives. What a site
needs beyond that is made here: the navigation, from the lists of index.md, and addresses on GitHub
for links to files that are no pages.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sphinx.util import logging

DOCS = Path(__file__).parent
ROOT = DOCS.parent
sys.path.insert(0, str(ROOT / "scripts"))

from tidegate import __version__  # noqa: E402

REPOSITORY = "https://github.com/tidegate/tidegate"

project = "Tidegate"
release = __version__
html_title = f"Tidegate {release}"
copyright = "the authors of Tidegate, Apache-2.0"

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
html_theme = "furo"
html_theme_options = {
    "source_repository": REPOSITORY,
    "source_branch": "main",
    "source_directory": "docs/",
}
html_show_sphinx = False
html_copy_source = False
highlight_language = "none"
pygments_style, pygments_dark_style = "default", "github-dark"

# GitHub's anchors. GitHub has no smart quotes, and takes no notice of Sphinx's syntax.
myst_heading_anchors = 4
smartquotes = False

FENCED = re.compile(r"(^(`{3,}).*?^\2\s*$)", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((\.\./[^)\s#]*|\.\.)(#[^)\s]*)?\)")
SECTION = re.compile(r"^## (.+)\n((?:(?!^## ).*\n?)*)", re.MULTILINE)
PAGE_LINK = re.compile(r"\]\(((?!\w+:)[^)#\s]+)\.md\)")


def setup(app: Any) -> None:
    app.connect("source-read", lambda app, name, source: _prepare(app.env.found_docs, name, source))


def _prepare(pages: set[str], name: str, source: list[str]) -> None:
    """Sphinx gives a page's text as a list of one, to be changed in place."""
    text = source[0]
    outside = "".join(
        part if part.startswith("```") else LINK.sub(lambda link: _on_github(name, link), part)
        for part in _parts(text)
    )
    source[0] = outside + (navigation(text, pages) if name == "index" else "")


def _parts(text: str) -> Iterator[str]:
    """The text cut into fenced blocks and what is between them."""
    at = 0
    for block in FENCED.finditer(text):
        yield text[at : block.start()]
        yield block[0]
        at = block.end()
    yield text[at:]


def _on_github(name: str, link: re.Match[str]) -> str:
    """A link out of docs/, such as to an action's README: to GitHub, if the file is here."""
    target = Path(os.path.normpath((DOCS / name).parent / link[1]))
    if DOCS in (target, *target.parents):
        return link[0]
    if not target.exists():
        logging.getLogger(__name__).warning("no such file: %s", link[1], location=name)
    kind = "tree" if target.is_dir() else "blob"
    return f"]({REPOSITORY}/{kind}/main/{target.relative_to(ROOT).as_posix()}{link[2] or ''})"


def navigation(index: str, pages: set[str]) -> str:
    """Sphinx's tables of contents: a section of index.md is one, with the pages that it links to.

    Pages that it does not name come last, so that none is out of reach.
    """
    left = pages - {"index"}
    parts = []
    for heading, body in SECTION.findall(index):
        named = [page for page in dict.fromkeys(PAGE_LINK.findall(body)) if page in left]
        left -= set(named)
        parts.append((heading, named))
    parts.append(("More", sorted(left)))
    return "".join(
        f"\n```{{toctree}}\n:hidden:\n:caption: {heading}\n\n" + "\n".join(named) + "\n```\n"
        for heading, named in parts
        if named
    )
