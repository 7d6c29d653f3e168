"""Register the candidate as the challenger, with its predictions and its gate record.

Comes after `tidegate gate-model` with the same --report: only a model that the gate let through
is registered, and only if model and predictions are still those that were judged.

example:
  tidegate register-model --author ada
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tidegate.config import Config
from tidegate.context import Context
from tidegate.registry import Registry
from tidegate.release.registration import RegistrationReport, register_candidate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--author",
        metavar="LOGIN",
        help="who made the change, and so cannot approve it (default: who started the run)",
    )


def run(arguments: argparse.Namespace, config: Config, context: Context) -> RegistrationReport:
    registry = Registry.open(config, context)
    reports = Path(config.root, arguments.report)
    return register_candidate(config, reports, registry, context, arguments.author)
