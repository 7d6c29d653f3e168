"""What stops a change, or should be looked at, beside the line that it is about."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tidegate.config import line_of
from tidegate.github import schema_lines
from tidegate.github.schema_lines import DOCUMENTS, schema_file
from tidegate.report import escape, findings, numbers, rules, wording
from tidegate.report.redaction import censored

Report = Mapping[str, Any]
Level = Literal["error", "warning"]

MAX_ANNOTATIONS = 10  # GitHub shows no more of a step
_ABOUT_THE_WHOLE = 1.0


@dataclass(frozen=True)
class Place:
    """A file from the repository's root, and a line of it, counted from 1."""

    file: str
    line: int | None = None


@dataclass(frozen=True)
class Annotation:
    """weight: how bad it is among those of its level; in the order they came, where it is equal."""

    level: Level
    title: str
    message: str
    place: Place | None = None
    weight: float = 0.0

    def __str__(self) -> str:
        """A workflow command that nothing in its values can break out of."""
        properties = {"title": self.title}
        if self.place is not None:
            properties["file"] = self.place.file
            if self.place.line is not None:
                properties["line"] = str(self.place.line)
        shown = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
        return f"::{self.level} {shown}::{_message(self.message)}"


def annotations_of(
    verb: str,
    report: Report,
    service: Path = Path(),
    workspace: str | None = None,
    config: str = "tidegate.yaml",
) -> list[Annotation]:
    """At most as many as GitHub shows, the worst first; the last one says how many are left out.

    service: the service's folder, as seen from here; workspace: the repository's root, if known;
    config: the file's name in the service's folder.
    """
    found = sorted(
        _found(verb, report, _Files(service, workspace, config)),
        key=lambda annotation: (annotation.level != "error", -annotation.weight),
    )
    if len(found) <= MAX_ANNOTATIONS:
        return found
    shown, rest = found[: MAX_ANNOTATIONS - 1], found[MAX_ANNOTATIONS - 1 :]
    errors = sum(annotation.level == "error" for annotation in rest)
    counts = [
        numbers.plural(count, noun)
        for count, noun in ((errors, "error"), (len(rest) - errors, "warning"))
        if count
    ]
    level: Level = "error" if errors else "warning"
    message = "GitHub shows no more of a step; the report beside this log has them all"
    return [*shown, Annotation(level, f"{' and '.join(counts)} more", message)]


def _found(verb: str, report: Report, files: _Files) -> Iterator[Annotation]:
    if report["error"] is not None:
        error = report["error"]
        where = f"{error['where']}: " if error["where"] else ""
        title = f"{verb} could not be decided"
        yield Annotation("error", title, f"{where}{error['what']}")
        return
    if "datasets" in report:
        yield from _of_data(censored(report), files)
    if not report["blocked"]:
        return
    for result in report.get("results", ()):
        if result["blocking"] and result["verdict"] != "pass":
            named = result["slice"] or {}
            where = ", ".join(f"{name}={value}" for name, value in named.items()) or "overall"
            section = "slice-metrics" if named else "metrics"
            place = files.of_config("gate", section, result["metric"].partition("/")[0])
            yield Annotation("error", f"{result['metric']}, {where}", result["reason"], place)
    for budget in report.get("budgets", ()):
        if budget["verdict"] != "pass":
            figures = f"{budget['value']:.5g} measured, {budget['limit']:.5g} allowed"
            place = files.of_config("gate", "budgets", budget["name"])
            yield Annotation("error", f"budget {budget['name']}", figures, place)
    for part in (*report.get("steps", ()), *report.get("checks", ())):
        if part["verdict"] == "fail":
            yield Annotation("error", f"{verb}: {part['name']}", part["detail"])


def _of_data(data: Report, files: _Files) -> Iterator[Annotation]:
    for dataset in data["datasets"]:
        if dataset["verdict"] == "fail":
            yield from _of_failing(dataset, files)
        for check in findings.warnings(dataset):
            yield _of_check("warning", dataset, check, files)
        yield from _of_comparison(dataset, files)


def _of_failing(dataset: Report, files: _Files) -> Iterator[Annotation]:
    for check in findings.broken(dataset):
        yield _of_check("error", dataset, check, files)
    title = _title(dataset, None)
    if unjudged := findings.unjudged(dataset):
        columns = dict.fromkeys(check["column"] for check in unjudged if check["column"])
        named = ", ".join(escape.plain(column, 60) for column in [*columns][:6])
        message = f"{numbers.plural(len(unjudged), 'rule')} could not be judged"
        message += f": {named}" if named else ""
        yield Annotation("error", title, message, files.of_schema(dataset, None), _ABOUT_THE_WHOLE)
    for place in files.of_dvc(dataset):
        told = f"{wording.rows(dataset)} Of its rules, {findings.tally(dataset)}."
        yield Annotation("error", title, told, place, dataset["failing_rows"] / dataset["rows"])


