"""What the rules of a schema found in a part of a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from tidegate.data.engines.tally import MAX_EXAMPLES
from tidegate.data.frames import Mask
from tidegate.data.rules import Rule


@dataclass(frozen=True)
class Found:
    """What a rule found.

    failing: how many rows, None where it could not be judged; first: the first few of them.
    whole: what is wrong with the column or the table as a whole. columns: those that a rule over
    several looks at, where that is known. why: why pandera ran it, None if it did not. crash: what
    the check raised.
    """

    rule: Rule
    failing: int | None
    first: tuple[int, ...] = ()
    whole: str | None = None
    columns: tuple[str, ...] = ()
    engine: Literal["polars", "pandera", "spark"] = "polars"
    why: str | None = None
    crash: Exception | None = None

    @property
    def blocks(self) -> bool:
        return bool(self.failing) and not self.rule.warns_only


@dataclass(frozen=True)
class Held:
    """A part's findings, in the schema's order.

    blocked: its rows that break any rule that does not merely warn, each counted once.
    """

    found: tuple[Found, ...]
    blocked: int


class RefusedError(Exception):
    """Rules that are not compiled, where nothing else is wanted: (rule, why).

    The rule is None where it is the whole schema.
    """

    def __init__(self, rules: Sequence[tuple[Rule | None, str]]):
        super().__init__(f"not compiled: {len(rules)}")
        self.rules = rules


@dataclass
class Count:
    """Failing rows, and the first few of them."""

    failing: int = 0
    first: list[int] = field(default_factory=list)

    def add(self, mask: Mask, start: int = 0) -> None:
        """Count the rows that follow. start: the number of the mask's first row."""
        if failing := int(np.count_nonzero(mask)):
            self.failing += failing
            rows = np.flatnonzero(mask)[: MAX_EXAMPLES - len(self.first)]
            self.first.extend((start + rows).tolist())
