"""python by_hand.py FOLDER [KEY]: the rules as an expert writes them in streaming Polars.

One query that counts the rows which break each rule, and nothing more; with a key, its distinct
values as well.
"""

import json
import sys
from datetime import datetime

import polars as pl

CARRIERS = ["9E", "AA", "AS", "B6", "DL", "EV", "F9", "HA", "MQ", "OO", "UA", "US", "WN"]
COLUMNS = {
    "id": pl.Int64, "quantity": pl.Int32, "age": pl.Int32, "price": pl.Float64,
    "discount": pl.Float64, "low": pl.Float64, "high": pl.Float64, "score": pl.Float64,
    "temperature": pl.Float64, "carrier": pl.String, "code": pl.String, "at": pl.Datetime("us"),
}  # fmt: skip
column = pl.col
holds = {
    "quantity": column("quantity").is_between(1, 100),
    "age": column("age").is_between(0, 120),
    "price": column("price") >= 0,
    "discount": column("discount").is_between(0, 0.5),
    "low": column("low") >= 0,
    "high": column("high") <= 1,
    "score": column("score").is_between(0, 1),
    "temperature": column("temperature").is_between(-60, 60),
    "carrier": column("carrier").is_in(CARRIERS),
    "code": column("code").str.contains(r"^[A-Z]{2}[0-9]{4}$"),
    "at": column("at").is_between(datetime(2013, 1, 1), datetime(2014, 1, 1), closed="left"),
    "low, high": column("low") <= column("high"),
}
rows = pl.scan_parquet(f"{sys.argv[1]}/*.parquet")
if rows.collect_schema() != COLUMNS:
    sys.exit("other columns or types")
broken = rows.select(
    *((~rule).sum().alias(name) for name, rule in holds.items()),
    *(column(name).null_count().alias(f"{name} null") for name in COLUMNS if name != "temperature"),
    *(column(key).n_unique().alias(f"{key} distinct") for key in sys.argv[2:]),
)
print(json.dumps(broken.collect(engine="streaming").row(0, named=True)))
