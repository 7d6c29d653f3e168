"""Reports as Markdown: one verb's own, and the comment that brings them together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from tidegate import __version__
from tidegate.report import escape, numbers

MAX_COMMENT = 65_536
_ICONS = {"pass": "✅", "fail": "❌", "inconclusive": "❔", None: "⚠️"}
_CONTRACT = {
    "column_in_dataframe": "the column is missing",
    "column_in_schema": "the schema knows no such column",
    "column_ordered": "the column stands in another place",
    "not_nullable": "empty values",
    "field_uniqueness": "repeated values",
    "multiple_fields_uniqueness": "repeated rows",
}

Report = Mapping[str, Any]


@dataclass(frozen=True)
class _Shown:
    """How much of the long lists a comment shows."""

    slices: int
    rules: int


# GitHub refuses a comment beyond MAX_COMMENT: the least important goes first.
_SHORTER = (_Shown(10, 30), _Shown(3, 10), _Shown(0, 5))


@dataclass(frozen=True)
class Comment:
    """What stands on the pull request. blocked: the change must not be merged as it is."""

    headline: str
    blocked: bool
    body: str


def render_verb(verb: str, report: Report) -> str:
    """One verb's report as Markdown; a report that is a comment brings its own."""
    if "body" in report:
        return str(report["body"])
    name = f"{verb}.md.j2" if report["error"] is None else "error.md.j2"
    return _environment().get_template(name).render(report=report, verb=verb)


def render_comment(
    reports: Mapping[str, Report], expected: Sequence[str], run_url: str | None = None
) -> Comment:
    """The comment of a pull request from the reports at hand.

    expected: verbs that must have reported; one that has not reads as undecided, never as a pass.
    """
    reported = reports.values()
    missing = [verb for verb in expected if verb not in reports]
    headline, blocked = _headline(reports, missing)
    errors = {verb: report for verb, report in reports.items() if report["error"] is not None}
    for shown in _SHORTER:
        body = _environment().get_template("comment.md.j2").render(
            service=service_of(reports),
            headline=headline,
            data=_decided(reports, "check-data"),
            gate=_decided(reports, "gate-model"),
            errors=errors,
            skipped=missing,
            stopped=any(report["blocked"] for report in reported),
            commit=next((r["commit"] for r in reported if r.get("commit")), None),
            shown=shown,
            run_url=run_url,
            version=__version__,
        )  # fmt: skip
        if len(body) <= MAX_COMMENT:
            return Comment(headline, blocked, body)
    more = f"[the full reports]({run_url})" if run_url else "the full reports"
    cut = body[: MAX_COMMENT - 400].rpartition("\n")[0]
    return Comment(headline, blocked, f"{cut}\n\n… cut here, see {more}.\n")


def service_of(reports: Mapping[str, Report]) -> str:
    """The service that the reports are about; empty when none of them came to know it."""
    return next((str(r["service"]) for r in reports.values() if r.get("service")), "")


def marker(service: str) -> str:
    """What tells this service's comment from others: the first line of the comment, not shown."""
    return f"<!-- tidegate:comment service={escape.markdown(service)} -->"


def _decided(reports: Mapping[str, Report], verb: str) -> Report | None:
    report = reports.get(verb)
    return report if report is not None and report["error"] is None else None


def _headline(reports: Mapping[str, Report], missing: Sequence[str]) -> tuple[str, bool]:
    """(one line that a person understands, whether the change is blocked)."""
    data, gate = _decided(reports, "check-data"), _decided(reports, "gate-model")
    reasons = [_data_in_words(data)] if data is not None and data["blocked"] else []
    reasons += [_gate_in_words(gate)] if gate is not None and gate["blocked"] else []
    if reasons:
        unsure = gate is not None and gate["verdict"] == "inconclusive" and len(reasons) == 1
        return f"{'❔' if unsure else '❌'} Blocked: {', and '.join(reasons)}", True
    errors = [verb for verb, report in reports.items() if report["error"] is not None]
    if errors:
        what = escape.plain(str(reports[errors[0]]["error"]["what"]).partition("\n")[0], 160)
        return f"⚠️ Could not be decided: {errors[0]} stopped: {what}", True
    if missing:
        names = " and ".join(escape.plain(verb) for verb in missing)
        return f"⚠️ Could not be decided: {names} did not run", True
    judged = [name for name, report in (("data", data), ("model", gate)) if report is not None]
    if not judged:
        return "⚠️ Could not be decided: neither data nor model was judged", True
    if gate is not None and gate["verdict"] != "pass":
        return f"⚠️ Not blocked, the gate only warns: {_gate_in_words(gate)}", False
    words = "data and model pass" if len(judged) == 2 else f"the {judged[0]} passes"
    against = "" if gate is None else _against(gate)
    return f"✅ Ready to merge: {words}{against}", False


