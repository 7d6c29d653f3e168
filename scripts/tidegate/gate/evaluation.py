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
                where=configs.place_of(config, "evaluation", place),
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
    answers = (evaluation.label, evaluation.output)
    # One type whoever wrote the file: 1, 1.0 and True are the same label.
    table = table.with_columns(
        _class_names(table[column])
        if config.task == "multiclass"
        else pl.col(column).cast(pl.Float64)
        for column in answers
    )
    if (
        config.task == "multiclass"
        and not table[answers[0]].is_in(table[answers[1]].unique()).any()
    ):
        raise DataError(
            f"no class of {evaluation.output!r} is one of {evaluation.label!r}: "
            f"{table[evaluation.output][0]!r} and {table[evaluation.label][0]!r}, for example",
            where=str(path),
            remedy="write both columns in the same terms",
        )
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
    for column in key:
        types = candidate.schema[column], baseline.schema[column]
        if types[0] != types[1] and not all(kind.is_integer() for kind in types):
            raise DataError(
                f"the key {column!r} is {types[0]} in the candidate's table and {types[1]} in the "
                "baseline's",
                remedy="write the key with one type",
            )
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
    differ = both.filter(pl.col(label) != pl.col(f"{label}__baseline"))
    if differ.height:
        shown = differ.select(key).head(MAX_NAMED_KEYS).rows()
        raise DataError(
            f"{differ.height} rows have another label in the baseline's table, such as {shown}",
            remedy="score both models on the same evaluation set, labels included",
        )
    return both[f"{evaluation.output}__baseline"].cast(pl.Float64).to_numpy()


def encode_classes(tables: list[pl.DataFrame], evaluation: Evaluation) -> list[pl.DataFrame]:
    """Class names as numbers, the same in every table."""
    columns = (evaluation.label, evaluation.output)
    names = sorted({name for table in tables for c in columns for name in table[c].unique()})
    codes = {name: float(number) for number, name in enumerate(names)}
    return [
        table.with_columns(pl.col(*columns).replace_strict(codes, return_dtype=pl.Float64))
        for table in tables
    ]


def _class_names(column: pl.Series) -> pl.Series:
    """Classes as text: a class is the same whether it was written as 1, 1.0 or True."""
    if column.dtype == pl.Boolean or (column.dtype.is_float() and (column == column.round()).all()):
        column = column.cast(pl.Int64)
    return column.cast(pl.String)


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
    for column in evaluation.columns:
        if table.schema[column].is_nested() or table.schema[column] in (pl.Binary, pl.Object):
            raise DataError(
                f"the column {column!r} holds {table.schema[column]}, not plain values",
                where=str(path),
                remedy="write numbers, text or dates",
            )
    for column in (evaluation.label, evaluation.output):
        missing = table[column].null_count()
        if table.schema[column].is_float():
            missing += int(table[column].is_nan().sum()) if config.task == "multiclass" else 0
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
