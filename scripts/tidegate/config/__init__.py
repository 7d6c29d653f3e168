"""The typed config of a service: the only reader of tidegate.yaml."""

from tidegate.config.datasets import (
    Categories,
    Dataset,
    Drift,
    ForeignKey,
    Freshness,
    RowCount,
)
from tidegate.config.reading import line_of, load, place_of
from tidegate.config.sections import (
    BUDGETS,
    METRICS,
    Bound,
    Budget,
    Config,
    Deploy,
    Environment,
    Evaluation,
    Gate,
    Image,
    Load,
    Serving,
    SliceColumn,
)
from tidegate.config.watch import Objective, Watch, WatchedCost, WatchedData, WatchedLabels

__all__ = [
    "BUDGETS",
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
