"""How fast the gate reads, judges and writes, beside scikit-learn's point estimates alone.

Each run is a process of its own, Parquet in and JSON out; medians, the two sides taking turns.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from benchmarks.table import Line

REPEATS = 5
SLICES = 50
CONFIG = """\
service: benchmark
evaluation: {predictions: candidate, key: id, label: label, score: score, slices: [slice]}
gate:
  metrics: &metrics
    roc-auc: {max-regression: 0.01}
    log-loss: {max-regression: 0.01}
    accuracy: {max-regression: 0.01}
    f1: {max-regression: 0.02}
    brier-score: {max-regression: 0.01}
  slice-metrics: *metrics
"""
# What a home-made gate does: five numbers for two models, overall and by slice, nothing more.
POINT_ESTIMATES = """\
import sys, time
import polars as pl
from sklearn import metrics
candidate = pl.read_parquet(f"{sys.argv[1]}/candidate").to_pandas()
candidate["baseline"] = pl.read_parquet(f"{sys.argv[1]}/baseline")["score"].to_numpy()
started = time.perf_counter()
found = []
for _, rows in [(None, candidate), *candidate.groupby("slice")]:
    label = rows["label"].to_numpy()
    for model in ("score", "baseline"):
        score = rows[model].to_numpy()
        answer = score >= 0.5
        found.append((
            metrics.roc_auc_score(label, score), metrics.log_loss(label, score),
            metrics.accuracy_score(label, answer), metrics.f1_score(label, answer),
            metrics.brier_score_loss(label, score),
        ))
print(time.perf_counter() - started)
"""


def write_tables(folder: Path, rows: int, files: int) -> None:
    """Two models of one signal on the same rows; the key is a whole number, the slice text."""
    (folder / "tidegate.yaml").write_text(CONFIG)
    names = pl.Series([f"slice-{number:02d}" for number in range(SLICES)])
    step = rows // files
    for number in range(files):
        rng = np.random.default_rng(number)
        signal = rng.normal(size=step) - 1
        odds = 1 / (1 + np.exp(-signal))
        shared = {
            "id": np.arange(number * step, (number + 1) * step),
            "label": (rng.random(step) < odds).astype(np.int8),
        }
        slices = names.gather(rng.integers(0, SLICES, step))
        for side in ("candidate", "baseline"):
            score = 1 / (1 + np.exp(-(signal + 0.7 * rng.normal(size=step))))
            extra = {"slice": slices} if side == "candidate" else {}
            (folder / side).mkdir(exist_ok=True)
            pl.DataFrame({**shared, "score": score, **extra}).write_parquet(
                folder / side / f"{number:03d}.parquet"
            )


def gate(folder: Path) -> tuple[float, float]:
    """(seconds, GiB resident at most) of one run, which must give every verdict."""
    command = [str(Path(sys.executable).parent / "tidegate"), "gate-model", "--baseline",
               "baseline", "--json"]  # fmt: skip
    started = time.perf_counter()
    with (folder / "out.json").open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    report = json.loads((folder / "out.json").read_text())
    if os.waitstatus_to_exitcode(status) != 0 or len(report["results"]) != 5 * (SLICES + 1):
        raise SystemExit(f"the gate did not judge everything: {report['error']}")
    return seconds, usage.ru_maxrss / 2**20


def point_estimates(folder: Path) -> float:
    """Seconds that scikit-learn takes, reading and importing left out."""
    command = [sys.executable, "-W", "ignore", "-c", POINT_ESTIMATES, str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout)


def lines() -> Iterator[Line]:
    """1 M, 10 M and 100 M rows; the last takes 4 GB of disk."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_tables(folder, 1_000_000, 1)
        taken, home_made = [], []
        for _ in range(REPEATS):
            home_made.append(point_estimates(folder))
            taken.append(gate(folder)[0])
        one, other = statistics.median(taken), statistics.median(home_made)
        yield Line(
            "1 M rows, 50 slices, 5 metrics, both models, intervals and verdicts",
            f"≤ scikit-learn's point estimates: {other:.2f} s",
            f"{one:.2f} s, ratio {one / other:.2f}",
            one <= other,
        )
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_tables(folder, 10_000_000, 4)
        runs = [gate(folder) for _ in range(3)]
        seconds, memory = statistics.median(run[0] for run in runs), max(run[1] for run in runs)
        yield Line(
            "10 M rows, the same",
            "≤ 12 times the time of 1 M, ≤ 2 GiB resident",
            f"{seconds:.1f} s, ratio {seconds / one:.1f}; {memory:.2f} GiB",
            seconds <= 12 * one and memory <= 2,
        )
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_tables(folder, 100_000_000, 20)
        seconds, memory = gate(folder)
        yield Line(
            "100 M rows in 20 files, streaming",
            "≤ 2.5 GiB resident",
            f"{memory:.2f} GiB, {seconds:.0f} s",
            memory <= 2.5,
        )
