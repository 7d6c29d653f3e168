"""The typed config of a service: the only reader of tidegate.yaml."""

from tidegate.config.reading import load, place_of
from tidegate.config.sections import (
    BUDGETS,
    METRICS,
    Bound,
    Config,
    Dataset,
    Deploy,
    Environment,
    Evaluation,
    Gate,
    Image,
    Serving,
)

__all__ = [
    "BUDGETS",
    "METRICS",
    "Bound",
    "Config",
    "Dataset",
    "Deploy",
    "Environment",
    "Evaluation",
    "Gate",
    "Image",
    "Serving",
    "load",
    "place_of",
]
