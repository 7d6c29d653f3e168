"""Repeated keys, with Polars' own answer in memory as the oracle."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.data.engines.uniqueness import Repeats, Uniqueness, hashed

REPORTS = ["all", "exclude_first", "exclude_last"]
KEYS = st.lists(
    st.tuples(
        st.integers(0, 5) | st.none() | st.just(2**63 - 1),
        st.sampled_from([0.0, -0.0, 1.5, math.nan, None]),
        st.sampled_from(["", "a", "b", "é", None]),
        st.integers(0, 6),
    ),
    min_size=1,
    max_size=30,
)


def repeats(keys: pl.DataFrame, report: str, cuts: Sequence[int] = (), **more: object) -> Repeats:
    found = Uniqueness(keys.height, report, **more)  # type: ignore[arg-type]
    starts = [0, *sorted(cuts), keys.height]

    def read(low: int, high: int) -> Iterator[pl.DataFrame]:
        for start in range(low, high, 4):
            yield keys[start : min(start + 4, high)]

    for start, end in pairwise(starts):
        found.add(keys[start:end])
    return found.repeats(read)


def weak(keys: pl.DataFrame) -> np.ndarray:
    return hashed(keys) % np.uint64(3)


@given(
    KEYS,
    st.sets(st.sampled_from(["n", "x", "s", "m"]), min_size=1),
    st.sampled_from(REPORTS),
    st.lists(st.integers(0, 30), max_size=3),
    st.booleans(),
    st.integers(1, 4),
)
def test_uniqueness__finds_the_rows_that_polars_finds_in_memory(
    rows: list[tuple[object, ...]],
    columns: set[str],
    report: str,
    cuts: list[int],
    collide: bool,
    most_keys: int,
) -> None:
    schema = {"n": pl.Int64, "x": pl.Float64, "s": pl.String, "m": pl.Int8}
    keys = pl.DataFrame(rows, schema=schema, orient="row").select(sorted(columns))
    more = {"hash_of": weak if collide else hashed, "most_keys": most_keys}
    found = repeats(keys, report, [cut for cut in cuts if cut < len(rows)], **more)
    struct = keys.select(pl.struct(pl.all())).to_series()
    expected = struct.is_duplicated()
    if report == "exclude_first":
        expected &= ~struct.is_first_distinct()
    if report == "exclude_last":
        expected &= ~struct.is_last_distinct()
    failing = expected.arg_true().to_list()
    assert (found.failing, list(found.first)) == (len(failing), failing[:5])
    assert (found.mask is None) or found.mask.nonzero()[0].tolist() == failing


def test_uniqueness__keys_that_grow_need_no_memory() -> None:
    class NoMemory(Exception):
        pass

    def refuse(_: pl.DataFrame) -> np.ndarray:
        raise NoMemory

    keys = pl.DataFrame({"id": [f"{number:03}" for number in range(100)]})
    assert repeats(keys, "all", [10, 20, 50], hash_of=refuse).failing == 0
    with pytest.raises(NoMemory):
        repeats(keys.reverse(), "all", hash_of=refuse)


@pytest.mark.parametrize("at", [0, 9, 10, 55, 98])
def test_uniqueness__key_that_stops_growing_late(at: int) -> None:
    ids = [*range(99)]
    ids.insert(at + 1, ids[at])
    found = repeats(pl.DataFrame({"id": ids}), "exclude_first", [10, 20, 50])
    assert found.first == (at + 1,)


def test_uniqueness__repeats_far_apart_and_by_the_million() -> None:
    keys = pl.DataFrame({"id": [*range(1_200_000), *range(1_200_000)]})

    def read(low: int, high: int) -> Iterator[pl.DataFrame]:
        yield keys[low:high]

    for report, first in (("all", 0), ("exclude_first", 1_200_000)):
        found = Uniqueness(keys.height, report)
        found.add(keys)
        repeated = found.repeats(read)
        assert repeated.failing == 1_200_000 * (2 if report == "all" else 1)
        assert repeated.first == tuple(range(first, first + 5))


@pytest.mark.parametrize("report", REPORTS)
def test_uniqueness__keys_of_one_hash_are_told_apart_in_the_order_of_their_rows(
    report: str,
) -> None:
    def few_hashes(keys: pl.DataFrame) -> np.ndarray:
        return keys["a"].to_numpy().astype(np.uint64) % np.uint64(3)

    keys = pl.DataFrame({"a": [row % 50 for row in range(400)], "b": ["x"] * 400})

    def read(low: int, high: int) -> Iterator[pl.DataFrame]:
        yield keys[low:high]

    found = Uniqueness(keys.height, report, hash_of=few_hashes)
    found.add(keys)
    failing = {
        "all": list(range(400)),
        "exclude_first": list(range(50, 400)),
        "exclude_last": list(range(350)),
    }[report]
    repeats = found.repeats(read)
    assert repeats.mask is not None
    assert repeats.mask.nonzero()[0].tolist() == failing
