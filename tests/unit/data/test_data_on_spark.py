"""`check-data --engine spark` gives what one machine gives, and says clearly what it cannot do."""

from __future__ import annotations

import gc
import json
import os
import shutil
import sys
import venv
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date, time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl
import pytest
from hypothesis import Phase, given, settings

from tidegate.cli import main
from tidegate.config import Config, Dataset
from tidegate.data.checks import check_dataset
from tidegate.data.engines.by_pandera import CheckCrashedError
from tidegate.data.engines.findings import RefusedError
from tidegate.data.engines.running import hold
from tidegate.data.results import CheckResult, DatasetResult
from tidegate.data.schemas import Schema
from tidegate.data.spark import cluster, holding, stretches
from tidegate.data.spark.holding import hold_on_spark
from tidegate.errors import ConfigError, DataError
from tidegate.spark import kernels
from tidegate.spark.session import SETTINGS
from tidegate.verdict import Verdict

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PANDAS = "PySpark does not yet fully support pandas"
pytestmark = pytest.mark.filterwarnings(f"ignore:{PANDAS}")  # pandera imports it
JAVA = "JAVA_HOME" in os.environ or shutil.which("java") is not None
needs_spark = pytest.mark.skipif(
    find_spec("pyspark") is None or not JAVA,
    reason="needs pyspark, in whose environment `make test` runs these, and Java 17 or newer",
)

ORDERS = """
import pandera.{backend} as pa
import rules

class Orders(pa.DataFrameModel):
    id: int = pa.Field(unique=True)
    amount: float = pa.Field(ge=0, nullable=True)
    country: str = pa.Field(isin=["DE", "FR"], unique=False)
    n_items: int = pa.Field(ge=1, coerce=True)

    class Config:
        unique = ["country", "n_items"]

    @pa.check("amount", element_wise=True)
    def odd(cls, value):
        return rules.odd(value)
"""
RULES = """
def odd(value):
    return value % 2 == 1 or value < 0
"""
Check = Callable[..., DatasetResult]


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "data").mkdir()
    (tmp_path / "rules.py").write_text(RULES)
    yield tmp_path
    sys.modules.pop("rules", None)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that executors read in stretches of a few rows, and keys compared a few at a time."""
    monkeypatch.setattr(stretches, "SENT_VALUES", 0)
    monkeypatch.setattr(stretches, "STRETCH_ROWS", 7)
    monkeypatch.setattr(cluster, "PART_KEYS", 5)


def check(
    service: Path, engine: str, schema: str = "schemas.py:Orders", path: str = "data", **more: Any
) -> DatasetResult:
    dataset = Dataset.model_validate({"path": path, "schema": schema, **more})
    config = Config.model_construct(service="shop", model="shop", data={"orders": dataset})
    config._path = service / "tidegate.yaml"
    return check_dataset(config, "orders", dataset, engine)  # type: ignore[arg-type]


def orders(rows: int = 40, seed: int = 0) -> pl.DataFrame:
    """Orders of which some break each rule, and some break several."""
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "id": rng.integers(0, 3 * rows, rows),
            "amount": rng.choice([1.0, 3.0, 4.0, -1.0, np.nan], rows),
            "country": rng.choice(["DE", "FR", "XX"], rows).tolist(),
            "n_items": rng.integers(-1, rows // 2, rows),
        }
    ).with_columns(amount=pl.when(pl.col("n_items") > 2).then("amount"))


def unnamed(result: DatasetResult) -> DatasetResult:
    """The result without the names of engines, which differ."""
    checks = tuple(replace(one, engine="") for one in result.checks)
    return replace(result, engine="", checks=checks)


def assert_same(service: Path, schema: str = "schemas.py:Orders", **more: Any) -> DatasetResult:
    here, there = (check(service, engine, schema, **more) for engine in ("auto", "spark"))
    assert unnamed(there) == unnamed(here)
    assert {one.engine for one in there.checks} <= {"spark", "pandera"}
    return there


def failing(result: DatasetResult) -> dict[tuple[str | None, str], int]:
    return {
        (one.column, one.check): one.failing_rows
        for one in result.checks
        if one.verdict is Verdict.FAIL
    }


def found(result: DatasetResult, column: str | None, name: str) -> CheckResult:
    (one,) = [one for one in result.checks if (one.column, one.check) == (column, name)]
    return one


@needs_spark
@pytest.mark.parametrize("backend", ["polars", "pandas"])
@pytest.mark.usefixtures("session", "small")
def test_spark__several_files_and_every_kind_of_rule(service: Path, backend: str) -> None:
    (service / "schemas.py").write_text(ORDERS.format(backend=backend))
    for number in range(3):
        orders(30, number).write_parquet(service / f"data/{number}.parquet")
    result = assert_same(service)
    assert {one.engine for one in result.checks} == {"spark", "pandera"}
    assert result.engine == "mixed"
    broken = failing(result)
    assert {column for column, _ in broken} == {"id", "amount", "country", "n_items", None}
    assert {"field_uniqueness", "multiple_fields_uniqueness", "odd"} < {name for _, name in broken}
    assert result.failing_rows < sum(broken.values())


TYPES = """
import pandera.pandas as pd
import pandera.polars as pa
import polars as pl

