"""The issue of an incident, and the comments on it."""

from __future__ import annotations

from collections.abc import Sequence

from tidegate import __version__
from tidegate.report import escape
from tidegate.report.markdown import MAX_COMMENT, SHORTER, Report, environment, fitting


def render_issue(
    report: Report, state: str, repository_url: str, started: Report | None = None
) -> str:
    """The issue of an incident that goes on. state: what the next run has to know, not shown.

    started: what was started for it, when, and in which run.
    """
    return fitting(
        "incident.md.j2",
        SHORTER,
        MAX_COMMENT,
        f"[the full report]({report['run_url']})" if report["run_url"] else "the full report",
        marker=incident_marker(report["service"]),
        report=report,
        state=state,
        repository_url=repository_url,
        started=started,
        version=__version__,
    )


def render_note(what: str, report: Report, parts: Sequence[str]) -> str:
    """A comment on an incident's issue. what: ended, more (parts fail) or duplicate."""
    template = environment().get_template("incident-note.md.j2")
    return template.render(what=what, report=report, parts=parts)


def incident_marker(service: str) -> str:
    """What tells this service's issue from others: its first line, not shown."""
    return f"<!-- tidegate:incident service={escape.markdown(service)} -->"
