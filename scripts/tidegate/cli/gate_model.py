"""Hold the candidate against its bounds and the production baseline, and write the gate record.

Reads the predictions table that the service's own pipeline wrote for the evaluation set. The
baseline is the champion's table, as it was logged with its version; --baseline names another.

examples:
  tidegate gate-model
  tidegate gate-model --baseline reports/production.parquet
  tidegate gate-model --baseline none        first release: absolute bounds alone
  tidegate gate-model --base origin/main     judged by that branch's policy, as in a pull request
  tidegate gate-model --verify reports/tidegate/gate-model.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from tidegate.cli.base import add_base_argument, bar_of, branch_of, overriding
from tidegate.config import Config, place_of
from tidegate.context import Context
from tidegate.errors import ConfigError, DataError
from tidegate.gate.gate import GateReport, gate_model
from tidegate.gate.verification import VerificationReport, verify_record
from tidegate.registry import Registry

if TYPE_CHECKING:
    from tidegate.policy.bar import Policy


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
    add_base_argument(parser)
    parser.add_argument(
        "--outputs",
        metavar="DIR",
        type=Path,
        help="folder that holds what the pipeline wrote, at the config's paths, where that is not "
        "the config's folder. No code of the checkout is run then",
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
    if arguments.outputs is not None:
        config._outputs = _folder(arguments.outputs)
    with bar_of(branch_of(arguments.base, config, context), config) as bar:
        judge = bar.of_model
        _refuse_own_code(judge, bar.model)
        if arguments.verify is not None:
            return verify_record(
                judge,
                context,
                arguments.verify,
                candidate=arguments.candidate,
                baseline=arguments.baseline,
                measurements=arguments.measurements,
                open_registry=lambda: Registry.open(judge, context),
            )
        return gate_model(
            judge,
            context,
            candidate=arguments.candidate,
            baseline=arguments.baseline,
            measurements=arguments.measurements,
            engine=arguments.engine,
            allow_same_version=None
            if arguments.allow_same_version is None
            else arguments.allow_same_version == "true",
            open_registry=lambda: Registry.open(judge, context),
            data=_data_digest(config.root / arguments.report),
            policy=bar.model,
            look_for_override=lambda: overriding("gate-model", judge, context),
        )


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise DataError(
            "there is no such folder",
            where=f"--outputs: {path}",
            remedy="fetch what the pipeline's job kept",
        )
    return path.resolve()


def _refuse_own_code(judge: Config, policy: Policy | None) -> None:
    """Where the pipeline has a job of its own, the checkout's code is not run beside this one's
    credentials: neither with the base's policy nor without.
    """
    if not judge.outputs_elsewhere or judge.gate is None or judge.code != judge.root:
        return
    bounds = {**judge.gate.metrics, **judge.gate.slice_metrics}
    own = [name for name, bound in bounds.items() if bound.function is not None]
    if own:
        why = "there is no base" if policy is None else policy.why
        raise ConfigError(
            f"the metric {own[0]} is code of this change, and {why}: it is not run here",
            where=place_of(judge, "gate"),
            remedy="merge its function and the gate without that metric first; then add the metric",
        )


def _data_digest(reports: Path) -> str | None:
    """What check-data said of the datasets, for where they are not."""
    try:
        digest = json.loads((reports / "check-data.json").read_text(encoding="utf-8"))
        return str(digest["data_digest"]) if digest["data_digest"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
