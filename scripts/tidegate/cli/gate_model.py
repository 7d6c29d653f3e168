"""Hold the candidate against its bounds and the production baseline, and write the gate record.

Reads the predictions table that the service's own pipeline wrote for the evaluation set. The
baseline is the champion's table, as it was logged with its version; --baseline names another.

examples:
  tidegate gate-model
  tidegate gate-model --baseline reports/production.parquet
  tidegate gate-model --baseline none        first release: absolute bounds alone
"""

from __future__ import annotations

import argparse

from tidegate.config import Config
from tidegate.context import Context
from tidegate.gate.gate import GateReport, gate_model
from tidegate.registry import Registry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--candidate",
        metavar="TABLE",
        help="predictions table (default: evaluation.predictions of the config)",
    )
    parser.add_argument(
        "--baseline",
        metavar="TABLE|models:/NAME@ALIAS|none",
        help="what to compare with (default: the champion)",
    )
    parser.add_argument(
        "--measurements",
        metavar="FILE",
        help="JSON object of figures for the budgets (default: evaluation.measurements)",
    )


def run(arguments: argparse.Namespace, config: Config, context: Context) -> GateReport:
    return gate_model(
        config,
        context,
        candidate=arguments.candidate,
        baseline=arguments.baseline,
        measurements=arguments.measurements,
        open_registry=lambda: Registry.open(config, context),
    )
