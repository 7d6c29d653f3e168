"""Say what is missing before it bites: config, schemas, data, table, registry, engine, overlays,
and with --repository what GitHub has: environments and their reviewers, rules and required checks
of the default branch, Actions settings, secrets by name, CODEOWNERS.

Exit code 1 when something needed is missing; what is merely not there yet is a note. What the token
may not see is said so, and is no pass (exit code 2). The token is GITHUB_TOKEN's or GH_TOKEN's, of
somebody who administers the repository; docs/repository-setup.md says what it needs.

examples:
  tidegate doctor
  tidegate doctor --only config      (for pre-commit: nothing else is touched)
  GH_TOKEN=$(gh auth token) tidegate doctor --repository acme/flights
  ... --apply --reviewer mona --reviewer acme/ml-leads
                                     (shows first what it would change, and asks; what is there
                                     already, such as stricter rules or more reviewers, stays)
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tidegate.cli import lines
from tidegate.config import Config, place_of
from tidegate.context import Context
from tidegate.errors import TidegateError
from tidegate.registry import Registry
from tidegate.verdict import Verdict

if TYPE_CHECKING:
    from tidegate.gate.planning import Margin


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    verdict: pass, fail, note for what may be missing yet, or unseen for what may not be looked at.
    """

    name: str
    verdict: str
    detail: str
    remedy: str | None = None


@dataclass(frozen=True)
class DoctorReport:
    """Everything that was looked at. changes: what --apply makes, and whether it was made."""

    service: str
    checks: tuple[Check, ...]
    changes: tuple[tuple[str, bool], ...] = ()

    @property
    def verdict(self) -> Verdict | None:
        found = {check.verdict for check in self.checks}
        if "fail" in found:
            return Verdict.FAIL
        return None if "unseen" in found else Verdict.PASS

    @property
    def blocked(self) -> bool:
        return self.verdict != Verdict.PASS

    def to_dict(self) -> dict[str, Any]:
        return {
            "service": self.service,
            "checks": [vars(check) for check in self.checks],
            "changes": [{"what": what, "made": made} for what, made in self.changes],
        }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--only",
        choices=("all", "config", "repository"),
        default="all",
        help="what to look at (default: all)",
    )
    parser.add_argument("--repository", metavar="OWNER/NAME", help="look at its settings on GitHub")
    parser.add_argument(
        "--apply", action="store_true", help="set up there what is missing, after showing it"
    )
    parser.add_argument(
        "--reviewer",
        type=lines,
        action="extend",
        metavar="LOGIN",
        help="who is asked before a promotion, a person or ORGANIZATION/TEAM; may be repeated",
    )
    parser.add_argument(
        "--yes", action="store_true", help="with --apply: don't ask (needed without a terminal)"
    )
    parser.add_argument("files", nargs="*", help="ignored: pre-commit passes the changed files")


def run(arguments: argparse.Namespace, config: Config, context: Context) -> DoctorReport:
    checks = [Check("config", "pass", f"{config.path} is valid")]
    changes: list[tuple[str, bool]] = []
    if arguments.only == "all":
        checks += _data(config)
        checks += _evaluation(config, context)
        checks += _registry(config, context)
        checks += _engine(config)
        checks += _overlays(config, context)
        checks += _workflows(config)
    if arguments.only != "config":
        checks += _repository(arguments, config, context, changes)
    return DoctorReport(config.service, tuple(checks), tuple(changes))


def _looked_at(name: str, look: Callable[[], str], otherwise: str = "fail") -> Check:
    try:
        return Check(name, "pass", look())
    except TidegateError as error:
        where = f"{error.where}: " if error.where else ""
        return Check(name, otherwise, where + error.what, error.remedy)


def _data(config: Config) -> Iterator[Check]:
    from tidegate.data.schemas import load_schema
    from tidegate.data.sources import locate_dataset

    for name, dataset in config.data.items():

        def schema(name: str = name, reference: str = dataset.schema_reference) -> str:
            found = load_schema(
                reference, config.root, where=place_of(config, "data", name, "schema")
            )
            return f"{reference}, {len(found.definition.columns)} columns, {found.backend}"

        yield _looked_at(f"schema of {name}", schema)
        yield _looked_at(
            f"data of {name}",
            lambda name=name, dataset=dataset: (  # type: ignore[misc]
                f"{len(locate_dataset(config, name, dataset))} files"
            ),
            otherwise="note",
        )


