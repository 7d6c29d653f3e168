"""Write what `tidegate watch` found into the service's one issue, and start what the config says.

Reads watch.json from the report folder; needs no config and no checkout. The issue is opened when
an incident begins, kept up to date, and closed when it is over. What `watch.on-fail` names is
started once an incident, and said in the issue before it is.

examples:
  tidegate incident
  tidegate incident --do issue      (a job that may write issues, and no more)
  tidegate incident --do action     (a job that may start workflows, and no more)
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidegate.context import Context
from tidegate.errors import DataError, GitHubError
from tidegate.github.api import GitHub
from tidegate.github.incidents import Incidents, Outcome
from tidegate.report import markdown
from tidegate.report.validation import parse_report
from tidegate.verdict import Verdict


@dataclass(frozen=True)
class IncidentReport:
    """What was done. act: what was said in the issue, and is still to be started."""

    service: str
    did: str
    detail: str
    url: str | None
    act: str | None
    body: str
    verdict: Verdict = Verdict.PASS
    blocked: bool = False

    def to_dict(self) -> dict[str, Any]:
        return {
            "service": self.service,
            "did": self.did,
            "detail": self.detail,
            "url": self.url,
            "act": self.act,
            "body": self.body,
        }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--do",
        choices=("issue", "action", "all"),
        default="all",
        help="only write the issue, or only start what it says (default: %(default)s)",
    )


def load_config(arguments: argparse.Namespace) -> None:
    """No config: the job that may write checks nothing out."""


def run(arguments: argparse.Namespace, config: None, context: Context) -> IncidentReport:
    folder = Path(arguments.config).resolve().parent / arguments.report
    report = _read(folder / "watch.json", context.environ)
    service = str(report["service"])
    if report["error"] is not None:
        return _said(service, Outcome("left", "the watch could not be decided: nothing is changed"))
    action = report["action"]
    with closing(GitHub.from_environ(context.environ)) as github:
        if arguments.do == "action":
            if action is None or action["workflow"] is None:
                return _said(service, Outcome("nothing", "there is nothing to be started"))
            github.start_workflow(action["workflow"], action["inputs"])
            detail = f"started {action['workflow']} ({action['kind']})"
            return IncidentReport(service, "started", detail, None, None, _text(detail))
        url = f"{context.environ.get('GITHUB_SERVER_URL') or 'https://github.com'}/{github.repository}"
        incidents = Incidents(github, service, url)
        outcome = incidents.write(report)
        if arguments.do == "issue" or outcome.start is None or outcome.issue is None:
            return _said(service, outcome)
        try:
            github.start_workflow(action["workflow"], action["inputs"])
        except GitHubError as error:
            incidents.refused(report, outcome.issue, error)
            raise
        detail = f"{outcome.detail}; started {action['workflow']} ({action['kind']})"
        return IncidentReport(service, outcome.did, detail, outcome.issue.url, None, _text(detail))


def _said(service: str, outcome: Outcome) -> IncidentReport:
    url = None if outcome.issue is None else outcome.issue.url
    act = None if outcome.start is None else str(outcome.start["kind"])
    return IncidentReport(service, outcome.did, outcome.detail, url, act, _text(outcome.detail))


def _text(detail: str) -> str:
    return f"### Incident\n\n{markdown.sentence(detail)}\n"


def _read(path: Path, environ: Mapping[str, str]) -> Mapping[str, Any]:
    """The report of watch, held to its schema, for it may start something."""
    try:
        content = path.read_bytes()
    except OSError:
        raise DataError(
            "there is no report of watch here",
            where=str(path),
            remedy="run `tidegate watch` first, with the same --report",
        ) from None
    commit = environ.get("TIDEGATE_COMMIT") or environ.get("GITHUB_SHA")
    return parse_report("watch", content, commit)
