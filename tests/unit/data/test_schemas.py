from __future__ import annotations

from pathlib import Path

import pandera.pandas
import pandera.polars
import polars as pl
import pytest

from tidegate.data.schemas import load_schema
from tidegate.errors import ConfigError

SCHEMAS = """
import pandera.{backend} as pa

class Orders(pa.DataFrameModel):
    id: int = pa.Field(ge=0)

class Nothing(pa.DataFrameModel):
    pass

class Bad(pa.DataFrameModel):
    id: int

    @pa.check("no_such_column")
    def positive(cls, data):
        return True

class Plain:
    pass

orders = Orders.to_schema()
number = 3
column = pa.Column(int)
"""


@pytest.fixture(params=["polars", "pandas"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    (tmp_path / "schemas.py").write_text(SCHEMAS.format(backend=request.param))
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / f"shop_{request.param}.py").write_text(
        SCHEMAS.format(backend=request.param)
    )
    return str(request.param)


@pytest.mark.parametrize(
    "reference",
    ["schemas.py:Orders", "schemas.py:orders", "shop_{}:Orders", "orders.yaml", "orders.json"],
)
def test_load_schema__however_it_is_written(tmp_path: Path, backend: str, reference: str) -> None:
    module = pandera.polars if backend == "polars" else pandera.pandas
    schema = module.DataFrameSchema({"id": module.Column(int, module.Check.ge(0))})
    (tmp_path / "orders.yaml").write_text(schema.to_yaml())
    (tmp_path / "orders.json").write_text(schema.to_json())
    loaded = load_schema(reference.format(backend), tmp_path, where="dataset orders")
    assert loaded.backend == backend
    assert str(loaded.definition.columns["id"].checks) == str(schema.columns["id"].checks)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("schemas.py:Missing", "has no 'Missing'"),
        ("schemas.py:number", r"is no pandera schema .* but a builtins\.int"),
        (
            "schemas.py:column",
            r"is no pandera schema .* but a pandera\.api\.\w+\.components\.Column",
        ),
        ("schemas.py:Plain", r"is no pandera schema .* but the class .*\.Plain"),
        ("schemas.py:Bad", "pandera makes no schema of"),
        ("schemas.py:Nothing", "a schema without rules passes anything"),
        ("missing.py:Orders", "does not exist"),
        ("no_such_module:Orders", "does not import"),
        ("schemas.py", "is no reference"),
        ("missing.yaml", "cannot be read"),
        ("empty.yaml", "a schema without rules passes anything"),
        ("list.json", "pandera cannot read the schema"),
        ("broken.yaml", "pandera cannot read the schema"),
        ("latin.yaml", "cannot be read"),
    ],
)
def test_load_schema__what_is_no_schema(
    tmp_path: Path, backend: str, reference: str, message: str
) -> None:
    (tmp_path / "empty.yaml").write_text("")
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "broken.yaml").write_text("columns: {")
    (tmp_path / "latin.yaml").write_bytes("name: é".encode("latin-1"))
    with pytest.raises(ConfigError, match=message) as caught:
        load_schema(reference, tmp_path, where="dataset orders")
    assert str(caught.value.where).startswith("dataset orders")


def test_load_schema__error_in_the_schema_file_shows_its_line(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("import pandera\n\nx = 1 / 0\n")
    with pytest.raises(ConfigError, match=r"bad\.py:3: x = 1 / 0"):
        load_schema("bad.py:x", tmp_path, where="dataset orders")


@pytest.mark.parametrize(
    ("before", "after", "unknown"),
    [
        ("greater_than", "grater_than", "grater_than"),
        ("unique: true", "uniqe: true", "uniqe"),
        ("strict: true", "strickt: true", "strickt"),
    ],
)
def test_load_schema__misspelt_rule_of_a_document_is_refused(
    tmp_path: Path, before: str, after: str, unknown: str
) -> None:
    """pandera itself reads such a document without a word, and holds the data to less."""
    document = (
        "schema_type: dataframe\napi: pandas\nstrict: true\n"
        "columns:\n  id:\n    dtype: int64\n    greater_than: 0\n    unique: true\n"
    )
    (tmp_path / "orders.yaml").write_text(document)
    load_schema("orders.yaml", tmp_path, where="dataset orders")
    (tmp_path / "orders.yaml").write_text(document.replace(before, after))
    with pytest.raises(ConfigError, match=f"pandera knows no '{unknown}'"):
        load_schema("orders.yaml", tmp_path, where="dataset orders")


def test_declared_type__in_terms_of_polars(tmp_path: Path) -> None:
    (tmp_path / "s.py").write_text(
        "import pandera.pandas as a, pandera.polars as b, pandas, polars\n"
        "types = [int, str, float, bool, 'datetime64[ns]', 'category', pandas.Int64Dtype()]\n"
        "types += [a.Date]\n"
        "pandas_schema = a.DataFrameSchema({str(n): a.Column(t) for n, t in enumerate(types)})\n"
        "types = [int, str, polars.Datetime('us', 'UTC'), polars.List(polars.Int64), None]\n"
        "columns = {str(n): b.Column(t) for n, t in enumerate(types)}\n"
        "columns['^x_.*$'] = b.Column(float, regex=True)\n"
        "polars_schema = b.DataFrameSchema(columns)\n"
    )
    from_pandas = load_schema("s.py:pandas_schema", tmp_path, where="").declared_type
    assert [from_pandas(str(n)) for n in range(8)] == [
        pl.Int64(), pl.String(), pl.Float64(), pl.Boolean(), pl.Datetime("ns"), pl.Categorical(),
        pl.Int64(), pl.Date(),
    ]  # fmt: skip
    from_polars = load_schema("s.py:polars_schema", tmp_path, where="").declared_type
    assert [from_polars(str(n)) for n in range(5)] == [
        pl.Int64(), pl.String(), pl.Datetime("us", "UTC"), None, None,
    ]  # fmt: skip
    assert (from_polars("x_1"), from_polars("y")) == (pl.Float64(), None)
