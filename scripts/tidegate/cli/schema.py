"""Print a published JSON Schema: that of the config, for editors and other tools.

example:
  tidegate schema config > tidegate.schema.json
then, as the first line of tidegate.yaml:
  # yaml-language-server: $schema=tidegate.schema.json
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from typing import Any

from tidegate.config import Config
from tidegate.context import Context
from tidegate.verdict import Verdict


@dataclass(frozen=True)
class SchemaReport:
    """A JSON Schema."""

    schema: dict[str, Any]
    verdict: Verdict = Verdict.PASS
    blocked: bool = False

    def to_dict(self) -> dict[str, Any]:
        return {"schema": self.schema, "body": json.dumps(self.schema, indent=2)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", choices=("config",), help="whose schema")


def load_config(arguments: argparse.Namespace) -> None:
    """No config is needed."""


def run(arguments: argparse.Namespace, config: None, context: Context) -> SchemaReport:
    schema = Config.model_json_schema(by_alias=True)
    return SchemaReport({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
