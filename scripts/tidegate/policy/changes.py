"""What a pull request changes in the policy: each key, and whether the bar is looser for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from tidegate.config import Config, Dataset
from tidegate.data.contract.findings import SchemaChange
from tidegate.data.contract.settings import compare_settings
from tidegate.policy.keys import Part, part_of

if TYPE_CHECKING:
    from tidegate.data.results import DatasetResult
    from tidegate.policy.bar import Policy

Effect = Literal["looser", "tighter", "other"]
_OPPOSITE: Mapping[Effect, Effect] = {"looser": "tighter", "tighter": "looser", "other": "other"}


@dataclass(frozen=True)
class PolicyChange:
    """One key that differs. looser: something that is blocked before the merge passes after it."""

    path: str
    before: str | None
    after: str | None
    effect: Effect
    note: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


# What it means when the value is greater than it was, by the end of the key.
_WHEN_IT_GROWS: Mapping[str, Effect] = {
    "min": "tighter",
    "max": "looser",
    "max-regression": "looser",
    "max-increase": "looser",
    "min-slice-rows": "looser",
    "max-unpaired-rows": "looser",
}
# From the loosest to the tightest. off and warn block as little.
_RANKS: Mapping[str, Mapping[Any, int]] = {
    "gate.mode": {"off": 0, "warn": 0, "enforce": 1},
    "gate.on-inconclusive": {"warn": 0, "fail": 1},
    "gate.on-inconclusive-slice": {"warn": 0, "fail": 1},
    "gate.on-missing-baseline": {"absolute-only": 0, "fail": 1},
    "gate.on-unscorable-baseline": {"absolute-only": 0, "fail": 1},
    "gate.allow-same-version": {True: 0, False: 1},
}
_ITEMS = ("gate.metrics", "gate.slice-metrics", "gate.budgets")
_SHARED = ("override-label",)
_OF_GATE = ("task", "model", "evaluation", "gate", "registry", *_SHARED)
_OPTIONAL = ("evaluation", "gate")


def gate_changes(before: Config, after: Config) -> list[PolicyChange]:
    """Changes of what decides on a model."""
    found, sections = [], list(_OF_GATE)
    for section in _OPTIONAL:  # as a whole, where it comes or goes
        there = [getattr(config, section) is not None for config in (before, after)]
        if not all(there):
            sections.remove(section)
        if any(there) and not all(there):
            gone, come = ("judged", None) if there[0] else (None, "judged")
            found.append(PolicyChange(section, gone, come, "looser" if there[0] else "tighter"))
    return found + _compared(before, after, sections)


def data_changes(before: Config, after: Config) -> list[PolicyChange]:
    """Changes of what decides on the datasets. Rules of a schema are told with the contract."""
    found = []
    for name in dict.fromkeys([*before.data, *after.data]):
        one, other = before.data.get(name), after.data.get(name)
        if other is None:
            note = "no longer checked after the merge"
            found.append(PolicyChange(f"data.{name}", "checked", None, "looser", note))
        elif one is None:
            found.append(PolicyChange(f"data.{name}", None, "checked", "tighter"))
        else:
            found += _settings(name, one, other)
    return found + _compared(before, after, _SHARED)


def with_schema_changes(policy: Policy | None, results: Sequence[DatasetResult]) -> Policy | None:
    """The policy with one change more for each dataset whose schema's rules differ."""
    if policy is None:
        return None
    found = []
    for result in results:
        effects = [
            change.effect
            for change in result.contract
            if isinstance(change, SchemaChange) and change.column is not None
        ]
        if effects:
            counts = [f"{effects.count(effect)} {effect}" for effect in dict.fromkeys(effects)]
            worst: Effect = "looser" if "looser" in effects else "other"
            alike: Effect = "tighter" if set(effects) == {"tighter"} else worst
            note = f"rules that differ: {', '.join(counts)}; the contract lists them"
            found.append(PolicyChange(f"data.{result.name}.schema", None, None, alike, note))
    return replace(policy, changes=(*policy.changes, *found))


def _settings(name: str, before: Dataset, after: Dataset) -> Iterator[PolicyChange]:
    for change in compare_settings(before, after):
        path = f"data.{name}.{change.what}"
        if part_of(f"data.*.{change.what}") is Part.POLICY:
            effect: Effect = change.effect if change.effect in ("looser", "tighter") else "other"
            yield PolicyChange(path, change.before, change.after, effect, change.note)


def _compared(before: Config, after: Config, sections: Sequence[str]) -> list[PolicyChange]:
    old, new = (_policy(config, sections) for config in (before, after))
    return [
        change
        for key in dict.fromkeys([*old, *new])
        if old.get(key) != new.get(key)
        for change in _BY_KEY.get(key, _value)(key, old.get(key), new.get(key), after)
    ]


