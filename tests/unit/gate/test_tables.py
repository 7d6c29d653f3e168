"""Predictions tables: one form for whatever was written, and the digest of what was evaluated."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidegate import config as configs
from tidegate.config import Config
from tidegate.errors import DataError
from tidegate.gate.rows import tables
from tidegate.gate.rows.evaluation_digest import evaluation_digest
from tidegate.gate.rows.tables import Table, canonical, checks, open_table

EVALUATION: dict[str, Any] = {
    "predictions": "candidate.parquet",
    "key": ["shop", "order"],
    "label": "bought",
    "score": "score",
    "cluster": "day",
    "weight": "weight",
    "slices": ["country", {"age": [30]}],
}
ROWS = pl.DataFrame(
    {
        "shop": ["x", "y", "z"] * 100,
        "order": range(300),
        "bought": [0, 1] * 150,
        "score": np.linspace(0.05, 0.95, 300),
        "day": [date(2024, 1, 1 + number % 28) for number in range(300)],
        "weight": [1.0, 0.25, 3.0] * 100,
        "country": ["DE", None, "FR", "FR"] * 75,
        "age": [29, 30, None] * 100,
        "note": ["not asked for"] * 300,
    }
)
Write = Callable[..., Path]


def config_of(folder: Path, task: str = "binary", **changes: Any) -> Config:
    evaluation = {k: v for k, v in {**EVALUATION, **changes}.items() if v is not None}
    written = {"service": "shop", "task": task, "evaluation": evaluation}
    (folder / "tidegate.yaml").write_text(yaml.safe_dump(written))
    return configs.load(folder / "tidegate.yaml")


def opened(folder: Path, rows: pl.DataFrame, name: str = "candidate.parquet",
           task: str = "binary", **changes: Any) -> tuple[Config, Table]:  # fmt: skip
    if name.endswith(".csv"):
        rows.write_csv(folder / name)
    else:
        rows.write_parquet(folder / name)
    config = config_of(folder, task, **changes)
    return config, open_table(config, name, "candidate")


def digest_of(folder: Path, rows: pl.DataFrame, name: str = "candidate.parquet",
              **changes: Any) -> str:  # fmt: skip
    config, table = opened(folder, rows, name, **changes)
    return evaluation_digest(table, config.need_evaluation())


def test_evaluation_digest__is_the_same_in_csv_and_parquet(tmp_path: Path) -> None:
    assert digest_of(tmp_path, ROWS, "rows.csv") == digest_of(tmp_path, ROWS)


@pytest.mark.parametrize("value", [datetime(2024, 1, 2, 3, 4), datetime(2024, 1, 2, 3, 4, 5, 6)])
def test_evaluation_digest__of_times_is_the_same_in_csv_and_parquet(
    tmp_path: Path, value: datetime
) -> None:
    rows = ROWS.with_columns(day=pl.lit(value))
    assert digest_of(tmp_path, rows, "rows.csv") == digest_of(tmp_path, rows)


@pytest.mark.parametrize(
    "label",
    [
        pl.col("bought").cast(pl.Float64),
        pl.col("bought").cast(pl.Float32),
        pl.col("bought").cast(pl.Boolean),
        pl.col("bought").cast(pl.UInt8),
    ],
)
def test_evaluation_digest__one_and_true_are_the_same_label(tmp_path: Path, label: pl.Expr) -> None:
    assert digest_of(tmp_path, ROWS.with_columns(label)) == digest_of(tmp_path, ROWS)
    csv = digest_of(tmp_path, ROWS.with_columns(label), "rows.csv")
    assert csv == digest_of(tmp_path, ROWS)


@pytest.mark.parametrize(
    "same",
    [
        pl.col("shop").cast(pl.Categorical),
        pl.col("country").cast(pl.Enum(["FR", "DE"])),
        pl.col("order").cast(pl.UInt16),
        pl.col("age").cast(pl.Float64),
        pl.col("score") / 2,
        pl.lit("changed").alias("note"),
    ],
)
def test_evaluation_digest__knows_values_not_types_and_not_the_models_answers(
    tmp_path: Path, same: pl.Expr
) -> None:
    assert digest_of(tmp_path, ROWS.with_columns(same)) == digest_of(tmp_path, ROWS)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**31), files=st.integers(1, 5), columns=st.permutations(ROWS.columns))
def test_evaluation_digest__is_the_same_in_any_order_and_split(
    tmp_path: Path, seed: int, files: int, columns: list[str]
) -> None:
    expected = digest_of(tmp_path, ROWS)
    mixed = ROWS.sample(fraction=1, shuffle=True, seed=seed).select(columns)
    folder = tmp_path / f"{seed}-{files}"
    folder.mkdir(exist_ok=True)
    for number in range(files):
        mixed.gather_every(files, number).write_parquet(folder / f"{number}.parquet")
    config = config_of(tmp_path)
    table = open_table(config, f"{folder.name}/*.parquet", "candidate")
    assert evaluation_digest(table, config.need_evaluation()) == expected


def test_evaluation_digest__is_the_same_read_in_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = digest_of(tmp_path, ROWS)
    monkeypatch.setattr(tables, "IN_MEMORY_ROWS", 10)
    monkeypatch.setattr(tables, "BATCH_ROWS", 37)
    config, table = opened(tmp_path, ROWS)
    assert table.frame is None
    assert evaluation_digest(table, config.need_evaluation()) == expected


CHANGES = {
    "shop": ["x", "Y", "", "x "],
    "order": [0, 301, -1, 2**40],
    "bought": [0, 1],
    "day": [date(2024, 1, 1), date(2023, 1, 1)],
    "weight": [1.0, np.nextafter(1.0, 2), 0.0, 2.0],
    "country": ["DE", "FR", None, "de"],
    "age": [29, 30, 31, None],
}


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_evaluation_digest__differs_when_a_value_does(tmp_path: Path, data: st.DataObject) -> None:
    column = data.draw(st.sampled_from(sorted(CHANGES)))
    row = data.draw(st.integers(0, 299))
    value = data.draw(st.sampled_from(CHANGES[column]))
    values = ROWS[column].to_list()
    same = values[row] == value
    values[row] = value
    changed = ROWS.with_columns(pl.Series(column, values, dtype=ROWS[column].dtype))
    assert (digest_of(tmp_path, changed) == digest_of(tmp_path, ROWS)) == same


@pytest.mark.parametrize(
    "changed",
    [
        ROWS.head(299),
        pl.concat([ROWS, ROWS.tail(1)]),
        ROWS.with_columns(bought=pl.col("bought").reverse()),
        ROWS.with_columns(order=pl.col("age"), age=pl.col("order")),
        ROWS.with_columns(pl.col("weight").shift(1, fill_value=3.0)),
    ],
)
def test_evaluation_digest__differs_when_rows_do(tmp_path: Path, changed: pl.DataFrame) -> None:
    assert digest_of(tmp_path, changed) != digest_of(tmp_path, ROWS)


def test_evaluation_digest__differs_when_other_columns_are_asked_for(tmp_path: Path) -> None:
    found = {
        digest_of(tmp_path, ROWS, **changes)
        for changes in ({}, {"weight": None}, {"cluster": None}, {"slices": ["country"]})
    }
    assert len(found) == 4


def form(table: Table, config: Config) -> pl.DataFrame:
    assert table.frame is not None
    return table.frame.select(canonical(config, table))


def bad_counts(table: Table, config: Config) -> dict[str, int]:
    """How many rows each check refuses; those that refuse some."""
    assert table.frame is not None
    counts = {check.what: table.frame.filter(check.bad).height for check in checks(config, table)}
    return {what.format(count=count): count for what, count in counts.items() if count}


def test_canonical__ranges_hold_their_lower_end_and_nothing_is_a_slice_of_its_own(
    tmp_path: Path,
) -> None:
    ages = [-1e9, 29.999, 30.0, 44.0, 45.0, 1e9, None, float("nan")]
    rows = ROWS.head(8).with_columns(age=pl.Series(ages, strict=False))
    config, table = opened(tmp_path, rows, slices=[{"age": [30, 45]}])
    found = form(table, config)
    assert found["slice.0"].to_list() == [
        "below 30", "below 30", "30 to 45", "30 to 45", "45 or more", "45 or more", None, None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("labels", "positive", "expected"),
    [
        ([" True", "false", "1", "0.0"], None, [1.0, 0.0, 1.0, 0.0]),
        (["yes", "no", "YES", "yes"], "yes", [1.0, 0.0, 0.0, 1.0]),
        ([2, 1, 2, 1], "2", [1.0, 0.0, 1.0, 0.0]),
        ([True, False, True, True], None, [1.0, 0.0, 1.0, 1.0]),
        ([1.0, 0.0, 1.0, 1.0], None, [1.0, 0.0, 1.0, 1.0]),
    ],
)
def test_canonical__binary_labels_become_zero_and_one(
    tmp_path: Path, labels: list[Any], positive: str | None, expected: list[float]
) -> None:
    rows = ROWS.head(4).with_columns(bought=pl.Series(labels))
    config, table = opened(tmp_path, rows, **{"positive-label": positive})
    assert form(table, config)["label"].to_list() == expected
    assert bad_counts(table, config) == {}


@pytest.mark.parametrize("kind", [pl.Int8, pl.Float64, pl.String, pl.Categorical])
def test_canonical__classes_have_one_name_whatever_their_type(
    tmp_path: Path, kind: type[pl.DataType]
) -> None:
    classes = pl.Series([0, 1, 2, 1])
    if kind in (pl.String, pl.Categorical):
        classes = classes.cast(pl.String)
    rows = ROWS.head(4).with_columns(bought=classes.cast(kind))
    config, table = opened(tmp_path, rows, task="multiclass", score=None, prediction="age")
    assert form(table, config)["label"].to_list() == ["0", "1", "2", "1"]


def test_canonical__scores_give_the_likeliest_class_and_the_truths_probability(
    tmp_path: Path,
) -> None:
    rows = ROWS.head(3).with_columns(
        bought=pl.Series(["a", "b", "b"]), p_a=pl.Series([0.2, 0.5, 1.0]),
        p_b=pl.Series([0.8, 0.5, 0.0]),
    )  # fmt: skip
    config, table = opened(
        tmp_path, rows, task="multiclass", score=None, scores={"a": "p_a", "b": "p_b"}
    )
    found = form(table, config)
    assert found["output"].to_list() == ["b", "a", "a"]
    assert found["truth"].to_list() == [0.2, 0.5, 0.0]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (pl.col("score") * 2, "150 rows of 'score' are outside 0 to 1"),
        (pl.col("score") - 0.1, "17 rows of 'score' are outside 0 to 1"),
        (pl.col("score") / 0.0, "300 rows of 'score' are NaN or infinite"),
        (pl.col("bought") + 1, "'bought' has values other than 0 and 1, in 150 rows"),
        (pl.col("weight") - 0.5, "100 rows of 'weight' are no weight"),
        (pl.col("weight") / 0.0, "300 rows of 'weight' are no weight"),
        (pl.when(pl.col("order") > 9).then("bought"), "10 rows have no value in the column"),
    ],
)
def test_checks__rows_that_cannot_be_judged_are_counted(
    tmp_path: Path, changed: pl.Expr, said: str
) -> None:
    config, table = opened(tmp_path, ROWS.with_columns(changed))
    assert any(said in what for what in bad_counts(table, config)), bad_counts(table, config)


def test_open_table__reads_no_column_that_is_not_asked_for(tmp_path: Path) -> None:
    config, table = opened(tmp_path, ROWS)
    wanted = config.need_evaluation().columns
    baseline = open_table(config, "candidate.parquet", "baseline")
    for read in (table, baseline):
        assert read.frame is not None
        assert sorted(read.frame.columns) == sorted(wanted)


def test_open_table__baseline_may_lack_what_belongs_to_the_evaluation_set(tmp_path: Path) -> None:
    own = ["shop", "order", "bought", "score"]
    config, _ = opened(tmp_path, ROWS)
    ROWS.select(own).write_parquet(tmp_path / "baseline.parquet")
    baseline = open_table(config, "baseline.parquet", "baseline")
    assert baseline.frame is not None
    assert sorted(baseline.frame.columns) == sorted(own)


def test_open_table__of_several_files_has_their_rows_and_one_digest(tmp_path: Path) -> None:
    ROWS.head(100).write_csv(tmp_path / "a.csv")
    ROWS.tail(200).write_csv(tmp_path / "b.csv")
    config = config_of(tmp_path)
    table = open_table(config, "*.csv", "candidate")
    assert table.rows == 300
    assert table.digest.startswith("sha256:")
    assert table.digest != open_table(config, "a.csv", "candidate").digest


@pytest.mark.parametrize("content", [b"", b"PAR1", b"\x00" * 64, b"PAR1" + b"\x00" * 64 + b"PAR1"])
def test_open_table__file_that_is_no_parquet_is_one_clear_error(
    tmp_path: Path, content: bytes
) -> None:
    config = config_of(tmp_path)
    (tmp_path / "candidate.parquet").write_bytes(content)
    with pytest.raises(DataError, match="cannot be read"):
        open_table(config, "candidate.parquet", "candidate")


def test_open_table__of_the_schema_of_its_first_file_or_none(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    ROWS.head(100).write_parquet(tmp_path / "a.parquet")
    ROWS.tail(200).drop("score").write_parquet(tmp_path / "b.parquet")
    with pytest.raises(DataError, match="differ in the column 'score'"):
        open_table(config, "*.parquet", "candidate")
