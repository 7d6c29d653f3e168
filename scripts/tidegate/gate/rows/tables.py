"""A predictions table: opened, its columns held to the config, its rows in one canonical form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import polars as pl

from tidegate import config as configs
from tidegate import digest
from tidegate.config import Config, Evaluation, SliceColumn
from tidegate.data.sources import find_files
from tidegate.data.sources.reading import damage_named, read_table
from tidegate.errors import ConfigError, DataError

# Up to here a table is held in memory as it is; a larger one is read in batches.
IN_MEMORY_ROWS = 2_000_000
BATCH_ROWS = 250_000
Side = Literal["candidate", "baseline"]

# In text, without evaluation.positive-label.
_TRUTHS = {"0": 0.0, "1": 1.0, "0.0": 0.0, "1.0": 1.0, "false": 0.0, "true": 1.0}


@dataclass(frozen=True)
class Table:
    """A predictions table: Parquet or CSV files of one schema, with the columns that are needed.

    frame: all of it, unless it has more than IN_MEMORY_ROWS.
    """

    side: Side
    files: tuple[Path, ...]
    where: str
    schema: Mapping[str, pl.DataType]
    rows: int
    frame: pl.DataFrame | None

    @cached_property
    def digest(self) -> str:
        """Digest of the files' contents, in the order of their names."""
        if len(self.files) == 1:
            return digest.of_file(self.files[0])
        return digest.of_json([digest.of_file(file) for file in self.files])

    def scan(self) -> pl.LazyFrame:
        """All rows, read when they are needed."""
        return (
            self.frame.lazy()
            if self.frame is not None
            else scan(self.files).select(list(self.schema))
        )

    def batches(self) -> Iterator[pl.DataFrame]:
        """All rows, in any order. Raises DataError where a file turns out to be damaged."""
        if self.frame is not None:
            yield self.frame
            return
        with damage_named(self.where):
            yield from self.scan().collect_batches(chunk_size=BATCH_ROWS, maintain_order=False)


@dataclass(frozen=True)
class Check:
    """What no row may be. bad: true for such a row; what: the message, with {count}."""

    bad: pl.Expr
    what: str
    remedy: str


def open_table(config: Config, path: str | Path, side: Side) -> Table:
    """Open a table and hold its columns to the config.

    path: file, folder or glob, relative to the config's folder. The baseline needs the key, the
    label and the model's answers alone. Raises ConfigError for a column that is not there,
    DataError for what cannot be judged.
    """
    evaluation = config.need_evaluation()
    files = tuple(_files(config, str(path)))
    where = str(files[0]) if len(files) == 1 else str(config.root / path)
    if files[0].name.lower().endswith(".parquet"):
        with damage_named(where):
            schemas = [dict(pl.read_parquet_schema(file)) for file in files]
            schema = _one_schema(files, schemas, where)
            rows = scan(files).select(pl.len()).collect().item()
        frame = None
    else:
        frame = _read_csv_files(files, where)
        schema, rows = dict(frame.schema), frame.height
    wanted = needed_columns(evaluation, side, schema)
    _hold_columns(config, wanted, schema, where)
    if rows == 0:
        raise DataError(
            "the predictions table is empty, and no rows prove nothing",
            where=where,
            remedy="see what the pipeline's evaluation stage wrote",
        )
    chosen = {column: schema[column] for column in wanted}
    _hold_types(config, chosen, where)
    if frame is not None:
        frame = frame.select(wanted)
    elif rows <= IN_MEMORY_ROWS:
        with damage_named(where):
            frame = scan(files).select(wanted).collect()
    return Table(side, files, where, chosen, rows, frame)


def _one_schema(
    files: Sequence[Path], schemas: Sequence[Mapping[str, pl.DataType]], where: str
) -> dict[str, pl.DataType]:
    """The schema that all files share, the columns in the order of the first."""
    first = dict(schemas[0])
    for file, other in zip(files, schemas, strict=True):
        odd = [name for name in {**first, **other} if first.get(name) != other.get(name)]
        if odd:
            held = [str(schema.get(odd[0], "missing")) for schema in (first, other)]
            raise DataError(
                f"the files differ in the column {odd[0]!r}: {held[0]} in {files[0].name}, "
                f"{held[1]} in {file.name}",
                where=where,
                remedy="write all files with the same columns and types",
            )
    return first


def _read_csv_files(files: Sequence[Path], where: str) -> pl.DataFrame:
    """CSV files as one frame; whole numbers in one and decimals in another are numbers."""
    frames = [read_table(file) for file in files]
    held = [frame for frame in frames if frame.height] or frames[:1]
    named = [file for file, frame in zip(files, frames, strict=True) if frame.height] or files[:1]
    shapes = [
        {name: pl.Float64() if kind.is_numeric() else kind for name, kind in frame.schema.items()}
        for frame in held
    ]
    columns = list(_one_schema(named, shapes, where))
    return pl.concat([frame.select(columns) for frame in held], how="vertical_relaxed")


def scan(files: Sequence[Path]) -> pl.LazyFrame:
    return pl.scan_parquet(list(files), hive_partitioning=False, glob=False)


