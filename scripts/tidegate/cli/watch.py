"""Look at a release at work: its inputs, its quality, its objectives, its age, its cost.

Reads the section `watch` of the config. Each run is kept beside the ledger, and an incident takes
several failing ones; `tidegate incident` writes it into an issue.

Exit code 1 while an incident stands, 2 when a part could not be decided.

examples:
  tidegate watch
  tidegate watch --no-record     (only look: the history does not take it)
"""

from __future__ import annotations

import argparse

from tidegate.config import Config
from tidegate.context import Context
from tidegate.watch.results import WatchReport
from tidegate.watch.watching import watch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--record",
        choices=("true", "false"),
        default="true",
        help="whether the history takes this run (default: %(default)s)",
    )
    parser.add_argument(
        "--no-record",
        dest="record",
        action="store_const",
        const="false",
        help="the same as --record=false",
    )


def run(arguments: argparse.Namespace, config: Config, context: Context) -> WatchReport:
    return watch(config, context, record=arguments.record == "true")
