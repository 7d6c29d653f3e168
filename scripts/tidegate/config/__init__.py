"""The typed config of a service: the only reader of tidegate.yaml."""

from tidegate.config.datasets import (
    Categories,
    Dataset,
    Drift,
    ForeignKey,
    Freshness,
    RowCount,
)
from tidegate.config.evaluation import Evaluation, SliceColumn
from tidegate.config.gate import BUDGETS, IMAGE_BUDGETS, METRICS, Bound, Budget, Gate
from tidegate.config.reading import line_of, load, place_of
from tidegate.config.release import Deploy, Environment, Image, Load, Serving
from tidegate.config.service import Config
from tidegate.config.watch import Objective, Watch, WatchedCost, WatchedData, WatchedLabels

__all__ = [
    "BUDGETS",
    "IMAGE_BUDGETS",
    "METRICS",
    "Bound",
    "Budget",
    "Categories",
    "Config",
    "Dataset",
    "Deploy",
    "Drift",
    "Environment",
    "Evaluation",
    "ForeignKey",
    "Freshness",
    "Gate",
    "Image",
    "Load",
    "Objective",
    "RowCount",
    "Serving",
    "SliceColumn",
    "Watch",
    "WatchedCost",
    "WatchedData",
    "WatchedLabels",
    "line_of",
    "load",
    "place_of",
]
