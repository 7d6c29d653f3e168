"""A gate record recomputed: whether its verdict still follows from what it names."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidegate.config import Config
from tidegate.context import Context
from tidegate.errors import DataError
from tidegate.gate import record as records
from tidegate.gate.gate import gate_model
from tidegate.registry import Registry
from tidegate.verdict import Verdict

# When and by which version of tidegate a record was made does not bear on its verdict.
_INCIDENTAL = frozenset({"created_at", "tool_version", "digest", "schema_version"})


@dataclass(frozen=True)
class Difference:
    """A part of the record that came out otherwise."""

    field: str
    recorded: Any
    found: Any


@dataclass(frozen=True)
class VerificationReport:
    """Whether a record still holds, and where it does not."""

    service: str
    record: Mapping[str, Any]
    differences: tuple[Difference, ...]

    @property
    def verdict(self) -> Verdict:
        return Verdict.FAIL if self.differences else Verdict.PASS

    @property
    def blocked(self) -> bool:
        return bool(self.differences)

    def to_dict(self) -> dict[str, Any]:
        return {
            "service": self.service,
            "record": dict(self.record),
            "differences": [vars(difference) for difference in self.differences],
        }


def verify_record(
    config: Config,
    context: Context,
    path: Path,
    *,
    candidate: str | None = None,
    baseline: str | None = None,
    measurements: str | None = None,
    open_registry: Callable[[], Registry],
) -> VerificationReport:
    """Judge anew what the record at `path` (or the report that holds it) was made of.

    baseline: needed where the record was made against a file. Raises DataError for a file that is
    no record.
    """
    record = _read(path)
    if not records.is_intact(record):
        edited = Difference("digest", record.get("digest"), "another: the record was edited")
        return VerificationReport(config.service, record, (edited,))
    judged = gate_model(
        config,
        context,
        candidate=candidate,
        baseline=baseline or _baseline(config, record, path),
        measurements=measurements,
        allow_same_version=True,
        open_registry=open_registry,
    )
    recorded, found = _flat(record), _flat(judged.record)
    if record.get("override"):
        # A person's word, and that it blocks no more: neither can be reckoned anew.
        recorded = {name: recorded[name] for name in recorded if not name.startswith("override.")}
        recorded["blocked"] = found["blocked"]
    differences = [
        Difference(name, recorded.get(name), found.get(name))
        for name in [*recorded, *(name for name in found if name not in recorded)]
        if recorded.get(name) != found.get(name)
    ]
    return VerificationReport(config.service, record, tuple(differences))


def _read(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        record = content.get("record", content)
        found = dict(record) if record["digest"] and record["evaluation_digest"] else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        found = None
    if found is None:
        raise DataError(
            "this is no gate record",
            where=str(path),
            remedy="name a gate-model.json that `tidegate gate-model` wrote, or the record in it",
        )
    return found


def _baseline(config: Config, record: Mapping[str, Any], path: Path) -> str:
    """What the record was made against, as --baseline would name it."""
    baseline = record["baseline"]
    if baseline is None:
        return "none"
    if baseline["version"] is None:
        raise DataError(
            "the record was made against a file, and does not hold it",
            where=str(path),
            remedy="pass that table with --baseline TABLE",
        )
    return f"models:/{config.model}/{baseline['version']}"


def _flat(record: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted names of the parts that bear on the verdict."""
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if not prefix and name in _INCIDENTAL:
            continue
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat
