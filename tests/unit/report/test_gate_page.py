"""The page of gate-model: every slice with its interval, calibration, scores."""

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
    budget,
    curve,
    gate_report,
    override,
    result,
    slice_result,
    undecided,
    worse_slice,
)
from tidegate.report import calibration_chart, forest_plot
from tidegate.report.page import MAX_PAGE, render_page

CURVES = {"candidate": curve(), "baseline": curve()}
ERRORS = {"edges": [-1.0, 0.0, 1.0], "counts": [3, 40, 50, 2]}
REGRESSION = {
    "candidate": curve(calibration=None, scores=None, errors=ERRORS),
    "baseline": None,
}
ALONE = result(baseline=None, harm=None, lower=0.735, upper=0.749)


def full(text: str = "a name", **fields: Any) -> dict[str, Any]:
    """A report with something in every part of the page; every text in it is `text`."""
    slices = [
        worse_slice(text, metric=text, reason=text),
        slice_result(text, metric=text, verdict="inconclusive", upper=None),
        slice_result(metric=text, slice={text: None}),
        slice_result(metric="recall"),
    ]
    known = dict.fromkeys(
        ("version", "source", "predictions_digest", "registered_at", "release", "environment"), text
    )
    return gate_report(
        result(metric=text),
        *slices,
        **{
            "service": text,
            "commit": text,
            "baseline": {**known, "since": text},
            "budgets": [budget(name=text), budget(name=text, champion=2.0, verdict="fail")],
            "notes": [text] * 3,
            "curves": CURVES,
            "override": override(by=text),
            "blocked": False,
            **fields,
        },
    )


def rendered(report: dict[str, Any]) -> str:
    page = render_page("gate-model", report)
    assert page is not None
    return page


PAGES = {
    "full": full(),
    "pass": gate_report(curves=CURVES),
    "first release": gate_report(ALONE, baseline=None, curves={**CURVES, "baseline": None}),
    "regression": gate_report(curves=REGRESSION),
    "no curves": gate_report(),
    "earlier version": {k: v for k, v in gate_report().items() if k != "curves"},
    "warns": gate_report(worse_slice(), mode="warn"),
    "undecided": {**undecided("gate-model"), "service": "shop"},
}
each_page = pytest.mark.parametrize("name", PAGES)


@each_page
def test_page__each_outcome__is_well_formed_and_can_be_read_without_seeing_it(name):
    page = Page(rendered(PAGES[name]))

    assert page.faults == []
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert all("scope" in header for header in page.all("th"))
    for place, (tag, attributes) in enumerate(page.elements):
        if tag == "svg":
            named = page.elements[place + 1][0] == "title" and attributes.get("role") == "img"
            assert named or attributes.get("aria-hidden") == "true"
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))


@in_a_browser
@pytest.mark.parametrize("width", [375, 1100])
def test_page__in_a_browser__fits_and_asks_nothing(tmp_path, width):
    file = tmp_path / "gate-model.html"
    file.write_text(rendered(full("carrier " + "<script>alert(1)</script>" * 3)), encoding="utf-8")
    with Browser() as browser:
        browser.open(file, width, dark=width == 375, scripts=True)

        assert browser.value("document.documentElement.scrollWidth") <= width
        assert browser.value("document.scripts.length") == 0
        assert {*browser.asked} == {file.as_uri()}
        assert browser.said == []


def test_page__blocked__says_what_people_need():
    report = gate_report(result(), worse_slice(), slice_result(), budgets=[budget()], curves=CURVES)
    text = Page(rendered(report)).text.replace("\N{NO-BREAK SPACE}", " ")

    for part in (
        "The model is clearly worse for carrier B6",
        "Production runs version 3, release v3-0a1b2c3, on production since 2026-11-21 14:30 UTC.",
        "carrier B6: ▼ 0.0529 worse (▼ 0.0312 … ▼ 0.0746), tolerated 0.02",
        "Farthest off: of the 9,000 rows with scores of about 30.0 %, 28.0 % were positive.",
        "check-data.html",
    ):
        assert part in text, part


def test_page__let_through__is_not_a_pass():
    report = gate_report(worse_slice(), blocked=False, override=override())

    assert "let through by lee for this commit: that is not a pass" in Page(rendered(report)).text


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(alphabet=st.characters() | st.sampled_from("<>&\"'/`{}%-![]"), min_size=1))
def test_page__any_text__changes_nothing(text):
    assert Page(rendered(full(f"a {text}"))).shape == Page(rendered(full())).shape


def test_page__thousands_of_slices__fits_and_counts_what_it_leaves_out():
    slices = [
        worse_slice(f"{n} " + "x" * 300, metric=metric)
        for metric in ("roc-auc", "recall") for n in range(5_000)
    ]  # fmt: skip
    text = rendered(gate_report(result(), *slices, notes=["y" * 5_000] * 2_000))

    assert len(text) <= MAX_PAGE
    left_out = sum(int(n.replace(",", "")) for n in re.findall(r"([\d,]+) more slices, none", text))
    assert left_out + len(re.findall('class="forest"', text)) - 1 == 10_000


@given(
    st.lists(
        st.tuples(st.floats(-1e9, 1e9), st.floats(0, 1e9), st.floats(0, 1)), min_size=1, max_size=9
    ),
    st.floats(0, 1e6),
)
def test_plot__any_intervals__stand_in_order_within_the_picture(cases, margin):
    results = [
        slice_result(lower=low, upper=low + width, harm=low + at * width, max_regression=margin)
        for low, width, at in cases
    ]
    scale = forest_plot.scale_of(results)
    assert scale is not None
    for one in results:
        drawn = forest_plot.plot(scale, one)
        assert drawn is not None
        left, right = map(float, re.match(r"M(\S+) \d+H([\d.]+)", drawn.interval).groups())
        dot, zero, most = (
            float(path[1:].partition(" ")[0].partition("V")[0])
            for path in (drawn.dot, drawn.zero, drawn.margin)
        )
        assert 0 <= left <= dot <= right <= forest_plot.WIDTH
        assert 0 < zero <= most < forest_plot.WIDTH


def test_scale__one_enormous_interval__leaves_the_others_their_shape():
    usual = slice_result(lower=-0.01, upper=0.03)
    scale = forest_plot.scale_of([usual, slice_result(lower=-50.0, upper=50.0)])

    assert scale is not None
    assert scale.place(0.03) - scale.place(-0.01) > forest_plot.WIDTH / 4


def test_calibration__small_bins__are_drawn_and_said_nothing_of():
    few = {"lower": 0.9, "upper": 1.0, "rows": 3, "mean_score": 0.95, "rate": 0.0}
    many = {"lower": 0.0, "upper": 0.1, "rows": 900, "mean_score": 0.05, "rate": 0.1}
    chart = calibration_chart.chart([many, few], None)

    assert chart.dots == "M15.0 270.0h0M285.0 300.0h0"
    assert "5.0\N{NO-BREAK SPACE}%, 10.0\N{NO-BREAK SPACE}% were positive" in chart.words
    assert calibration_chart.in_words([few]) == "Too few rows in each bin to say."
