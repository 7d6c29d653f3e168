"""Sums by slice and value: merged in any order, coarse beyond a size, and how far off then."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
import polars as pl
import pytest
import sklearn.metrics as sk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evaluation_sets import ANYTHING, DRAWS, Binary, Passes, make_config
from tidegate.gate.statistics import sums
from tidegate.gate.statistics.sums import (
    ABSOLUTE_ERRORS,
    SCORES,
    ByValue,
    Floats,
    Histogram,
    Ints,
    Rows,
    histogram,
)

FEW = 300
PATCHED = [HealthCheck.function_scoped_fixture]
LEVELS = 3  # the last of them is that of the rows in no slice


@pytest.fixture
def few_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few entries that some hundred distinct values share bins."""
    monkeypatch.setattr(sums, "MAX_ENTRIES", FEW)


@st.composite
def sliced_rows(draw: st.DrawFn, *, ties: bool) -> tuple[Rows, Ints]:
    """Rows with scores as near to 0 and to 1 as floats get, and the level of each."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(1, 900))
    steep = draw(st.sampled_from([0.5, 3.0, 20.0]))
    score = 1 / (1 + np.exp(-steep * rng.normal(size=n)))
    if ties:
        score = np.round(score, draw(st.integers(0, 3)))
    label = (rng.random(n) < 0.1 + 0.6 * score).astype(float)
    weight = rng.gamma(1.0, size=n) if draw(st.booleans()) else None
    return Rows(label, score, weight=weight), rng.integers(0, LEVELS, size=n)


def part_of(rows: Rows, chosen: Ints) -> Rows:
    weight = None if rows.weight is None else rows.weight[chosen]
    return Rows(rows.label[chosen], rows.output[chosen], weight=weight)


def summed(statistic: ByValue, rows: Rows, levels: Ints) -> Histogram:
    """Over all rows, and again over those of each level but the last."""
    overall = (0, 1, np.zeros(levels.size, dtype=np.int64))
    return histogram(statistic, rows, [overall, (1, LEVELS - 1, levels)])[0].bounded()


def pieces(statistic: ByValue, rows: Rows, levels: Ints, count: int, seed: int) -> list[Histogram]:
    """The histograms of shuffled rows dealt into pieces."""
    order = np.random.default_rng(seed).permutation(levels.size)
    dealt = [part for part in np.array_split(order, count) if part.size]
    return [summed(statistic, part_of(rows, part), levels[part]) for part in dealt]


def merge_all(parts: Sequence[Histogram]) -> Histogram:
    return reduce(Histogram.merge, parts)


def assert_same(one: Histogram, two: Histogram) -> None:
    assert one.bits == two.bits
    assert np.array_equal(one.codes, two.codes)
    assert np.array_equal(one.keys, two.keys)
    assert one.values == pytest.approx(two.values, rel=1e-12)


@pytest.mark.parametrize("statistic", [SCORES, ABSOLUTE_ERRORS])
@settings(max_examples=40, deadline=None, suppress_health_check=PATCHED)
@given(data=st.data())
def test_histogram__merges_in_any_order_and_grouping_to_the_same_bins(
    few_entries: None, statistic: ByValue, data: st.DataObject
) -> None:
    rows, levels = data.draw(sliced_rows(ties=data.draw(st.booleans())))
    whole = summed(statistic, rows, levels)
    assert whole.bits in (1, 52) or len(whole.keys) <= FEW  # there are no fewer bits than one
    dealt = pieces(
        statistic, rows, levels, data.draw(st.sampled_from([1, 2, 7, 64])),
        data.draw(st.integers(0, 99)),
    )  # fmt: skip
    assert_same(merge_all(dealt), whole)
    assert_same(merge_all(dealt[::-1]), whole)
    assert_same(dealt[0].merge(*dealt[1:]), whole)
    if len(dealt) >= 3:
        one, two, three = dealt[0], dealt[1], merge_all(dealt[2:])
        assert_same(one.merge(two).merge(three), one.merge(two.merge(three)))
        assert_same(one.merge(two), two.merge(one))


def test_histogram__a_few_fine_values_do_not_hide_that_the_rest_is_coarse(
    few_entries: None,
) -> None:
    rng = np.random.default_rng(0)
    rows, levels = Rows(np.zeros(5_000), rng.random(5_000)), np.zeros(5_000, dtype=np.int64)
    coarse = summed(SCORES, part_of(rows, np.arange(4_999)), levels[:-1])
    fine = summed(SCORES, part_of(rows, np.array([4_999])), levels[-1:])
    assert coarse.bits < fine.bits
    for merged in (fine.merge(coarse), coarse.merge(fine)):
        assert_same(merged, summed(SCORES, rows, levels))


@settings(max_examples=20, deadline=None, suppress_health_check=PATCHED)
@given(data=st.data())
def test_histogram__locates_every_row_of_a_part_in_the_whole(
    few_entries: None, data: st.DataObject
) -> None:
    """The entry that a row is told to look up is the one that its weight went to."""
    rows, levels = data.draw(sliced_rows(ties=False))
    half = np.arange(levels.size) % 2 == 0
    kept = [np.flatnonzero(part) for part in (half, ~half) if part.any()]
    parts = [histogram(SCORES, part_of(rows, part), [(0, LEVELS, levels[part])]) for part in kept]
    whole = merge_all([part.bounded() for part, _ in parts])
    added = np.zeros_like(whole.values)
    for chosen, (part, (entries,)) in zip(kept, parts, strict=True):
        place = whole.locate(part)[entries]
        weight = 1.0 if rows.weight is None else rows.weight[chosen]
        np.add.at(added, (place, rows.label[chosen].astype(int)), weight)
    assert added == pytest.approx(whole.values, rel=1e-12)


@settings(max_examples=20, deadline=None, suppress_health_check=PATCHED)
@given(data=st.data())
def test_histogram__later_parts_made_as_coarse_as_those_before_change_nothing(
    few_entries: None, data: st.DataObject
) -> None:
    rows, levels = data.draw(sliced_rows(ties=False))
    total: Histogram | None = None
    for chosen in np.array_split(np.arange(levels.size), min(7, levels.size)):
        overall = (0, 1, np.zeros(chosen.size, dtype=np.int64))
        made, entries = histogram(
            SCORES, part_of(rows, chosen), [overall, (1, LEVELS - 1, levels[chosen])],
            None if total is None else total.bits,
        )  # fmt: skip
        assert all(found.size == chosen.size for found in entries)
        total = made.bounded() if total is None else total.merge(made.bounded())
    assert total is not None
    assert_same(total, summed(SCORES, rows, levels))


def distinct(values: Sequence[float]) -> list[float]:
    ordered: list[float] = sorted(set(values))
    return ordered


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1).map(abs), min_size=1, max_size=50))
def test_scores__codes_sort_as_the_scores_do_to_the_last_bit(values: list[float]) -> None:
    scores = np.array(distinct([*values, *(1 - value for value in values)]))
    codes = SCORES.codes(Rows(np.zeros(scores.size), scores))
    assert (np.diff(codes) > 0).all()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0, 1).map(abs), min_size=1, max_size=50), st.integers(1, 51),
    st.integers(1, 51),
)  # fmt: skip
def test_scores__fewer_bits_join_neighbours_alone(values: list[float], one: int, two: int) -> None:
    """Bins of fewer bits are unions of those of more, in order: what merging rests on."""
    scores = np.array(distinct([*values, *(1 - value for value in values)]))
    codes = SCORES.codes(Rows(np.zeros(scores.size), scores))
    fine, coarse = (SCORES.coarsen(codes, bits) for bits in (max(one, two), min(one, two)))
    assert (np.diff(fine) >= 0).all()
    assert (np.diff(coarse) >= 0).all()
    assert np.array_equal(SCORES.coarsen(fine, min(one, two)), coarse)


def coarse_passes(metric: str, table: pl.DataFrame, task: str, weighted: bool) -> Passes:
    settings = make_config(task, {metric: ANYTHING}, weight="weight" if weighted else None)
    passes = Passes.over(settings, table, parts=3)
    (held,) = passes.survey.histograms.values()
    assert held.bits < 52, "the case is to be coarse"
    return passes


ORACLES = {
    "roc-auc": lambda label, output, weight: sk.roc_auc_score(label, output, sample_weight=weight),
    "pr-auc": lambda label, output, weight: sk.average_precision_score(
        label, output, sample_weight=weight
    ),
    "median-absolute-error": lambda label, output, weight: sk.median_absolute_error(
        label, output, sample_weight=weight
    ),
}


@pytest.mark.parametrize("metric", ORACLES)
@settings(max_examples=25, deadline=None, suppress_health_check=PATCHED)
@given(seed=st.integers(0, 2**32 - 1), weighted=st.booleans(), entries=st.sampled_from([20, 150]))
def test_metrics__true_value_is_within_the_slack_of_a_coarse_one(
    monkeypatch: pytest.MonkeyPatch, metric: str, seed: int, weighted: bool, entries: int
) -> None:
    monkeypatch.setattr(sums, "MAX_ENTRIES", entries)
    rng = np.random.default_rng(seed)
    task = "regression" if metric.startswith("median") else "binary"
    draw = DRAWS[task] if task == "regression" else Binary(rng.uniform(0.02, 0.6), noise=3.0)
    table = draw(600, rng)[0]
    if task == "binary":  # both classes, whatever was drawn
        table = table.with_columns(label=(pl.col("label") | (pl.col("id") == 0)))
    weight = rng.gamma(1.0, size=600) + 1e-3 if weighted else np.ones(600)
    found = coarse_passes(metric, table.with_columns(weight=weight), task, weighted).overall(metric)
    output = table["prediction" if task == "regression" else "score"].to_numpy()
    truth = ORACLES[metric](table["label"].to_numpy(), output, weight)
    assert 0 < found.slack < 0.5 * max(1, found.value)
    assert abs(found.value - truth) <= found.slack + 1e-12


def test_metrics__slack_shrinks_as_entries_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice the bins, half as many rows share one: each pair counts half as often as a tie."""
    table = Binary(0.3)(60_000, np.random.default_rng(0))[0]
    for metric in ("roc-auc", "pr-auc"):
        slacks = []
        for entries in (1 << 10, 1 << 12, 1 << 14):
            monkeypatch.setattr(sums, "MAX_ENTRIES", entries)
            slacks.append(coarse_passes(metric, table, "binary", False).overall(metric).slack)
        assert slacks[0] > 2 * slacks[1] > 4 * slacks[2]
        assert slacks[2] < 5e-4


