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
    flight: int = pa.Field(gt=0)
    origin: str = pa.Field(isin=["EWR", "JFK", "LGA"])
    dest: str = pa.Field(str_matches=r"^[A-Z]{3}$")
    tailnum: str = pa.Field(nullable=True)
    sched_dep_time: int = pa.Field(ge=0, le=2400)
    sched_arr_time: int = pa.Field(ge=0, le=2400)
    distance: int = pa.Field(gt=0, lt=6000)
    temp: float = pa.Field(nullable=True, ge=-40, le=130)
    humid: float = pa.Field(nullable=True, ge=0, le=100)
    wind_speed: float = pa.Field(nullable=True, ge=0, lt=200)
    precip: float = pa.Field(nullable=True, ge=0)
    pressure: float = pa.Field(nullable=True, ge=900, le=1100)
    visib: float = pa.Field(nullable=True, ge=0)
    arr_delay: int = pa.Field(ge=-200, le=3000)
