"""The contract of the raw data. Imports pandera and polars only: the gates import it, too."""

import pandera.polars as pa
import polars as pl

CARRIERS = [
    *("9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL"),
    *("HA", "MQ", "OO", "UA", "US", "VX", "WN", "YV"),
]


class Flights(pa.DataFrameModel):
    flight_id: str = pa.Field(unique=True)
    date: pl.Date
    carrier: str = pa.Field(isin=CARRIERS)
    origin: str = pa.Field(isin=["EWR", "JFK", "LGA"])
    dest: str = pa.Field(str_matches=r"^[A-Z]{3}$")
    sched_dep_time: int = pa.Field(ge=0, le=2400)
    sched_arr_time: int = pa.Field(ge=0, le=2400)
    distance: int = pa.Field(gt=0, lt=6000)
    dep_delay: int = pa.Field(ge=-120, le=3000)
    arr_delay: int = pa.Field(ge=-200, le=3000)
