"""The chart of a metric over releases, as paths and in words; and times in words."""

from __future__ import annotations

import re

import pytest

from sample_reports import point
from tidegate.report import times
from tidegate.report.trend_chart import HEIGHT, WIDTH, chart

IDS = ["v1", "v2", "v3", "v4"]


def points(*values: float, **fields: object) -> list[dict[str, object]]:
    return [
        point(release=of, candidate=value, **{"baseline": None, "min": None, **fields})
        for of, value in zip(IDS, values, strict=False)
    ]


def heights(path: str) -> list[float]:
    return [float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", path)]


def test_chart__higher_values__are_drawn_higher_and_inside_the_box():
    drawn = chart(IDS, points(0.7, 0.8, 0.75, 0.9), [])
    first, second, third, fourth = heights(drawn.paths["line"])

    assert first > third > second > fourth
    assert 0 < fourth < first < HEIGHT
    xs = [float(x) for x in re.findall(r"[ML]([\d.]+) ", drawn.paths["dots"])]
    assert xs == [WIDTH * (n + 0.5) / 4 for n in range(4)]
    assert (drawn.bottom, drawn.top) == (0.7, 0.9)


def test_chart__a_release_without_a_value__is_a_gap_and_not_a_line():
    shown = [one for one in points(0.7, 0.8, 0.75, 0.9) if one["release"] != "v2"]

    assert re.sub(r"[\d. ]", "", chart(IDS, shown, []).paths["line"]) == "MML"


def test_chart__bounds_baseline_and_interval__are_in_its_scale():
    drawn = chart(IDS, points(0.7, min=0.6, baseline=0.65, lower=0.66, upper=0.74, max=0.9), ["v1"])

    assert (drawn.bottom, drawn.top) == (0.6, 0.9)
    low, high = heights(drawn.paths["bounds"])
    (dot,) = heights(drawn.paths["running"])
    (baseline,) = heights(drawn.paths["baselines"])
    assert low > baseline > dot > high
    assert drawn.paths["dots"] == ""
    lower, upper = re.findall(r"M[\d.]+ ([\d.]+)V([\d.]+)", drawn.paths["intervals"])[0]
    assert float(lower) > dot > float(upper)


def test_chart__one_value_alone__is_in_the_middle():
    assert heights(chart(["v1"], points(0.7), []).paths["dots"]) == [HEIGHT / 2]


def test_chart__in_words__names_newest_range_and_what_is_asked():
    told = chart(IDS, points(0.7, 0.9, 0.8, min=0.6, max_regression=0.01), []).words

    assert told == (
        "0.8000 in v3, the newest of 3 releases that have it, between 0.7000 and 0.9000. "
        "Asked for: at least 0.6, at most 0.01 worse than the baseline."
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-11-24T14:30:59.123+00:00", "2026-11-24 14:30 UTC"),
        ("2026-11-24T14:30:00Z", "2026-11-24 14:30 UTC"),
        ("2026-11-24T14:30:00+02:00", "2026-11-24 12:30 UTC"),
        ("<b>", "<b>"),
        (None, "–"),
    ],
)
def test_moment__times__are_utc_and_what_is_none_stays(text, shown):
    assert times.moment(text) == shown


@pytest.mark.parametrize(
    ("until", "shown"),
    [
        ("2026-11-24T00:00:59Z", "less than a minute"),
        ("2026-11-24T00:01:00Z", "1 minute"),
        ("2026-11-24T23:59:00Z", "23 hours"),
        ("2026-11-26T01:00:00Z", "2 days"),
        ("never", ""),
        (None, ""),
    ],
)
def test_span__is_in_the_greatest_unit_that_fits(until, shown):
    assert times.span("2026-11-24T00:00:00Z", until) == shown


@pytest.mark.parametrize(("seconds", "shown"), [(None, "–"), (4.21, "4.2 s"), (600, "10 minutes")])
def test_took__is_in_seconds_or_minutes(seconds, shown):
    assert times.took(seconds) == shown
