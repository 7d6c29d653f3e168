"""CSV files: rows that do not fit are refused, and a schema says what the text means."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import polars as pl

from tidegate.errors import DataError

# What a column of a CSV is taken for when no schema says: the first that every value fits.
_GUESSES: tuple[pl.DataType, ...] = (
    pl.Int64(),
    pl.Float64(),
    pl.Boolean(),
    pl.Date(),
    pl.Datetime("us"),
    pl.Datetime("us", "UTC"),
)
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False,
             "FALSE": False}  # fmt: skip
# More digits than a float holds: such numbers are names, and rounding would make them collide.
_LONG_NUMBER = r"^[+-]?\d{16,}$"
_ISO_DATE = r"^\d{4}-\d{2}-\d{2}"


def read_csv(
    path: Path, declared: Callable[[str], pl.DataType | None] = lambda _: None
) -> pl.DataFrame:
    """Read a CSV file (UTF-8, comma, a header; an empty field is a null).

    A column is read as the type that is `declared` for it if every value fits, else as the type
    that its values suggest.
    Raises DataError for rows that do not fit the header, never with their content.
    """
    text = _read_text(path)
    return pl.DataFrame([_typed(column, declared(column.name)) for column in text.get_columns()])


def unreadable(text: pl.Series, dtype: pl.DataType) -> pl.Series:
    """Which values of a text column are not of that type."""
    return _parsed(text, dtype).is_null() & text.is_not_null()


def _read_text(path: Path) -> pl.DataFrame:
    # Not Polars' own reader: it fills short rows up with nulls.
    import pyarrow as pa
    from pyarrow import csv

    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if content.count(b'"') % 2:
        raise _damaged(path, "a quoted value is never closed")
    ragged: list[csv.InvalidRow] = []

    def note(row: csv.InvalidRow) -> str:
        ragged.append(row)
        return "error"

    read = csv.ReadOptions(use_threads=False)  # else rows have no numbers
    parse = csv.ParseOptions(newlines_in_values=True, invalid_row_handler=note)
    try:
        names = csv.open_csv(io.BytesIO(content), read, parse).schema.names
        convert = csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        )
        table = csv.read_csv(io.BytesIO(content), read, parse, convert)
    except pa.ArrowInvalid as error:
        if ragged:
            (row, *_) = ragged
            problem = (
                f"row {row.number} has {row.actual_columns} fields and the header "
                f"{row.expected_columns}"
            )
        elif "UTF8" in str(error):
            problem = "it is not UTF-8 text"
        else:
            problem = "it is empty, or not CSV"
        raise _damaged(path, problem) from None
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise _damaged(path, f"two columns are called {twice!r}")
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)  # noqa: S101 - a table becomes a frame
    return frame


def _damaged(path: Path, problem: str) -> DataError:
    return DataError(
        f"the file cannot be read: {problem}",
        where=str(path),
        remedy="write it again as CSV: UTF-8, commas, a header, quotes doubled inside quotes",
    )


def _typed(text: pl.Series, declared: pl.DataType | None) -> pl.Series:
    wanted = (declared,) if declared is not None else ()
    if text.null_count() == len(text) and not wanted:
        return text
    sample = text.drop_nulls().head(100)
    for dtype in (*wanted, *_GUESSES):
        if dtype in _GUESSES[:2] and dtype is not declared and _has_long_numbers(text):
            continue
        if unreadable(sample, dtype).any():
            continue
        values = _parsed(text, dtype)
        if values.null_count() == text.null_count():
            return values
    return text


def _has_long_numbers(text: pl.Series) -> bool:
    return bool(text.str.contains(_LONG_NUMBER).any())


def _parsed(text: pl.Series, dtype: pl.DataType) -> pl.Series:
    """The values as `dtype`; null where the text says something else."""
    try:
        if dtype == pl.Boolean:
            return text.replace_strict(_BOOLEANS, default=None, return_dtype=pl.Boolean)
        if isinstance(dtype, pl.Date | pl.Datetime):
            # Other orders of day and month are a matter of opinion.
            dates = text.to_frame().select(
                pl.when(pl.col(text.name).str.contains(_ISO_DATE)).then(pl.col(text.name))
            )[text.name]
            values = (
                dates.str.to_date(strict=False)
                if isinstance(dtype, pl.Date)
                else dates.str.to_datetime(
                    time_unit=dtype.time_unit, time_zone=dtype.time_zone, strict=False
                )
            )
            # Text with a UTC offset is no local time, whatever was asked for.
            return values if values.dtype == dtype else values.clear(len(text)).cast(dtype)
        if isinstance(dtype, pl.Time):
            return text.str.to_time(strict=False)
        return text.cast(dtype, strict=False)
    except pl.exceptions.PolarsError:
        return pl.Series(text.name, [None] * len(text), dtype=dtype)
