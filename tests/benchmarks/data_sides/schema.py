"""The table's rules, with and without a unique id."""

from datetime import datetime

import pandera.polars as pa
import polars as pl

CARRIERS = ["9E", "AA", "AS", "B6", "DL", "EV", "F9", "HA", "MQ", "OO", "UA", "US", "WN"]


class Table(pa.DataFrameModel):
    id: int
    quantity: pl.Int32 = pa.Field(in_range={"min_value": 1, "max_value": 100})
    age: pl.Int32 = pa.Field(ge=0, le=120)
    price: float = pa.Field(ge=0)
    discount: float = pa.Field(in_range={"min_value": 0, "max_value": 0.5})
    low: float = pa.Field(ge=0)
    high: float = pa.Field(le=1)
    score: float = pa.Field(in_range={"min_value": 0, "max_value": 1})
    temperature: float = pa.Field(in_range={"min_value": -60, "max_value": 60}, nullable=True)
    carrier: str = pa.Field(isin=CARRIERS)
    code: str = pa.Field(str_matches=r"^[A-Z]{2}[0-9]{4}$")
    at: pl.Datetime("us") = pa.Field(ge=datetime(2013, 1, 1), lt=datetime(2014, 1, 1))

    @pa.dataframe_check
    def low_is_at_most_high(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col("low") <= pl.col("high"))


class Keyed(Table):
    id: int = pa.Field(unique=True)
