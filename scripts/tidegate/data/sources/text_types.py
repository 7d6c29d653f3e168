"""What text stands for: the type that is declared for a column, or the one its values suggest."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import polars as pl

# What type a column should have, as a schema says; None where it says nothing.
DeclaredType = Callable[[str], pl.DataType | None]

# What a column of text is taken for when no schema says: the first that every value fits.
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
_MOST_DIGITS = 15
_LONG_NUMBER = r"^[+-]?\d{16,}$"
_ISO_DATE = r"^\d{4}-\d{2}-\d{2}"
_SAMPLE = 100


def nothing_declared(_: str) -> pl.DataType | None:
    return None


class ColumnType:
    """The type of a column of text that is seen piece by piece.

    It starts as the declared type, if there is one, and moves on to the next candidate when a
    value does not fit; what was typed before that is to be typed anew.
    """

    def __init__(self, declared: pl.DataType | None):
        self._candidates = self._those_for(declared)
        self._current = next(self._candidates)

    @staticmethod
    def _those_for(declared: pl.DataType | None) -> Iterator[tuple[pl.DataType | None, bool]]:
        """(type, whether it is a guess); the type is None until a value is seen."""
        if declared is not None:
            yield declared, False
        else:
            yield None, True
        for guess in _GUESSES:
            yield guess, True
        yield pl.String(), False

    def typed(self, text: pl.Series) -> tuple[pl.Series, bool]:
        """The values in the column's type, and whether it had to move on for them."""
        moved = False
        while (values := self._as(text, *self._current)) is None:
            self._current = next(self._candidates)
            moved = True
        return values, moved

    @staticmethod
    def _as(text: pl.Series, dtype: pl.DataType | None, guessed: bool) -> pl.Series | None:
        if dtype is None:
            return text if text.null_count() == len(text) else None
        if dtype == pl.String:
            return text
        if unreadable(text.head(_SAMPLE), dtype).any():
            return None
        if guessed and dtype.is_numeric() and _has_long_numbers(text):
            return None
        values = parsed(text, dtype)
        return values if values.null_count() == text.null_count() else None


def typed(text: pl.Series, declared: pl.DataType | None) -> pl.Series:
    """A whole column of text in the type that is declared or suggested."""
    return ColumnType(declared).typed(text)[0]


def _has_long_numbers(text: pl.Series) -> bool:
    long = text.filter(text.str.len_bytes() > _MOST_DIGITS)
    return bool(long.str.contains(_LONG_NUMBER).any())


def unreadable(text: pl.Series, dtype: pl.DataType) -> pl.Series:
    """Which values of a text column are not of that type."""
    return parsed(text, dtype).is_null() & text.is_not_null()


def parsed(text: pl.Series, dtype: pl.DataType) -> pl.Series:
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
