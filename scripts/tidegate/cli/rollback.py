"""Put an environment back to an earlier release, and hold it there.

It skips the quality gate, never the approval. The hold keeps the next promotion from undoing it
until someone runs `tidegate hold --release`.

examples:
  tidegate rollback --environment production --reason "errors since 03:00"
  tidegate rollback --environment production --to v5-9f8e7d6 --reason "v6 is bad, too"
"""

from __future__ import annotations

import argparse

from tidegate.config import Config
from tidegate.context import Context
from tidegate.interruption import put_back_on_interruption
from tidegate.release.promotion import Mover
from tidegate.release.steps import MoveReport


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--environment", required=True, metavar="ENV", help="what to put back")
    parser.add_argument("--to", metavar="ID", help="earlier release (default: the one before)")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why, for the ledger")
    parser.add_argument(
        "--approver", metavar="LOGIN", help="approval: dispatch only (default: GITHUB_ACTOR)"
    )


def run(arguments: argparse.Namespace, config: Config, context: Context) -> MoveReport:
    with put_back_on_interruption():
        mover = Mover.open(config, context, arguments.environment)
        return mover.rollback(arguments.to, arguments.approver, arguments.reason)
