"""`--engine spark` gives what one machine gives, and says clearly what it cannot do."""

from __future__ import annotations

import gc
import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from datetime import datetime, time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl
import pytest
import yaml

from tidegate import config as configs
from tidegate.cli import main
from tidegate.context import Context
from tidegate.errors import ConfigError, DataError
from tidegate.gate.gate import GateReport, gate_model
from tidegate.gate.rows import spark, tables
from tidegate.gate.rows.spark_kernels import Stretch
from tidegate.registry import Registry
from tidegate.spark import kernels
from tidegate.spark import session as spark_session
from tidegate.spark.kernels import VERSIONS, run
from tidegate.spark.rows import errors_raised, unpacked
from tidegate.spark.session import SETTINGS as SESSION_SETTINGS
from tidegate.spark.session import open_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.skipif(
    find_spec("pyspark") is None,
    reason="pyspark is not in this environment; `make test` runs these in one of their own",
)
needs_java = pytest.mark.skipif(
    shutil.which("java") is None and "JAVA_HOME" not in os.environ,
    reason="Spark needs Java 17 or newer, and there is none",
)
PANDAS = "PySpark does not yet fully support pandas"

SETTINGS: dict[str, Any] = {
    "service": "shop",
    "evaluation": {
        "predictions": "candidate.parquet",
        "key": "id",
        "label": "bought",
        "score": "score",
    },
    "gate": {"metrics": {"roc-auc": {"max-regression": 0.02}}},
}
Judge = Callable[..., GateReport]


@pytest.fixture
def judge(tmp_path: Path, session: SparkSession) -> Judge:
    """Writes the tables and judges them; in five pieces on Spark."""

    def judged(
        engine: Literal["auto", "spark"],
        candidate: pl.DataFrame,
        baseline: pl.DataFrame | None = None,
        *,
        suffix: str = "parquet",
        parts: int | None = 5,
        **changes: Any,
    ) -> GateReport:
        settings = SETTINGS | changes
        settings["evaluation"] = SETTINGS["evaluation"] | changes.get("evaluation", {})
        (tmp_path / "tidegate.yaml").write_text(yaml.safe_dump(settings))
        for name, table in (("candidate", candidate), ("baseline", baseline)):
            if table is not None and suffix == "csv":
                table.write_csv(tmp_path / f"{name}.csv")
            elif table is not None:
                table.write_parquet(tmp_path / f"{name}.parquet")
        return gate_model(
            configs.load(tmp_path / "tidegate.yaml"),
            Context(environ={"TIDEGATE_COMMIT": "c0ffee"}),
            candidate=f"candidate.{suffix}",
            baseline="none" if baseline is None else f"baseline.{suffix}",
            parts=parts if engine == "spark" else None,
            engine=engine,
            open_registry=no_registry,
        )

    return judged


def no_registry() -> Registry:
    raise AssertionError("the registry was asked")


def scored(seed: int, n: int = 3_000) -> pl.DataFrame:
    """A model's scores; all but `score` is the same for every seed."""
    world, own = np.random.default_rng(99), np.random.default_rng(seed)
    signal = world.normal(size=n)
    score = 1 / (1 + np.exp(-(signal + 0.3 * own.normal(size=n))))
    return pl.DataFrame(
        {
            "id": np.arange(n),
            "bought": (world.random(n) < 1 / (1 + np.exp(-2 * signal))).astype(int),
            "score": score.round(3),  # some are equal
            "day": np.arange(n) % 60,
            "country": world.choice(["DE", "FR", ""], size=n),
            "price": world.exponential(size=n),
            "weight": world.integers(0, 4, size=n) / 2,
        }
    ).with_columns(pl.col("country").replace("", None))


def shuffled(table: pl.DataFrame) -> pl.DataFrame:
    return table.sample(fraction=1, shuffle=True, seed=1)


