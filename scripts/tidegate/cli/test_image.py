"""Run a release's image, and hold it to what the pipeline promised.

Ready in time; predictions equal to the offline table; bad requests answered with a 4xx and a
reason; latency, memory and size within the budgets.

example:
  tidegate test-image --release v7-1a2b3c4
"""

from __future__ import annotations

import argparse

from tidegate.config import Config
from tidegate.context import Context
from tidegate.errors import DeployError
from tidegate.registry import Registry
from tidegate.release.image_test import ImageReport, hold_image
from tidegate.release.ledger import Ledger


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--release", metavar="ID", help="release to test (default: the newest)")


def run(arguments: argparse.Namespace, config: Config, context: Context) -> ImageReport:
    registry = Registry.open(config, context)
    ledger = Ledger(registry)
    if arguments.release:
        release = ledger.release(arguments.release)
    elif releases := ledger.releases():
        release = releases[-1]
    else:
        raise DeployError(
            "there is no release yet",
            where=registry.shown_uri,
            remedy="run `tidegate build-image` first",
        )
    return hold_image(config, release, registry)
