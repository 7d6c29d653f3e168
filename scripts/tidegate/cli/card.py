"""Fill in the model card from the gate's record: data, figures, the slices that did worst.

Reads what `tidegate check-data` and `tidegate gate-model` wrote with the same --report, and writes
the part of the card between its two marks. What people wrote around it stays as it is.

examples:
  tidegate card
  tidegate card --output docs/MODEL_CARD.md
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidegate.cli.comment import read_reports
from tidegate.cli.execution import write_atomically
from tidegate.config import Config
from tidegate.context import Context
from tidegate.errors import DataError, TidegateError
from tidegate.gate import record as records
from tidegate.report import card
from tidegate.verdict import Verdict


@dataclass(frozen=True)
class CardReport:
    """What stands in the card now."""

    service: str
    path: str
    record_digest: str
    body: str
    verdict: Verdict = Verdict.PASS
    blocked: bool = False

    def to_dict(self) -> dict[str, Any]:
        return {
            "service": self.service,
            "path": self.path,
            "record_digest": self.record_digest,
            "body": self.body,
        }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output",
        metavar="FILE",
        default="MODEL_CARD.md",
        help="the card, from the config's folder (default: %(default)s)",
    )


def run(arguments: argparse.Namespace, config: Config, context: Context) -> CardReport:
    reports = read_reports(config.root / arguments.report)
    gate = reports.get("gate-model")
    where = str(config.root / arguments.report / "gate-model.json")
    if gate is None or gate["error"] is not None:
        raise DataError(
            "there is no verdict on a model to fill the card in from",
            where=where,
            remedy="run `tidegate gate-model` first, with the same --report",
        )
    if not records.is_intact(gate["record"]):
        raise DataError(
            "the gate's record is not as the gate wrote it",
            where=where,
            remedy="run `tidegate gate-model` again",
        )
    body = card.render(gate, reports.get("check-data"))
    path = config.resolve(arguments.output)
    write_atomically(path, card.filled_in(_text_of(path), body, path))
    return CardReport(config.service, arguments.output, gate["record"]["digest"], body)


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TidegateError(
            f"the model card cannot be read: {error}",
            where=str(path),
            remedy=f"write one, with the lines {card.BEGIN} and {card.END} in it, or name it by "
            "--output",
        ) from None
