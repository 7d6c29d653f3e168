"""The sections of tidegate.yaml as types: what each key is, its default, what it means."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    model_validator,
)

from tidegate import digest
from tidegate.config.datasets import Dataset
from tidegate.config.values import Names, Section, ShareOrCount, off, share_of
from tidegate.config.watch import Watch
from tidegate.errors import ConfigError, suggestion

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
BUDGETS = (
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
    "model-size-mb",
    "train-minutes",
    "train-cost",
)

SERVICE_NAME = r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$"


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


class Registry(Section):
    """The MLflow tracking server and the names of the aliases."""

    tracking_uri: str = Field(
        "sqlite:///mlflow.db", description="MLFLOW_TRACKING_URI in the environment wins over it."
    )
    champion_alias: str = Field("champion", pattern=r"^[\w-]+$")
    challenger_alias: str = Field("challenger", pattern=r"^[\w-]+$")
    trusted_pickles: list[str] = Field(
        default_factory=list,
        description="What a model's pickles may import besides the known libraries of models "
        "(a module, or module.name), and files of a model folder that are loaded unread. "
        "docs/threat-model.md tells what is looked for.",
    )


class Image(Section):
    """How the image is built and what it is called."""

    repository: str = Field(description="Image name without a tag, such as ghcr.io/acme/fraud.")
    context: str = "."
    dockerfile: str = "Dockerfile"
    push: bool = False
    cache: str | None = Field(
        None,
        description="Reference in a registry that keeps the build's layers from one run to the "
        "next, such as ghcr.io/acme/fraud:cache; for buildx.",
    )
    attested_by: str | None = Field(
        None,
        pattern=r"^[\w.-]+/[\w.-]+/\.github/workflows/[\w.-]+\.ya?ml$",
        description="Workflow, OWNER/REPOSITORY/.github/workflows/FILE, without whose signature "
        "over image and gate record nothing is promoted; docs/images.md tells.",
    )

    @model_validator(mode="after")
    def _attested_where_it_is_pushed(self) -> Self:
        if self.attested_by is not None and not self.push:
            raise ValueError("attested-by needs push: true: what is signed is what was pushed")
        return self


class Load(Section):
    """What test-image sends to measure the service at work."""

    requests: int = Field(400, ge=20, description="How many in all.")
    concurrency: int = Field(4, ge=1, le=100, description="How many at a time.")
    rows: int = Field(1, ge=1, description="Rows of the examples in each.")


class Serving(Section):
    """How to talk to the running service. The defaults are MLflow's scoring protocol."""

    port: int = Field(8080, ge=1, le=65535, description="Port inside the container.")
    ready: str = Field("/health", description="Answers 200 once predictions can be served.")
    predict: str = Field("/invocations", description='Takes {"dataframe_records": [...]}.')
    examples: str = Field(
        "reports/examples.jsonl",
        description="JSON lines {request, expected}: rows of the evaluation set and the offline "
        "prediction, which the running image must repeat.",
    )
    tolerance: float = Field(1e-6, ge=0, description="Greatest difference from the offline value.")
    startup_seconds: float = Field(60, gt=0)
    load: Load = Load()


