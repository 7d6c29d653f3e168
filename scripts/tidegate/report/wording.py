"""Sentences about a report of check-data. Names and values in them are plain, not yet escaped."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tidegate.report import findings
from tidegate.report.escape import plain
from tidegate.report.numbers import plural, share
from tidegate.report.rules import family

Report = Mapping[str, Any]

_OUTCOMES = {
    "holding": "holds",
    "broken": "broken",
    "tolerated": "broken, tolerated",
    "warning": "broken, a warning only",
    "unjudged": "could not be judged",
}


def again(command: str, report: Report) -> str:
    """The command that judges as this report did, on anybody's machine."""
    policy = report.get("policy") or {}
    if policy.get("source") != "base":
        return command
    return f"{command} --base {shlex.quote(str(policy['ref']))}"


def refusal(data: Report) -> str:
    """Why data is refused, in a few words: `the data breaks 5 rules of its contract (flights)`."""
    failing = findings.failing_datasets(data)
    names = _named(failing or findings.refused(data))
    if not failing:
        columns = sum(len(findings.stopping_drift(item)) for item in findings.refused(data))
        drift = f"of the data {'drifts' if columns == 1 else 'drift'}"
        return f"the rows cannot tell whether {plural(columns, 'column')} {drift} ({names})"
    if rules := sum(len(findings.broken(dataset)) for dataset in failing):
        return f"the data breaks {plural(rules, 'rule')} of its contract ({names})"
    if columns := sum(len(findings.blocking_drift(dataset)) for dataset in failing):
        return f"the data drifts from its reference in {plural(columns, 'column')} ({names})"
    unknown = sum(len(findings.unjudged(dataset)) for dataset in failing)
    return f"{plural(unknown, 'rule')} of the data could not be judged ({names})"


def headline(report: Report) -> str:
    """The outcome in one line, as a sentence without its stop."""
    if report["error"] is not None:
        return "The data could not be checked"
    if report["verdict"] != "pass":
        return sentence(refusal(report))
    if not report["datasets"]:
        return "No dataset is touched"
    noted = sum(len(findings.warnings(dataset)) for dataset in report["datasets"])
    kept = "The data keeps its contract"
    return f"{kept}, with {plural(noted, 'warning')}" if noted else kept


def summary(report: Report) -> str:
    """How many datasets and rules came out how."""
    datasets = report["datasets"]
    if not datasets:
        return "Nothing of what changed belongs to a dataset of the config."
    failing = len(findings.failing_datasets(report))
    undecided = len(findings.refused(report)) - failing
    rules = findings.tally(*datasets)
    if len(datasets) == 1:
        return f"{rows(datasets[0])} Of its rules, {rules}."
    fails = f"{f'{failing:,}' if failing else 'None'} of {len(datasets):,} datasets fail"
    fails += "" if failing > 1 else "s"
    unsure = f", {undecided:,} could not be decided" if undecided else ""
    some = f"{fails}{unsure}" if failing or undecided else f"All {len(datasets):,} datasets pass"
    return f"{some}. Of their rules, {rules}."


def rows(dataset: Report) -> str:
    """How many rows of a dataset fail, and whether that is tolerated; and what is counted apart."""
    counts = [
        plural(check["failing_rows"], "row")
        for check in findings.broken(dataset)
        if check["kind"] == "foreign-key"
    ]
    apart = f" Counted apart: {first_few(counts)} without a foreign key’s partner."
    return _rows_of_schema(dataset) + (apart if counts else "")


def _rows_of_schema(dataset: Report) -> str:
    failing, tolerated = dataset["failing_rows"], dataset["tolerated_rows"]
    if not failing:
        return f"None of {plural(dataset['rows'], 'row')} fails."
    some = f"{failing:,} of {plural(dataset['rows'], 'row')} ({share(failing / dataset['rows'])})"
    if failing == dataset["rows"] > 1:
        some = f"All {failing:,} rows"
    some += " fails" if failing == 1 else " fail"
    if failing <= tolerated:
        return f"{some}; up to {tolerated:,} are tolerated."
    return f"{some}, {f'and {tolerated:,} are' if tolerated else 'and none is'} tolerated."


