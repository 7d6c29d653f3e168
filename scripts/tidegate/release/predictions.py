"""A prediction as a service answers it: a number, or several of them by class or in an order."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

Numbers = Mapping[str, float]


def numbers(prediction: Any) -> Numbers:
    """Every number of a prediction by its name: a class, a place in a list, or "" for the only one.

    Raises ValueError or TypeError for what is no prediction.
    """
    if isinstance(prediction, Mapping):
        found = {str(name): float(value) for name, value in prediction.items()}
    elif isinstance(prediction, list):
        found = {str(place): float(value) for place, value in enumerate(prediction)}
    else:
        found = {"": float(prediction)}
    if not found:
        raise ValueError("a prediction without a number")
    return found


def finite(prediction: Any) -> Numbers:
    """The numbers of a prediction that others are held to."""
    found = numbers(prediction)
    for value in found.values():
        if not math.isfinite(value):
            raise ValueError(f"{value} is no prediction")
    return found


def difference(given: Numbers, expected: Numbers) -> float:
    """The greatest difference between two predictions; NaN where one holds a NaN.

    Raises ValueError where they are not of the same numbers: other classes, or more of them.
    """
    if given.keys() != expected.keys():
        raise ValueError(f"an answer of {_named(given)} where {_named(expected)} is expected")
    differences = [abs(given[name] - expected[name]) for name in expected]
    return math.nan if any(map(math.isnan, differences)) else max(differences)


def _named(found: Numbers) -> str:
    if found.keys() == {""}:
        return "one number"
    shown = ", ".join(list(found)[:10])
    return f"{len(found)} numbers ({shown}{', ...' if len(found) > 10 else ''})"
