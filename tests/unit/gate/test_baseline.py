"""Where the baseline comes from, against a real MLflow registry on SQLite."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tidegate import config as configs
from tidegate.config import Config
from tidegate.context import Context
from tidegate.errors import DataError, RegistryError
from tidegate.gate.baseline import Baseline, resolve_baseline
from tidegate.gate.evaluation import evaluation_digest, load_predictions
from tidegate.registry import PREDICTIONS_ARTIFACT, ModelVersion, Registry

# MLflow's own use of SQLAlchemy, the first time that it opens a database.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

CONFIG = """\
service: shop
evaluation: {predictions: candidate.parquet, key: id, label: bought, score: score}
gate:
  metrics: {roc-auc: {max-regression: 0.01}}
"""
LOGGED = pl.DataFrame(
    {"id": np.arange(100), "bought": np.arange(100) % 2, "score": np.linspace(0.1, 0.9, 100)}
)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "tidegate.yaml").write_text(CONFIG)
    return configs.load(tmp_path / "tidegate.yaml")


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once: MLflow's migrations take a second."""
    path = tmp_path_factory.mktemp("registry") / "mlflow.db"
    assert Registry(f"sqlite:///{path}", "shop").champion() is None
    return path


@pytest.fixture
def registry(config: Config, empty_database: Path) -> Registry:
    shutil.copy(empty_database, config.root)
    return Registry.open(config, Context(environ={}))


@pytest.fixture
def register(registry: Registry, tmp_path: Path) -> Callable[..., ModelVersion]:
    def run(table: pl.DataFrame | None, alias: str = "champion") -> ModelVersion:
        model = tmp_path / "model"
        model.mkdir(exist_ok=True)
        (model / "MLmodel").write_text("flavors: {}\n")
        files = {}
        if table is not None:
            table.write_parquet(tmp_path / "logged.parquet")
            files[PREDICTIONS_ARTIFACT] = tmp_path / "logged.parquet"
        return registry.register(model, files=files, tags={}, alias=alias)

    return run


@pytest.fixture
def resolve(config: Config, registry: Registry) -> Callable[..., Baseline | None]:
    def run(wanted: str | None = None, candidate: pl.DataFrame = LOGGED) -> Baseline | None:
        path = config.root / "candidate.parquet"
        candidate.write_parquet(path)
        expected = evaluation_digest(load_predictions(config, path), config.need_evaluation())
        return resolve_baseline(config, wanted, expected, lambda: registry)

    return run


def test_baseline__by_default_the_table_logged_with_the_champion(
    register: Callable[..., ModelVersion], resolve: Callable[..., Baseline | None]
) -> None:
    version = register(LOGGED)
    register(LOGGED.with_columns(score=pl.lit(0.5)), alias="challenger")
    # The candidate's own scores and the order of its rows are no part of the evaluation set.
    candidate = LOGGED.with_columns(score=pl.lit(0.2)).sample(fraction=1, shuffle=True, seed=1)
    baseline = resolve(candidate=candidate)
    assert baseline is not None
    assert (baseline.source, baseline.version) == ("logged", version.version)
    assert baseline.table["score"].to_list() == LOGGED["score"].to_list()


@pytest.mark.parametrize("wanted", ["models:/shop@challenger", "models:/shop/2"])
def test_baseline__another_version_by_name(
    register: Callable[..., ModelVersion], resolve: Callable[..., Baseline | None], wanted: str
) -> None:
    register(LOGGED)
    register(LOGGED, alias="challenger")
    baseline = resolve(wanted)
    assert baseline is not None
    assert baseline.version == "2"


def test_baseline__a_file_asks_no_registry(config: Config, tmp_path: Path) -> None:
    def asked() -> Registry:
        raise AssertionError("the registry was asked")

    LOGGED.write_csv(tmp_path / "production.csv")
    baseline = resolve_baseline(config, "production.csv", "sha256:any", asked)
    assert baseline is not None
    assert (baseline.source, baseline.version) == ("file", None)


@pytest.mark.parametrize(
    "change",
    [
        pl.col("id") + 1_000,
        (1 - pl.col("bought")).alias("bought"),
    ],
)
def test_baseline__champion_judged_on_another_evaluation_set_is_an_error(
    register: Callable[..., ModelVersion],
    resolve: Callable[..., Baseline | None],
    change: pl.Expr,
) -> None:
    register(LOGGED)
    with pytest.raises(DataError, match="version 1 was judged on another evaluation set") as raised:
        resolve(candidate=LOGGED.with_columns(change))
    assert "--baseline TABLE" in str(raised.value)


def test_baseline__champion_logged_before_a_column_was_asked_for_is_an_error(
    register: Callable[..., ModelVersion], resolve: Callable[..., Baseline | None]
) -> None:
    register(LOGGED.drop("bought"))
    with pytest.raises(DataError, match="version 1 was judged on another evaluation set"):
        resolve()


def test_baseline__champion_without_a_logged_table_is_an_error(
    register: Callable[..., ModelVersion], resolve: Callable[..., Baseline | None]
) -> None:
    register(None)
    with pytest.raises(RegistryError, match=r"logged without tidegate/predictions\.parquet"):
        resolve()


def test_baseline__no_model_yet_is_no_baseline(resolve: Callable[..., Baseline | None]) -> None:
    assert resolve() is None


def test_baseline__alias_without_a_version_is_no_baseline(
    register: Callable[..., ModelVersion], resolve: Callable[..., Baseline | None]
) -> None:
    register(LOGGED, alias="challenger")
    assert resolve() is None


def test_baseline__version_that_does_not_exist_is_an_error(
    register: Callable[..., ModelVersion], resolve: Callable[..., Baseline | None]
) -> None:
    register(LOGGED)
    with pytest.raises(RegistryError, match="no version 9"):
        resolve("models:/shop/9")


def test_baseline__registry_that_is_damaged_is_an_error_not_a_missing_baseline(
    config: Config, tmp_path: Path
) -> None:
    (tmp_path / "mlflow.db").write_text("this is no database")
    with pytest.raises(RegistryError):
        resolve_baseline(
            config, None, "sha256:any", lambda: Registry.open(config, Context(environ={}))
        )
