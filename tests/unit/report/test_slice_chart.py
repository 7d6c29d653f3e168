"""The chart of the worst slices, drawn by Mermaid itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mermaid_charts import CAN_DRAW, Mermaid
from sample_reports import slice_result, worse_slice
from tidegate.report.slice_chart import MAX_BARS, Chart, chart

SLICES = [
    ("carrier B6", worse_slice()),
    ("carrier EV, origin JFK", slice_result(verdict="inconclusive", lower=0.001, upper=0.03)),
    ("carrier DL", slice_result()),
]
EVIL = [
    'a"] bar [1]',
    "`**bold** <script>alert(1)</script>`",
    '%%{init: {"theme": "dark"}}%%',
    "#quot; &lt;b&gt; <img src=x onerror=alert(1)>",
    "a\nline [1, 2]\nclick x href javascript:alert(1)",
    "```\n## out",
    "\u202eevil\u200b $$x^2$$ \\ {} ; #35; |",
    "",
]


NAMES = st.characters() | st.sampled_from("\"'`%{}[]<>#;&|\\\n:$")


@pytest.fixture(scope="module")
def mermaid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mermaid]:
    if not CAN_DRAW:
        pytest.skip("needs Chromium, and Mermaid from `make node-modules`")
    with Mermaid(tmp_path_factory.mktemp("mermaid")) as drawing:
        yield drawing


def drawn_of(slices: list[tuple[str, dict[str, Any]]], against: str) -> Chart | None:
    named = [{**result, "named": name} for name, result in slices]
    return chart(named, against, lambda result: str(result["named"]))


def text_of(slices: list[tuple[str, dict[str, Any]]], against: str = "production v3") -> str:
    made = drawn_of(slices, against)
    assert made is not None
    return made.text


def test_chart__slices__are_bars_with_their_names_and_the_scale(mermaid):
    drawn = mermaid.draw(text_of(SLICES))

    assert drawn["error"] is None
    assert [text for text in drawn["texts"] if text.startswith("carrier")] == [
        "carrier B6", "carrier EV, origin JFK", "carrier DL"
    ]  # fmt: skip
    assert {"roc-auc: harm by slice, worst first", "worse than production v3 by", "0.02"} <= {
        *drawn["texts"]
    }


def test_chart__bars__end_where_the_intervals_end():
    numbers = re.findall(r"(?:bar|line) \[(.*)\]", text_of(SLICES))
    fail, unsure, passing, lower, _, zero, margin = ([*map(float, n.split(","))] for n in numbers)

    low = fail[1]
    assert low < -0.0061
    assert (fail, unsure, passing) == ([0.0746, low, low], [low, 0.03, low], [low, low, 0.0031])
    assert (lower, zero, margin) == ([0.0312, 0.001, -0.0061], [0.0] * 3, [0.02] * 3)


@pytest.mark.parametrize("name", EVIL)
def test_chart__hostile_names__are_shown_and_change_nothing(mermaid, name):
    plain = mermaid.draw(text_of(SLICES))
    evil = [(name, {**result, "metric": f"m {name}"}) for _, result in SLICES]
    drawn = mermaid.draw(text_of(evil, f"production v{name}"))

    assert drawn["error"] is None
    assert drawn["elements"] == plain["elements"]
    assert len(drawn["texts"]) == len(plain["texts"])


@settings(deadline=None, max_examples=60, suppress_health_check=[*HealthCheck])
@given(
    st.lists(
        st.tuples(
            st.text(alphabet=NAMES, max_size=30),
            st.floats(-1e12, 1e12), st.floats(0, 1e12), st.floats(0, 1e6),
        ),
        min_size=1, max_size=15,
    )
)  # fmt: skip
def test_chart__any_names_and_any_figures__are_drawn(mermaid, slices):
    margin = slices[0][3]
    given_slices = [
        (name, slice_result(lower=lower, upper=lower + width, max_regression=margin))
        for name, lower, width, _ in slices
    ]
    drawn = mermaid.draw(text_of(given_slices))

    assert drawn["error"] is None
    assert set(drawn["elements"]) <= {"g", "rect", "text", "path", "style"}


def test_chart__hostile_names__ask_no_network_and_run_no_script(mermaid):
    for name in EVIL:
        mermaid.draw(text_of([(name, worse_slice())]))

    assert {address.partition(":")[0] for address in mermaid.browser.asked} == {"file"}
    assert mermaid.browser.said == []


def test_chart__more_slices_than_bars__shows_the_worst_of_one_metric():
    many = [(f"s {n}", worse_slice()) for n in range(30)] + [("x", worse_slice(metric="recall"))]
    made = drawn_of(many, "production v3")

    assert made is not None
    assert (made.metric, made.count) == ("roc-auc", MAX_BARS)
    assert '"s 9"' in made.text
    assert '"s 10"' not in made.text


def test_chart__no_interval_of_harm__is_none():
    alone = slice_result(baseline=None, harm=None, max_regression=None, min=0.6)

    assert drawn_of([("carrier DL", alone)], "nothing") is None
    assert drawn_of([("carrier DL", slice_result(upper=None))], "production v3") is None
    assert drawn_of([], "production v3") is None
