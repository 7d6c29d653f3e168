"""The predictions table of an evaluation set: read strictly, digested, paired."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from tidegate import config as configs
from tidegate import digest
from tidegate.config import Config, Evaluation
from tidegate.data.sources import read_table
from tidegate.errors import ConfigError, DataError
from tidegate.gate.metrics import Floats

MAX_NAMED_KEYS = 5


def load_predictions(config: Config, path: Path) -> pl.DataFrame:
    """The columns that the gate needs, one row a key, sorted by key.

    Raises ConfigError for a column that is not there, DataError for what cannot be judged.
    """
    evaluation = config.need_evaluation()
    table = read_table(path)
    for place, column in _named_columns(evaluation):
        if column not in table.columns:
            known = ", ".join(table.columns)
            raise ConfigError(
                f"the predictions table has no column {column!r} (evaluation.{place})",
                where=f"{config.path}:{configs.line_of(config, 'evaluation', place)}",
                remedy=f"mend the name; {path.name} has: {known}",
            )
    if table.is_empty():
        raise DataError(
            "the predictions table is empty, and no rows prove nothing",
            where=str(path),
            remedy="see what the pipeline's evaluation stage wrote",
        )
    repeated = table.select(pl.struct(evaluation.key).is_duplicated().sum()).item()
    if repeated:
        first = table.filter(pl.struct(evaluation.key).is_duplicated()).select(evaluation.key)
        raise DataError(
            f"{repeated} rows share their key with another, such as {first.row(0, named=True)}",
            where=str(path),
            remedy="the key must name a row: add the column that tells the rows apart",
        )
    _hold_values(config, table, path)
    return table.select(evaluation.columns).sort(evaluation.key)


def evaluation_digest(table: pl.DataFrame, evaluation: Evaluation) -> str:
    """Digest of what was evaluated (not of what the model said): keys, labels, clusters, slices."""
    columns = [column for column in evaluation.columns if column != evaluation.output]
    content = table.select(pl.col(evaluation.key), pl.col(columns).exclude(evaluation.key))
    return digest.of_bytes(content.sort(evaluation.key).write_csv().encode())


def pair(candidate: pl.DataFrame, baseline: pl.DataFrame, evaluation: Evaluation) -> Floats:
    """The baseline's output on the candidate's rows, in the candidate's order.

    Raises DataError when the two were not made on the same rows.
    """
    key = evaluation.key
    for name, one, other in (
        ("candidate", candidate, baseline),
        ("baseline", baseline, candidate),
    ):
        alone = one.join(other, on=key, how="anti", nulls_equal=True)
        if alone.height:
            shown = alone.select(key).head(MAX_NAMED_KEYS).rows()
            raise DataError(
                f"{alone.height} keys stand in the {name}'s table alone, such as {shown}",
                remedy="score both models on the same evaluation set",
            )
    label = evaluation.label
    both = candidate.join(
        baseline.select(*key, label, evaluation.output),
        on=key,
        how="left",
        suffix="__baseline",
        maintain_order="left",
        nulls_equal=True,
    )
    differ = both.filter(
        pl.col(label).cast(pl.String) != pl.col(f"{label}__baseline").cast(pl.String)
    )
    if differ.height:
        shown = differ.select(key).head(MAX_NAMED_KEYS).rows()
        raise DataError(
            f"{differ.height} rows have another label in the baseline's table, such as {shown}",
            remedy="score both models on the same evaluation set, labels included",
        )
    return both[f"{evaluation.output}__baseline"].cast(pl.Float64).to_numpy()


def encode_classes(tables: list[pl.DataFrame], evaluation: Evaluation) -> list[pl.DataFrame]:
    """Class names of any type as numbers, the same in every table."""
    columns = (evaluation.label, evaluation.output)
    names = sorted({str(v) for table in tables for c in columns for v in table[c].unique()})
    codes = {name: float(number) for number, name in enumerate(names)}
    return [
        table.with_columns(pl.col(*columns).cast(pl.String).replace_strict(codes))
        for table in tables
    ]


def _named_columns(evaluation: Evaluation) -> list[tuple[str, str]]:
    """(config key, column) of every column that the config names."""
    return [
        *(("key", column) for column in evaluation.key),
        ("label", evaluation.label),
        ("score" if evaluation.score is not None else "prediction", evaluation.output),
        *([("cluster", evaluation.cluster)] if evaluation.cluster else []),
        *(("slices", column) for group in evaluation.slices for column in group),
    ]


def _hold_values(config: Config, table: pl.DataFrame, path: Path) -> None:
    evaluation = config.need_evaluation()
    for column in (evaluation.label, evaluation.output):
        missing = table[column].null_count()
        if missing:
            raise DataError(
                f"{missing} rows have no value in the column {column!r}",
                where=str(path),
                remedy="take rows without a label out of the evaluation set; a model has to "
                "answer on every row",
            )
        if config.task == "multiclass":
            continue
        if not (table.schema[column].is_numeric() or table.schema[column] == pl.Boolean):
            raise DataError(
                f"the column {column!r} holds {table.schema[column]}, not numbers",
                where=str(path),
                remedy="write 0 and 1 for the two classes" if config.task == "binary" else
                "write numbers",
            )  # fmt: skip
        values = table[column].cast(pl.Float64).to_numpy()
        if not np.isfinite(values).all():
            raise DataError(
                f"{int((~np.isfinite(values)).sum())} rows of {column!r} are NaN or infinite",
                where=str(path),
                remedy="find out why the model answered so; such an answer cannot be judged",
            )
        if config.task == "binary":
            _hold_binary(column, values, is_score=column == evaluation.score, path=path)


def _hold_binary(column: str, values: Floats, *, is_score: bool, path: Path) -> None:
    if is_score:
        outside = int(((values < 0) | (values > 1)).sum())
        if outside:
            raise DataError(
                f"{outside} rows of {column!r} are outside 0 to 1",
                where=str(path),
                remedy="write the probability of the positive class",
            )
    elif not np.isin(values, (0.0, 1.0)).all():
        raise DataError(
            f"{column!r} has values other than 0 and 1",
            where=str(path),
            remedy="write 0 and 1, or set task: multiclass or regression",
        )
