"""A small chart of a column: the shares of its rows now, and in the reference.

Bars for now, a line for the reference: two shapes, so that nobody needs to tell colours apart. The
reference is drawn only where there is one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidegate.report.numbers import share

Profile = Mapping[str, Any]

WIDTH, HEIGHT = 240, 48
MAX_BINS = 60
_GAP = 1
_FEW = 6  # values that a column's list names
_OTHER = "(other)"  # what a profile calls the values that it does not name


@dataclass(frozen=True)
class Bin:
    """Rows of one label, as shares of each side's rows. reference: None where there is none."""

    label: str
    current: float
    reference: float | None

    @property
    def largest(self) -> float:
        return max(self.current, self.reference or 0.0)

    @property
    def difference(self) -> float:
        return 0.0 if self.reference is None else abs(self.current - self.reference)


@dataclass(frozen=True)
class Chart:
    """What is drawn, in a box of WIDTH by HEIGHT units, and what it shows in words.

    bars and line are paths of SVG; line is empty without a reference. ends: what stands below the
    left and the right end.
    """

    bars: str
    line: str
    ends: tuple[str, str]
    words: str


@dataclass(frozen=True)
class Value(Bin):
    """A value in a list, with the lengths of its bars, of 100."""

    width: float = 0.0
    reference_width: float = 0.0


def bins_of(profile: Profile) -> list[Bin]:
    now = _shares(profile["current"])
    reference = profile["reference"]
    before = [None] * len(now) if reference is None else _shares(reference)
    return list(map(Bin, map(str, profile["labels"]), now, before))


def values_of(profile: Profile) -> list[Value]:
    """The values that most rows of either side have, and all others as one."""
    bins = bins_of(profile)
    named = [one for one in bins if one.label != _OTHER]
    unnamed = [one for one in bins if one.label == _OTHER]
    named.sort(key=lambda one: -one.largest)
    kept = named if len(named) + len(unnamed) <= _FEW + 1 else named[:_FEW]
    if rest := [*named[len(kept) :], *unnamed]:
        before = [one.reference for one in rest if one.reference is not None]
        label = "all others" if unnamed else f"{len(rest)} others"
        current = sum(one.current for one in rest)
        kept = [*kept, Bin(label, current, sum(before) if before else None)]
    top = max((one.largest for one in kept), default=0.0)
    return [
        Value(
            one.label,
            one.current,
            one.reference,
            _length(one.current, top, 100),
            _length(one.reference or 0.0, top, 100),
        )
        for one in kept
    ]


def chart(profile: Profile) -> Chart | None:
    """None where there is nothing to draw: no rows, or more bins than a small chart can show."""
    bins = bins_of(profile)
    top = max((one.largest for one in bins), default=0.0)
    if not top or len(bins) > MAX_BINS:
        return None
    edges = [round(WIDTH * number / len(bins)) for number in range(len(bins) + 1)]
    bars: list[str] = []
    line: list[str] = []
    for one, left, right in zip(bins, edges, edges[1:], strict=False):
        if one.current:
            height = round(_length(one.current, top, HEIGHT - 2))
            bars.append(f"M{left} {HEIGHT}v-{height}h{right - left - _GAP}v{height}z")
        if one.reference is not None:
            height = round(_length(one.reference, top, HEIGHT - 2))
            line.append(f"{'L' if line else 'M'}{left} {HEIGHT - height}H{right}")
    ends = (bins[0].label, bins[-1].label)
    return Chart("".join(bars), "".join(line), ends, in_words(bins))


def in_words(bins: Sequence[Bin]) -> str:
    most = max(bins, key=lambda one: one.current)
    told = f"Most rows: {most.label}, {share(most.current)}."
    moved = max(bins, key=lambda one: one.difference)
    if moved.reference is None:
        return told
    if not moved.difference:
        return f"As in the reference. {told}"
    before, now = share(moved.reference), share(moved.current)
    return f"Moved most: {moved.label}, {before} in the reference, {now} now."


def _shares(counts: Sequence[int]) -> list[float]:
    total = sum(counts)
    return [count / total if total else 0.0 for count in counts]


def _length(part: float, top: float, full: float) -> float:
    """At least one unit: what is there is seen."""
    return max(1.0, round(part / top * full, 1)) if part else 0.0
