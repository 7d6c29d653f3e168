"""Whether drift keeps its promises, and how fast it is: figures beside their targets.

PYTHONPATH=tests python -m benchmarks.drift [--repetitions 1000] [--seed 1] [--speed | --promises]
With 1,000 repetitions a rate of 1 % is known to 0.3 points. Each speed is a process of its own.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
from numpy.random import Generator

from benchmarks.table import Line, show
from tidegate.config import Drift
from tidegate.data.drift.examination import compare
from tidegate.verdict import Verdict

Draw = Callable[[Generator], Counter[str]]
CONFIDENCE = 0.99
LIMIT = 0.2
COLUMNS = 10
SIZES = {500: 1, 10_000: 1, 1_000_000: 40}  # rows: one of so many repetitions is done
BATCH = 10
SPEED = """\
import resource, sys, time
import polars as pl
from tidegate.config import Drift
from tidegate.data.drift.examination import examine
started = time.perf_counter()
now, before = (pl.scan_parquet(f"{sys.argv[1]}/{side}/*.parquet") for side in ("now", "before"))
found = examine(now, before, Drift(), where="")
assert len(found.drift) == len(found.profile) == 10
seconds = time.perf_counter() - started
used = resource.getrusage(resource.RUSAGE_SELF)
print(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20)
"""


def lines(
    repetitions: int = 1_000, seed: int = 1, *, promises: bool = True, speed: bool = True
) -> Iterator[Line]:
    """Whether drift keeps its promises, by simulation, and how fast it is."""
    if promises:
        spawn = multiprocessing.get_context("spawn")  # Polars' threads do not survive a fork
        with ProcessPoolExecutor(mp_context=spawn) as pool:
            for figures in (false_alarms, on_the_limit, power):
                yield from figures(repetitions, seed, pool)
    if speed:
        yield _speed()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speed", action="store_true", help="the speed alone")
    parser.add_argument("--promises", action="store_true", help="the simulations alone")
    chosen = parser.parse_args()
    wanted = lines(
        chosen.repetitions,
        chosen.seed,
        promises=not chosen.speed,
        speed=not chosen.promises,
    )
    return 0 if show(wanted) else 1


def repeated(work: Draw, times: int, seed: int, pool: ProcessPoolExecutor) -> Counter[str]:
    """The counts of about `times` repetitions, each batch with random numbers of its own."""
    seeds = np.random.SeedSequence(seed).spawn(max(1, -(-times // BATCH)))
    total: Counter[str] = Counter()
    for counts in pool.map(partial(_batch, work), seeds):
        total += counts
    return total


def _batch(work: Draw, seed: np.random.SeedSequence) -> Counter[str]:
    rng = np.random.default_rng(seed)
    total: Counter[str] = Counter(all=BATCH)
    for _ in range(BATCH):
        total += work(rng)
    return total


def share(counts: Counter[str], name: str) -> float:
    """In percent of all."""
    return 100 * counts[name] / counts["all"]


def table(rows: int, rng: Generator, moved: float = 0.0) -> pl.DataFrame:
    """Ten columns of several kinds; `moved`: by how much the first is shifted."""
    cities = pl.Series([f"city {n}" for n in range(500)])
    return pl.DataFrame(
        {
            "moved": rng.normal(moved, 1, rows),
            **{f"normal {n}": rng.normal(size=rows) for n in range(3)},
            "skewed": rng.lognormal(0, 2, rows),
            "count": rng.poisson(2, rows),
            "mostly zero": np.where(rng.random(rows) < 0.8, 0.0, rng.random(rows)),
            "flag": rng.random(rows) < 0.1,
            "country": pl.Series(["DE", "FR", "US"]).gather(
                rng.choice(3, rows, p=[0.7, 0.2, 0.1])
            ),
            "city": cities.gather((rng.pareto(1, rows) * 5).clip(0, 499).astype(int)),
        }
    )  # fmt: skip


def verdicts(now: pl.DataFrame, before: pl.DataFrame, limit: float) -> dict[str, Verdict]:
    settings = Drift.model_validate({"max-psi": limit, "confidence": CONFIDENCE})
    found = compare(now.lazy(), before.lazy(), settings, where="")
    return {column.column: column.verdict for column in found if column.column is not None}


def false_alarms(times: int, seed: int, pool: ProcessPoolExecutor) -> Iterator[Line]:
    """No drift. Also with next to nothing tolerated, where an alarm is likeliest."""
    for rows, one_of in SIZES.items():
        for limit in (LIMIT, 1e-9):
            counts = repeated(partial(_alarm, rows, limit), times // one_of, seed, pool)
            failed, passed = share(counts, "failed"), share(counts, "passed") / COLUMNS
            asked = 100 * (1 - CONFIDENCE)
            beside = f"; columns that pass: {passed:.1f} %" if limit == LIMIT else ""
            yield Line(
                f"any of {COLUMNS} columns fails without drift, n = {rows:,}, tolerated {limit:g}",
                f"≤ {asked:.0f} %",
                f"{failed:.1f} %{beside}",
                failed <= asked,
            )


def _alarm(rows: int, limit: float, rng: Generator) -> Counter[str]:
    found = verdicts(table(rows, rng), table(rows, rng), limit)
    return Counter(
        failed=Verdict.FAIL in found.values(),
        passed=sum(verdict is Verdict.PASS for verdict in found.values()),
    )


def on_the_limit(times: int, seed: int, pool: ProcessPoolExecutor) -> Iterator[Line]:
    """A single column whose true PSI is the tolerated one: both errors are likeliest."""
    shift = _shift_of(LIMIT)
    for rows, one_of in SIZES.items():
        for reference_rows in sorted({rows, 10_000}):
            work = partial(_on_limit, rows, reference_rows, shift)
            counts = repeated(work, 4 * times // one_of, seed, pool)
            failed, passed = share(counts, "fail"), share(counts, "pass")
            yield Line(
                f"PSI of {LIMIT:g}, all of it tolerated, n = {rows:,} against {reference_rows:,}",
                "fails ≤ 1 %, passes ≤ 1.5 %",
                f"fails {failed:.1f} %, passes {passed:.1f} %",
                failed <= 1 and passed <= 1.5,
            )


def _on_limit(rows: int, reference_rows: int, shift: float, rng: Generator) -> Counter[str]:
    now = pl.DataFrame({"x": rng.normal(shift, 1, rows)})
    before = pl.DataFrame({"x": rng.normal(size=reference_rows)})
    return Counter({str(verdicts(now, before, LIMIT)["x"]): 1})


def power(times: int, seed: int, pool: ProcessPoolExecutor) -> Iterator[Line]:
    """From 100 rows of each side, on as many as an inconclusive column then asks for."""
    for name, psi, right in (("none", 0.0, "pass"), ("twice the tolerated PSI", 2 * LIMIT, "fail")):
        counts = repeated(partial(_advised, _shift_of(psi), right), times // 2, seed, pool)
        decided = 100 * counts["decided"] / max(1, counts["advised"])
        rightly = 100 * counts["right"] / max(1, counts["decided"])
        yield Line(
            f"drift: {name}; decided on the rows advised",
            "≥ 80 %, ≥ 99 % of them right",
            f"{decided:.0f} % of {counts['advised']}, right: {rightly:.1f} %",
            decided >= 80 and rightly >= 99,
        )


def _advised(shift: float, right: str, rng: Generator) -> Counter[str]:
    now, before = table(100, rng, shift), table(100, rng)
    settings = Drift.model_validate({"max-psi": LIMIT, "confidence": CONFIDENCE})
    first = compare(now.lazy(), before.lazy(), settings, where="")[0]
    rows, reference_rows = first.rows_needed, first.reference_rows_needed
    if rows is None or reference_rows is None or rows > 100_000:
        return Counter(unknown=1)
    verdict = verdicts(table(rows, rng, shift), table(reference_rows, rng), LIMIT)["moved"]
    return Counter(
        advised=1, decided=verdict is not Verdict.INCONCLUSIVE, right=str(verdict) == right
    )


def _shift_of(psi: float) -> float:
    """The shift of a normal that has this PSI over the tenths of the unshifted one."""
    from scipy import stats

    cuts = stats.norm.ppf(np.arange(1, 10) / 10)
    low, high = 0.0, 5.0
    for _ in range(60):
        middle = (low + high) / 2
        p = np.diff(stats.norm.cdf([-math.inf, *(cuts - middle), math.inf]))
        above = ((p - 0.1) * np.log(p / 0.1)).sum() > psi
        low, high = (low, middle) if above else (middle, high)
    return low


def _speed() -> Line:
    """Drift and histograms of 10 M rows against 10 M, ten columns, in four Parquet files each."""
    with TemporaryDirectory() as name:
        for side in ("now", "before"):
            (Path(name) / side).mkdir()
            for part in range(4):
                rng = np.random.default_rng([part, side == "now"])
                table(2_500_000, rng).write_parquet(f"{name}/{side}/{part}.parquet")
        runs = []
        for _ in range(3):
            done = subprocess.run(
                [sys.executable, "-c", SPEED, name], check=True, capture_output=True, text=True
            )
            runs.append([float(figure) for figure in done.stdout.split()])
            time.sleep(1)
    seconds, processor, memory = np.median(runs, axis=0)
    return Line(
        "10 M rows against 10 M, 10 columns: drift and histograms",
        "≤ 8 s, ≤ 1 GiB",
        f"{seconds:.1f} s ({processor:.1f} s of processor), {memory:.2f} GiB",
        bool(seconds <= 8 and memory <= 1),
    )


if __name__ == "__main__":
    sys.exit(main())
