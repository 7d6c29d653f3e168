"""What the values of a JSON column have in common."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Any

import polars as pl

from tidegate.data.sources.text_types import parsed

# Up to here every whole number is a float, too: longer ones do not go with decimals.
_EXACT = range(-(2**53), 2**53 + 1)
_INT64 = range(-(2**63), 2**63)
_WHOLE, _LONG = pl.Int64(), pl.Int128()
_SCALARS: dict[type, pl.DataType] = {
    bool: pl.Boolean(),
    float: pl.Float64(),
    str: pl.String(),
}


class JsonColumn:
    """The type of a column of JSON values that is seen piece by piece.

    It is the declared type where every value fits: JSON's own types (text, number, true and false)
    count, and text is what JSON has no type for (dates, times, categories). Else it is what the
    values have in common; values of several types make text, as they stand in JSON.
    """

    def __init__(self, name: str, declared: pl.DataType | None):
        self._name = name
        self._declared = declared
        self._common: pl.DataType | None = None

    def typed(self, values: Sequence[Any]) -> tuple[pl.Series, bool]:
        """The values in the column's type, and whether that changed for them."""
        before = self._declared, self._common
        if self._declared is not None:
            fitting = _as_declared(self._name, values, self._declared)
            if fitting is not None:
                return fitting, False
            self._declared = None
        self._common = _common([self._common, _type_of_all(values)])
        dtype = _storable(self._common)
        if dtype.is_nested() or (dtype == pl.String and not _kinds(values) <= {str}):
            values = [_shaped(value, dtype) for value in values]
        series = pl.Series(self._name, values, dtype=dtype, strict=True)
        return series, before != (self._declared, self._common)

    @property
    def plain(self) -> pl.DataType | None:
        """The plain type that JSON has for these values, Null for no values; None if nested."""
        if self._declared is None:
            dtype = self._common or pl.Null()
            return None if dtype.is_nested() else _WHOLE if dtype == _LONG else dtype
        if self._declared.is_integer():
            return _WHOLE
        if self._declared.is_float():
            return pl.Float64()
        return self._declared if self._declared == pl.Boolean else pl.String()

    def taken(self, values: pl.Series) -> pl.Series | None:
        """Values of the `plain` type in the column's type; None where `typed` has to look."""
        rounds = values.dtype == pl.Float64 or self._common == _WHOLE
        # Without the ends: what lies beyond them may have been rounded to them.
        if rounds and not values.is_between(_EXACT[0], _EXACT[-1], closed="none").all():
            return None
        if self._declared is None:
            return values.cast(pl.String) if values.dtype == pl.Null else values
        if values.dtype == pl.String:
            return _converted(values, self._declared)
        try:
            return values.cast(self._declared)
        except pl.exceptions.PolarsError:
            return None


def _as_declared(name: str, values: Sequence[Any], declared: pl.DataType) -> pl.Series | None:
    kinds = _kinds(values)
    if declared == pl.Boolean:
        fits = kinds <= {bool}
    elif declared.is_integer():
        fits = kinds <= {int}
    elif declared.is_float():
        fits = kinds <= {int, float} and _exact(values)
    else:
        fits = kinds <= {str}
    if not fits:
        return None
    if declared.is_integer() or declared.is_float() or declared in (pl.Boolean, pl.String):
        try:
            return pl.Series(name, values, dtype=declared, strict=True)
        except (TypeError, OverflowError, pl.exceptions.PolarsError):
            return None
    return _converted(pl.Series(name, values, dtype=pl.String), declared)


def _converted(text: pl.Series, declared: pl.DataType) -> pl.Series | None:
    values = parsed(text, declared)
    return values if values.null_count() == text.null_count() else None


def _type_of_all(values: Iterable[Any]) -> pl.DataType | None:
    kinds = _kinds(values)
    types: list[pl.DataType | None] = [_SCALARS[kind] for kind in kinds if kind in _SCALARS]
    if int in kinds:
        whole = [value for value in values if type(value) is int]
        ends = min(whole), max(whole)
        types.append(
            _WHOLE if _all_in(_EXACT, ends) else _LONG if _all_in(_INT64, ends) else pl.String()
        )
    if list in kinds:
        inner = [item for value in values if type(value) is list for item in value]
        types.append(pl.List(_type_of_all(inner) or pl.Null()))
    if dict in kinds:
        rows = [value for value in values if type(value) is dict]
        names = dict.fromkeys(name for row in rows for name in row)
        types.append(
            pl.Struct(
                {name: _type_of_all([row.get(name) for row in rows]) or pl.Null() for name in names}
            )
        )
    return _common(types)


def _common(types: Iterable[pl.DataType | None]) -> pl.DataType | None:
    """The type that holds the values of all these types; None for no values."""
    known = [dtype for dtype in types if dtype is not None and dtype != pl.Null]
    return reduce(_joined, known) if known else None


def _joined(one: pl.DataType, other: pl.DataType) -> pl.DataType:
    if one == other:
        return one
    if isinstance(one, pl.List) and isinstance(other, pl.List):
        return pl.List(_common([_instance(one.inner), _instance(other.inner)]) or pl.Null())
    if isinstance(one, pl.Struct) and isinstance(other, pl.Struct):
        fields: dict[str, list[pl.DataType]] = {}
        for field in (*one.fields, *other.fields):
            fields.setdefault(field.name, []).append(_instance(field.dtype))
        return pl.Struct({name: _common(held) or pl.Null() for name, held in fields.items()})
    pair = {one, other}
    if pair == {_WHOLE, _LONG}:
        return _LONG
    return pl.Float64() if pair == {_WHOLE, pl.Float64()} else pl.String()


def _instance(dtype: Any) -> pl.DataType:
    made = dtype() if isinstance(dtype, type) else dtype
    assert isinstance(made, pl.DataType)  # noqa: S101 - Polars allows a class for its plain types
    return made


def _storable(dtype: pl.DataType | None) -> pl.DataType:
    """A type that a file can hold: no values at all and objects without keys are text."""
    if dtype is None or dtype == pl.Null or dtype == pl.Struct([]):
        return pl.String()
    if dtype == _LONG:
        return _WHOLE
    if isinstance(dtype, pl.List):
        return pl.List(_storable(_instance(dtype.inner)))
    if isinstance(dtype, pl.Struct):
        return pl.Struct({field.name: _storable(_instance(field.dtype)) for field in dtype.fields})
    return dtype


def _shaped(value: Any, dtype: pl.DataType) -> Any:
    if value is None:
        return None
    if isinstance(dtype, pl.List):
        inner = _instance(dtype.inner)
        return [_shaped(item, inner) for item in value]
    if isinstance(dtype, pl.Struct):
        return {
            field.name: _shaped(value.get(field.name), _instance(field.dtype))
            for field in dtype.fields
        }
    if dtype == pl.Float64:
        return float(value)
    if dtype == pl.String and type(value) is not str:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return value


def _kinds(values: Iterable[Any]) -> set[type]:
    return set(map(type, values)) - {type(None)}


def _exact(values: Iterable[Any]) -> bool:
    """Whether no whole number among the values would be rounded as a float."""
    return _all_in(_EXACT, (value for value in values if type(value) is int))


def _all_in(numbers: range, values: Iterable[int]) -> bool:
    return all(value in numbers for value in values)
