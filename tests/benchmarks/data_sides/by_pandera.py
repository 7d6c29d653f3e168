"""python by_pandera.py FOLDER: the same schema, validated by pandera's own Polars backend."""

import sys

import polars as pl
from schema import Keyed

Keyed.validate(pl.read_parquet(f"{sys.argv[1]}/*.parquet"), lazy=True)