def assert_same(here: GateReport, there: GateReport) -> None:
    """The same verdicts and notes, and numbers equal to 1e-9."""
    assert (here.verdict, here.notes, here.rows, here.clusters) == (
        there.verdict, there.notes, there.rows, there.clusters,
    )  # fmt: skip
    assert here.results
    for one, other in zip(here.results, there.results, strict=True):
        for name, value in one.to_dict().items():
            found = other.to_dict()[name]
            if isinstance(value, float):
                assert found == pytest.approx(value, rel=1e-9, abs=1e-15), name
            else:
                assert found == value, name


@needs_java
def test_spark__binary_with_slices_clusters_and_weights(judge: Judge) -> None:
    crossed = ["country", {"price": [1]}]
    changes = {
        "evaluation": {
            "cluster": "day",
            "weight": "weight",
            "slices": ["country", {"price": [0.5, 2]}, crossed],
        },
        "gate": {
            "metrics": {"roc-auc": {"min": 0.6, "max-regression": 0.02}},
            "slice-metrics": {"roc-auc": {"max-regression": 0.05}, "f1": {"min": 0.5}},
        },
    }
    given = scored(1), shuffled(scored(2))
    here, there = judge("auto", *given, **changes), judge("spark", *given, **changes)
    assert len(here.results) == 1 + 2 * (3 + 3 + 6)
    assert any("weight of 0" in note for note in here.notes)
    assert_same(here, there)
    assert here.record["results_digest"] == there.record["results_digest"]


@needs_java
def test_spark__multiclass_of_other_types_and_in_one_piece(judge: Judge) -> None:
    rng = np.random.default_rng(0)
    label = rng.choice(["a", "b", "c"], size=600)

    def table(noise: float) -> pl.DataFrame:
        odds = np.exp(np.equal.outer(label, ["a", "b", "c"]) + noise * rng.normal(size=(600, 3)))
        shares = odds / odds.sum(axis=1, keepdims=True)
        return pl.DataFrame(
            {"id": np.arange(600), "bought": label, **dict(zip("pqr", shares.T, strict=True))}
        )

    changes = {
        "task": "multiclass",
        "evaluation": {"score": None, "scores": {"a": "p", "b": "q", "c": "r"}},
        "gate": {
            "metrics": {
                name: {"max-regression": 0.05}
                for name in ("accuracy", "macro-f1", "recall-per-class", "log-loss")
            }
        },
    }
    given = table(0.5), shuffled(table(0.6)).cast({"bought": pl.Categorical})
    here = judge("auto", *given, **changes)
    assert len(here.results) == 6
    assert_same(here, judge("spark", *given, parts=None, **changes))


@needs_java
def test_spark__regression_with_a_median(judge: Judge) -> None:
    rng = np.random.default_rng(0)
    label = rng.integers(0, 50, size=2_000)

    def table(noise: float) -> pl.DataFrame:
        guess = label + noise * rng.normal(size=2_000)
        return pl.DataFrame({"id": np.arange(2_000), "bought": label, "score": guess})

    changes = {
        "task": "regression",
        "evaluation": {"score": None, "prediction": "score"},
        "gate": {
            "metrics": {
                name: {"max-regression": 0.05}
                for name in ("median-absolute-error", "rmse", "r2", "bias")
            }
        },
    }
    given = table(1.0), shuffled(table(1.1)).cast({"bought": pl.Float32})
    assert_same(judge("auto", *given, **changes), judge("spark", *given, **changes))


@needs_java
def test_spark__keys_with_nulls_and_of_types_that_spark_lacks(judge: Judge) -> None:
    table = scored(1, n=1_000).with_columns(
        id=pl.when(pl.col("id") > 0).then("id"),
        shop=pl.Series(["one", "two"] * 500, dtype=pl.Categorical),
        at=pl.Series([time(hour) for hour in range(20)] * 50),
        seen=pl.Series([datetime(2026, 1, 1)] * 1_000, dtype=pl.Datetime("ns", "UTC")),
        big=pl.Series(range(1_000), dtype=pl.UInt64),
    )
    other = shuffled(table.with_columns(scored(2, n=1_000)["score"]))
    changes = {"evaluation": {"key": ["id", "shop", "at", "seen", "big"]}}
    assert table["id"].null_count() == 1
    # Beside the candidate's, the baseline's categories are numbered the other way round.
    other = other.cast({"id": pl.Int32}).sort("shop", descending=True)
    here = judge("auto", table, other, **changes)
    assert here.rows == 1_000
    assert_same(here, judge("spark", table, other, **changes))


