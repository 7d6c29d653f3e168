"""Bad input to the quality gate, item by item: what comes out, and what it says of it.

An error says what is wrong, where, and what to do. What is tolerated is told in a note.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from sklearn.metrics import average_precision_score, roc_auc_score

from tidegate import config as configs
from tidegate.cli import main
from tidegate.context import Context
from tidegate.errors import ConfigError, DataError, TidegateError
from tidegate.gate.gate import GateReport, gate_model
from tidegate.registry import Registry
from tidegate.verdict import Verdict

Gate = Callable[..., GateReport]
Outcome = Callable[..., GateReport | DataError]
Refused = Callable[..., TidegateError]
Table = pl.DataFrame | Path | None
Damage = Callable[[pl.DataFrame], pl.DataFrame]

ROC_AUC = {"metrics": {"roc-auc": {"max-regression": 0.05}}}
LOG_LOSS = {"metrics": {"log-loss": {"max-regression": 0.05}}}
BY_COUNTRY = {
    "metrics": {"roc-auc": {"max-regression": 0.1}},
    "slice-metrics": {"roc-auc": {"max-regression": 0.3}},
}
HIGHER = ("accuracy", "balanced-accuracy", "precision", "recall", "f1", "roc-auc", "pr-auc")
LOWER = ("log-loss", "brier-score", "expected-calibration-error")
id_, bought, score, country = pl.col("id"), pl.col("bought"), pl.col("score"), pl.col("country")


def predictions(seed: int = 1, n: int = 1_200, noise: float = 0.3) -> pl.DataFrame:
    """A binary evaluation set that depends on n alone, and a model's scores on it."""
    world = np.random.default_rng(99)
    signal = world.normal(size=n)
    errors = np.random.default_rng(seed).normal(size=n)
    return pl.DataFrame(
        {
            "id": np.arange(n),
            "bought": (world.random(n) < 1 / (1 + np.exp(-2 * signal))).astype(int),
            "score": 1 / (1 + np.exp(-(signal + noise * errors))),
            "weight": np.ones(n),
            "day": np.arange(n) % 60,
            "country": np.array(["DE", "FR", "IT"])[np.arange(n) % 3],
        }
    )


def answers(seed: int = 2, n: int = 1_200) -> pl.DataFrame:
    """No more than a baseline's table has to hold."""
    return predictions(seed, n).select("id", "bought", "score")


def no_registry() -> Registry:
    raise AssertionError("the registry was asked")


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """Judge two tables, frames or paths; by default the binary ones from above."""

    def run(
        candidate: Table,
        baseline: Table = None,
        rules: dict[str, Any] = ROC_AUC,
        task: str = "binary",
        parts: int | None = None,
        **evaluation: Any,
    ) -> GateReport:
        def place(table: pl.DataFrame | Path, name: str) -> str:
            if isinstance(table, Path):
                return str(table.relative_to(tmp_path))
            table.write_parquet(tmp_path / name)
            return name

        output = {} if {"score", "scores", "prediction"} & {*evaluation} else {"score": "score"}
        named = "missing.parquet" if candidate is None else place(candidate, "candidate.parquet")
        columns = {"predictions": named, "key": "id", "label": "bought", **output, **evaluation}
        body = {"service": "shop", "task": task, "evaluation": columns, "gate": rules}
        (tmp_path / "tidegate.yaml").write_text(yaml.safe_dump(body))
        return gate_model(
            configs.load(tmp_path / "tidegate.yaml"),
            Context(environ={"TIDEGATE_COMMIT": "c0ffee"}),
            baseline="none" if baseline is None else place(baseline, "baseline.parquet"),
            open_registry=no_registry,
            parts=parts,
        )

    return run


@pytest.fixture
def outcome(gate: Gate) -> Outcome:
    """The report, or the error that there is in its place."""

    def run(*tables: Table, **given: Any) -> GateReport | DataError:
        try:
            return gate(*tables, **given)
        except DataError as error:
            return error

    return run


@pytest.fixture
def refused(gate: Gate) -> Refused:
    """That judging is refused, by an error that says what, where and what to do."""

    def run(*tables: Table, what: str, where: str, remedy: str, **given: Any) -> TidegateError:
        with pytest.raises(TidegateError) as caught:
            gate(*tables, **given)
        error = caught.value
        assert re.search(what, error.what), error.what
        assert where in (error.where or ""), error.where
        assert re.search(remedy, error.remedy or ""), error.remedy
        return error

    return run


def same_results(one: GateReport, two: GateReport, scale: float = 1) -> None:
    """The same verdicts, and the same numbers once those of `one` are scaled."""
    for first, second in zip(one.results, two.results, strict=True):
        assert second.judgement.verdict is first.judgement.verdict, first.metric
        for name in ("candidate", "baseline", "harm", "lower", "upper"):
            before, after = (getattr(r.judgement, name) for r in (first, second))
            if before is None:
                assert after is None
            else:
                expected = before * scale
                assert after == pytest.approx(expected, rel=1e-6, abs=1e-9 * scale), (
                    first.metric,
                    name,
                )


def same_or_refused(
    plain: GateReport, found: GateReport | DataError, what: str, scale: float = 1
) -> None:
    """Nothing in between: judged as the plain tables are, or refused by name, with a remedy."""
    if isinstance(found, DataError):
        assert re.search(what, found.what), found.what
        assert found.remedy
    else:
        same_results(plain, found, scale)


def named(report: GateReport, pattern: str) -> bool:
    return any(re.search(pattern, note) for note in report.notes)


# --- Keys -------------------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [None, 3])
@pytest.mark.parametrize("side", ["candidate", "baseline"])
def test_key__that_two_rows_share_is_an_error(
    refused: Refused, side: str, parts: int | None
) -> None:
    tables = {"candidate": predictions(1), "baseline": predictions(2)}
    tables[side] = pl.concat([tables[side], tables[side].filter(id_ == 7)])
    refused(
        *tables.values(), parts=parts,
        what=r"^2 rows share their key with another, such as \{'id': 7\}$",
        where=f"{side}.parquet", remedy="column that tells the rows apart",
    )  # fmt: skip


def test_key__of_nulls_or_nans_names_no_row(refused: Refused) -> None:
    for empty in (None, float("nan")):
        table = predictions().with_columns(
            id=pl.when(id_ < 3).then(pl.lit(empty, pl.Float64)).otherwise(id_)
        )
        refused(table, what="3 rows share their key", where="candidate.parquet", remedy="the key")


@pytest.mark.parametrize(
    ("tolerated", "is_error"), [(2, True), (3, False), ("0.2%", True), ("0.25%", False)]
)
@pytest.mark.parametrize("side", ["candidate", "baseline"])
def test_key__on_one_side_only_is_an_error_above_what_is_tolerated_and_a_note_below(
    gate: Gate, refused: Refused, side: str, tolerated: int | str, is_error: bool
) -> None:
    """3 of 1,200 rows are 0.25 %."""
    tables = {"candidate": predictions(1), "baseline": predictions(2)}
    other = "baseline" if side == "candidate" else "candidate"
    tables[other] = tables[other].filter(~id_.is_in([4, 5, 6]))
    said = f"3 keys stand in the {side}'s table alone, such as "
    given = {"max-unpaired-rows": tolerated}
    if is_error:
        error = refused(
            *tables.values(), **given, what=said, where=f"{side}.parquet",
            remedy="evaluation.max-unpaired-rows",
        )  # fmt: skip
        assert all(f"({key},)" in error.what for key in (4, 5, 6))
    else:
        report = gate(*tables.values(), **given)
        assert report.rows == 1_197
        assert named(report, re.escape(said) + ".*they were left out")


