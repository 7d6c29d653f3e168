"""Sketches: exact counts, the same for every order and every way of splitting the rows."""

from __future__ import annotations

from collections import Counter
from functools import partial, reduce
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.data.drift.sketches import (
    LONG,
    Numbers,
    Values,
    bucket_of,
    from_codes,
    shortened,
    to_codes,
)

UNHURRIED = settings(deadline=None)
NUMBERS = st.lists(
    st.one_of(
        st.none(),
        st.floats(allow_nan=True, allow_infinity=True),
        st.integers(-3, 3).map(float),
        st.floats(1e9, 1e9 + 1),
    ),
    max_size=200,
)
TEXTS = st.lists(st.one_of(st.none(), st.text(max_size=3), st.just("x" * 500)), max_size=200)


def split(rows: list[object], seed: int, dtype: type[pl.DataType]) -> list[pl.Series]:
    """The rows in another order, in pieces of any size."""
    rng = np.random.default_rng(seed)
    shuffled = [rows[at] for at in rng.permutation(len(rows))]
    cuts = sorted(rng.integers(0, len(rows) + 1, size=4).tolist())
    bounds = [0, *cuts, len(rows)]
    return [pl.Series(shuffled[low:high], dtype=dtype) for low, high in pairwise(bounds)]


def same(one: Numbers, other: Numbers) -> bool:
    scalars = ("shift", "nulls", "nans", "lowest", "highest")
    return (
        one.codes.tolist() == other.codes.tolist()
        and one.counts.tolist() == other.counts.tolist()
        and all(getattr(one, name) == getattr(other, name) for name in scalars)
    )


@UNHURRIED
@given(st.lists(st.floats(allow_nan=False), min_size=1))
def test_codes__sort_as_the_floats_and_give_them_back(values: list[float]) -> None:
    array = np.array(values)
    codes = to_codes(array)
    assert from_codes(codes).tolist() == array.tolist()
    order = np.argsort(codes, kind="stable")
    assert array[order].tolist() == sorted(values)
    assert to_codes(np.array([-0.0])) == to_codes(np.array([0.0]))


@UNHURRIED
@given(NUMBERS)
def test_numbers__exact_counts(rows: list[float | None]) -> None:
    sketch = Numbers.of(pl.Series(rows, dtype=pl.Float64))
    held = [row for row in rows if row is not None]
    finite = Counter(row + 0.0 for row in held if np.isfinite(row))
    found = zip(from_codes(sketch.codes).tolist(), sketch.counts.tolist(), strict=True)
    assert dict(found) == dict(finite)
    assert sketch.nulls == len(rows) - len(held)
    assert sketch.nans == sum(np.isnan(row) for row in held)
    assert (sketch.lowest, sketch.highest) == (held.count(-np.inf), held.count(np.inf))
    assert sketch.rows == len(rows)


@UNHURRIED
@given(NUMBERS, st.integers(0, 10**6), st.sampled_from([4, 16, 1 << 16]))
def test_numbers__order_and_splitting_change_nothing(
    rows: list[float | None], seed: int, limit: int
) -> None:
    whole = Numbers.none().add(pl.Series(rows, dtype=pl.Float64), limit=limit)
    added = Numbers.none()
    parts = split(rows, seed, pl.Float64)
    for part in parts:
        added = added.add(part, limit=limit)
    merged = reduce(
        partial(Numbers.merge, limit=limit), [Numbers.of(part, limit=limit) for part in parts]
    )
    assert whole.codes.size <= limit
    assert whole.rows == len(rows)
    assert same(whole, added)
    assert same(whole, merged)


@UNHURRIED
@given(NUMBERS, st.sampled_from([4, 16]))
def test_numbers__coarse_buckets_hold_the_values_between_their_ends(
    rows: list[float | None], limit: int
) -> None:
    series = pl.Series(rows, dtype=pl.Float64)
    exact, coarse = Numbers.of(series), Numbers.of(series, limit=limit)
    assert same(exact.coarser(coarse.shift), coarse)
    if exact.codes.size > limit:
        finer = exact.coarser(coarse.shift - 1)
        assert finer.codes.size > limit  # no finer than need be would do


@pytest.mark.parametrize("seed", range(3))
def test_numbers__buckets_are_as_fine_as_the_data_is(seed: int) -> None:
    """Far from zero as near to it: no bucket holds more than a thousandth of the rows."""
    rng = np.random.default_rng(seed)
    for values in (
        rng.normal(size=200_000),
        1.7e15 + rng.integers(0, 10**9, 200_000),
        np.exp(rng.normal(0, 5, 200_000)),
    ):
        sketch = Numbers.of(pl.Series(np.asarray(values, dtype=np.float64)), limit=1 << 14)
        assert sketch.shift > 0
        assert sketch.counts.max() < 200


@UNHURRIED
@given(TEXTS, st.integers(0, 10**6), st.sampled_from([2, 1 << 16]))
def test_values__order_and_splitting_change_nothing(
    rows: list[str | None], seed: int, limit: int
) -> None:
    whole = Values.none().add(pl.Series(rows, dtype=pl.String), limit=limit)
    added = Values.none()
    for part in split(rows, seed, pl.String):
        added = added.add(part, limit=limit)
    assert added.nulls == whole.nulls == rows.count(None)
    assert added.rows == whole.rows == len(rows)
    assert added.hashed().tolist() == whole.hashed().tolist()
    assert added.is_crowded == whole.is_crowded
    if whole.counts is not None and added.counts is not None:
        assert dict(whole.counts.iter_rows()) == dict(added.counts.iter_rows())


@UNHURRIED
@given(TEXTS)
def test_values__exact_counts(rows: list[str | None]) -> None:
    sketch = Values.of(pl.Series(rows, dtype=pl.String))
    assert sketch.counts is not None
    found = dict(sketch.counts.iter_rows())
    short = {row: count for row, count in found.items() if row[:40] != "x" * 40}
    held = Counter(row for row in rows if row is not None)
    long = held.pop("x" * 500, 0)
    assert short == dict(held)
    assert sum(found.values()) - sum(short.values()) == long


def test_shortened__long_texts_stay_apart_in_little_room() -> None:
    texts = pl.DataFrame({"value": ["a" * 1000 + "b", "a" * 1000 + "c", "a" * LONG, "é"]})
    first, second, *rest = texts.select(shortened(pl.col("value"))).to_series().to_list()
    assert first != second
    assert len(first) < 70
    assert first.startswith("a" * 40 + "…")
    assert rest == ["a" * LONG, "é"]


def test_bucket_of__is_the_same_in_the_streaming_engine() -> None:
    frame = pl.DataFrame({"value": [f"value {number}" for number in range(50_000)]})
    expression = bucket_of(pl.col("value"))
    streamed = frame.lazy().select(expression).collect(engine="streaming")
    assert streamed.equals(frame.select(expression))
    assert frame.head(7).select(expression).equals(streamed.head(7))
