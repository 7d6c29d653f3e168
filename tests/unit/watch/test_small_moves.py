"""Values that are gone and nulls that leak: found where the rows can tell, and no sooner."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import stats

from tidegate.watch.results import Change
from tidegate.watch.small_moves import _chance_of_none, _wilson, small_moves


def moves(now: pl.DataFrame, before: pl.DataFrame, **settings: object) -> list[Change]:
    chosen = {"confidence": 0.999, "tolerated_nulls": 0.02, "redact": [], **settings}
    return list(small_moves(now.lazy(), before.lazy(), now.columns, **chosen))  # type: ignore[arg-type]


def city(*counts: int, none: int = 0) -> pl.DataFrame:
    names = [name for name, count in zip("ABCDEF", counts, strict=False) for _ in range(count)]
    return pl.DataFrame({"city": [*names, *[None] * none]}, schema={"city": pl.String})


@pytest.mark.parametrize(
    ("there", "now", "before"), [(40, 500, 10_000), (3, 20, 30), (900, 9, 999)]
)
def test_chance_of_none__is_fishers_exact_test(there: int, now: int, before: int) -> None:
    table = [[0, now], [there, before - there]]
    assert _chance_of_none(there, (now, before)) == pytest.approx(
        stats.fisher_exact(table, alternative="less").pvalue, rel=1e-6
    )


def test_wilson__agrees_with_scipy() -> None:
    for count, rows in ((0, 50), (7, 300), (299, 300)):
        known = stats.binomtest(count, rows).proportion_ci(0.998, method="wilson")
        assert _wilson(count, rows, 0.001) == pytest.approx((known.low, known.high), abs=1e-9)


def test_small_moves__a_value_that_was_common_and_is_gone__is_named() -> None:
    (found,) = moves(city(450, 0, 50), city(9_000, 500, 500))
    assert (found.what, found.verdict) == ("city", "fail")
    assert found.detail == "'B' is gone: 5.0% of the reference, none of 500 rows now"


def test_small_moves__a_redacted_column__keeps_its_values_to_itself() -> None:
    (found,) = moves(city(450, 0, 50), city(9_000, 500, 500), redact=["city"])
    assert found.detail.startswith("a value is gone")
    assert "'B'" not in found.detail


@pytest.mark.parametrize(
    ("now", "before"),
    [
        (city(500), city(9_995, 5)),  # hardly ever there
        (city(40), city(9_000, 1_000)),  # too few rows to miss it
        (city(450, 1), city(9_000, 1_000)),  # rare now, and not gone: PSI's matter
        (city(500, none=9), city(10_000)),  # nulls within what is tolerated
        (city(20, none=2), city(10_000)),  # which a few rows cannot tell
    ],
)
def test_small_moves__what_is_not_sure__is_not_said(
    now: pl.DataFrame, before: pl.DataFrame
) -> None:
    assert moves(now, before) == []


def test_small_moves__nulls_that_grew_for_sure__are_told_with_the_least_that_they_grew() -> None:
    (found,) = moves(city(400, none=80), city(9_900, none=100))
    assert found.detail.startswith("null in 16.7% of the rows, 1.0% of the reference")
    assert moves(city(400, none=80), city(9_900, none=100), tolerated_nulls=0.2) == []


def test_small_moves__nothing_moved__a_false_one_is_as_rare_as_promised() -> None:
    rng = np.random.default_rng(4)
    shares = [0.5, 0.2, 0.15, 0.1, 0.03, 0.02]
    before = city(*rng.multinomial(20_000, shares))
    false = sum(
        bool(moves(city(*rng.multinomial(200, shares)), before, confidence=0.95))
        for _ in range(400)
    )
    assert false <= 400 * 0.05


def test_small_moves__a_table_without_rows__is_left_to_others() -> None:
    assert moves(city(), city(10)) == []