def test_key__shared_by_no_row_is_an_error_whatever_is_tolerated(refused: Refused) -> None:
    refused(
        predictions(1).with_columns(id_ + 10_000), predictions(2),
        **{"max-unpaired-rows": "100%"},
        what="no row of the evaluation set counts", where="candidate.parquet", remedy="share keys",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        (pl.String, "String"),
        (pl.Float64, "Float64"),
        (pl.Datetime("us"), "Datetime"),
        (pl.Decimal(10, 2), "Decimal"),
    ],
)
def test_key__of_different_types_is_an_error(
    refused: Refused, kind: pl.DataType, shown: str
) -> None:
    refused(
        predictions(1), predictions(2).with_columns(id_.cast(kind)),
        what=f"the key 'id' is Int64 in the candidate's table and {shown}.* in the baseline's",
        where="baseline.parquet", remedy="one type",
    )  # fmt: skip


@pytest.mark.parametrize("kind", [pl.Int32, pl.UInt16, pl.UInt64])
def test_key__of_other_whole_numbers_is_the_same_key(gate: Gate, kind: type[pl.DataType]) -> None:
    plain = gate(predictions(1), predictions(2))
    same_results(plain, gate(predictions(1), predictions(2).with_columns(id_.cast(kind))))


def test_key__that_no_64_bit_integer_holds_is_kept_apart_or_refused(
    gate: Gate, outcome: Outcome
) -> None:
    """Hashes are often UInt64 beyond 2^63; wrapped round, they would pair other rows."""
    tables = [
        predictions(seed).with_columns(id=pl.lit(2**63, pl.UInt64) + id_.cast(pl.UInt64))
        for seed in (1, 2)
    ]
    same_or_refused(gate(predictions(1), predictions(2)), outcome(*tables), "'id'")


@pytest.mark.parametrize("place", ["key", "cluster", "slices"])
def test_column__of_a_type_that_is_no_text_is_refused_or_judged(
    gate: Gate, outcome: Outcome, place: str
) -> None:
    tables = [
        predictions(seed).with_columns(took=pl.duration(seconds=id_), huge=id_.cast(pl.Int128))
        for seed in (1, 2)
    ]
    given: dict[str, Any] = {"rules": BY_COUNTRY, "slices": ["id"]}
    plain = gate(predictions(1), predictions(2), **given)
    for column in ("took", "huge"):
        changed = {**given, place: [column] if place == "slices" else column}
        same_or_refused(plain, outcome(*tables, **changed), f"'{column}'")


@pytest.mark.parametrize("place", ["key", "label", "weight", "cluster"])
def test_column__that_is_also_the_score_is_an_error(refused: Refused, place: str) -> None:
    """A model that weighs its own rows, or names them, is judged by itself."""
    given = {place: "score"}
    tables = predictions(1), predictions(2)
    refused(*tables, **given, what="'score'", where="tidegate.yaml:", remedy=".")


# --- Slices and labels ------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["candidate", "baseline"])
def test_slice__that_stands_on_one_side_only_is_named(gate: Gate, side: str) -> None:
    tables = {"candidate": predictions(1), "baseline": predictions(2)}
    other = "baseline" if side == "candidate" else "candidate"
    tables[side] = tables[side].with_columns(
        country=pl.when(id_ < 5).then(pl.lit("AT")).otherwise(country)
    )
    tables[other] = tables[other].filter(id_ >= 5)
    report = gate(*tables.values(), BY_COUNTRY, slices=["country"], **{"max-unpaired-rows": 5})
    assert named(report, rf"Slices that the {side} alone has: country=AT \(5 rows\)")
    assert report.verdict is Verdict.PASS


def test_slice__whose_rows_moved_between_the_tables_is_an_error(refused: Refused) -> None:
    """Else a candidate's table could hide a bad slice among the rest."""
    moved = predictions(1).with_columns(country=pl.lit("DE"))
    refused(
        moved, predictions(2), rules=BY_COUNTRY, slices=["country"],
        what="800 rows .*'country'", where=".parquet", remedy="same evaluation set",
    )  # fmt: skip


def test_slice__of_nulls_is_a_slice_of_its_own_and_said_so(gate: Gate, tmp_path: Path) -> None:
    empty = pl.lit(None, pl.String)
    tables = [predictions(seed).with_columns(country=empty) for seed in (1, 2)]
    (tmp_path / "nulls").mkdir()
    report = gate(*tables, BY_COUNTRY, slices=["country"])
    (sliced,) = (result for result in report.results if result.slice is not None)
    assert (dict(sliced.slice or {}), sliced.rows) == ({"country": None}, 1_200)
    assert main(["gate-model", "--config", str(tmp_path / "tidegate.yaml"),
                 "--baseline", "baseline.parquet"]) == 0  # fmt: skip
    text = (tmp_path / "reports/tidegate/gate-model.md").read_text()
    assert "country (empty)" in text


def test_slice__of_nan_falls_into_no_range(gate: Gate) -> None:
    tables = [
        predictions(seed).with_columns(
            age=pl.when(id_ % 2 == 0).then(float("nan")).otherwise(id_.cast(pl.Float64))
        )
        for seed in (1, 2)
    ]
    report = gate(*tables, {**BY_COUNTRY, "min-slice-rows": 50}, slices=[{"age": [600]}])
    rows = {r.slice["age"]: r.rows for r in report.results if r.slice is not None}
    assert rows == {"below 600": 300, "600 or more": 300, None: 600}


@pytest.mark.parametrize(
    "name",
    ["ü 漢字 🌊", "\x00\x07\x1b[31mred", "a\nb\r\tc", "|`<b>*_~@everyone", "\u202eevil",
     "::error::x", "", " ", "None", "null", "x" * 50_000],
)  # fmt: skip
def test_slice__of_any_name_is_judged_and_harmless_in_the_reports(
    gate: Gate, tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    odd = pl.when(country == "IT").then(pl.lit(name)).otherwise(country)
    tables = [predictions(seed).with_columns(country=odd) for seed in (1, 2)]
    slices = {"slices": ["country"]}
    report = gate(*tables, BY_COUNTRY, **slices)
    assert {r.slice["country"] for r in report.results if r.slice} == {"DE", "FR", name}
    assert main(["gate-model", "--config", str(tmp_path / "tidegate.yaml"),
                 "--baseline", "baseline.parquet"]) == 0  # fmt: skip
    text = (tmp_path / "reports/tidegate/gate-model.md").read_text()
    assert len(text) < 5_000
    assert "<b>" not in text
    for shown in (text, capfd.readouterr().out):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\u202e]", shown)
        assert not re.search(r"^::", shown, re.MULTILINE)
    body = json.loads((tmp_path / "reports/tidegate/gate-model.json").read_text())
    assert {r["slice"]["country"] for r in body["results"] if r["slice"]} == {"DE", "FR", name}


