"""`gate` of tidegate.yaml: what metrics and measured figures are held to."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from tidegate.config.values import Section, off

# Kept here, not beside the metrics' code: reading a config must not import numpy.
METRICS: Mapping[str, tuple[str, ...]] = {
    "binary": (
        "accuracy",
        "balanced-accuracy",
        "precision",
        "recall",
        "f1",
        "roc-auc",
        "pr-auc",
        "log-loss",
        "brier-score",
        "expected-calibration-error",
    ),
    "multiclass": (
        "accuracy",
        "balanced-accuracy",
        "macro-f1",
        "weighted-f1",
        "recall-per-class",
        "log-loss",
    ),
    "regression": (
        "mae",
        "rmse",
        "median-absolute-error",
        "r2",
        "mape",
        "pinball-loss",
        "bias",
    ),
}
PROBABILITY_METRICS = frozenset(
    {"roc-auc", "pr-auc", "log-loss", "brier-score", "expected-calibration-error"}
)
# What `tidegate test-image` measures. The other figures are known before there is an image.
IMAGE_BUDGETS = (
    "latency-p50-ms",
    "latency-p95-ms",
    "latency-p99-ms",
    "load-latency-p50-ms",
    "load-latency-p95-ms",
    "load-latency-p99-ms",
    "throughput-rps",
    "image-size-mb",
    "memory-mb",
    "load-memory-mb",
)
BUDGETS = (
    *IMAGE_BUDGETS,
    "model-size-mb",
    "train-minutes",
    "train-cost",
)


def _budget(value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return {"max": value} if is_number else value


def _increase(value: Any) -> Any:
    number = str(value).strip()
    try:
        size = float(number.removesuffix("%"))
    except ValueError:
        size = -1.0
    if isinstance(value, bool) or not (isfinite(size) and size >= 0):
        raise ValueError(f"{value!r} is neither a number (5) nor a share (10%), 0 or more")
    return number if number.endswith("%") else size


def _at_least_one(metrics: dict[str, Bound]) -> dict[str, Bound]:
    if not metrics:
        raise ValueError("a gate without rules is no gate: name at least one metric")
    return metrics


class Bound(Section):
    """What one metric is held to."""

    min: float | None = Field(None, description="The value must be at least this.")
    max: float | None = Field(None, description="The value must be at most this.")
    max_regression: float | None = Field(
        None, ge=0, description="By how much it may be worse than the baseline on the same rows."
    )
    function: str | None = Field(
        None,
        description="A metric of your own, package.module:name or file.py:name, called with the "
        "arrays (label, output), and weight where evaluation.weight is set; gives a number.",
    )
    higher_is_better: bool | None = Field(
        None, description="Which way a metric of your own is good; needed beside function."
    )

    @model_validator(mode="after")
    def _bounds_something(self) -> Self:
        if self.min is None and self.max is None and self.max_regression is None:
            raise ValueError("a metric without a bound decides nothing: set min, max or "
                             "max-regression")  # fmt: skip
        if not all(isfinite(bound) for bound in self.held_to):
            raise ValueError("a bound must be a finite number")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}: no value is within")
        if self.function is not None and self.higher_is_better is None:
            raise ValueError("say higher-is-better: true or false beside function")
        if self.function is None and self.higher_is_better is not None:
            raise ValueError("higher-is-better is known, unless the metric is your own (function)")
        return self

    @property
    def held_to(self) -> list[float]:
        """The limits that are set."""
        limits = (self.min, self.max, self.max_regression)
        return [limit for limit in limits if limit is not None]


class Budget(Section):
    """What one measured figure is held to. A number alone is its max."""

    min: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="The figure must be at least this: for throughput-rps, the more the better.",
    )
    max: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="The figure must be at most this."
    )
    max_increase: Annotated[float | str | None, BeforeValidator(_increase)] = Field(
        None,
        description="By how much it may be above the champion's: in its own unit, or a share such "
        "as 10%.",
    )

    @model_validator(mode="after")
    def _holds_something(self) -> Self:
        if self.min is None and self.max is None and self.max_increase is None:
            raise ValueError(
                "a budget without a limit decides nothing: set max, max-increase or min"
            )
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}: no figure is within")
        return self


class Gate(Section):
    """The quality bar."""

    mode: Annotated[Literal["off", "warn", "enforce"], BeforeValidator(off)] = Field(
        "enforce", description="off and warn block nothing; the record says which it was."
    )
    confidence: float = Field(
        0.95, gt=0.5, lt=1, description="At which each end of an interval holds."
    )
    min_slice_rows: int = Field(200, ge=1, description="Smaller slices are named, not judged.")
    on_inconclusive: Literal["fail", "warn"] = Field(
        "fail", description="What an overall metric does that the evidence cannot decide."
    )
    on_inconclusive_slice: Literal["fail", "warn"] = Field(
        "warn", description="The same for a slice."
    )
    on_missing_baseline: Literal["fail", "absolute-only"] = Field(
        "absolute-only", description="What happens before there is a champion."
    )
    on_unscorable_baseline: Literal["fail", "absolute-only"] = Field(
        "fail", description="What happens when the champion cannot score today's evaluation set."
    )
    allow_same_version: bool = Field(
        False,
        description="Whether a candidate may be held against itself: a pull request that changes "
        "no model.",
    )
    metrics: Annotated[dict[str, Bound], AfterValidator(_at_least_one)]
    slice_metrics: dict[str, Bound] = Field({})
    budgets: dict[
        str, Annotated[Budget, BeforeValidator(_budget, json_schema_input_type=float | Budget)]
    ] = Field({})

    @model_validator(mode="after")
    def _more_is_better(self) -> Self:
        throughput = self.budgets.get("throughput-rps")
        if throughput is not None and throughput.min is None:
            raise ValueError("throughput-rps is better the more of it there is: write {min: 50}")
        return self
