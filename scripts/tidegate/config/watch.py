"""The section `watch`: what is looked at once a release is in production."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from tidegate.config.datasets import Dataset, Drift
from tidegate.config.values import Duration, Section, length_of, off, share

# So sure is a watch of drift and of a loss of quality: it looks every day. docs/watch.md tells.
CONFIDENCE = 0.999
# Those that need no query of their own.
OBJECTIVES = ("errors", "latency", "availability")


class WatchedData(Dataset):
    """Recent inputs. With `dataset`, schema, key, redact and drift are those of that dataset."""

    dataset: str | None = Field(
        None, description="The dataset of `data` that these rows are more of."
    )
    # Never empty once it is read: own_schema sees to that, or the dataset has one.
    schema_reference: str = Field("", alias="schema", description="By default that of the dataset.")
    reference: str | None = Field(
        None,
        description="What to compare with. By default all of the dataset: what was trained on.",
    )
    drift: Drift = Field(
        Drift.model_validate({"mode": "fail", "confidence": CONFIDENCE}),
        description="By default as in the dataset, but mode: fail and confidence: 0.999.",
    )
    max_null_increase: Annotated[str, BeforeValidator(share)] = Field(
        "2%", description="By how much of all rows the nulls of a column may grow."
    )

    @model_validator(mode="after")
    def _has_a_schema(self) -> Self:
        if self.dataset is None and not self.schema_reference:
            raise ValueError("name the dataset that these rows are more of, or a schema")
        if self.dataset is None and self.reference is None:
            raise ValueError("name the dataset that these rows are more of, or a reference")
        return self

    def as_dataset(self, like: Dataset | None) -> Dataset:
        """What check-data would be given. like: the dataset that `dataset` names."""
        own = {name: getattr(self, name) for name in self.model_fields_set}
        if like is not None:
            inherited = ("schema_reference", "redact", "key", "max_failing_rows", "foreign_keys")
            own = {name: getattr(like, name) for name in inherited} | own
            own.setdefault("reference", like.path)
            drift = like.drift.model_copy(update={"mode": "fail", "confidence": CONFIDENCE})
            own.setdefault("drift", drift)
        own = {name: value for name, value in own.items() if name in Dataset.model_fields}
        return Dataset.model_construct(**{"drift": self.drift, **own})

    @property
    def tolerated_null_increase(self) -> float:
        return float(self.max_null_increase.removesuffix("%")) / 100


class WatchedLabels(Section):
    """Predictions of the release that runs, for rows whose labels have arrived."""

    predictions: str = Field(
        description="Table with the columns of `evaluation`: of as many days as a slice needs to "
        "be judged."
    )
    confidence: float = Field(
        CONFIDENCE, gt=0.5, lt=1, description="At which each end of an interval holds."
    )
    margins: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(
        {},
        description="By how much a metric may be worse than at the promotion. By default the "
        "gate's max-regression, which is for the same rows: other rows need more.",
    )
    slice_margins: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(
        {}, description="The same for slices; by default those of gate.slice-metrics."
    )


class Objective(Section):
    """A figure from Prometheus that is held to a bound."""

    min: float | None = Field(None, allow_inf_nan=False, description="At least this.")
    max: float | None = Field(None, allow_inf_nan=False, description="At most this.")
    query: str | None = Field(
        None,
        description="PromQL that gives one number; `{window}` stands for the window, `{service}` "
        "for the service. errors, latency and availability have one.",
    )

    @model_validator(mode="after")
    def _bounds_something(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("an objective without a bound decides nothing: set min or max")
        return self


class WatchedCost(Section):
    """What running the service costs, in a currency of your own."""

    max: float = Field(gt=0, allow_inf_nan=False, description="At most this.")
    query: str | None = Field(None, description="PromQL that gives it, as in objectives.")
    table: str | None = Field(None, description="Table whose rows are added up.")
    column: str = Field("cost", description="The table's column.")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.query is None) == (self.table is None):
            raise ValueError("name exactly one of query and table")
        return self


class Watch(Section):
    """What is looked at, again and again, once a release is in production."""

    environment: str | None = Field(
        None, description="Whose release is watched. By default the last of the path."
    )
    data: dict[str, WatchedData] = Field({})
    labels: dict[str, WatchedLabels] = Field({})
    prometheus: str | None = Field(
        None,
        pattern=r"^https?://[^\s@/]+(/[^\s@]*)?$",
        description="Its address. Credentials come from PROMETHEUS_TOKEN, or from "
        "PROMETHEUS_USERNAME and PROMETHEUS_PASSWORD.",
    )
    window: Duration = Field("24h", description="Over which the objectives are taken.")
    objectives: dict[str, Objective] = Field(
        {}, description="errors, latency (seconds), availability, or one with a query of your own."
    )
    model_max_age: Duration | None = Field(
        None, description="How old the model that runs may be. Data has `freshness` of its own."
    )
    cost: WatchedCost | None = None
    fails: int = Field(
        2, ge=1, le=10, description="An incident begins when so many of the newest `runs` fail."
    )
    runs: int = Field(3, ge=1, le=10, description="So many runs are looked at for it.")
    passes: int = Field(
        3, ge=1, le=30, description="It ends after so many runs in a row in which all is well."
    )
    on_fail: Annotated[Literal["nothing", "retrain", "roll-back"], BeforeValidator(off)] = Field(
        "nothing",
        description="What an incident starts, once: a run of retrain-workflow; or of "
        "rollback-workflow, where a release has brought it. Never without its approval.",
    )
    retrain_workflow: str = Field("release.yml", pattern=r"^[\w.-]+\.ya?ml$")
    rollback_workflow: str = Field(
        "rollback.yml",
        pattern=r"^[\w.-]+\.ya?ml$",
        description="It takes the inputs environment and reason.",
    )
    runbooks: dict[Literal["data", "labels", "objectives", "freshness", "cost"], str] = Field(
        {},
        description="What to follow. By default docs/runbooks/drift.md for data, and "
        "docs/runbooks/incident.md.",
    )

    @model_validator(mode="after")
    def _watches_something(self) -> Self:
        if not (self.data or self.labels or self.objectives or self.model_max_age or self.cost):
            raise ValueError("nothing is watched: name data, labels, objectives, model-max-age "
                             "or cost")  # fmt: skip
        model = self.data.get("model")
        if self.model_max_age is not None and model is not None and model.freshness is not None:
            raise ValueError("the age of the model is freshness.model: call the data otherwise")
        if self.fails > self.runs:
            raise ValueError(f"{self.fails} of {self.runs} runs can never fail")
        asks = bool(self.objectives) or bool(self.cost and self.cost.query)
        if asks and self.prometheus is None:
            raise ValueError("objectives and queries need the address in prometheus")
        return self

    @property
    def tolerated_model_age(self) -> timedelta | None:
        return None if self.model_max_age is None else length_of(self.model_max_age)

    def runbook(self, kind: Literal["data", "labels", "objectives", "freshness", "cost"]) -> str:
        default = "drift" if kind == "data" else "incident"
        return self.runbooks.get(kind, f"docs/runbooks/{default}.md")