def _policy(config: Config, sections: Sequence[str]) -> dict[str, Any]:
    """Dotted key -> value of the policy in these sections; metrics, budgets, slices as a whole."""
    dumped = config.model_dump(
        mode="json", by_alias=True, include={name.replace("-", "_") for name in sections}
    )
    flat: dict[str, Any] = {}
    for section, value in dumped.items():
        flat |= _flat(section, value)
    return {key: value for key, value in flat.items() if part_of(key) is Part.POLICY}


def _flat(key: str, value: Any) -> dict[str, Any]:
    whole = key in _ITEMS or key in _BY_KEY
    if not isinstance(value, dict) or whole:
        return {key: value}
    return {k: v for name, inner in value.items() for k, v in _flat(f"{key}.{name}", inner).items()}


def _items(key: str, before: Any, after: Any, config: Config) -> Iterator[PolicyChange]:
    """Metrics or budgets: those that come or go as a whole, of the others each bound."""
    old, new = before or {}, after or {}
    for name in dict.fromkeys([*old, *new]):
        one, other = old.get(name), new.get(name)
        if one is None or other is None:
            effect: Effect = "tighter" if one is None else "looser"
            yield PolicyChange(f"{key}.{name}", _text(one), _text(other), effect)
            continue
        for bound in one:
            if one[bound] != other[bound]:
                yield from _value(f"{key}.{name}.{bound}", one[bound], other[bound], config)


def _slices(key: str, before: Any, after: Any, config: Config) -> Iterator[PolicyChange]:
    old, new = ([_slicing(group) for group in groups or ()] for groups in (before, after))
    judged = config.gate is not None and bool(config.gate.slice_metrics)
    for group in dict.fromkeys([*old, *new]):
        if (group in old) != (group in new):
            effect: Effect = "tighter" if group in new else "looser"
            gone, come = (group, None) if group in old else (None, group)
            yield PolicyChange(key, gone, come, effect if judged else "other")


def _slicing(group: list[dict[str, Any]]) -> str:
    """`carrier`, `carrier, origin`, `age [18, 65]`."""
    parts = []
    for column in group:
        cuts = ", ".join(f"{cut:g}" for cut in column["cuts"])
        parts.append(f"{column['column']} [{cuts}]" if cuts else column["column"])
    return ", ".join(parts)


def _confidence(key: str, before: Any, after: Any, config: Config) -> Iterator[PolicyChange]:
    """Less confidence takes less evidence both to pass and to fail.

    What blocks while it is inconclusive passes sooner, and what does not block fails sooner.
    """
    one, other = _text(before), _text(after)
    gate = config.gate
    assert gate is not None  # noqa: S101 - its key differs
    blocks = [gate.on_inconclusive == "fail"]
    if gate.slice_metrics:
        blocks.append(gate.on_inconclusive_slice == "fail")
    lowered = after < before
    effect: Effect
    if all(blocks):
        effect, note = "looser" if lowered else "tighter", None
    elif not any(blocks):
        effect, note = "tighter" if lowered else "looser", "what is inconclusive does not block"
    else:
        # Both at once. What lets a change through that was blocked is what must not be missed.
        effect = "looser"
        note = (
            "what must not be inconclusive passes on less evidence; the rest fails on less, too"
            if lowered
            else "what may be inconclusive fails only on more evidence; the rest passes on more"
        )
    yield PolicyChange(key, one, other, effect, note)


def _label(key: str, before: Any, after: Any, _: Config) -> Iterator[PolicyChange]:
    effect: Effect = "other"
    if "off" in (before, after):
        effect = "looser" if before == "off" else "tighter"
    yield PolicyChange(key, _text(before), _text(after), effect)


def _value(key: str, before: Any, after: Any, _: Config) -> Iterator[PolicyChange]:
    yield PolicyChange(key, _text(before), _text(after), _effect(key, before, after))


def _effect(key: str, before: Any, after: Any) -> Effect:
    if key in _RANKS:
        return _moved("tighter", _RANKS[key][before], _RANKS[key][after])
    grows = _WHEN_IT_GROWS.get(key.rpartition(".")[2])
    if grows is None or not key.startswith(("gate.", "evaluation.max-")):
        return "other"
    if before is None or after is None:
        return "tighter" if before is None else "looser"
    shares = [isinstance(value, str) for value in (before, after)]
    old, new = (float(str(value).strip().removesuffix("%")) for value in (before, after))
    # Of a share and a number either may be more, save where one is nothing.
    return _moved(grows, old, new) if shares[0] == shares[1] or 0 in (old, new) else "other"


def _moved(when_it_grows: Effect, before: float, after: float) -> Effect:
    if before == after:
        return "other"
    return when_it_grows if after > before else _OPPOSITE[when_it_grows]


def _text(value: Any) -> str | None:
    """A value as the config has it."""
    if value is None:
        return None
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_text(item)}" for key, item in value.items() if item is not None)
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


_Compare = Callable[[str, Any, Any, Config], Iterator[PolicyChange]]
_BY_KEY: Mapping[str, _Compare] = {
    **dict.fromkeys(_ITEMS, _items),
    "evaluation.slices": _slices,
    "gate.confidence": _confidence,
    "override-label": _label,
}
