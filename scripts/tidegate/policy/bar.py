"""Who judges a pull request: the policy and the code of its base branch, on what it brings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

import yaml

from tidegate import config as configs
from tidegate.config import Config
from tidegate.errors import ConfigError, TidegateError
from tidegate.policy.branch import Branch
from tidegate.policy.git import Commit, GitError
from tidegate.policy.keys import Part, keys_of

if TYPE_CHECKING:
    from tidegate.policy.changes import PolicyChange


@dataclass(frozen=True)
class Policy:
    """Whose policy judged, and what the pull request changes in it.

    source: `base`, or `own` where the base has nothing that could; why says what, for people.
    override_label: `off` where nobody can let a blocked change through.
    """

    source: Literal["base", "own"]
    ref: str
    commit: str
    why: str | None = None
    changes: tuple[PolicyChange, ...] = ()
    override_label: str = "off"

    def to_dict(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "ref": self.ref,
            "commit": self.commit,
            "why": self.why,
            "override_label": self.override_label,
            "changes": [change.to_dict() for change in self.changes],
        }


@dataclass(frozen=True)
class Bar:
    """What judges. of_data, of_model: the policy for either, with the paths of the checkout.

    data, model: what is to be told of it; None where there is no base to hold to. apart: datasets
    that the base does not know: they are judged by their own rules, away from the others.
    """

    of_data: Config
    of_model: Config
    data: Policy | None = None
    model: Policy | None = None
    apart: frozenset[str] = field(default_factory=frozenset)


@contextmanager
def judging(config: Config, branch: Branch | None) -> Iterator[Bar]:
    """The bar that a checkout is held to; without a base its own.

    Raises ConfigError where the base has a config that cannot be used: there is no other judge.
    """
    if branch is None:
        yield Bar(config, config)
        return
    with TemporaryDirectory(prefix="tidegate-base-") as folder:
        try:
            bar = _bar(config, branch, Path(folder))
        except GitError as error:
            raise ConfigError(
                f"git cannot read the base {branch.ref!r}: {error}",
                where="--base",
                remedy="fetch it whole (actions/checkout with fetch-depth: 0)",
            ) from None
        try:
            yield bar
        except TidegateError as error:
            raise _told_of_base(error, bar, branch) from None


def _bar(config: Config, branch: Branch, folder: Path) -> Bar:
    # Imported here: without a base nothing is compared, and a check starts sooner.
    from tidegate.policy.changes import data_changes, gate_changes

    own = Policy("own", branch.ref, branch.tip.sha, override_label=config.override_label)
    if config._flags:
        return _bar_of_flags(config, branch, folder, own)
    place = place_at(branch.tip, config)
    if place is None:
        own = replace(own, why=f"{branch.ref} has no config of this service yet")
        return Bar(config, config, own, own)
    base = _exported(branch.tip, place, folder, branch.ref)
    before = base if branch.left.sha == branch.tip.sha else _read(branch.left, place, folder, base)
    judge = _merged(base, config)
    judge._path, judge._code, judge._outputs = config.path, base.root, config._outputs
    moved = None if place == _own_place(branch.tip, config) else f"there it is {place}"
    known = replace(own, source="base", why=moved, override_label=base.override_label)
    model = replace(known, changes=tuple(gate_changes(before, config)))
    of_model = judge
    if base.gate is None or base.evaluation is None:
        model = replace(own, why=f"{branch.ref} has no gate for a model yet")
        brought = {"gate": config.gate, "evaluation": config.evaluation, "task": config.task}
        of_model = judge.model_copy(update=brought)
        of_model._code = None
    apart = frozenset(config.data) - frozenset(base.data)
    new = ", ".join(sorted(apart))
    reasons = [f"new, and judged by their own rules: {new}" if apart else None, moved]
    data = replace(
        known if base.data else own,
        why="; ".join(reason for reason in reasons if reason) or None,
        changes=tuple(data_changes(before, config)),
    )
    return Bar(judge, of_model, data, model, apart)


def _bar_of_flags(config: Config, branch: Branch, folder: Path, own: Policy) -> Bar:
    """Flags say what is held against which schema; its code is the base's, if the base has it."""
    (dataset,) = config.data.values()
    code = folder / config.root.name
    branch.tip.export(_own_place(branch.tip, config).parent, code)
    if not (code / dataset.schema_reference.partition(":")[0]).is_file():
        return Bar(config, config, replace(own, why=f"{branch.ref} has no such schema"))
    judge = config.model_copy()
    judge._code = code
    return Bar(judge, judge, replace(own, source="base"))


