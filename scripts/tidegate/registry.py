"""The model registry: MLflow through its public client, on a server or on a SQLite file."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tidegate.config import Config
from tidegate.context import Context
from tidegate.errors import RegistryError, TidegateError, refused_by_the_system

if TYPE_CHECKING:
    from mlflow import MlflowClient

MODEL_ARTIFACT = "model"
PREDICTIONS_ARTIFACT = "tidegate/predictions"  # and the ending that says its format
GATE_REPORT_ARTIFACT = "tidegate/gate-model.json"
DATA_REPORT_ARTIFACT = "tidegate/check-data.json"
EXAMPLES_ARTIFACT = "tidegate/examples.jsonl"
MEASUREMENT_TAG = "tidegate.measured."

# Set unless the user has set them: a gate neither phones home nor hangs on a dead server, and its
# standard output is its own.
_DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}


@dataclass(frozen=True)
class ModelVersion:
    """One version of a registered model."""

    name: str
    version: str
    run_id: str
    source: str
    tags: Mapping[str, str]
    created_at: datetime

    @property
    def uri(self) -> str:
        return f"models:/{self.name}/{self.version}"


class Registry:
    """A registered model: its versions, its aliases and what was logged with each version."""

    def __init__(
        self,
        tracking_uri: str,
        model: str,
        champion_alias: str = "champion",
        challenger_alias: str = "challenger",
    ):
        self.tracking_uri = tracking_uri
        self.model = model
        self.champion_alias = champion_alias
        self.challenger_alias = challenger_alias
        self.client = _client(tracking_uri)

    @classmethod
    def open(cls, config: Config, context: Context) -> Registry:
        """The registry that the config, or MLFLOW_TRACKING_URI, names."""
        return cls(
            context.tracking_uri(config),
            config.model,
            config.registry.champion_alias,
            config.registry.challenger_alias,
        )

    def champion(self) -> ModelVersion | None:
        return self.by_alias(self.champion_alias)

    def challenger(self) -> ModelVersion | None:
        return self.by_alias(self.challenger_alias)

    def by_alias(self, alias: str) -> ModelVersion | None:
        """The version behind an alias; None when the alias, or the model, does not exist yet."""
        with self.reachable(absent_is_fine=True):
            return _version(self.client.get_model_version_by_alias(self.model, alias))
        return None

    def version(self, version: str) -> ModelVersion:
        if (found := self.find(version)) is None:
            raise RegistryError(
                f"model {self.model} has no version {version}",
                where=self.shown_uri,
                remedy="`tidegate status` lists the releases with their versions",
            )
        return found

    def find(self, version: str) -> ModelVersion | None:
        """The version of this number; None when there is none, or no longer."""
        with self.reachable(absent_is_fine=True):
            return _version(self.client.get_model_version(self.model, version))
        return None

    def reference(self, uri: str) -> ModelVersion | None:
        """The version that `models:/NAME@ALIAS` or `models:/NAME/VERSION` names."""
        match = re.fullmatch(r"models:/(?P<name>[^/@]+)(@(?P<alias>.+)|/(?P<version>\d+))", uri)
        if match is None:
            raise RegistryError(
                f"{uri!r} names no model", remedy="write models:/NAME@ALIAS or models:/NAME/VERSION"
            )
        other = self if match["name"] == self.model else Registry(self.tracking_uri, match["name"])
        return other.by_alias(match["alias"]) if match["alias"] else other.version(match["version"])

    def register(
        self,
        model_path: Path,
        *,
        files: Mapping[str, Path],
        tags: Mapping[str, str],
        alias: str,
        metrics: Mapping[str, float] = MappingProxyType({}),
        measurements: Mapping[str, float] = MappingProxyType({}),
    ) -> ModelVersion:
        """Log a model folder with its files in a run of its own and make it a version.

        files: artifact path -> local file; measurements: see log_measurements. The alias moves
        last, so a call that is cut off leaves the registry's aliases as they were.
        """
        with self.reachable():
            run = self.client.create_run(self.experiment(self.model), run_name=f"{self.model}")
            run_id = run.info.run_id
            try:
                self.client.log_artifacts(run_id, str(model_path), MODEL_ARTIFACT)
                with TemporaryDirectory() as staged:
                    for artifact, path in files.items():
                        target = Path(staged, artifact)
                        target.parent.mkdir(parents=True, exist_ok=True)
                        shutil.copyfile(path, target)
                    self.client.log_artifacts(run_id, staged)
                for name, value in metrics.items():
                    self.client.log_metric(run_id, name, value)
                for name, text in tags.items():
                    self.client.set_tag(run_id, name, text)
                self._ensure_model()
                created = self.client.create_model_version(
                    self.model,
                    source=f"{run.info.artifact_uri}/{MODEL_ARTIFACT}",
                    run_id=run_id,
                    tags={**tags, **_measurement_tags(measurements)},
                )
            except BaseException:
                self.client.set_terminated(run_id, "FAILED")
                raise
            self.client.set_terminated(run_id)
            self.client.set_registered_model_alias(self.model, alias, created.version)
            return _version(created)

    def _ensure_model(self) -> None:
        """Make the registered model unless it is there. Unity Catalog cannot be searched for it."""
        with self.reachable(absent_is_fine=True):
            self.client.get_registered_model(self.model)
            return
        self.client.create_registered_model(self.model)

    def log_measurements(self, version: ModelVersion, figures: Mapping[str, float]) -> None:
        """Write measured figures into a version's record, each in place of an earlier one.

        They are tags of the version: a run's metric keeps its whole history, and which of two
        values is the latest depends on the clocks of the machines that logged them.
        """
        with self.reachable():
            for tag, text in _measurement_tags(figures).items():
                self.client.set_model_version_tag(version.name, version.version, tag, text)

    def measurements(self, version: ModelVersion) -> dict[str, float]:
        """The measured figures in a version's record, as they were when `version` was fetched.

        Raises RegistryError for one that is no finite number, 0 or more: somebody edited it.
        """
        figures = {}
        for tag, text in version.tags.items():
            if not tag.startswith(MEASUREMENT_TAG):
                continue
            try:
                value = float(text)
            except ValueError:
                value = -1.0
            if not (isfinite(value) and value >= 0):
                raise RegistryError(
                    f"the tag {tag} of version {version.version} is no figure: {text!r}",
                    where=f"{self.shown_uri}, {version.uri}",
                    remedy="mend the tag in MLflow, or delete it",
                )
            figures[tag.removeprefix(MEASUREMENT_TAG)] = value
        return figures

    def set_alias(self, alias: str, version: str) -> None:
        with self.reachable():
            self.client.set_registered_model_alias(self.model, alias, version)

    def delete_alias(self, alias: str) -> None:
        with self.reachable():
            self.client.delete_registered_model_alias(self.model, alias)

    def holds(self, version: ModelVersion, artifact: str) -> bool:
        """Whether a file was logged with a version."""
        with self.reachable(absent_is_fine=True):
            held = self.client.list_artifacts(version.run_id, str(Path(artifact).parent))
            return artifact in {item.path for item in held}
        return False

    def predictions(self, version: ModelVersion) -> str | None:
        """The table of predictions that was logged with a version, in whatever format it is."""
        with self.reachable(absent_is_fine=True):
            held = self.client.list_artifacts(
                version.run_id, str(Path(PREDICTIONS_ARTIFACT).parent)
            )
            paths = (str(item.path) for item in held)
            return next((p for p in paths if p.startswith(f"{PREDICTIONS_ARTIFACT}.")), None)
        return None

    def download(self, version: ModelVersion, artifact: str, folder: Path) -> Path:
        """Fetch a file or folder that was logged with a version; its local path."""
        with self.reachable(absent_is_fine=True):
            if artifact == MODEL_ARTIFACT or self.holds(version, artifact):
                return Path(self.client.download_artifacts(version.run_id, artifact, str(folder)))
        raise RegistryError(
            f"version {version.version} of {version.name} was logged without {artifact}",
            where=self.shown_uri,
            remedy="versions made by `tidegate register-model` carry it",
        )

    def gate_report(self, version: ModelVersion) -> dict[str, Any]:
        """The gate's report that was logged with a version, as it lies there: nothing is proved.

        Raises ValueError for what is no JSON.
        """
        with TemporaryDirectory() as folder:
            path = self.download(version, GATE_REPORT_ARTIFACT, Path(folder))
            return dict(json.loads(path.read_text(encoding="utf-8")))

    def experiment(self, name: str) -> str:
        """Id of an experiment, made when it does not exist.

        On a SQLite file the artifacts go beside it: MLflow's own default is the current folder,
        which in CI is another one on each run. On Databricks it stands in the workspace's folders.
        """
        if self.tracking_uri.partition(":")[0] == "databricks":
            name = f"/Shared/{name}"
        with self.reachable():
            if (found := self.client.get_experiment_by_name(name)) is not None:
                return str(found.experiment_id)
            location = None
            if self.tracking_uri.startswith("sqlite:///"):
                database = Path(self.tracking_uri.removeprefix("sqlite:///"))
                location = (database.parent / f"{database.stem}-artifacts").resolve().as_uri()
            return str(self.client.create_experiment(name, artifact_location=location))

    @property
    def shown_uri(self) -> str:
        """The address without a password."""
        return self._without_password(self.tracking_uri)

    def _without_password(self, text: str) -> str:
        parts = urlsplit(self.tracking_uri)
        return text.replace(f"{parts.username}:{parts.password}@", "***@")

    @contextmanager
    def reachable(self, *, absent_is_fine: bool = False) -> Iterator[None]:
        """Turn MLflow's failures into RegistryErrors. `absent_is_fine` swallows 'not found'."""
        from mlflow.exceptions import MlflowException

        try:
            yield
        except MlflowException as error:
            # A model that does not exist is "not found", an alias is "invalid": MLflow's own words.
            absent = error.error_code in {"RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"} or (
                error.error_code == "INVALID_PARAMETER_VALUE" and "not found" in str(error)
            )
            if not (absent_is_fine and absent):
                raise self._failure(error) from None
        except TidegateError:
            raise
        except Exception as error:
            raise self._failure(error) from None

    def _failure(self, error: Exception) -> RegistryError:
        said = self._without_password(str(error)).strip()
        first = (said.splitlines() or [type(error).__name__])[0]
        refusal = refused_by_the_system(error)
        return RegistryError(
            f"MLflow did not do as asked: {refusal or first[:300]}",
            where=self.shown_uri,
            remedy="see that the server runs and MLFLOW_TRACKING_URI and its credentials are right",
        )


