"""The trained model as a function of raw rows: the same for evaluation and serving."""

from pathlib import Path

import mlflow.sklearn
import numpy as np
import pandas as pd
import polars as pl
from mlflow.models import Model
from numpy.typing import NDArray

from arrival_delay import contract, features

# What the service answers for a row: the value.
Answer = float

# Where the histogram of predictions is cut, for the metrics of the service.
BUCKETS = features.BUCKETS


class Predictor:
    def __init__(self, folder: Path = Path("models/model")):
        """Raises contract.ContractError for a model that other columns were meant for."""
        contract.hold(Model.load(folder).signature)
        self._model = mlflow.sklearn.load_model(str(folder))

    def __call__(self, raw: pl.DataFrame) -> NDArray[np.float64]:
        """One value a row."""
        values: NDArray[np.float64] = self._model.predict(model_inputs(raw))
        return values


def model_inputs(raw: pl.DataFrame) -> pd.DataFrame:
    """The features as scikit-learn takes them, without pyarrow: it would double the image."""
    return pd.DataFrame(features.build(raw).to_dict(as_series=False))


def answers(predictions: NDArray[np.float64]) -> list[Answer]:
    """What the service answers, and what it is held to after a deployment."""
    values: list[Answer] = predictions.tolist()
    return values


def spread(predictions: NDArray[np.float64]) -> list[float]:
    """For the histogram of predictions."""
    values: list[float] = predictions.tolist()
    return values


def columns(predictions: NDArray[np.float64]) -> pl.DataFrame:
    """As columns of the predictions table; tidegate.yaml names them."""
    return pl.DataFrame({"prediction": predictions})
