"""What must be known of the data before its rules can be put into expressions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Unconvertible:
    """A column has values that its declared type cannot hold.

    values: among them others than NaN.
    """

    column: str
    values: bool = False


@dataclass(frozen=True)
class HasNulls:
    """A column has nulls, and pandas makes another type of it for that."""

    column: str


@dataclass(frozen=True)
class Unanswerable:
    """Polars has no way to make a column's values those of its declared type."""

    column: str


Fact = Unconvertible | HasNulls | Unanswerable
