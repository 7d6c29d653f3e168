"""The trained model as a function of raw rows: the same for evaluation and serving."""

from pathlib import Path

import mlflow.sklearn
import numpy as np
import pandas as pd
import polars as pl
from numpy.typing import NDArray

from digit_reader import features

# What the service answers for a row: the probability of each class.
Answer = dict[str, float]


class Predictor:
    def __init__(self, folder: Path = Path("models/model")):
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


def columns(predictions: NDArray[np.float64]) -> pl.DataFrame:
    """As columns of the predictions table; tidegate.yaml names them."""
    return pl.DataFrame(predictions, schema=[f"score_{name}" for name in features.CLASSES])
