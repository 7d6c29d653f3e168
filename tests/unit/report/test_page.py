"""The page of check-data: well-formed, alone, readable by everyone, and within its size."""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from browser import Browser, in_a_browser
from rendered_page import Page, colours, contrast
from sample_reports import (
    check,
    command_report,
    data_report,
    dataset,
    drift,
    example,
    full_data_report,
    profile,
    undecided,
)
from tidegate.report.page import MAX_PAGE, has_page, render_page

CSS = files("tidegate.report").joinpath("templates/page.css").read_text(encoding="utf-8")


def rendered(report: dict[str, Any]) -> str:
    page = render_page("check-data", report)
    assert page is not None
    return page


PAGES = {
    "full": full_data_report(),
    "pass": data_report(),
    "nothing": data_report(datasets=[], data_digest=None),
    "undecided": {**undecided("check-data"), "service": "shop"},
    "unknown": {**undecided("check-data", where=None, remedy=None), "service": None},
}
each_page = pytest.mark.parametrize("name", PAGES)


def test_render_page__other_verbs__have_none():
    assert render_page("promote", command_report("promote")) is None
    assert (has_page("promote"), has_page("check-data")) == (False, True)


@each_page
def test_page__each_outcome__is_well_formed(name):
    page = Page(rendered(PAGES[name]))

    assert page.faults == []
    assert [tag for tag, _ in page.elements].count("h1") == 1
    assert page.all("html") == [{"lang": "en"}]
    assert not re.search("None(?! of [0-9])", page.text)


@each_page
def test_page__each_outcome__asks_nothing_of_a_network_and_runs_nothing(name):
    text = rendered(PAGES[name])
    page = Page(text)

    assert not {"script", "link", "img", "iframe", "object", "form", "base"} & {
        tag for tag, _ in page.elements
    }
    names = {attribute for _, attributes in page.elements for attribute in attributes}
    assert not {name for name in names if name.startswith("on") or name in ("src", "style")}
    assert not re.search(r"url\(|@import|//[a-z]", CSS)
    (policy,) = [meta for meta in page.all("meta") if "http-equiv" in meta]
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'"
    targets = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    assert all(link["href"][0] == "#" and link["href"][1:] in targets for link in page.all("a"))


@each_page
def test_page__each_outcome__can_be_read_without_seeing_it(name):
    page = Page(rendered(PAGES[name]))

    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert all("scope" in header for header in page.all("th"))
    for place, (tag, attributes) in enumerate(page.elements):
        if tag == "svg":
            named = page.elements[place + 1][0] == "title" and attributes.get("role") == "img"
            assert named or attributes.get("aria-hidden") == "true"
    regions = [found for _, found in page.elements if found.get("role") == "region"]
    assert all("aria-label" in region and region["tabindex"] == "0" for region in regions)
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_page__blocked__says_everything_that_people_need():
    text = Page(rendered(full_data_report("flights"))).text.replace("\N{NO-BREAK SPACE}", " ")

    for part in (
        "The data breaks 4 rules of its contract (flights)",
        "1 of 2 datasets fails.",
        "412 rows, 0.3 %",
        "one of 'flights'",
        "flights flights (flights row 3)",
        "redacted",
        "What to do",
        "Correct the values where they are entered.",
        "1 rule could not be judged",
        "Warnings",
        "The contract changes: 1 breaking, 1 tighter; 1 data file changes",
        "drift (warning)",
        "cannot tell",
        "1 column without drift",
        "Nulls: 2.3 % (0.8 %).",
        "7 rules, each with its outcome",
        "sha256:4d4d4d",
    ):
        assert part in text, part


def test_page__rules_of_two_engines__names_both():
    mixed = dataset(check(engine="polars"), check(engine="pandera"), engine="mixed")

    assert "judged by pandera and polars." in Page(rendered(data_report(mixed))).text


EVIL = [
    "<script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    "\"'><svg onload=alert(1)>",
    "&lt;b&gt; {{ 7 * 7 }} {% raw %}",
    "</title></summary></details></table>",
    "javascript:alert(1) http://x.example",
    "`a` | b \\ *c*\n::error::x",
    "a\u202eb\u200b\x00\ud800",
]


@pytest.mark.parametrize("text", EVIL)
def test_page__hostile_text__is_shown_and_changes_nothing(text):
    # A rule's own name is a sentence where it has a space, else code.
    page, plain = Page(rendered(full_data_report(f"a {text}"))), Page(rendered(full_data_report()))

    assert page.shape == plain.shape
    assert page.faults == []
    rendered(full_data_report(text)).encode()


def test_page__hostile_text__reads_as_it_was_written():
    assert "</style><img src=x onerror=alert(1)>" in Page(rendered(full_data_report(EVIL[1]))).text
    assert "a⟨U+202E⟩b⟨U+200B⟩␀⟨U+D800⟩" in Page(rendered(full_data_report(EVIL[-1]))).text


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(alphabet=st.characters() | st.sampled_from("<>&\"'/`{}%-![]"), min_size=1))
def test_page__any_text__changes_nothing(text):
    assert (
        Page(rendered(full_data_report(f"a {text}"))).shape
        == Page(rendered(full_data_report())).shape
    )


