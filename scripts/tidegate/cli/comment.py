"""Write the reports at hand as one comment, and post it on the pull request.

Reads <verb>.json from the report folder; needs no config and no checkout. Posting never changes
a verdict: where it is not allowed (a fork) or fails, the comment stays in the step summary.

example:
  tidegate comment --expect check-data --expect gate-model --no-post
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidegate.cli import lines
from tidegate.cli.execution import undecided
from tidegate.context import Context
from tidegate.errors import GitHubError, TidegateError
from tidegate.report import markdown
from tidegate.report.schemas import FIELDS
from tidegate.verdict import Verdict

DEFAULT_EXPECTED = ("check-data", "gate-model")
SHOWN = ("pull-data", "check-data", "reproduce-pipeline", "gate-model")


@dataclass(frozen=True)
class CommentReport:
    """The comment, and whether it stands on the pull request."""

    service: str
    comment: markdown.Comment
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


def load_config(arguments: argparse.Namespace) -> None:
    """No config: the job that comments on a pull request checks nothing of it out."""


def run(arguments: argparse.Namespace, config: None, context: Context) -> CommentReport:
    folder = Path(arguments.config).resolve().parent / arguments.report
    reports = read_reports(folder)
    expected, at = arguments.expect or DEFAULT_EXPECTED, context.now().isoformat(timespec="seconds")
    written: list[markdown.Comment] = []

    def write(earlier: str) -> str:
        """The comment over its earlier self, whose verdict it keeps."""
        comment = markdown.render_comment(
            reports, expected, context.run_url(), at=at, earlier=earlier
        )
        written.append(comment)
        return comment.body

    write("")
    service = markdown.service_of(reports)
    url = None
    if arguments.post == "true":
        number = arguments.pull_request or _pull_request(context.environ)
        url = _post(context.environ, number, markdown.marker(service), write)
    return CommentReport(service, written[-1], url)


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


def _pull_request(environ: Mapping[str, str]) -> int | None:
    """Number of the pull request of the event, from the runner's own event file."""
    try:
        event = json.loads(Path(environ["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))
        return int(event["pull_request"]["number"])
    except (KeyError, TypeError, ValueError, OSError):
        return None


def _post(
    environ: Mapping[str, str], number: int | None, marker: str, body: Callable[[str], str]
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
            marker,
            body,
            nameless=markdown.marker(""),
        )
    except GitHubError as error:
        print(f"not posted, the verdict stays what it is: {error}", file=sys.stderr)
        return None
