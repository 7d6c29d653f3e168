"""Stage 1: split the raw data into what is learnt from and what is judged by."""

from pathlib import Path

import polars as pl
import yaml

from arrival_delay import features


def main() -> None:
    params = yaml.safe_load(Path("params.yaml").read_text())["split"]
    raw = features.with_label(read_raw())
    Path("build").mkdir(exist_ok=True)
    for name, rows in zip(("train", "evaluation"), features.split(raw, params), strict=True):
        rows.write_parquet(f"build/{name}.parquet")
        print(f"{name}: {rows.height} rows")


def read_raw() -> pl.DataFrame:
    files = sorted(Path("data").rglob("*.csv"))
    return pl.concat([pl.read_csv(path, try_parse_dates=True) for path in files])


if __name__ == "__main__":
    main()
