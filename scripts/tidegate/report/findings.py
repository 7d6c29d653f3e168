"""What a report of check-data says, sorted for those who read it; nothing is escaped here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidegate.report import escape, numbers
from tidegate.report.rules import REMEDIES, TITLES, Family, family

Report = Mapping[str, Any]


@dataclass(frozen=True)
class Tally:
    """How the rules of a dataset came out. warning: broken, where that is only a warning."""

    holding: int
    broken: int
    warning: int
    unjudged: int

    @property
    def rules(self) -> int:
        return self.holding + self.broken + self.warning + self.unjudged

    def __str__(self) -> str:
        """`42 of 51 hold, 4 are broken, 5 could not be judged`: every rule is in it."""
        if self.holding == self.rules:
            return "the one rule holds" if self.rules == 1 else f"all {self.rules:,} hold"
        holds = "holds" if self.holding == 1 else "hold"
        parts = [f"{self.holding:,} of {self.rules:,} {holds}"]
        if self.broken:
            parts.append(f"{self.broken:,} {'is' if self.broken == 1 else 'are'} broken")
        if self.warning:
            parts.append(f"{self.warning:,} {'warns' if self.warning == 1 else 'warn'}")
        if self.unjudged:
            parts.append(f"{self.unjudged:,} could not be judged")
        return ", ".join(parts)


@dataclass(frozen=True)
class Portion:
    """A dataset and as many of its rules as there is room for."""

    dataset: Report
    checks: Sequence[Report]
    left_out: int

    @property
    def count(self) -> int:
        return len(self.checks) + self.left_out


@dataclass(frozen=True)
class Advice:
    """What to do about the broken rules of one kind. columns: (dataset, column), each once."""

    title: str
    columns: tuple[tuple[str, str | None], ...]
    remedy: str


def tally(checks: Iterable[Report]) -> Tally:
    found = {"holding": 0, "broken": 0, "warning": 0, "unjudged": 0}
    for check in checks:
        found[_state(check)] += 1
    return Tally(**found)


def _state(check: Report) -> str:
    if check["verdict"] == "pass":
        return "warning" if warns(check) else "holding"
    return "broken" if check["verdict"] == "fail" else "unjudged"


def warns(check: Report) -> bool:
    """Whether a rule is broken that merely warns. A category that vanished has no rows."""
    found = check["failing_rows"] or (check["kind"] == "categories" and check["detail"])
    return bool(check["verdict"] == "pass" and check["warns"] and found)


def worst_first(datasets: Iterable[Report]) -> list[Report]:
    """Failing datasets before others; the order of the config besides."""
    return sorted(datasets, key=lambda dataset: bool(dataset["verdict"] != "fail"))


def failing_datasets(data: Report) -> list[Report]:
    return [dataset for dataset in data["datasets"] if dataset["verdict"] == "fail"]


def broken(dataset: Report) -> list[Report]:
    """Its broken rules, the worst first, as the report has them."""
    return [check for check in dataset["checks"] if check["verdict"] == "fail"]


def warning_datasets(data: Report) -> list[Report]:
    return [dataset for dataset in data["datasets"] if warnings(dataset)]


def warnings(dataset: Report) -> list[Report]:
    return [check for check in dataset["checks"] if warns(check)]


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


def portions(
    datasets: Iterable[Report], room: int, of: Callable[[Report], list[Report]] = broken
) -> list[Portion]:
    """As many rules as there is room for: of each dataset the same number, the worst first.

    What one dataset does not need goes to the others. Datasets for which there is no room at all
    are left out.
    """
    found = [(dataset, of(dataset)) for dataset in datasets][:room]
    shares = [0] * len(found)
    while room > 0 and (
        wanting := [i for i, share in enumerate(shares) if share < len(found[i][1])]
    ):
        for index in wanting[:room]:
            shares[index] += 1
        room -= len(wanting)
    return [
        Portion(dataset, checks[:share], len(checks) - share)
        for share, (dataset, checks) in zip(shares, found, strict=True)
    ]


def advice(data: Report) -> list[Advice]:
    """What to do about the broken rules, once for each kind."""
    by_family: dict[Family, dict[tuple[str, str | None], None]] = {}
    for dataset, check in failing_checks(data):
        of_kind = by_family.setdefault(family(check), {})
        of_kind[dataset["name"], check["column"]] = None
    return [Advice(TITLES[kind], tuple(of), REMEDIES[kind]) for kind, of in by_family.items()]


def subject(check: Report) -> str:
    """What a rule is about, where it is about no single column."""
    return "dataset" if check["kind"] == "rows" else "row"


def place_in_words(example: Report) -> str:
    """Where an example stands: by its key if it has one, else by its file and row."""
    if example["key"]:
        return ", ".join(
            f"{escape.plain(name, 60)} {escape.plain(value, 60)}"
            for name, value in example["key"].items()
        )
    row = "" if example["row"] is None else f" row {example['row']}"
    return f"{escape.plain(example['file'], 120)}{row}"


def value_of(example: Report, check: Report) -> str | None:
    """What an example holds; None where that says nothing, or is not to be shown."""
    if check["redacted"] or check["check"].startswith("column_"):
        return None  # of a column that is lost, the value is its own name
    value: str | None = example["value"]
    return value


def rows_in_words(dataset: Report) -> str:
    """How many rows fail, and whether that is tolerated."""
    failing, tolerated = dataset["failing_rows"], dataset["tolerated_rows"]
    if not failing:
        return f"None of {dataset['rows']:,} rows fails."
    share = numbers.share(failing / dataset["rows"])
    some = f"{failing:,} of {numbers.plural(dataset['rows'], 'row')} ({share})"
    some += " fails" if failing == 1 else " fail"
    if failing <= tolerated:
        return f"{some}; up to {tolerated:,} are tolerated."
    return f"{some}, {f'and {tolerated:,} are' if tolerated else 'and none is'} tolerated."


def schemas(data: Report) -> list[str]:
    """The schemas of the datasets that break theirs."""
    return list(dict.fromkeys(dataset["schema"] for dataset in failing_datasets(data)))


def in_words(data: Report) -> str:
    """Why data is refused, in a few words: `the data breaks 5 rules of its contract (flights)`."""
    failing = failing_datasets(data)
    rules = sum(len(broken(dataset)) for dataset in failing)
    if rules:
        return (
            f"the data breaks {numbers.plural(rules, 'rule')} of its contract ({_names(failing)})"
        )
    unknown = sum(len(unjudged(dataset)) for dataset in failing)
    return f"{numbers.plural(unknown, 'rule')} of the data could not be judged ({_names(failing)})"


def _names(datasets: Sequence[Report]) -> str:
    names = [escape.plain(dataset["name"], 60) for dataset in datasets]
    return (
        ", ".join(names) if len(names) < 5 else f"{', '.join(names[:3])} and {len(names) - 3} more"
    )