@needs_java
def test_spark__parts_with_one_side_alone_and_without_any_row(judge: Judge) -> None:
    candidate, baseline = scored(1, n=40).head(39), scored(2, n=40).tail(39)
    changes = {"evaluation": {"max-unpaired-rows": 1}}
    here = judge("auto", candidate, baseline, **changes)
    assert len([note for note in here.notes if "alone" in note]) == 2
    assert_same(here, judge("spark", candidate, baseline, parts=100, **changes))


@needs_java
def test_spark__files_that_executors_read_themselves(
    judge: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, rows = tmp_path / "day=1", scored(1)  # no column `day` comes from that name
    for number in range(2):
        (folder / f"hour={number}").mkdir(parents=True)
        rows[number::2].write_parquet(folder / f"hour={number}" / "part of it.parquet")
    here = judge("auto", rows, scored(2), evaluation={"cluster": "day"})
    (tmp_path / "candidate.parquet").unlink()
    folder.rename(tmp_path / "candidate.parquet")
    monkeypatch.setattr(tables, "IN_MEMORY_ROWS", 0)
    monkeypatch.setattr(spark, "STRETCH_ROWS", 700)
    there = gate_model(
        configs.load(tmp_path / "tidegate.yaml"),
        Context(environ={}),
        baseline="baseline.parquet",
        engine="spark",
        open_registry=no_registry,
    )
    assert_same(here, there)


@needs_java
def test_spark__csv_and_no_baseline(judge: Judge) -> None:
    gate = {"metrics": {"roc-auc": {"min": 0.6}}}
    here = judge("auto", scored(1), suffix="csv", gate=gate)
    assert_same(here, judge("spark", scored(1), suffix="csv", gate=gate))


def damaged(how: str) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, Any]]:
    one, other = scored(1, n=600), scored(2, n=600)
    number = pl.col("id")
    if how == "repeated":
        return (
            one,
            other.with_columns(pl.when(number == 7).then(8).otherwise(number).alias("id")),
            {},
        )
    if how == "unpaired":
        return one, other.filter(number != 7), {}
    if how == "relabelled":
        return one, other.with_columns(bought=(number == 7).xor(pl.col("bought") == 1)), {}
    if how == "NaN":
        lost = pl.when(number % 100 == 7).then(float("nan")).otherwise(pl.col("score"))
        return one, other.with_columns(score=lost), {}
    return one, other, {"task": "multiclass", "evaluation": {
        "label": "id", "score": None, "prediction": "weight"}, "gate": {
        "metrics": {"accuracy": {"min": 0.1}}}}  # fmt: skip


@needs_java
@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("repeated", "2 rows share their key with another, such as {'id': 8}"),
        ("unpaired", "1 keys stand in the candidate's table alone, such as (7,)"),
        ("relabelled", "1 rows have another label in the baseline's table, such as (7,)"),
        ("NaN", "6 rows of 'score' are NaN or infinite"),
        ("too many classes", "more than 500 classes"),
    ],
)
def test_spark__what_cannot_be_judged_is_the_same_message(
    judge: Judge, how: str, said: str
) -> None:
    candidate, baseline, changes = damaged(how)
    found = []
    for engine in ("auto", "spark"):
        with pytest.raises(DataError) as raised:
            judge(engine, candidate, baseline, parts=1, **changes)
        found.append(raised.value.to_dict())
    assert said in str(found[0]["what"])
    assert found[1] == found[0]


