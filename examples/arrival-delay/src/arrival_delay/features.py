"""From raw rows to what the model sees: one function, for training and for serving alike.

Only what is known when the flight has left the gate: its delay by then, and the plan.
"""

from datetime import date
from typing import Any

import polars as pl

KEY = ["flight_id"]
LABEL = "arr_delay"
# Where the histogram of predictions is cut, for the metrics of the service.
BUCKETS = (-30.0, -20.0, -10.0, -5.0, 0.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 240.0)
# Columns that stand beside the predictions, to judge them by.
CONTEXT = ["date", "carrier", "origin", "dep_delay"]
# What a request must hold, with its type.
REQUEST: dict[str, Any] = {
    "date": date,
    "carrier": str,
    "origin": str,
    "dest": str,
    "sched_dep_time": int,
    "sched_arr_time": int,
    "distance": float,
    "dep_delay": float,
}
CATEGORICAL = ["carrier", "origin", "dest"]
NUMERIC = ["departure", "arrival", "weekday", "distance", "dep_delay"]


def build(raw: pl.DataFrame) -> pl.DataFrame:
    """The model's columns, in the model's order; one row a raw row."""
    return raw.select(
        *CATEGORICAL,
        "distance",
        "dep_delay",
        departure=minutes("sched_dep_time"),
        arrival=minutes("sched_arr_time"),
        weekday=pl.col("date").dt.weekday(),
    ).select(*CATEGORICAL, pl.col(NUMERIC).cast(pl.Float64))


def minutes(clock: str) -> pl.Expr:
    """Minutes since midnight of a time of day written as 1530."""
    return pl.col(clock) // 100 * 60 + pl.col(clock) % 100


def with_label(raw: pl.DataFrame) -> pl.DataFrame:
    """The rows that can be learnt from, with key, label and context."""
    return raw


def split(raw: pl.DataFrame, params: dict[str, Any]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(training rows, evaluation rows): what is judged by comes after what is learnt from."""
    cut = date.fromisoformat(str(params["evaluation_from"]))
    return raw.filter(pl.col("date") < cut), raw.filter(pl.col("date") >= cut)