every = pa.DataFrameSchema(
    {"^key_.*$": pa.Column(unique=True, nullable=True, regex=True)},
    unique=["key_float", "key_text", "key_kind"],
)
first, last = (
    pd.DataFrameSchema(
        {"key_float": pd.Column(float, unique=True, nullable=True, report_duplicates=report)},
        unique=["key_text", "key_whole"],
        report_duplicates=report,
    )
    for report in ("exclude_first", "exclude_last")
)
"""


@needs_spark
@pytest.mark.usefixtures("session", "small")
def test_spark__keys_that_repeat_across_stretches_and_files(service: Path) -> None:
    (service / "schemas.py").write_text(TYPES)
    table = pl.DataFrame(
        {
            "key_float": [0.0, np.nan, 1.5, None] + [float(n) for n in range(10, 26)],
            "key_text": ["a", "b", None, "d"] * 5,
            "key_whole": range(20),
            "key_kind": pl.Series(["x", "y", None, "z", "u"] * 4, dtype=pl.Categorical),
            "key_day": [date(2013, 1, 1 + n) for n in range(20)],
            "key_hour": [time(n) for n in range(20)],
        }
    )
    table.write_parquet(service / "data/a.parquet")
    again = table.with_columns(key_float=-pl.col("key_float"), key_whole=pl.col("key_whole") + 19)
    again.sort("key_kind", "key_whole").write_parquet(service / "data/b.parquet")
    broken = failing(assert_same(service, "schemas.py:every"))
    assert broken["key_float", "field_uniqueness"] == 6  # zeros, NaN and nulls are keys, too
    assert broken["key_whole", "field_uniqueness"] == 2
    assert broken["key_day", "field_uniqueness"] == broken["key_kind", "field_uniqueness"] == 40
    for report in ("first", "last"):
        broken = failing(assert_same(service, f"schemas.py:{report}"))
        assert broken["key_float", "field_uniqueness"] == 4  # pandas takes NaN for a null


COERCED = """
import pandera.polars as pa
import polars as pl

