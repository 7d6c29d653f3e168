"""The part of `tidegate doctor` that looks at a repository on GitHub, and may set it up."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from contextlib import closing

from tidegate.config import Config
from tidegate.context import Context
from tidegate.errors import TidegateError
from tidegate.github.api import GitHub
from tidegate.github.repository import Change, Finding, carry_out, examine
from tidegate.report.escape import plain


def set_up(
    repository: str,
    config: Config,
    context: Context,
    *,
    reviewers: Sequence[str],
    apply: bool,
    agreed: bool,
) -> tuple[list[Finding], list[tuple[str, bool]]]:
    """What was found, in the end; each change that sets it right, and whether it was made."""
    with closing(_connect(repository, context)) as github:
        findings = examine(github, config, reviewers)
        changes = [change for finding in findings for change in finding.changes]
        made = apply and bool(changes) and _agreed(repository, changes, context, agreed)
        if made:
            carry_out(github, changes)
            findings = examine(github, config, reviewers)
        return findings, [(change.what, made) for change in changes]


def _connect(repository: str, context: Context) -> GitHub:
    if not re.fullmatch(r"[\w-]+/(?!\.\.?$)[\w.-]+", repository):
        raise TidegateError(
            f"{repository!r} names no repository", remedy="write it as --repository OWNER/NAME"
        )
    token = context.environ.get("GITHUB_TOKEN") or context.environ.get("GH_TOKEN")
    if not token:
        raise TidegateError(
            "there is no token to ask GitHub with",
            where="GITHUB_TOKEN or GH_TOKEN",
            remedy="GH_TOKEN=$(gh auth token) tidegate doctor --repository " + repository,
        )
    address = context.environ.get("GITHUB_API_URL") or "https://api.github.com"
    return GitHub(repository, token, api_url=address)


def _agreed(repository: str, changes: Sequence[Change], context: Context, agreed: bool) -> bool:
    """Whether somebody said yes, after they were shown what it is about."""
    print(f"On {repository}, --apply is going to", file=sys.stderr)
    for change in changes:
        print(f"  - {plain(change.what)}", file=sys.stderr)
    if agreed:
        return True
    if not (context.interactive and sys.stdin.isatty()):
        raise TidegateError(
            f"{len(changes)} changes wait for somebody to agree, and nobody is at a terminal",
            where=repository,
            remedy="look at the list, then add --yes",
        )
    print("Go ahead? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
