"""Fetch the service's DVC-tracked data, and see that every dataset of the config is there.

example:
  tidegate pull-data --remote-url s3://acme-dvc/fraud
"""

from __future__ import annotations

import argparse

from tidegate.cli import lines
from tidegate.config import Config
from tidegate.context import Context
from tidegate.pipeline import CommandReport, pull_data


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dvc",
        default="uv run --locked dvc",
        metavar="COMMAND",
        help="command that runs DVC (default: %(default)s)",
    )
    parser.add_argument(
        "--remote-url", metavar="URL", help="DVC remote to use instead of the repository's own"
    )
    parser.add_argument(
        "--target",
        type=lines,
        action="extend",
        default=[],
        metavar="PATH",
        help="what to pull; may be repeated (default: everything)",
    )


def run(arguments: argparse.Namespace, config: Config, context: Context) -> CommandReport:
    return pull_data(config, arguments.dvc, arguments.remote_url, arguments.target, context.environ)
