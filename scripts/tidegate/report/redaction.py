"""Redacted columns show no value: the last line before a report becomes text.

What writes a report leaves their values out already. Here it is done once more, for every part
that could hold one, and by what may stay rather than by what must go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

Report = Mapping[str, Any]
WITHHELD = "what was found is not shown: the column is redacted"

# What drift may still say of a redacted column; numbers may all stay.
_PLAIN_WORDS = {"column", "kind", "verdict", "measure", "test"}


def censored(data: Report) -> dict[str, Any]:
    """check-data's report without any value of a redacted column."""
    return {**data, "datasets": [_dataset(dataset) for dataset in data["datasets"]]}


def redacted_columns(dataset: Report) -> set[str]:
    """Those that the config names, and those that a check says it is of."""
    marked = [*dataset["checks"], *dataset["drift"]]
    names = {found["column"] for found in marked if found["redacted"]}
    return {*dataset["redacted_columns"], *names} - {None}


def _dataset(dataset: Report) -> Report:
    hidden = redacted_columns(dataset)
    if not hidden and not any(check["redacted"] for check in dataset["checks"]):
        return dataset
    return {
        **dataset,
        "checks": [_check(check, hidden) for check in dataset["checks"]],
        "drift": [_drift(found, hidden) for found in dataset["drift"]],
        "contract": [_change(change, hidden) for change in dataset["contract"]],
        "profile": [found for found in dataset["profile"] if found["column"] not in hidden],
    }


def _check(check: Report, hidden: set[str]) -> Report:
    redacted = check["redacted"] or check["column"] in hidden
    return {
        **check,
        "redacted": redacted,
        "detail": WITHHELD if redacted and check["detail"] else check["detail"],
        "examples": [_example(example, hidden, redacted) for example in check["examples"]],
    }


def _example(example: Report, hidden: set[str], redacted: bool) -> Report:
    value, key = example["value"], example["key"]
    # A row's values are written `column=value, column=value`.
    named = value is not None and any(f"{column}=" in value for column in hidden)
    return {
        **example,
        "file": _partition(example["file"], hidden),
        "value": None if redacted or named else value,
        "key": {name: text for name, text in (key or {}).items() if name not in hidden} or None,
    }


def _drift(found: Report, hidden: set[str]) -> Report:
    if found["column"] not in hidden:
        return found
    kept = {
        name: value
        for name, value in found.items()
        if name in _PLAIN_WORDS or value is None or isinstance(value, bool | int | float)
    }
    return {**dict.fromkeys(found), **kept, "detail": WITHHELD}


def _change(change: Report, hidden: set[str]) -> Report:
    if change["kind"] == "data":
        return {**change, "file": _partition(change["file"], hidden)}
    if change["column"] not in hidden:
        return change
    return {**change, "before": None, "after": None, "note": WITHHELD}


def _partition(file: str, hidden: Iterable[str]) -> str:
    """A file's path without the values that hive partitions, `column=value`, have in it."""

    def shown(folder: str) -> str:
        name = unquote(folder)
        return next((f"{column}=…" for column in hidden if name.startswith(f"{column}=")), folder)

    return "/".join(map(shown, file.split("/")))
