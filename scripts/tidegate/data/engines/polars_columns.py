"""The columns of a table as pandera's Polars backend sees them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import polars as pl

from tidegate.data.engines.by_pandera import mistyped
from tidegate.data.engines.columns import column
from tidegate.data.engines.facts import Fact, Unanswerable, Unconvertible
from tidegate.data.engines.recording import NotCompiledError, built_in_name, passing
from tidegate.data.frames import PolarsFrames
from tidegate.data.rules import coerces, columns_of


class PolarsColumns:
    """known: what is true of the rows, of the facts that this asks for."""

    def __init__(self, definition: Any, schema: Mapping[str, pl.DataType], known: Collection[Fact]):
        self.schema = dict(schema)
        self.facts: dict[Fact, pl.Expr] = {}
        self.parsed: dict[str, pl.Expr] = {}
        self.hidden: dict[str, str] = {}
        self.unconvertible: dict[str, pl.Expr] = {}
        self.empty = pl.DataFrame(schema=self.schema)
        self.frames = PolarsFrames(self.empty)
        declarations: dict[str, list[Any]] = {}
        for name, declared in columns_of(definition, self.empty):
            declarations.setdefault(name, []).append(declared)
        for name in schema:
            try:
                self._parse(name, definition, declarations.get(name, []), known)
            except NotCompiledError as why:
                self.hidden[name] = str(why)
        self.empty = self.empty.lazy().with_columns(**self.parsed).collect()

    @property
    def visible(self) -> dict[str, pl.DataType]:
        """The parsed columns, without those that only pandera can parse."""
        return {name: dtype for name, dtype in self.empty.schema.items() if name not in self.hidden}

    def mistyped(self, name: str, dtype: Any) -> str | None:
        return mistyped(self.frames, self.empty, name, dtype)

    def found_type(self, name: str) -> str:
        return str(self.schema[name])

    def nulls(self, name: str) -> pl.Expr:
        values = column(name)
        if self.empty.schema[name].is_float():
            return values.is_null() | values.is_nan()
        return values.is_null()

    def failing(self, check: Any, name: str | None) -> tuple[pl.Expr, set[str]]:
        if name is None and self.hidden and built_in_name(check):
            raise NotCompiledError("it looks at columns that only pandera can parse")
        answer = passing(check, name, self.visible)
        # pandera takes no answer for yes, unless the check asks about nulls, too.
        failing = (~answer).fill_null(value=not check.ignore_na)
        return failing, set(answer.meta.root_names())

    def exact_values(self, check: Any, name: str) -> tuple[pl.Expr, frozenset[object]]:
        if self.empty.schema[name].is_nested():
            raise NotCompiledError("nested values are compared by pandera")
        return column(name), frozenset(check._check_kwargs["values"])

    def key(self, name: str) -> pl.Expr:
        if self.empty.schema[name].is_nested():
            raise NotCompiledError("nested values are compared by pandera")
        return column(name)

    def _parse(
        self, name: str, definition: Any, declarations: Sequence[Any], known: Collection[Fact]
    ) -> None:
        if not declarations:
            return
        if len(declarations) > 1:
            raise NotCompiledError("it is declared more than once")
        (declared,) = declarations
        if coerces(definition, declared):
            self._coerce(name, declared.dtype, known)
        if declared.default is not None and name not in self.unconvertible:
            self._fill(name, declared)

    def _coerce(self, name: str, dtype: Any, known: Collection[Fact]) -> None:
        from pandera.engines.polars_engine import DataType

        own = type(dtype)
        if own.coerce is not DataType.coerce or own.try_coerce is not DataType.try_coerce:
            raise NotCompiledError(f"pandera makes {dtype} of a column in its own way")
        if self.schema[name] == dtype.type and not isinstance(dtype.type, type):
            return
        raw = column(name)
        converted = raw.cast(dtype.type, strict=False)
        no_way = NotCompiledError(f"Polars makes no {dtype} of {self.schema[name].base_type()}")
        if Unanswerable(name) in known or self.schema[name].is_nested():
            raise no_way
        try:
            result = pl.LazyFrame(schema=self.schema).select(converted).collect()
        except pl.exceptions.PolarsError:
            raise no_way from None
        if result.schema[name] == self.schema[name]:
            return
        lost = converted.is_null() & raw.is_not_null()
        any_lost, value_lost = Unconvertible(name), Unconvertible(name, values=True)
        self.facts[any_lost] = lost.any()
        if self.schema[name].is_float():
            self.facts[value_lost] = (lost & raw.is_not_nan()).any()
        if any_lost not in known:
            self.parsed[name] = converted
        elif not self.schema[name].is_float():
            self.unconvertible[name] = lost
        else:
            # pandera blames nulls, too, where nothing but NaN is lost.
            self.unconvertible[name] = (
                lost & raw.is_not_nan() if value_lost in known else converted.is_null()
            )

    def _fill(self, name: str, declared: Any) -> None:
        """Defaults take the place of nulls."""
        default = declared.default
        if isinstance(default, pl.Expr):
            if not (default.meta.is_literal() and default.meta.is_scalar()):
                raise NotCompiledError("its default is no plain value")
        elif declared.dtype is None:
            raise NotCompiledError("its default has no type")
        else:
            default = pl.lit(default, dtype=declared.dtype.type)
        values = self.parsed.get(name, column(name))
        kind = pl.LazyFrame(schema=self.schema).select(values).collect_schema().dtypes()[0]
        filled = values.fill_null(default)
        if kind.is_float():
            filled = values.fill_nan(default).fill_null(default)
        if pl.LazyFrame(schema=self.schema).select(filled).collect_schema().dtypes() != [kind]:
            raise NotCompiledError("its default is of another type than its values")
        self.parsed[name] = filled
