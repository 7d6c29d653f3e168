"""From raw rows to what the model sees: one function, for training and for serving alike."""

import zlib
from typing import Any

import polars as pl

KEY = ["sample_id"]
LABEL = "digit"
# Every value of the label; tidegate.yaml names the column with the probability of each.
CLASSES = [str(digit) for digit in range(10)]
# Columns that stand beside the predictions, to judge them by.
CONTEXT = ["stroke"]
# How dark each pixel is, row by row: 0 to 16.
PIXELS = [f"pixel_{row}_{column}" for row in range(8) for column in range(8)]
# What a request must hold, with its type.
REQUEST: dict[str, Any] = dict.fromkeys(PIXELS, int)
CATEGORICAL: list[str] = []
NUMERIC = PIXELS
# Half of all images have more ink than this.
THICK = 313


def build(raw: pl.DataFrame) -> pl.DataFrame:
    """The model's columns, in the model's order; one row a raw row."""
    return raw.select(pl.col(PIXELS).cast(pl.Float64))


def with_label(raw: pl.DataFrame) -> pl.DataFrame:
    """The rows that can be learnt from, with key, label and context."""
    thick = pl.sum_horizontal(PIXELS) > THICK
    return raw.with_columns(stroke=pl.when(thick).then(pl.lit("thick")).otherwise(pl.lit("thin")))


def split(raw: pl.DataFrame, params: dict[str, Any]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(training rows, evaluation rows): by the key, so that a row never changes sides."""
    # crc32, because polars' own hash changes with its version, and the evaluation rows with it.
    buckets = [zlib.crc32(str(key).encode()) % 1000 for key in raw["sample_id"]]
    evaluation = pl.Series(buckets) < 1000 * params["evaluation_share"]
    return raw.filter(~evaluation), raw.filter(evaluation)
