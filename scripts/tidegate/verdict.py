"""The words a gate can say."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """`inconclusive`: the evidence cannot say. What could not be decided at all is an error."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


_SEVERITY = (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The most severe of several verdicts. An empty family is a mistake, not a pass."""
    return max(verdicts, key=_SEVERITY.index)
