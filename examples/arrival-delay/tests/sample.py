"""A few raw rows, as they come in."""

from datetime import date, timedelta

import polars as pl

N = 60
RAW = pl.DataFrame(
    {
        "flight_id": [f"f{index}" for index in range(N)],
        "date": [date(2013, 1, 1) + timedelta(days=index % 28) for index in range(N)],
        "carrier": [("UA", "WN", "B6")[index % 3] for index in range(N)],
        "origin": [("EWR", "LGA", "JFK")[index % 3] for index in range(N)],
        "dest": [("ORD", "MIA")[index % 2] for index in range(N)],
        "sched_dep_time": [600 + index % 12 * 100 for index in range(N)],
        "sched_arr_time": [800 + index % 12 * 100 for index in range(N)],
        "distance": [700 + index for index in range(N)],
        "dep_delay": [(index * 7) % 60 - 10 for index in range(N)],
        "arr_delay": [(index * 7) % 60 - 20 for index in range(N)],
    }
)
REQUEST = {
    "date": "2013-07-01",
    "carrier": "UA",
    "origin": "EWR",
    "dest": "ORD",
    "sched_dep_time": 1730,
    "sched_arr_time": 1925,
    "distance": 719,
    "dep_delay": 12,
}
SCHEMA = "Flights"