def test_slice__ten_thousand_levels_are_judged(gate: Gate) -> None:
    rules = {
        "metrics": {"log-loss": {"max-regression": 0.1}},
        "slice-metrics": {"log-loss": {"max-regression": 5}},
        "min-slice-rows": 3,
    }
    many = (id_ % 10_000).cast(pl.String)
    tables = [predictions(seed, 30_000).with_columns(country=many) for seed in (1, 2)]
    report = gate(*tables, rules, slices=["country"])
    assert len(report.results) == 10_001
    # Fewer than five rows decide nothing, however many slices of them there are.
    assert {r.judgement.verdict for r in report.results if r.slice} == {Verdict.INCONCLUSIVE}


def test_slice__ten_thousand_small_levels_are_counted_in_a_note_of_bearable_length(
    gate: Gate,
) -> None:
    many = (id_ % 10_000).cast(pl.String)
    tables = [predictions(seed, 20_000).with_columns(country=many) for seed in (1, 2)]
    report = gate(*tables, BY_COUNTRY, slices=["country"])
    assert [r.slice for r in report.results] == [None]
    (note,) = (note for note in report.notes if note.startswith("Slices below 200 rows"))
    assert len(note) < 2_000
    assert re.search(r"10,?000|9,?9\d\d more", note)


def test_slice__of_no_column_is_an_error(refused: Refused) -> None:
    tables = predictions(1), predictions(2)
    given = {"rules": BY_COUNTRY, "slices": [[]]}
    refused(*tables, **given, what="slice", where="tidegate.yaml:", remedy=".")


@pytest.mark.parametrize("parts", [None, 3])
def test_label__that_differs_for_the_same_key_is_an_error(
    refused: Refused, parts: int | None
) -> None:
    turned = pl.when(id_.is_in([3, 8])).then(1 - bought).otherwise(bought)
    error = refused(
        predictions(1), predictions(2).with_columns(bought=turned), parts=parts,
        what="^2 rows have another label in the baseline's table, such as ",
        where="baseline.parquet", remedy="same evaluation set, labels included",
    )  # fmt: skip
    assert "(3,)" in error.what
    assert "(8,)" in error.what


# --- Scores -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "what", "remedy"),
    [
        (float("nan"), "^2 rows of 'score' are NaN or infinite$", "why the model answered so"),
        (float("inf"), "^2 rows of 'score' are NaN or infinite$", "why the model answered so"),
        (-float("inf"), "^2 rows of 'score' are NaN or infinite$", "why the model answered so"),
        (1.0000001, "^2 rows of 'score' are outside 0 to 1$", "write the probability"),
        (-1e-300, "^2 rows of 'score' are outside 0 to 1$", "write the probability"),
        (1e300, "^2 rows of 'score' are outside 0 to 1$", "write the probability"),
        (None, "^2 rows have no value in the column 'score'$", "answer on every row"),
    ],
)
@pytest.mark.parametrize("side", ["candidate", "baseline"])
def test_score__that_is_no_probability_is_an_error(
    refused: Refused, side: str, value: float | None, what: str, remedy: str
) -> None:
    tables = {"candidate": predictions(1), "baseline": predictions(2)}
    tables[side] = tables[side].with_columns(
        score=pl.when(id_.is_in([1, 900])).then(pl.lit(value, pl.Float64)).otherwise(score)
    )
    refused(*tables.values(), what=what, where=f"{side}.parquet", remedy=remedy)


def test_score__as_text_is_an_error_that_asks_for_probabilities(refused: Refused) -> None:
    refused(
        predictions().with_columns(score.cast(pl.String)),
        what="'score' holds String, not numbers", where="candidate.parquet", remedy="probabilit",
    )  # fmt: skip


def test_score__that_is_constant_ranks_nothing(gate: Gate) -> None:
    report = gate(
        predictions().with_columns(score=0.5), rules={"metrics": {"roc-auc": {"min": 0.501}}}
    )
    assert report.verdict is Verdict.FAIL
    assert report.results[0].judgement.candidate == 0.5
    against = gate(predictions().with_columns(score=0.5), predictions(2))
    assert against.verdict is Verdict.FAIL


def test_score__with_ties_everywhere_agrees_with_scikit_learn(gate: Gate) -> None:
    tied = predictions().with_columns(score.round(1))
    bounds = {"metrics": {name: {"min": 0.1} for name in ("roc-auc", "pr-auc")}}
    found = {r.metric: r.judgement.candidate for r in gate(tied, rules=bounds).results}
    assert found["roc-auc"] == pytest.approx(roc_auc_score(tied["bought"], tied["score"]), 1e-12)
    assert found["pr-auc"] == pytest.approx(
        average_precision_score(tied["bought"], tied["score"]), 1e-12
    )


@pytest.mark.parametrize("metric", ["roc-auc", "pr-auc"])
def test_score__of_minus_zero_is_zero(gate: Gate, metric: str) -> None:
    """They compare equal, so that they rank nothing; their bits would, perfectly."""
    signed = predictions().with_columns(score=pl.when(bought == 1).then(0.0).otherwise(-0.0))
    report = gate(signed, rules={"metrics": {metric: {"min": 0.7}}})
    assert report.verdict is Verdict.FAIL


def test_score__as_small_as_a_denormal_ranks_as_it_did(gate: Gate) -> None:
    tiny = [predictions(seed).with_columns(score * 2.0**-1000) for seed in (1, 2)]
    same_results(gate(predictions(1), predictions(2)), gate(*tiny))


# --- Classes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("metric", [*HIGHER, *LOWER])
def test_class__alone_in_the_evaluation_set_is_an_error(
    refused: Refused, metric: str, label: int
) -> None:
    tables = [predictions(seed).with_columns(bought=pl.lit(label)) for seed in (1, 2)]
    refused(
        *tables, rules={"metrics": {metric: {"max-regression": 0.1}}},
        what="class", where="candidate.parquet", remedy="rows of each class",
    )  # fmt: skip


def test_class__alone_in_a_slice_is_a_note(gate: Gate) -> None:
    tables = [
        predictions(seed).with_columns(bought=pl.when(country == "IT").then(0).otherwise(bought))
        for seed in (1, 2)
    ]
    report = gate(*tables, BY_COUNTRY, slices=["country"])
    assert {r.slice["country"] for r in report.results if r.slice} == {"DE", "FR"}
    assert named(report, "roc-auc was not judged for country=IT: only one class is present")


YES_NO = pl.when(bought == 1).then(pl.lit("yes")).otherwise(pl.lit("no"))


