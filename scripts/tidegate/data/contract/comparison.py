"""Two descriptions of a schema, before and after: what changed, and what it means for the data.

looser: whatever data kept to the contract still does. tighter: whatever data keeps to it now did
before. breaking: a column is not what it was, so that files or the code that reads them must
change, whatever the values are. changed: which of these it is depends on the data. The effects hold
for each change by itself; docs/data-contract.md has the table.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tidegate.data.contract.differences import Difference, flag, opposite, switch
from tidegate.data.contract.findings import Effect, SchemaChange
from tidegate.data.contract.rules import compare_checks
from tidegate.data.contract.types import compare_types, neutral
from tidegate.data.contract.values import shown

Description = Mapping[str, Any]

_SIMILAR = 0.6


def compare(
    before: Description, after: Description, redact: Sequence[str] = ()
) -> list[SchemaChange]:
    """What changed between two `describe`d schemas. Values of redacted columns are left out."""
    changes: list[SchemaChange] = []
    for column, difference in _differences(before, after):
        # A rule of the whole schema may have values of any column.
        hidden = bool(redact) if column is None else column in redact
        change = SchemaChange(
            column, difference.what, difference.before, difference.after, difference.effect
        )
        if hidden and difference.has_values:
            change = SchemaChange(
                column, difference.what, None, None, difference.effect, "values are redacted"
            )
        changes.append(change)
    return changes


def _differences(
    before: Description, after: Description
) -> Iterator[tuple[str | None, Difference]]:
    if before["backend"] != after["backend"]:
        yield None, Difference("backend", before["backend"], after["backend"], "changed")
        before, after = neutral(before), neutral(after)
    for difference in _structure(before, after):
        yield None, difference
    yield from _columns(before, after)
    yield from _index(before, after)
    for difference in (
        *compare_checks(before["checks"], after["checks"]),
        *compare_types(before, after),
        *_joint_keys(before["unique"], after["unique"]),
        *_options(before, after),
    ):
        yield None, difference


def _structure(before: Description, after: Description) -> Iterator[Difference]:
    old, new = before["strict"], after["strict"]
    if old != new:
        effect: Effect = "tighter" if new is True else "looser" if old is True else "changed"
        yield Difference("strict", flag(old), flag(new), effect)
    yield from switch("ordered", before, after, on="tighter")
    if before["ordered"] and after["ordered"]:
        orders = [[name for name in these["columns"] if name in those["columns"]]
                  for these, those in ((before, after), (after, before))]  # fmt: skip
        if orders[0] != orders[1]:
            moved = _moved(*orders)
            yield Difference("order of columns", moved[0], moved[1], "breaking")


def _moved(before: Sequence[str], after: Sequence[str]) -> tuple[str, str]:
    """The two orders from the first column that differs on, cut short."""
    start = next(at for at, name in enumerate(before) if after[at] != name)
    return tuple(", ".join(order[start : start + 5]) for order in (before, after))  # type: ignore[return-value]


def _columns(before: Description, after: Description) -> Iterator[tuple[str | None, Difference]]:
    old, new = before["columns"], after["columns"]
    gone = {name: column for name, column in old.items() if name not in new}
    added = {name: column for name, column in new.items() if name not in old}
    for name, successor in _renamed(gone, added):
        yield name, Difference("column renamed, as it seems", name, successor, "breaking")
        for difference in _column(gone.pop(name), added.pop(successor), before, after):
            yield successor, difference
    for name, column in gone.items():
        effect = opposite(_arrival(name, column, before=after, after=before))
        yield name, Difference("column removed", _kind_of(column), None, effect)
    for name, column in added.items():
        effect = _arrival(name, column, before, after)
        yield name, Difference("column added", None, _kind_of(column), effect)
    for name in old:
        if name in new:
            for difference in _column(old[name], new[name], before, after):
                yield name, difference


def _arrival(name: str, column: Description, before: Description, after: Description) -> Effect:
    """What a new column means. Its leaving is the same the other way round."""
    if column["required"]:
        # Files without it are refused; code that reads it cannot do without it.
        return "changed" if after["options"]["add_missing_columns"] else "breaking"
    patterns = [other for side in (before, after) for other, declared in side["columns"].items()
                if declared["regex"] and other != name]  # fmt: skip
    if column["regex"] or any(_matches(pattern, name) for pattern in patterns):
        return "changed"  # which of several declarations holds for a column now is another one
    return "looser" if before["strict"] is True else "tighter"


def _kind_of(column: Description) -> str:
    dtype = "any type" if column["dtype"] is None else column["dtype"]["name"].partition("(")[0]
    return dtype if column["required"] else f"{dtype}, optional"


def _matches(pattern: str, name: str) -> bool:
    try:
        return re.match(pattern, name) is not None
    except re.error:
        return True


def _renamed(gone: Description, added: Description) -> list[tuple[str, str]]:
    """Columns that seem to have another name now: (old, new).

    Their rules are the same and no other column's are, or their names are alike and their types
    are the same.
    """
    pairs: list[tuple[float, str, str]] = []
    for old, column in gone.items():
        for new, successor in added.items():
            first, second = sorted((old, new))
            alike = difflib.SequenceMatcher(None, first, second).ratio()
            bare = [{**side, "name": None} for side in (column, successor)]
            alone = len(gone) == len(added) == 1
            if (alone and bare[0] == bare[1]) or (
                alike >= _SIMILAR and column["dtype"] == successor["dtype"]
            ):
                pairs.append((alike, old, new))
    found: list[tuple[str, str]] = []
    for _, old, new in sorted(pairs, key=lambda pair: (-pair[0], sorted(pair[1:]))):
        if all(old != taken and new != other for taken, other in found):
            found.append((old, new))
    return found


def _column(
    old: Description, new: Description, before: Description, after: Description
) -> Iterator[Difference]:
    yield from compare_types(old, new)
    yield from switch("nullable", old, new, on="looser")
    yield from switch("unique", old, new, on="tighter")
    if "required" in old:
        filled = any(side["options"]["add_missing_columns"] for side in (before, after))
        yield from switch("required", old, new, on="changed" if filled else "tighter")
        yield from switch("regex", old, new, on="changed")
    yield from compare_checks(old["checks"], new["checks"])
    yield from _options(old, new)


def _index(before: Description, after: Description) -> Iterator[tuple[str | None, Difference]]:
    old, new = before["index"], after["index"]
    if len(old) != len(new):
        effect: Effect = "tighter" if not old else "looser" if not new else "breaking"
        yield None, Difference("index", _names(old), _names(new), effect)
        return
    for one, other in zip(old, new, strict=True):
        if one["name"] != other["name"]:
            yield None, Difference("name of the index", one["name"], other["name"], "changed")
        for difference in _column(one, other, before, after):
            yield other["name"] or "index", difference
    if before["index_options"] != after["index_options"]:
        yield None, Difference("index", _names(old), _names(new), "changed")


def _names(index: Sequence[Description]) -> str | None:
    return ", ".join(part["name"] or "without a name" for part in index) or None


def _joint_keys(before: Sequence[list[str]], after: Sequence[list[str]]) -> Iterator[Difference]:
    """Columns that are unique together. Fewer columns of them ask for more."""
    old = {frozenset(key) for key in before} - {frozenset(key) for key in after}
    new = {frozenset(key) for key in after} - {frozenset(key) for key in before}
    what = "unique together"
    if len(old) == len(new) == 1:
        (one,), (other,) = old, new
        if one < other or other < one:
            yield Difference(what, _joined(one), _joined(other),
                             "looser" if one < other else "tighter")  # fmt: skip
            return
    for key in sorted(old, key=sorted):
        yield Difference(what, _joined(key), None, "looser")
    for key in sorted(new, key=sorted):
        yield Difference(what, None, _joined(key), "tighter")


def _joined(key: frozenset[str]) -> str:
    return ", ".join(sorted(key))


def _options(before: Description, after: Description) -> Iterator[Difference]:
    """What changes the meaning of data rather than which data is right."""
    for name in before["options"]:
        old, new = before["options"][name], after["options"].get(name)
        if old == new:
            continue
        if name == "unique_column_names":
            yield Difference(name, flag(old), flag(new), "tighter" if new else "looser")
        else:
            yield Difference(name, _option(old), _option(new), "changed", name == "default")
    if before["parsers"] != after["parsers"]:
        old, new = (", ".join(parser["name"] for parser in side["parsers"]) or None
                    for side in (before, after))  # fmt: skip
        yield Difference("parsers", old, new, "changed")


def _option(value: Any) -> str | None:
    if isinstance(value, bool):
        return flag(value)
    return None if value is None else shown(value)