schema = pa.DataFrameSchema(
    {
        "^n_.*$": pa.Column(int, pa.Check.ge(0), coerce=True, nullable=True, regex=True),
        "day": pa.Column(str, pa.Check.str_matches("^[0-9-]+$")),
    },
    checks=pa.Check(lambda data: data.lazyframe.select(pl.col("n_a") < 5)),
    strict=True,
)
"""


@needs_spark
@pytest.mark.usefixtures("session", "small")
def test_spark__coercion_and_columns_by_pattern(service: Path) -> None:
    (service / "schemas.py").write_text(COERCED)
    table = pl.DataFrame({"n_a": ["1", "7", None] * 7, "n_b": ["-1", "2"] * 10 + ["3"], "day": "1"})
    table.write_parquet(service / "data/a.parquet")
    broken = failing(assert_same(service, "schemas.py:schema"))
    assert broken == {("n_b", "greater_than_or_equal_to(0)"): 10, (None, "<lambda>"): 7}
    unreadable = table.with_columns(n_a=pl.lit("many"))
    unreadable.write_parquet(service / "data/b.parquet")
    result = assert_same(service, "schemas.py:schema")
    assert failing(result)["n_a", "dtype('Int64')"] == 21
    assert found(result, None, "<lambda>").verdict is Verdict.INCONCLUSIVE


@needs_spark
@pytest.mark.usefixtures("session")
@pytest.mark.parametrize("sent", [10**6, 0])
def test_spark__text_files_sent_along_and_by_way_of_a_temporary_folder(
    service: Path, monkeypatch: pytest.MonkeyPatch, sent: int
) -> None:
    (service / "schemas.py").write_text(ORDERS.format(backend="polars"))
    monkeypatch.setattr(stretches, "SENT_VALUES", sent)
    monkeypatch.setattr(stretches, "BLOB_BYTES", 200)
    for number in range(2):
        orders(20, number).write_csv(service / f"data/{number}.csv")
    assert assert_same(service).failing_rows


@needs_spark
@pytest.mark.usefixtures("session", "small")
def test_spark__column_lost_or_of_another_type_in_one_file(service: Path) -> None:
    (service / "schemas.py").write_text(ORDERS.format(backend="polars") + OVER_ROWS)
    good = orders(20).with_columns(extra=pl.lit(1))
    good.write_parquet(service / "data/a.parquet")
    good.drop("country").write_parquet(service / "data/b.parquet")
    good.with_columns(id=pl.col("id").cast(pl.String)).write_parquet(service / "data/c.parquet")
    good.drop("extra").write_parquet(service / "data/d.parquet")
    result = assert_same(service, "schemas.py:More")
    assert result.faulty
    lost = found(result, "country", "column_in_dataframe")
    assert [example.file for example in lost.examples] == ["b.parquet"]
    (dtype,) = [one for one in result.checks if one.column == "id" and "dtype" in one.check]
    assert [example.file for example in dtype.examples] == ["c.parquet"]


OVER_ROWS = """

class More(Orders):
    @pa.dataframe_check
    def no_xx_below(cls, data):
        import polars as pl
        return data.lazyframe.select((pl.col("country") != "XX") | (pl.col("id") > 10))
"""


@needs_spark
@pytest.mark.usefixtures("session", "small")
def test_spark__redacted_columns_are_never_shown(service: Path) -> None:
    (service / "schemas.py").write_text(ORDERS.format(backend="polars"))
    table = orders(20).with_columns(amount=pl.lit(-987.25), country=pl.lit("X987"))
    table.write_parquet(service / "data/a.parquet")
    result = assert_same(service, redact=["amount", "country"])
    assert ("amount", "greater_than_or_equal_to(0)") in failing(result)
    assert "987" not in str(result.to_dict())


CRASHES = """
import pandera.polars as pa

def explodes(value):
    raise RuntimeError(f"no idea of {value}")

schema = pa.DataFrameSchema({"id": pa.Column(int, pa.Check(explodes, element_wise=True))})
"""


@needs_spark
@pytest.mark.usefixtures("session")
@pytest.mark.parametrize("redact", [[], ["id"]])
def test_spark__check_that_raises_is_the_same_error(service: Path, redact: list[str]) -> None:
    (service / "schemas.py").write_text(CRASHES)
    pl.DataFrame({"id": [987] * 20}).write_parquet(service / "data/a.parquet")
    errors = []
    for engine in ("auto", "spark"):
        with pytest.raises(DataError, match="the check explodes of column 'id' raises") as raised:
            check(service, engine, "schemas.py:schema", redact=redact)
        errors.append(raised.value.to_dict())
    assert errors[0] == errors[1]
    assert ("987" in str(errors[1])) is not redact


REFUSED = """
import pandera.pandas as pd
import pandera.polars as pa
import polars as pl

mean = pa.DataFrameSchema({"id": pa.Column(int, pa.Check(
    lambda data: data.lazyframe.select(pl.col(data.key) <= 3 * pl.col(data.key).mean()),
    name="near the mean"))})
