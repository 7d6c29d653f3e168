"""Run the service's own training pipeline, and see that it wrote the predictions table.

Any command will do: the predictions table is the whole interface to training.

examples:
  tidegate reproduce-pipeline
  tidegate reproduce-pipeline --command "make train"
"""

from __future__ import annotations

import argparse

from tidegate.config import Config
from tidegate.context import Context
from tidegate.pipeline import CommandReport, reproduce


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--command",
        default="uv run --locked dvc repro",
        metavar="COMMAND",
        help="command that runs the pipeline (default: %(default)s)",
    )


def run(arguments: argparse.Namespace, config: Config, context: Context) -> CommandReport:
    return reproduce(config, arguments.command, context.environ)
