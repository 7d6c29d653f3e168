"""The sections of a dataset: its files, its schema, and the rules beside the schema."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from tidegate.config.values import (
    Duration,
    Mode,
    Names,
    Section,
    ShareOrCount,
    SomeNames,
    length_of,
    share,
    share_of,
)


class RowCount(Section):
    """How many rows a dataset may have."""

    min: int | None = Field(None, ge=0, description="At least so many.")
    max: int | None = Field(None, ge=0, description="At most so many.")
    max_change: Annotated[str | None, BeforeValidator(share)] = Field(
        None, description="By what share it may differ from the reference, such as 20%."
    )

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if self.min is None and self.max is None and self.max_change is None:
            raise ValueError("rows without a bound ask nothing: set min, max or max-change")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"no number of rows is at least {self.min} and at most {self.max}")
        return self

    @property
    def tolerated_change(self) -> Fraction | None:
        """max_change as a number: 1/5 for 20%."""
        if self.max_change is None:
            return None
        return Fraction(self.max_change.removesuffix("%")) / 100


class Freshness(Section):
    """How old the newest row may be."""

    column: str = Field(
        description="A date or timestamp; without a time zone it is taken as UTC. A date lasts "
        "until its day ends."
    )
    max_age: Duration = Field(description="Such as 90m, 36h or 7d.")

    @property
    def tolerated_age(self) -> timedelta:
        return length_of(self.max_age)


class ForeignKey(Section):
    """Values that must exist in another dataset of the config. A row with a null is let pass."""

    columns: SomeNames
    dataset: str = Field(description="The dataset that must have them.")
    keys: Names = Field([], description="Its columns; by default of the same names.")

    @model_validator(mode="after")
    def _pairs(self) -> Self:
        if self.keys and len(self.keys) != len(self.columns):
            raise ValueError(
                f"{len(self.columns)} columns cannot be held against {len(self.keys)} keys: name "
                "them in pairs, in the same order"
            )
        return self

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """(column of this dataset, key of the other), in order."""
        return list(zip(self.columns, self.keys or self.columns, strict=True))


class Categories(Section):
    """Columns whose values are compared with those of the reference."""

    columns: SomeNames
    new: Mode = "warn"
    vanished: Mode = "warn"

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if self.new == "off" and self.vanished == "off":
            raise ValueError("categories with both new and vanished off ask nothing")
        return self


class Drift(Section):
    """How the columns are compared with the reference; docs/data-drift.md explains the figures."""

    mode: Mode = "warn"
    columns: list[str] = Field([], description="By default every one but the key.")
    max_psi: float = Field(
        0.2,
        gt=0,
        allow_inf_nan=False,
        description="Population stability index that is tolerated.",
    )
    confidence: float = Field(0.99, gt=0.5, lt=1, description="For all columns together.")
    classifier: bool = Field(
        False, description="Whether a classifier tries to tell the two datasets apart."
    )


class Dataset(Section):
    """A dataset that is held against its pandera schema."""

    path: str = Field(
        description="File, folder or glob of Parquet, CSV or JSON lines (.gz, .zst); or s3://, "
        "gs://, az://, abfss://. Folders such as year=2013 are columns."
    )
    schema_reference: str = Field(
        alias="schema", description="file.py:Name, package.module:Name, or a YAML or JSON file."
    )
    max_failing_rows: ShareOrCount = Field(
        0, description="Failing rows that are tolerated: a count, or a share such as 0.1%."
    )
    redact: list[str] = Field([], description="Columns whose values never leave the runner.")
    reference: str | None = Field(None, description="An earlier dataset to compare with.")
    key: Names = Field([], description="Columns that name a row in reports.")
    rows: RowCount | None = None
    freshness: Freshness | None = None
    foreign_keys: list[ForeignKey] = Field([])
    categories: Categories | None = None
    drift: Drift = Drift()

    def tolerated_rows(self, rows: int) -> int:
        return share_of(self.max_failing_rows, rows)
