"""A service in a git repository: its base branch, and a pull request that changes it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml

from tidegate.cli import main

SCHEMA = """\
import pandera.polars as pa

from shop_rules import COUNTRIES

class Orders(pa.DataFrameModel):
    country: str = pa.Field(isin=COUNTRIES)
    price: int = pa.Field(ge=0)
"""
METRIC = "def error(label, output):\n    return float(abs(label - output).mean())\n"
CONFIG: dict[str, Any] = {
    "service": "shop",
    "data": {"orders": {"path": "orders.csv", "schema": "schemas.py:Orders"}},
    "evaluation": {"predictions": "candidate.parquet", "key": "id", "label": "bought",
                   "score": "score"},
    "gate": {"metrics": {
        "roc-auc": {"min": 0.7},
        "own-error": {"max": 0.4, "function": "metrics.py:error", "higher-is-better": False},
    }},
}  # fmt: skip


@dataclass
class Checkout:
    """A service in a folder of a git repository; nothing is committed until `commit`."""

    top: Path
    root: Path

    def git(self, *arguments: str) -> str:
        who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
        command = ["git", *who, *arguments]
        done = subprocess.run(command, cwd=self.top, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "work")
        return self.git("rev-parse", "HEAD")

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@dataclass
class Repository(Checkout):
    """What is written is a pull request against main."""

    def configure(self, **sections: Any) -> None:
        self.write("tidegate.yaml", yaml.safe_dump({**CONFIG, **sections}))

    def predict(self, noise: float, name: str = "candidate.parquet") -> None:
        """A predictions table; with much noise the model misses roc-auc 0.7."""
        rng = np.random.default_rng(1)
        signal = rng.normal(size=2_000)
        score = 1 / (1 + np.exp(-(signal + noise * rng.normal(size=2_000))))
        bought = (rng.random(2_000) < 1 / (1 + np.exp(-2 * signal))).astype(int)
        frame = pl.DataFrame({"id": np.arange(2_000), "bought": bought, "score": score})
        frame.write_parquet(self.root / name)

    def run(self, verb: str, *flags: str) -> tuple[int, dict[str, Any]]:
        code = main([verb, "--config", str(self.root / "tidegate.yaml"), *flags])
        text = (self.root / f"reports/tidegate/{verb}.json").read_text()
        report: dict[str, Any] = json.loads(text)
        return code, report

    def gate(self, *flags: str) -> tuple[int, dict[str, Any]]:
        return self.run("gate-model", "--baseline", "none", "--base", "main", *flags)

    def check(self, *flags: str) -> tuple[int, dict[str, Any]]:
        return self.run("check-data", "--base", "main", *flags)
