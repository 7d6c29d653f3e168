"""Hive partitions: `year=2013/month=1/x.parquet` holds rows of the year 2013 and the month 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import polars as pl

from tidegate.data.sources.text_types import DeclaredType, typed

# Name -> value and type.
PartitionColumns = Mapping[str, tuple[Any, pl.DataType]]

_NULL = "__HIVE_DEFAULT_PARTITION__"


def partitions_of(name: str) -> dict[str, str | None]:
    """The columns that the folders in a file's name are for, and their text."""
    found: dict[str, str | None] = {}
    for folder in name.split("/")[:-1]:
        column, equals, value = folder.partition("=")
        if column and equals:
            found[unquote(column)] = None if value == _NULL else unquote(value)
    return found


def partition_columns(names: Sequence[str], declared: DeclaredType) -> list[PartitionColumns]:
    """For each file the value and type of its partition columns.

    A column has one type over all files: the one that is declared, if every value fits, else the
    one that they suggest.
    """
    texts = [partitions_of(name) for name in names]
    found: list[dict[str, tuple[Any, pl.DataType]]] = [{} for _ in names]
    for column in dict.fromkeys(column for text in texts for column in text):
        having = [number for number, text in enumerate(texts) if column in text]
        series = pl.Series(column, [texts[number][column] for number in having], dtype=pl.String)
        values = typed(series, declared(column))
        for number, value in zip(having, values, strict=True):
            found[number][column] = (value, values.dtype)
    return list(found)


def with_partitions(frame: pl.LazyFrame, columns: PartitionColumns) -> pl.LazyFrame:
    return frame.with_columns(
        pl.lit(value, dtype=dtype).alias(name) for name, (value, dtype) in columns.items()
    )