def needed_columns(evaluation: Evaluation, side: Side, schema: Mapping[str, object]) -> list[str]:
    if side == "candidate":
        return evaluation.columns
    # What it has beside them must be as in the candidate's table.
    shared = [evaluation.cluster, evaluation.weight, *evaluation.slice_columns]
    there = [column for column in shared if column is not None and column in schema]
    return list(dict.fromkeys([*evaluation.key, evaluation.label, *evaluation.outputs, *there]))


def canonical(config: Config, table: Table, whole: pl.DataType | None = None) -> list[pl.Expr]:
    """The columns of a piece: key.0 ..., label, output, truth, weight, cluster, slice.0 ...

    output is a score or a value; for multiclass the name of the class, and truth the probability
    that the true class was given. Slice columns become text, cuts the ranges between them.
    whole: the type of whole numbers in the key, Int64 unless they need more.
    """
    evaluation, schema = config.need_evaluation(), table.schema
    label = _answer(config, evaluation.label, schema)
    columns = [
        (
            pl.col(name).cast(whole or pl.Int64()) if schema[name].is_integer() else pl.col(name)
        ).alias(f"key.{number}")
        for number, name in enumerate(evaluation.key)
    ]
    columns.append(label.alias("label"))
    if evaluation.scores:
        names, scores = list(evaluation.scores), list(evaluation.scores.values())
        truth = pl.coalesce(
            pl.when(label == name).then(pl.col(column).cast(pl.Float64))
            for name, column in evaluation.scores.items()
        )
        columns.append(truth.alias("truth"))
        if evaluation.prediction is None:
            best = pl.concat_list(pl.col(scores).cast(pl.Float64)).list.arg_max()
            columns.append(best.replace_strict(dict(enumerate(names))).alias("output"))
    single = evaluation.score or evaluation.prediction
    if single is not None:
        columns.append(_answer(config, single, schema, output=True).alias("output"))
    for place in ("weight", "cluster"):
        column = getattr(evaluation, place)
        if column is not None and column in schema:
            kind = pl.Float64 if place == "weight" else pl.String
            columns.append(pl.col(column).cast(kind).alias(place))
    for number, part in enumerate(slice_parts(evaluation)):
        if part.column in schema:
            columns.append(_slice_value(part).alias(f"slice.{number}"))
    return columns


def slice_parts(evaluation: Evaluation) -> list[SliceColumn]:
    """Every column, with its cuts, that slices are made of: `slice.N` is the N-th of them."""
    return list(dict.fromkeys(part for group in evaluation.slices for part in group))


def checks(config: Config, table: Table) -> list[Check]:
    """What no row of the table may be, on its columns as they were written."""
    evaluation, schema = config.need_evaluation(), table.schema
    found = []
    for column in (evaluation.label, *evaluation.outputs):
        value = pl.col(column)
        missing = value.is_null()
        if schema[column].is_float() and config.task == "multiclass":
            missing = missing | value.is_nan()
        found.append(
            Check(
                missing,
                f"{{count}} rows have no value in the column {column!r}",
                "take rows without a label out of the evaluation set; a model has to answer on "
                "every row",
            )
        )
        is_score = column == evaluation.score or column in evaluation.scores.values()
        number = value.cast(pl.Float64) if schema[column].is_numeric() else value
        if schema[column].is_float():
            found.append(
                Check(
                    value.is_nan() | value.is_infinite(),
                    f"{{count}} rows of {column!r} are NaN or infinite",
                    "find out why the model answered so; such an answer cannot be judged",
                )
            )
        if is_score:
            found.append(
                Check(
                    (number < 0) | (number > 1),
                    f"{{count}} rows of {column!r} are outside 0 to 1",
                    "write the probability of the positive class",
                )
            )
        elif config.task == "binary":
            text = _is_text(schema[column])
            if text and evaluation.positive_label is None:
                found.append(
                    Check(
                        ~_lower(value).is_in(list(_TRUTHS)),
                        f"{{count}} rows of {column!r} are text other than 0, 1, true and false",
                        "say which label counts as 1: evaluation.positive-label",
                    )
                )
            elif not text and evaluation.positive_label is None:
                found.append(
                    Check(
                        ~number.cast(pl.Float64).is_in([0.0, 1.0]),
                        f"{column!r} has values other than 0 and 1, in {{count}} rows",
                        "write 0 and 1, or set task: multiclass or regression",
                    )
                )
    if evaluation.scores:
        total = pl.sum_horizontal(pl.col(list(evaluation.scores.values())).cast(pl.Float64))
        found.append(
            Check(
                (total - 1).abs() > 1e-3,
                "the probabilities of {count} rows do not add up to 1",
                "name the columns of all classes in evaluation.scores, and write probabilities",
            )
        )
        label = _answer(config, evaluation.label, schema)
        found.append(
            Check(
                ~label.is_in(list(evaluation.scores)),
                "{count} rows have a label that evaluation.scores names no column for",
                "name the column of each class there is",
            )
        )
    if evaluation.weight is not None and table.side == "candidate":
        weight = pl.col(evaluation.weight).cast(pl.Float64)
        found.append(
            Check(
                weight.is_null() | ~weight.is_finite() | (weight < 0),
                f"{{count}} rows of {evaluation.weight!r} are no weight",
                "a weight is a finite number, 0 or more",
            )
        )
    return found


