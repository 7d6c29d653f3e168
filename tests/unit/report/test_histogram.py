"""Small charts: what is drawn is what was counted."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sample_reports import profile
from tidegate.report.histogram import HEIGHT, MAX_BINS, WIDTH, bins_of, chart, values_of

counts = st.integers(0, 10**12)


@st.composite
def profiles(draw: Any) -> dict[str, Any]:
    size = draw(st.integers(0, MAX_BINS))
    side = st.lists(counts, min_size=size, max_size=size)
    return profile(
        labels=[f"bin {number}" for number in range(size)],
        current=draw(side),
        reference=draw(st.none() | side),
    )


@settings(deadline=None)
@given(profiles())
def test_chart__any_counts__stays_in_its_box_and_shows_every_row(one):
    drawn = chart(one)
    rows = [*one["current"], *(one["reference"] or [])]
    if not any(rows):
        assert drawn is None
        return

    bars = re.findall(r"M(\d+) 48v-(\d+)h(\d+)v(\d+)z", drawn.bars)
    assert "".join(f"M{a} 48v-{b}h{c}v{d}z" for a, b, c, d in bars) == drawn.bars
    assert len(bars) == sum(count > 0 for count in one["current"])
    assert all(
        int(x) + int(width) <= WIDTH and 1 <= int(high) <= HEIGHT - 2 for x, high, width, _ in bars
    )
    assert (drawn.line == "") == (one["reference"] is None)
    assert all(0 < int(y) <= HEIGHT for y in re.findall(r"[ML]\d+ (\d+)H", drawn.line))


def test_chart__one_bin_twice_as_full__is_twice_as_high():
    drawn = chart(profile(labels=["a", "b"], current=[20, 40], reference=[30, 30]))

    assert drawn.bars == "M0 48v-23h119v23zM120 48v-46h119v46z"
    assert drawn.line == "M0 14H120L120 14H240"


def test_chart__sides_of_different_size__are_compared_by_share():
    drawn = chart(profile(labels=["a", "b"], current=[1, 3], reference=[100, 300]))

    assert drawn.words.startswith("As in the reference. Most rows: b, 75.0")


def test_chart__a_bin_that_moved__is_named():
    drawn = chart(profile(labels=["a", "b"], current=[1, 3], reference=[3, 1]))

    assert drawn.words.replace("\N{NO-BREAK SPACE}", " ") == (
        "Moved most: a, 75.0 % in the reference, 25.0 % now."
    )


@pytest.mark.parametrize("size", [0, MAX_BINS + 1])
def test_chart__nothing_or_too_much__is_not_drawn(size):
    assert chart(profile(labels=["x"] * size, current=[1] * size, reference=None)) is None


@settings(deadline=None)
@given(profiles())
def test_values_of__any_counts__leave_no_row_out(one):
    values = values_of(one)

    assert len(values) <= 7
    assert sum(value.current for value in values) == pytest.approx(
        sum(one.current for one in bins_of(one))
    )
    assert all(0 <= value.width <= 100 and value.reference_width <= 100 for value in values)
    assert all(value.width >= 1 for value in values if value.current)


def test_values_of__rest_that_was_never_named__joins_the_others():
    labels = [*"abcdefgh", "(other)"]
    values = values_of(profile(labels=labels, current=[9, 8, 7, 6, 5, 4, 3, 2, 56], reference=None))

    assert [value.label for value in values] == [*"abcdef", "all others"]
    assert values[-1].current == pytest.approx(0.61)


def test_values_of__new_value__is_seen():
    values = values_of(profile(labels=["a", "b"], current=[99_999, 1], reference=[10, 0]))

    assert (values[1].width, values[1].reference_width) == (1.0, 0.0)
