"""What a file's name says of its format."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

Format = Literal["parquet", "csv"]
SUFFIXES = (".parquet", ".csv", ".csv.gz")


def format_of(path: Path) -> Format | None:
    name = path.name.lower()
    if name.endswith(".parquet"):
        return "parquet"
    return "csv" if name.endswith((".csv", ".csv.gz")) else None
