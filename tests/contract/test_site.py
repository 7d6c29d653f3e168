"""The site of docs/: strict about links, complete, and sufficient to itself."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from browser import Browser, in_a_browser
from local_github.act import ROOT

SPHINX = Path(sys.executable).parent / "sphinx-build"
PAGES = [page.relative_to(ROOT / "docs").with_suffix("") for page in ROOT.glob("docs/**/*.md")]
# What a browser fetches by itself. A link is followed by a person.
LOADED = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src"}
# `link` is also how a page names itself and its neighbours, which no browser fetches.
NOT_FETCHED = {"canonical", "next", "prev", "index", "search", "author", "help"}


def build(docs: Path, site: Path) -> subprocess.CompletedProcess[str]:
    command = [SPHINX, "--quiet", "--fail-on-warning", "--keep-going", docs, site]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = build(ROOT / "docs", folder)
    assert built.returncode == 0, built.stderr
    return folder


class Loads(HTMLParser):
    """Addresses that a page fetches, and those that it links to."""

    def __init__(self, page: Path):
        super().__init__()
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a":
            self.links.append(given.get("href") or "")
        elif tag in LOADED and given.get("rel") not in NOT_FETCHED:
            self.fetched.append(given.get(LOADED[tag]) or "")


@pytest.mark.parametrize("fault", ["[x](nowhere.md)", "[x](config.md#nowhere)", "[x](../nowhere/)"])
def test_build__broken_link_fails_it_and_is_named(fault: str, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    for name in ("conf.py", "config.md"):
        shutil.copy(ROOT / "docs" / name, docs / name)
    (docs / "config.md").write_text("# Config\n")
    (docs / "index.md").write_text(f"# Index\n\n## Pages\n\n[Config](config.md)\n\n{fault}\n")
    built = build(docs, tmp_path / "site")
    assert built.returncode != 0
    assert "nowhere" in built.stderr


def test_navigation__has_every_page(site: Path) -> None:
    links = {link.partition("#")[0] for link in Loads(site / "index.html").links}
    assert {f"{page}.html" for page in PAGES if page.name != "index"} <= links


def test_site__loads_nothing_from_elsewhere(site: Path) -> None:
    pages = list(site.glob("**/*.html"))
    assert len(pages) > len(PAGES)
    foreign = {
        (page.name, address)
        for page in pages
        for address in Loads(page).fetched
        if urlsplit(address).netloc
    }
    assert foreign == set()
    for style in site.glob("**/*.css"):
        assert not re.search(r"(url\(|@import)\s*[\"']?(https?:)?//", style.read_text())


@in_a_browser
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (390, False)])
def test_site__fits_and_asks_for_its_own_files_alone(site: Path, width: int, dark: bool) -> None:
    with Browser() as browser:
        browser.open(site / "config.html", width, dark=dark, scripts=True)
        background = browser.value("getComputedStyle(document.body).backgroundColor")
        red, *_ = map(int, re.findall(r"\d+", background))
        assert (red < 80) == dark
        assert browser.value("document.documentElement.scrollWidth") <= width
        assert browser.said == []
        assert {urlsplit(address).scheme for address in browser.asked} <= {"file", "data"}


@in_a_browser
def test_search__finds_pages_without_a_service(site: Path) -> None:
    with Browser() as browser:
        browser.open(site / "search.html", 1280, scripts=True)
        browser.value("Search.performSearch('clusters')")
        deadline = time.monotonic() + 30
        while "statistics.html" not in str(browser.value("document.body.innerHTML")):
            assert time.monotonic() < deadline, "the search found nothing"
        assert {urlsplit(address).scheme for address in browser.asked} <= {"file", "data"}