parsed = pd.DataFrameSchema({"id": pd.Column(int)}, parsers=pd.Parser(lambda frame: frame))
"""


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        ("mean", "near the mean of column 'id': its answer for a row depends on other rows"),
        ("parsed", "the schema: its parsers change the table before it is checked"),
    ],
)
def test_spark__rules_that_need_all_rows_are_refused_by_name_before_spark_is_started(
    service: Path, monkeypatch: pytest.MonkeyPatch, schema: str, named: str
) -> None:
    monkeypatch.setattr(holding, "open_session", lambda: pytest.fail("Spark was started"))
    (service / "schemas.py").write_text(REFUSED)
    pl.DataFrame({"id": [1, 2]}).write_parquet(service / "data/a.parquet")
    with pytest.raises(ConfigError, match="where no executor has all rows") as raised:
        check(service, "spark", f"schemas.py:{schema}")
    assert named in raised.value.what
    assert "--engine auto" in str(raised.value.remedy)


def test_spark__that_is_not_installed_is_an_error_of_the_command(
    service: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (service / "schemas.py").write_text(ORDERS.format(backend="polars"))
    orders().write_parquet(service / "data/a.parquet")
    monkeypatch.chdir(service)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    given = ["--data=data", "--schema=schemas.py:Orders", "--engine=spark", "--json"]
    assert main(["check-data", *given]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert "pyspark is not there" in error["what"]
    assert "pip install 'tidegate[spark]'" in error["remedy"]


@needs_spark
@pytest.mark.usefixtures("small")
def test_spark__connect(
    service: Path, session: SparkSession, connect_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyspark.sql.connect.session import SparkSession as ConnectSession

    remote = ConnectSession.builder.remote(f"sc://localhost:{connect_port}").create()
    monkeypatch.setattr(holding, "open_session", lambda: remote)
    monkeypatch.setattr(kernels, "MESSAGE_BYTES", 0)  # so that kernels go as files, too
    (service / "schemas.py").write_text(ORDERS.format(backend="polars"))
    orders().write_parquet(service / "data/a.parquet")
    try:
        assert assert_same(service).failing_rows
    finally:
        remote.stop()


@needs_spark
def test_spark__command_and_the_session_as_it_was(
    service: Path,
    session: SparkSession,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (service / "schemas.py").write_text(TYPES)
    pl.DataFrame({"key_a": [1, 2, 2]}).write_parquet(service / "data/a.parquet")
    before = {name: session.conf.get(name) for name in SETTINGS}
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.chdir(service)
    given = ["--data=data", "--schema=schemas.py:first", "--engine=spark", "--json"]
    assert main(["check-data", *given]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["datasets"][0]["engine"] == "spark"
    assert {name: session.conf.get(name) for name in SETTINGS} == before
    gc.collect()  # what the tests before this one raised
    assert session.sparkContext._jsc.getPersistentRDDs().isEmpty()


@needs_spark
@pytest.mark.usefixtures("session", "small")
def test_spark__executors_without_what_they_need_are_named(
    service: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = tmp_path_factory.mktemp("bare")
    venv.create(bare)
    monkeypatch.setenv("PYSPARK_PYTHON", str(bare / "bin/python"))
    (service / "schemas.py").write_text(ORDERS.format(backend="polars"))
    orders().write_parquet(service / "data/a.parquet")
    with pytest.raises(DataError, match=r"executors lack (tidegate|polars)") as raised:
        check(service, "spark")
    assert "PYSPARK_PYTHON" in str(raised.value.remedy)


@needs_spark
@pytest.mark.usefixtures("session", "small")
@pytest.mark.parametrize("backend", ["polars", "pandas"])
def test_spark__generated_schemas(backend: Literal["polars", "pandas"]) -> None:
    """A few; test_spark_kernels.py tries many, without Spark."""
    from generated_schemas import part_of, schemas, told

    root = Path(__file__).parents[2]  # of the code that generated checks are made of

    @settings(max_examples=8, deadline=None, phases=[Phase.generate], derandomize=True)
    @given(schemas(backend))
    def finds_the_same(case: tuple[Any, pl.DataFrame]) -> None:
        definition, table = case
        part = part_of(table, [table.height // 2] if table.height > 1 else [])
        schema = Schema("test", backend, definition)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with suppress(RefusedError, CheckCrashedError):
                there = hold_on_spark(schema, part, root)
                here = hold(schema, part)
                assert there.blocked == here.blocked
                assert [told(one) for one in there.found] == [told(one) for one in here.found]

    finds_the_same()
