"""The typed config of a service: the only reader of tidegate.yaml."""

from tidegate.config.reading import load, place_of
from tidegate.config.sections import (
    BUDGETS,
    METRICS,
    Bound,
    Budget,
    Config,
    Dataset,
    Deploy,
    Environment,
    Evaluation,
    Gate,
    Image,
    Serving,
    SliceColumn,
)

__all__ = [
    "BUDGETS",
    "METRICS",
    "Bound",
    "Budget",
    "Config",
    "Dataset",
    "Deploy",
    "Environment",
    "Evaluation",
    "Gate",
    "Image",
    "Serving",
    "SliceColumn",
    "load",
    "place_of",
]
