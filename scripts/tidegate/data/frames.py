"""What pandera's two backends do differently, said once: which rows of a frame break one rule."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import wraps
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from tidegate.data.schemas import Schema

Mask = npt.NDArray[np.bool_]


class NoAnswerError(Exception):
    """A check's function gave None, where it must say yes or no."""


class Frames(Protocol):
    """A table as one backend sees it. A mask has a value for each row of the table: true is a
    fault. A check that answers with a single yes or no gives a bool: true if it fails.

    `frame` is the table, or what parsers and coercion made of it.
    """

    table: Any
    height: int

    def nulls(self, frame: Any, column: str) -> Mask: ...
    def duplicates(self, frame: Any, columns: Sequence[str], report: str, /) -> Mask: ...
    def failing(self, check: Any, frame: Any, column: str | None) -> Mask | bool: ...
    def unconvertible(self, error: Any) -> Mask:
        """The rows that pandera's coercion error names."""
        ...

    def column_schema(self, name: str, dtype: Any, *, coerce: bool = False) -> Any:
        """A schema of one column, which may be null, and its type."""
        ...


def frames_of(schema: Schema, table: pl.DataFrame) -> Frames:
    return PolarsFrames(table) if schema.backend == "polars" else PandasFrames(schema, table)


class PolarsFrames:
    """Polars frames. rows: how many a frame has, where the table is not at hand."""

    def __init__(self, table: pl.DataFrame, rows: int | None = None):
        self.table = table
        self.height = table.height if rows is None else rows

    def nulls(self, frame: pl.DataFrame, column: str) -> Mask:
        values = frame[column]
        missing = values.is_null()
        if values.dtype.is_float():
            missing |= values.is_nan().fill_null(False)
        return missing.to_numpy()

    def duplicates(self, frame: pl.DataFrame, columns: Sequence[str], _: str) -> Mask:
        # pandera's Polars backend reports every one of them, whatever it is told to.
        return frame.select(columns).is_duplicated().to_numpy()

    def failing(
        self, check: Any, frame: pl.DataFrame | pl.LazyFrame, column: str | None
    ) -> Mask | bool:
        answer = _answering(check)(frame.lazy(), column).check_output.collect().to_series()
        if len(answer) != self.height:
            return not answer.all()
        mask: Mask = (~answer).to_numpy()
        return mask

    def unconvertible(self, error: Any) -> Mask:
        if error.check_output is None:
            return np.ones(self.height, dtype=bool)
        mask: Mask = (~error.check_output.to_series()).to_numpy()
        return mask

    def column_schema(self, name: str, dtype: Any, *, coerce: bool = False) -> Any:
        import pandera.polars as pa

        return pa.DataFrameSchema({name: pa.Column(dtype, nullable=True, coerce=coerce)})


class PandasFrames:
    """pandas frames. Their index holds the numbers of the rows: checks may leave rows out."""

    def __init__(self, schema: Schema, table: pl.DataFrame):
        self.table = _as_pandas(schema, table)
        self.height = table.height

    def nulls(self, frame: Any, column: str) -> Mask:
        return self._mask(frame[column].isna())

    def duplicates(self, frame: Any, columns: Sequence[str], report: str) -> Mask:
        keep = {"exclude_first": "first", "exclude_last": "last", "all": False}[report]
        return self._mask(frame.duplicated(list(columns), keep=keep))

    def failing(self, check: Any, frame: Any, column: str | None) -> Mask | bool:
        result = _answering(check)(frame, column)
        answer = result.check_output
        if not hasattr(answer, "index"):
            return not answer
        if getattr(answer, "ndim", 1) == 2:
            answer = answer.all(axis="columns")
        # pandera, too, takes no answer for yes.
        answer = answer.astype("boolean").fillna(True).astype(bool)
        by_row = hasattr(result.checked_object, "index") and result.checked_object.index.equals(
            answer.index
        )
        return self._mask(~answer) if by_row else not answer.all()

    def unconvertible(self, error: Any) -> Mask:
        mask = np.zeros(self.height, dtype=bool)
        cases = error.failure_cases
        mask[cases["index"].astype(int) if hasattr(cases, "columns") else slice(None)] = True
        return mask

    def column_schema(self, name: str, dtype: Any, *, coerce: bool = False) -> Any:
        import pandera.pandas as pa

        return pa.DataFrameSchema({name: pa.Column(dtype, nullable=True, coerce=coerce)})

    def _mask(self, faults: Any) -> Mask:
        mask = np.zeros(self.height, dtype=bool)
        mask[faults.index[faults.to_numpy()]] = True
        return mask


def _answering(check: Any) -> Any:
    """The check, raising NoAnswerError for None: pandera's own errors do not say what is wrong."""
    if check.element_wise:  # pandera asks it value by value, and takes None for yes
        return check
    function = check._check_fn

    @wraps(function, updated=())  # by its name pandera finds a check of its own again
    def ask(*arguments: Any, **more: Any) -> Any:
        answer = function(*arguments, **more)
        if answer is None:
            raise NoAnswerError
        return answer

    asking = copy.copy(check)
    asking._check_fn = ask
    return asking


def _as_pandas(schema: Schema, table: pl.DataFrame) -> Any:
    """The frame that pandas' own reader would give: integers with nulls are floats.

    Save where the schema wants one of pandas' nullable types: those hold the same values.
    """
    frame = table.to_pandas(date_as_object=True)
    for name, column in schema.definition.columns.items():
        wanted: Any = getattr(column.dtype, "type", None)
        nullable = getattr(wanted, "numpy_dtype", None)
        if nullable is None or name not in table.columns:
            continue
        if nullable == table[name].clear().to_numpy().dtype:
            frame[name] = wanted.__from_arrow__(table[name].to_arrow())
    return frame