@pytest.mark.parametrize("text", EVIL)
def test_page__hostile_error__is_shown_and_changes_nothing(text):
    def page(words: str) -> Page:
        error = undecided("check-data", what=words, where=words, remedy=words)
        return Page(rendered({**error, "service": words}))

    assert page(text).shape == page("a name").shape


# (text, ground, least contrast): 4.5 for text, 3 for what is drawn. WCAG 2.2, 1.4.3 and 1.4.11.
GROUNDS = ("ground", "surface", "raised")
PAIRS = [
    *[(text, ground, 4.5) for text in ("text", "soft", "link") for ground in GROUNDS],
    *[(tone, f"{tone}-ground", 4.5) for tone in ("fail", "warn", "pass", "unsure")],
    *[("text", f"{tone}-ground", 4.5) for tone in ("fail", "warn", "unsure")],
    *[(tone, "raised", 4.5) for tone in ("fail", "warn")],
    *[(drawn, "raised", 3.0) for drawn in ("now", "then", "soft")],
    *[(drawn, "surface", 3.0) for drawn in ("now", "then")],
]  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground", "least"), PAIRS)
def test_style__every_pair_of_colours__has_contrast(scheme, text, ground, least):
    named = colours(CSS)[scheme]

    assert contrast(named[f"--{text}"], named[f"--{ground}"]) >= least


def test_contrast__black_on_white__is_the_most_there_is():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=1e-3)


def test_style__every_colour_that_is_used__is_declared_in_both_schemes():
    used = set(re.findall(r"var\((--[\w-]+)\)", CSS)) - {"--tone", "--tone-ground"}
    _, dark = CSS.split("@media (prefers-color-scheme: dark)", 1)

    assert used <= set(colours(CSS)["light"])
    assert all(f"{name}: #" in dark for name in used)


def wide(columns: int) -> dict[str, Any]:
    """A dataset of so many columns, each with three rules, a histogram and its drift."""
    names = [f"feature_{number:03d}" for number in range(columns)]
    labels = [f"{edge * 2.5:.1f} to {edge * 2.5 + 2.5:.1f}" for edge in range(20)]
    checks = [
        check(column=name, check=rule, failing_rows=0, examples=[])
        for name in names
        for rule in ("dtype('Float64')", "not_nullable", "in_range(0, 100)")
    ]
    profiles = [
        profile(column=name, labels=labels, current=[*range(1_000, 3_000, 100)],
                reference=[*range(3_000, 1_000, -100)])
        for name in names
    ]  # fmt: skip
    drifts = [drift(column=name) for name in names]
    return data_report(dataset(*checks, profile=profiles, drift=drifts, verdict="pass"))


def test_page__five_hundred_columns__are_all_there_and_fit():
    text = rendered(wide(500))

    assert len(text.encode()) <= MAX_PAGE
    assert len(re.findall('class="plot"', text)) == 500
    assert "stand in the JSON beside this page" not in text


LEFT_OUT = re.compile(
    r"([\d,]+) more (broken rules?|warnings?|columns?|rules?|changes?|data files?|datasets?), none"
)


def test_page__more_than_fits__is_cut_and_every_rule_is_accounted_for():
    long = "x" * 300
    examples = [example(file=long, row=1, value=long, key={long: long}) for _ in range(5)]
    checks = [
        check(column=f"{long}{n}", check=f"isin(['{long}'])", examples=examples) for n in range(90)
    ]
    tables = [dataset(*checks, name=f"{n} {long}", verdict="fail") for n in range(60)]
    text = rendered(data_report(*tables))
    page = Page(text)

    assert len(text) <= MAX_PAGE
    assert page.faults == []
    assert "The data breaks 5,400 rules" in page.text
    left = sum(
        int(n.replace(",", "")) for n, what in LEFT_OUT.findall(page.text) if "broken" in what
    )
    sections = int(60 - sum(int(n) for n, what in LEFT_OUT.findall(page.text) if "dataset" in what))
    assert left + text.count('<article class="rule') == 90 * sections


def test_page__thousands_of_datasets__fit():
    tables = [dataset(name=f"table {number} " + "é" * 300) for number in range(3_000)]
    text = rendered(data_report(*tables))
    page = Page(text)

    assert len(text) <= MAX_PAGE
    (left,) = [
        int(n.replace(",", "")) for n, what in LEFT_OUT.findall(page.text) if what == "datasets"
    ]
    assert left + len(re.findall('id="dataset-', text)) == 3_000


@in_a_browser
def test_page__in_a_browser__is_never_wider_than_its_window(tmp_path):
    long = "a_very_long_name_without_any_place_to_break_it_" * 6
    page = tmp_path / "page.html"
    with Browser() as browser:
        for report in (full_data_report(long), full_data_report("short"), PAGES["undecided"]):
            page.write_text(rendered(report), encoding="utf-8")
            for width in (320, 360, 1280):
                browser.open(page, width)
                assert browser.value("document.documentElement.scrollWidth") == width
        assert browser.said == []
