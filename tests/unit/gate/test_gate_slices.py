"""Slices, weights and clusters from files to verdicts; the same in however many pieces."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import sklearn.metrics as sk
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evaluation_sets import ANSWERS, ANYTHING, DRAWS, Pair
from tidegate import config as configs
from tidegate.context import Context
from tidegate.errors import TidegateError
from tidegate.gate.gate import GateReport, gate_model
from tidegate.gate.rows import pairing, pieces
from tidegate.gate.rows import tables as opened
from tidegate.gate.statistics import design, sums
from tidegate.registry import Registry
from tidegate.verdict import Verdict

Judge = Callable[..., GateReport]
CUTS = [25.0, 40.0, 60.0]
RANGES = ["below 25", "25 to 40", "40 to 60", "60 or more"]
SLICES: list[Any] = ["country", ["country", "device"], {"age": CUTS}]


def no_registry() -> Registry:
    raise AssertionError("the registry was asked")


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    def run(pair: Pair | pl.DataFrame, task: str = "binary", *, parts: int | None = None,
            gate: dict[str, Any] | None = None, files: int = 1, **evaluation: Any,
            ) -> GateReport:  # fmt: skip
        """files: over how many Parquet files the rows of each table are spread."""
        tables = pair if isinstance(pair, tuple) else (pair,)
        for name, table in zip(("candidate", "baseline"), tables, strict=False):
            for old in tmp_path.glob(f"{name}-*.parquet"):
                old.unlink()
            for number in range(files):
                part = table.gather_every(files, number)
                part.write_parquet(tmp_path / f"{name}-{number:02}.parquet")
        written = {
            "service": "shop",
            "task": task,
            "evaluation": {
                "predictions": "candidate-*.parquet", "key": "id", "label": "label",
                **ANSWERS[task], **evaluation,
            },
            "gate": gate,
        }  # fmt: skip
        (tmp_path / "tidegate.yaml").write_text(yaml.safe_dump(written))
        return gate_model(
            configs.load(tmp_path / "tidegate.yaml"),
            Context(environ={"TIDEGATE_COMMIT": "c0ffee"}),
            baseline="baseline-*.parquet" if len(tables) > 1 else "none",
            parts=parts,
            open_registry=no_registry,
        )

    return run


def realistic(task: str, n: int, seed: int = 0) -> Pair:
    """With days, weights (some of them 0), a column with nulls, another, and a number."""
    rng = np.random.default_rng(seed)
    candidate, baseline = DRAWS[task](n, rng)
    weight = rng.gamma(2.0, 0.5, size=n)
    weight[rng.random(n) < 0.05] = 0
    candidate = candidate.with_columns(
        weight=weight,
        day=rng.integers(0, 60, size=n),
        country=pl.Series(rng.choice(["DE", "FR", "IT", "none"], size=n, p=[0.5, 0.3, 0.1, 0.1])),
        device=pl.Series(rng.choice(["phone", "desk"], size=n)),
        age=np.where(rng.random(n) < 0.05, np.nan, rng.integers(18, 80, size=n)),
    ).with_columns(country=pl.col("country").replace("none", None))
    return candidate, baseline


def shuffled(pair: Pair, seed: int) -> Pair:
    one, two = (t.sample(fraction=1, shuffle=True, seed=seed + i) for i, t in enumerate(pair))
    return one, two


def everything(task: str, margin: float = 0.01) -> dict[str, Any]:
    """Every metric with every bound that it can have, overall and by slice."""
    bounds = {name: {"min": -9.0, "max": 0.6, "max-regression": margin}
              for name in configs.METRICS[task]}  # fmt: skip
    return {"min-slice-rows": 100, "metrics": bounds, "slice-metrics": bounds}


def assert_same(one: GateReport, two: GateReport) -> None:
    """The same verdicts, and numbers equal to 1e-9."""
    assert (one.rows, one.clusters, one.verdict) == (two.rows, two.clusters, two.verdict)
    assert one.notes == two.notes
    assert len(one.results) == len(two.results)
    for first, second in zip(one.results, two.results, strict=True):
        mine, other = first.to_dict(), second.to_dict()
        for name, value in mine.items():
            if isinstance(value, float):
                assert other[name] == pytest.approx(value, rel=1e-9, abs=1e-12), (mine, name)
            elif name in ("rows_needed", "clusters_needed") and value is not None:
                assert other[name] == pytest.approx(value, abs=1, rel=1e-8)
            elif name != "reason":
                assert other[name] == value, (mine, name)


@pytest.mark.parametrize(
    ("task", "cluster"),
    [("binary", "day"), ("binary", None), ("multiclass", "day"), ("regression", None)],
)
def test_gate_model__pieces_and_order_change_nothing(
    judge: Judge, task: str, cluster: str | None
) -> None:
    pair = realistic(task, 4_000)
    settings = {"cluster": cluster, "weight": "weight", "slices": SLICES, "gate": everything(task)}
    whole = judge(pair, task, **settings)
    slices = {tuple((result.slice or {}).items()) for result in whole.results}
    assert len(slices) == 1 + 4 + 8 + 5  # overall; a null or NaN is a slice of its own
    assert {r.judgement.verdict for r in whole.results} > {Verdict.PASS, Verdict.INCONCLUSIVE}
    for parts, files in ((7, 3), (64, 1)):
        assert_same(judge(shuffled(pair, parts), task, parts=parts, files=files, **settings), whole)


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_gate_model__pieces_and_order_change_nothing_where_values_share_bins(
    judge: Judge, monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    pair = realistic(task, 3_000)
    names = ["roc-auc", "pr-auc"] if task == "binary" else ["median-absolute-error"]
    bounds = {name: {"max": 0.8, "max-regression": 0.01} for name in names}
    settings = {"slices": ["country"], "gate": {"metrics": bounds, "slice-metrics": bounds}}
    exact = judge(pair, task, **settings)
    monkeypatch.setattr(sums, "MAX_ENTRIES", 500)
    coarse = judge(pair, task, **settings)
    for one, two in zip(exact.results, coarse.results, strict=True):
        assert two.own is not None
        assert two.harm is not None
        assert 0 < two.own.slack < two.harm.slack
        assert two.own.value != one.judgement.candidate
        assert abs(two.own.value - one.judgement.candidate) <= two.own.slack
        assert abs(two.harm.value - (one.judgement.harm or 0)) <= two.harm.slack
    for parts in (7, 40):
        assert_same(judge(shuffled(pair, parts), task, parts=parts, **settings), coarse)


def test_gate_model__large_tables_are_judged_from_disk_and_the_same(
    judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = realistic("binary", 4_000)
    settings = {"cluster": "day", "weight": "weight", "slices": SLICES,
                "gate": everything("binary")}  # fmt: skip
    whole = judge(pair, **settings)
    monkeypatch.setattr(opened, "IN_MEMORY_ROWS", 1_000)
    monkeypatch.setattr(opened, "BATCH_ROWS", 300)
    monkeypatch.setattr(pieces, "PIECE_ROWS", 900)
    from_disk = judge(shuffled(pair, 1), files=5, **settings)
    assert_same(from_disk, whole)
    assert from_disk.record["evaluation_digest"] == whole.record["evaluation_digest"]


def test_gate_model__more_clusters_than_are_kept_apart_share_buckets(
    judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bucket of a few clusters counts as one: a coarser, not a biased, standard error."""
    rng = np.random.default_rng(0)
    user = rng.integers(0, 6_000, size=20_000)
    lean = rng.normal(size=6_000)[user]
    signal = rng.normal(size=20_000)
    label = rng.random(20_000) < 1 / (1 + np.exp(-(signal + lean)))
    rows = pl.DataFrame({"id": np.arange(20_000), "label": label})
    score = 1 / (1 + np.exp(-signal))
    pair = (rows.with_columns(score=score, user=user),
            rows.with_columns(score=score**1.5))  # fmt: skip
    bounds = dict.fromkeys(("log-loss", "roc-auc", "accuracy"), ANYTHING)
    settings = {"cluster": "user", "gate": {"metrics": bounds}}
    apart = judge(pair, **settings)
    for module in (pairing, design):
        monkeypatch.setattr(module, "MAX_CLUSTERS", 2_000)
    shared = judge(pair, **settings)
    assert apart.clusters == len(np.unique(user))
    for one, two in zip(apart.results, shared.results, strict=True):
        assert one.judgement.candidate == two.judgement.candidate
        for kind in ("own", "harm"):
            first, second = getattr(one, kind), getattr(two, kind)
            assert second.clusters <= 2_000 < first.clusters
            assert math.sqrt(second.second) == pytest.approx(math.sqrt(first.second), rel=0.08)
    assert_same(judge(shuffled(pair, 1), parts=7, **settings), shared)


