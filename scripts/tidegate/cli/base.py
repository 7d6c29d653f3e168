"""What the verbs that judge a pull request share: its base, and who may override."""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from tidegate.config import Config
from tidegate.context import Context
from tidegate.override import NOBODY, Overriding

if TYPE_CHECKING:
    from tidegate.policy.bar import Bar
    from tidegate.policy.branch import Branch


def add_base_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--base",
        metavar="REF",
        help="branch or commit whose policy judges, and that changes are shown against (default: "
        "in a pull request of GitHub Actions its base branch, else none)",
    )


def branch_of(ref: str | None, config: Config, context: Context) -> Branch | None:
    """What `ref` names, else the base of GitHub's pull request; None where there is neither.

    Raises ConfigError where git does not know it.
    """
    if not ref and not context.environ.get("GITHUB_BASE_REF"):
        return None
    from tidegate.policy.branch import Branch

    return Branch.of_run(ref, config.path, context.environ)


def bar_of(branch: Branch | None, config: Config) -> AbstractContextManager[Bar]:
    from tidegate.policy.bar import judging

    return judging(config, branch)


def overriding(verb: str, config: Config, context: Context) -> Overriding:
    """Who overrides a verb's verdict that blocks this commit. config: the one that judged."""
    if context.environ.get("GITHUB_ACTIONS") != "true":
        return NOBODY
    from tidegate.github.overrides import look_for

    return look_for(verb, config.override_label, context.commit(config.root), context.environ)
