"""The work that executors do finds what one machine finds, in any stretches and partitions."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cloudpickle
import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from fake_spark import FakeSession
from generated_schemas import Backend, part_of, schemas, told
from tidegate.data.engines.by_pandera import CheckCrashedError
from tidegate.data.engines.findings import Held, RefusedError
from tidegate.data.engines.running import hold
from tidegate.data.parts import Part
from tidegate.data.schemas import Schema
from tidegate.data.sources import Location
from tidegate.data.sources.opening import TableFile, open_files
from tidegate.data.sources.stores import store_of
from tidegate.data.spark import cluster, keys, stretches
from tidegate.data.spark.holding import hold_on_spark
from tidegate.errors import ConfigError, DataError
from tidegate.spark.kernels import VERSIONS, run
from tidegate.spark.rows import errors_raised, loaded, unpacked


@pytest.fixture(autouse=True)
def pyspark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", cast(Any, SimpleNamespace(cloudpickle=cloudpickle)))


def on_spark(schema: Schema, part: Part) -> Held:
    return hold_on_spark(schema, part, Path("/nowhere"), cast(Any, FakeSession()))


def outcome(held: Callable[[Schema, Part], Held], schema: Schema, part: Part) -> Any:
    """What is told of what was found, the rules that were refused, or what was raised."""
    try:
        found = held(schema, part)
    except RefusedError as refusal:
        return [rule for rule, _ in refusal.rules]
    except CheckCrashedError as crash:
        return crash.rule, type(crash.cause).__name__
    except (Exception, pl.exceptions.PanicException) as error:  # pandera's own, or Polars'
        return type(error).__name__
    return [told(one) for one in found.found], found.blocked


@pytest.mark.parametrize("backend", ["polars", "pandas"])
@given(st.data())
def test_hold_on_spark__finds_what_hold_finds(backend: Backend, data: st.DataObject) -> None:
    definition, table = data.draw(schemas(backend))
    cuts = data.draw(st.lists(st.integers(1, table.height), max_size=2, unique=True))
    part = part_of(table, [cut for cut in cuts if cut < table.height])
    schema = Schema("test", backend, definition)
    note(f"{definition}\n{table}")
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")
        patch.setattr(stretches, "SENT_VALUES", data.draw(st.sampled_from([0, 10**6])))
        patch.setattr(stretches, "STRETCH_ROWS", data.draw(st.integers(1, 9)))
        patch.setattr(cluster, "PART_KEYS", data.draw(st.integers(1, 9)))
        here, there = outcome(hold, schema, part), outcome(on_spark, schema, part)
    if not isinstance(there, list):
        assert there == here
    elif there != [None] and isinstance(here[0], list):
        assert {*there} <= {one.rule for one in here[0] if one.engine == "pandera"}


def test_stretches__credentials_of_an_object_store_do_not_travel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    environ = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "the driver's"}
    store, _ = store_of("s3://lake/a.parquet", environ, where="")
    location = Location("a.parquet", "s3://lake/a.parquet", store)
    file = TableFile(
        location.name, location.address, {"a": pl.Int64()}, 5, True, partial(_scan, location)
    )
    monkeypatch.setattr(stretches, "SENT_VALUES", 0)
    (row,) = stretches.stretch_rows(Part([file], dict(file.schema)))
    assert b"driver's" not in row.data
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the executor's")
    there = loaded(row).file._scan.args[0].store
    assert there.settings["aws_secret_access_key"] == "the executor's"
    assert there.address == store.address


def _scan(location: Location) -> pl.LazyFrame:
    raise NotImplementedError


def test_stretches__executor_that_does_not_see_a_file_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "a.parquet"
    pl.DataFrame({"a": [1, 2]}).write_parquet(file)
    files = open_files([Location(file.name, str(file))], tmp_path)
    part = Part(files, dict(files[0].schema))
    schema = Schema("test", "polars", pa.DataFrameSchema({"a": pa.Column(int)}))
    monkeypatch.setattr(stretches, "SENT_VALUES", 0)
    rows = [*stretches.stretch_rows(part)]
    monkeypatch.setattr(cluster, "stretch_rows", lambda _: rows)
    file.unlink()
    with pytest.raises(DataError, match="a Spark executor does not find the file") as raised:
        on_spark(schema, part)
    assert raised.value.where == str(file)
    assert "under the same path" in str(raised.value.remedy)


def test_run__executor_of_another_version_or_without_a_package() -> None:
    for versions, said in (
        ({**VERSIONS, "pandera": "0.1.0"}, r"have pandera \S+, the driver has 0\.1\.0"),
        ({**VERSIONS, "no-such-package": "1.0"}, "Spark's executors lack no-such-package"),
    ):
        with pytest.raises(DataError, match=said) as raised:
            list(errors_raised(unpacked(run(b"", versions, iter(())))))
        assert "on the executors" in str(raised.value.remedy)


def test_apply__an_executors_error_is_told_without_spark() -> None:
    """Spark's own message would quote its text, which may quote the data."""
    definition = pa.DataFrameSchema({"a": pa.Column(int, pa.Check(explodes, element_wise=True))})
    part = part_of(pl.DataFrame({"a": [987]}))
    with pytest.raises(CheckCrashedError) as raised:
        on_spark(Schema("test", "polars", definition), part)
    cause = raised.value.cause
    assert (type(cause).__name__, str(cause).splitlines()[0]) == ("RuntimeError", "987?")


def explodes(value: int) -> bool:
    raise RuntimeError(f"{value}?")


def test_travelling__schema_that_cannot_be_pickled_is_an_error() -> None:
    lock = threading.Lock()
    check = pa.Check(lambda value: lock.locked() or value > 0, element_wise=True)
    schema = Schema("test", "polars", pa.DataFrameSchema({"a": pa.Column(int, check)}))
    with pytest.raises(ConfigError, match="cannot be sent to Spark's executors") as raised:
        on_spark(schema, part_of(pl.DataFrame({"a": [1]})))
    assert "locks" in str(raised.value.remedy)


@pytest.mark.parametrize("report", ["all", "exclude_first", "exclude_last"])
def test_keys__one_that_half_of_the_rows_share_travels_once_a_stretch(report: str) -> None:
    table = pl.DataFrame({"0": [None] * 50 + [*range(50)]})
    blamed = keys.repeated(table, report)
    standing = keys.standing(table, report, 1000, blamed, blamed)
    assert standing.height == 51
    # The last one of several stands for them where the others are to blame.
    assert standing[keys.ROW].min() == (1049 if report == "exclude_last" else 1000)
    assert blamed.sum() == (50 if report == "all" else 49)