def _of_comparison(dataset: Report, files: _Files) -> Iterator[Annotation]:
    """Drift from the reference, and changes of the schema that break what kept to it."""
    drifting, stopping = findings.drifting(dataset), findings.stopping_drift(dataset)
    if drifting or stopping:
        blocks = dataset["verdict"] != "pass" and bool(stopping)
        remedy = rules.REMEDIES["drift" if drifting else "undecided-drift"]
        message = f"{wording.sentence(wording.drift(dataset))}. {remedy}"
        place = next(files.of_dvc(dataset), None)
        yield Annotation("error" if blocks else "warning", _title(dataset, None), message, place)
    for change in findings.schema_changes(dataset):
        if change["effect"] == "breaking":
            column = change["column"]
            values = [escape.plain(change[side] or "nothing", 80) for side in ("before", "after")]
            message = f"a breaking change: {escape.plain(change['what'], 120)}"
            message += "" if values == ["nothing"] * 2 else f", {values[0]} → {values[1]}"
            place = files.of_schema(dataset, column)
            yield Annotation("warning", _title(dataset, column), message, place)


def _of_check(level: Level, dataset: Report, check: Report, files: _Files) -> Annotation:
    rule = rules.words(check).spelt(escape.plain, escape.plain)
    failing = check["failing_rows"]
    parts = [f"{check['column'] or wording.subject(check)}: {rule}"]
    if failing:
        share = numbers.share(check["share"])
        parts.append(f"broken by {numbers.plural(failing, 'row')} ({share})")
    if check["detail"]:
        parts.append(check["detail"])
    message = f"{'; '.join(parts)}.{_such_as(check)} {rules.REMEDIES[rules.family(check)]}"
    return Annotation(
        level,
        _title(dataset, check["column"]),
        message,
        files.of_schema(dataset, check["column"]),
        check["share"] if failing else _ABOUT_THE_WHOLE,
    )


def _such_as(check: Report) -> str:
    example = next(iter(check["examples"]), None)
    if example is None:
        return ""
    place = wording.place(example, check)
    value = wording.value_of(example, check)
    return f" Such as {place}{'' if value is None else f': {escape.plain(value, 80)}'}."


def _title(dataset: Report, column: str | None) -> str:
    name = escape.plain(dataset["name"], 60)
    return f"dataset {name}" + (f", {escape.plain(column, 60)}" if column else "")


class _Files:
    """The service's files that annotations point at, each read once."""

    def __init__(self, service: Path, workspace: str | None, config: str):
        self._service, self._config = service, Path(config)
        self._workspace = Path(workspace) if workspace else None
        self._texts: dict[Path, str] = {}

    def of_config(self, *keys: str) -> Place | None:
        """The line of the bound in the config; None where that is not here."""
        if not (self._service / self._config).is_file():
            return None
        return Place(self._shown(self._config), line_of(self._text(self._config), *keys))

    def of_schema(self, dataset: Report, column: str | None) -> Place | None:
        """Where the dataset's schema declares the column; None where its file is not here."""
        reference = str(dataset["schema"])
        file = schema_file(reference, self._service)
        if file is None:
            return None
        name = None if reference.endswith(DOCUMENTS) else reference.rpartition(":")[2]
        return Place(self._shown(file), schema_lines.line_of(self._text(file), name, column))

    def of_dvc(self, dataset: Report) -> Iterator[Place]:
        """The `.dvc` files of the data: of the dataset, or of the files that examples are of."""
        fixed = re.split(r"[*?\[]", str(dataset["path"]))[0]
        base = Path(fixed) if fixed == dataset["path"] else Path(fixed + "x").parent
        examples = [e["file"] for check in dataset["checks"] for e in check["examples"]]
        below = [base / file for file in dict.fromkeys(examples)]
        above = [path for path in (base, *base.parents) if path.name]
        for path in (*below, *above):
            tracked = Path(f"{path}.dvc")
            if (self._service / tracked).is_file():
                lines = self._text(tracked).splitlines()
                marks = (number for number, line in enumerate(lines, 1) if "md5:" in line)
                yield Place(self._shown(tracked), next(marks, None))

    def _text(self, file: Path) -> str:
        if file not in self._texts:
            self._texts[file] = (self._service / file).read_text(encoding="utf-8", errors="replace")
        return self._texts[file]

    def _shown(self, file: Path) -> str:
        """A path from the repository's root, where GitHub looks for it."""
        path = self._service / file
        if self._workspace is not None:
            absolute = Path(os.path.abspath(path))  # noqa: PTH100 - links stay as they are
            if absolute.is_relative_to(self._workspace):
                return absolute.relative_to(self._workspace).as_posix()
        return path.as_posix()


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
