"""A few raw rows, as they come in."""

import polars as pl

RAW = pl.DataFrame(
    {
        "sample_id": list(range(40)),
{%- if cookiecutter.task == "binary" %}
        "mean_radius": [9.0 + index / 4 for index in range(40)],
        "mean_texture": [15.0 + index % 7 for index in range(40)],
        "mean_smoothness": [0.08 + index / 1000 for index in range(40)],
        "malignant": [int(index >= 20) for index in range(40)],
    }
)
REQUEST = {"mean_radius": 14.0, "mean_texture": 19.5, "mean_smoothness": 0.09}
{%- elif cookiecutter.task == "multiclass" %}
        "alcohol": [11.5 + index / 15 for index in range(40)],
        "flavanoids": [0.5 + index % 10 / 4 for index in range(40)],
        "color_intensity": [2.0 + index / 8 for index in range(40)],
        "wine": [("barbera", "barolo", "grignolino")[index % 3] for index in range(40)],
    }
)
REQUEST = {"alcohol": 13.2, "flavanoids": 2.1, "color_intensity": 4.4}
{%- else %}
        "age": [30.0 + index for index in range(40)],
        "bmi": [20.0 + index % 13 for index in range(40)],
        "bp": [80.0 + index % 9 for index in range(40)],
        "s5": [3.5 + index / 20 for index in range(40)],
        "progression": [60.0 + 4 * index for index in range(40)],
    }
)
REQUEST = {"age": 48.0, "bmi": 26.3, "bp": 94.0, "s5": 4.6}
{%- endif %}
SCHEMA = "Samples"
