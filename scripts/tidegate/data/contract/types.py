"""Types of columns: described, and compared for what they hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tidegate.data.contract.differences import Difference, switch
from tidegate.data.contract.findings import Effect
from tidegate.data.contract.values import encode

Type = Mapping[str, Any]

_NUMBER = re.compile(r"(u?)(int|float)(\d+)")
_KINDS = {
    "str": "text",
    "string": "text",
    "large_string": "text",
    "utf8": "text",
    "bool": "boolean",
    "boolean": "boolean",
    "datetime64": "timestamp",
    "datetime": "timestamp",
    "timestamp": "timestamp",
    "timedelta64": "duration",
    "timedelta": "duration",
    "category": "category",
    "categorical": "category",
    "enum": "category",
    "decimal128": "decimal",
}


def describe_type(dtype: Any) -> dict[str, Any] | None:
    """name: pandera's own; kind: what its values are, whatever backend and width."""
    if dtype is None:
        return None
    name = str(dtype)
    head = re.split(r"[\[(]", name.lower())[0]
    if getattr(dtype, "categories", None) is not None and "categories" not in name:
        name += f"(categories={encode(dtype.categories)}, ordered={bool(dtype.ordered)})"
    number = _NUMBER.match(head)
    if number is None:
        return {"name": name, "kind": _KINDS.get(head, head), "bits": None, "signed": None}
    unsigned, kind, bits = number.groups()
    return {"name": name, "kind": kind, "bits": int(bits), "signed": not unsigned}


def neutral(description: Mapping[str, Any]) -> dict[str, Any]:
    """A schema's description with types in words that pandas and Polars have in common."""

    def renamed(part: Mapping[str, Any]) -> dict[str, Any]:
        return {**part, "dtype": _neutral(part["dtype"])}

    columns = {name: renamed(column) for name, column in description["columns"].items()}
    index = [renamed(level) for level in description["index"]]
    return {**renamed(description), "columns": columns, "index": index}


def _neutral(dtype: Type | None) -> Type | None:
    if dtype is None or "categories" in dtype["name"]:
        return dtype
    if dtype["bits"] is not None:
        return {**dtype, "name": f"{'' if dtype['signed'] else 'u'}{dtype['kind']}{dtype['bits']}"}
    return {**dtype, "name": dtype["kind"]}


def compare_types(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    """The type of a column, and whether it is coerced: else pandera wants this very type."""
    before, after = old["dtype"], new["dtype"]
    if before == after:
        # Without a type there is nothing to coerce to, and pandera's Polars backend fails.
        yield from switch("coerce", old, new, on="changed" if before is None else "looser")
        return
    effect, what = _effect(before, after, old["coerce"], new["coerce"])
    names = (None if dtype is None else dtype["name"] for dtype in (before, after))
    # Some types list the values that a column may have.
    listing = any("categories" in dtype["name"] for dtype in (before, after) if dtype is not None)
    yield Difference(what, next(names), next(names), effect, listing)
    if before is not None and after is not None:
        yield from switch("coerce", old, new, on="changed")


def _effect(
    before: Type | None, after: Type | None, coerced: bool, coerces: bool
) -> tuple[Effect, str]:
    """(effect, what to call it)"""
    if before is None or after is None:
        if coerced or coerces:
            return "changed", "type"
        return ("tighter" if before is None else "looser"), "type"
    wider, narrower = _holds(after, before), _holds(before, after)
    what = "type widened" if wider else "type narrowed" if narrower else "type"
    if not coerced and not coerces:
        return "breaking", what
    if before["kind"] == "int" and wider and coerces:
        return "looser", what
    if before["kind"] == "int" and narrower and coerced:
        return "tighter", what
    return ("changed" if before["kind"] == after["kind"] else "breaking"), what


def _holds(wide: Type, narrow: Type) -> bool:
    """Whether one type has every number of another of its kind, and more."""
    if wide["bits"] is None or wide["kind"] != narrow["kind"]:
        return False
    if wide["signed"] == narrow["signed"]:
        return bool(wide["bits"] > narrow["bits"])
    return bool(wide["signed"] and wide["bits"] > narrow["bits"])