class Deploy(Section):
    """What puts a release on an environment."""

    kind: Literal["docker", "command", "kubernetes"]
    port: int | None = Field(None, ge=1, le=65535, description="docker: port on the host.")
    run: str | None = Field(None, description="command: given the release in TIDEGATE_* variables.")
    url: str | None = Field(
        None,
        description="command, kubernetes: where the deployed service answers. Without one, "
        "kubernetes forwards a port to one of its pods.",
    )
    overlay: str | None = Field(
        None, description="kubernetes: folder of the kustomize overlay. Never written to."
    )
    deployment: str | None = Field(
        None,
        description="kubernetes: the Deployment's name, as the overlay renders it. Default: the "
        "service's name.",
    )
    context: str | None = Field(
        None, description="kubernetes: the kubectl context. Default: the current one."
    )
    namespace: str | None = Field(
        None, description="kubernetes: where the Deployment lives. Default: the context's."
    )
    side_pod: bool = Field(
        True,
        description="kubernetes: whether the release is verified in a pod of its own before the "
        "rollout. It needs room for one pod more.",
    )
    timeout_seconds: float = Field(
        900,
        gt=0,
        allow_inf_nan=False,
        description="command, kubernetes: how long one deployment may take; it is ended then.",
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        needed = {"docker": ("port",), "command": ("run", "url"), "kubernetes": ("overlay",)}
        for name in needed[self.kind]:
            if getattr(self, name) is None:
                raise ValueError(f"deploy kind {self.kind} needs {name}")
        return self


class Environment(Section):
    """A place that runs one release at a time."""

    after: str | None = Field(None, description="Environment that must hold the release first.")
    soak_minutes: float = Field(0, ge=0, description="For how long it must have held it.")
    approval: Literal["none", "environment", "dispatch"] = Field(
        "none", description="How a person is asked; docs/releases.md tells."
    )
    approvers: list[str] = Field([], description="dispatch: GitHub logins who may approve.")
    deploy: Deploy

    @model_validator(mode="after")
    def _approvers(self) -> Self:
        if self.approval == "dispatch" and not self.approvers:
            raise ValueError("approval: dispatch needs approvers, a list of GitHub logins")
        return self


class Config(Section):
    """A service's tidegate.yaml. Sections are optional: a command asks for those it needs."""

    version: Literal[1] = 1
    service: str = Field("", pattern=SERVICE_NAME, description="Default: the folder's name.")
    model: str = Field("", description="Registered model name. Default: the service's name.")
    model_path: str = Field("models/model", description="The MLflow model folder that was trained.")
    task: Literal["binary", "multiclass", "regression"] = "binary"
    override_label: Annotated[str, BeforeValidator(off), Field(min_length=1)] = Field(
        "tidegate-override",
        description="Label by which a maintainer lets one blocked commit through; off: nobody can. "
        "docs/policy.md tells.",
    )
    data: dict[str, Dataset] = Field({})
    evaluation: Evaluation | None = None
    gate: Gate | None = None
    registry: Registry = Registry()
    image: Image | None = None
    serving: Serving = Serving()
    environments: dict[str, Environment] = Field({})
    watch: Watch | None = None

    _path: Path = Path("tidegate.yaml")
    # Where flags took the place of the file: the last part of a key, and the flag that gave it.
    _flags: dict[str, str] = PrivateAttr({})
    # Other folders than the config's: of the code of the base branch, and of what the pipeline
    # wrote in a job of its own.
    _code: Path | None = None
    _outputs: Path | None = None

    @property
    def path(self) -> Path:
        return self._path

    @property
    def root(self) -> Path:
        """The service's folder: every path in the config is relative to it."""
        return self._path.resolve().parent

    def resolve(self, path: str) -> Path:
        return self.root / path

    @property
    def code(self) -> Path:
        """The folder of the code that judges: schemas, metrics of the service's own."""
        return self._code or self.root

    @property
    def outputs_elsewhere(self) -> bool:
        """Whether what the pipeline wrote is here alone, without the data and its code."""
        return self._outputs is not None

    def output(self, path: str) -> Path:
        """What the pipeline wrote: predictions, measurements, the model.

        Raises ConfigError for a path out of the folder, where that is another than the config's.
        """
        if self._outputs is None:
            return self.root / path
        target = self._outputs / path
        if not target.resolve().is_relative_to(self._outputs.resolve()):
            raise ConfigError(
                f"{path} leads out of the folder that holds what the pipeline wrote",
                where=str(self.path),
                remedy="write it below the config's folder",
            )
        return target

    @property
    def gate_digest(self) -> str:
        """Digest of everything in the config that a verdict on the model depends on."""
        return digest.of_json(
            self.model_dump(mode="json", by_alias=True, include={"task", "evaluation", "gate"})
        )

    def need_evaluation(self) -> Evaluation:
        if self.evaluation is None:
            raise self._missing("evaluation")
        return self.evaluation

    def need_gate(self) -> Gate:
        if self.gate is None:
            raise self._missing("gate")
        return self.gate

    def need_image(self) -> Image:
        if self.image is None:
            raise self._missing("image")
        return self.image

    def need_watch(self) -> Watch:
        if self.watch is None:
            raise self._missing("watch")
        return self.watch

    def need_dataset(self, name: str) -> Dataset:
        if name not in self.data:
            raise ConfigError(
                f"no dataset is called {name!r}" + suggestion(name, self.data),
                where=str(self.path),
                remedy=f"known datasets: {', '.join(self.data) or 'none'}",
            )
        return self.data[name]

    def need_environment(self, name: str) -> Environment:
        if name not in self.environments:
            raise ConfigError(
                f"no environment is called {name!r}" + suggestion(name, self.environments),
                where=str(self.path),
                remedy=f"known environments: {', '.join(self.environments) or 'none'}",
            )
        return self.environments[name]

    def is_last(self, environment: str) -> bool:
        """Whether the path of environments ends there: what it runs is the champion."""
        return all(other.after != environment for other in self.environments.values())

    def _missing(self, section: str) -> ConfigError:
        return ConfigError(
            f"the section {section!r} is missing, and this command needs it",
            where=str(self.path),
            remedy=f"add {section}: to the config; docs/config.md shows one",
        )
