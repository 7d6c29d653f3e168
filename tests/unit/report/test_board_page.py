"""The board's page: well-formed, alone, readable by everyone, and within its size."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from browser import Browser, in_a_browser
from rendered_page import Page
from sample_reports import (
    board_report,
    chronicle,
    environment,
    event,
    full_board_report,
    incident,
    point,
    undecided,
)
from tidegate.report.page import MAX_PAGE, render_page


def rendered(report: dict[str, Any]) -> str:
    page = render_page("board", report)
    assert page is not None
    return page


EMPTY = {
    "environments": [],
    "ledger": [],
    "releases": 0,
    "trend": {"releases": [], "metrics": [], "unreadable": []},
    "approvals": {"asked": False, "reason": "GITHUB_TOKEN is not set", "waiting": [],
                  "runs_left_out": 0},
}  # fmt: skip
PAGES = {
    "as it should be": board_report(),
    "full": full_board_report(),
    "empty": board_report(**EMPTY),
    "undecided": {**undecided("board"), "service": "shop"},
}
each_page = pytest.mark.parametrize("name", PAGES)


@each_page
def test_board_page__each_outcome__is_well_formed_and_alone(name):
    page = Page(rendered(PAGES[name]))

    assert page.faults == []
    assert [tag for tag, _ in page.elements].count("h1") == 1
    assert "None" not in page.text
    assert not {"script", "link", "img", "iframe", "object", "form", "base"} & {
        tag for tag, _ in page.elements
    }
    names = {attribute for _, attributes in page.elements for attribute in attributes}
    assert not {name for name in names if name.startswith("on") or name in ("src", "style")}
    (policy,) = [meta for meta in page.all("meta") if "http-equiv" in meta]
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'"


@each_page
def test_board_page__each_outcome__can_be_read_without_seeing_it(name):
    page = Page(rendered(PAGES[name]))

    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert all("scope" in header for header in page.all("th"))
    for place, (tag, attributes) in enumerate(page.elements):
        if tag == "svg" and attributes.get("aria-hidden") != "true":
            assert attributes["role"] == "img"
            assert [page.elements[place + n][0] for n in (1, 2)] == ["title", "desc"]
            assert set(attributes["aria-labelledby"].split()) <= set(ids)
    regions = [found for _, found in page.elements if found.get("role") == "region"]
    assert all("aria-label" in region and region["tabindex"] == "0" for region in regions)
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_board_page__trouble__is_said_at_the_top_and_at_its_place():
    drifted = environment(drift=["v2 runs, the ledger says v3"], hold="hold by ada: launch",
                          held_since="2026-11-25T09:30:00+00:00")  # fmt: skip
    text = Page(rendered(board_report(environments=[drifted], verdict="fail"))).text

    for part in (
        "production has drifted from the ledger",
        "On hold: production. 1 run waits for approval.",
        "not what the ledger says",
        "Drift: v2 runs, the ledger says v3",
        "On hold since 2026-11-25 09:30 UTC: hold by ada: launch",
        "since 2026-11-24 14:00 UTC (1 day)",
        "lee",
        "a better model",
        "version 3",
    ):
        assert part in text, part


def test_board_page__an_incident__is_said_at_the_top_and_at_its_place():
    failing = {**chronicle()["parts"][0], "state": "failing", "since": incident()["since"]}
    over = incident(begun="2026-11-02T06:00:00+00:00", since="2026-11-01T06:00:00+00:00",
                    ended="2026-11-05T06:00:00+00:00", failing=[])  # fmt: skip
    known = chronicle(parts=[failing], incidents=[incident(), over])
    text = Page(rendered(board_report(watch=known))).text

    for part in (
        "labels.arrived not well since 2026-11-25 06:00 UTC. No environment is on hold.",
        "Looked at in 3 runs, the last on 2026-11-26 06:00 UTC",
        "✕ fails",
        "goes on",
        "4 days",
        "objectives.errors/errors over time",
        "0.0020 on 2026-11-26 06:00 UTC, the newest of 3 runs, between 0 and 0.0020",
        "Asked for: at most 0.01.",
    ):
        assert part in text, part


def test_board_page__nothing_watched_yet__says_how_and_nothing_at_all_where_nothing_is_to_be():
    none = chronicle(runs=0, at=None, parts=[], figures=[])
    assert "Nothing was watched yet" in Page(rendered(board_report(watch=none))).text
    assert "At work" not in Page(rendered(board_report())).text


def test_board_page__what_could_not_be_seen__never_reads_as_it_should_be():
    unseen = environment(looked_at=False, unseen="what runs cannot be seen: no engine answers")
    text = Page(rendered(board_report(environments=[unseen], verdict="inconclusive"))).text

    assert "Cannot be seen from here: production" in text
    assert "what runs cannot be seen: no engine answers" in text
    assert "as the ledger says" not in text


EVIL = [
    "<script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    "\"'><svg onload=alert(1)>",
    "&lt;b&gt; {{ 7 * 7 }} {% raw %}",
    "</title></summary></details></table>",
    "`a` | b \\ *c*\n::error::x",
    "a\u202eb\u200b\x00\ud800",
]


@pytest.mark.parametrize("text", EVIL)
def test_board_page__hostile_text__is_shown_and_changes_nothing(text):
    page, plain = Page(rendered(full_board_report(text))), Page(rendered(full_board_report()))

    assert page.shape == plain.shape
    assert page.faults == []
    rendered(full_board_report(text)).encode()


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(alphabet=st.characters() | st.sampled_from("<>&\"'/`{}%-![]"), min_size=1))
def test_board_page__any_text__changes_nothing(text):
    shape = Page(rendered(full_board_report())).shape
    assert Page(rendered(full_board_report(f"a {text}"))).shape == shape


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "data:text/html,x", "//x.example", "file:///etc", "x", "http://["],
)
def test_board_page__run_address_that_is_not_of_the_web__is_no_link(url):
    said = event(run_url=url)
    report = board_report(environments=[environment(event=said)], ledger=[said])
    report["approvals"] = {**report["approvals"], "waiting": []}

    assert Page(rendered(report)).all("a") == []


def test_board_page__run_address_with_quotes__stays_inside_its_attribute():
    said = event(run_url='https://x.example/"><script>')
    links = Page(rendered(board_report(environments=[], ledger=[said]))).all("a")

    assert {"href": "https://x.example/%22%3E%3Cscript%3E", "rel": "noopener noreferrer"} in links


def busy(events: int, releases: int, metrics: int, text: str = "") -> dict[str, Any]:
    ids = [f"v{number}-{text or 'abcdef0'}" for number in range(releases)]
    shown = ids[-50:]
    points = [point(release=of, candidate=0.7 + n / 1_000) for n, of in enumerate(shown)]
    return board_report(
        ledger=[event(reason=f"{n} {text}".strip(), actor=text or "mona") for n in range(events)],
        releases=releases,
        trend={
            "releases": shown,
            "metrics": [{"metric": f"metric {n} {text}", "points": points} for n in range(metrics)],
            "unreadable": [],
        },
    )


def test_board_page__thousands_of_events__are_cut_with_exact_counts():
    text = rendered(busy(2_000, 300, 6))
    page = Page(text)

    assert len(text) < MAX_PAGE / 3
    assert "The newest 200 of 2,000 events" in page.text
    assert "185 earlier events" in page.text
    assert "The newest 50 of 300 releases" in page.text
    assert text.count('<th scope="row"><time>') == 200
    assert ">1999<" in text
    assert ">1800<" in text
    assert ">1799<" not in text


def test_board_page__long_hostile_texts_everywhere__still_fit():
    text = rendered(busy(2_000, 300, 60, "<\"'&>" * 100))

    assert len(text) <= MAX_PAGE
    assert re.search(r"The newest \d+ of 2,000 events", Page(text).text)
    assert re.search(r"\d+ more metrics stand in the JSON", Page(text).text)


@in_a_browser
def test_board_page__in_a_browser__is_never_wider_than_its_window(tmp_path):
    long = "a_very_long_name_without_any_place_to_break_it_" * 6
    pages = [full_board_report(long), busy(40, 60, 3), PAGES["undecided"], PAGES["empty"]]
    with Browser() as browser:
        for number, report in enumerate(pages):
            path = tmp_path / f"{number}.html"
            path.write_text(rendered(report))
            for width in (320, 375, 1280):
                browser.open(path, width)
                assert browser.value("document.documentElement.scrollWidth") == width
        assert browser.said == []


@in_a_browser
def test_board_page__in_a_browser__hostile_text_runs_nothing(tmp_path):
    path = tmp_path / "board.html"
    path.write_bytes(rendered(full_board_report("".join(EVIL[:5]))).encode())
    with Browser() as browser:
        browser.open(path, 1280, scripts=True)
        assert browser.value("document.querySelectorAll('script, img, [onload]').length") == 0
        assert set(browser.asked) == {path.as_uri()}
        assert browser.said == []
