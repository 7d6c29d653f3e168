"""What a step tells the GitHub runner: outputs, a summary, annotations."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

Report = Mapping[str, Any]


def _release_of(report: Report) -> str:
    return str(report["release"]["id"])


# Verb -> its outputs beside verdict, blocked and report. tests/contract holds action.yml to it.
OUTPUTS: Mapping[str, Mapping[str, Callable[[Report], str | None]]] = {
    "register-model": {
        "model-version": lambda report: report["version"],
        "release": lambda report: report["release"],
    },
    "build-image": {
        "release": _release_of,
        "image": lambda report: report["image"]["reference"],
        "image-digest": lambda report: report["image"]["digest"],
    },
    "promote": {"release": lambda r: r["after"], "before": lambda r: r["before"]},
    "rollback": {"release": lambda r: r["after"], "before": lambda r: r["before"]},
    "comment": {"url": lambda report: report["url"]},
}
MAX_ANNOTATIONS = 10  # GitHub shows no more of a step
MAX_SUMMARY = 1_000_000  # bytes; GitHub drops a longer summary whole


def publish(
    verb: str,
    report: Report,
    text: str,
    environ: Mapping[str, str],
    folder: Path,
    stream: TextIO | None = None,
    service: Path = Path(),
) -> None:
    """Write the step's outputs and summary, and its annotations to `stream`.

    By default that is standard error, where the runner listens too: --json has the other one.
    Outputs are set on failure too; those that are not known are empty.
    """
    outputs = {
        "verdict": report["verdict"],
        "blocked": "true" if report["blocked"] else "false",
        "report": str(folder / (f"{verb}.md" if verb == "comment" else f"{verb}.json")),
    }
    for name, value in OUTPUTS.get(verb, {}).items():
        outputs[name] = value(report) if report["error"] is None else None
    if path := environ.get("GITHUB_OUTPUT"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.writelines(_output(name, value or "") for name, value in outputs.items())
    if path := environ.get("GITHUB_STEP_SUMMARY"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text.encode()[:MAX_SUMMARY].decode(errors="ignore") + "\n")
    for line in list(commands(verb, report, service))[:MAX_ANNOTATIONS]:
        print(line, file=stream or sys.stderr)


def commands(verb: str, report: Report, service: Path = Path()) -> Iterator[str]:
    """One workflow command for each thing that stops the change.

    service: the service's folder below the repository's root, where a schema's file is.
    """
    if report["error"] is not None:
        error = report["error"]
        where = f"{error['where']}: " if error["where"] else ""
        yield annotation("error", f"{where}{error['what']}", title=f"{verb} could not be decided")
        return
    if not report["blocked"]:
        return
    for dataset in report.get("datasets", ()):
        for check in dataset["checks"]:
            if check["verdict"] == "fail":
                column = check["column"] or "row"
                yield annotation(
                    "error",
                    f"{column}: {check['check']} fails for {check['failing_rows']} rows",
                    title=f"dataset {dataset['name']}",
                    file=(service / dataset["schema"].partition(":")[0]).as_posix(),
                )
    for result in report.get("results", ()):
        if result["blocking"] and result["verdict"] != "pass":
            named = result["slice"] or {}
            where = ", ".join(f"{name}={value}" for name, value in named.items()) or "overall"
            yield annotation("error", result["reason"], title=f"{result['metric']}, {where}")
    for budget in report.get("budgets", ()):
        if budget["verdict"] != "pass":
            figures = f"{budget['value']:.5g} measured, {budget['limit']:.5g} allowed"
            yield annotation("error", figures, title=f"budget {budget['name']}")
    for part in (*report.get("steps", ()), *report.get("checks", ())):
        if part["verdict"] == "fail":
            yield annotation("error", part["detail"], title=f"{verb}: {part['name']}")


def annotation(level: str, message: str, **properties: str) -> str:
    """A workflow command that nothing in its values can break out of."""
    shown = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{level} {shown}::{_message(message)}"


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")


def _output(name: str, value: str) -> str:
    # A delimiter that no value can foresee: otherwise a value could end it and add outputs.
    delimiter = f"end-{secrets.token_hex(16)}"
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"
