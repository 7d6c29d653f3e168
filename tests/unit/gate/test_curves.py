"""The curves of the answers: calibration, scores and errors, whatever the pieces were."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation_sets import Passes, make_config
from tidegate.gate.statistics.curves import SCORE_BINS, curves


def table(seed: int, rows: int, task: str, *, weights: bool = False) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=rows)
    if task == "regression":
        errors = rng.standard_t(2, size=rows) * 10.0 ** rng.integers(-3, 4)
        columns = {"label": signal, "prediction": signal + errors}
    else:
        # A tie on each edge of a bin, and both ends of the scale.
        score = np.round(1 / (1 + np.exp(-signal)), 2)
        score[:2] = [0.0, 1.0]
        columns = {"label": (rng.random(rows) < score).astype(int), "score": score}
    frame = pl.DataFrame({"id": np.arange(rows), **columns})
    return frame.with_columns(w=rng.gamma(2.0, size=rows)) if weights else frame


def drawn(task: str, candidate: pl.DataFrame, baseline: pl.DataFrame | None, parts: int = 1):
    extra = {"weight": "w"} if "w" in candidate.columns else {}
    metric = "mae" if task == "regression" else "log-loss"
    config = make_config(task, {metric: {"max": 9e9}}, **extra)
    passes = Passes.over(config, candidate, baseline, parts=parts)
    return curves(passes.design, passes.survey.curves)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(4, 500), st.integers(1, 5), st.booleans())
def test_curves__of_scores__are_those_of_the_rows_themselves(seed, rows, parts, weights):
    frame = table(seed, rows, "binary", weights=weights)
    found = drawn("binary", frame, None, parts)["candidate"]
    score, label = frame["score"].to_numpy(), frame["label"].to_numpy()
    weight = frame["w"].to_numpy() if weights else np.ones(rows)
    place = np.minimum((score * SCORE_BINS).astype(int), SCORE_BINS - 1)

    assert found["scores"]["counts"] == np.bincount(place, minlength=SCORE_BINS).tolist()
    assert found["errors"] is None
    for point in found["calibration"]:
        inside = place == round(point["lower"] * SCORE_BINS)
        assert point["rows"] == inside.sum()
        assert point["mean_score"] == pytest.approx(
            np.average(score[inside], weights=weight[inside])
        )
        assert point["rate"] == pytest.approx(np.average(label[inside], weights=weight[inside]))
    assert sum(point["rows"] for point in found["calibration"]) == rows


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(4, 500), st.integers(1, 5))
def test_curves__of_errors__count_every_row_between_the_edges_that_they_name(seed, rows, parts):
    candidate, other = table(seed, rows, "regression"), table(seed, rows, "regression")
    baseline = other.with_columns(prediction=pl.col("label") * 2 - pl.col("prediction"))
    found = drawn("regression", candidate, baseline, parts)

    assert found["candidate"]["errors"]["edges"] == found["baseline"]["errors"]["edges"]
    for side, frame in (("candidate", candidate), ("baseline", baseline)):
        errors = (frame["prediction"] - frame["label"]).to_numpy()
        edges = found[side]["errors"]["edges"]
        assert edges == sorted(set(edges))
        # An error on an edge, or within float32 of one, may stand on either side of it.
        near = np.min(np.abs(errors[:, None] - edges), axis=1) <= 1e-6 * np.abs(errors)
        counts = found[side]["errors"]["counts"]
        expected = np.bincount(
            np.searchsorted(edges, errors, side="right"), minlength=len(edges) + 1
        )
        assert sum(counts) == rows
        assert np.abs(np.subtract(counts, expected)).sum() <= 2 * near.sum()


def test_curves__errors_of_any_size__are_counted():
    frame = pl.DataFrame(
        {"id": range(6), "label": [0.0] * 6, "prediction": [0.0, -0.0, 1e300, -1e300, 1e-300, 2.0]}
    )
    counts = drawn("regression", frame, None)["candidate"]["errors"]["counts"]

    assert sum(counts) == 6
    assert (counts[0], counts[-1]) == (1, 2)  # and the 2.0 on the last edge


def test_curves__no_baseline_and_no_score__have_none():
    frame = table(0, 50, "binary")
    assert drawn("binary", frame, None)["baseline"] is None

    answers = frame.with_columns(answer=(pl.col("score") > 0.5).cast(int))
    config = make_config("binary", {"accuracy": {"min": 0}}, score=None, prediction="answer")
    passes = Passes.over(config, answers)
    assert curves(passes.design, passes.survey.curves) is None
