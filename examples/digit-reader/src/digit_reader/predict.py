"""The trained model as a function of raw rows: the same for evaluation and serving."""

from pathlib import Path

import mlflow.sklearn
import numpy as np
import pandas as pd
import polars as pl
from mlflow.models import Model
from numpy.typing import NDArray

from digit_reader import contract, features

# What the service answers for a row: the probability of each class.
Answer = dict[str, float]

# Where the histogram of predictions is cut, for the metrics of the service.
BUCKETS = tuple(step / 20 for step in range(1, 21))


class Predictor:
    def __init__(self, folder: Path = Path("models/model")):
        """Raises contract.ContractError for a model that other columns were meant for."""
        contract.hold(Model.load(folder).signature)
        self._model = mlflow.sklearn.load_model(str(folder))
        known = self._model.classes_.tolist()
        self._columns = [known.index(name) for name in features.CLASSES]

    def __call__(self, raw: pl.DataFrame) -> NDArray[np.float64]:
        """The probability of each class, as features.CLASSES orders them: one row a row."""
        found: NDArray[np.float64] = self._model.predict_proba(model_inputs(raw))
        return found[:, self._columns]


def model_inputs(raw: pl.DataFrame) -> pd.DataFrame:
    """The features as scikit-learn takes them, without pyarrow: it would double the image."""
    return pd.DataFrame(features.build(raw).to_dict(as_series=False))


def answers(predictions: NDArray[np.float64]) -> list[Answer]:
    """What the service answers, and what it is held to after a deployment."""
    return [dict(zip(features.CLASSES, row, strict=True)) for row in predictions.tolist()]


def spread(predictions: NDArray[np.float64]) -> list[float]:
    """For the histogram of predictions: how sure it is of the class that it names."""
    values: list[float] = predictions.max(axis=1).tolist()
    return values


def columns(predictions: NDArray[np.float64]) -> pl.DataFrame:
    """As columns of the predictions table; tidegate.yaml names them."""
    return pl.DataFrame(predictions, schema=[f"score_{name}" for name in features.CLASSES])
