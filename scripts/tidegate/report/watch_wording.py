"""Sentences about a report of watch. Names and values in them are plain, not yet escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tidegate.report.escape import plain
from tidegate.report.numbers import plural

Report = Mapping[str, Any]

# State of a part -> its badge and words.
STATES = {
    "passing": ("pass", "passes"),
    "suspected": ("inconclusive", "fails, not confirmed yet"),
    "failing": ("fail", "fails"),
    "recovering": ("inconclusive", "passes again, watched on"),
    "unsure": ("inconclusive", "cannot tell"),
    "undecided": (None, "could not be decided"),
}
# Worst first.
_ORDER = ("failing", "undecided", "suspected", "recovering", "unsure", "passing")


def headline(report: Report) -> str:
    """The outcome in a few words; of an incident that goes on, without since when."""
    by_state = {
        state: [part for part in report["parts"] if part["state"] == state] for state in STATES
    }
    incident = report["incident"]
    if incident is not None and incident["ended"] is None:
        if parts := by_state["failing"]:
            return f"{_named(parts)} {_verb(parts)}"
        return f"{_listed(incident['failing'])} not well for long enough yet"
    if parts := by_state["undecided"]:
        return f"Could not be decided: {_named(parts)}"
    if parts := by_state["suspected"]:
        return f"{_named(parts)} {_verb(parts)}, and it takes {rule(report)} to be sure"
    if parts := by_state["unsure"]:
        return f"The rows cannot tell: {_named(parts)}"
    return "All is well"


def rule(report: Report) -> str:
    of = report["rule"]
    return f"{of['fails']} of {plural(of['runs'], 'run')}"


def title(report: Report) -> str:
    """The issue's: what is wrong with which service, without a date that would change."""
    return plain(f"{report['service']}: {_listed(report['incident']['parts'])} fail at work", 200)


def worst_first(parts: Sequence[Report]) -> list[Report]:
    return sorted(parts, key=lambda part: _ORDER.index(part["state"]))


def troubled(report: Report) -> list[Report]:
    """The parts that a person should read about."""
    return [part for part in worst_first(report["parts"]) if part["state"] != "passing"]


def worst_results(part: Report) -> list[Report]:
    """Results of the gate's engine that do not pass, the worst first."""
    order = {"fail": 0, "inconclusive": 1}
    bad = [one for one in part["results"] if one["verdict"] in order and one["blocking"]]
    return sorted(bad, key=lambda one: (order[one["verdict"]], -(one["harm"] or 0)))


def _named(parts: Sequence[Report]) -> str:
    return _listed([part["part"] for part in parts])


def _verb(parts: Sequence[Report]) -> str:
    return "fails" if len(parts) == 1 else "fail"


def _listed(names: Sequence[str]) -> str:
    shown = [plain(name, 60) for name in names[:4]]
    if len(names) > 4:
        shown = [*shown[:3], f"{len(names) - 3} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
