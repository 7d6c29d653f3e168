"""Bring 1,797 digits that 43 people wrote on forms: a real table that scikit-learn carries.

They are the test set of "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak, UCI
Machine Learning Repository, CC BY 4.0).
"""

from pathlib import Path

import polars as pl
from sklearn.datasets import load_digits

from digit_reader.features import PIXELS

TARGET = Path("data/samples.jsonl")


def main() -> None:
    table = load_digits()
    samples = pl.DataFrame(table.data.astype(int), schema=PIXELS).select(
        pl.int_range(pl.len()).alias("sample_id"),
        pl.Series("digit", [str(digit) for digit in table.target]),
        *PIXELS,
    )
    samples.write_ndjson(TARGET)
    print(f"{TARGET}: {samples.height} rows")


if __name__ == "__main__":
    main()
