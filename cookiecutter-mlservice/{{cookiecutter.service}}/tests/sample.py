"""A few raw rows, as they come in."""

import polars as pl

RAW = pl.DataFrame(
    {
        "sample_id": list(range(40)),
        "mean_radius": [9.0 + index / 4 for index in range(40)],
        "mean_texture": [15.0 + index % 7 for index in range(40)],
        "mean_smoothness": [0.08 + index / 1000 for index in range(40)],
        "malignant": [int(index >= 20) for index in range(40)],
    }
)
REQUEST = {"mean_radius": 14.0, "mean_texture": 19.5, "mean_smoothness": 0.09}
SCHEMA = "Samples"
