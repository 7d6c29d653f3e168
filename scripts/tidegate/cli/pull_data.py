"""Fetch the service's DVC-tracked data, and see that every dataset of the config is there.

Without DVC in the repository there is nothing to fetch.

example:
  tidegate pull-data --remote-url s3://acme-dvc/fraud
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from tidegate.cli import lines
from tidegate.cli.base import branch_of
from tidegate.config import Config
from tidegate.context import Context
from tidegate.pipeline import CommandReport, has_dvc, nothing_to_pull, pull_data


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dvc",
        default="uv run --locked dvc",
        metavar="COMMAND",
        help="command that runs DVC (default: %(default)s)",
    )
    parser.add_argument(
        "--remote-url", metavar="URL", help="DVC remote to use instead of the repository's own"
    )
    parser.add_argument(
        "--login",
        metavar="WHO",
        help="as whom to log in to the cloud by the run's identity: a role's ARN, a provider of "
        "workload identity, or TENANT/CLIENT (default: as the environment says)",
    )
    parser.add_argument(
        "--target",
        type=lines,
        action="extend",
        default=[],
        metavar="PATH",
        help="what to pull; may be repeated (default: everything)",
    )
    parser.add_argument(
        "--base",
        metavar="REF",
        help="branch or commit whose lock says which DVC `uv run` runs, and whose .dvc/config "
        "where from (default: in a pull request of GitHub Actions its base, else the checkout's)",
    )


def run(arguments: argparse.Namespace, config: Config, context: Context) -> CommandReport:
    from tidegate.policy import project, remotes

    branch = branch_of(arguments.base, config, context)
    with remotes.by_the_base(config, branch):
        # Before the base's project is installed to run its DVC, which takes a while.
        if not (arguments.remote_url or arguments.target or has_dvc(config)):
            return nothing_to_pull(config)
        with (
            project.by_the_base(arguments.dvc, config, branch, context.environ) as dvc,
            logged_in(arguments.login, context) as environ,
        ):
            return pull_data(config, dvc, arguments.remote_url, arguments.target, environ)


@contextmanager
def logged_in(login: str | None, context: Context) -> Iterator[Mapping[str, str]]:
    """The environment for DVC, with a way into the cloud where one is asked for."""
    if not login:
        yield context.environ
        return
    import httpx

    from tidegate import cloud_login
    from tidegate.github.identity import identity_token

    with httpx.Client() as http:
        token = partial(identity_token, environ=context.environ, http=http)
        with cloud_login.logged_in(login, token) as given:
            yield cloud_login.environment(context.environ, given)
