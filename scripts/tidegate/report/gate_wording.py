"""Sentences about a report of gate-model; plain text, not yet escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tidegate.report.escape import plain

Report = Mapping[str, Any]


def slice_name(label: Mapping[str, str | None] | None) -> str:
    """`carrier B6`, `carrier B6, origin JFK`."""
    if label is None:
        return "overall"
    return ", ".join(
        f"{plain(column, 60)} {'(empty)' if value is None else plain(value, 60)}"
        for column, value in label.items()
    )


def worst_first(results: Iterable[Report]) -> list[Report]:
    """Failing, then inconclusive, then the rest; within each the greatest harm first."""
    order = {"fail": 0, "inconclusive": 1, "pass": 2}
    return sorted(results, key=lambda r: (order[r["verdict"]], -(r["harm"] or 0)))


def stopping(gate: Report) -> list[Report]:
    """The results that stop the change, or would if the gate did not merely warn."""
    bad = (r for r in gate["results"] if r["blocking"] and r["verdict"] != "pass")
    return worst_first(bad)


def refusal(gate: Report) -> str:
    """Why the model is refused, in a few words."""
    over = [plain(budget["name"]) for budget in gate["budgets"] if budget["verdict"] == "fail"]
    failing = [r for r in gate["results"] if r["blocking"] and r["verdict"] == "fail"]
    overall = [r for r in failing if r["slice"] is None]
    if overall:
        below = overall[0]["max_regression"] is None or overall[0]["harm"] is None
        kind = "misses its bound for" if below else f"is worse than {_baseline(gate)} in"
        names = ", ".join(plain(result["metric"]) for result in overall)
        return f"the model {kind} {names}"
    if failing:
        slices = [*{(*result["slice"].items(),): result["slice"] for result in failing}.values()]
        more = f" and {len(slices) - 3} more slices" if len(slices) > 4 else ""
        named = ", ".join(map(slice_name, slices[:3] if more else slices))
        below = all(result["harm"] is None for result in failing)
        return f"the model {'misses its bound' if below else 'is clearly worse'} for {named}{more}"
    if over:
        return f"the model is over its budget for {', '.join(over)}"
    undecided = [r for r in gate["results"] if r["verdict"] == "inconclusive" and r["blocking"]]
    names = ", ".join(dict.fromkeys(plain(result["metric"]) for result in undecided))
    return f"the evaluation set is too small to tell for {names}"


def _baseline(gate: Report) -> str:
    baseline = gate["baseline"]
    return "production" if baseline is None or baseline["version"] else "the given table"


def against(gate: Report) -> str:
    """What the model was held against: `production v3`, `the given table`."""
    baseline = gate["baseline"]
    if baseline is None:
        return "nothing"
    version = baseline["version"]
    return f"production v{plain(version, 40)}" if version else "the given table"


def headline(report: Report) -> str:
    """The outcome in one line, as a sentence without its stop."""
    if report["error"] is not None:
        return "The model could not be judged"
    if report["verdict"] != "pass":
        said = refusal(report)
        return said[:1].upper() + said[1:]
    if report["baseline"] is None or report["baseline"]["source"] == "unscorable":
        return "The model keeps its bounds; there was nothing to compare it with"
    return f"The model is no worse than {against(report)}, as far as that is asked"
