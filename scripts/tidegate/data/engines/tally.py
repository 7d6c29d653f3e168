"""Rows counted by the compiled rules that they break: partial results, which merge."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from tidegate.data.engines.plan import BLOCKED, Plan, mask_name

MAX_EXAMPLES = 5


@dataclass
class Tally:
    """What the compiled rules of a plan found in rows that follow one another.

    failing: for each compiled rule its failing rows; first: the numbers of the first few of them.
    blocked: rows that break any rule that does not merely warn, each counted once.
    """

    failing: list[int]
    first: list[list[int]]
    rows: int = 0
    blocked: int = 0

    @classmethod
    def empty(cls, plan: Plan) -> Tally:
        size = len(plan.compiled)
        return cls([0] * size, [[] for _ in range(size)])

    def add(self, masks: pl.DataFrame) -> None:
        """Count the next rows. masks: what Plan.masks() made of them."""
        for at, first in enumerate(self.first):
            mask = masks[mask_name(at)]
            if failing := int(mask.sum()):
                self.failing[at] += failing
                if len(first) < MAX_EXAMPLES:
                    rows = mask.arg_true().head(MAX_EXAMPLES - len(first))
                    first.extend(self.rows + row for row in rows)
        self.blocked += int(masks[BLOCKED].sum())
        self.rows += masks.height

    def merge(self, later: Tally) -> None:
        """Add what was found in the rows that come right after these."""
        self.failing = [a + b for a, b in zip(self.failing, later.failing, strict=True)]
        for mine, theirs in zip(self.first, later.first, strict=True):
            mine.extend(self.rows + row for row in theirs[: MAX_EXAMPLES - len(mine)])
        self.blocked += later.blocked
        self.rows += later.rows
