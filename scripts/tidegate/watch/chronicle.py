"""The history of watches as the board shows it: parts, figures over time, incidents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tidegate.config import Config, Watch
from tidegate.registry import Registry
from tidegate.watch.history import History
from tidegate.watch.rule import Rule, Run, incidents, looks, standings

MAX_POINTS = 90  # of each figure; a quarter of a year of daily watches
MAX_FIGURES = 40


def chronicle(config: Config, registry: Registry) -> dict[str, Any] | None:
    """None where the config watches nothing.

    Raises RegistryError where the registry does not answer.
    """
    if config.watch is None:
        return None
    rule = Rule(config.watch.fails, config.watch.runs, config.watch.passes)
    seen = looks(History(registry).runs())
    found = incidents(seen, rule)
    standing = standings(seen, rule) if seen else {}
    return {
        "runs": len(seen),
        "at": seen[-1].at if seen else None,
        "parts": [
            {"part": part, "verdict": seen[-1].parts[part], **of.to_dict()}
            for part, of in standing.items()
        ],
        "figures": _figures(config, config.watch, seen[-MAX_POINTS:]),
        "incidents": [one.to_dict() for one in found[::-1]],
    }


def _figures(config: Config, watch: Watch, seen: Sequence[Run]) -> list[dict[str, Any]]:
    """Objectives first, then quality, then the rest; each with its bounds of today."""
    order = ("objectives", "labels", "cost", "freshness", "data")
    names = list(dict.fromkeys(name for run in seen[::-1] for name in run.figures))
    names.sort(key=lambda name: order.index(name.partition(".")[0]))
    bounds = _bounds(config, watch)
    return [
        {
            "name": name,
            **bounds.get(name, {"min": None, "max": None}),
            "points": [
                {"at": run.at, "release": run.release, "value": run.figures[name]}
                for run in seen
                if name in run.figures
            ],
        }
        for name in names[:MAX_FIGURES]
    ]


def _bounds(config: Config, watch: Watch) -> Mapping[str, Mapping[str, float | None]]:
    """{figure: min and max}."""
    found: dict[str, Mapping[str, float | None]] = {
        f"objectives.{name}/{name}": {"min": of.min, "max": of.max}
        for name, of in watch.objectives.items()
    }
    if config.gate is not None:
        found |= {
            f"labels.{name}/{metric}": {"min": bound.min, "max": bound.max}
            for name in watch.labels
            for metric, bound in config.gate.metrics.items()
        }
    if watch.cost is not None:
        found["cost.total/cost"] = {"min": None, "max": watch.cost.max}
    return found
