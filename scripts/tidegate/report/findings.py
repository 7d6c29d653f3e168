"""What a report of check-data holds, chosen, counted and put in order for those who read it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidegate.report.rules import REMEDIES, TITLES, Family, family

Report = Mapping[str, Any]

_EFFECTS = ("breaking", "looser", "tighter", "changed")


@dataclass(frozen=True)
class Tally:
    """How rules came out.

    tolerated: broken, but by no more rows than the dataset tolerates; warning: broken, where that
    is only a warning.
    """

    holding: int = 0
    broken: int = 0
    tolerated: int = 0
    warning: int = 0
    unjudged: int = 0

    @property
    def rules(self) -> int:
        return self.holding + self.broken + self.tolerated + self.warning + self.unjudged

    def __str__(self) -> str:
        """`42 of 51 hold, 4 are broken, 5 could not be judged`: every rule is in it."""
        if self.holding == self.rules:
            return "the one rule holds" if self.rules == 1 else f"all {self.rules:,} hold"
        holds = "hold" if self.holding > 1 else "holds"
        parts = [f"{f'{self.holding:,}' if self.holding else 'none'} of {self.rules:,} {holds}"]
        if self.broken:
            parts.append(f"{self.broken:,} {'is' if self.broken == 1 else 'are'} broken")
        if self.tolerated:
            are = "is" if self.tolerated == 1 else "are"
            parts.append(f"{self.tolerated:,} {are} broken within what is tolerated")
        if self.warning:
            parts.append(f"{self.warning:,} {'warns' if self.warning == 1 else 'warn'}")
        if self.unjudged:
            parts.append(f"{self.unjudged:,} could not be judged")
        return ", ".join(parts)


@dataclass(frozen=True)
class Portion:
    """A dataset and as much of one of its lists as there is room for."""

    dataset: Report
    items: Sequence[Report]
    left_out: int

    @property
    def count(self) -> int:
        return len(self.items) + self.left_out


@dataclass(frozen=True)
class Advice:
    """What to do about the broken rules of one kind. columns: (dataset, column), each once."""

    title: str
    columns: tuple[tuple[str, str | None], ...]
    remedy: str


def tally(*datasets: Report) -> Tally:
    return Tally(**Counter(state(c, dataset) for dataset in datasets for c in dataset["checks"]))


def state(check: Report, dataset: Report) -> str:
    """A field of Tally: how a rule came out."""
    if check["verdict"] == "fail":
        return "broken" if dataset["verdict"] == "fail" else "tolerated"
    if check["verdict"] != "pass":
        return "unjudged"
    # A rule that merely warns passes, broken or not. A category that vanished has no rows.
    found = check["failing_rows"] or (check["kind"] == "categories" and check["detail"])
    return "warning" if check["warns"] and found else "holding"


def worst_first(datasets: Iterable[Report]) -> list[Report]:
    """Failing datasets, then those not decided; the order of the config besides."""
    order = ("fail", "inconclusive", "pass")
    return sorted(datasets, key=lambda dataset: order.index(dataset["verdict"]))


def refused(data: Report) -> list[Report]:
    """The datasets that stop the change, those that fail first."""
    return [dataset for dataset in worst_first(data["datasets"]) if dataset["verdict"] != "pass"]


def failing_datasets(data: Report) -> list[Report]:
    return [dataset for dataset in data["datasets"] if dataset["verdict"] == "fail"]


def broken(dataset: Report) -> list[Report]:
    """Its broken rules, the worst first, as the report has them."""
    return [check for check in dataset["checks"] if check["verdict"] == "fail"]


def warnings(dataset: Report) -> list[Report]:
    return [check for check in dataset["checks"] if state(check, dataset) == "warning"]


def unjudged(dataset: Report) -> list[Report]:
    return [check for check in dataset["checks"] if check["verdict"] == "inconclusive"]


def for_want_of_a_column(dataset: Report) -> Counter[str | None]:
    """Columns that are lost or of another type, with the number of rules not judged for it."""
    return Counter(check["column"] for check in unjudged(dataset) if not check["detail"])


def failing_checks(data: Report) -> Iterator[tuple[Report, Report]]:
    """(dataset, check) of every rule that is broken where that is not tolerated."""
    for dataset in failing_datasets(data):
        for check in broken(dataset):
            yield dataset, check


def drifting(dataset: Report) -> list[Report]:
    """Columns that differ from the reference, the farthest first."""
    found = [found for found in dataset["drift"] if found["verdict"] == "fail"]
    return sorted(found, key=lambda one: -_excess(one))


def blocking_drift(dataset: Report) -> list[Report]:
    """Those of them that stop the change."""
    return [found for found in drifting(dataset) if found["blocking"]]


def noted_drift(dataset: Report) -> list[Report]:
    """Those of them that are a warning, then the columns not decided where that stops nothing."""
    return [item for item in _drift_to_look_at(dataset) if not item["blocking"]]


def stopping_drift(dataset: Report) -> list[Report]:
    """What stops the change where drift is to fail: columns that drift, then those not decided."""
    return [item for item in _drift_to_look_at(dataset) if item["blocking"]]


def _drift_to_look_at(dataset: Report) -> list[Report]:
    undecided = [found for found in dataset["drift"] if found["verdict"] == "inconclusive"]
    return [*drifting(dataset), *undecided]


def all_drift(dataset: Report) -> list[Report]:
    """Every column that was compared: those that differ, those not decided, the rest."""
    order = {"inconclusive": 0, "pass": 1}
    rest = [found for found in dataset["drift"] if found["verdict"] != "fail"]
    return [*drifting(dataset), *sorted(rest, key=lambda found: order[found["verdict"]])]


def _excess(found: Report) -> float:
    """How far beyond what is tolerated; a column that is gone is farther away than any other."""
    effect, tolerated = found["effect"], found["tolerated"]
    return float("inf") if effect is None or not tolerated else effect / tolerated


def schema_changes(dataset: Report) -> list[Report]:
    """What the schema asks now and did not before, the gravest first."""
    changes = [change for change in dataset["contract"] if change["kind"] == "schema"]
    return sorted(changes, key=lambda change: _EFFECTS.index(change["effect"]))


def data_changes(dataset: Report) -> list[Report]:
    return [change for change in dataset["contract"] if change["kind"] == "data"]


def effects(dataset: Report) -> dict[str, int]:
    """How many changes of the schema have which effect, the gravest first."""
    counts = Counter(change["effect"] for change in schema_changes(dataset))
    return {effect: counts[effect] for effect in _EFFECTS if counts[effect]}


def columns(dataset: Report) -> list[Report]:
    """The columns' profiles: of broken rules first, then of warnings and drift, then the rest."""
    first = [*broken(dataset), *unjudged(dataset), *warnings(dataset), *drifting(dataset)]
    places = {found["column"]: place for place, found in reversed([*enumerate(first)])}
    profiles = [profile for profile in dataset["profile"] if profile["column"] is not None]
    return sorted(profiles, key=lambda profile: places.get(profile["column"], len(first)))