@needs_java
def test_spark__metric_of_ones_own_is_refused(judge: Judge) -> None:
    own = {"function": "statistics:mean", "higher-is-better": True, "min": 0.1}
    with pytest.raises(DataError, match="a metric of your own needs all rows in memory"):
        judge("spark", scored(1, n=100), gate={"metrics": {"mine": own}})


@needs_java
@pytest.mark.filterwarnings(f"ignore:{PANDAS}")
def test_spark__connect(
    judge: Judge, session: SparkSession, connect_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyspark.sql.connect.session import SparkSession as ConnectSession

    remote = ConnectSession.builder.remote(f"sc://localhost:{connect_port}").create()
    monkeypatch.setattr(spark, "open_session", lambda: remote)
    monkeypatch.setattr(kernels, "MESSAGE_BYTES", 0)  # so that kernels go as files, too
    given = scored(1), shuffled(scored(2))
    try:
        assert_same(judge("auto", *given), judge("spark", *given))
    finally:
        remote.stop()


@needs_java
def test_spark__command_and_the_session_as_it_was(
    judge: Judge,
    session: SparkSession,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    judge("auto", scored(1), scored(2))
    before = {name: session.conf.get(name) for name in SESSION_SETTINGS}
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.chdir(tmp_path)
    assert main(["gate-model", "--baseline=baseline.parquet", "--engine=spark", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 3_000
    assert {name: session.conf.get(name) for name in SESSION_SETTINGS} == before
    gc.collect()  # what the tests before this one raised
    assert session.sparkContext._jsc.getPersistentRDDs().isEmpty()


@needs_java
def test_spark__executors_without_what_they_need_are_named(
    judge: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv.create(tmp_path / "bare")
    monkeypatch.setenv("PYSPARK_PYTHON", str(tmp_path / "bare/bin/python"))
    with pytest.raises(DataError, match=r"executors lack (tidegate|numpy)") as raised:
        judge("spark", scored(1, n=100), gate={"metrics": {"roc-auc": {"min": 0.6}}})
    assert "PYSPARK_PYTHON" in str(raised.value.remedy)


def test_executor__of_another_version_is_an_error() -> None:
    found = run(b"", {**VERSIONS, "polars": "0.1.0"}, iter(()))
    with pytest.raises(DataError, match=r"the driver has 0\.1\.0") as raised:
        list(errors_raised(unpacked(found)))
    assert raised.value.remedy == "install polars 0.1.0 on the executors"


def test_executor__that_does_not_see_a_file_says_so(tmp_path: Path) -> None:
    file = tmp_path / "gone.parquet"
    table = tables.Table("candidate", (file,), str(file), {"id": pl.Int64()}, 1, None)
    with pytest.raises(DataError, match="a Spark executor cannot read the file") as raised:
        Stretch(table, 0, 10).read()
    assert "TMPDIR" in str(raised.value.remedy)


def test_open_session__without_pyspark_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(ConfigError) as raised:
        open_session()
    assert "pip install 'tidegate[spark]'" in str(raised.value.remedy)


def test_open_session__leads_executors_of_this_machine_to_this_tidegate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONPATH", "before")
    monkeypatch.setenv("SPARK_REMOTE", "local[2]")
    monkeypatch.delenv("PYSPARK_PYTHON", raising=False)
    with spark_session._for_local_executors():
        here, before = os.environ["PYTHONPATH"].split(os.pathsep)
        assert (Path(here) / "tidegate/gate/rows/spark_kernels.py").is_file()
        assert (before, os.environ["PYSPARK_PYTHON"]) == ("before", sys.executable)
    assert os.environ["PYTHONPATH"] == "before"
    assert "PYSPARK_PYTHON" not in os.environ


def test_open_session__without_java_says_what_it_takes(tmp_path: Path) -> None:
    code = "from tidegate.spark.session import open_session; open_session()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"], "JAVA_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "tidegate.errors.ConfigError: --engine spark: Spark cannot be started" in done.stderr
    assert "Java 17" in done.stderr.splitlines()[-1]
