"""What a request must hold, from features.REQUEST; and whether a model was trained on it."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, get_args

import polars as pl
from mlflow.models import ModelSignature
from pydantic import BaseModel, ConfigDict, Field, create_model

from arrival_delay import features

COLUMNS: dict[type, type[pl.DataType]] = {
    bool: pl.Boolean,
    int: pl.Int64,
    float: pl.Float64,
    str: pl.String,
    date: pl.Date,
    datetime: pl.Datetime,
}
# By MLflow's names, as a model's signature has them.
SIGNATURE_TYPES = {pl.Boolean(): "boolean", pl.Int64(): "long", pl.Float64(): "double"}
# What a column of 64 bits takes: a larger number is the sender's mistake, not ours.
INTEGER = Annotated[int, Field(ge=-(2**63), lt=2**63)]


class ContractError(Exception):
    """A model that was trained on other columns than a request gives it."""


def kind_of(annotation: Any) -> type:
    """The type alone, of `float` as of `float | None`."""
    kind: type = (get_args(annotation) or (annotation,))[0]
    return kind


def may_be_missing(annotation: Any) -> bool:
    return type(None) in get_args(annotation)


def field(annotation: Any) -> Any:
    """What a value must be: within what a column takes."""
    kind = INTEGER if kind_of(annotation) is int else kind_of(annotation)
    return kind | None if may_be_missing(annotation) else kind


fields: dict[str, Any] = {name: (field(kind), ...) for name, kind in features.REQUEST.items()}
Row: type[BaseModel] = create_model(
    "Row", __config__=ConfigDict(extra="ignore", allow_inf_nan=False), **fields
)
SCHEMA = {name: COLUMNS[kind_of(kind)] for name, kind in features.REQUEST.items()}


def frame(rows: Sequence[BaseModel]) -> pl.DataFrame:
    """Rows as raw rows. By a schema: what a column is must not hang on the values in it."""
    return pl.DataFrame([row.model_dump() for row in rows], schema=SCHEMA)


def hold(signature: ModelSignature | None) -> None:
    """Raises ContractError when the model was trained on other columns than it would be given."""
    if signature is None:
        raise ContractError("the model has no signature: train it with train.py")
    built = features.build(frame([])).schema
    given = [f"{name} ({SIGNATURE_TYPES.get(kind, 'string')})" for name, kind in built.items()]
    wanted = [f"{one.name} ({one.type.name})" for one in signature.inputs.inputs]
    if given != wanted:
        only_given = ", ".join(name for name in given if name not in wanted) or "none"
        only_wanted = ", ".join(name for name in wanted if name not in given) or "none"
        raise ContractError(
            "the model was trained on other columns than features.py builds, or in another order; "
            f"only in the model: {only_wanted}; only built: {only_given}. Train it anew, or serve "
            "it with the code that it was trained by"
        )
