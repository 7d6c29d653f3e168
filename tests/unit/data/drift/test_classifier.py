"""The classifier two-sample test: what it sees, what it says, and its bounds."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from tidegate.config import Drift
from tidegate.data.drift import sampling
from tidegate.data.drift.classifier import roc_auc, tolerated_auc
from tidegate.data.drift.examination import compare
from tidegate.data.drift.measures import Psi
from tidegate.data.drift.results import ColumnDrift
from tidegate.errors import ConfigError
from tidegate.gate.statistics.comparison import ends
from tidegate.verdict import Verdict


def classified(now: pl.DataFrame, before: pl.DataFrame, **more: Any) -> tuple[ColumnDrift, ...]:
    redact = more.pop("redact", ())
    chosen = Drift.model_validate({"classifier": True, **more})
    return compare(now.lazy(), before.lazy(), chosen, where="tidegate.yaml", redact=redact)


def pair(rows: int, seed: int, correlation: float) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    x, y = rng.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], rows).T
    noise = {f"noise {n}": rng.normal(size=rows) for n in range(3)}
    return pl.DataFrame({"x": x, "y": y, **noise, "word": rng.choice(["a", "b", None], rows)})


def test_classifier__sees_columns_that_stopped_going_together() -> None:
    *columns, found = classified(pair(4_000, 1, 0.9), pair(4_000, 2, -0.9))
    assert {column.verdict for column in columns} == {Verdict.PASS}
    assert (found.column, found.kind, found.verdict) == (None, "classifier", Verdict.FAIL)
    assert (found.measure, found.test, found.blocking) == ("roc-auc", "delong", False)
    assert found.lower is not None
    assert found.tolerated is not None
    assert found.lower > found.tolerated
    assert found.p_value is not None
    assert found.p_value < 1e-10
    assert "a classifier on all columns: drift: ROC AUC" in found.detail
    assert found.detail.endswith(("given away by x, y", "given away by y, x"))


def test_classifier__finds_nothing_where_there_is_nothing() -> None:
    found = classified(pair(4_000, 1, 0.5), pair(4_000, 2, 0.5))[-1]
    assert found.verdict is Verdict.PASS
    assert found.effect == pytest.approx(0.5, abs=0.05)
    assert found.p_value is not None
    assert found.p_value > 0.001
    assert "given away" not in found.detail


def test_classifier__the_same_on_every_run() -> None:
    now, before = pair(900, 1, 0.9), pair(900, 2, -0.2)
    assert classified(now, before) == classified(now, before)


def test_classifier__values_times_and_all_that_is_no_number() -> None:
    rng = np.random.default_rng(0)
    rows = 1_000
    shared = {
        "x": pl.Series([math.nan, math.inf, -math.inf, None, 1.0] * 200),
        "at": pl.Series(range(rows)).cast(pl.Datetime("us")),
        "flag": rng.random(rows) < 0.5,
        "tags": [["a"]] * rows,
    }
    now = pl.DataFrame({**shared, "word": rng.choice(["a", "b"], rows)})
    before = pl.DataFrame({**shared, "word": rng.choice(["b", "c"], rows)})
    found = classified(now, before.with_columns(pl.col("at").dt.offset_by("1d")))[-1]
    assert found.verdict is Verdict.FAIL
    assert "given away by word; without at, unless drift.columns names them" in found.detail
    only = classified(now, before, columns=["tags"])[-1]
    assert (only.verdict, only.rows_needed) == (Verdict.INCONCLUSIVE, None)
    assert only.detail == "cannot tell: no column is left"


def test_classifier__few_rows_decide_nothing() -> None:
    found = classified(pair(30, 1, 0.0), pair(400, 2, 0.0))[-1]
    assert (found.verdict, found.rows_needed) == (Verdict.INCONCLUSIVE, 50)
    assert "a classifier takes 50 rows of each side" in found.detail
    small = classified(pair(60, 1, 0.0), pair(60, 2, 0.0))[-1]
    assert small.verdict is Verdict.INCONCLUSIVE


def test_classifier__large_data_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "MAX_SAMPLE", 500)
    monkeypatch.setattr("tidegate.data.drift.classifier.MAX_SAMPLE", 500)
    found = classified(pair(5_000, 1, 0.9), pair(300, 2, -0.9))[-1]
    assert (found.rows, found.reference_rows) == (500, 300)
    assert found.verdict is Verdict.FAIL


def test_classifier__names_of_redacted_columns_but_no_values() -> None:
    now = pair(2_000, 1, 0.0).with_columns(word=pl.lit("hunter2"))
    found = classified(now, pair(2_000, 2, 0.0), redact=("word",))[-1]
    assert found.redacted
    assert "given away by word" in found.detail
    assert "hunter2" not in found.detail


def test_classifier__without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    frame = pair(100, 1, 0.0)
    with pytest.raises(ConfigError) as caught:
        classified(frame, frame)
    assert "pip install 'tidegate[drift]'" in str(caught.value)
    assert caught.value.where == "tidegate.yaml"


@pytest.mark.parametrize("seed", range(5))
def test_roc_auc__is_scikit_learns_with_delongs_error(seed: int) -> None:
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, 400).astype(float)
    scores = 1 / (1 + np.exp(-(rng.normal(size=400) + label).round(1)))
    found = roc_auc(label, scores)
    assert found.value == pytest.approx(roc_auc_score(label, scores), abs=1e-12)
    positive, negative = scores[label == 1], scores[label == 0]
    wins = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    variance = wins.mean(axis=1).var() / positive.size + wins.mean(axis=0).var() / negative.size
    lower, upper = ends(found, 0.99)
    assert (upper - lower) / 2 == pytest.approx(stats.norm.ppf(0.99) * variance**0.5, rel=0.02)


def test_tolerated_auc__is_that_of_a_normal_shift_with_the_tolerated_psi() -> None:
    rng = np.random.default_rng(0)
    shift = math.sqrt(0.2)
    before, now = rng.normal(size=200_000), rng.normal(shift, 1, 200_000)
    label = np.repeat([0, 1], 200_000)
    auc = roc_auc_score(label, np.concatenate([before, now]))
    assert tolerated_auc(0.2) == pytest.approx(auc, abs=0.003)
    cuts = np.quantile(before, np.arange(1, 200) / 200)
    counts = [np.bincount(np.searchsorted(cuts, x), minlength=200) for x in (now, before)]
    assert Psi.of(counts[0], counts[1]).value == pytest.approx(0.2, abs=0.02)
