"""The first line of a comment: the verdict as a person understands it. Plain text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tidegate.report import gate_wording, wording
from tidegate.report.escape import plain

Report = Mapping[str, Any]


def headline(reports: Mapping[str, Report], missing: Sequence[str]) -> tuple[str, bool]:
    """(one line that a person understands, whether the change is blocked).

    missing: verbs that should have reported and have not.
    """
    data, gate = decided(reports, "check-data"), decided(reports, "gate-model")
    blocked = [report for report in (data, gate) if report is not None and report["blocked"]]
    if blocked:
        unsure = all(report["verdict"] == "inconclusive" for report in blocked)
        return f"{'❔' if unsure else '❌'} Blocked: {_refusals(blocked)}", True
    errors = [verb for verb, report in reports.items() if report["error"] is not None]
    if errors:
        what = plain(str(reports[errors[0]]["error"]["what"]).partition("\n")[0], 160)
        return f"⚠️ Could not be decided: {errors[0]} stopped: {what}", True
    if missing:
        names = " and ".join(plain(verb) for verb in missing)
        return f"⚠️ Could not be decided: {names} did not run", True
    judged = [name for name, report in (("data", data), ("model", gate)) if report is not None]
    if not judged:
        return "⚠️ Could not be decided: neither data nor model was judged", True
    if overridden := [report for report in (data, gate) if report and override(report)]:
        by = " and ".join(
            dict.fromkeys(f"@{plain(override(report)['by'], 60)}" for report in overridden)
        )
        return f"⚠️ Overridden by {by} (not a pass): {_refusals(overridden)}", False
    if gate is not None and gate["verdict"] != "pass":
        return f"⚠️ Not blocked, the gate only warns: {gate_wording.refusal(gate)}", False
    words = "data and model pass" if len(judged) == 2 else f"the {judged[0]} passes"
    return f"✅ Ready to merge: {words}{'' if gate is None else _against(gate)}", False


def decided(reports: Mapping[str, Report], verb: str) -> Report | None:
    report = reports.get(verb)
    return report if report is not None and report["error"] is None else None


def override(report: Report | None) -> Mapping[str, Any]:
    """Who let a verdict other than pass through; empty where nobody did, or nobody had to."""
    if report is None or report["verdict"] == "pass" or report["blocked"]:
        return {}
    return dict(report.get("override") or {})


def _refusals(reports: Sequence[Report]) -> str:
    return ", and ".join(
        gate_wording.refusal(report) if "results" in report else wording.refusal(report)
        for report in reports
    )


def _against(gate: Report) -> str:
    if gate["baseline"] is None:
        return " (no baseline yet: absolute bounds only)"
    version = plain(gate["baseline"]["version"] or "")
    return f" (compared with production v{version})" if version else " (compared with a table)"
