"""What pyfunc models answer with, as the columns of the evaluation. No environment is made here."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from tidegate import config as configs
from tidegate.config import Config
from tidegate.gate.scoring import program as score_model
from tidegate.gate.scoring.answer import output_columns
from tidegate.gate.scoring.exchange import Unscorable, read_answer, write_inputs

BINARY = "task: binary", "score: p"
CLASS = "task: binary", "prediction: guess"
SPECIES = "task: multiclass", "scores: {dog: p_dog, ant: p_ant, cat: p_cat}"
NUMBER = "task: regression", "prediction: price"
SHARES = np.array([[0.2, 0.7, 0.1], [0.5, 0.25, 0.25]])
PROBABILITIES = np.array([[0.75, 0.25], [0.5, 0.5]])

Read = Callable[..., list[list[Any]]]


class Classifier:
    """A model with scikit-learn's `classes_`, as MLflow's get_raw_model gives it."""

    def __init__(self, classes: Any):
        self.classes_ = np.asarray(classes)

    def get_raw_model(self) -> Any:
        return self


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """The output columns of an answer to two rows, through the files that the program writes."""

    def config(task: str, output: str) -> Config:
        path = tmp_path / "tidegate.yaml"
        path.write_text(
            f"service: shop\n{task}\nevaluation: "
            f"{{predictions: p.parquet, key: id, label: label, {output}}}\n"
        )
        return configs.load(path)

    def run(kind: tuple[str, str], result: Any, classes: Any = None) -> list[list[Any]]:
        arrays: dict[str, Any] = {}
        columns = [
            score_model.describe(name, values, f"c{number}", arrays)
            for number, (name, values) in enumerate(score_model.columns_of(result, 2))
        ]
        known = None if classes is None else score_model.classes_of(Classifier(classes))
        np.savez(tmp_path / "answer.npz", allow_pickle=False, **arrays)
        (tmp_path / "answer.json").write_text(json.dumps({"columns": columns, "classes": known}))
        answer = read_answer(tmp_path)
        given = config(*kind)
        outputs = output_columns(answer, given, 2)  # type: ignore[arg-type]
        assert [column.name for column in outputs] == given.need_evaluation().outputs
        return [column.to_list() for column in outputs]

    return run


@pytest.mark.parametrize(
    "result",
    [
        np.array([0.25, 0.5]),
        np.array([[0.25], [0.5]], dtype=np.float32),
        [0.25, 0.5],
        pd.Series([0.25, 0.5]),
        pd.Series([0.5, 0.25], index=[1, 0]),  # sorted by the model, which says so
        pd.DataFrame({"prediction": [0.25, 0.5]}),
        pd.DataFrame({"class": [0, 1], "p": [0.25, 0.5]}),
        PROBABILITIES,
        pd.DataFrame(PROBABILITIES),
        PROBABILITIES.tolist(),
        {"p": np.array([0.25, 0.5]), "class": np.array([0, 1])},
    ],
)
def test_output_columns__score_of_two_classes(read: Read, result: Any) -> None:
    assert read(BINARY, result) == [[0.25, 0.5]]


def test_output_columns__named_score_may_be_certain(read: Read) -> None:
    assert read(BINARY, pd.DataFrame({"p": [0.0, 1.0]})) == [[0.0, 1.0]]
    assert read(BINARY, np.array([[1.0, 0.0], [0.0, 1.0]])) == [[0.0, 1.0]]


@pytest.mark.parametrize(
    ("classes", "expected"), [(["bad", "good"], [0.75, 0.5]), (["awful", "bad"], [0.25, 0.5])]
)
def test_output_columns__positive_label_is_the_column_that_the_model_says(
    read: Read, classes: list[str], expected: list[float]
) -> None:
    text = BINARY[0], BINARY[1] + ", positive-label: bad"
    assert read(text, PROBABILITIES, classes) == [expected]


@pytest.mark.parametrize(
    "result",
    [
        np.array([0, 1]),
        np.array([False, True]),
        pd.DataFrame({"p": [0, 1]}),
        np.array(["no", "yes"]),
        pd.Series(["no", "yes"], dtype="category"),
        np.array([0.0, 1.0]),
        np.array([[1, 0], [0, 1]]),
    ],
)
def test_output_columns__classes_where_a_probability_is_asked_for_are_unscorable(
    read: Read, result: Any
) -> None:
    with pytest.raises(Unscorable) as raised:
        read(BINARY, result)
    assert 'pyfunc_predict_fn="predict_proba"' in str(raised.value.remedy)


@pytest.mark.parametrize(
    ("kind", "result", "said"),
    [
        (BINARY, np.array([0.5]), "answered 2 rows with 1"),
        (BINARY, np.array([0.5, 0.5, 0.5]), "answered 2 rows with 3"),
        (BINARY, pd.DataFrame({"p": [0.5]}), "answered 2 rows with 1 in the column 'p'"),
        (BINARY, np.array([0.5, np.nan]), "1 of its answers are missing"),
        (BINARY, np.array([0.5, np.inf]), "1 of its answers are missing"),
        (BINARY, [0.5, None], "1 of its answers are missing"),
        (BINARY, pd.array([0.5, None], dtype="Float64"), "1 of its answers are missing"),
        (BINARY, np.array([-3.5, 2.0]), "2 of its answers for 'p' are outside 0 to 1"),
        (BINARY, SHARES, "answers with 3 columns, and not with p"),
        (BINARY, pd.DataFrame({"a": [0.1, 0.2], "b": [0.9, 0.8]}), "with the columns a, b, and"),
        (BINARY, pd.DataFrame(index=range(2)), "answers with 0 columns, and not with p"),
        (CLASS, np.array([0.2, 0.7]), "probabilities or other broken numbers"),
        (CLASS, PROBABILITIES, "answers with 2 columns, and not with guess"),
        (CLASS, np.array(["no", None], dtype=object), "1 of its answers are missing"),
        (NUMBER, np.array(["1", "2"]), "answers with text such as '1'"),
        (NUMBER, np.array([1.0, np.nan]), "1 of its answers are missing"),
        (NUMBER, PROBABILITIES, "answers with 2 columns, and not with price"),
        (SPECIES, np.array(["ant", "cat"]), "answers with one column"),
        (SPECIES, PROBABILITIES, "answers with 2 columns, and evaluation.scores names 3"),
        (SPECIES, pd.DataFrame(SHARES, columns=["p_dog", "p_ant", "c"]), "not with p_cat"),
        (SPECIES, pd.DataFrame(SHARES, columns=["a", "b", "c"]), "with the columns a, b, c, and"),
        (SPECIES, SHARES + 1, "outside 0 to 1"),
    ],
)
def test_output_columns__answer_that_does_not_fit_is_unscorable(
    read: Read, kind: tuple[str, str], result: Any, said: str
) -> None:
    with pytest.raises(Unscorable, match=said) as raised:
        read(kind, result)
    assert raised.value.remedy


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (np.array([0, 1]), [0, 1]),
        (np.array([0.0, 1.0]), [0.0, 1.0]),
        (np.array([False, True]), [0, 1]),
        (np.array(["no", "yes"]), ["no", "yes"]),
        (pd.DataFrame({"p": [0.1, 0.9], "guess": ["no", "yes"]}), ["no", "yes"]),
        (pd.Series(["no", "yes"], dtype="category"), ["no", "yes"]),
    ],
)
def test_output_columns__class(read: Read, result: Any, expected: list[Any]) -> None:
    assert read(CLASS, result) == [expected]


def test_output_columns__value(read: Read) -> None:
    assert read(NUMBER, np.array([3, 4])) == [[3.0, 4.0]]
    assert read(NUMBER, pd.DataFrame({"price": [0.5, 1e9], "low": [0.1, 0.2]})) == [[0.5, 1e9]]


def test_output_columns__probability_of_each_class_by_name(read: Read) -> None:
    result = pd.DataFrame(SHARES, columns=["p_ant", "p_cat", "p_dog"])
    assert read(SPECIES, result) == [[0.1, 0.25], [0.2, 0.5], [0.7, 0.25]]


def test_output_columns__probability_of_each_class_in_sorted_order(read: Read) -> None:
    assert read(SPECIES, SHARES) == [[0.1, 0.25], [0.2, 0.5], [0.7, 0.25]]


def test_output_columns__probability_of_each_class_in_the_order_that_the_model_says(
    read: Read,
) -> None:
    classes = ["dog", "ant", "cat"]
    assert read(SPECIES, SHARES, classes) == [[0.2, 0.5], [0.7, 0.25], [0.1, 0.25]]
    with pytest.raises(Unscorable, match="knows the classes ant, bee, cat, and"):
        read(SPECIES, SHARES, ["ant", "bee", "cat"])


@pytest.mark.parametrize("classes", [[2, 3, 10], [2.0, 3.0, 10.0]])
def test_output_columns__classes_that_are_numbers(read: Read, classes: list[float]) -> None:
    numbers = SPECIES[0], "scores: {'10': p10, '2': p2, '3': p3}"
    assert read(numbers, SHARES, classes) == [[0.1, 0.25], [0.2, 0.5], [0.7, 0.25]]
    # As text 10 sorts before 2: which of both the model did is not for us to guess.
    with pytest.raises(Unscorable, match="does not say in which order"):
        read(numbers, SHARES)


def test_output_columns__class_beside_probabilities_is_the_likeliest(read: Read) -> None:
    both = SPECIES[0], SPECIES[1] + ", prediction: guess"
    assert read(both, SHARES)[0] == ["cat", "ant"]
    named = pd.DataFrame(SHARES, columns=["p_ant", "p_cat", "p_dog"])
    assert read(both, named.assign(guess=["dog", "dog"]))[0] == ["dog", "dog"]


def test_output_columns__positive_label_that_the_model_does_not_know_is_unscorable(
    read: Read,
) -> None:
    text = BINARY[0], BINARY[1] + ", positive-label: bad"
    for classes in (None, [0, 1]):
        with pytest.raises(Unscorable, match="does not say which is the class 'bad'"):
            read(text, PROBABILITIES, classes)


@pytest.mark.parametrize(
    "result",
    [
        np.zeros((2, 1, 1)),
        np.float64(0.5),
        np.array(["2026-01-01", "2026-01-02"], dtype="datetime64[D]"),
        np.array([{}, {}], dtype=object),
        np.array([1j, 2j]),
    ],
)
def test_score_model__answer_of_another_kind_is_refused(read: Read, result: Any) -> None:
    with pytest.raises((ValueError, TypeError), match=r"dimensions|neither number nor text"):
        read(BINARY, result)


def test_read_answer__cut_off_is_none(tmp_path: Path) -> None:
    assert read_answer(tmp_path) is None
    (tmp_path / "answer.json").write_text('{"columns": [')
    assert read_answer(tmp_path) is None


def test_inputs__as_pandas_reads_them_from_parquet(tmp_path: Path) -> None:
    day, moment = dt.date(2026, 1, 31), dt.datetime(2026, 1, 31, 12, 30)
    table = pl.DataFrame(
        {
            "whole": [1, 2],
            "with gap": [1, None],
            "small": pl.Series([1, 2], dtype=pl.Int8),
            "large": pl.Series([1, 2**64 - 1], dtype=pl.UInt64),
            "half": pl.Series([0.5, None], dtype=pl.Float32),
            "truth": [True, False],
            "truth with gap": [True, None],
            "text": ["a", None],
            "no text": pl.Series([None, None], dtype=pl.String),
            "day": [day, None],
            "moment": [moment, None],
            "there": pl.Series([moment, None]).dt.replace_time_zone("Europe/Berlin"),
            "length": [dt.timedelta(hours=1), None],
            "category": pl.Series(["b", None], dtype=pl.Categorical),
            "enum": pl.Series(["b", None], dtype=pl.Enum(["c", "b"])),
            "nothing": [None, None],
        }
    )
    write_inputs(table, tmp_path)
    table.write_parquet(tmp_path / "inputs.parquet")
    expected = pd.read_parquet(tmp_path / "inputs.parquet")
    pd.testing.assert_frame_equal(
        score_model.read_inputs(tmp_path), expected, check_categorical=False
    )


def test_inputs__lists_and_decimals(tmp_path: Path) -> None:
    write_inputs(
        pl.DataFrame({"vector": [[1.0, 2.0], None], "money": [Decimal("1.5"), None]}), tmp_path
    )
    read = score_model.read_inputs(tmp_path)
    assert read["vector"][0].tolist() == [1.0, 2.0]
    assert read["vector"][1] is None
    assert read["money"].to_list() == pytest.approx([1.5, np.nan], nan_ok=True)


def test_inputs__type_that_cannot_be_handed_over_is_unscorable(tmp_path: Path) -> None:
    for value in (b"bytes", {"a": 1}, [{"a": 1}]):
        with pytest.raises(Unscorable, match="input column 'odd' holds"):
            write_inputs(pl.DataFrame({"odd": [value]}), tmp_path)