def test_gate_model__slices_crossings_and_ranges_agree_with_scikit_learn(judge: Judge) -> None:
    pair = realistic("binary", 6_000)
    asked = dict.fromkeys(("roc-auc", "log-loss", "accuracy"), ANYTHING)
    gate = {"min-slice-rows": 1, "metrics": asked, "slice-metrics": asked}
    report = judge(pair, slices=SLICES, weight="weight", parts=3, gate=gate)
    age = pair[0]["age"].to_numpy()
    ranges = np.where(np.isnan(age), None, np.array(RANGES)[np.digitize(age, CUTS)])
    counted = pair[0].with_columns(age=pl.Series(ranges, dtype=pl.String))
    counted = counted.filter(pl.col("weight") > 0)
    for result in report.results:
        rows = counted
        for column, value in (result.slice or {}).items():
            rows = rows.filter(pl.col(column).eq_missing(pl.lit(value)))
        label, score, weight = (rows[name].to_numpy() for name in ("label", "score", "weight"))
        answers = score >= 0.5 if result.metric == "accuracy" else score
        oracle = {"roc-auc": sk.roc_auc_score, "log-loss": sk.log_loss,
                  "accuracy": sk.accuracy_score}[result.metric]  # fmt: skip
        expected = oracle(label, answers, sample_weight=weight)
        assert result.rows == rows.height
        assert result.judgement.candidate == pytest.approx(expected, rel=1e-9)
    assert any("rows have a weight of 0" in note for note in report.notes)


