"""Show what runs where and since when, what drifted from the ledger, and the ledger itself.

Exit code 1 when something drifted: an alias moved by hand, a service that is not the release.

example:
  tidegate status --environment production --json
"""

from __future__ import annotations

import argparse

from tidegate.config import Config
from tidegate.context import Context
from tidegate.release.status import StatusReport, status


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--environment", metavar="ENV", help="only this one (default: all)")


def run(arguments: argparse.Namespace, config: Config, context: Context) -> StatusReport:
    return status(config, context, arguments.environment)
