"""Stage 3: the predictions table, which is all that the gate reads, and examples for serving."""

import json
from pathlib import Path

import polars as pl

from arrival_delay import features
from arrival_delay.predict import Predictor, answers, columns

EXAMPLES = 50


def main() -> None:
    rows = pl.read_parquet("build/evaluation.parquet")
    predictions = Predictor()(rows)
    Path("reports").mkdir(exist_ok=True)
    judged = rows.select(*features.KEY, features.LABEL, *features.CONTEXT)
    judged.hstack(columns(predictions)).write_parquet("reports/predictions.parquet")
    # What the model sees of each row: on it tidegate scores the champion anew where it has to.
    rows.select(features.KEY).hstack(features.build(rows)).write_parquet(
        "build/evaluation-inputs.parquet"
    )
    shown = rows.with_columns(expected=pl.Series(answers(predictions))).sort(features.KEY)
    shown = shown.gather_every(max(1, rows.height // EXAMPLES))
    with Path("reports/examples.jsonl").open("w") as file:
        for row in shown.iter_rows(named=True):
            request = {name: row[name] for name in features.REQUEST}
            line = {"request": request, "expected": row["expected"]}
            file.write(json.dumps(line, default=str) + "\n")
    print(f"{rows.height} predictions, {shown.height} examples")


if __name__ == "__main__":
    main()
