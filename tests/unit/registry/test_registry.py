"""The registry on what it may stand on: a SQLite file, and a real MLflow server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ports import free_port
from servers import mlflow_server
from tidegate.errors import RegistryError
from tidegate.registry import EXAMPLES_ARTIFACT, MODEL_ARTIFACT, PREDICTIONS_ARTIFACT, Registry
from tidegate.release.ledger import Event, Ledger

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of MLflow's own dependencies
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("mlflow")
    with mlflow_server(folder, f"sqlite:///{folder}/mlflow.db") as server:
        yield server.url


@pytest.fixture(params=["sqlite", "server"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Registry:
    if request.param == "sqlite":
        return Registry(f"sqlite:///{tmp_path}/registry/mlflow.db", "shop")
    return Registry(request.getfixturevalue("server"), f"shop-{tmp_path.name}")


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "model").mkdir()
    (tmp_path / "model/MLmodel").write_text("flavors: {}\n")
    (tmp_path / "candidate.parquet").write_text("predictions")
    return {"model": tmp_path / "model", "predictions": tmp_path / "candidate.parquet"}


def test_registry__model_that_does_not_exist_has_no_champion(registry: Registry) -> None:
    assert registry.champion() is None
    assert registry.reference("models:/nothing-of-the-kind@champion") is None


def test_registry__version_keeps_its_files_tags_and_alias(
    registry: Registry, files: dict[str, Path], tmp_path: Path
) -> None:
    made = registry.register(
        files["model"],
        files={f"{PREDICTIONS_ARTIFACT}.csv": files["predictions"]},
        tags={"tidegate.commit": "c0ffee"},
        metrics={"roc-auc": 0.7},
        alias="challenger",
    )
    found = registry.challenger()
    assert found is not None
    assert (found.version, found.tags["tidegate.commit"]) == (made.version, "c0ffee")
    assert registry.champion() is None
    out = tmp_path / "out"
    table = registry.predictions(found)
    assert table == f"{PREDICTIONS_ARTIFACT}.csv"
    assert registry.download(found, table, out).read_text() == "predictions"
    assert (registry.download(found, MODEL_ARTIFACT, out) / "MLmodel").is_file()
    registry.set_alias("champion", found.version)
    assert registry.reference(f"models:/{registry.model}@champion") is not None
    assert registry.reference(f"models:/{registry.model}/{found.version}") is not None


def test_registry__prints_nothing_of_its_own(
    registry: Registry, files: dict[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    registry.register(files["model"], files={}, tags={}, alias="challenger")
    Ledger(registry).record(Event("hold", "2026-03-01T12:00:00+00:00", "production"))
    assert capfd.readouterr().out == ""  # of a verb with --json, it is the report alone


def test_registry__server_that_does_not_answer_is_named_with_the_reason_alone() -> None:
    address = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(RegistryError) as caught:
        Registry(address, "shop").champion()
    assert caught.value.what == "MLflow did not do as asked: connection refused"
    assert caught.value.where == address


def test_registry__what_is_not_there_is_a_clear_error(
    registry: Registry, files: dict[str, Path], tmp_path: Path
) -> None:
    made = registry.register(files["model"], files={}, tags={}, alias="challenger")
    assert registry.predictions(made) is None
    with pytest.raises(RegistryError, match="logged without tidegate/examples"):
        registry.download(made, EXAMPLES_ARTIFACT, tmp_path)
    with pytest.raises(RegistryError, match="has no version 99"):
        registry.version("99")


def test_measurements__the_last_one_logged_counts_and_the_others_stay(
    registry: Registry, files: dict[str, Path]
) -> None:
    registry.register(
        files["model"],
        files={},
        tags={"tidegate.commit": "c0ffee"},
        measurements={"train-minutes": 2.5, "model-size-mb": 0.1 + 0.2},
        alias="challenger",
    )
    made = registry.challenger()
    assert made is not None
    assert registry.measurements(made) == {"train-minutes": 2.5, "model-size-mb": 0.1 + 0.2}
    for latency in (48.0, 48.0, 47.5):
        registry.log_measurements(made, {"latency-p95-ms": latency})
    assert registry.measurements(registry.version(made.version)) == {
        "train-minutes": 2.5,
        "model-size-mb": 0.1 + 0.2,
        "latency-p95-ms": 47.5,
    }


@pytest.mark.parametrize("text", ["quick", "nan", "inf", "-1", ""])
def test_measurements__an_edited_figure_is_an_error_that_names_its_tag(
    registry: Registry, files: dict[str, Path], text: str
) -> None:
    made = registry.register(files["model"], files={}, tags={}, alias="challenger")
    tag = "tidegate.measured.memory-mb"
    registry.client.set_model_version_tag(registry.model, made.version, tag, text)
    with pytest.raises(RegistryError, match=tag) as caught:
        registry.measurements(registry.version(made.version))
    assert caught.value.remedy


def test_ledger__keeps_its_order_on_either(registry: Registry) -> None:
    ledger = Ledger(registry)
    for second in (3, 1, 2):
        at = f"2026-01-01T00:00:0{second}.000+00:00"
        ledger.record(Event(kind="hold", at=at, environment="staging", reason=str(second)))
    assert [event.reason for event in ledger.events()] == ["1", "2", "3"]


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "nonsense://here"])
def test_registry__out_of_reach_is_an_error_and_never_no_champion(uri: str) -> None:
    with pytest.raises(RegistryError) as caught:
        Registry(uri, "shop").champion()
    assert caught.value.remedy


def test_registry__password_is_not_shown() -> None:
    registry = Registry("http://ada:secret@127.0.0.1:9", "shop")
    with pytest.raises(RegistryError) as caught:
        registry.champion()
    assert "secret" not in str(caught.value)