def portions(
    datasets: Sequence[Report], room: int, of: Callable[[Report], list[Report]] = broken
) -> list[Portion]:
    """As much of the datasets' lists as there is room for: of each the same number, from the top.

    What one dataset does not need goes to the others.
    """
    lists = [of(dataset) for dataset in datasets]
    shares = [0] * len(lists)
    while room > 0 and (wanting := [i for i, items in enumerate(lists) if shares[i] < len(items)]):
        least = min(len(lists[i]) - shares[i] for i in wanting)
        each = max(1, min(least, room // len(wanting)))
        for index in wanting[:room]:
            shares[index] += each
        room -= each * len(wanting)
    return [
        Portion(dataset, items[:share], len(items) - share)
        for dataset, items, share in zip(datasets, lists, shares, strict=True)
    ]


def advice(data: Report) -> list[Advice]:
    """What to do about the broken rules, once for each kind."""
    by_family: dict[Family, dict[tuple[str, str | None], None]] = {}
    for dataset, check in failing_checks(data):
        by_family.setdefault(family(check), {})[dataset["name"], check["column"]] = None
    for dataset in refused(data):
        for found in stopping_drift(dataset):
            kind: Family = "drift" if found["verdict"] == "fail" else "undecided-drift"
            by_family.setdefault(kind, {})[dataset["name"], found["column"]] = None
    return [Advice(TITLES[kind], tuple(of), REMEDIES[kind]) for kind, of in by_family.items()]


def schemas(data: Report) -> list[str]:
    """The schemas of the datasets that break theirs."""
    return list(dict.fromkeys(dataset["schema"] for dataset in failing_datasets(data)))