@pytest.mark.parametrize(
    ("label", "positive"),
    [
        (YES_NO, "yes"),
        (YES_NO.cast(pl.Categorical), "yes"),
        (YES_NO.cast(pl.Enum(["yes", "no"])), "yes"),
        (bought.cast(pl.Boolean), None),
        (bought.cast(pl.Boolean), "true"),
        (bought.cast(pl.Boolean).cast(pl.String), None),
        (bought.cast(pl.Float32), None),
        (bought.cast(pl.String), None),
        (pl.when(bought == 1).then(pl.lit(" TRUE")).otherwise(pl.lit("False ")), None),
        (bought, "1"),
    ],
)
def test_label__says_the_same_in_any_type(gate: Gate, label: pl.Expr, positive: str | None) -> None:
    given = {} if positive is None else {"positive-label": positive}
    rules = {"metrics": {name: {"max-regression": 0.5} for name in (*HIGHER, *LOWER)}}
    plain = gate(predictions(1), predictions(2), rules)
    tables = [predictions(seed).with_columns(bought=label) for seed in (1, 2)]
    same_results(plain, gate(*tables, rules, **given))


@pytest.mark.parametrize(
    "label", [YES_NO, YES_NO.cast(pl.Categorical), YES_NO.cast(pl.Enum(["no", "yes"]))]
)
def test_label__of_text_without_a_positive_label_is_an_error(
    refused: Refused, label: pl.Expr
) -> None:
    refused(
        predictions().with_columns(bought=label),
        what="^1200 rows of 'bought' are text other than 0, 1, true and false$",
        where="candidate.parquet", remedy="evaluation.positive-label",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("label", "positive"),
    [
        (bought.cast(pl.Float64), "1"),
        (bought.cast(pl.Boolean), "True"),
        (bought.cast(pl.Boolean), "1"),
        (YES_NO, "Yes"),
    ],
)
@pytest.mark.parametrize("metric", ["accuracy", "log-loss"])
def test_label__that_is_never_the_positive_one_is_the_same_or_refused(
    gate: Gate, outcome: Outcome, metric: str, label: pl.Expr, positive: str
) -> None:
    """Else every row counts as negative, and a model that never says yes as perfect."""
    rules = {"metrics": {metric: {"max-regression": 0.5}}}
    plain = gate(predictions(1), predictions(2), rules)
    tables = [predictions(seed).with_columns(bought=label) for seed in (1, 2)]
    found = outcome(*tables, rules=rules, **{"positive-label": positive})
    assert positive != "Yes" or isinstance(found, DataError)
    same_or_refused(plain, found, "class|positive")


@pytest.mark.parametrize("side", ["candidate", "baseline"])
def test_prediction__in_other_terms_than_the_label_is_an_error(refused: Refused, side: str) -> None:
    """Of two classes: an answer in other terms is never right, and any candidate beats it."""
    answer = pl.when(score > 0.5).then(pl.lit("yes")).otherwise(pl.lit("no"))
    tables = {
        name: predictions(seed).with_columns(bought=YES_NO, score=answer)
        for seed, name in enumerate(("candidate", "baseline"))
    }
    tables[side] = tables[side].with_columns(score=(score == "yes").cast(pl.Int64))
    refused(
        *tables.values(), rules={"metrics": {"accuracy": {"max-regression": 0.05}}},
        prediction="score", **{"positive-label": "yes"},
        what="'score'", where=f"{side}.parquet", remedy="same terms",
    )  # fmt: skip


# --- More than two classes --------------------------------------------------------------------

CLASSES = np.array(["cat", "dog", "eel"])
SCORES = {"cat": "p0", "dog": "p1", "eel": "p2"}
MULTI: dict[str, Any] = {"task": "multiclass", "scores": SCORES}
ACCURACY = {"metrics": {"accuracy": {"max-regression": 0.05}}}


