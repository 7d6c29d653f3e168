"""What happens upstream of the three pull requests: edits of a service's data, nothing else.

Each takes a working copy of examples/flight-delay that holds January to March (and July to
September, which models are judged by).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

FLIPPED_CARRIER = "WN"


def good_months(months: Path) -> None:
    """April to June arrive as they should."""


def bad_months(months: Path) -> None:
    """April to June come from another export, which gets four things wrong."""
    _edit(
        months / "2013-04.parquet",
        # A partner's code that nobody announced, and distances with the wrong sign.
        carrier=pl.when(pl.int_range(pl.len()) % 9_000 == 7)
        .then(pl.lit("ZZ"))
        .otherwise("carrier"),
        distance=pl.when(pl.int_range(pl.len()) % 4_000 == 11)
        .then(-pl.col("distance"))
        .otherwise("distance"),
    )
    may = months / "2013-05.parquet"
    pl.read_parquet(may).drop("dest").write_parquet(may)
    _edit(months / "2013-06.parquet", sched_dep_time=pl.col("sched_dep_time").cast(pl.String))


def one_carrier_flipped(months: Path) -> None:
    """One carrier's new feed counts minutes early where the others count minutes late.

    Every value is within its bounds, so no schema can see it; a model that learns from it turns
    around what it says of that carrier.
    """
    # Delays of more than 200 minutes would stand out below the schema's bound, so they are cut.
    early = (-pl.col("arr_delay")).clip(lower_bound=-200)
    flipped = pl.when(pl.col("carrier") == FLIPPED_CARRIER).then(early)
    for month in ("2013-04", "2013-05", "2013-06"):
        _edit(months / f"{month}.parquet", arr_delay=flipped.otherwise("arr_delay"))


Scenario = Callable[[Path], None]


def _edit(path: Path, **columns: pl.Expr) -> None:
    pl.read_parquet(path).with_columns(**columns).write_parquet(path)
