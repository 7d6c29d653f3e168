"""Print a published JSON Schema: that of the config, or that of a verb's machine report.

example:
  tidegate schema config > tidegate.schema.json
then, as the first line of tidegate.yaml:
  # yaml-language-server: $schema=tidegate.schema.json
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from tidegate.config import Config
from tidegate.report import terminal
from tidegate.report.schemas import FIELDS, report_schema


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", choices=("config", *FIELDS), help="`config`, or the verb whose report it is"
    )


def main(arguments: argparse.Namespace) -> int:
    with terminal.reader():
        print(json.dumps(schema(arguments.name), indent=2))
    return 0


def schema(name: str) -> dict[str, Any]:
    if name != "config":
        return report_schema(name)
    title = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "tidegate.yaml"}
    return {**Config.model_json_schema(by_alias=True), **title}