def three_classes(seed: int = 1, n: int = 900) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    label = np.arange(n) % 3
    chances = rng.dirichlet([1, 1, 1], size=n)
    chances[np.arange(n), label] += rng.random(n) < 0.8
    chances /= chances.sum(axis=1, keepdims=True)
    return pl.DataFrame(
        {
            "id": np.arange(n),
            "bought": CLASSES[label],
            **{f"p{number}": chances[:, number] for number in range(3)},
            "answer": CLASSES[chances.argmax(axis=1)],
            "country": np.array(["DE", "FR"])[(np.arange(n) // 3) % 2],
        }
    )


@pytest.mark.parametrize(
    ("damage", "scores", "what", "remedy"),
    [
        (lambda t: t.with_columns(pl.col("p0") / 2), SCORES,
         r"the probabilities of \d+ rows do not add up to 1", "all classes in evaluation.scores"),
        (lambda t: t, {"cat": "p0", "dog": "p1"},
         r"the probabilities of \d+ rows do not add up to 1", "all classes in evaluation.scores"),
        (lambda t: t.with_columns(bought=pl.when(id_ < 4).then(pl.lit("fox")).otherwise("bought")),
         SCORES, "^4 rows have a label that evaluation.scores names no column for", "each class"),
        (lambda t: t.with_columns(p0=pl.when(id_ < 2).then(None).otherwise("p0")), SCORES,
         "^2 rows have no value in the column 'p0'$", "answer on every row"),
        (lambda t: t.with_columns(p0=pl.when(id_ < 2).then(float("nan")).otherwise("p0")), SCORES,
         "^2 rows .*'p0'", "answer"),
        (lambda t: t.with_columns(p0=pl.when(id_ < 2).then(-0.5).otherwise("p0")), SCORES,
         "^2 rows of 'p0' are outside 0 to 1$", "probability"),
        (lambda t: t.with_columns(pl.col("p0", "p1", "p2") * 0), SCORES,
         r"the probabilities of \d+ rows do not add up to 1", "probabilities"),
        (lambda t: t.with_columns(pl.lit(None, pl.Float64).alias(name) for name in SCORES.values()),
         SCORES, "^900 rows have no value in the column 'p0'$", "answer on every row"),
        (lambda t: t.with_columns(pl.col("p1").cast(pl.String)), SCORES,
         "'p1' holds String, not numbers", "numbers"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("side", ["candidate", "baseline"])
def test_scores__that_are_no_distribution_over_the_classes_are_an_error(
    refused: Refused, side: str, damage: Damage, scores: dict[str, str], what: str, remedy: str
) -> None:
    tables = {"candidate": three_classes(1), "baseline": three_classes(2)}
    tables[side] = damage(tables[side])
    refused(
        *tables.values(), rules=LOG_LOSS, task="multiclass", scores=scores,
        what=what, where=".parquet" if len(scores) < 3 else f"{side}.parquet", remedy=remedy,
    )  # fmt: skip


@pytest.mark.parametrize("side", ["candidate", "baseline"])
def test_classes__predicted_in_other_terms_are_an_error(refused: Refused, side: str) -> None:
    tables = {"candidate": three_classes(1), "baseline": three_classes(2)}
    tables[side] = tables[side].with_columns(pl.col("answer").str.to_uppercase())
    refused(
        *tables.values(), rules=ACCURACY, task="multiclass", prediction="answer",
        what="no class of 'answer' is one of 'bought': 'CAT' and 'cat'",
        where=f"{side}.parquet", remedy="same terms",
    )  # fmt: skip


def test_class__that_has_a_column_but_no_row_is_an_error_for_its_recall(refused: Refused) -> None:
    tables = [three_classes(seed).filter(pl.col("bought") != "eel") for seed in (1, 2)]
    refused(
        *tables, rules={"metrics": {"recall-per-class": {"max-regression": 0.5}}}, **MULTI,
        what="eel", where="candidate.parquet", remedy="rows of each class",
    )  # fmt: skip


@pytest.mark.parametrize("metric", ["accuracy", "macro-f1", "log-loss", "recall-per-class"])
def test_class__alone_among_many_is_an_error(refused: Refused, metric: str) -> None:
    tables = [three_classes(seed).filter(pl.col("bought") == "eel") for seed in (1, 2)]
    refused(
        *tables, rules={"metrics": {metric: {"max-regression": 0.5}}}, **MULTI,
        what="class", where="candidate.parquet", remedy="rows of each class",
    )  # fmt: skip


def test_class__missing_in_a_slice_is_a_note(gate: Gate) -> None:
    tables = [
        three_classes(seed).filter((pl.col("bought") != "eel") | (country == "DE"))
        for seed in (1, 2)
    ]
    rules = {**ACCURACY, "slice-metrics": {"recall-per-class": {"max-regression": 0.5}}}
    report = gate(*tables, {**rules, "min-slice-rows": 50}, **MULTI, slices=["country"])
    judged = {(r.metric, r.slice["country"]) for r in report.results if r.slice}
    assert ("recall-per-class/eel", "FR") not in judged
    assert len(judged) == 5
    assert named(report, "recall-per-class/eel was not judged for country=FR: no row has this")


def test_classes__that_are_really_numbers_are_an_error(refused: Refused) -> None:
    refused(
        three_classes().with_columns(bought=id_ * 1.5), rules=ACCURACY, task="multiclass",
        prediction="answer", what="more than 500 classes", where="evaluation.label",
        remedy="task: regression",
    )  # fmt: skip


# --- Few rows, and certainty ------------------------------------------------------------------


@pytest.mark.parametrize("side", ["candidate", "baseline"])
def test_table__without_rows_is_an_error(refused: Refused, side: str) -> None:
    tables = {"candidate": predictions(1), "baseline": predictions(2)}
    tables[side] = tables[side].clear()
    refused(
        *tables.values(), what="the predictions table is empty, and no rows prove nothing",
        where=f"{side}.parquet", remedy="evaluation stage",
    )  # fmt: skip


@pytest.mark.parametrize("metric", ["mae", "rmse", "median-absolute-error", "bias", "r2"])
def test_table__of_one_row_decides_nothing(outcome: Outcome, metric: str) -> None:
    one = pl.DataFrame({"id": [1], "bought": [2.0], "value": [2.0]})
    bound = {"min": 0.5} if metric == "r2" else {"max": 0.5}
    given: dict[str, Any] = {"rules": {"metrics": {metric: bound}}, "task": "regression"}
    found = outcome(one, prediction="value", **given)
    if metric == "r2":
        assert isinstance(found, DataError)
        assert "the label is constant" in found.what
    else:
        assert isinstance(found, GateReport)
        assert found.verdict is Verdict.INCONCLUSIVE


def test_table__of_one_row_has_one_class_and_is_an_error(refused: Refused) -> None:
    refused(
        predictions(1).head(1), predictions(2).head(1), what="only one class",
        where="candidate.parquet", remedy="rows of each class",
    )  # fmt: skip


def perfect(
    n: int, weight: float = 1, days: int | None = None, seed: int | None = None, reach: float = 5e-4
) -> pl.DataFrame:
    """A model that is right on every row, with the same confidence or (seed) nearly so."""
    label = np.arange(n) % 2
    off = 0.001 if seed is None else 0.001 + np.random.default_rng(seed).uniform(0, reach, n)
    columns = {"id": np.arange(n), "bought": label, "score": np.where(label == 1, 1 - off, off)}
    more = {"weight": np.full(n, weight), "day": np.arange(n) % (days or n)}
    return pl.DataFrame({**columns, **more})


TIGHT: dict[str, dict[str, float]] = {
    **{name: {"min": 0.99} for name in HIGHER},
    **{name: {"max": 0.01} for name in LOWER},
}


@pytest.mark.parametrize("seed", [None, 1])
@pytest.mark.parametrize("n", [2, 6, 20])
@pytest.mark.parametrize("metric", [*HIGHER, *LOWER])
def test_score__that_is_perfect_on_few_rows_passes_no_tight_bound(
    gate: Gate, metric: str, n: int, seed: int | None
) -> None:
    report = gate(perfect(n, seed=seed), rules={"metrics": {metric: TIGHT[metric]}})
    assert report.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("n", [6, 10, 14, 30, 50])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("metric", HIGHER)
def test_score__of_two_models_perfect_on_few_rows_decides_no_tight_margin(
    gate: Gate, metric: str, weighted: bool, n: int
) -> None:
    """Their influence differs by rounding alone, and that is not how sure one can be."""
    tables = [perfect(n, seed=seed, reach=0.4) for seed in (1, 2)]
    if weighted:
        uneven = np.random.default_rng(3).uniform(0.1, 3, n)
        tables = [table.with_columns(weight=pl.Series(uneven)) for table in tables]
    rules = {"metrics": {metric: {"max-regression": 0.001}}}
    report = gate(*tables, rules, **({"weight": "weight"} if weighted else {}))
    assert report.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("metric", ["mae", "rmse", "median-absolute-error", "bias", "r2", "mape"])
def test_value__that_is_perfect_on_few_rows_passes_no_tight_bound(gate: Gate, metric: str) -> None:
    exact = perfect(6).with_columns(bought=id_ + 1.0, value=id_ + 1.0)
    bound = {"min": 0.99} if metric == "r2" else {"max": 0.01}
    rules = {"metrics": {metric: bound}}
    report = gate(exact, rules=rules, task="regression", prediction="value")
    assert report.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("metric", HIGHER)
def test_score__that_is_perfect_in_few_clusters_passes_no_tight_bound(
    gate: Gate, metric: str
) -> None:
    """Five days that went well are five draws, however many rows they hold."""
    rules = {"metrics": {metric: TIGHT[metric]}}
    assert gate(perfect(1_000, days=5), rules=rules, cluster="day").verdict is Verdict.INCONCLUSIVE


def test_score__that_is_perfect_on_many_rows_passes(gate: Gate) -> None:
    assert gate(perfect(4_000), rules={"metrics": TIGHT}).verdict is Verdict.PASS


@pytest.mark.parametrize(
    "day", [id_ % 4, pl.lit(None, pl.String), pl.lit("one"), pl.lit(float("nan"))]
)
def test_cluster__fewer_than_five_decide_nothing_and_the_report_says_why(
    gate: Gate, day: pl.Expr
) -> None:
    tables = [predictions(seed).with_columns(day=day) for seed in (1, 2)]
    report = gate(*tables, cluster="day")
    (result,) = report.results
    assert (report.verdict, report.blocked) == (Verdict.INCONCLUSIVE, True)
    assert result.judgement.rows_needed is None
    assert result.to_dict()["lower"] is None
    assert "cluster" in result.judgement.reason or named(report, "cluster")


def test_cluster__of_nulls_is_one_cluster_beside_the_others(gate: Gate) -> None:
    tables = [
        predictions(seed).with_columns(day=pl.when(id_ % 2 == 0).then(None).otherwise(id_ % 10))
        for seed in (1, 2)
    ]
    assert gate(*tables, cluster="day").clusters == 6


# --- Weights ----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf"), None])
def test_weight__that_is_none_is_an_error(refused: Refused, value: float | None) -> None:
    odd = pl.when(id_ < 3).then(pl.lit(value, pl.Float64)).otherwise(pl.col("weight"))
    refused(
        predictions(1).with_columns(weight=odd), answers(), weight="weight",
        what="^3 rows of 'weight' are no weight$", where="candidate.parquet",
        remedy="finite number, 0 or more",
    )  # fmt: skip


def test_weight__of_zero_counts_for_nothing_and_is_said(gate: Gate) -> None:
    part = pl.when(id_ % 3 == 0).then(0.0).otherwise(1.0)
    report = gate(predictions(1).with_columns(weight=part), answers(), weight="weight")
    assert named(report, "^400 rows have a weight of 0 and count for nothing")
    plain = gate(*(predictions(seed).filter(id_ % 3 != 0) for seed in (1, 2)))
    assert report.rows == plain.rows == 800
    same_results(plain, report)


@pytest.mark.parametrize("parts", [None, 3])
def test_weight__of_zero_everywhere_is_an_error(refused: Refused, parts: int | None) -> None:
    refused(
        predictions(1).with_columns(weight=0.0), answers(), weight="weight", parts=parts,
        what="no row of the evaluation set counts", where="candidate.parquet",
        remedy="some weights are above 0",
    )  # fmt: skip


@pytest.mark.parametrize("power", [-1_060, -560, -10, 10, 1_010])
@pytest.mark.parametrize("metric", [*HIGHER, *LOWER])
def test_weight__in_another_unit_changes_nothing(
    gate: Gate, outcome: Outcome, metric: str, power: int
) -> None:
    """Powers of two round nothing. What cannot be computed is an error that says so."""
    rules = {"metrics": {metric: {**TIGHT[metric], "max-regression": 0.03}}}
    plain = gate(predictions(1), answers(), rules)
    scaled = predictions(1).with_columns(weight=pl.lit(2.0**power))
    found = outcome(scaled, answers(), rules=rules, weight="weight")
    assert abs(power) > 100 or isinstance(found, GateReport)
    same_or_refused(plain, found, "weight.* too (large|small)")


@pytest.mark.parametrize("metric", HIGHER)
def test_weight__of_a_thousand_makes_ten_rows_no_more_than_ten(gate: Gate, metric: str) -> None:
    rules = {"metrics": {metric: TIGHT[metric]}}
    report = gate(perfect(10, weight=1_000), rules=rules, weight="weight")
    assert report.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("metric", [*HIGHER, *LOWER])
def test_weight__on_six_rows_makes_a_thousand_no_more_than_six(gate: Gate, metric: str) -> None:
    heavy = perfect(1_000).with_columns(weight=pl.when(id_ < 6).then(1e6).otherwise(1e-3))
    rules = {"metrics": {metric: TIGHT[metric]}}
    assert gate(heavy, rules=rules, weight="weight").verdict is Verdict.INCONCLUSIVE


def test_weight__of_a_slice_makes_its_few_rows_no_more_than_they_are(gate: Gate) -> None:
    """Whatever the rows of other slices weigh."""
    few = perfect(20, weight=1_000.0).with_columns(id_ + 10_000, country=pl.lit("AT"))
    rest = predictions(1).select(few.columns)
    rules = {
        "metrics": {"accuracy": {"min": 0.1}},
        "slice-metrics": {name: {"min": 0.99} for name in HIGHER},
        "min-slice-rows": 20,
    }
    report = gate(pl.concat([rest, few]), rules=rules, weight="weight", slices=["country"])
    judged = {r.metric: r.judgement.verdict for r in report.results if r.slice == {"country": "AT"}}
    assert judged == dict.fromkeys(HIGHER, Verdict.INCONCLUSIVE)


@pytest.mark.parametrize("place", ["weight", "cluster"])
def test_column__of_weights_or_clusters_that_differs_between_the_tables_is_an_error(
    refused: Refused, place: str
) -> None:
    """As with labels and slices. Else rows on which the candidate is wrong could weigh nothing."""
    column = {"weight": "weight", "cluster": "day"}[place]
    moved = pl.when(country == "IT").then(0).otherwise(pl.col(column)).alias(column)
    refused(
        predictions(1).with_columns(moved), predictions(2), **{place: column},
        what=rf"\d+ rows .*'{column}'", where="baseline.parquet", remedy="same evaluation set",
    )  # fmt: skip


def test_weight__that_rests_on_few_rows_decides_nothing(gate: Gate) -> None:
    heavy = pl.when(id_ < 2).then(1e9).otherwise(1.0)
    report = gate(predictions(1).with_columns(weight=heavy), answers(), LOG_LOSS,
                  weight="weight")  # fmt: skip
    assert report.verdict is Verdict.INCONCLUSIVE


# --- Huge and tiny values, and margins --------------------------------------------------------

VALUES = ("mae", "rmse", "median-absolute-error", "bias", "pinball-loss", "r2")


def values(seed: int, scale: float = 1, n: int = 400) -> pl.DataFrame:
    """The model of seed 1 is off by a little more than that of seed 2."""
    truth = np.random.default_rng(0).normal(10, 2, size=n)
    answer = truth + np.random.default_rng(seed).normal(0.5, 1, size=n) * (1.2 if seed == 1 else 1)
    return pl.DataFrame({"id": np.arange(n), "bought": truth * scale, "value": answer * scale})


@pytest.mark.parametrize("power", [1_015, 330, 100, -100, -330, -1_000])
@pytest.mark.parametrize("metric", VALUES)
def test_value__in_another_unit_changes_no_verdict(
    gate: Gate, outcome: Outcome, metric: str, power: int
) -> None:
    """Tolerating just the harm there is, no rows decide; an interval that vanished would."""

    def given(tolerated: float) -> dict[str, Any]:
        rules = {"metrics": {metric: {"max-regression": tolerated}}}
        return {"rules": rules, "task": "regression", "prediction": "value"}

    harm = gate(values(1), values(2), **given(1.0)).results[0].judgement.harm
    assert harm is not None
    assert harm > 0
    plain = gate(values(1), values(2), **given(harm))
    assert plain.verdict is Verdict.INCONCLUSIVE
    unit = 2.0**power
    scale = 1.0 if metric == "r2" else unit
    found = outcome(values(1, unit), values(2, unit), **given(harm * scale))
    assert abs(power) > 100 or isinstance(found, GateReport)
    same_or_refused(plain, found, f"{metric} .*(large|small)", scale)


@pytest.mark.parametrize("value", [1e300, 1.7e308])
def test_value__that_is_a_sentinel_is_an_error_or_decides_nothing(
    outcome: Outcome, value: float
) -> None:
    odd = values(1).with_columns(value=pl.when(id_ == 3).then(value).otherwise("value"))
    for metric in ("mae", "rmse", "r2"):
        rules = {"metrics": {metric: {"max-regression": 0.1}}}
        found = outcome(odd, values(2), rules=rules, task="regression", prediction="value")
        if isinstance(found, DataError):
            assert "sentinel" in (found.remedy or "")
        else:
            assert found.verdict is not Verdict.PASS


@pytest.mark.parametrize(
    ("noises", "verdict"),
    [((0.3, 3), Verdict.PASS), ((0.3, 0.3), Verdict.INCONCLUSIVE), ((3, 0.3), Verdict.FAIL)],
)
def test_margin__of_zero_still_asks_for_evidence(
    gate: Gate, noises: tuple[float, float], verdict: Verdict
) -> None:
    rules = {"metrics": {"log-loss": {"max-regression": 0}}}
    tables = [predictions(3 + n, noise=noise) for n, noise in enumerate(noises)]
    assert gate(*tables, rules).verdict is verdict


@pytest.mark.parametrize(
    ("gate_section", "what"),
    [
        ("{}", "gate.metrics is missing"),
        ("{metrics: {}}", "a gate without rules is no gate"),
        ("{metrics: null}", "gate.metrics"),
        ("{slice-metrics: {roc-auc: {min: 0.5}}}", "gate.metrics is missing"),
        ("{metrics: {roc-auc: {}}}", "a metric without a bound decides nothing"),
        ("{metrics: {roc-auc: {min: null}}}", "a metric without a bound decides nothing"),
        ("{metrics: {roc-auc: {min: 0.9, max: 0.8}}}", "min 0.9 is above max 0.8"),
        ("{metrics: {roc-auc: null}}", "gate.metrics.roc-auc"),
        ("{metrics: {roc-auc: {min: 0.5}}, slice-metrics: {roc-auc: {}}}",
         "gate.slice-metrics.roc-auc: a metric without a bound"),
        *((f"{{metrics: {{roc-auc: {{{bound}: {value}}}}}}}", "finite number|greater than or equal")
          for bound in ("min", "max", "max-regression") for value in (".nan", ".inf", "1e400")),
        ("{metrics: {roc-auc: {min: -.inf}}}", "finite number"),
        ("{metrics: {roc-auc: {max-regression: -0.1}}}", "greater than or equal to 0"),
        ("{confidence: .nan, metrics: {roc-auc: {min: 0.5}}}", "gate.confidence"),
        ("{min-slice-rows: .inf, metrics: {roc-auc: {min: 0.5}}}", "gate.min-slice-rows"),
    ],
)  # fmt: skip
def test_rules__that_decide_nothing_are_an_error(
    tmp_path: Path, gate_section: str, what: str
) -> None:
    path = tmp_path / "tidegate.yaml"
    path.write_text(
        "service: shop\n"
        "evaluation: {predictions: c.parquet, key: id, label: bought, score: score,\n"
        "             slices: [country]}\n"
        f"gate: {gate_section}\n"
    )
    with pytest.raises(ConfigError) as caught:
        configs.load(path)
    assert re.search(what, caught.value.what), caught.value.what
    assert caught.value.where == f"{path}:4"
    assert caught.value.remedy


# --- Files ------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["key", "label", "score", "weight", "cluster", "slices"])
@pytest.mark.parametrize(
    "nested", [pl.concat_list("id"), pl.struct("id"), pl.col("id").cast(pl.String).cast(pl.Binary)]
)
def test_column__that_is_nested_is_an_error(refused: Refused, place: str, nested: pl.Expr) -> None:
    refused(
        predictions().with_columns(deep=nested),
        **{place: ["deep"] if place == "slices" else "deep"},
        what="the column 'deep' holds .*, not plain values", where="candidate.parquet",
        remedy="numbers, text or dates",
    )  # fmt: skip


@pytest.mark.parametrize("column", ["id", "bought", "score"])
def test_column__missing_in_the_baselines_table_is_an_error(refused: Refused, column: str) -> None:
    place = {"id": "key", "bought": "label", "score": "score"}[column]
    refused(
        predictions(1), predictions(2).drop(column),
        what=rf"has no column '{column}' \(evaluation.{place}\)", where="tidegate.yaml:",
        remedy="baseline.parquet has: ",
    )  # fmt: skip


def test_column__of_slices_clusters_and_weights_may_be_missing_in_the_baselines(gate: Gate) -> None:
    given = {"slices": ["country"], "cluster": "day", "weight": "weight"}
    bare = predictions(2).select("id", "bought", "score")
    same_results(
        gate(predictions(1), predictions(2), BY_COUNTRY, **given),
        gate(predictions(1), bare, BY_COUNTRY, **given),
    )


@pytest.mark.parametrize("kept", [0, 4, 11, 1_000, -1, -8])
@pytest.mark.parametrize("side", ["candidate", "baseline"])
def test_parquet__that_is_cut_off_is_an_error(
    refused: Refused, tmp_path: Path, side: str, kept: int
) -> None:
    tables: dict[str, Table] = {"candidate": predictions(1), "baseline": predictions(2)}
    cut = tmp_path / "cut.parquet"
    predictions(1).write_parquet(cut)
    cut.write_bytes(cut.read_bytes()[:kept])
    tables[side] = cut
    refused(*tables.values(), what="cannot be read", where="cut.parquet", remedy="cut off, damaged")


@pytest.mark.parametrize("start", [4, 3_000, -3_000])
def test_parquet__with_damaged_bytes_is_an_error(
    refused: Refused, tmp_path: Path, start: int
) -> None:
    path = tmp_path / "damaged.parquet"
    predictions(1).write_parquet(path)
    content = bytearray(path.read_bytes())
    content[start : start + 2_000] = bytes(2_000)
    path.write_bytes(bytes(content))
    refused(path, predictions(2), what="cannot be read", where="damaged.parquet", remedy="again")


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_csv__with_another_separator_is_an_error_that_says_so(
    refused: Refused, tmp_path: Path, separator: str
) -> None:
    path = tmp_path / "table.csv"
    predictions(1).write_csv(path, separator=separator)
    refused(path, predictions(2), what="no column 'id'", where="tidegate.yaml:", remedy="comma")


@pytest.mark.parametrize(
    ("content", "what", "remedy"),
    [
        ("", "it is empty, without even a header", "commas"),
        ("id;bought;score\n1;0;0,5\n", "row 2 has 2 fields and the header 1", "commas"),
        ("id,bought,score\n1,0\n", "row 2 has 2 fields and the header 3", "commas"),
        ('id,bought,score\n1,0,"0.5\n', "never closed", "quotes"),
        ("id,bought,score\n", "the predictions table is empty", "evaluation stage"),
        ("id,bought,score\n1,0,n/a\n2,1,0.5\n", "'score' holds String", "."),
        ("id,bought,score\n1,0,nan\n2,1,0.5\n", "1 rows of 'score' are NaN", "."),
        ("id,bought,score\n1,0,\n2,1,0.5\n", "1 rows have no value in the column 'score'", "."),
    ],
)
def test_csv__that_does_not_hold_is_an_error(
    refused: Refused, tmp_path: Path, content: str, what: str, remedy: str
) -> None:
    path = tmp_path / "table.csv"
    path.write_text(content)
    refused(path, what=what, where="table.csv", remedy=remedy)


FOLDERS: dict[str, tuple[Damage, str]] = {
    "column-missing": (lambda t: t.drop("score"), "score"),
    "another-type": (lambda t: t.with_columns(score=pl.format("{} %", "score")), "score"),
    "column-added": (lambda t: t.with_columns(extra=1), "extra"),
}


@pytest.mark.parametrize("kind", ["parquet", "csv"])
@pytest.mark.parametrize("case", FOLDERS)
def test_folder__of_files_with_different_columns_is_an_error_that_names_the_column(
    refused: Refused, tmp_path: Path, case: str, kind: str
) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    damage, column = FOLDERS[case]
    for number, part in enumerate((predictions(1).head(600), damage(predictions(1).tail(600)))):
        write = part.write_parquet if kind == "parquet" else part.write_csv
        write(folder / f"{number}.{kind}")
    refused(folder, predictions(2), what=column, where="parts", remedy="column|numbers|probabilit")


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_folder__of_files_with_columns_in_another_order_is_one_table(
    gate: Gate, tmp_path: Path, kind: str
) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    last = predictions(1).tail(600)
    for number, part in enumerate((predictions(1).head(600), last.select(last.columns[::-1]))):
        write = part.write_parquet if kind == "parquet" else part.write_csv
        write(folder / f"{number}.{kind}")
    same_results(gate(predictions(1), predictions(2)), gate(folder, predictions(2)))


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_folder__with_a_file_without_rows_is_read_as_if_it_were_not_there(
    gate: Gate, tmp_path: Path, kind: str
) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    for number, part in enumerate((predictions(1).clear(), predictions(1))):
        write = part.write_parquet if kind == "parquet" else part.write_csv
        write(folder / f"{number}.{kind}")
    same_results(gate(predictions(1), predictions(2)), gate(folder, predictions(2)))


@pytest.mark.parametrize("metric", [*HIGHER, *LOWER])
def test_pieces__without_a_row_change_nothing(gate: Gate, metric: str) -> None:
    """Pieces are cut by the key's hash; of few rows, or few that count, some stay empty."""
    rules = {"metrics": {metric: {"max-regression": 0.1}}}
    counted = pl.when(id_ < 12).then(1.0).otherwise(0.0)
    tables = predictions(1, 200).with_columns(weight=counted), answers(2, 200)
    plain = gate(*tables, rules, weight="weight")
    same_results(plain, gate(*tables, rules, weight="weight", parts=16))


# --- The same table on both sides -------------------------------------------------------------


def test_same_table__is_refused_unless_it_is_allowed(gate: Gate, refused: Refused) -> None:
    error = refused(
        predictions(), predictions(), what="the very same: compared with itself, anything passes",
        where="", remedy="gate.allow-same-version",
    )  # fmt: skip
    assert "--allow-same-version" in (error.remedy or "")
    report = gate(predictions(), predictions(), {**ROC_AUC, "allow-same-version": True})
    assert report.verdict is Verdict.PASS
    assert named(report, "the very same")


def test_same_answers__in_another_file_are_refused_or_at_least_said(outcome: Outcome) -> None:
    """Other bytes, the same rows: in another order, with a column that nobody reads."""
    again = predictions().sample(fraction=1, shuffle=True, seed=1).with_columns(note=pl.lit("x"))
    found = outcome(predictions(), again)
    said = [found.what] if isinstance(found, DataError) else found.notes
    assert any("same" in text for text in said)


# --- Through the command ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda t: pl.concat([t, t.head(1)]), "2 rows share their key"),
        (lambda t: t.with_columns(score=float("nan")), "are NaN or infinite"),
        (lambda t: t.drop("score"), "no column 'score'"),
        (lambda t: t.clear(), "no rows prove nothing"),
        (lambda t: t.filter(bought == 1), "only one class"),
        (lambda t: t.tail(-1), "1 keys stand in the baseline's table alone"),
        (lambda t: t.with_columns(weight=0.0), "no row of the evaluation set counts"),
        (lambda t: t.with_columns(took=pl.duration(seconds=id_)).drop("day").rename(
            {"took": "day"}), "'day'"),
        (lambda t: t.with_columns(weight=1e-200), "too small"),
    ],
)  # fmt: skip
def test_gate_model_command__bad_input_is_2_with_what_where_and_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: Damage, what: str
) -> None:
    damage(predictions(1)).write_parquet(tmp_path / "candidate.parquet")
    other = answers()
    if what == "only one class":
        other = other.filter(bought == 1)
    other.write_parquet(tmp_path / "baseline.parquet")
    evaluation = {"predictions": "candidate.parquet", "key": "id", "label": "bought",
                  "score": "score", "weight": "weight", "cluster": "day"}  # fmt: skip
    body = {"service": "shop", "evaluation": evaluation, "gate": ROC_AUC}
    (tmp_path / "tidegate.yaml").write_text(yaml.safe_dump(body))
    code = main(["gate-model", "--config", str(tmp_path / "tidegate.yaml"),
                 "--baseline", "baseline.parquet"])  # fmt: skip
    report = json.loads((tmp_path / "reports/tidegate/gate-model.json").read_text())
    assert (code, report["verdict"], report["blocked"]) == (2, None, True)
    assert what in report["error"]["what"]
    assert report["error"]["where"]
    assert report["error"]["remedy"]
    assert "Traceback" not in capsys.readouterr().err
    assert not (tmp_path / "reports/tidegate/gate-model.traceback.txt").exists()


@pytest.mark.parametrize("rules", ["{}", "{metrics: {}}", "{metrics: {roc-auc: {min: .nan}}}"])
def test_gate_model_command__rules_that_decide_nothing_are_2(tmp_path: Path, rules: str) -> None:
    predictions(1).write_parquet(tmp_path / "candidate.parquet")
    evaluation = "{predictions: candidate.parquet, key: id, label: bought, score: score}"
    path = tmp_path / "tidegate.yaml"
    path.write_text(f"service: shop\nevaluation: {evaluation}\ngate: {rules}\n")
    assert main(["gate-model", "--config", str(path), "--baseline", "none"]) == 2
    report = json.loads((tmp_path / "reports/tidegate/gate-model.json").read_text())
    assert (report["verdict"], report["error"]["where"]) == (None, f"{path}:3")


def test_gate_model_command__allows_the_same_version_where_it_is_asked_to(tmp_path: Path) -> None:
    predictions(1).write_parquet(tmp_path / "candidate.parquet")
    evaluation = "{predictions: candidate.parquet, key: id, label: bought, score: score}"
    path = tmp_path / "tidegate.yaml"
    rules = "{metrics: {roc-auc: {max-regression: 0.05}}}"
    path.write_text(f"service: shop\nevaluation: {evaluation}\ngate: {rules}\n")
    command = ["gate-model", "--config", str(path), "--baseline", "candidate.parquet"]
    assert main(command) == 2
    assert main([*command, "--allow-same-version"]) == 0
