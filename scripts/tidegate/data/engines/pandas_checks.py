"""pandera's own checks as its pandas backend means them, in expressions of Polars."""

from __future__ import annotations

import datetime as dt
import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from tidegate.data.engines.recording import NotCompiledError, built_in_name
from tidegate.data.engines.regexes import in_rust

_EXACT = 2**53  # integers up to here are floats, too


@dataclass(frozen=True)
class Values:
    """A column as pandas has it. dtype: pandas' name for its type.

    values: the same in Polars, null where pandas has none, NaN where it has NaN.
    masked: the type is one of pandas' own, whose nulls answer a comparison with neither yes nor no.
    """

    values: pl.Expr
    type: pl.DataType
    dtype: str
    masked: bool = False

    @property
    def missing(self) -> pl.Expr:
        """What pandas takes for a null."""
        if self.type.is_float():
            return self.values.is_null() | self.values.is_nan()
        return self.values.is_null()


def failing(check: Any, column: Values) -> pl.Expr:
    """The rows that fail the check. Raises NotCompiledError where Polars cannot say it."""
    name = built_in_name(check)
    if name is None or check.groupby:
        raise NotCompiledError("it is a Python function of pandas' values")
    translate = _CHECKS.get(name)
    if translate is None:
        raise NotCompiledError("there is no translation of it")
    passes, null_passes = translate(column, **check._check_kwargs)
    if check.ignore_na:
        null_passes = True
    elif column.dtype == "object" or column.masked:
        raise NotCompiledError("pandas' answer for a null is not known here")
    return ~(column.missing | passes if null_passes else ~column.missing & passes)


def exact_values(check: Any, column: Values) -> frozenset[object]:
    """What the values of a column must be, all of them (pandera's unique_values_eq)."""
    plain = column.type.is_integer() or column.type in (pl.Float64, pl.String, pl.Boolean)
    if not (check.ignore_na and plain):
        raise NotCompiledError("pandas' values are not Polars' here")
    return frozenset(check._check_kwargs["values"])


# What passes, and whether a null does, where nulls are not ignored.
_Answer = tuple[pl.Expr, bool]
_Compare = Callable[[Any, Any], Any]


def _comparison(compare: _Compare, bound: str) -> Callable[..., _Answer]:
    def translate(column: Values, **bounds: Any) -> _Answer:
        values, limit = _comparable(column, bounds[bound])
        _refuse_order_of_booleans(column, compare)
        return compare(values, limit), compare is operator.ne

    return translate


def _in_range(
    column: Values,
    min_value: Any,
    max_value: Any,
    include_min: bool = True,
    include_max: bool = True,
) -> _Answer:
    above, least = _comparable(column, min_value)
    below, most = _comparable(column, max_value)
    _refuse_order_of_booleans(column, operator.ge)
    high_enough = above >= least if include_min else above > least
    low_enough = below <= most if include_max else below < most
    return high_enough & low_enough, False


def _isin(column: Values, allowed_values: Any) -> _Answer:
    return _among(column, allowed_values), False


def _notin(column: Values, forbidden_values: Any) -> _Answer:
    return ~_among(column, forbidden_values), True


def _among(column: Values, values: Any) -> pl.Expr:
    if isinstance(values, str | bytes) or column.masked or column.type == pl.Float32:
        raise NotCompiledError("pandas compares these values in its own way")
    if not (column.type.is_numeric() or column.type in (pl.String, pl.Boolean, pl.Date)):
        raise NotCompiledError("pandas compares these values in its own way")
    wanted = []
    for value in values:
        _comparable(column, value)
        if column.type.is_integer() and type(value) is not int:
            raise NotCompiledError("pandas compares these values in its own way")
        wanted.append(value)
    kind = column.type
    if kind.is_integer():
        kind = pl.Int64() if kind.is_signed_integer() else pl.UInt64()
    return column.values.cast(kind).is_in(pl.Series(wanted, dtype=kind).implode())


def _matches(column: Values, pattern: Any) -> _Answer:
    return _text(column).str.contains(_rust(pattern, at_start=True)), False


def _contains(column: Values, pattern: Any) -> _Answer:
    return _text(column).str.contains(_rust(pattern, at_start=False)), False


def _starts_with(column: Values, string: Any) -> _Answer:
    return _text(column).str.starts_with(_only_text(string)), False


