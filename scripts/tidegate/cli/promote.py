"""Put a release on an environment, verified, or leave everything as it was.

Preflight (gate record, champion, the environment before, hold, approval), deploy, verify, then the
alias and the ledger. Killed at any point and run again, it ends in the same place.

example:
  tidegate promote --release v7-1a2b3c4 --to production --approver grace --reason "more data"
"""

from __future__ import annotations

import argparse

from tidegate.config import Config
from tidegate.context import Context
from tidegate.interruption import put_back_on_interruption
from tidegate.release.promotion import Mover
from tidegate.release.steps import MoveReport


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--release", required=True, metavar="ID", help="see `tidegate status`")
    parser.add_argument("--to", required=True, metavar="ENV", help="environment that takes it")
    parser.add_argument(
        "--approver", metavar="LOGIN", help="approval: dispatch only (default: GITHUB_ACTOR)"
    )
    parser.add_argument("--reason", metavar="TEXT", help="why, for the ledger")


def run(arguments: argparse.Namespace, config: Config, context: Context) -> MoveReport:
    with put_back_on_interruption():
        mover = Mover.open(config, context, arguments.to)
        return mover.promote(arguments.release, arguments.approver, arguments.reason)
