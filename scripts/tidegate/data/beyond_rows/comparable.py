"""Values of two columns made equal where they mean the same, whatever their types' widths."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import polars as pl

Conversion = Callable[[pl.Expr], pl.Expr]

_NANOSECONDS = {"ns": 1, "us": 1_000, "ms": 1_000_000}
_WORDS = {
    "whole": "whole numbers",
    "float": "floating-point numbers",
    "text": "text",
    "Datetime": "timestamps without a time zone",
    "instant": "timestamps with a time zone",
    "Date": "dates",
}


def comparable(left: pl.DataType, right: pl.DataType) -> tuple[Conversion, Conversion] | None:
    """What to do to each column so that values are equal only if they mean the same.

    None where no value of the one could mean the same as a value of the other. A value that the
    other type cannot hold (2.5 among whole numbers) becomes null.
    """
    kinds = {_kind(left), _kind(right)} - {"Null"}
    if None in kinds:
        return None
    if left == right:
        return _as_it_is, _as_it_is
    if pl.Null in (left, right):
        wanted = right if left == pl.Null else left
        return partial(_cast, wanted), partial(_cast, wanted)
    if kinds == {"whole"}:
        # What does not fit becomes null: the other type does not have it either.
        wide = any(dtype in (pl.Int128, pl.UInt128) for dtype in (left, right))
        convert = partial(_cast, pl.Int128() if wide else pl.Int64())
        return convert, convert
    if kinds == {"whole", "float"}:
        return _whole, _whole
    if kinds == {"float"}:
        return partial(_cast, pl.Float64()), partial(_cast, pl.Float64())
    if kinds in ({"Decimal"}, {"Decimal", "whole"}):
        scale = max(getattr(dtype, "scale", 0) for dtype in (left, right))
        convert = partial(_cast, pl.Decimal(38, scale))
        return convert, convert
    if kinds == {"text"}:
        return partial(_cast, pl.String()), partial(_cast, pl.String())
    if len(kinds) == 1 and kinds <= {"Datetime", "instant", "Duration"}:
        return partial(_nanoseconds, left), partial(_nanoseconds, right)
    return None


def in_words(dtype: pl.DataType) -> str:
    """What a type holds. Not the type in full: that of some columns lists their values."""
    kind = _kind(dtype) or str(dtype.base_type())
    return _WORDS.get(kind, f"values of type {kind}")


def _kind(dtype: pl.DataType) -> str | None:
    """Types whose values can be compared have the same; None for nested and foreign ones."""
    if dtype.is_integer():
        return "whole"
    if dtype.is_float():
        return "float"
    if dtype in (pl.String, pl.Categorical, pl.Enum):
        return "text"
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        return "instant"
    if dtype.is_nested() or dtype == pl.Object:
        return None
    return str(dtype.base_type())


def _as_it_is(values: pl.Expr) -> pl.Expr:
    return values


def _cast(wanted: pl.DataType, values: pl.Expr) -> pl.Expr:
    return values.cast(wanted, strict=False)


def _whole(values: pl.Expr) -> pl.Expr:
    number = values.cast(pl.Int128, strict=False)
    # A cast cuts off what is behind the point.
    return pl.when(values == values.floor()).then(number)


def _nanoseconds(dtype: pl.DataType, values: pl.Expr) -> pl.Expr:
    unit = getattr(dtype, "time_unit", "ns")
    return values.to_physical().cast(pl.Int128) * _NANOSECONDS[unit]
