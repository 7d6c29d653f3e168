"""What executors found in their stretches of rows: partial results, which merge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tidegate.data.engines.findings import Count
from tidegate.data.engines.passing import Values
from tidegate.data.engines.tally import MAX_EXAMPLES, Tally
from tidegate.data.rules import Rule
from tidegate.spark.rows import ExecutorError


@dataclass
class Seen:
    """What a plan's rules found in rows that follow one another.

    pieces: of the rules that pandera runs; repeats: of each key those rows that are known to be at
    fault without a look at other stretches. crashes: the checks that raise; where a compiled one
    does, nothing else is told. blocked: rows that break any rule, each counted once.
    """

    rows: int
    tally: Tally
    values: list[Values] = field(default_factory=list)
    pieces: dict[Rule, Count] = field(default_factory=dict)
    repeats: list[Count] = field(default_factory=list)
    crashes: Mapping[Rule, ExecutorError] = field(default_factory=dict)
    blocked: int = 0

    def merge(self, later: Seen) -> None:
        """Add what was found in the rows that come right after these."""
        self.tally.merge(later.tally)
        for values, more in zip(self.values, later.values, strict=True):
            values.seen |= more.seen
            values.strange |= more.strange
        for rule, count in later.pieces.items():
            _add(self.pieces[rule], count, self.rows)
        for count, more_repeats in zip(self.repeats, later.repeats, strict=True):
            _add(count, more_repeats, self.rows)
        self.blocked += later.blocked
        self.rows += later.rows


def with_others(count: Count, others: list[Count]) -> Count:
    """A count and those of other rows, in no order; each has its first rows by their numbers."""
    together = [count, *others]
    first = sorted(row for one in together for row in one.first)[:MAX_EXAMPLES]
    return Count(sum(one.failing for one in together), first)


def _add(count: Count, later: Count, start: int) -> None:
    count.failing += later.failing
    count.first.extend(start + row for row in later.first[: MAX_EXAMPLES - len(count.first)])
