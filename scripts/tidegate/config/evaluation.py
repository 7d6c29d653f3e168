"""`evaluation` of tidegate.yaml: the predictions table and its slices."""

from __future__ import annotations

from itertools import pairwise
from math import isfinite
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from tidegate.config.values import Names, Section, ShareOrCount, share_of


def _slice_columns(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return [item if isinstance(item, list) else [item] for item in value]


def _slice_column(value: Any) -> Any:
    if isinstance(value, str):
        return {"column": value}
    if isinstance(value, dict) and len(value) == 1 and "column" not in value:
        column, cuts = next(iter(value.items()))
        return {"column": column, "cuts": cuts}
    return value


class SliceColumn(Section):
    """A column whose values make slices; with cuts, the ranges between them do."""

    column: str
    cuts: tuple[float, ...] = Field(
        (), description="Increasing numbers: [a, b] makes three ranges."
    )

    @model_validator(mode="after")
    def _increasing(self) -> Self:
        if any(low >= high for low, high in pairwise(self.cuts)) or not all(
            isfinite(cut) for cut in self.cuts
        ):
            raise ValueError(f"the cuts of {self.column!r} must be finite and increase")
        return self


_SliceItem = str | dict[str, list[float]]


class Evaluation(Section):
    """The predictions table that the service's own pipeline writes."""

    predictions: str = Field(
        description="Parquet, CSV or JSON lines; file, folder or glob: key, label, score, slice "
        "columns."
    )
    inputs: str | None = Field(
        None,
        description="Table with the key and the model's inputs for the same rows: on it the "
        "champion is scored anew when its logged predictions are of another evaluation set.",
    )
    key: Annotated[Names, Field(min_length=1)]
    label: str
    positive_label: str | None = Field(
        None, description="binary: the label that counts as 1, where labels are text."
    )
    score: str | None = Field(None, description="Column with a probability.")
    scores: dict[str, str] = Field(
        {}, description="multiclass: for each class the column with its probability."
    )
    prediction: str | None = Field(None, description="Column with a predicted class or value.")
    threshold: float = Field(0.5, ge=0, le=1, description="Score from which a row is positive.")
    quantile: float = Field(0.5, gt=0, lt=1, description="Quantile that pinball-loss is for.")
    weight: str | None = Field(None, description="Column with the weight of a row, 0 or more.")
    cluster: str | None = Field(None, description="Rows that are not independent of one another.")
    slices: Annotated[
        list[list[Annotated[SliceColumn, BeforeValidator(_slice_column)]]],
        BeforeValidator(_slice_columns, json_schema_input_type=list[_SliceItem | list[_SliceItem]]),
    ] = Field(
        [],
        description="A column, several (their combinations), or `{column: [cut, ...]}` for ranges.",
    )
    max_unpaired_rows: ShareOrCount = Field(
        0,
        description="Rows that may stand in the candidate's or the baseline's table alone: a "
        "count, or a share such as 0.1%.",
    )
    measurements: str | None = Field(
        None, description="JSON object of figures that the pipeline measured, for the budgets."
    )

    @model_validator(mode="after")
    def _one_output(self) -> Self:
        if self.scores:
            if self.score is not None:
                raise ValueError("name score for two classes, or scores for more, not both")
        elif (self.score is None) == (self.prediction is None):
            raise ValueError("name exactly one of score and prediction")
        for column in self.outputs:
            if column in (self.label, *self.key):
                raise ValueError(
                    f"the column {column!r} cannot be both the model's answer and the label or key"
                )
            if column in (self.weight, self.cluster):
                raise ValueError(
                    f"the column {column!r} cannot be both the model's answer and the weight or "
                    "cluster: a model must not choose how it is judged"
                )
        if not all(self.slices):
            raise ValueError("an entry of slices names no column")
        groups = [tuple(part.column for part in group) for group in self.slices]
        repeated = next((group for group in groups if groups.count(group) > 1), None)
        if repeated:
            raise ValueError(f"slices name {', '.join(repeated)} twice")
        return self

    @property
    def outputs(self) -> list[str]:
        """The columns that hold what the model said."""
        single = self.score if self.score is not None else self.prediction
        return [*([single] if single is not None else []), *self.scores.values()]

    @property
    def slice_columns(self) -> list[str]:
        """Every column that a slice is made of, once each."""
        return list(dict.fromkeys(part.column for group in self.slices for part in group))

    @property
    def columns(self) -> list[str]:
        """Every column that the candidate's table must have, in a fixed order."""
        extra = [column for column in (self.cluster, self.weight) if column]
        return list(
            dict.fromkeys([*self.key, self.label, *self.outputs, *extra, *self.slice_columns])
        )

    def tolerated_unpaired(self, rows: int) -> int:
        return share_of(self.max_unpaired_rows, rows)