def version_in_words(version: str | None) -> str:
    return "no version" if version is None else f"version {version}"


def _client(tracking_uri: str) -> MlflowClient:
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    try:
        # Where the runs are; on Databricks, MLflow itself takes Unity Catalog for the models.
        registry_uri = None if tracking_uri.partition(":")[0] == "databricks" else tracking_uri
        client = MlflowClient(tracking_uri, registry_uri)
        if tracking_uri.startswith("sqlite:///"):
            Path(tracking_uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    except Exception as error:
        raise RegistryError(
            # MLflow's own words repeat the address, and with it a password.
            f"there is no registry at this address: {str(error).replace(tracking_uri, 'it')}",
            where=tracking_uri.rpartition("@")[2],
            remedy="set registry.tracking-uri or MLFLOW_TRACKING_URI: sqlite:///mlflow.db, or the "
            "http(s) address of an MLflow server; an ARN of SageMaker takes tidegate[sagemaker]",
        ) from None
    return client


def _measurement_tags(figures: Mapping[str, float]) -> dict[str, str]:
    return {MEASUREMENT_TAG + name: repr(float(value)) for name, value in figures.items()}


def _version(entity: Any) -> ModelVersion:
    return ModelVersion(
        name=entity.name,
        version=str(entity.version),
        run_id=entity.run_id,
        source=entity.source,
        tags=dict(entity.tags),
        created_at=datetime.fromtimestamp(entity.creation_timestamp / 1000, UTC),
    )