def _answer(
    config: Config, column: str, schema: Mapping[str, pl.DataType], *, output: bool = False
) -> pl.Expr:
    """A label or answer in one type, whoever wrote it: 1, 1.0 and True are the same."""
    evaluation, value, kind = config.need_evaluation(), pl.col(column), schema[column]
    if config.task == "multiclass":
        if kind == pl.Boolean:
            return value.cast(pl.Int64).cast(pl.String)
        if kind.is_float():
            whole = value.cast(pl.Int64, strict=False)
            return (
                pl.when(value == whole).then(whole.cast(pl.String)).otherwise(value.cast(pl.String))
            )
        return value.cast(pl.String)
    is_class = config.task == "binary" and not (output and evaluation.score is not None)
    if is_class and evaluation.positive_label is not None:
        return (value.cast(pl.String) == evaluation.positive_label).cast(pl.Float64)
    if _is_text(kind):
        return _lower(value).replace_strict(_TRUTHS, default=None, return_dtype=pl.Float64)
    return value.cast(pl.Float64)


def _slice_value(part: SliceColumn) -> pl.Expr:
    value = pl.col(part.column)
    if not part.cuts:
        return value.cast(pl.String)
    number = value.cast(pl.Float64)
    ranges: Any = pl.when(number.is_null() | number.is_nan()).then(None)
    for cut, name in zip(part.cuts, range_names(part.cuts), strict=False):
        ranges = ranges.when(number < cut).then(pl.lit(name))
    named: pl.Expr = ranges.otherwise(pl.lit(range_names(part.cuts)[-1]))
    return named


def range_names(cuts: Sequence[float]) -> list[str]:
    """How the ranges between the cuts are called; each holds its lower end."""
    middle = [f"{low:g} to {high:g}" for low, high in pairwise(cuts)]
    return [f"below {cuts[0]:g}", *middle, f"{cuts[-1]:g} or more"]


def _is_text(kind: pl.DataType) -> bool:
    return kind == pl.String or isinstance(kind, pl.Categorical | pl.Enum)


def _lower(value: pl.Expr) -> pl.Expr:
    return value.cast(pl.String).str.to_lowercase().str.strip_chars()


def _files(config: Config, path: str) -> list[Path]:
    target = config.root / path
    if "*" not in path and not target.exists():
        raise _missing(str(target))
    return find_files(path, config.root, where="evaluation.predictions")


def _missing(where: str) -> DataError:
    return DataError(
        "the file does not exist", where=where, remedy="run the pipeline that writes it"
    )


def _hold_columns(
    config: Config, wanted: Sequence[str], schema: Mapping[str, object], where: str
) -> None:
    evaluation = config.need_evaluation()
    single = "score" if evaluation.score is not None else "prediction"
    places = {
        **dict.fromkeys(evaluation.slice_columns, "slices"),
        **dict.fromkeys(evaluation.scores.values(), "scores"),
        **({evaluation.weight: "weight"} if evaluation.weight else {}),
        **({evaluation.cluster: "cluster"} if evaluation.cluster else {}),
        **({evaluation.outputs[0]: single} if not evaluation.scores else {}),
        evaluation.label: "label",
        **dict.fromkeys(evaluation.key, "key"),
    }
    for column in wanted:
        if column not in schema:
            place = places[column]
            raise ConfigError(
                f"the predictions table has no column {column!r} (evaluation.{place})",
                where=configs.place_of(config, "evaluation", place),
                remedy=f"mend the name; {Path(where).name} has: {', '.join(schema)}"
                + ("; a CSV file has commas between its columns" if len(schema) == 1 else ""),
            )


def _hold_types(config: Config, schema: Mapping[str, pl.DataType], where: str) -> None:
    evaluation = config.need_evaluation()
    cut = {part.column for part in slice_parts(evaluation) if part.cuts}
    numbers = {*cut, *evaluation.scores.values()}
    if evaluation.score is not None:
        numbers.add(evaluation.score)
    if evaluation.weight is not None:
        numbers.add(evaluation.weight)
    if config.task == "regression":
        numbers |= {evaluation.label, *evaluation.outputs}
    for column, kind in schema.items():
        if kind.is_nested() or kind in (pl.Binary, pl.Object, pl.Duration):
            raise DataError(
                f"the column {column!r} holds {kind}, not plain values",
                where=where,
                remedy="write numbers, text or dates",
            )
        is_answer = column in (evaluation.label, *evaluation.outputs)
        plain = kind.is_numeric() or kind == pl.Boolean
        if (column in numbers and not plain) or (
            is_answer and config.task == "binary" and not plain and not _is_text(kind)
        ):
            raise DataError(
                f"the column {column!r} holds {kind}, not numbers",
                where=where,
                remedy="write the probability of the class, as numbers"
                if column == evaluation.score or column in evaluation.scores.values()
                else "write 0 and 1 for the two classes"
                if is_answer and config.task == "binary"
                else "write numbers",
            )
