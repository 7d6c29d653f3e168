"""The comment of a pull request, from the reports of its verbs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidegate import __version__
from tidegate.report import escape, history
from tidegate.report.claim import Claim
from tidegate.report.headline import decided, headline, override
from tidegate.report.markdown import MAX_COMMENT, SHORTER, Report, fitting
from tidegate.report.redaction import censored


@dataclass(frozen=True)
class Comment:
    """What stands on the pull request. blocked: the change must not be merged as it is."""

    headline: str
    blocked: bool
    body: str


def render_comment(
    reports: Mapping[str, Report],
    expected: Sequence[str],
    run_url: str | None = None,
    *,
    at: str | None = None,
    earlier: str = "",
    claim: Claim | None = None,
) -> Comment:
    """The comment of a pull request from the reports at hand.

    expected: verbs that must have reported; one that has not reads as undecided, never as a pass.
    at: now; earlier: the text of the comment as it stands, whose verdict becomes an earlier one.
    Without a time no history is kept. claim: the run without secrets that the reports come from,
    where it was one.
    """
    missing = [verb for verb in expected if verb not in reports]
    said, blocked = headline(reports, missing)
    if claim is not None:
        said, blocked = claim.headline(said, blocked)
        missing = [] if claim.refused else missing
    data, gate = decided(reports, "check-data"), decided(reports, "gate-model")
    commit = next((r["commit"] for r in reports.values() if r.get("commit")), None)
    before, last = [], ""
    if at is not None:
        now = history.entry(said, commit, at, run_url)
        before = history.before(history.read(earlier), now)
        last = history.line([now, *before]) + "\n"
    body = fitting(
        "comment.md.j2",
        SHORTER,
        MAX_COMMENT - len(last),
        f"[the full reports]({run_url})" if run_url else "the full reports",
        marker=marker(service_of(reports)),
        service=service_of(reports),
        headline=said,
        claim=claim,
        data=censored(data) if data else None,
        gate=gate,
        policies=_policies(reports),
        label=_label(reports),
        refused=dict.fromkeys(why for r in reports.values() if (why := r.get("override_refused"))),
        overrides=[found for report in (data, gate) if (found := override(report))],
        errors={verb: report for verb, report in reports.items() if report["error"] is not None},
        reports=reports,
        skipped=missing,
        stopped=any(report["blocked"] for report in reports.values()),
        commit=commit,
        run_url=run_url,
        repository_url=(run_url or "").partition("/actions/runs/")[0],
        before=before,
        pages=_pages(reports),
        version=__version__,
    )
    return Comment(said, blocked, body + last)


def _pages(reports: Mapping[str, Report]) -> str:
    """The pages that show more than there is room for here."""
    shown = {
        "gate-model": "`gate-model.html` (every slice with its interval, calibration, scores)",
        "check-data": "`check-data.html` (every rule, histograms)",
    }
    return " and ".join(words for verb, words in shown.items() if decided(reports, verb))


def _label(reports: Mapping[str, Report]) -> str | None:
    """The label that would let a blocked pull request through; None where none is blocked."""
    policies = [r["policy"] for r in reports.values() if r["blocked"] and r.get("policy")]
    return next((label for policy in policies if (label := policy.get("override_label"))), None)


def _policies(reports: Mapping[str, Report]) -> list[Mapping[str, Any]]:
    """Whose policy judged, and what changes in it; of data and model together where it is one."""
    merged: dict[tuple[Any, ...], list[Any]] = {}
    for report in reports.values():
        if policy := report.get("policy"):
            changes = merged.setdefault((policy["source"], policy["commit"], policy["why"]), [])
            changes += [change for change in policy["changes"] if change not in changes]
    return [
        {"source": source, "commit": commit, "why": why, "changes": changes}
        for (source, commit, why), changes in merged.items()
        if changes or why
    ]


def service_of(reports: Mapping[str, Report]) -> str:
    """The service that the reports are about; empty when none of them came to know it."""
    return next((str(r["service"]) for r in reports.values() if r.get("service")), "")


def marker(service: str) -> str:
    """What tells this service's comment from others: the first line of the comment, not shown."""
    return f"<!-- tidegate:comment service={escape.markdown(service)} -->"
