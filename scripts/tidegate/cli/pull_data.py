"""Fetch the service's DVC-tracked data, and see that every dataset of the config is there.

example:
  tidegate pull-data --remote-url s3://acme-dvc/fraud
"""

from __future__ import annotations

import argparse

from tidegate.cli import lines
from tidegate.cli.base import branch_of
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
    parser.add_argument(
        "--base",
        metavar="REF",
        help="branch or commit whose lock says which DVC `uv run` runs (default: in a pull request "
        "of GitHub Actions its base branch, else that of the checkout)",
    )


def run(arguments: argparse.Namespace, config: Config, context: Context) -> CommandReport:
    from tidegate.policy.project import by_the_base

    branch = branch_of(arguments.base, config, context)
    with by_the_base(arguments.dvc, config, branch, context.environ) as dvc:
        return pull_data(config, dvc, arguments.remote_url, arguments.target, context.environ)