def test_gate_model__range_holds_its_lower_end(judge: Judge) -> None:
    table = realistic("binary", 2_000)[0].with_columns(
        age=pl.Series([24.999, 25.0, 39.0, 40.0] * 500)
    )
    asked = {"accuracy": {"min": 0.0}}
    report = judge(table, slices=[{"age": CUTS}], gate={"metrics": asked, "slice-metrics": asked})
    rows = {result.slice["age"]: result.rows for result in report.results if result.slice}
    assert rows == {"below 25": 500, "25 to 40": 1_000, "40 to 60": 500}


def test_gate_model__slices_on_one_side_only_are_named(judge: Judge) -> None:
    candidate, baseline = realistic("binary", 2_000)
    baseline = baseline.with_columns(candidate.select("country", "device", "age"))
    candidate = candidate.filter(pl.col("id") != 7)
    baseline = baseline.with_columns(
        country=pl.when(pl.col("id") == 7).then(pl.lit("AT")).otherwise("country")
    )
    asked = {"accuracy": {"max-regression": 0.1}}
    report = judge((candidate, baseline), slices=["country"], **{"max-unpaired-rows": 1},
                   gate={"metrics": asked, "slice-metrics": asked})  # fmt: skip
    assert any("Slices that the baseline alone has: country=AT (1 rows)" in note
               for note in report.notes)  # fmt: skip


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_gate_model__unpaired_rows_are_counted_however_the_rows_are_split(
    judge: Judge, data: st.DataObject
) -> None:
    candidate, baseline = realistic("binary", 400)
    gone = st.lists(st.integers(0, 399), max_size=12, unique=True)
    left = candidate.filter(~pl.col("id").is_in(data.draw(gone)))
    right = baseline.filter(~pl.col("id").is_in(data.draw(gone)))
    allowed = data.draw(st.integers(0, 14))
    settings = {"max-unpaired-rows": allowed, "gate": {"metrics": {"accuracy": ANYTHING}}}
    alone = (left.join(right, on="id", how="anti").height,
             right.join(left, on="id", how="anti").height)  # fmt: skip
    for parts in (None, 3):
        if max(alone) > allowed:
            said = f"{alone[0] if alone[0] > allowed else alone[1]} keys stand in"
            with pytest.raises(TidegateError, match=said):
                judge((left, right), parts=parts, **settings)
            continue
        report = judge((left, right), parts=parts, **settings)
        assert report.rows == left.join(right, on="id").height
        for count, side in zip(alone, ("candidate", "baseline"), strict=True):
            said = f"{count} keys stand in the {side}'s table alone"
            assert any(said in note for note in report.notes) == (count > 0)