def _data_in_words(data: Report) -> str:
    failing = list(failing_checks(data))
    names = ", ".join(dict.fromkeys(escape.plain(dataset["name"]) for dataset, _ in failing))
    rules = f"{len(failing)} rule{'s' if len(failing) != 1 else ''}"
    return f"the data breaks {rules} of its contract ({names})"


def _gate_in_words(gate: Report) -> str:
    over = [
        escape.plain(budget["name"]) for budget in gate["budgets"] if budget["verdict"] == "fail"
    ]
    failing = [r for r in gate["results"] if r["blocking"] and r["verdict"] == "fail"]
    overall = [r for r in failing if r["slice"] is None]
    if overall:
        below = overall[0]["max_regression"] is None or overall[0]["harm"] is None
        kind = "misses its bound for" if below else "is worse than production in"
        names = ", ".join(escape.plain(result["metric"]) for result in overall)
        return f"the model {kind} {names}"
    if failing:
        slices = list(dict.fromkeys(slice_name(result["slice"]) for result in failing))
        more = f" and {len(slices) - 3} more slices" if len(slices) > 4 else ""
        named = ", ".join(slices[:3] if more else slices)
        below = all(result["harm"] is None for result in failing)
        return f"the model {'misses its bound' if below else 'is clearly worse'} for {named}{more}"
    if over:
        return f"the model is over its budget for {', '.join(over)}"
    undecided = [r for r in gate["results"] if r["verdict"] == "inconclusive" and r["blocking"]]
    names = ", ".join(dict.fromkeys(escape.plain(result["metric"]) for result in undecided))
    return f"the evaluation set is too small to tell for {names}"


def _against(gate: Report) -> str:
    if gate["baseline"] is None:
        return " (no baseline yet: absolute bounds only)"
    version = escape.plain(gate["baseline"]["version"] or "")
    return f" (compared with production v{version})" if version else " (compared with a table)"


def slice_name(label: Mapping[str, str | None] | None) -> str:
    """`carrier B6`, `carrier B6, origin JFK`; plain text."""
    if label is None:
        return "overall"
    return ", ".join(
        f"{escape.plain(column, 60)} {'(empty)' if value is None else escape.plain(value, 60)}"
        for column, value in label.items()
    )


def worst_first(results: Sequence[Report]) -> list[Report]:
    """Failing, then inconclusive, then the rest; within each the greatest harm first."""
    order = {"fail": 0, "inconclusive": 1, "pass": 2}
    return sorted(results, key=lambda r: (order[r["verdict"]], -(r["harm"] or 0)))


def failing_checks(data: Report) -> Iterator[tuple[Report, Report]]:
    """(dataset, check) of every rule that is broken where that is not tolerated."""
    for dataset in data["datasets"]:
        if dataset["verdict"] != "fail":
            continue
        for check in dataset["checks"]:
            if check["verdict"] == "fail":
                yield dataset, check


def rule(check: Report) -> str:
    """What a broken rule means, in words where pandera has only a name for it."""
    name = check["check"]
    if name.startswith("dtype("):
        wanted = escape.code(name.removeprefix("dtype(").removesuffix(")").strip("'"))
        return f"the type is not {wanted}"
    return _CONTRACT.get(name) or escape.code(name)


def _example(example: Report, check: Report) -> str:
    """Where an example stands and what it holds."""
    place = escape.markdown(example["file"])
    if example["row"] is not None:
        place += f" row {example['row']}"
    if check["redacted"]:
        return f"{place} (value redacted)"
    if check["check"].startswith("column_"):
        return place  # the value is the column's own name
    return f"{place}: {escape.code(example['value'], 80)}"


def _schemas(data: Report) -> str:
    """The schemas of the datasets that break theirs."""
    failing = [dataset for dataset in data["datasets"] if dataset["verdict"] == "fail"]
    return " and ".join(dict.fromkeys(escape.code(dataset["schema"]) for dataset in failing))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tidegate.report"),
        autoescape=False,  # noqa: S701 - Markdown, not HTML: every value goes through `md` or `code`
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "md": escape.markdown,
        "code": escape.code,
        "block": escape.block,
        "figure": numbers.figure,
        "count": numbers.count,
        "share": numbers.share,
        "change": numbers.change,
        "candidate": numbers.candidate,
        "allowed": numbers.allowed,
        "budget_allowed": numbers.budget_allowed,
        "limit": numbers.limit,
        "short": numbers.short,
        "slice": lambda label: escape.markdown(slice_name(label)),
        "icon": _ICONS.__getitem__,
        "worst_first": worst_first,
        "failing_checks": failing_checks,
        "example": _example,
        "rule": rule,
        "schemas": _schemas,
    }
    environment.globals["marker"] = marker
    return environment
