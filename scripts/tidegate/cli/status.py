"""Show what runs where and since when, what drifted from the ledger, and the ledger itself.

Exit code 1 when something drifted: an alias moved by hand, a service that is not the release.

example:
  tidegate status --environment production --json
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.config import Config
from tidegate.context import Context
from tidegate.release.promotion import status
from tidegate.verdict import Verdict


@dataclass(frozen=True)
class StatusReport:
    """The environments and the ledger."""

    service: str
    state: Mapping[str, Any]

    @property
    def verdict(self) -> Verdict:
        return Verdict.FAIL if self.blocked else Verdict.PASS

    @property
    def blocked(self) -> bool:
        return any(environment["drift"] for environment in self.state["environments"])

    def to_dict(self) -> dict[str, Any]:
        return {"service": self.service, **self.state}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--environment", metavar="ENV", help="only this one (default: all)")


def run(arguments: argparse.Namespace, config: Config, context: Context) -> StatusReport:
    return StatusReport(config.service, status(config, context, arguments.environment))
