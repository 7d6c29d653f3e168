"""How a table gets into the environment of a model, and the model's answer out of it.

Parquet would need pyarrow there, which an MLflow model need not have, and which changes how pandas
holds text where it is added. So a table is two files that numpy and the standard library read:

NAME.npz    arrays by key: numbers, booleans, timestamps (never pickled objects)
NAME.json   inputs: {rows, columns}; answer: {columns, classes}, or {stage, error}.
            Each column: {name, kind, ...}, with kind one of
              array     `array` is its key; `zone` the time zone of timestamps in UTC
              date      `array`: days
              category  `array`: codes into `categories`, -1 for none
              text      `values`
              values    `values`: booleans with gaps
              lists     `values`: lists, with gaps
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tidegate.errors import DataError


class Unscorable(DataError):
    """The champion cannot score today's evaluation set: an outcome of its own."""


@dataclass(frozen=True)
class Answer:
    """What a model answered, column by column; a name is None where it gave none.

    classes: the names of the classes in the order of the columns, where the model knows them.
    """

    columns: list[tuple[str | None, pl.Series]]
    classes: list[str] | None = None


@dataclass(frozen=True)
class Failure:
    """What went wrong in the scoring program. stage: import, load, predict or answer."""

    stage: str
    error: str


def write_inputs(table: pl.DataFrame, folder: Path) -> None:
    """Write `table` for the scoring program.

    Raises Unscorable for a column of a type that cannot be handed over.
    """
    arrays: dict[str, NDArray[Any]] = {}
    columns = []
    for number, column in enumerate(table.iter_columns()):
        described, array = _describe(column)
        if array is not None:
            arrays[f"c{number}"] = array
            described["array"] = f"c{number}"
        columns.append({"name": column.name, **described})
    np.savez(folder / "inputs.npz", allow_pickle=False, **arrays)
    (folder / "inputs.json").write_text(
        json.dumps({"rows": table.height, "columns": columns}), encoding="utf-8"
    )


def read_answer(folder: Path) -> Answer | Failure | None:
    """What the scoring program left behind; None when it ended before it could say anything."""
    try:
        outcome = json.loads((folder / "answer.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if "error" in outcome:
        return Failure(outcome["stage"], outcome["error"])
    with np.load(folder / "answer.npz", allow_pickle=False) as arrays:
        columns = [
            (
                item["name"],
                pl.Series(
                    arrays[item["array"]] if item["kind"] == "array" else item["values"],
                    dtype=None if item["kind"] == "array" else pl.String,
                ),
            )
            for item in outcome["columns"]
        ]
    return Answer(columns, outcome["classes"])


def _describe(column: pl.Series) -> tuple[dict[str, Any], NDArray[Any] | None]:
    """(description, array) of a column, in the types that pandas.read_parquet would give."""
    dtype = column.dtype
    if isinstance(dtype, pl.Decimal):
        return {"kind": "array"}, column.cast(pl.Float64).to_numpy()
    if isinstance(dtype, pl.Datetime):
        return {"kind": "array", "zone": dtype.time_zone}, column.to_numpy()
    if isinstance(dtype, pl.Date):
        return {"kind": "date"}, column.to_numpy()
    if isinstance(dtype, pl.Categorical | pl.Enum):
        text = column.cast(pl.String)
        # A Categorical's own codes are those of the whole process, with gaps.
        own = dtype.categories if isinstance(dtype, pl.Enum) else text.unique(maintain_order=True)
        names: list[str] = own.drop_nulls().to_list()
        codes = text.cast(pl.Enum(names)).to_physical().cast(pl.Int32).fill_null(-1)
        return {"kind": "category", "categories": names}, codes.to_numpy()
    if _is_number(dtype) or dtype == pl.Duration:
        return {"kind": "array"}, column.to_numpy()
    if dtype == pl.Boolean and not column.has_nulls():
        return {"kind": "array"}, column.to_numpy()
    if dtype == pl.String:
        return {"kind": "text", "values": column.to_list()}, None
    if dtype in (pl.Boolean, pl.Null):
        return {"kind": "values", "values": column.to_list()}, None
    if isinstance(dtype, pl.List | pl.Array) and _is_plain(dtype):
        return {"kind": "lists", "values": column.to_list()}, None
    raise Unscorable(
        f"its input column {column.name!r} holds {dtype}, which cannot be handed to a model",
        remedy="write it as numbers, text, dates or lists of them",
    )


def _is_plain(dtype: pl.DataType) -> bool:
    """Lists, however deep, of numbers, text or booleans."""
    inner: Any = dtype
    while isinstance(inner, pl.List | pl.Array):
        inner = inner.inner
    return _is_number(inner) or inner in (pl.String, pl.Boolean)


def _is_number(dtype: pl.DataType) -> bool:
    """A number that numpy has, too."""
    return dtype.is_float() or (dtype.is_integer() and "128" not in str(dtype))
