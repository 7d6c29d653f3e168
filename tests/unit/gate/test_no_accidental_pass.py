"""Nothing passes by accident: no damage to the tables turns a fail or an error into a pass.

Damages fall into two kinds, and the second needs a reason for what it may do.

Those of the first kind lose, repeat, hide or garble rows, keys, weights, clusters, slices, types or
the file. The candidate below is worse than the baseline on every row alone, by more than the config
tolerates. Whatever rows are left, however they are paired (labels have to agree) and weighed, it is
worse on them, too; so no such damage may ever make it pass.

Those of the second kind change what was asked or answered: labels of both tables alike, the answers
of either model. They make another evaluation set, or another model, and that one may be as good as
the baseline is now: a candidate whose scores are replaced by labels, a baseline that says the same
of every row. Nobody can tell such a table from an honest one. Then a pass must be true: on the very
rows that the two files hold scikit-learn, too, has to find the candidate within every bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from tidegate import config as configs
from tidegate.context import Context
from tidegate.errors import TidegateError
from tidegate.gate.gate import GateReport, gate_model
from tidegate.registry import Registry

Frame = pl.DataFrame
Tables = dict[str, Frame]
Damage = Callable[[Frame, np.random.Generator], Frame]

ROWS = 240
SLICE_ROWS = 30
SIDES = {"candidate": ("candidate",), "baseline": ("baseline",), "both": ("candidate", "baseline")}
SEEDED = settings(
    max_examples=120,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


# --- The tables, each with a good model and one that is worse on every row ---------------------


def rows(rng: np.random.Generator) -> Frame:
    number = np.arange(ROWS)
    return pl.DataFrame(
        {
            "id": number,
            "weight": rng.uniform(0.5, 1.5, ROWS),
            "day": number % 20,
            "country": np.array(["DE", "FR", "IT"])[rng.integers(0, 3, ROWS)],
        }
    )


def binary(rng: np.random.Generator, good: bool) -> Frame:
    label = np.arange(ROWS) % 2
    sure = rng.uniform(0.8, 0.95, ROWS) if good else rng.uniform(0.3, 0.45, ROWS)
    return pl.DataFrame({"label": label, "answer": np.where(label == 1, sure, 1 - sure)})


def regression(rng: np.random.Generator, good: bool) -> Frame:
    label = np.random.default_rng(1).uniform(1, 2, ROWS)
    off = rng.uniform(-0.1, 0.1, ROWS) if good else rng.uniform(1, 2, ROWS)
    return pl.DataFrame({"label": label, "answer": label + off})


def multiclass(rng: np.random.Generator, good: bool) -> Frame:
    label = np.arange(ROWS) % 3
    right = rng.uniform(0.7, 0.9, ROWS) if good else rng.uniform(0.1, 0.2, ROWS)
    chances = np.repeat(((1 - right) / 4)[:, None], 3, axis=1)
    chances[np.arange(ROWS), (label + 1) % 3] *= 3
    chances[np.arange(ROWS), label] = right
    names = {f"p{number}": chances[:, number] for number in range(3)}
    return pl.DataFrame({"label": np.array(["a", "b", "c"])[label], **names})


@dataclass(frozen=True)
class Task:
    """A task with its bounds. answers: the columns in which a model speaks."""

    name: str
    make: Callable[[np.random.Generator, bool], Frame]
    evaluation: dict[str, Any]
    answers: tuple[str, ...]
    bounds: dict[str, dict[str, float]]


def tolerated(*names: str) -> dict[str, dict[str, float]]:
    return {name: {"max-regression": 0.1} for name in names}


SCORE = {"score": "answer"}
TASKS = (
    Task("binary", binary, SCORE, ("answer",), tolerated("roc-auc")),
    Task("binary", binary, SCORE, ("answer",), tolerated("accuracy", "recall", "f1")),
    Task("binary", binary, SCORE, ("answer",), tolerated("log-loss", "brier-score")),
    Task("binary", binary, SCORE, ("answer",), tolerated("expected-calibration-error")),
    Task("binary", binary, SCORE, ("answer",), tolerated("balanced-accuracy", "precision")),
    Task("binary", binary, SCORE, ("answer",), {"roc-auc": {"min": 0.8}}),
    Task("binary", binary, SCORE, ("answer",), {"log-loss": {"max": 0.6}}),
    Task("regression", regression, {"prediction": "answer"}, ("answer",), tolerated("mae", "r2")),
    Task("regression", regression, {"prediction": "answer"}, ("answer",),
         tolerated("rmse", "bias", "median-absolute-error")),
    Task("regression", regression, {"prediction": "answer"}, ("answer",), {"mae": {"max": 0.5}}),
    Task("multiclass", multiclass, {"scores": {"a": "p0", "b": "p1", "c": "p2"}},
         ("p0", "p1", "p2"), tolerated("accuracy", "log-loss", "macro-f1")),
)  # fmt: skip


def tables_of(task: Task, *, candidate_is_good: bool) -> Tables:
    world = rows(np.random.default_rng(0))
    return {
        side: world.hstack(task.make(np.random.default_rng(seed), good))
        for seed, (side, good) in enumerate((("candidate", candidate_is_good), ("baseline", True)))
    }


# --- Damages of the first kind ----------------------------------------------------------------


def some(rng: np.random.Generator, height: int) -> pl.Series:
    """Few rows, about half, or nearly all."""
    share = rng.choice([0.01, 0.5, 0.97])
    return pl.Series(rng.random(height) < share, dtype=pl.Boolean)


def put(column: str, value: object, kind: type[pl.DataType] = pl.Float64) -> Damage:
    """A value in some rows of a column; in a column of another type, too."""

    def damage(table: Frame, rng: np.random.Generator) -> Frame:
        if column not in table.columns:
            return table
        chosen = pl.lit(some(rng, table.height))
        literal = pl.lit(value) if value is not None else pl.lit(None, table[column].dtype)
        if isinstance(value, float) and table[column].dtype != pl.String:
            table = table.with_columns(pl.col(column).cast(kind, strict=False))
        elif isinstance(value, float | str):
            table = table.with_columns(pl.col(column).cast(pl.String))
            literal = literal.cast(pl.String)
        return table.with_columns(pl.when(chosen).then(literal).otherwise(column).alias(column))

    return damage


def every(column: str, value: pl.Expr) -> Damage:
    def damage(table: Frame, rng: np.random.Generator) -> Frame:
        return table.with_columns(value.alias(column)) if column in table.columns else table

    return damage


def cast(column: str, kind: pl.DataType | type[pl.DataType]) -> Damage:
    def damage(table: Frame, rng: np.random.Generator) -> Frame:
        if column not in table.columns:
            return table
        return table.with_columns(pl.col(column).cast(kind, strict=False))

    return damage


def swap(one: str, other: str) -> Damage:
    return lambda table, rng: table.rename({one: other, other: one}, strict=False)


def rename(column: str) -> Damage:
    def damage(table: Frame, rng: np.random.Generator) -> Frame:
        new = f"{column}_"
        if new in table.columns:
            return table.drop(column, strict=False)
        return table.rename({column: new}, strict=False)

    return damage


def heavy(table: Frame, rng: np.random.Generator) -> Frame:
    """Nearly all of the weight on few rows, or all of it in another unit."""
    unit = float(rng.choice([1e-300, 1e-160, 1e-3, 1e3, 1e160, 1e300]))
    chosen = pl.lit(some(rng, table.height))
    return every("weight", pl.when(chosen).then(pl.lit(unit)).otherwise(1.0))(table, rng)


def shrink(table: Frame, rng: np.random.Generator) -> Frame:
    return table.sample(min(table.height, int(rng.choice([0, 1, 2, 5, 8, 30]))), seed=1)


def one_slice(table: Frame, rng: np.random.Generator) -> Frame:
    if "country" not in table.columns:
        return table
    return table.filter(pl.col("country").cast(pl.String) == "DE")


def shift_keys(table: Frame, rng: np.random.Generator) -> Frame:
    if "id" not in table.columns or not table["id"].dtype.is_integer():
        return table
    return table.with_columns(pl.col("id") + int(rng.integers(1, 5)))


ID = pl.col("id")
LOSSES: dict[str, Damage] = {
    "nothing": lambda table, rng: table,
    "rows dropped": lambda table, rng: table.filter(~some(rng, table.height)),
    "rows repeated": lambda table, rng: pl.concat([table, table.filter(some(rng, table.height))]),
    "rows shuffled": lambda table, rng: table.sample(fraction=1, shuffle=True, seed=2),
    "shrunk": shrink,
    "one slice left": one_slice,
    "keys shifted": shift_keys,
    "keys from text": cast("id", pl.String),
    "keys as floats": cast("id", pl.Float64),
    "keys cut short": cast("id", pl.Int8),
    "keys null": put("id", None),
    "keys NaN": put("id", math.nan),
    "labels null": put("label", None),
    "labels NaN": put("label", math.nan),
    "labels infinite": put("label", math.inf),
    "labels as text": cast("label", pl.String),
    "labels as floats": cast("label", pl.Float32),
    "weights zero": put("weight", 0.0),
    "weights all zero": every("weight", pl.lit(0.0)),
    "weights negative": put("weight", -1.0),
    "weights NaN": put("weight", math.nan),
    "weights infinite": put("weight", math.inf),
    "weights null": put("weight", None),
    "weights as text": cast("weight", pl.String),
    "weights heavy": heavy,
    "clusters constant": every("day", pl.lit(1)),
    "clusters null": put("day", None),
    "clusters NaN": put("day", math.nan),
    "clusters gone": every("day", pl.lit(None)),
    "a cluster a row": every("day", pl.int_range(pl.len())),
    "slices null": put("country", None),
    "slices odd": put("country", "\x00\n|漢"),
    "slices renamed": every("country", pl.lit("XX")),
    "slice and cluster swapped": swap("country", "day"),
    "key and cluster swapped": swap("id", "day"),
    "weight and cluster swapped": swap("weight", "day"),
    **{f"{name} renamed": rename(name) for name in ("id", "label", "weight", "day", "country")},
}


# Of these a verdict is left more often than not; by themselves the others mostly give an error.
GENTLE = [
    "rows dropped", "rows shuffled", "shrunk", "one slice left", "keys shifted", "keys from text",
    "labels as text", "labels as floats", "weights zero", "weights heavy", "clusters null",
    "clusters NaN", "a cluster a row", "slices null", "slices odd", "slices renamed",
    "slice and cluster swapped",
]  # fmt: skip


def answer_losses(answer: str) -> dict[str, Damage]:
    return {
        "answers null": put(answer, None),
        "answers NaN": put(answer, math.nan),
        "answers infinite": put(answer, math.inf),
        "answers as text": cast(answer, pl.String),
        "answers renamed": rename(answer),
    }


# --- Damages of the second kind ---------------------------------------------------------------


def shuffled(column: str) -> Damage:
    return lambda table, rng: (
        table.with_columns(pl.col(column).shuffle(seed=int(rng.integers(100))))
        if column in table.columns
        else table
    )


def from_labels(answer: str) -> Damage:
    """The label of another row as the answer."""

    def damage(table: Frame, rng: np.random.Generator) -> Frame:
        if not {answer, "label"} <= {*table.columns} or table["label"].dtype == pl.String:
            return table
        other = pl.col("label").cast(pl.Float64, strict=False).shift(1, fill_value=0.0)
        chosen = pl.lit(some(rng, table.height))
        return table.with_columns(pl.when(chosen).then(other).otherwise(answer).alias(answer))

    return damage


def signed(answer: str) -> Damage:
    """Zeros that differ in their sign alone, and so tell the label to whoever looks at the bits."""

    def damage(table: Frame, rng: np.random.Generator) -> Frame:
        if not {answer, "label"} <= {*table.columns}:
            return table
        is_one = pl.col("label").cast(pl.Float64, strict=False) == 1
        return table.with_columns(pl.when(is_one).then(0.0).otherwise(-0.0).alias(answer))

    return damage


def scaled(answer: str, factor: float) -> Damage:
    def damage(table: Frame, rng: np.random.Generator) -> Frame:
        if answer not in table.columns or not table[answer].dtype.is_numeric():
            return table
        return table.with_columns(pl.col(answer) * factor)

    return damage


def changes(answer: str) -> dict[str, Damage]:
    return {
        "answers constant": every(answer, pl.lit(0.5)),
        "answers zero": every(answer, pl.lit(0.0)),
        "answers shuffled": shuffled(answer),
        "answers from labels": from_labels(answer),
        "answers put to zero": put(answer, 0.0),
        "answers put to minus zero": put(answer, -0.0),
        "answers put to one": put(answer, 1.0),
        "answers of signed zeros": signed(answer),
        "answers tiny": scaled(answer, 1e-300),
        "answers huge": scaled(answer, 1e300),
        "answers negative": scaled(answer, -1.0),
        "answer and label swapped": swap(answer, "label"),
        "answer and weight swapped": swap(answer, "weight"),
        "label and weight swapped": swap("label", "weight"),
        "label and cluster swapped": swap("label", "day"),
        "labels shuffled": shuffled("label"),
        "labels constant": every("label", pl.lit(1.0)),
    }


# --- Judging ----------------------------------------------------------------------------------


def no_registry() -> Registry:
    raise AssertionError("the registry was asked")


@dataclass(frozen=True)
class Setting:
    """What the config says besides the bounds."""

    clustered: bool
    weighted: bool
    sliced: bool
    unpaired: int | str
    parts: int | None


SETTINGS = st.builds(
    Setting,
    clustered=st.booleans(),
    weighted=st.booleans(),
    sliced=st.booleans(),
    # Where no row may be alone most damages end in that error; so often any row may.
    unpaired=st.sampled_from([0, "100%", "100%"]),
    parts=st.sampled_from([None, None, None, 2]),
)


def judged(folder: Path, task: Task, tables: Tables, setting: Setting, cut: str = "") -> str:
    """The verdict, or `error`. Any exception that is no TidegateError is a failure of the test.

    cut: the side whose file is cut off.
    """
    evaluation = {
        "predictions": "candidate.parquet",
        "key": "id",
        "label": "label",
        **task.evaluation,
        **({"cluster": "day"} if setting.clustered else {}),
        **({"weight": "weight"} if setting.weighted else {}),
        **({"slices": ["country"]} if setting.sliced else {}),
        "max-unpaired-rows": setting.unpaired,
    }
    by_slice = {"slice-metrics": task.bounds} if setting.sliced else {}
    # By default a slice that the rows cannot decide is but a warning: the config's word, too.
    rules = {"min-slice-rows": SLICE_ROWS, "on-inconclusive-slice": "fail"}
    gate = {"metrics": task.bounds, **rules, **by_slice}
    body = {"service": "shop", "task": task.name, "evaluation": evaluation, "gate": gate}
    (folder / "tidegate.yaml").write_text(yaml.safe_dump(body))
    for side, table in tables.items():
        file = folder / f"{side}.parquet"
        table.write_parquet(file)
        if side == cut:
            file.write_bytes(file.read_bytes()[: -file.stat().st_size // 3])
    try:
        return str(judge(folder, setting).verdict)
    except TidegateError as error:
        assert error.what  # noqa: PT017 - any known error will do here, as long as it speaks
        return "error"


def judge(folder: Path, setting: Setting) -> GateReport:
    return gate_model(
        configs.load(folder / "tidegate.yaml"),
        Context(environ={"TIDEGATE_COMMIT": "c0ffee"}),
        baseline="baseline.parquet",
        open_registry=no_registry,
        parts=setting.parts,
    )


def truth(task: Task, tables: Tables, setting: Setting) -> dict[str, tuple[float, float]]:
    """{metric: (candidate, baseline)} on the paired rows, as scikit-learn has it."""
    both = tables["candidate"].join(
        tables["baseline"].select("id", *task.answers), on="id", suffix=".baseline"
    )
    label = both["label"].to_numpy()
    if task.name == "binary":
        label = both["label"].cast(pl.Float64).to_numpy()
    weight = both["weight"].to_numpy() if setting.weighted else np.ones(both.height)
    values = []
    for suffix in ("", ".baseline"):
        answer = both.select(f"{name}{suffix}" for name in task.answers).to_numpy()
        values.append(
            {name: _value(name, label, np.squeeze(answer), weight) for name in task.bounds}
        )
    return {name: (values[0][name], values[1][name]) for name in task.bounds}


def _value(name: str, label: Any, answer: Any, weight: Any) -> float:
    given = {"sample_weight": weight}
    if answer.ndim == 2:
        classes = ["a", "b", "c"]
        if name == "log-loss":
            return float(sk.log_loss(label, answer, labels=classes, **given))
        answer = np.array(classes)[answer.argmax(axis=1)]
        if name == "macro-f1":
            return float(sk.f1_score(label, answer, average="macro", **given))
        return float(sk.accuracy_score(label, answer, **given))
    if name == "expected-calibration-error":
        bins = np.minimum((answer * 15).astype(int), 14)
        gaps = np.bincount(bins, weights=weight * (label - answer))
        return float(np.abs(gaps).sum() / weight.sum())
    if name == "bias":
        return float(abs(np.average(answer - label, weights=weight)))
    known: dict[str, Callable[..., float]] = {
        "roc-auc": sk.roc_auc_score,
        "log-loss": lambda *a, **k: sk.log_loss(*a, labels=[0, 1], **k),
        "brier-score": sk.brier_score_loss,
        "mae": sk.mean_absolute_error,
        "rmse": sk.root_mean_squared_error,
        "r2": sk.r2_score,
        "median-absolute-error": sk.median_absolute_error,
    }
    if name in known:
        return float(known[name](label, answer, **given))
    by_class: dict[str, Callable[..., float]] = {
        "accuracy": sk.accuracy_score,
        "balanced-accuracy": sk.balanced_accuracy_score,
        "recall": sk.recall_score,
        "precision": lambda *a, **k: sk.precision_score(*a, zero_division=0, **k),
        "f1": sk.f1_score,
    }
    return float(by_class[name](label, answer >= 0.5, **given))


HIGHER = {"roc-auc", "accuracy", "balanced-accuracy", "recall", "precision", "f1", "r2", "macro-f1"}


def is_within(task: Task, found: dict[str, tuple[float, float]]) -> bool:
    """Whether every bound holds for the values themselves; a pass needs that, and more."""
    for name, bound in task.bounds.items():
        candidate, baseline = found[name]
        harm = baseline - candidate if name in HIGHER else candidate - baseline
        if (
            harm > bound.get("max-regression", math.inf) + 1e-9
            or candidate < bound.get("min", -math.inf) - 1e-9
            or candidate > bound.get("max", math.inf) + 1e-9
        ):
            return False
    return True


def done(tables: Tables, damages: list[tuple[str, str, int]], known: dict[str, Damage]) -> Tables:
    """damages: (name, side, seed); the same seed on both sides damages the same rows."""
    for name, side, seed in damages:
        for each in SIDES[side]:
            damage = known[name]
            tables = {**tables, each: damage(tables[each], np.random.default_rng(seed))}
    return tables


def drawn(data: st.DataObject, names: list[str], least: int = 1) -> list[tuple[str, str, int]]:
    damage = st.tuples(st.sampled_from(names), st.sampled_from(sorted(SIDES)), st.integers(0, 9))
    return data.draw(st.lists(damage, min_size=least, max_size=3))


# --- The properties ---------------------------------------------------------------------------

PLAIN = Setting(clustered=False, weighted=False, sliced=True, unpaired=0, parts=None)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: f"{task.name}-{'-'.join(task.bounds)}")
def test_undamaged__worse_fails_and_good_passes(tmp_path: Path, task: Task) -> None:
    """Otherwise the properties below would hold for a gate that says the same of everything."""
    worse = tables_of(task, candidate_is_good=False)
    assert judged(tmp_path, task, worse, PLAIN) == "fail"
    assert not is_within(task, truth(task, worse, PLAIN))
    good = tables_of(task, candidate_is_good=True)
    assert judged(tmp_path, task, good, PLAIN) == "pass"
    assert is_within(task, truth(task, good, PLAIN))


EVERYTHING = Setting(clustered=True, weighted=True, sliced=True, unpaired="100%", parts=None)


@pytest.mark.parametrize("name", [*LOSSES, *answer_losses("")])
def test_fail__survives_each_loss_alone(tmp_path: Path, name: str) -> None:
    for task in (TASKS[0], TASKS[7]):
        known = {**LOSSES, **answer_losses(task.answers[0])}
        for side in SIDES:
            tables = done(tables_of(task, candidate_is_good=False), [(name, side, 3)], known)
            assert judged(tmp_path, task, tables, EVERYTHING) != "pass", (task.name, side)


@pytest.mark.parametrize("name", changes(""))
def test_fail__becomes_no_false_pass_by_a_change_alone(tmp_path: Path, name: str) -> None:
    for task in (TASKS[0], TASKS[2], TASKS[7]):
        for side in SIDES:
            damages = [(name, side, 3)]
            known = changes(task.answers[0])
            tables = done(tables_of(task, candidate_is_good=False), damages, known)
            if judged(tmp_path, task, tables, EVERYTHING) == "pass":
                assert is_within(task, truth(task, tables, EVERYTHING)), (task.name, side)


@SEEDED
@given(data=st.data(), task=st.sampled_from(TASKS), setting=SETTINGS)
def test_fail__survives_whatever_is_lost_or_garbled(
    tmp_path: Path, data: st.DataObject, task: Task, setting: Setting
) -> None:
    """Damages of the first kind: never a pass."""
    known = {**LOSSES, **answer_losses(task.answers[0])}
    damages = drawn(data, data.draw(st.sampled_from([GENTLE, list(known)])))
    cut = data.draw(st.sampled_from([*[""] * 18, "candidate", "baseline"]))
    tables = done(tables_of(task, candidate_is_good=False), damages, known)
    assert judged(tmp_path, task, tables, setting, cut) != "pass"


@SEEDED
@given(data=st.data(), task=st.sampled_from(TASKS), setting=SETTINGS)
def test_fail__becomes_a_pass_only_where_the_changed_answers_are_good(
    tmp_path: Path, data: st.DataObject, task: Task, setting: Setting
) -> None:
    """Damages of the second kind, among the first: a pass is true of the tables as they are."""
    other = changes(task.answers[0])
    known = {**LOSSES, **other}
    more = data.draw(st.sampled_from([GENTLE, list(known)]))
    damages = drawn(data, list(other)) + drawn(data, more, least=0)
    tables = done(tables_of(task, candidate_is_good=False), damages, known)
    if judged(tmp_path, task, tables, setting) == "pass":
        assert is_within(task, truth(task, tables, setting))


def turned(label: pl.Series) -> pl.Series:
    """Another label in every row, in whatever type."""
    if label.dtype.is_numeric():
        return 1 - label
    return label.replace(
        {"0": "1", "1": "0", "0.0": "1.0", "1.0": "0.0", "a": "b", "b": "c", "c": "a"}
    )


def last(name: str, table: Frame, answer: str) -> Frame:
    """What is an error by itself, in one row or in all."""
    first = pl.int_range(pl.len()) == 0

    def at_first(column: str, value: object) -> Frame:
        return table.with_columns(pl.when(first).then(value).otherwise(column).alias(column))

    made: dict[str, Callable[[], Frame]] = {
        "repeated": lambda: pl.concat([table, table.head(1)]),
        "label turned": lambda: table.with_columns(turned(table["label"])),
        "label null": lambda: at_first("label", None),
        "answer null": lambda: at_first(answer, None),
        "answer NaN": lambda: at_first(answer, math.nan),
        "answer infinite": lambda: at_first(answer, math.inf),
        "answer nested": lambda: table.with_columns(pl.concat_list(answer).alias(answer)),
        "answer gone": lambda: table.drop(answer),
        "label gone": lambda: table.drop("label"),
        "key gone": lambda: table.drop("id"),
        "a row alone": lambda: pl.concat([table, table.tail(1).with_columns(ID + 10_000)]),
        "rows gone": lambda: table.clear(),
    }
    return made[name]()


ERRORS = ("repeated", "label turned", "label null", "answer null", "answer NaN", "answer infinite",
          "answer nested", "answer gone", "label gone", "key gone", "a row alone",
          "rows gone")  # fmt: skip


@SEEDED
@given(
    data=st.data(),
    task=st.sampled_from(TASKS),
    setting=SETTINGS,
    error=st.sampled_from(ERRORS),
    side=st.sampled_from(["candidate", "baseline"]),
)
def test_error__survives_whatever_else_is_damaged(
    tmp_path: Path, data: st.DataObject, task: Task, setting: Setting, error: str, side: str
) -> None:
    """Here the candidate is good and would pass: one such row, and nothing is judged at all.

    The error comes last, so that no other damage can have mended it. Those before it are harmless
    or not: a table that cannot be judged anyhow is an error, too.
    """
    answer = task.answers[0]
    known = {**LOSSES, **changes(answer)}
    names = data.draw(st.sampled_from([GENTLE, list(known)]))
    if error == "label turned":  # keys shifted by one row would turn them back
        names = [name for name in GENTLE if name != "keys shifted"]
    tables = done(tables_of(task, candidate_is_good=True), drawn(data, names), known)
    table = tables[side]
    if {"id", "label", answer} <= {*table.columns} and not table.is_empty():
        is_alone = error == "a row alone"
        assume(table["id"].dtype == pl.Int64 or not is_alone)
        assume(table[answer].dtype.is_float() or error not in ("answer NaN", "answer infinite"))
        setting = replace(setting, unpaired=0) if is_alone else setting
        tables = {**tables, side: last(error, table, answer)}
    assert judged(tmp_path, task, tables, setting) == "error"


# --- A slice alone ----------------------------------------------------------------------------


def one_bad_slice() -> Tables:
    """As good as the baseline but for one country, where it is wrong on every row."""
    good, bad = (tables_of(TASKS[0], candidate_is_good=is_good) for is_good in (True, False))
    swapped = pl.concat(
        [good["candidate"].filter(pl.col("country") != "IT"),
         bad["candidate"].filter(pl.col("country") == "IT")]
    )  # fmt: skip
    return {"candidate": swapped.sort("id"), "baseline": good["baseline"]}


SLICED = Task("binary", binary, SCORE, ("answer",), {"accuracy": {"max-regression": 0.5}})


def test_undamaged__one_bad_slice_fails(tmp_path: Path) -> None:
    assert judged(tmp_path, SLICED, one_bad_slice(), PLAIN) == "fail"
    without = Setting(clustered=False, weighted=False, sliced=False, unpaired=0, parts=None)
    assert judged(tmp_path, SLICED, one_bad_slice(), without) == "pass"


def bad_rows_left(tables: Tables, setting: Setting) -> int:
    """How many rows of the bad slice are still judged, if either table is asked.

    Where both say otherwise there is no such slice. Where one still has it, there is: a column
    garbled on the other side alone lets nobody off.
    """
    candidate, baseline = tables.values()
    paired = {*candidate["id"]} & {*baseline["id"]}
    if setting.weighted:
        paired &= {*candidate.filter(pl.col("weight") > 0)["id"]}
    named = [table for table in tables.values() if "country" in table.columns]
    italy = [table.filter(pl.col("country").cast(pl.String) == "IT")["id"] for table in named]
    return max(len({*rows} & paired) for rows in italy)


@pytest.mark.parametrize("name", [*LOSSES, *answer_losses("answer")])
def test_bad_slice__fails_after_each_loss_alone(tmp_path: Path, name: str) -> None:
    known = {**LOSSES, **answer_losses("answer")}
    for side in SIDES:
        tables = done(one_bad_slice(), [(name, side, 3)], known)
        if judged(tmp_path, SLICED, tables, EVERYTHING) == "pass":
            assert bad_rows_left(tables, EVERYTHING) < SLICE_ROWS, side


@SEEDED
@given(data=st.data(), setting=SETTINGS.filter(lambda setting: setting.sliced))
def test_bad_slice__fails_as_long_as_enough_of_its_rows_are_left(
    tmp_path: Path, data: st.DataObject, setting: Setting
) -> None:
    """Too few rows are not judged (min-slice-rows), and a note says so: the config's own word."""
    known = {**LOSSES, **answer_losses("answer")}
    names = data.draw(st.sampled_from([GENTLE, list(known)]))
    tables = done(one_bad_slice(), drawn(data, names), known)
    if judged(tmp_path, SLICED, tables, setting) == "pass":
        assert bad_rows_left(tables, setting) < SLICE_ROWS
