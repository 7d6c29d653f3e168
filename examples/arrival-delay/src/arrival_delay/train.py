"""Stage 2: train, and save as an MLflow model with signature and pinned environment.

Nothing is sent anywhere: `tidegate register-model` logs what the gate let through.
"""

import json
import shutil
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow.sklearn
import polars as pl
import yaml
from mlflow.models import infer_signature
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from arrival_delay import features
from arrival_delay.predict import model_inputs

MODEL = Path("models/model")
REQUIREMENTS = ("pandas", "polars", "scikit-learn", "skops")
# skops loads no other type than these from the file. They are scikit-learn's own; tidegate lets
# a model be loaded only while its digest is the one that was registered.
TRUSTED = [
    "functools.partial",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils.validation.check_array",
]


def make_model(params: dict[str, Any]) -> Pipeline:
    categorical = list(range(len(features.CATEGORICAL)))
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, min_frequency=50)
    columns = make_column_transformer(
        (encoder, features.CATEGORICAL), ("passthrough", features.NUMERIC)
    )
    trees = HistGradientBoostingRegressor(
        categorical_features=categorical or None, random_state=0, **params
    )
    return make_pipeline(columns, trees)


def main() -> None:
    params = yaml.safe_load(Path("params.yaml").read_text())["train"]
    rows = pl.read_parquet("build/train.parquet")
    inputs = model_inputs(rows)
    started = time.monotonic()
    model = make_model(params).fit(inputs, rows[features.LABEL].to_numpy())
    minutes = (time.monotonic() - started) / 60
    shutil.rmtree(MODEL, ignore_errors=True)
    example = inputs.head(5)
    mlflow.sklearn.save_model(
        model,
        MODEL,
        signature=infer_signature(example, model.predict(example)),
        pip_requirements=[f"{name}=={version(name)}" for name in REQUIREMENTS],
        skops_trusted_types=TRUSTED,
        # So that tidegate can score this version anew, on an evaluation set of a later day.
        pyfunc_predict_fn="predict",
    )
    Path("reports").mkdir(exist_ok=True)
    Path("reports/measurements.json").write_text(json.dumps({"train-minutes": minutes}) + "\n")
    print(f"trained on {rows.height} rows in {minutes * 60:.1f} s")


if __name__ == "__main__":
    main()
