"""Stage 3: the predictions table, which is all that the gate reads, and examples for serving."""

import json
from pathlib import Path

import polars as pl

from flight_delay import features
from flight_delay.predict import Predictor

EXAMPLES = 50


def main() -> None:
    rows = pl.read_parquet("build/evaluation.parquet")
    scored = rows.with_columns(score=Predictor()(rows))
    Path("reports").mkdir(exist_ok=True)
    scored.select(*features.KEY, features.LABEL, "score", *features.CONTEXT).write_parquet(
        "reports/predictions.parquet"
    )
    shown = scored.sort(features.KEY).gather_every(max(1, scored.height // EXAMPLES))
    # What the model sees of each row: on it tidegate scores the champion anew where it has to.
    rows.select(features.KEY).hstack(features.build(rows)).write_parquet(
        "build/evaluation-inputs.parquet"
    )
    with Path("reports/examples.jsonl").open("w") as file:
        for row in shown.iter_rows(named=True):
            request = {name: row[name] for name in features.REQUEST}
            line = {"request": request, "expected": row["score"]}
            file.write(json.dumps(line, default=str) + "\n")
    print(f"{scored.height} predictions, {shown.height} examples")


if __name__ == "__main__":
    main()
