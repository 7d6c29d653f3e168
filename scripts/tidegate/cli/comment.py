"""Write the reports at hand as one comment, and post it on the pull request.

Reads <verb>.json from the report folder; needs no config and no checkout. Posting never changes
a verdict: where it is not allowed (a fork) or fails, the comment stays in the step summary.

examples:
  tidegate comment --expect check-data --expect gate-model --no-post
  tidegate comment --run 123456      what a run without secrets (a fork's) reports, in a job
                                     that checks nothing out; finds the pull request itself
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tidegate.cli import lines
from tidegate.cli.execution import undecided
from tidegate.context import Context
from tidegate.errors import GitHubError, TidegateError
from tidegate.github.event import pull_request_number
from tidegate.report.archive import ArchiveError
from tidegate.report.claim import Claim
from tidegate.report.comment import Comment, marker, render_comment, service_of
from tidegate.report.schemas import FIELDS
from tidegate.report.validation import ReportError, parse_report
from tidegate.verdict import Verdict

DEFAULT_EXPECTED = ("check-data", "gate-model")
SHOWN = ("pull-data", "check-data", "reproduce-pipeline", "gate-model")


@dataclass(frozen=True)
class CommentReport:
    """The comment, and whether it stands on the pull request."""

    service: str
    comment: Comment
    url: str | None
    verdict: Verdict = Verdict.PASS
    blocked: bool = False

    def to_dict(self) -> dict[str, Any]:
        return {
            "service": self.service,
            "headline": self.comment.headline,
            "path": "comment.md",
            "url": self.url,
            "posted": self.url is not None,
            "body": self.comment.body,
        }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--expect",
        type=lines,
        action="extend",
        metavar="VERB",
        help="report that must be there; may be repeated (default: check-data, gate-model)",
    )
    parser.add_argument(
        "--post",
        choices=("true", "false"),
        default="true",
        help="whether to post it where there is a token and a pull request (default: %(default)s)",
    )
    parser.add_argument(
        "--no-post",
        dest="post",
        action="store_const",
        const="false",
        help="the same as --post=false",
    )
    parser.add_argument("--pull-request", type=int, metavar="NUMBER", help="default: the event's")
    parser.add_argument(
        "--run",
        type=int,
        metavar="ID",
        help="completed run whose artifact has the reports: they are read as a stranger's",
    )
    parser.add_argument(
        "--workflow",
        default=".github/workflows/pull-request.yml",
        metavar="PATH",
        help="with --run, the workflow that it must be a run of (default: %(default)s)",
    )


def load_config(arguments: argparse.Namespace) -> None:
    """No config: the job that comments on a pull request checks nothing of it out."""


def run(arguments: argparse.Namespace, config: None, context: Context) -> CommentReport:
    if arguments.run is not None:
        return _of_run(arguments, context)
    folder = Path(arguments.config).resolve().parent / arguments.report
    reports, number = read_reports(folder), arguments.pull_request
    if number is None and arguments.post == "true":
        number = pull_request_number(context.environ)
    return _commented(arguments, context, reports, number, context.run_url())


def _of_run(arguments: argparse.Namespace, context: Context) -> CommentReport:
    """The comment on a run that got no secrets. Raises GitHubError where it is none of ours."""
    from tidegate.github import runs
    from tidegate.github.api import GitHub

    with closing(GitHub.from_environ(context.environ)) as github:
        run = runs.find_run(github, arguments.run, arguments.workflow)
        number = runs.pull_request_of(github, run)
        changed = [] if number is None else runs.files_that_run(github, number)
        try:
            contents = runs.reports_of(github, run, SHOWN)
            refused = "the run left no reports" if contents is None else None
        except ArchiveError as error:
            contents, refused = None, f"its reports were refused: {error.what}"
    if number is None:
        print("no open pull request has this commit as its head now", file=sys.stderr)
    reports = {
        verb: _strangers(verb, content, run.commit) for verb, content in (contents or {}).items()
    }
    claim = Claim(run.conclusion, run.commit, changed, refused)
    try:
        return _commented(arguments, context, reports, number, run.url, claim)
    except TidegateError:
        raise
    # Whatever there is in a stranger's report that ours never hold: it is told, and shows nothing.
    except Exception as error:
        what = f"its reports were refused: they cannot be shown ({type(error).__name__})"
        claim = replace(claim, refused=what)
        return _commented(arguments, context, {}, number, run.url, claim)


def _commented(
    arguments: argparse.Namespace,
    context: Context,
    reports: Mapping[str, Any],
    number: int | None,
    run_url: str | None,
    claim: Claim | None = None,
) -> CommentReport:
    """The comment, written on pull request `number` where that is asked for."""
    reports = _of_one_service(reports)
    expected, at = arguments.expect or DEFAULT_EXPECTED, context.now().isoformat(timespec="seconds")
    written: list[Comment] = []

    def write(earlier: str) -> str:
        """The comment over its earlier self, whose verdict it keeps."""
        comment = render_comment(reports, expected, run_url, at=at, earlier=earlier, claim=claim)
        written.append(comment)
        return comment.body

    write("")
    service, url = service_of(reports), None
    if arguments.post == "true":
        url = _post(context.environ, number, service, write)
    return CommentReport(service, written[-1], url)


def _strangers(verb: str, content: bytes, commit: str) -> dict[str, Any]:
    """A report of a run without secrets; undecided where it is not what a report has to be."""
    try:
        report = parse_report(verb, content, commit)
    except ReportError as error:
        return undecided(verb, error, None)
    # Nobody overrides a gate by saying so in an artifact.
    return {name: value for name, value in report.items() if name != "override"}


def read_reports(folder: Path) -> dict[str, Any]:
    """The reports in a folder by verb. One that is damaged is undecided, never a pass."""
    reports = {}
    for verb in SHOWN:
        path = folder / f"{verb}.json"
        if not path.exists():
            continue
        try:
            report = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            report = None
        if not _is_whole(verb, report):
            damaged = TidegateError(
                "its report is damaged", where=path.name, remedy=f"run `tidegate {verb}` again"
            )
            report = undecided(verb, damaged, None)
        reports[verb] = report
    return reports


def _is_whole(verb: str, report: Any) -> bool:
    if not isinstance(report, dict) or report.get("verb") != verb or "error" not in report:
        return False
    fields = FIELDS[verb] if report["error"] is None else ()
    return {"verdict", "blocked", *fields} <= set(report)


def _of_one_service(reports: Mapping[str, Any]) -> dict[str, Any]:
    """The reports, undecided where they are of another service than the gate's, whose comment they
    would overwrite. The gate comes first: its job runs no code of the pull request.
    """
    named = [name for verb in reversed(SHOWN) if (name := reports.get(verb, {}).get("service"))]
    return {
        verb: undecided(
            verb,
            TidegateError(
                f"its report is of another service: {report['service']}",
                remedy="keep the reports of each service in a folder of their own",
            ),
            None,
        )
        if report.get("service") and report["service"] != named[0]
        else report
        for verb, report in reports.items()
    }


def _post(
    environ: Mapping[str, str], number: int | None, service: str, body: Callable[[str], str]
) -> str | None:
    if number is None:
        print("not posted: there is no pull request here", file=sys.stderr)
        return None
    # Imported here: without a token no HTTP client is needed.
    from tidegate.github import comments
    from tidegate.github.api import GitHub

    try:
        return comments.upsert(
            GitHub.from_environ(environ),
            number,
            marker(service),
            body,
            nameless=marker(""),
        )
    except GitHubError as error:
        print(f"not posted, the verdict stays what it is: {error}", file=sys.stderr)
        return None
