"""Write one HTML page: what runs where, the ledger, the trend of every gated metric, approvals.

The page is one file that loads nothing, so it can be published, mailed, or kept as an artifact. It
is made even where it shows trouble: drift is a verdict on the board, not an exit code.

examples:
  tidegate board
  tidegate board --output public/index.html
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tidegate.config import Config
from tidegate.context import Context
from tidegate.release.board import BoardReport, board


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output",
        metavar="FILE",
        help="where the page goes, from the current folder (default: board.html beside the JSON)",
    )


def page_file(arguments: argparse.Namespace) -> Path | None:
    return Path(arguments.output) if arguments.output else None


def run(arguments: argparse.Namespace, config: Config, context: Context) -> BoardReport:
    return board(config, context)
