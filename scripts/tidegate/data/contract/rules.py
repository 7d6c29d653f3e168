"""The checks of a column, or of the whole schema, before and after.

What is compared is what they ask together: the highest of several lower bounds counts, and the
values that every isin allows. A check that is none of these is compared by its name and code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidegate.data.contract.differences import Difference
from tidegate.data.contract.findings import Effect
from tidegate.data.contract.values import listed, ordered, same, shown

Check = Mapping[str, Any]


def compare_checks(before: Sequence[Check], after: Sequence[Check]) -> Iterator[Difference]:
    for warns in (False, True):
        old, new = (_Asked.of(checks, warns) for checks in (before, after))
        suffix = " (warning only)" if warns else ""
        for what, low in (("lower bound", True), ("upper bound", False)):
            yield from _bound(what + suffix, old.bounds(low), new.bounds(low), _words, low)
        for what, low in (("shortest text", True), ("longest text", False)):
            yield from _bound(what + suffix, old.lengths(low), new.lengths(low), _length, low)
        yield from _allowed("allowed values" + suffix, old.allowed(), new.allowed())
        yield from _forbidden("forbidden values" + suffix, old.forbidden(), new.forbidden())
    rest = [[check for check in checks if not _is_plain(check)] for checks in (before, after)]
    yield from _others(*rest)


# A bound: (what orders it, whether it is excluded, the value).
Bound = tuple[tuple[str, Any], bool, Any]


@dataclass(frozen=True)
class _Asked:
    """What the plain checks of one kind, those that block or those that warn, ask together."""

    checks: Sequence[Check]

    @classmethod
    def of(cls, checks: Sequence[Check], warns: bool) -> _Asked:
        return cls([check for check in checks if check["warns"] is warns and _is_plain(check)])

    def bounds(self, low: bool) -> Bound | None:
        names = ("greater_than", "min") if low else ("less_than", "max")
        found = []
        for name, told in self._named(names[0], f"{names[0]}_or_equal_to", "in_range"):
            excluded = name == names[0]
            if name == "in_range":
                excluded = not told.get(f"include_{names[1]}", True)
            found.append(_bound_of(told[f"{names[1]}_value"], excluded))
        return _strictest(found, low)

    def lengths(self, low: bool) -> Bound | None:
        key = "min_value" if low else "max_value"
        found = []
        for _, told in self._named("str_length"):
            exact = told.get("exact_value")
            value = told.get(key) if exact is None else exact
            if value is not None:
                found.append(_bound_of(value, False))
        return _strictest(found, low)

    def allowed(self) -> dict[Any, Any] | None:
        """The values that may be, by what makes them equal; None for any."""
        sets = [
            {same(value): value for value in told.get("allowed_values", [told.get("value")])}
            for _, told in self._named("isin", "equal_to")
        ]
        if not sets:
            return None
        return {key: sets[0][key] for key in sets[0] if all(key in other for other in sets)}

    def forbidden(self) -> dict[Any, Any]:
        return {
            same(value): value
            for _, told in self._named("notin", "not_equal_to")
            for value in told.get("forbidden_values", [told.get("value")])
        }

    def _named(self, *names: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for check in self.checks:
            if check["name"] in names:
                yield check["name"], check["statistics"]


_RANGES = ("greater_than", "greater_than_or_equal_to", "less_than", "less_than_or_equal_to",
           "in_range")  # fmt: skip
_SETS = ("isin", "equal_to", "notin", "not_equal_to")


def _is_plain(check: Check) -> bool:
    """Whether a check asks for a range, a length or a set of values, without any option."""
    if not check["built_in"] or check["options"]:
        return False
    told = check["statistics"]
    if check["name"] in _RANGES:
        bounds = [told[key] for key in ("min_value", "max_value") if key in told]
        return all(ordered(bound) is not None for bound in bounds)
    return check["name"] in (*_SETS, "str_length")


def _bound_of(value: Any, excluded: bool) -> Bound:
    order = ordered(value)
    assert order is not None  # noqa: S101 - _is_plain has seen to it
    return order, excluded, value


def _strictest(bounds: Sequence[Bound], low: bool) -> Bound | None:
    # Bounds of several families, such as 0 and "a", hold for no value: any order will do.
    return max(bounds, key=lambda bound: _rank(bound, low), default=None)


def _rank(bound: Bound, low: bool) -> Any:
    (family, order), excluded, _ = bound
    return family, _Descending(order) if not low else order, excluded


class _Descending:
    """What is smaller is more: a lower upper bound is the stricter one."""

    def __init__(self, value: Any):
        self.value = value

    def __lt__(self, other: _Descending) -> bool:
        return bool(other.value < self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and other.value == self.value

    def __hash__(self) -> int:
        return hash(self.value)


def _bound(
    what: str,
    before: Bound | None,
    after: Bound | None,
    words: Callable[[Bound, bool], str],
    low: bool,
) -> Iterator[Difference]:
    old, new = (None if bound is None else words(bound, low) for bound in (before, after))
    if before is None or after is None:
        if before is not after:
            yield Difference(what, old, new, "looser" if after is None else "tighter", True)
    elif before[0][0] != after[0][0]:
        yield Difference(what, old, new, "changed", True)
    elif _rank(before, low) != _rank(after, low):
        tighter = _rank(before, low) < _rank(after, low)
        yield Difference(what, old, new, "tighter" if tighter else "looser", True)


def _words(bound: Bound, low: bool) -> str:
    _, excluded, value = bound
    words = ("more than" if excluded else "at least") if low else (
        "less than" if excluded else "at most")  # fmt: skip
    return f"{words} {shown(value)}"


def _length(bound: Bound, low: bool) -> str:
    return f"at {'least' if low else 'most'} {shown(bound[2])} characters"


def _allowed(
    what: str, before: dict[Any, Any] | None, after: dict[Any, Any] | None
) -> Iterator[Difference]:
    if before is None or after is None:
        if before is not after:
            old, new = (None if values is None else listed(values.values())
                        for values in (before, after))  # fmt: skip
            yield Difference(what, old, new, "looser" if after is None else "tighter", True)
        return
    added, removed = _apart(before, after)
    if added:
        yield Difference(f"{what}: more", None, listed(added), "looser", True)
    if removed:
        yield Difference(f"{what}: fewer", listed(removed), None, "tighter", True)


def _forbidden(what: str, before: dict[Any, Any], after: dict[Any, Any]) -> Iterator[Difference]:
    added, removed = _apart(before, after)
    if added:
        yield Difference(f"{what}: more", None, listed(added), "tighter", True)
    if removed:
        yield Difference(f"{what}: fewer", listed(removed), None, "looser", True)


def _apart(before: dict[Any, Any], after: dict[Any, Any]) -> tuple[list[Any], list[Any]]:
    """(values that are new, values that are gone)"""
    added = [value for key, value in after.items() if key not in before]
    return added, [value for key, value in before.items() if key not in after]


def _others(before: Sequence[Check], after: Sequence[Check]) -> Iterator[Difference]:
    """Checks that are known by their names alone: gone, new, or another under the same name."""
    old = [check for check in before if check not in after]
    new = [check for check in after if check not in before]
    # Of several equal ones, each counts.
    for check in {repr(check): check for check in before if check in after}.values():
        more = list(after).count(check) - list(before).count(check)
        old += [check] * -more
        new += [check] * more
    for check in old:
        partner = next((other for other in new if other["name"] == check["name"]), None)
        if partner is None:
            yield _difference(check, None, "looser")
        else:
            new.remove(partner)
            yield _difference(check, partner, _effect(check, partner))
    for check in new:
        yield _difference(None, check, "tighter")


def _difference(before: Check | None, after: Check | None, effect: Effect) -> Difference:
    checks = [check for check in (before, after) if check is not None]
    old, new = (None if check is None else _asked(check) for check in (before, after))
    if old == new:
        old, new = f"{old}, as it was", f"{new}, but other"
    has_values = any(check["statistics"] for check in checks)
    return Difference(f"check {checks[0]['name']}", old, new, effect, has_values)


def _asked(check: Check) -> str:
    told = ", ".join(shown(value) for value in check["statistics"].values() if value is not None)
    return (told or "there") + (" (warning only)" if check["warns"] else "")


def _effect(before: Check, after: Check) -> Effect:
    """Of a check whose name stays."""
    apart = {key for key in before if before[key] != after[key]}
    if apart == {"warns"}:
        return "looser" if after["warns"] else "tighter"
    if apart == {"statistics"} and before["name"] in ("str_startswith", "str_endswith"):
        old, new = (str(check["statistics"].get("string")) for check in (before, after))
        holds = str.startswith if before["name"] == "str_startswith" else str.endswith
        if holds(new, old):
            return "tighter"
        if holds(old, new):
            return "looser"
    return "changed"
