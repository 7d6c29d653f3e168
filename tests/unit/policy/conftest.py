from __future__ import annotations

from pathlib import Path

import pytest

from pull_request import METRIC, SCHEMA, Repository


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    for name in ("GITHUB_ACTIONS", "GITHUB_BASE_REF", "GITHUB_SHA", "TIDEGATE_COMMIT",
                 "MLFLOW_TRACKING_URI"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    top = tmp_path / "repository"
    made = Repository(top, top / "services/shop")
    made.root.mkdir(parents=True)
    made.git("init", "--quiet", "--initial-branch", "main")
    made.write(".gitignore", "*.parquet\n*.csv\n__pycache__\nreports\n")
    made.write("schemas.py", SCHEMA)
    made.write("shop_rules.py", 'COUNTRIES = ["DE", "FR"]\n')
    made.write("metrics.py", METRIC)
    made.configure()
    made.write("orders.csv", "country,price\nDE,1\nFR,2\n")
    made.predict(0.3)
    made.commit()
    made.git("switch", "--quiet", "--create", "change")
    return made
