"""Keep an environment from taking promotions, or let it take them again.

examples:
  tidegate hold --environment production --reason "launch week"
  tidegate hold --environment production --release
"""

from __future__ import annotations

import argparse

from tidegate.config import Config
from tidegate.context import Context
from tidegate.release.promotion import Mover
from tidegate.release.steps import MoveReport


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--environment", required=True, metavar="ENV")
    parser.add_argument("--release", action="store_true", help="let it take promotions again")
    parser.add_argument("--reason", metavar="TEXT", help="why, for the ledger")


def run(arguments: argparse.Namespace, config: Config, context: Context) -> MoveReport:
    mover = Mover.open(config, context, arguments.environment)
    return mover.hold(release=arguments.release, reason=arguments.reason)
