"""Run the gates of a pull request here, and print the comment that it would get.

The service's own pipeline has run before: this checks the data and judges the predictions table.
The exit code is the worst of the gates'.

examples:
  dvc repro && tidegate pr
  tidegate pr --base origin/main     (with what it changes in contracts and data)
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tidegate.cli.check_data import add_base_argument, base_of, with_changes
from tidegate.cli.execution import Report, decided, undecided
from tidegate.config import Config
from tidegate.context import Context
from tidegate.data.checks import check_dataset
from tidegate.data.results import DataReport
from tidegate.errors import ConfigError, TidegateError
from tidegate.gate.gate import gate_model
from tidegate.registry import Registry
from tidegate.report import markdown
from tidegate.verdict import Verdict


@dataclass(frozen=True)
class PullRequestReport:
    """The gates' reports and the comment on them."""

    service: str
    reports: dict[str, dict[str, Any]]
    comment: markdown.Comment

    @property
    def verdict(self) -> Verdict | None:
        verdicts = [report["verdict"] for report in self.reports.values()]
        for verdict in (None, Verdict.FAIL, Verdict.INCONCLUSIVE):
            if verdict in verdicts:
                return verdict
        return Verdict.PASS

    @property
    def blocked(self) -> bool:
        return self.comment.blocked

    def to_dict(self) -> dict[str, Any]:
        return {
            "service": self.service,
            "headline": self.comment.headline,
            "reports": self.reports,
            "body": self.comment.body,
        }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--baseline",
        metavar="TABLE|models:/NAME@ALIAS|none",
        help="what to compare the model with (default: the champion)",
    )
    add_base_argument(parser)


def run(arguments: argparse.Namespace, config: Config, context: Context) -> PullRequestReport:
    gates: dict[str, Callable[[], Report]] = {}
    if config.data:
        gates["check-data"] = lambda: _check_data(arguments.base, config, context)
    if config.gate is not None:
        gates["gate-model"] = lambda: gate_model(
            config,
            context,
            baseline=arguments.baseline,
            open_registry=lambda: Registry.open(config, context),
        )
    if not gates:
        raise ConfigError(
            "the config has neither data to check nor a gate",
            where=str(config.path),
            remedy="add data: or gate: to it",
        )
    reports = {verb: _report(verb, gate, config.service) for verb, gate in gates.items()}
    return PullRequestReport(config.service, reports, markdown.render_comment(reports, [*gates]))


def _check_data(ref: str | None, config: Config, context: Context) -> DataReport:
    base = base_of(ref, config, context)
    results = tuple(
        check_dataset(config, name, dataset, now=context.now)
        for name, dataset in config.data.items()
    )
    commit = context.commit(config.root)
    return DataReport(config.service, commit, with_changes(results, config, base))


def _report(verb: str, gate: Callable[[], Report], service: str) -> dict[str, Any]:
    started = time.monotonic()
    try:
        return decided(verb, gate(), started)
    except TidegateError as error:
        return undecided(verb, error, service, started)
