"""Run one verb: its report is written, shown and published, whatever happens."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from tidegate import config as configs
from tidegate.cli import verb_module
from tidegate.context import Context
from tidegate.errors import TidegateError
from tidegate.report import terminal
from tidegate.report.escape import without_commands
from tidegate.runbook import blocked_runbook
from tidegate.verdict import Verdict

SCHEMA_VERSION = 1


class Report(Protocol):
    """What a verb's `run` gives back."""

    @property
    def verdict(self) -> Verdict | None:
        """None where a part of it could not be decided: exit code 2."""
        ...

    @property
    def blocked(self) -> bool:
        """Whether the gate says no: exit code 1."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """The verb's own fields of the machine report, JSON types only."""
        ...


def execute(verb: str, arguments: argparse.Namespace, context: Context) -> int:
    """Exit code: 0 pass, 1 the gate says no, 2 it could not be decided."""
    module = verb_module(verb)
    folder = Path(arguments.config).resolve().parent / arguments.report
    # A verb may write a report of another name: what verifies a record must not overwrite it.
    name = getattr(module, "report_name", lambda _: verb)(arguments)
    service, started = None, time.monotonic()
    try:
        load = getattr(module, "load_config", lambda given: configs.load(Path(given.config)))
        config = load(arguments)
        service = getattr(config, "service", None)
        report: Report = module.run(arguments, config, context)
        body = decided(name, report, started, config, context.environ)
        texts = _texts_of(name, body)
        code = 2 if report.verdict is None else 1 if report.blocked else 0
    # The one place where errors end, the unexpected ones and Ctrl-C too.
    except (Exception, KeyboardInterrupt) as error:
        known = error if isinstance(error, TidegateError) else _unexpected(error, folder, name)
        if context.environ.get("GITHUB_ACTIONS") == "true":
            from tidegate.github import event

            known = event.explained(name, known, context.environ)
        print(without_commands(f"tidegate {verb}: {known}"), file=sys.stderr)
        body, code = undecided(name, known, service, started), 2
        texts = _texts_of(name, body)
    return _deliver(name, body, texts, code, folder, arguments, context)


def decided(
    verb: str,
    report: Report,
    started: float,
    config: configs.Config | None = None,
    environ: Mapping[str, str] = {},
) -> dict[str, Any]:
    """The machine report of a verb that came to an end. started: by time.monotonic.

    config, environ: where the service's runbook for a report that blocks is looked for.
    """
    runbook = None
    if report.blocked and config is not None:
        runbook = blocked_runbook(verb, config, environ)
    return {
        "schema_version": SCHEMA_VERSION,
        "verb": verb,
        "verdict": None if report.verdict is None else str(report.verdict),
        "blocked": report.blocked,
        "error": None,
        "seconds": _since(started),
        **({} if runbook is None else {"runbook": asdict(runbook)}),
        **report.to_dict(),
    }


def undecided(
    verb: str, error: TidegateError, service: str | None, started: float | None = None
) -> dict[str, Any]:
    """The machine report of a verb that could not decide. service: None where it is unknown."""
    took = {} if started is None else {"seconds": _since(started)}
    return {
        "schema_version": SCHEMA_VERSION,
        "verb": verb,
        "verdict": None,
        "blocked": True,
        "error": error.to_dict(),
        "service": service,
        **took,
    }


def _since(started: float) -> float:
    return round(time.monotonic() - started, 3)


def _unexpected(error: BaseException, folder: Path, verb: str) -> TidegateError:
    if isinstance(error, KeyboardInterrupt):
        return TidegateError("stopped by SIGINT", remedy="run it again")
    trace = folder / f"{verb}.traceback.txt"
    try:
        write_atomically(trace, traceback.format_exc())
    except OSError:
        traceback.print_exc()  # better in the log than nowhere
    return TidegateError(
        f"unexpected {type(error).__name__}: {error}",
        where=str(trace),
        remedy="this is a defect of tidegate: please report it with that file",
    )


@dataclass(frozen=True)
class _Texts:
    """A report for machines, for people, and as a page where the verb has one."""

    document: str
    text: str
    page: str | None

    def files(self, verb: str, folder: Path, page: Path) -> dict[Path, str]:
        """What is written where."""
        files = {folder / f"{verb}.json": self.document, folder / f"{verb}.md": self.text}
        return files if self.page is None else {**files, page: self.page}


def _texts_of(verb: str, report: dict[str, Any]) -> _Texts:
    """Raises ValueError for NaN, which JSON does not know."""
    from tidegate.report import markdown, page

    document = json.dumps(report, indent=2, allow_nan=False) + "\n"
    return _Texts(document, markdown.render_verb(verb, report), page.render_page(verb, report))


def _deliver(
    verb: str,
    report: dict[str, Any],
    texts: _Texts,
    code: int,
    folder: Path,
    arguments: argparse.Namespace,
    context: Context,
) -> int:
    # A verb may be told to put its page elsewhere.
    wanted = getattr(verb_module(arguments.verb), "page_file", lambda _: None)(arguments)
    page = folder / f"{verb}.html" if wanted is None else Path(wanted).resolve()
    try:
        for file, content in texts.files(verb, folder, page).items():
            write_atomically(file, content)
    except OSError as error:
        remedy = "give --report, or --output, a place that can be written"
        print(f"tidegate {verb}: the report cannot be written: {error}", file=sys.stderr)
        print(f"  remedy: {remedy}", file=sys.stderr)
        return 2
    with terminal.reader():
        if arguments.json:
            sys.stdout.write(texts.document)
        elif report["error"] is None:
            terminal.show(texts.text)
            if texts.page is not None and sys.stdout.isatty():
                print(f"As a page, with charts: {page}")
    if context.environ.get("GITHUB_ACTIONS") == "true":
        from tidegate.github import runner

        runner.publish(
            verb,
            report,
            texts.text,
            context.environ,
            folder,
            config=Path(arguments.config),
            page=page,
        )
    return code


def write_atomically(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as stream:
        try:
            stream.write(text)
            stream.flush()
            Path(stream.name).chmod(0o644)
            os.replace(stream.name, path)  # noqa: PTH105 - the same call, said plainly
        except BaseException:
            Path(stream.name).unlink(missing_ok=True)
            raise
