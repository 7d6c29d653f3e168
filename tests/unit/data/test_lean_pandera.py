"""pandera without pandas: only where the sources show that it is enough, and only as long."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from tidegate.data.lean_pandera import needs_no_pandas

POLARS = "import pandera.polars as pa\n"
SCHEMA = """
class Orders(pa.DataFrameModel):
    id: int = pa.Field(unique=True, ge=0)
"""


@pytest.mark.parametrize(
    ("source", "enough"),
    [
        (POLARS, True),
        ("from pandera.polars import Field\nimport datetime, re\nimport polars as pl", True),
        ("import pandera as pa", False),
        ("import pandera.pandas as pa", False),
        ("from pandera import Check", False),
        ("from pandera.typing import Series", False),
        ("import pandas", False),
        ("def check():\n    import pandas", False),
        ("from .common import Base", False),
        ("from importlib import import_module", False),
        ("__import__('pandas')", False),
        ("import mlservice", False),
        ("import (", False),
    ],
)
def test_needs_no_pandas__says_so_only_of_what_it_knows(
    tmp_path: Path, source: str, enough: bool
) -> None:
    (tmp_path / "schemas.py").write_text(source)
    assert needs_no_pandas("schemas.py:Orders", tmp_path) is enough
    package = tmp_path / "src/shop"
    package.mkdir(parents=True)
    (package / "schemas.py").write_text(source)
    assert needs_no_pandas("shop.schemas:Orders", tmp_path) is enough
    (package / "__init__.py").write_text("import pandas")
    assert not needs_no_pandas("shop.schemas:Orders", tmp_path)


@pytest.mark.parametrize("reference", ["none.py:Orders", "none:Orders", "orders.yaml", "", ":"])
def test_needs_no_pandas__not_of_what_is_no_python(tmp_path: Path, reference: str) -> None:
    (tmp_path / "orders.yaml").write_text("api: polars")
    assert not needs_no_pandas(reference, tmp_path)


def run(folder: Path, program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def service(tmp_path: Path) -> Path:
    (tmp_path / "lean.py").write_text(POLARS + SCHEMA)
    (tmp_path / "whole.py").write_text("import pandera.pandas as pa\n" + SCHEMA)
    (tmp_path / "data.yaml").write_text(
        "service: shop\ndata:\n  a: {path: a.parquet, schema: lean.py:Orders}\n"
    )
    pl.DataFrame({"id": [1, -2, 3]}).write_parquet(tmp_path / "a.parquet")
    return tmp_path


def test_check_data__polars_schema_imports_neither_pandas_nor_what_other_verbs_need(
    service: Path,
) -> None:
    program = """
import sys
from tidegate.cli import main
code = main(["check-data", "--config", "data.yaml"])
heavy = ["pandas", "hypothesis", "mlflow", "httpx", "docker", "sklearn", "scipy", "pyspark"]
assert code == 1, code
assert not [name for name in heavy if name in sys.modules]
"""
    run(service, program)
    report = json.loads((service / "reports/tidegate/check-data.json").read_text())
    assert report["datasets"][0]["failing_rows"] == 1


def test_load_schema__pandera_is_whole_again_for_a_schema_that_needs_it(service: Path) -> None:
    program = """
import sys
from pathlib import Path
from tidegate.cli import main
main(["check-data", "--config", "data.yaml"])
assert "pandas" not in sys.modules
for schema, engine in (("whole.py", "auto"), ("lean.py", "pandera"), ("whole.py", "pandera")):
    main(["check-data", "--data", "a.parquet", "--schema", f"{schema}:Orders", "--engine", engine])
    report = Path("reports/tidegate/check-data.json").read_text()
    assert '"failing_rows": 1' in report
"""
    run(service, program)
