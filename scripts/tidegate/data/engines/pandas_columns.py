"""The columns of a table as pandera's pandas backend sees them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import polars as pl

from tidegate.data.engines import pandas_checks
from tidegate.data.engines.by_pandera import mistyped
from tidegate.data.engines.columns import column
from tidegate.data.engines.facts import Fact, HasNulls
from tidegate.data.engines.pandas_checks import Values
from tidegate.data.engines.recording import NotCompiledError
from tidegate.data.frames import PandasFrames
from tidegate.data.rules import coerces, columns_of
from tidegate.data.schemas import Schema

# A value of each type of which pandas makes nothing but one type of its own.
_SAMPLES: Mapping[Any, Any] = {
    pl.Int8: 1,
    pl.Int16: 1,
    pl.Int32: 1,
    pl.Int64: 1,
    pl.UInt8: 1,
    pl.UInt16: 1,
    pl.UInt32: 1,
    pl.UInt64: 1,
    pl.Float32: 1.5,
    pl.Float64: 1.5,
    pl.Boolean: True,
    pl.String: "x",
    pl.Date: dt.date(2013, 1, 1),
    pl.Datetime: dt.datetime(2013, 1, 1, 12),
    pl.Duration: dt.timedelta(hours=1),
}
# (from, to) of pandas' conversions that lose nothing, or round as Polars does.
_WIDENING = {
    ("int8", "int16"), ("int8", "int32"), ("int8", "int64"), ("int16", "int32"),
    ("int16", "int64"), ("int32", "int64"), ("uint8", "int16"), ("uint8", "int32"),
    ("uint8", "int64"), ("uint16", "int32"), ("uint16", "int64"), ("uint32", "int64"),
    ("float32", "float64"),
    *((f"{sign}int{bits}", "float64") for sign in ("", "u") for bits in (8, 16, 32, 64)),
}  # fmt: skip


class PandasColumns:
    """known: what is true of the rows, of the facts that this asks for.

    every: columns that the schema does not declare are looked at, too.
    """

    def __init__(
        self,
        schema: Schema,
        definition: Any,
        columns: Mapping[str, pl.DataType],
        known: Collection[Fact],
        *,
        every: bool,
    ):
        self.of = schema
        self.schema = dict(columns)
        self.facts: dict[Fact, pl.Expr] = {}
        self.parsed: dict[str, pl.Expr] = {}
        self.hidden: dict[str, str] = {}
        self.unconvertible: dict[str, pl.Expr] = {}
        self.values: dict[str, Values] = {}
        self._frames: dict[str, tuple[PandasFrames, Any]] = {}
        empty = PandasFrames(schema, pl.DataFrame(schema=self.schema)).table
        declarations: dict[str, list[Any]] = {}
        for name, declared in columns_of(definition, empty):
            declarations.setdefault(name, []).append(declared)
        for name in self.schema:
            if name not in declarations and not every:
                continue
            try:
                self._look_at(name, known)
                self._parse(name, definition, declarations.get(name, []))
            except NotCompiledError as why:
                self.hidden[name] = str(why)

    def mistyped(self, name: str, dtype: Any) -> str | None:
        frames, frame = self._frames[name]
        found = mistyped(frames, frame, name, dtype)
        if self.values[name].dtype == "object":
            # pandera looks at each object: it might not take nulls for what it takes the rest for.
            alike = self._sample(name, nulls=False), self._sample(name, values=False)
            if any(mistyped(frames, frames.table, name, dtype) != found for frames in alike):
                raise NotCompiledError("pandera looks at each object")
        return found

    def found_type(self, name: str) -> str:
        return self.values[name].dtype

    def nulls(self, name: str) -> pl.Expr:
        return self.values[name].missing

    def failing(self, check: Any, name: str | None) -> tuple[pl.Expr, set[str]]:
        if name is None:
            raise NotCompiledError("it is a Python function of pandas' table")
        return pandas_checks.failing(check, self.values[name]), {name}

    def exact_values(self, check: Any, name: str) -> tuple[pl.Expr, frozenset[object]]:
        wanted = pandas_checks.exact_values(check, self.values[name])
        return self.values[name].values, wanted

    def key(self, name: str) -> pl.Expr:
        found = self.values[name]
        # pandas has one way to say that a float is missing.
        return found.values.fill_nan(None) if found.type.is_float() else found.values

    def _look_at(self, name: str, known: Collection[Fact]) -> None:
        kind = self.schema[name]
        if kind.base_type() not in _SAMPLES:
            raise NotCompiledError(f"only pandas knows what it makes of {kind.base_type()}")
        full, holed = self._sample(name, nulls=False), self._sample(name, nulls=True)
        fact = HasNulls(name)
        if str(full.table[name].dtype) != str(holed.table[name].dtype):
            self.facts[fact] = column(name).has_nulls()
        frames = full if fact in self.facts and fact not in known else holed
        self._frames[name] = frames, frames.table
        dtype = str(frames.table[name].dtype)
        masked = hasattr(frames.table[name].dtype, "numpy_dtype")
        values = column(name)
        if dtype == "object" and kind not in (pl.String, pl.Date):
            raise NotCompiledError(f"pandas has the {kind} with its nulls as Python objects")
        if masked and not (kind.is_integer() or kind == pl.Boolean):
            raise NotCompiledError(f"pandas' {dtype} tells nulls from NaN")
        if dtype == "float64" and kind.is_integer():
            values, kind = values.cast(pl.Float64), pl.Float64()
        self.values[name] = Values(values, kind, dtype, masked)

    def _sample(self, name: str, *, values: bool = True, nulls: bool = True) -> PandasFrames:
        """A column of this type, with a value, with a null, or with both."""
        kind = self.schema[name]
        rows = [*([_SAMPLES[kind.base_type()]] if values else []), *([None] if nulls else [])]
        if isinstance(kind, pl.Datetime) and kind.time_zone is not None:
            series = pl.Series(rows, dtype=pl.Datetime(kind.time_unit))
            series = series.dt.replace_time_zone("UTC").dt.convert_time_zone(kind.time_zone)
        else:
            series = pl.Series(rows, dtype=kind)
        return PandasFrames(self.of, series.to_frame(name))

    def _parse(self, name: str, definition: Any, declarations: Sequence[Any]) -> None:
        import pandas as pd

        if not declarations:
            return
        if len(declarations) > 1:
            raise NotCompiledError("it is declared more than once")
        (declared,) = declarations
        if declared.default is not None and not pd.isna(declared.default):
            raise NotCompiledError("pandas fills in its default in its own way")
        if not coerces(definition, declared):
            return
        frames, frame = self._frames[name]
        schema = frames.column_schema(name, declared.dtype, coerce=True)
        why = NotCompiledError(f"pandas makes {declared.dtype} of a column in its own way")
        try:
            coerced = schema.validate(frame)
        except Exception:
            raise why from None
        had, has = str(frame[name].dtype), str(coerced[name].dtype)
        found = self.values[name]
        if had == has:
            if not coerced.equals(frame):
                raise why
        elif (had, has) in _WIDENING:
            kind = pl.Float64() if has == "float64" else pl.Int64()
            self.values[name] = Values(found.values.cast(kind), kind, has)
        else:
            raise why
        self._frames[name] = frames, coerced
