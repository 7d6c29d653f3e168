"""Which columns of two datasets can be compared, and as what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl
import polars.selectors as cs

from tidegate.errors import ConfigError, suggestion
from tidegate.verdict import Verdict

Schema = Mapping[str, pl.DataType]
# boolean and text are compared by value, the others by size.
Kind = Literal["number", "timestamp", "duration", "time", "text", "boolean", "unsupported"]

_MICROSECONDS = {"ms": 1e3, "us": 1.0, "ns": 1e-3}
_DAY = 86_400e6  # in microseconds


@dataclass(frozen=True)
class Column:
    """A column that both datasets have, in forms that can be compared.

    single: whether one side holds it in single precision, so that both must be taken so.
    """

    name: str
    kind: Kind
    single: bool = False

    @property
    def by_value(self) -> bool:
        return self.kind in ("text", "boolean")

    def expression(self, dtype: pl.DataType) -> pl.Expr:
        """Float64, in microseconds where it is a time, or String.

        Any size of date or timestamp: no cast between units that could overflow.
        """
        column = cs.by_name(self.name).as_expr()  # not pl.col, which takes ^name$ for a pattern
        if self.by_value:
            return column.cast(pl.String)
        if isinstance(dtype, pl.Date):
            return column.to_physical().cast(pl.Float64) * _DAY
        if isinstance(dtype, pl.Datetime | pl.Duration):
            return column.to_physical().cast(pl.Float64) * _MICROSECONDS[dtype.time_unit]
        if isinstance(dtype, pl.Time):
            return column.to_physical().cast(pl.Float64) * _MICROSECONDS["ns"]
        return (column.cast(pl.Float32) if self.single else column).cast(pl.Float64)


@dataclass(frozen=True)
class Incomparable:
    """A column that cannot be compared, the verdict that follows from that alone, and why."""

    name: str
    kind: Kind
    verdict: Verdict
    detail: str


def kind_of(dtype: pl.DataType) -> Kind | None:
    """None for a column without a type, which holds nothing but nulls."""
    if dtype.is_numeric():
        return "number"
    if isinstance(dtype, pl.Null):
        return None
    kinds: Mapping[type[pl.DataType], Kind] = {
        pl.Date: "timestamp",
        pl.Datetime: "timestamp",
        pl.Duration: "duration",
        pl.Time: "time",
        pl.Boolean: "boolean",
        pl.String: "text",
        pl.Categorical: "text",
        pl.Enum: "text",
    }
    return kinds.get(type(dtype), "unsupported")


def chosen_columns(
    current: Schema, reference: Schema, named: Sequence[str], key: Sequence[str], where: str
) -> list[str]:
    """The columns that the config names, by default all but the key's, in the data's order.

    Raises ConfigError for a name that neither side has.
    """
    known = list(dict.fromkeys([*current, *reference]))
    for name in named:
        if name not in known:
            raise ConfigError(
                f"neither the dataset nor its reference has a column {name!r}"
                + suggestion(name, known),
                where=where,
                remedy="mend the name, or take it out of drift.columns",
            )
    return [name for name in known if (name in named if named else name not in key)]


def match(
    current: Schema, reference: Schema, names: Sequence[str]
) -> Iterator[Column | Incomparable]:
    """What can be compared of each column."""
    for name in names:
        if name not in reference:
            yield Incomparable(
                name, kind_of(current[name]) or "text", Verdict.INCONCLUSIVE,
                "cannot tell: the reference has no such column; take a newer reference",
            )  # fmt: skip
        elif name not in current:
            yield Incomparable(
                name, kind_of(reference[name]) or "text", Verdict.FAIL,
                "the column is gone: the reference has it, the dataset does not",
            )  # fmt: skip
        else:
            yield _matched(name, current[name], reference[name])


def _matched(name: str, now: pl.DataType, before: pl.DataType) -> Column | Incomparable:
    kind, earlier = kind_of(now), kind_of(before)
    kind, earlier = kind or earlier or "text", earlier or kind or "text"
    if kind != earlier:
        return Incomparable(
            name, kind, Verdict.FAIL,
            f"the type changed: {before.base_type()} in the reference, {now.base_type()} now",
        )  # fmt: skip
    if kind == "unsupported":
        return Incomparable(
            name, kind, Verdict.INCONCLUSIVE,
            f"cannot tell: columns of type {now.base_type()} are not compared; "
            "name the others in drift.columns to leave it out",
        )  # fmt: skip
    return Column(name, kind, single=pl.Float32 in (now, before))


def own_columns(schema: Schema, names: Sequence[str]) -> list[Column]:
    """The columns that can be counted where there is no reference."""
    kinds = {name: kind_of(schema[name]) or "text" for name in names}
    return [Column(name, kind) for name, kind in kinds.items() if kind != "unsupported"]
