"""The table that every benchmark prints: a figure, what was asked, what was seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """met: whether what was seen is within what was asked."""

    figure: str
    target: str
    seen: str
    met: bool


def show(lines: Iterable[Line]) -> bool:
    """Print each line as soon as it is there; whether all targets are met."""
    print("| | figure | target | seen |\n| --- | --- | --- | --- |", flush=True)
    met = True
    for line in lines:
        mark = "✓" if line.met else "✗"
        print(f"| {mark} | {line.figure} | {line.target} | {line.seen} |", flush=True)
        met = met and line.met
    return met
