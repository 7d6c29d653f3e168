"""The command line: parse, dispatch to a plain function, write its report, say the exit code."""

from __future__ import annotations

import argparse
import atexit
import gc
import importlib
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType

from tidegate import __version__

# verb -> what it does. A verb's module, tidegate.cli.<verb with underscores>, is imported only when
# the verb is asked for, so that --help answers at once. It has two functions: add_arguments(parser)
# and run(arguments, config, context) -> a report with .verdict, .blocked and .to_dict(). One whose
# output is a document of its own, not a report, has main(arguments) -> exit code instead of run.
VERBS: Mapping[str, str] = {
    "check-data": "hold datasets against their pandera schemas",
    "pull-data": "fetch the service's DVC-tracked data",
    "reproduce-pipeline": "run the service's own training pipeline",
    "gate-model": "hold the candidate against its bounds and the production baseline",
    "register-model": "put the candidate into MLflow's registry as the challenger",
    "build-image": "build the service's image with the model inside",
    "test-image": "run the image and hold its answers to the offline predictions",
    "promote": "put a release on an environment",
    "rollback": "put an environment back to an earlier release",
    "hold": "keep an environment from taking promotions, or let it again",
    "status": "show what runs where, since when, and what drifted from the ledger",
    "board": "write one HTML page: what runs where, the ledger, the metrics over releases",
    "card": "fill in the model card from the gate's record",
    "watch": "look at a release at work: inputs, quality, objectives, age, cost",
    "incident": "write what the watch found into the service's one issue",
    "comment": "write the reports as one comment on the pull request",
    "pr": "run the gates of a pull request here and print its comment",
    "doctor": "say what is missing before it bites",
    "schema": "print a published JSON Schema: the config's or a report's",
}

EPILOG = """\
exit codes: 0 pass, 1 the gate says no, 2 it could not be decided

A service's own pipeline writes a predictions table; `tidegate pr` checks the data, judges the
model and prints what the pull request would say. `tidegate VERB --help` shows each verb's flags.
"""


def parser_for(arguments: Sequence[str]) -> tuple[argparse.ArgumentParser, str | None]:
    """The parser, complete for the one verb that `arguments` name."""
    parser = argparse.ArgumentParser(
        prog="tidegate",
        description="Gates for machine-learning services: data, model, image, promotion.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"tidegate {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    wanted = next((word for word in arguments if not word.startswith("-")), None)
    for verb, summary in VERBS.items():
        sub = verbs.add_parser(verb, help=summary, description=summary[:1].upper() + summary[1:])
        if verb == wanted:
            module = verb_module(verb)
            sub.description = module.__doc__
            sub.formatter_class = argparse.RawDescriptionHelpFormatter
            sub.add_argument(
                "--config",
                default="tidegate.yaml",
                metavar="PATH",
                help="the service's config (default: %(default)s)",
            )
            sub.add_argument(
                "--report",
                default="reports/tidegate",
                metavar="DIR",
                help="folder for <verb>.json and <verb>.md, below the config's folder "
                "(default: %(default)s)",
            )
            sub.add_argument(
                "--json", action="store_true", help="print the JSON report and nothing else"
            )
            module.add_arguments(sub)
    return parser, wanted


def lines(text: str) -> list[str]:
    """Type of a flag that may be repeated and takes one item per line: use action="extend"."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def verb_module(verb: str) -> ModuleType:
    return importlib.import_module("tidegate.cli." + verb.replace("-", "_"))


def main(arguments: Sequence[str] | None = None) -> int:
    given = sys.argv[1:] if arguments is None else arguments
    # Importing makes objects by the hundred thousand, and looking for cycles among them, every 700,
    # is a tenth of a start.
    gc.set_threshold(300_000)
    # Nor is what is there at the end looked through once more: that is a fifth of a short run.
    atexit.register(gc.freeze)
    # An action passes each of its inputs as --name="$VALUE"; an empty one is as if not given.
    words = [word for word in given if not (word.startswith("--") and word.endswith("="))]
    parser, verb = parser_for(words)
    parsed = parser.parse_args(words)
    assert verb is not None  # noqa: S101 - argparse has refused the rest
    if direct := getattr(verb_module(verb), "main", None):
        return int(direct(parsed))
    from tidegate.cli.execution import execute
    from tidegate.context import Context

    return execute(verb, parsed, Context(interactive=sys.stderr.isatty()))
