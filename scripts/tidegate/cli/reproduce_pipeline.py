"""Run the service's own training pipeline, and see that it wrote the predictions table.

Any command will do: the predictions table is the whole interface to training.

examples:
  tidegate reproduce-pipeline
  tidegate reproduce-pipeline --command "make train"
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tidegate.config import Config
from tidegate.context import Context
from tidegate.pipeline import CommandReport, keep_outputs, reproduce


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--command",
        default="uv run --locked dvc repro",
        metavar="COMMAND",
        help="command that runs the pipeline (default: %(default)s)",
    )
    parser.add_argument(
        "--outputs",
        type=Path,
        metavar="DIR",
        help="copy what is judged (predictions, inputs, measurements, model) into this folder, for "
        "`gate-model --outputs` in a job of its own",
    )


def run(arguments: argparse.Namespace, config: Config, context: Context) -> CommandReport:
    report = reproduce(config, arguments.command, context.environ)
    if arguments.outputs is not None:
        keep_outputs(config, arguments.outputs.resolve())
    return report
