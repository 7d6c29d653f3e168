"""Bring the data: here a table that scikit-learn carries. Replace this file with your source."""

from pathlib import Path

import polars as pl
from sklearn.datasets import load_breast_cancer

TARGET = Path("data/samples.parquet")


def main() -> None:
    table = load_breast_cancer()
    names = [name.replace(" ", "_") for name in table.feature_names]
    samples = pl.DataFrame(table.data, schema=names)
    samples.insert_column(0, pl.int_range(samples.height, eager=True).alias("sample_id"))
    # scikit-learn's class 0 is the malignant one.
    samples = samples.with_columns(malignant=pl.Series(1 - table.target))
    samples.write_parquet(TARGET)
    print(f"{TARGET}: {samples.height} rows")


if __name__ == "__main__":
    main()
