"""Bring the data: here a table that scikit-learn carries. Replace this file with your source."""

from pathlib import Path

import polars as pl
from sklearn.datasets import load_{{ cookiecutter.__table }}

TARGET = Path("{{ cookiecutter.__data }}")


def main() -> None:
    table = load_{{ cookiecutter.__table }}({{ "scaled=False" if cookiecutter.task == "regression" }})
{%- if cookiecutter.task == "binary" %}
    names = [name.replace(" ", "_") for name in table.feature_names]
    samples = pl.DataFrame(table.data, schema=names)
    # scikit-learn's class 0 is the malignant one.
    samples = samples.with_columns(malignant=pl.Series(1 - table.target))
{%- elif cookiecutter.task == "multiclass" %}
    samples = pl.DataFrame(table.data, schema=list(table.feature_names))
    names = ("barolo", "grignolino", "barbera")
    samples = samples.with_columns(wine=pl.Series([names[index] for index in table.target]))
{%- else %}
    samples = pl.DataFrame(table.data, schema=list(table.feature_names))
    samples = samples.with_columns(progression=pl.Series(table.target))
{%- endif %}
    samples.insert_column(0, pl.int_range(samples.height, eager=True).alias("sample_id"))
    samples.{{ cookiecutter.__write }}(TARGET)
    print(f"{TARGET}: {samples.height} rows")


if __name__ == "__main__":
    main()