def _evaluation(config: Config, context: Context) -> Iterator[Check]:
    if config.evaluation is None:
        yield Check("evaluation", "note", "the config has no evaluation: the model is not judged",
                    "add evaluation: and gate: to it")  # fmt: skip
        return
    wanted = config.evaluation.predictions
    if "*" not in wanted and not config.resolve(wanted).exists():
        yield Check("predictions table", "note", f"{config.resolve(wanted)} is not there yet",
                    "run the pipeline that writes it")  # fmt: skip
        return
    from tidegate.gate.rows.tables import open_table

    table = _looked_at(
        "predictions table", lambda: f"{open_table(config, wanted, 'candidate').rows} rows"
    )
    yield table
    if config.gate is not None and table.verdict == "pass":
        yield from _margins(config, context)


def _margins(config: Config, context: Context) -> Iterator[Check]:
    """Whether the rows at hand can decide what the config asks of them."""
    from tidegate.gate.planning import plan

    try:
        try:
            registry = Registry.open(config, context)
        except TidegateError:  # a check of its own tells
            registry = None
        margins, compared = plan(config, registry)
    except TidegateError as error:
        yield Check("margins", "note", error.what, error.remedy)
        return
    if margins:
        yield Check("margins", "pass", f"held against the rows at hand, {compared}")
    for margin in margins:
        where = "overall" if margin.slices is None else f"on {margin.slices} slices"
        name = f"margin of {margin.metric} {where}"
        short = margin.rows_needed is None or margin.rows_needed > margin.rows
        if not short:
            yield Check(name, "pass", f"{margin.margin:g} can be decided")
            continue
        yield Check(name, "note", _shortage(margin), _remedy(margin))


def _shortage(margin: Margin) -> str:
    needed = "no number of rows" if margin.rows_needed is None else f"{margin.rows_needed:,} rows"
    if margin.slices is None:
        return f"{margin.margin:g} cannot be decided on {margin.rows:,} rows: it takes {needed}"
    return (
        f"{margin.margin:g} can be decided on {margin.decided} of {margin.slices} slices; one of "
        f"{margin.rows:,} rows would take {needed}"
    )


def _remedy(margin: Margin) -> str:
    if margin.rows_needed is None and margin.margin == 0:
        return "a tolerated regression of 0 is one that an equal model cannot pass: allow a little"
    return "widen the margin, or evaluate on more rows" + (
        "" if margin.slices is None else "; or raise min-slice-rows"
    )


def _registry(config: Config, context: Context) -> Iterator[Check]:
    def champion() -> str:
        registry = Registry.open(config, context)
        found = registry.champion()
        version = "no champion yet" if found is None else f"champion is version {found.version}"
        return f"{registry.shown_uri}: {version}"

    yield _looked_at("registry", champion)


def _engine(config: Config) -> Iterator[Check]:
    kinds = {environment.deploy.kind for environment in config.environments.values()}
    if config.image is None and "docker" not in kinds:
        return
    from tidegate.release.image import engine_version

    yield _looked_at("Docker engine", lambda: f"version {engine_version()}")


def _overlays(config: Config, context: Context) -> Iterator[Check]:
    for name, environment in config.environments.items():
        if environment.deploy.kind == "kubernetes":
            from tidegate.release.deployers.kubernetes import KubernetesDeployer

            deployer = KubernetesDeployer(config, name, context.environ)
            yield _looked_at(f"overlay of {name}", deployer.examine)


def _repository(
    arguments: argparse.Namespace,
    config: Config,
    context: Context,
    changes: list[tuple[str, bool]],
) -> list[Check]:
    """What the repository on GitHub has, after --apply did what it may."""
    if arguments.repository is None:
        if arguments.apply or arguments.only == "repository":
            raise TidegateError("which repository?", remedy="add --repository OWNER/NAME")
        return []
    from tidegate.cli.repository_setup import set_up

    findings, found = set_up(
        arguments.repository,
        config,
        context,
        reviewers=arguments.reviewer or (),
        apply=arguments.apply,
        agreed=arguments.yes,
    )
    changes += found
    return [
        Check(finding.name, finding.verdict, finding.detail, finding.remedy) for finding in findings
    ]


def _workflows(config: Config) -> Iterator[Check]:
    folder = config.resolve(".github/workflows")
    using = [
        path.name
        for path in sorted(folder.glob("*.y*ml"))
        if "tidegate/tidegate" in path.read_text(encoding="utf-8", errors="replace")
    ]
    if using:
        yield Check("workflows", "pass", f"tidegate is used in {', '.join(using)}")
    else:
        yield Check("workflows", "note", "no workflow here uses tidegate",
                    "see `uses:` in the README")  # fmt: skip
