"""Where the registry stands on Databricks, as far as a real MLflow server can answer for it.

Its tracking API is MLflow's own, so a server of MLflow stands in; Unity Catalog is Databricks'
alone, and nothing here stands in for it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from servers import mlflow_server
from tidegate.errors import RegistryError
from tidegate.registry import Registry
from tidegate.release.ledger import Ledger

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of MLflow's own dependencies
]


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.setenv("DATABRICKS_HOST", "http://127.0.0.1:9")
    monkeypatch.setenv("DATABRICKS_TOKEN", "no-secret")
    return Registry("databricks", "main.ml.shop")


def test_databricks__models_are_unity_catalogs(registry: Registry) -> None:
    assert registry.client._registry_uri == "databricks-uc"


def test_databricks__runs_and_ledger_stand_in_the_workspaces_folders(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mlflow_server(tmp_path, f"sqlite:///{tmp_path}/mlflow.db") as server:
        monkeypatch.setenv("DATABRICKS_HOST", server.url)
        assert Ledger(registry).events() == []
        found = registry.client.get_experiment_by_name("/Shared/tidegate/main.ml.shop")
        assert found is not None


def test_sagemaker__without_the_plugin_says_what_to_install() -> None:
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/team"
    with pytest.raises(RegistryError) as told:
        Registry(arn, "shop").champion()
    assert "tidegate[sagemaker]" in str(told.value)
