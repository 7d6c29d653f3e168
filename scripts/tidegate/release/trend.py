"""Every gated metric over releases, from the gate record that was logged with each version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import isfinite
from typing import Any

from tidegate.gate import record as records
from tidegate.registry import GATE_REPORT_ARTIFACT, Registry
from tidegate.release.release import Release

Point = Mapping[str, Any]

MAX_RELEASES = 50  # the newest; each takes a few requests
_AT_ONCE = 8


@dataclass(frozen=True)
class Trend:
    """What the gate measured of releases, oldest first. unreadable: release -> why."""

    releases: tuple[Release, ...]
    metrics: tuple[Mapping[str, Any], ...]
    unreadable: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        return {
            "releases": [release.id for release in self.releases],
            "metrics": list(self.metrics),
            "unreadable": [
                {"release": release, "reason": reason}
                for release, reason in self.unreadable.items()
            ],
        }


def trend(registry: Registry, releases: Sequence[Release]) -> Trend:
    """The overall results of the newest releases, by metric.

    Raises RegistryError where the registry does not answer; a record that is missing or edited
    leaves a gap, and is named.
    """
    newest = releases[-MAX_RELEASES:]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        read = list(pool.map(lambda of: _points(registry, of), newest))
    metrics: dict[str, list[Point]] = {}
    # The newest comes first here, so that its order of the metrics is the one that is shown.
    for found in reversed(read):
        for metric, point in {} if isinstance(found, str) else found.items():
            metrics.setdefault(metric, []).insert(0, point)
    return Trend(
        tuple(newest),
        tuple({"metric": name, "points": points} for name, points in metrics.items()),
        {of.id: why for of, why in zip(newest, read, strict=True) if isinstance(why, str)},
    )


def _points(registry: Registry, release: Release) -> dict[str, Point] | str:
    """A release's overall results by metric; why there are none, where they cannot be trusted."""
    version = registry.find(release.model_version)
    if version is None:
        return "its version is no longer in the registry"
    if not registry.holds(version, GATE_REPORT_ARTIFACT):
        return "it was registered without a gate record"
    try:
        report = registry.gate_report(version)
        record = report["record"]
        intact = records.is_intact(record) and record["digest"] == release.record_digest
        # Earlier records bind verdict and digests, not yet the figures.
        if intact and (digest := record.get("results_digest")) is not None:
            figures = [*report["results"], *report["budgets"]]
            intact = digest == records.figures_digest(figures)
        if not intact:
            return "its gate record is not the one that it was made with"
        overall = (result for result in report["results"] if result["slice"] is None)
        return {str(result["metric"]): _point(release, result) for result in overall}
    except (ValueError, KeyError, TypeError, AttributeError):
        return "its gate record cannot be read"


def _point(release: Release, result: Mapping[str, Any]) -> Point:
    names = ["baseline", "min", "max", "max_regression", "lower", "upper"]
    figures = {name: result[name] for name in names}
    if result["max_regression"] is not None and result["harm"] is not None:
        # The record's interval is the harm's, not the value's.
        figures |= {"lower": None, "upper": None}
    return {
        "release": release.id,
        "at": release.created_at,
        "verdict": str(result["verdict"]),
        "candidate": _finite(result["candidate"]),
        **{name: None if value is None else _finite(value) for name, value in figures.items()},
    }


def _finite(value: Any) -> float:
    if not isfinite(number := float(value)):
        raise ValueError(f"{number} is no figure")
    return number
