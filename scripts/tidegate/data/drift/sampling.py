"""Rows of both datasets, drawn by their number, as one table of numbers for a classifier."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from tidegate.data.drift.columns import Column
from tidegate.data.drift.sketches import Floats, shortened
from tidegate.data.drift.survey import Survey

MAX_SAMPLE = 20_000  # rows of each side
SEED = 20_240_229
_VALUES = 50  # of a column of text that are told apart
_GREATEST = 1e200  # infinities are taken for this: scikit-learn adds its input up


def sampled_table(
    columns: Sequence[Column], current: Survey, reference: Survey
) -> tuple[Floats, Floats]:  # fmt: skip
    """Sampled rows of both sides as numbers; label: 1 for the dataset's, 0 for the reference's."""
    now, before = (_sample(side, columns) for side in (current, reference))
    both = pl.concat([now, before])
    features = []
    for column, values in zip(columns, both.get_columns(), strict=True):
        if column.by_value:
            features.append(_codes(values))
        else:
            held = values.cast(pl.Float64).to_numpy()  # nulls are NaN
            features.append(np.clip(held, -_GREATEST, _GREATEST))
    label = np.repeat([1.0, 0.0], [now.height, before.height])
    return np.column_stack(features), label


def _sample(side: Survey, columns: Sequence[Column]) -> pl.DataFrame:
    """At most MAX_SAMPLE rows, drawn by their number."""
    schema = side.frame.collect_schema()
    chosen = [
        column.expression(schema[column.name]).alias(str(number))
        for number, column in enumerate(columns)
    ]
    query = side.frame.select(chosen)
    if side.rows > MAX_SAMPLE:
        numbers = np.random.default_rng(SEED).choice(side.rows, MAX_SAMPLE, replace=False)
        drawn = pl.Series(np.sort(numbers)).implode()
        query = query.with_row_index("row").filter(pl.col("row").is_in(drawn)).drop("row")
    return query.collect(engine="streaming")


def _codes(values: pl.Series) -> Floats:
    """The frequent values by number, all others as one; nulls are NaN."""
    texts = values.alias("value").to_frame().select(shortened(pl.col("value"))).to_series()
    counts = texts.drop_nulls().value_counts(name="rows")
    frequent = counts.sort("rows", "value", descending=[True, False])["value"][:_VALUES].to_list()
    numbers = {value: float(number) for number, value in enumerate(frequent)}
    return np.array(
        [np.nan if text is None else numbers.get(text, float(_VALUES)) for text in texts]
    )