@pytest.mark.parametrize("task", DRAWS)
@pytest.mark.parametrize("clustered", [False, True])
def test_passes__pieces_add_up_to_the_whole(task: str, clustered: bool) -> None:
    rng = np.random.default_rng(7)
    candidate, baseline = DRAWS[task](2_000, rng)
    candidate = candidate.with_columns(
        weight=rng.gamma(1.0, size=2_000), day=rng.integers(0, 40, 2_000),
        shop=rng.choice(["x", "y", "z"], size=2_000),
    )  # fmt: skip
    settings = make_config(
        task, slices=["shop", ["shop", "day"]], weight="weight",
        cluster="day" if clustered else None,
    )  # fmt: skip
    one, many = (Passes.over(settings, candidate, baseline, parts=parts) for parts in (1, 7))
    for (name, level, first), (_, _, second) in zip(one.values(), many.values(), strict=True):
        if isinstance(first, str):
            assert first == second
            continue
        assert [s.value for s in first] == pytest.approx([s.value for s in second], rel=1e-9), (
            name, level,
        )  # fmt: skip
    whole, added = one.spread(), many.spread()
    for whole_sums, added_sums in ((whole.own, added.own), (whole.harm, added.harm)):
        for number, values in whole_sums.items():
            assert added_sums[number] == pytest.approx(values, rel=1e-9, abs=1e-13)
    for slicing, rows in whole.present.items():
        assert np.array_equal(rows, added.present[slicing])


@pytest.mark.parametrize("rows", [0, 5])
def test_histogram__parts_without_a_row_in_any_slice_merge(rows: int) -> None:
    outside: Ints = np.ones(rows, dtype=np.int64)
    none: Floats = np.linspace(0, 1, rows)
    part = histogram(SCORES, Rows(np.zeros(rows), none), [(0, 1, outside)])[0]
    assert part.merge(part).keys.size == 0
