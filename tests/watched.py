"""A service, `shop`, to be watched: a release in production, recent inputs, labels that arrived.

Its registry is real, on SQLite; its release was judged by the gate. A day passes by `next_day`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import polars as pl
import yaml

from tidegate import config as configs
from tidegate.cli.execution import decided
from tidegate.config import Config
from tidegate.context import Context
from tidegate.data.checks import check_dataset
from tidegate.data.results import DataReport
from tidegate.gate.gate import gate_model
from tidegate.registry import Registry
from tidegate.release.ledger import Event, Ledger
from tidegate.release.registration import register_candidate
from tidegate.watch.results import Part, WatchReport
from tidegate.watch.watching import watch

REPORTS = "reports/tidegate"
CONFIG: dict[str, Any] = {
    "service": "shop",
    "data": {
        "orders": {
            "path": "data/orders.parquet", "schema": "schemas.py:Orders", "key": "id",
            "redact": ["customer"],
        },
    },
    "evaluation": {
        "predictions": "reports/predictions.parquet", "key": "id", "label": "returned",
        "score": "score", "slices": ["city"],
    },
    "gate": {
        "metrics": {"roc-auc": {"min": 0.6, "max-regression": 0.01}},
        "slice-metrics": {"log-loss": {"max-regression": 0.02}},
    },
    "environments": {
        "production": {"deploy": {"kind": "command", "run": "true", "url": "http://127.0.0.1:9"}},
    },
    "watch": {
        "data": {"recent": {"path": "recent/orders.parquet", "dataset": "orders"}},
        "labels": {
            "arrived": {
                "predictions": "recent/labelled.parquet",
                "margins": {"roc-auc": 0.05}, "slice-margins": {"log-loss": 0.1},
            },
        },
    },
}  # fmt: skip
SCHEMA = """\
import pandera.polars as pa

Orders = pa.DataFrameSchema({
    "id": pa.Column(int, unique=True),
    "city": pa.Column(str),
    "customer": pa.Column(str),
    "price": pa.Column(float, pa.Check.gt(0)),
    "weight": pa.Column(float, nullable=True),
})
"""
CITIES = ("Oslo", "Bergen", "Tromsø")


def orders(rows: int, rng: np.random.Generator) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "id": rng.permutation(rows),
            "city": rng.choice(CITIES, rows, p=[0.6, 0.3, 0.1]),
            "customer": rng.choice(["Ada", "Grace", "Mona"], rows),
            "price": rng.lognormal(3, 1, rows),
            "weight": rng.normal(5, 1, rows),
        }
    )


def labelled(rows: int, rng: np.random.Generator) -> pl.DataFrame:
    """Scores that are right about their own risk."""
    score = rng.beta(1, 3, rows)
    return pl.DataFrame(
        {
            "id": np.arange(rows),
            "city": rng.choice(CITIES, rows, p=[0.6, 0.3, 0.1]),
            "returned": (rng.random(rows) < score).astype(int),
            "score": score,
        }
    )


@dataclass
class Watched:
    """The service in `folder`. Its config is read anew each time, so that a test may change it."""

    folder: Path
    at: datetime = datetime(2026, 3, 2, 6, tzinfo=UTC)
    environ: dict[str, str] = field(default_factory=lambda: {"TIDEGATE_COMMIT": "0" * 40})

    @classmethod
    def make(cls, folder: Path, config: dict[str, Any] = CONFIG) -> Watched:
        return cls(folder).fill(config)

    def fill(self, config: dict[str, Any] = CONFIG) -> Watched:
        """Everything that there is to it, and the day after."""
        for name in ("data", "reports", "recent", "models/model", REPORTS):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.write_config(config)
        (self.folder / "schemas.py").write_text(SCHEMA)
        rng = np.random.default_rng(1)
        orders(20_000, rng).write_parquet(self.folder / "data/orders.parquet")
        self.release(rng)
        self.next_day()
        return self

    def write_config(self, config: dict[str, Any]) -> None:
        (self.folder / "tidegate.yaml").write_text(yaml.safe_dump(config, allow_unicode=True))

    def change_watch(self, **keys: Any) -> None:
        config = yaml.safe_load((self.folder / "tidegate.yaml").read_text())
        config["watch"] |= {name.replace("_", "-"): value for name, value in keys.items()}
        self.write_config(config)

    @property
    def config(self) -> Config:
        return configs.load(self.folder / "tidegate.yaml")

    @property
    def context(self) -> Context:
        return Context(environ=self.environ, now=lambda: self.at)

    @property
    def registry(self) -> Registry:
        return Registry.open(self.config, self.context)

    def release(self, rng: np.random.Generator | None = None) -> str:
        """A version that the gate let through, put on production; its release's id."""
        rng = rng or np.random.default_rng(int(self.at.timestamp()))
        config, registry, reports = self.config, self.registry, self.folder / REPORTS
        labelled(20_000, rng).write_parquet(self.folder / "reports/predictions.parquet")
        (self.folder / "models/model/MLmodel").write_text(f"flavors: {{}}\nmade: {self.at}\n")
        (self.folder / "reports/examples.jsonl").write_text('{"request": {}, "expected": 0}\n')
        judged = gate_model(config, self.context, baseline="none", open_registry=lambda: registry)
        checked = DataReport(
            "shop", None, (check_dataset(config, "orders", config.data["orders"]),)
        )
        for verb, report in (("gate-model", judged), ("check-data", checked)):
            (reports / f"{verb}.json").write_text(json.dumps(decided(verb, report, monotonic())))
        made = register_candidate(config, reports, registry, self.context, "ada").release
        assert made is not None
        self.promote(made.id)
        return made.id

    def promote(self, release: str) -> None:
        """As a promotion leaves the ledger and the registry."""
        ledger = Ledger(self.registry)
        event = Event("promotion", self.context.timestamp(), "production", release, actor="grace")
        ledger.record(event)
        self.registry.set_alias("champion", ledger.release(release).model_version)

    def next_day(self, seed: int | None = None) -> None:
        """A day later: other inputs, other labels, nothing wrong."""
        self.at += timedelta(days=1)
        rng = np.random.default_rng(seed or self.at.toordinal())
        self.write_inputs(orders(600, rng))
        self.write_labels(labelled(6_000, rng))

    def write_inputs(self, table: pl.DataFrame) -> None:
        table.write_parquet(self.folder / "recent/orders.parquet")

    def write_labels(self, table: pl.DataFrame) -> None:
        table.write_parquet(self.folder / "recent/labelled.parquet")

    @property
    def inputs(self) -> pl.DataFrame:
        return pl.read_parquet(self.folder / "recent/orders.parquet", memory_map=False)

    @property
    def labels(self) -> pl.DataFrame:
        return pl.read_parquet(self.folder / "recent/labelled.parquet", memory_map=False)

    def break_inputs(self) -> None:
        """Prices in another currency."""
        self.write_inputs(self.inputs.with_columns(pl.col("price") * 11))

    def break_labels(self, city: str = "Bergen") -> None:
        """The scores of one city are upside down."""
        wrong = pl.when(pl.col("city") == city).then(1 - pl.col("score")).otherwise("score")
        self.write_labels(self.labels.with_columns(wrong.alias("score")))

    def watch(self, *, record: bool = True) -> WatchReport:
        return watch(self.config, self.context, record=record)


def part(report: WatchReport, name: str) -> Part:
    return next(part for part in report.parts if part.id == name)
