"""Show what runs where and since when, what drifted from the ledger, and the ledger itself.

Exit code 1 when something drifted: an alias moved by hand, a service that is not the release.
With --at it says what ran at that time, by the ledger, and who let it.

examples:
  tidegate status --environment production --json
  tidegate status --environment production --at 2026-11-24T14:30
"""

from __future__ import annotations

import argparse

from tidegate.config import Config
from tidegate.context import Context
from tidegate.release.status import StatusReport, status, status_at


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--environment", metavar="ENV", help="only this one (default: all)")
    parser.add_argument(
        "--at",
        metavar="TIME",
        help="what ran then: a date (its midnight) or date and time in ISO 8601, in UTC where it "
        "names no zone (default: now)",
    )


def run(arguments: argparse.Namespace, config: Config, context: Context) -> StatusReport:
    if arguments.at is not None:
        return status_at(config, context, arguments.at, arguments.environment)
    return status(config, context, arguments.environment)