def _own_place(commit: Commit, config: Config) -> PurePosixPath:
    """Where the config is, from the repository's top."""
    below = config.root.resolve().relative_to(commit.top.resolve())
    return PurePosixPath(below.as_posix()) / config.path.name


def place_at(tip: Commit, config: Config) -> PurePosixPath | None:
    """Where the base has the config. A service that moves to another folder takes its bar along:
    it is known by the name of its model.
    """
    place = _own_place(tip, config)
    if tip.text(place) is not None:
        return place
    for entry in tip.files():
        if entry.path.name == place.name:
            try:
                values = yaml.safe_load(tip.text(entry.path) or "")
            except yaml.YAMLError:
                continue
            folder = (entry.path.parent.name or tip.top.name).lower()
            named = values if isinstance(values, dict) else {}
            if named.get("model", named.get("service", folder)) == config.model:
                return PurePosixPath(entry.path)
    return None


def _exported(commit: Commit, place: PurePosixPath, folder: Path, ref: str) -> Config:
    """The config of a commit, with the code around it."""
    # By its own name, which is the service's where the config names none.
    root = folder / "tip" / (place.parent.name or commit.top.name)
    commit.export(place.parent, root)
    try:
        return configs.load(root / place.name)
    except ConfigError as error:
        said = str(error.what).replace(f"{root}/", "")
        raise ConfigError(
            f"the config there cannot be used, and it is to judge this change: {said}",
            where=f"{ref}:{place}",
            remedy=f"mend it on {ref.removeprefix('origin/')} first; an administrator can merge "
            "past the required check",
        ) from None


def _read(commit: Commit, place: PurePosixPath, folder: Path, otherwise: Config) -> Config:
    """The config of a commit, to tell changes by; `otherwise` where there is none to read."""
    path = folder / "left" / otherwise.root.name / place.name
    path.parent.mkdir(parents=True)
    path.write_text(commit.text(place) or "", encoding="utf-8")
    try:
        return configs.load(path)
    except ConfigError:
        return otherwise


def _merged(base: Config, own: Config) -> Config:
    """The base's policy on what the checkout has. What is not policy is the checkout's own; a place
    may be moved, but not taken away.
    """
    # As they are written: a default is of the section that it belongs to.
    values, mine = (
        config.model_dump(by_alias=True, exclude_unset=True, exclude_none=True)
        for config in (base, own)
    )
    for key in keys_of(Part.LATER, ""):
        values.pop(key, None)
        if key in mine:
            values[key] = mine[key]
    _take(values, mine, "")
    if "evaluation" in values:
        _take(values["evaluation"], mine.get("evaluation", {}), "evaluation")
    for name, dataset in values.get("data", {}).items():
        theirs = mine.get("data", {}).get(name, {})
        _take(dataset, theirs, "data.*")
        redacted = [*dataset.get("redact", ()), *theirs.get("redact", ())]
        dataset["redact"] = list(dict.fromkeys(redacted))
    return Config.model_validate(values)


def _take(section: dict[str, Any], mine: Mapping[str, Any], name: str) -> None:
    for key in keys_of(Part.PLACE, name):
        if key in mine:
            section[key] = mine[key]


def _told_of_base(error: TidegateError, bar: Bar, branch: Branch) -> TidegateError:
    """The error, with the reason that nobody looks for first: that another policy judged."""
    policies = [policy for policy in (bar.data, bar.model) if policy and policy.source == "base"]
    changed = dict.fromkeys(change.path for policy in policies for change in policy.changes)
    if not changed:
        return error
    hint = (
        f"this was judged by the policy of {branch.ref}, and this change has another "
        f"({', '.join(list(changed)[:5])}); docs/policy.md tells how to change both together"
    )
    remedy = f"{error.remedy}; {hint}" if error.remedy else hint
    return type(error)(error.what, where=error.where, remedy=remedy)
