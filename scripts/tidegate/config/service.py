"""The whole of a service's tidegate.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PrivateAttr

from tidegate import digest
from tidegate.config.datasets import Dataset
from tidegate.config.evaluation import Evaluation
from tidegate.config.gate import Gate
from tidegate.config.release import Environment, Image, Registry, Serving
from tidegate.config.values import Section, off
from tidegate.config.watch import Watch
from tidegate.errors import ConfigError, suggestion

SERVICE_NAME = r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$"


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
