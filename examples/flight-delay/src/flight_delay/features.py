"""From raw rows to what the model sees: one function, for training and for serving alike.

Only what is known before departure: no actual times, no delay at departure.
"""

from datetime import date
from typing import Any

import polars as pl

KEY = ["flight_id"]
LABEL = "delayed"
# Columns that stand beside the predictions, to judge them by.
CONTEXT = ["date", "carrier", "origin"]
LATE_MINUTES = 15
WEATHER = ["temp", "humid", "wind_speed", "precip", "pressure", "visib"]
# What a request must hold, with its type.
REQUEST: dict[str, Any] = {
    "date": date,
    "carrier": str,
    "origin": str,
    "dest": str,
    "sched_dep_time": int,
    "sched_arr_time": int,
    "distance": float,
    **dict.fromkeys(WEATHER, float | None),
}
CATEGORICAL = ["carrier", "origin", "dest"]
NUMERIC = ["departure", "arrival", "weekday", "distance", *WEATHER]


def build(raw: pl.DataFrame) -> pl.DataFrame:
    """The model's columns, in the model's order; one row a raw row."""
    return raw.select(
        *CATEGORICAL,
        departure=minutes("sched_dep_time"),
        arrival=minutes("sched_arr_time"),
        weekday=pl.col("date").dt.weekday(),
        distance="distance",
        **{name: pl.col(name) for name in WEATHER},
    ).with_columns(pl.col(NUMERIC).cast(pl.Float64))


def minutes(clock: str) -> pl.Expr:
    """Minutes since midnight of a time of day written as 1530."""
    return pl.col(clock) // 100 * 60 + pl.col(clock) % 100


def with_label(raw: pl.DataFrame) -> pl.DataFrame:
    """The rows that can be learnt from, with key, label and context."""
    return raw.with_columns(delayed=(pl.col("arr_delay") > LATE_MINUTES).cast(pl.Int64))


def split(raw: pl.DataFrame, params: dict[str, Any]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(training rows, evaluation rows): what is judged by comes after what is learnt from."""
    cut = date.fromisoformat(str(params["evaluation_from"]))
    return raw.filter(pl.col("date") < cut), raw.filter(pl.col("date") >= cut)
