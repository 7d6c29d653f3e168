"""From raw rows to what the model sees: one function, for training and for serving alike."""

import zlib
from typing import Any

import polars as pl

KEY = ["sample_id"]
LABEL = "{{ cookiecutter.__label }}"
{%- if cookiecutter.task == "multiclass" %}
# Every value of the label; tidegate.yaml names the column with the probability of each.
CLASSES = ["barbera", "barolo", "grignolino"]
{%- elif cookiecutter.task == "regression" %}
# Where the histogram of predictions is cut, for the metrics of the service.
BUCKETS = (50.0, 75.0, 100.0, 125.0, 150.0, 175.0, 200.0, 225.0, 250.0, 300.0)
{%- endif %}
# Columns that stand beside the predictions, to judge them by.
CONTEXT = ["{{ cookiecutter.__slice }}"]
# What a request must hold, with its type.
{%- if cookiecutter.task == "binary" %}
REQUEST: dict[str, Any] = {"mean_radius": float, "mean_texture": float, "mean_smoothness": float}
CATEGORICAL: list[str] = []
NUMERIC = ["mean_radius", "mean_texture", "mean_smoothness"]
{%- elif cookiecutter.task == "multiclass" %}
REQUEST: dict[str, Any] = {"alcohol": float, "flavanoids": float, "color_intensity": float}
CATEGORICAL: list[str] = []
NUMERIC = ["alcohol", "flavanoids", "color_intensity"]
{%- else %}
REQUEST: dict[str, Any] = {"age": float, "bmi": float, "bp": float, "s5": float}
CATEGORICAL: list[str] = []
NUMERIC = ["age", "bmi", "bp", "s5"]
{%- endif %}


def build(raw: pl.DataFrame) -> pl.DataFrame:
    """The model's columns, in the model's order; one row a raw row."""
    return raw.select(*CATEGORICAL, pl.col(NUMERIC).cast(pl.Float64))


def with_label(raw: pl.DataFrame) -> pl.DataFrame:
    """The rows that can be learnt from, with key, label and context."""
    return raw.with_columns(
{%- if cookiecutter.task == "binary" %}
        size=pl.when(pl.col("mean_radius") > 14).then(pl.lit("large")).otherwise(pl.lit("small"))
{%- elif cookiecutter.task == "multiclass" %}
        strength=pl.when(pl.col("alcohol") > 13).then(pl.lit("strong")).otherwise(pl.lit("light"))
{%- else %}
        age_group=pl.when(pl.col("age") < 50).then(pl.lit("under 50")).otherwise(pl.lit("50 up"))
{%- endif %}
    )


def split(raw: pl.DataFrame, params: dict[str, Any]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(training rows, evaluation rows): by the key, so that a row never changes sides."""
    # crc32, because polars' own hash changes with its version, and the evaluation rows with it.
    buckets = [zlib.crc32(str(key).encode()) % 1000 for key in raw["sample_id"]]
    evaluation = pl.Series(buckets) < 1000 * params["evaluation_share"]
    return raw.filter(~evaluation), raw.filter(evaluation)
