"""What a step tells the GitHub runner: outputs, a summary, annotations."""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

from tidegate.github.annotations import annotations_of
from tidegate.report.page import has_page

Report = Mapping[str, Any]


def _release_of(report: Report) -> str:
    return str(report["release"]["id"])


# Verb -> its outputs beside verdict, blocked, report and, where it has one, page. tests/contract
# holds action.yml to it.
OUTPUTS: Mapping[str, Mapping[str, Callable[[Report], str | None]]] = {
    "register-model": {
        "model-version": lambda report: report["version"],
        "release": lambda report: report["release"],
    },
    "build-image": {
        "release": _release_of,
        "image": lambda report: report["image"]["reference"],
        "image-name": lambda report: report["image"]["repository"],
        "image-digest": lambda report: report["image"]["digest"],
        "record-json": lambda report: json.dumps(report["record"]),
    },
    "promote": {"release": lambda r: r["after"], "before": lambda r: r["before"]},
    "rollback": {"release": lambda r: r["after"], "before": lambda r: r["before"]},
    "incident": {"url": lambda report: report["url"], "act": lambda report: report["act"]},
    "comment": {"url": lambda report: report["url"]},
}
MAX_SUMMARY = 1_000_000  # bytes; GitHub drops a longer summary whole


def publish(
    verb: str,
    report: Report,
    text: str,
    environ: Mapping[str, str],
    folder: Path,
    stream: TextIO | None = None,
    config: Path = Path("tidegate.yaml"),
    page: Path | None = None,
) -> None:
    """Write the step's outputs and summary, and its annotations to `stream`.

    By default that is standard error, where the runner listens too: --json has the other one.
    page: where the verb's page is, by default in `folder`.
    Outputs are set on failure too; those that are not known are empty.
    """
    outputs = {
        "verdict": report["verdict"],
        "blocked": "true" if report["blocked"] else "false",
        "report": str(folder / (f"{verb}.md" if verb == "comment" else f"{verb}.json")),
    }
    if has_page(verb):
        outputs["page"] = str(page or folder / f"{verb}.html")
    for name, value in OUTPUTS.get(verb, {}).items():
        outputs[name] = value(report) if report["error"] is None else None
    if path := environ.get("GITHUB_OUTPUT"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.writelines(_output(name, value or "") for name, value in outputs.items())
    if path := environ.get("GITHUB_STEP_SUMMARY"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text.encode()[:MAX_SUMMARY].decode(errors="ignore") + "\n")
    workspace = environ.get("GITHUB_WORKSPACE")
    for annotation in annotations_of(verb, report, config.parent, workspace, config.name):
        print(annotation, file=stream or sys.stderr)


def _output(name: str, value: str) -> str:
    # A delimiter that no value can foresee: otherwise a value could end it and add outputs.
    delimiter = f"end-{secrets.token_hex(16)}"
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"