def subject(check: Report) -> str:
    """What a rule is about, where it is about no single column."""
    return "dataset" if check["kind"] == "rows" else "row"


def outcome(check: Report, dataset: Report) -> str:
    return _OUTCOMES[findings.state(check, dataset)]


def named_by_key(example: Report, check: Report) -> bool:
    """Whether an example is best found by its key: not where the key itself is what is wrong."""
    at_fault = family(check) == "unique" or check["column"] in (example["key"] or ())
    return bool(example["key"]) and not at_fault


def place(example: Report, check: Report) -> str:
    """Where an example stands: by its key if it has one, else by its file and row."""
    if named_by_key(example, check):
        return ", ".join(
            f"{plain(name, 60)} {plain(value, 60)}" for name, value in example["key"].items()
        )
    return file_and_row(example)


def file_and_row(example: Report) -> str:
    row = "" if example["row"] is None else f" row {example['row']}"
    return f"{plain(example['file'], 120)}{row}"


def value_of(example: Report, check: Report) -> str | None:
    """What an example holds; None where that says nothing, or is not to be shown."""
    if check["redacted"] or check["check"].startswith("column_"):
        return None  # of a column that is lost, the value is its own name
    value: str | None = example["value"]
    return value


def has_values(check: Report) -> bool:
    return any(value_of(example, check) is not None for example in check["examples"])


def drift(dataset: Report) -> str:
    """`drift in 2 of 12 columns (dep_delay, hour); for 1 more the rows cannot tell`."""
    drifting = findings.drifting(dataset)
    unknown = sum(found["verdict"] == "inconclusive" for found in dataset["drift"])
    columns = plural(len(dataset["drift"]), "column")
    names = [plain(found["column"] or "all together", 40) for found in drifting]
    if not drifting:
        if not unknown:
            return f"no drift in {columns}"
        return f"for {unknown:,} of {columns} the rows cannot tell"
    words = f"drift in {len(drifting):,} of {columns} ({first_few(names)})"
    return f"{words}; for {unknown:,} more the rows cannot tell" if unknown else words


def drift_outcome(found: Report) -> str:
    if found["verdict"] == "fail":
        return "drift" if found["blocking"] else "drift (warning)"
    return "no drift" if found["verdict"] == "pass" else "cannot tell"


def engines(dataset: Report) -> str:
    """What judged it: `pandera and polars`."""
    return " and ".join(sorted({check["engine"] for check in dataset["checks"]}))


def changes(dataset: Report) -> str:
    """`the contract changes: 1 breaking, 2 looser; 3 data files change`."""
    counts = ", ".join(f"{n:,} {effect}" for effect, n in findings.effects(dataset).items())
    parts = [f"the contract changes: {counts}"] if counts else []
    if files := len(findings.data_changes(dataset)):
        parts.append(f"{plural(files, 'data file')} {'changes' if files == 1 else 'change'}")
    return "; ".join(parts)


def nulls(profile: Report) -> str:
    """The share of nulls in a column, and in the reference; empty where there are none."""
    counts = [(profile["nulls"], profile["current"])]
    if profile["reference"] is not None:
        counts.append((profile["reference_nulls"] or 0, profile["reference"]))
    if not any(count for count, _ in counts):
        return ""
    shares = [share(count / ((count + sum(bins)) or 1)) for count, bins in counts]
    return f"Nulls: {shares[0]}" + (f" ({shares[1]})." if len(shares) > 1 else ".")


def sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def first_few(items: Sequence[str]) -> str:
    return (
        ", ".join(items) if len(items) < 8 else f"{', '.join(items[:6])}, {len(items) - 6:,} more"
    )


def _named(datasets: Iterable[Report]) -> str:
    names = [plain(dataset["name"], 60) for dataset in datasets]
    return (
        ", ".join(names) if len(names) < 5 else f"{', '.join(names[:3])} and {len(names) - 3} more"
    )
