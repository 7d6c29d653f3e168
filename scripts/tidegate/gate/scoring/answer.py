"""What a model's `predict` gives, as the output columns that the evaluation names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from tidegate.config import Config, Evaluation
from tidegate.gate.scoring.exchange import Answer, Unscorable

_PROBABILITIES = 'save the model with pyfunc_predict_fn="predict_proba"'


def output_columns(answer: Answer, config: Config, rows: int) -> list[pl.Series]:
    """The columns of `evaluation.outputs`, in that order, one value for each of `rows` rows.

    By name where the answer is a data frame with columns of these names. Else, for `score` one
    column or the second of two; for `scores` a column a class, in the model's own order of classes
    or, where it does not say it, in sorted order; for `prediction` one column.
    Raises Unscorable for an answer that is none of these, or has gaps.
    """
    evaluation = config.need_evaluation()
    for name, column in answer.columns:
        if len(column) != rows:
            raise Unscorable(
                f"it answered {rows} rows with {len(column)}{_called(name)}",
                remedy="a model has to answer every row it is given, in the same order",
            )
    if evaluation.scores:
        columns = _scores(answer, evaluation)
    elif evaluation.score is not None:
        columns = [_score(answer, evaluation, evaluation.score)]
    else:
        columns = [_prediction(answer, evaluation.outputs[0], config.task)]
    return columns


def _score(answer: Answer, evaluation: Evaluation, name: str) -> pl.Series:
    named = _named(answer, name)
    if named is not None:
        return _probability(named, name)
    if len(answer.columns) == 2 and answer.columns[0][0] is None:
        return _probability(answer.columns[_positive(answer, evaluation)][1], name)
    column = _probability(_only_column(answer, name), name)
    # A class written as 0.0 and 1.0 would pass for a probability, and a bad one at that.
    if column.is_in([0.0, 1.0]).all():
        raise Unscorable(
            "it answers 0 or 1 on every row, and evaluation.score asks for a probability",
            remedy=f"{_PROBABILITIES}; a model whose probabilities are so gives a data frame with "
            f"the column {name!r}",
        )
    return column


def _positive(answer: Answer, evaluation: Evaluation) -> int:
    """Which of two columns is the positive class."""
    wanted = evaluation.positive_label
    if wanted is None:
        return 1
    if answer.classes is not None and wanted in answer.classes and len(answer.classes) == 2:
        return answer.classes.index(wanted)
    raise Unscorable(
        f"it answers with two columns, and does not say which is the class {wanted!r} "
        "(evaluation.positive-label)",
        remedy=f"have it give a data frame with the column {evaluation.score!r}",
    )


def _scores(answer: Answer, evaluation: Evaluation) -> list[pl.Series]:
    wanted = evaluation.scores
    found = {column: _named(answer, column) for column in wanted.values()}
    if all(column is None for column in found.values()):
        found = dict(zip(wanted.values(), _by_class(answer, wanted), strict=True))
    missing = [name for name, column in found.items() if column is None]
    if missing:
        raise _no_columns(answer, missing)
    scores = [_probability(column, name) for name, column in found.items() if column is not None]
    if evaluation.prediction is None:
        return scores
    prediction = _named(answer, evaluation.prediction)
    if prediction is None:
        best = np.argmax(np.column_stack([column.to_numpy() for column in scores]), axis=1)
        prediction = pl.Series(np.array(list(wanted))[best])
    return [_filled(prediction).alias(evaluation.prediction), *scores]


def _by_class(answer: Answer, wanted: dict[str, str]) -> list[pl.Series]:
    """Columns without names, in the order of the classes of evaluation.scores."""
    if len(answer.columns) == 1:
        raise Unscorable(
            "it answers with one column, and evaluation.scores asks for a probability of each of "
            f"{len(wanted)} classes",
            remedy=_PROBABILITIES,
        )
    if answer.columns[0][0] is not None:
        raise _no_columns(answer, list(wanted.values()))
    if len(answer.columns) != len(wanted):
        raise Unscorable(
            f"it answers with {len(answer.columns)} columns, and evaluation.scores names "
            f"{len(wanted)} classes",
            remedy="evaluation.scores must name every class that the model knows",
        )
    order = answer.classes
    if order is None or len(order) != len(wanted):
        order = _sorted_names(list(wanted))
    if set(order) != set(wanted):
        raise Unscorable(
            f"it knows the classes {', '.join(order)}, and evaluation.scores names "
            f"{', '.join(wanted)}",
            remedy="name the classes in evaluation.scores as the labels are written",
        )
    return [answer.columns[order.index(name)][1] for name in wanted]


def _sorted_names(names: list[str]) -> list[str]:
    as_text = sorted(names)
    try:
        as_numbers = sorted(names, key=float)
    except ValueError:
        return as_text
    if as_numbers != as_text:
        raise Unscorable(
            "it does not say in which order its classes are, and as numbers "
            f"({', '.join(as_numbers)}) they sort otherwise than as text ({', '.join(as_text)})",
            remedy="have it give a data frame with the columns of evaluation.scores",
        )
    return as_text


def _prediction(answer: Answer, name: str, task: str) -> pl.Series:
    named = _named(answer, name)
    column = _filled(named if named is not None else _only_column(answer, name)).alias(name)
    if task == "regression":
        if column.dtype == pl.String:
            raise Unscorable(
                f"it answers with text such as {column[0]!r}, and a number is asked for",
                remedy="register a model that predicts numbers, or mend task in the config",
            )
        return column.cast(pl.Float64)
    if column.dtype.is_float() and not (column == column.round()).all():
        raise Unscorable(
            "it answers with probabilities or other broken numbers, and evaluation.prediction asks "
            "for a class",
            remedy="save the model with its predict function, or name the column as "
            "evaluation.score",
        )
    return column.cast(pl.Int64) if column.dtype == pl.Boolean else column


def _named(answer: Answer, name: str) -> pl.Series | None:
    return next((column for held, column in answer.columns if held == name), None)


def _only_column(answer: Answer, name: str) -> pl.Series:
    if len(answer.columns) != 1:
        raise _no_columns(answer, [name])
    return answer.columns[0][1]


def _no_columns(answer: Answer, wanted: Sequence[str]) -> Unscorable:
    held = [name for name, _ in answer.columns if name is not None]
    has = f"the columns {', '.join(held)}" if held else f"{len(answer.columns)} columns"
    return Unscorable(
        f"it answers with {has}, and not with {', '.join(wanted)}",
        remedy="have its predict give the columns that the config's evaluation names",
    )


def _probability(column: pl.Series, name: str) -> pl.Series:
    if not column.dtype.is_float():
        raise Unscorable(
            f"it answers with classes such as {column.drop_nulls().head(1).to_list()}, and the "
            f"column {name!r} asks for a probability",
            remedy=_PROBABILITIES,
        )
    column = _filled(column).cast(pl.Float64).alias(name)
    outside = int(((column < 0) | (column > 1)).sum())
    if outside:
        raise Unscorable(
            f"{outside} of its answers for {name!r} are outside 0 to 1",
            remedy=f"a probability is asked for: {_PROBABILITIES}",
        )
    return column


def _filled(column: pl.Series) -> pl.Series:
    gaps = column.null_count()
    if column.dtype.is_float():
        gaps += int((~column.is_finite()).sum())
    if gaps:
        raise Unscorable(
            f"{gaps} of its answers are missing, NaN or infinite",
            remedy="find out on which rows; such an answer cannot be judged",
        )
    return column


def _called(name: str | None) -> str:
    return "" if name is None else f" in the column {name!r}"
