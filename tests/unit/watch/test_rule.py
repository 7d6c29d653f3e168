"""When fails become an incident, and when it is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tidegate.watch.rule import Incident, Rule, Run, incidents, looks, standings

RULE = Rule(fails=2, runs=3, passes=3)
BEGIN = datetime(2026, 3, 1, 6, tzinfo=UTC)
WORDS = {"P": "pass", "F": "fail", "I": "inconclusive", "U": None}


def day(number: float) -> str:
    return (BEGIN + timedelta(days=number)).isoformat()


def runs(**parts: str) -> list[Run]:
    """A run a day: `a="PFF"` is a part that passes, then fails twice; a blank is not watched."""
    length = max(map(len, parts.values()))
    return [
        Run(day(n), {part: WORDS[of[n]] for part, of in parts.items() if of[n : n + 1].strip()})
        for n in range(length)
    ]


@pytest.mark.parametrize("said", ["P", "PPPF", "FPPF", "FPPFPPFPPF", "IIII", "UUUU", "PFUIF"[:3]])
def test_incidents__too_few_fails_together__are_none(said: str) -> None:
    assert incidents(runs(a=said), RULE) == []


@pytest.mark.parametrize(
    ("said", "begun", "since"),
    [("PFF", 2, 1), ("PFPF", 3, 1), ("FF", 1, 0), ("PFIF", 3, 1), ("PFUF", 3, 1), ("FPPFF", 4, 3)],
)
def test_incidents__enough_fails__begin_one_and_name_the_first_fail(
    said: str, begun: int, since: int
) -> None:
    assert incidents(runs(a=said), RULE) == [Incident(day(begun), day(since), ("a",), ("a",))]


@pytest.mark.parametrize("said", ["PFFPP", "PFFPPF", "PFFPPIP", "PFFPUPP", "PFFIII"])
def test_incidents__too_few_passes_in_a_row__do_not_end_one(said: str) -> None:
    (only,) = incidents(runs(a=said), RULE)
    assert only.ended is None
    assert (only.since, only.failing) == (day(1), ("a",))


def test_incidents__passes_in_a_row__end_it_and_the_next_is_another() -> None:
    first, second = incidents(runs(a="PFFPPPPFF"), RULE)
    assert (first.ended, first.failing, first.parts) == (day(5), (), ("a",))
    assert (second.begun, second.since, second.ended) == (day(8), day(7), None)


def test_incidents__two_parts__share_one_that_ends_when_both_pass() -> None:
    seen = runs(a="PFFPPPPP", b="PPPFFPPP")
    (going_on,) = incidents(seen[:-1], RULE)
    assert (going_on.parts, going_on.failing, going_on.ended) == (("a", "b"), ("b",), None)
    (over,) = incidents(seen, RULE)
    assert over.ended == day(7)


def test_incidents__a_part_that_nobody_watches_any_more__holds_none_open() -> None:
    (only,) = incidents(runs(a="PFF ", b="PPPP"), RULE)
    assert only.ended == day(3)


def test_looks__runs_close_together__count_once_as_the_newest_of_them() -> None:
    again = [
        Run(day(0), {"a": "fail"}),
        Run(day(0.01), {"a": "fail"}),
        Run(day(0.02), {"a": "pass"}),
    ]
    assert looks(again) == [Run(day(0), {"a": "pass"})]
    assert incidents(looks(again[:2]), RULE) == []


def test_looks__a_run_every_twenty_minutes__is_not_one_look_for_ever() -> None:
    often = [Run(day(n / 72), {"a": "fail"}) for n in range(8)]
    assert len(looks(often[::-1])) == 4
    assert len(incidents(looks(often), RULE)) == 1


@pytest.mark.parametrize(
    ("said", "state", "since", "last_pass"),
    [
        ("PP", "passing", None, 1),
        ("PF", "suspected", 1, 0),
        ("PFF", "failing", 1, 0),
        ("PFPF", "failing", 1, 0),
        ("PFFP", "recovering", 1, 0),
        ("PFFPPF", "failing", 1, 0),
        ("PFFI", "failing", 1, 0),
        ("FF", "failing", 0, None),
        ("PI", "unsure", None, 0),
        ("PU", "undecided", None, 0),
        ("PFFPPP", "passing", None, 5),
    ],
)
def test_standings__say_since_when_and_when_it_passed_last(
    said: str, state: str, since: int | None, last_pass: int | None
) -> None:
    found = standings(runs(a=said), RULE)["a"]
    assert found.state == state
    assert found.since == (None if since is None else day(since))
    assert found.last_pass == (None if last_pass is None else day(last_pass))
