"""Which keys of the config are policy, and so the base branch's to say in a pull request."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Part(StrEnum):
    """What a key is to the verdict on a pull request.

    POLICY decides it, and is the base's. PLACE is where the service keeps what is judged: its own.
    LATER is not looked at before the merge.
    """

    POLICY = "policy"
    PLACE = "place"
    LATER = "later"


# A key that is not here is policy of the section that is, or it is nobody's: a test looks for the
# latter. Sections with places in them are spelt out, so that a new key has to be thought about.
KEYS: Mapping[str, Part] = {
    "version": Part.LATER,
    "service": Part.LATER,
    # The registered model names the champion that the candidate is held against.
    "model": Part.POLICY,
    "model-path": Part.PLACE,
    "task": Part.POLICY,
    "override-label": Part.POLICY,
    "data.*.path": Part.PLACE,
    "data.*.reference": Part.PLACE,
    "data.*.schema": Part.POLICY,
    "data.*.max-failing-rows": Part.POLICY,
    # A column that either side redacts is shown by neither: see bar.py.
    "data.*.redact": Part.POLICY,
    "data.*.key": Part.POLICY,
    "data.*.rows": Part.POLICY,
    "data.*.freshness": Part.POLICY,
    "data.*.foreign-keys": Part.POLICY,
    "data.*.categories": Part.POLICY,
    "data.*.drift": Part.POLICY,
    "evaluation.predictions": Part.PLACE,
    "evaluation.inputs": Part.PLACE,
    "evaluation.measurements": Part.PLACE,
    "evaluation.key": Part.POLICY,
    "evaluation.label": Part.POLICY,
    "evaluation.positive-label": Part.POLICY,
    "evaluation.score": Part.POLICY,
    "evaluation.scores": Part.POLICY,
    "evaluation.prediction": Part.POLICY,
    "evaluation.threshold": Part.POLICY,
    "evaluation.quantile": Part.POLICY,
    "evaluation.weight": Part.POLICY,
    "evaluation.cluster": Part.POLICY,
    "evaluation.slices": Part.POLICY,
    "evaluation.max-unpaired-rows": Part.POLICY,
    "gate": Part.POLICY,
    # Where the champion is looked up, with the credentials of the run.
    "registry": Part.POLICY,
    "image": Part.LATER,
    "serving": Part.LATER,
    "environments": Part.LATER,
    "watch": Part.LATER,
}


def part_of(key: str) -> Part | None:
    """What a key such as `gate.metrics.*.min` is; None for one that nobody thought about."""
    parts = key.split(".")
    while parts:
        if (part := KEYS.get(".".join(parts))) is not None:
            return part
        parts.pop()
    return None


def keys_of(part: Part, section: str) -> list[str]:
    """The keys right below a section (`evaluation`, `data.*`; "" is the top) that are `part`."""
    prefix = f"{section}." if section else ""
    return [
        key.removeprefix(prefix)
        for key, its in KEYS.items()
        if its is part and key.startswith(prefix) and "." not in key.removeprefix(prefix)
    ]
