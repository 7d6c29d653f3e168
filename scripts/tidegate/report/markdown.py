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
_MAX_SLICES = 10

Report = Mapping[str, Any]


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
    service = next((r["service"] for r in reports.values() if r.get("service")), "")
    missing = [verb for verb in expected if verb not in reports]
    headline, blocked = _headline(reports, missing)
    for shown in (_MAX_SLICES, 3, 0):
        body = _environment().get_template("comment.md.j2").render(
            service=service,
            headline=headline,
            reports=reports,
            data=_decided(reports, "check-data"),
            gate=_decided(reports, "gate-model"),
            errors={verb: r for verb, r in reports.items() if r["error"] is not None},
            skipped=missing,
            blocked=blocked,
            shown=shown,
            run_url=run_url,
            version=__version__,
        )  # fmt: skip
        if len(body) <= MAX_COMMENT:
            return Comment(headline, blocked, body)
    cut = body[: MAX_COMMENT - 200].rpartition("\n")[0]
    return Comment(headline, blocked, cut + "\n\n… cut here: the full report is in the run.\n")


def marker(service: str) -> str:
    """What tells this service's comment from others: the first line of the comment, not shown."""
    return f"<!-- tidegate:comment service={escape.markdown(service)} -->"


def _decided(reports: Mapping[str, Report], verb: str) -> Report | None:
    report = reports.get(verb)
    return report if report is not None and report["error"] is None else None


def _headline(reports: Mapping[str, Report], missing: Sequence[str]) -> tuple[str, bool]:
    """(one line that a person understands, whether the change is blocked)."""
    data, gate = _decided(reports, "check-data"), _decided(reports, "gate-model")
    if data is not None and data["blocked"]:
        return f"❌ Blocked: {_data_in_words(data)}", True
    if gate is not None and gate["blocked"]:
        icon = "❔" if gate["verdict"] == "inconclusive" else "❌"
        return f"{icon} Blocked: {_gate_in_words(gate)}", True
    errors = [verb for verb, report in reports.items() if report["error"] is not None]
    if errors:
        what = escape.markdown(reports[errors[0]]["error"]["what"], 160)
        return f"⚠️ Could not be decided: {errors[0]} stopped: {what}", True
    if missing:
        return f"⚠️ Could not be decided: {', '.join(missing)} did not run", True
    if gate is not None and gate["verdict"] != "pass":
        return f"⚠️ Not blocked, the gate only warns: {_gate_in_words(gate)}", False
    if gate is None:
        return "✅ The data keeps its contract", False
    against = _against(gate)
    return f"✅ Ready to merge: data and model pass{against}", False


def _data_in_words(data: Report) -> str:
    failing = [
        (dataset, check)
        for dataset in data["datasets"]
        if dataset["verdict"] == "fail"
        for check in dataset["checks"]
        if check["verdict"] == "fail"
    ]
    names = ", ".join(dict.fromkeys(escape.markdown(dataset["name"]) for dataset, _ in failing))
    rules = f"{len(failing)} rule{'s' if len(failing) != 1 else ''}"
    return f"the data breaks {rules} of its contract ({names})"


def _gate_in_words(gate: Report) -> str:
    over = [budget["name"] for budget in gate["budgets"] if budget["verdict"] == "fail"]
    failing = [r for r in gate["results"] if r["blocking"] and r["verdict"] == "fail"]
    overall = [r for r in failing if r["slice"] is None]
    if overall:
        below = overall[0]["max_regression"] is None or overall[0]["harm"] is None
        kind = "misses its bound for" if below else "is worse than production in"
        names = ", ".join(result["metric"] for result in overall)
        return f"the model {kind} {names}"
    if failing:
        names = ", ".join(dict.fromkeys(slice_name(result["slice"]) for result in failing))
        return f"the model is clearly worse for {names}"
    if over:
        return f"over budget: {', '.join(over)}"
    undecided = [r for r in gate["results"] if r["verdict"] == "inconclusive" and r["blocking"]]
    names = ", ".join(dict.fromkeys(result["metric"] for result in undecided))
    return f"the evaluation set is too small to tell for {names}"


def _against(gate: Report) -> str:
    if gate["baseline"] is None:
        return " (no baseline yet: absolute bounds only)"
    version = gate["baseline"]["version"]
    return f" (compared with production v{version})" if version else " (compared with a table)"


def slice_name(label: Mapping[str, str | None] | None) -> str:
    if label is None:
        return "overall"
    return ", ".join(
        f"{escape.markdown(column)} {'(empty)' if value is None else escape.markdown(value)}"
        for column, value in label.items()
    )


def worst_first(results: Sequence[Report]) -> list[Report]:
    """Failing, then inconclusive, then the rest; within each the greatest harm first."""
    order = {"fail": 0, "inconclusive": 1, "pass": 2}
    return sorted(results, key=lambda r: (order[r["verdict"]], -(r["harm"] or 0)))


def failing_checks(data: Report) -> Iterator[tuple[Report, Report]]:
    """(dataset, check) of every rule that is broken, most rows first."""
    for dataset in data["datasets"]:
        for check in dataset["checks"]:
            if check["verdict"] == "fail":
                yield dataset, check


def _example(example: Report, redacted: bool) -> str:
    """Where an example stands and what it holds."""
    place = escape.markdown(example["file"])
    if example["row"] is not None:
        place += f" row {example['row']}"
    if redacted:
        return f"{place} (value redacted)"
    return f"{place}: {escape.code(example['value'], 80)}"


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
        "short": numbers.short,
        "slice": slice_name,
        "icon": _ICONS.__getitem__,
        "worst_first": worst_first,
        "failing_checks": failing_checks,
        "example": _example,
    }
    environment.globals["marker"] = marker
    return environment
