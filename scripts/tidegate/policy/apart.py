"""Datasets that the base does not know: judged by their own rules, in a process of their own.

Their schemas are the pull request's code. It is kept away from the process that judges the others,
where it could change how they are judged, and where modules of the same names are the base's.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

from tidegate.config import Config
from tidegate.context import Context
from tidegate.errors import DataError
from tidegate.processes import of_this_tidegate
from tidegate.verdict import Verdict

# What would make the other process judge as in a pull request, or speak to the runner.
_NOT_ITS = ("GITHUB_BASE_REF", "GITHUB_ACTIONS", "GITHUB_TOKEN", "GITHUB_OUTPUT")


@dataclass(frozen=True)
class ResultApart:
    """A dataset's result as the other process reported it."""

    report: Mapping[str, Any]
    ref: str

    @property
    def name(self) -> str:
        return str(self.report["name"])

    @property
    def digest(self) -> str:
        return str(self.report["digest"])

    @property
    def verdict(self) -> Verdict:
        return Verdict(self.report["verdict"])

    def to_dict(self) -> dict[str, Any]:
        new = {"kind": "schema", "column": None, "what": "dataset", "before": None,
               "after": self.name, "effect": "tighter", "note": "new in the config"}  # fmt: skip
        return {**self.report, "contract": [new, *self.report["contract"]]}


def check_apart(
    config: Config, names: Sequence[str], engine: str, ref: str, context: Context
) -> list[ResultApart]:
    """Raises DataError where the other process could not decide."""
    if not names:
        return []
    environ = {name: value for name, value in context.environ.items() if name not in _NOT_ITS}
    with TemporaryDirectory(prefix="tidegate-apart-") as folder:
        command = [*of_this_tidegate("tidegate"), "check-data", "--json"]
        command += ["--config", str(config.path.resolve()), "--report", folder]
        command += ["--engine", engine, *(word for name in names for word in ("--dataset", name))]
        ended = subprocess.run(
            command, env=environ, capture_output=True, text=True, errors="replace", check=False
        )
    try:
        report = json.loads(ended.stdout)
        error = report["error"]
    except (ValueError, KeyError, TypeError):
        last = (ended.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        error = {"what": f"the process that checks them ends: {last[:300]}", "where": None,
                 "remedy": "run `tidegate check-data` on them and mend what it says"}  # fmt: skip
    if error is not None:
        raise DataError(
            f"of datasets that {ref} does not know ({', '.join(names)}): {error['what']}",
            where=error["where"],
            remedy=error["remedy"],
        )
    return [ResultApart(dataset, ref) for dataset in report["datasets"]]
