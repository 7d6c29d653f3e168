"""Run the gates of a pull request here, and print the comment that it would get.

The service's own pipeline has run before: this checks the data and judges the predictions table.
The exit code is the worst of the gates'.

examples:
  dvc repro && tidegate pr
  tidegate pr --base origin/main     (judged by its policy, as on GitHub)
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tidegate.cli.base import add_base_argument, bar_of, branch_of
from tidegate.cli.check_data import check
from tidegate.cli.execution import Report, decided, undecided
from tidegate.config import Config
from tidegate.context import Context
from tidegate.data.results import DataReport
from tidegate.errors import ConfigError, TidegateError
from tidegate.gate.gate import gate_model
from tidegate.registry import Registry
from tidegate.report.comment import Comment, render_comment
from tidegate.verdict import Verdict

if TYPE_CHECKING:
    from tidegate.policy.bar import Bar
    from tidegate.policy.branch import Branch


@dataclass(frozen=True)
class PullRequestReport:
    """The gates' reports and the comment on them."""

    service: str
    reports: dict[str, dict[str, Any]]
    comment: Comment

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
    branch = branch_of(arguments.base, config, context)
    with bar_of(branch, config) as bar:
        gates: dict[str, Callable[[], Report]] = {}
        if bar.of_data.data or bar.apart:
            gates["check-data"] = lambda: _check_data(bar, branch, config, context)
        if bar.of_model.gate is not None:
            gates["gate-model"] = lambda: gate_model(
                bar.of_model,
                context,
                baseline=arguments.baseline,
                open_registry=lambda: Registry.open(bar.of_model, context),
                policy=bar.model,
            )
        if not gates:
            raise ConfigError(
                "the config has neither data to check nor a gate",
                where=str(config.path),
                remedy="add data: or gate: to it",
            )
        reports = {verb: _report(verb, gate, config, context) for verb, gate in gates.items()}
    return PullRequestReport(config.service, reports, render_comment(reports, [*gates]))


def _check_data(bar: Bar, branch: Branch | None, config: Config, context: Context) -> DataReport:
    own = {name: config.data[name] for name in sorted(bar.apart)}
    return check(config, bar, branch, {**bar.of_data.data, **own}, "auto", context)


def _report(
    verb: str, gate: Callable[[], Report], config: Config, context: Context
) -> dict[str, Any]:
    started = time.monotonic()
    try:
        return decided(verb, gate(), started, config, context.environ)
    except TidegateError as error:
        return undecided(verb, error, config.service, started)