def _ends_with(column: Values, string: Any) -> _Answer:
    return _text(column).str.ends_with(_only_text(string)), False


def _length(
    column: Values, min_value: Any = None, max_value: Any = None, exact_value: Any = None
) -> _Answer:
    length = _text(column).str.len_chars().cast(pl.Int64)
    bounds = (min_value, max_value, exact_value)
    if any(type(bound) is not int for bound in bounds if bound is not None) or not any(
        bound is not None for bound in bounds
    ):
        raise NotCompiledError("its bounds are no whole numbers")
    if exact_value is not None:
        return length == exact_value, False
    least = length >= min_value if min_value is not None else pl.lit(value=True)
    most = length <= max_value if max_value is not None else pl.lit(value=True)
    return least & most, False


_CHECKS: Mapping[str, Callable[..., _Answer]] = {
    "equal_to": _comparison(operator.eq, "value"),
    "not_equal_to": _comparison(operator.ne, "value"),
    "greater_than": _comparison(operator.gt, "min_value"),
    "greater_than_or_equal_to": _comparison(operator.ge, "min_value"),
    "less_than": _comparison(operator.lt, "max_value"),
    "less_than_or_equal_to": _comparison(operator.le, "max_value"),
    "in_range": _in_range,
    "isin": _isin,
    "notin": _notin,
    "str_matches": _matches,
    "str_contains": _contains,
    "str_startswith": _starts_with,
    "str_endswith": _ends_with,
    "str_length": _length,
}


def _comparable(column: Values, value: Any) -> tuple[pl.Expr, pl.Expr]:
    """Both sides of a comparison, of one type and as exact as numpy's."""
    values, kind = column.values, column.type
    match value:
        case bool():
            if kind == pl.Boolean:
                return values, pl.lit(value)
        case int():
            if kind.is_signed_integer() and -(2**63) <= value < 2**63:
                return values.cast(pl.Int64), pl.lit(value, dtype=pl.Int64)
            if kind.is_unsigned_integer() and 0 <= value < 2**64:
                return values.cast(pl.UInt64), pl.lit(value, dtype=pl.UInt64)
            if kind.is_float() and abs(value) <= _EXACT:
                return values, pl.lit(value, dtype=kind)
        case float() if type(value) is float and not math.isnan(value):
            if kind.is_float():
                return values, pl.lit(value, dtype=kind)
            if kind.is_integer() and not column.masked:
                return values.cast(pl.Float64), pl.lit(value, dtype=pl.Float64)
        case str():
            if kind == pl.String:
                return values, pl.lit(value)
        case dt.datetime():
            if isinstance(kind, pl.Datetime) and type(value).__name__ in ("datetime", "Timestamp"):
                return values, _moment(value, kind)
        case dt.date():
            if kind == pl.Date:
                return values, pl.lit(value)
    raise NotCompiledError(f"pandas compares {column.dtype} with {type(value)} in its own way")


def _moment(value: dt.datetime, kind: pl.Datetime) -> pl.Expr:
    """A point in time, of the column's unit and in its time zone, if it is a whole number of it."""
    import pandas as pd

    if (value.tzinfo is None) != (kind.time_zone is None):
        raise NotCompiledError("only one of the two has a time zone")
    moment = pd.Timestamp(value)
    try:
        count = moment.as_unit(kind.time_unit, round_ok=False).asm8.astype("int64").item()
    except (ValueError, OverflowError):
        raise NotCompiledError("the column's unit of time is too coarse or too fine") from None
    return pl.lit(count, dtype=pl.Int64).cast(kind)


def _refuse_order_of_booleans(column: Values, compare: _Compare) -> None:
    if column.type == pl.Boolean and compare not in (operator.eq, operator.ne):
        raise NotCompiledError("pandas orders booleans in its own way")


def _text(column: Values) -> pl.Expr:
    if column.type != pl.String:
        raise NotCompiledError(f"{column.dtype} is no text")
    return column.values


def _only_text(value: Any) -> str:
    if type(value) is not str:
        raise NotCompiledError("it is no single text")
    return value


def _rust(pattern: Any, *, at_start: bool) -> str:
    if isinstance(pattern, re.Pattern) or (rust := in_rust(pattern, at_start=at_start)) is None:
        raise NotCompiledError("Polars' regular expressions may read the pattern otherwise")
    return rust
