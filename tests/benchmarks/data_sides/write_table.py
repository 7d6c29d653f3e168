"""python write_table.py FOLDER ROWS FILES SHARE: a table whose share of rows breaks a rule each.

12 columns, about 70 bytes a row. The ids are unique and in no order.
"""

import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl

CARRIERS = ["9E", "AA", "AS", "B6", "DL", "EV", "F9", "HA", "MQ", "OO", "UA", "US", "WN"]
STARTED = datetime(2013, 1, 1)
YEAR = 365 * 24 * 3600 * 1_000_000
ONE_TO_ONE = np.uint64(0x9E3779B97F4A7C15)  # any odd number
BROKEN = {
    "quantity": pl.lit(101, pl.Int32),
    "age": pl.lit(None, pl.Int32),
    "price": pl.lit(-1.0),
    "low": pl.lit(2.0),
    "carrier": pl.lit("XX"),
    "code": pl.lit("AB12345"),
}


def rows(start: int, count: int, share: float) -> pl.DataFrame:
    rng = np.random.default_rng(start)
    low, width = rng.random(count), rng.random(count)
    temperature = pl.Series(rng.normal(12, 8, count).clip(-40, 50))
    codes = [f"{chr(65 + n % 26)}{chr(65 + n // 26 % 26)}{n:04}" for n in range(10_000)]
    table = pl.DataFrame(
        {
            "id": (np.arange(start, start + count, dtype=np.uint64) * ONE_TO_ONE).view(np.int64),
            "quantity": rng.integers(1, 100, count, np.int32, endpoint=True),
            "age": rng.integers(0, 90, count, np.int32),
            "price": rng.gamma(2, 50, count),
            "discount": rng.random(count) * 0.5,
            "low": low,
            "high": low + width * (1 - low),
            "score": rng.random(count),
            "temperature": temperature,
            "carrier": pl.Series(CARRIERS).gather(rng.integers(0, len(CARRIERS), count)),
            "code": pl.Series(codes).gather(rng.integers(0, len(codes), count)),
            "at": pl.Series(rng.integers(0, YEAR, count)),
        }
    )
    return table.with_columns(
        pl.when(pl.Series(rng.random(count) >= 0.05)).then("temperature").alias("temperature"),
        (pl.lit(STARTED, pl.Datetime("us")) + pl.col("at").cast(pl.Duration("us"))).alias("at"),
    ).pipe(_broken, rng, share)


def _broken(table: pl.DataFrame, rng: np.random.Generator, share: float) -> pl.DataFrame:
    kind = rng.integers(0, len(BROKEN), table.height)
    kind[rng.random(table.height) >= share] = -1
    return table.with_columns(
        pl.when(pl.Series(kind == number)).then(value).otherwise(pl.col(name)).alias(name)
        for number, (name, value) in enumerate(BROKEN.items())
    )


def main() -> None:
    folder, count, files, share = sys.argv[1:]
    step = int(count) // int(files)
    for number in range(int(files)):
        path = Path(folder) / f"{number:03}.parquet"
        rows(number * step, step, float(share)).write_parquet(path)


if __name__ == "__main__":
    main()