@pytest.mark.parametrize("damage", ["repeat", "relabel"])
def test_gate_model__damage_is_the_same_error_however_the_rows_are_split(
    judge: Judge, damage: str
) -> None:
    candidate, baseline = realistic("binary", 2_000)
    if damage == "repeat":
        candidate = pl.concat([candidate, candidate.head(3)])
    else:
        baseline = baseline.with_columns(label=pl.col("label") ^ (pl.col("id") < 4))
    said = {"repeat": "6 rows share their key", "relabel": "4 rows have another label"}[damage]
    for parts in (None, 1, 16):
        with pytest.raises(TidegateError, match=said):
            judge((candidate, baseline), parts=parts, gate={"metrics": {"accuracy": ANYTHING}})


def test_gate_model__more_pieces_than_rows(judge: Judge) -> None:
    pair, settings = realistic("binary", 40), {"gate": {"metrics": {"roc-auc": ANYTHING}}}
    assert_same(judge(pair, parts=64, **settings), judge(pair, **settings))


def test_gate_model__pieces_without_a_row_of_the_slice_that_is_judged(judge: Judge) -> None:
    candidate, baseline = realistic("binary", 400)
    rare = pl.when(pl.col("id") < 6).then(pl.lit("rare")).otherwise(pl.format("x{}", "id"))
    pair = candidate.with_columns(group=rare), baseline
    settings = {
        "slices": ["group"],
        "gate": {"min-slice-rows": 5, "metrics": {"accuracy": ANYTHING},
                 "slice-metrics": {"roc-auc": ANYTHING}},
    }  # fmt: skip
    assert_same(judge(pair, parts=16, **settings), judge(pair, **settings))


def test_gate_model__keys_that_are_hashes_of_64_bits(judge: Judge) -> None:
    key = pl.col("id").cast(pl.UInt64) + 2**63
    candidate, baseline = (table.with_columns(id=key) for table in realistic("binary", 400))
    asked = {"accuracy": ANYTHING}
    assert judge((candidate, baseline), gate={"metrics": asked}).rows == 400


def test_gate_model__same_classes_from_other_probabilities_prove_little(judge: Judge) -> None:
    """As with classes alone: on 30 rows, agreeing on all is no proof of being as good."""
    rows = pl.DataFrame({"id": range(30), "label": ["a", "b", "c"] * 10})
    tables = []
    for right in (0.6, 0.8):
        other = (1 - right) / 2
        tables.append(rows.with_columns(
            pl.when(pl.col("label") == name).then(right).otherwise(other).alias(f"p_{name}")
            for name in ("a", "b", "c")
        ))  # fmt: skip
    bound = {"accuracy": {"max-regression": 0.0}}
    report = judge((tables[0], tables[1]), "multiclass", gate={"metrics": bound})
    answers = [table.with_columns(answer=pl.col("label")) for table in tables]
    classes = judge((answers[0], answers[1]), "multiclass", scores={}, prediction="answer",
                    gate={"metrics": bound, "allow-same-version": True})  # fmt: skip
    assert classes.verdict is Verdict.INCONCLUSIVE
    assert report.verdict is Verdict.INCONCLUSIVE
