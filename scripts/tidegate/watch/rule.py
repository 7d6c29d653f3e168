"""When fails become an incident, and when it is over: a rule over the runs so far.

One look a day for a year is 365 chances of a false alarm. So an incident takes several failing
runs (`watch.fails` of the newest `watch.runs`), and ends after several passing ones in a row
(`watch.passes`). docs/watch.md has the figures.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

# Runs that follow one another so closely saw the same: the newest of them counts.
APART = timedelta(minutes=30)

State = Literal["passing", "suspected", "failing", "recovering", "unsure", "undecided"]


@dataclass(frozen=True)
class Rule:
    """fails, of the newest `runs`, begin an incident; `passes` in a row end it."""

    fails: int
    runs: int
    passes: int


@dataclass(frozen=True)
class Run:
    """One watch, as the history keeps it. parts: verdict by part, None for undecided."""

    at: str
    parts: Mapping[str, str | None]
    release: str | None = None
    run_url: str | None = None
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Standing:
    """A part over the runs so far. since: the first fail of this trouble; last_pass: before it.

    passes: passing runs in a row, up to now.
    """

    state: State
    since: str | None
    last_pass: str | None
    passes: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Incident:
    """begun: when it was confirmed; since: the first fail; parts: all that had a share in it.

    failing: those that have it still. ended: None while it goes on.
    """

    begun: str
    since: str
    parts: tuple[str, ...]
    failing: tuple[str, ...]
    ended: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "parts": list(self.parts), "failing": list(self.failing)}


def looks(runs: Iterable[Run]) -> list[Run]:
    """The runs that count, oldest first, each with the time of the first that it stands for."""
    counted: list[Run] = []
    first: datetime | None = None
    for run in sorted(runs, key=lambda run: datetime.fromisoformat(run.at)):
        at = datetime.fromisoformat(run.at)
        if first is not None and at - first < APART:
            counted[-1] = replace(run, at=counted[-1].at)
        else:
            counted.append(run)
            first = at
    return counted


def standings(runs: Sequence[Run], rule: Rule) -> dict[str, Standing]:
    """How each part of the newest run stands. runs: looks, oldest first, the newest the present."""
    failing = {part for incident in incidents(runs, rule) for part in incident.failing}
    return {part: _standing(part, runs, rule, confirmed=part in failing) for part in runs[-1].parts}


def incidents(runs: Sequence[Run], rule: Rule) -> list[Incident]:
    """Every incident, oldest first; the last one may go on. runs: looks, oldest first."""
    found: list[Incident] = []
    seen: dict[str, list[str | None]] = {}
    failing: dict[str, str] = {}  # part -> its first fail
    for number, run in enumerate(runs):
        for part in [part for part in seen if part not in run.parts]:
            # Nobody watches it any more: what it was cannot be held against the rest.
            seen.pop(part)
            failing.pop(part, None)
        for part, verdict in run.parts.items():
            of = seen.setdefault(part, [])
            of.append(verdict)
            if verdict == "fail" and of[-rule.runs :].count("fail") >= rule.fails:
                failing.setdefault(part, _first_fail(part, runs[: number + 1], rule))
            elif of[-rule.passes :] == ["pass"] * rule.passes:
                failing.pop(part, None)
        going_on = bool(found) and found[-1].ended is None
        if failing and not going_on:
            since = min(failing.values(), key=datetime.fromisoformat)
            found.append(Incident(run.at, since, tuple(failing), tuple(failing)))
        elif failing:
            parts = dict.fromkeys([*found[-1].parts, *failing])
            found[-1] = replace(found[-1], parts=tuple(parts), failing=tuple(failing))
        elif going_on:
            found[-1] = replace(found[-1], failing=(), ended=run.at)
    return found


def _standing(part: str, runs: Sequence[Run], rule: Rule, *, confirmed: bool) -> Standing:
    """confirmed: whether it has a share in an incident that goes on."""
    mine = [(run.at, run.parts[part]) for run in runs if part in run.parts]
    verdict = mine[-1][1]
    passes = 0
    while passes < len(mine) and mine[-1 - passes][1] == "pass":
        passes += 1
    state: State
    if confirmed:
        state = "recovering" if verdict == "pass" else "failing"
    elif verdict == "fail":
        state = "suspected"
    else:
        states: dict[str | None, State] = {"pass": "passing", "inconclusive": "unsure"}
        return Standing(states.get(verdict, "undecided"), None, _last_pass(mine), passes)
    # Fewer passes in a row than these do not part one trouble from another.
    apart = rule.runs - rule.fails + 1
    apart = max(apart, rule.passes) if confirmed else apart
    first, row = len(mine) - 1, 0
    for place in range(len(mine) - passes - 1, -1, -1):
        row = row + 1 if mine[place][1] == "pass" else 0
        if row >= apart:
            break
        if mine[place][1] == "fail":
            first = place
    return Standing(state, mine[first][0], _last_pass(mine[:first]), passes)


def _first_fail(part: str, runs: Sequence[Run], rule: Rule) -> str:
    return _standing(part, runs, rule, confirmed=False).since or runs[-1].at


def _last_pass(mine: Sequence[tuple[str, str | None]]) -> str | None:
    return next((at for at, verdict in reversed(mine) if verdict == "pass"), None)
