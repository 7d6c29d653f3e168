"""Hold the candidate against its bounds and the production baseline, and write the gate record.

Reads the predictions table that the service's own pipeline wrote for the evaluation set. The
baseline is the champion's table, as it was logged with its version; --baseline names another.

examples:
  tidegate gate-model
  tidegate gate-model --baseline reports/production.parquet
  tidegate gate-model --baseline none        first release: absolute bounds alone
  tidegate gate-model --verify reports/tidegate/gate-model.json
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tidegate.config import Config
from tidegate.context import Context
from tidegate.gate.gate import GateReport, gate_model
from tidegate.gate.verification import VerificationReport, verify_record
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
    parser.add_argument(
        "--engine",
        choices=("auto", "spark"),
        default="auto",
        help="where the rows are joined and judged: on this machine, or by Spark, which "
        "SPARK_REMOTE, spark-defaults.conf or MASTER name (default: %(default)s)",
    )
    parser.add_argument(
        "--allow-same-version",
        nargs="?",
        const="true",
        choices=("true", "false"),
        help="let a candidate be held against itself (default: gate.allow-same-version)",
    )
    parser.add_argument(
        "--verify",
        metavar="RECORD",
        type=Path,
        help="judge nothing new: recompute this gate record, and say in verify-record.json and "
        "by the exit code whether it still holds",
    )


def report_name(arguments: argparse.Namespace) -> str:
    return "gate-model" if arguments.verify is None else "verify-record"


def run(
    arguments: argparse.Namespace, config: Config, context: Context
) -> GateReport | VerificationReport:
    if arguments.verify is not None:
        return verify_record(
            config,
            context,
            arguments.verify,
            candidate=arguments.candidate,
            baseline=arguments.baseline,
            measurements=arguments.measurements,
            open_registry=lambda: Registry.open(config, context),
        )
    return gate_model(
        config,
        context,
        candidate=arguments.candidate,
        baseline=arguments.baseline,
        measurements=arguments.measurements,
        engine=arguments.engine,
        allow_same_version=None
        if arguments.allow_same_version is None
        else arguments.allow_same_version == "true",
        open_registry=lambda: Registry.open(config, context),
    )
