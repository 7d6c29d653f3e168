"""Redacted columns show no value: the last line before a report becomes text.

What writes a report leaves their values out already. Here it is done once more, for every part
that could hold one, and by what may stay rather than by what must go.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

Report = Mapping[str, Any]
WITHHELD = "what was found is not shown: the column is redacted"

# What a finding about a redacted column may still say.
_KEPT = {
    "drift": {"column", "kind"},
    "contract": {"column", "kind"},
    "profile": {"column", "kind"},
}


def censored(data: Report) -> dict[str, Any]:
    """check-data's report without any value of a redacted column."""
    return {**data, "datasets": [_dataset(dataset) for dataset in data["datasets"]]}


def redacted_columns(dataset: Report) -> set[str]:
    """Those that the config names, and those that a check says it is of."""
    marked = {check["column"] for check in dataset["checks"] if check["redacted"]}
    return {*dataset["redacted_columns"], *marked} - {None}


def _dataset(dataset: Report) -> Report:
    hidden = redacted_columns(dataset)
    if not hidden and not any(check["redacted"] for check in dataset["checks"]):
        return dataset
    return {
        **dataset,
        "checks": [_check(check, hidden) for check in dataset["checks"]],
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


def _partition(file: str, hidden: Iterable[str]) -> str:
    """A hive partition's folder, `column=value`, without the value."""
    for column in hidden:
        file = re.sub(rf"(?:^|(?<=/)){re.escape(column)}=[^/]*", f"{column}=…", file)
    return file
