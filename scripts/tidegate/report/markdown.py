"""Reports as Markdown: one verb's own, and the comment that brings them together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment

from tidegate import __version__
from tidegate.report import (
    board_page,
    escape,
    findings,
    numbers,
    rules,
    times,
    trend_chart,
    wording,
)
from tidegate.report.redaction import censored
from tidegate.report.templating import template_environment

MAX_COMMENT = 65_536
MAX_REPORT = 250_000  # characters, each of up to four bytes
_ICONS = {"pass": "✅", "fail": "❌", "inconclusive": "❔", None: "⚠️"}
Report = Mapping[str, Any]


@dataclass(frozen=True)
class _Shown:
    """How much of the long lists there is room for."""

    slices: int
    rules: int
    datasets: int


# GitHub refuses a comment beyond MAX_COMMENT: the least important goes first.
_SHORTER = (_Shown(10, 30, 50), _Shown(3, 10, 10), _Shown(0, 5, 5), _Shown(0, 2, 2))
# A verb's own report is the summary of its step, and printed; the JSON has all of it.
_FULLER = (_Shown(1_000, 100, 200), _Shown(1_000, 50, 50), _Shown(1_000, 20, 20))


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
    decided = report["error"] is None
    if decided and verb == "check-data":
        report = censored(report)
    name = f"{verb}.md.j2" if decided else "error.md.j2"
    return _fitting(name, _FULLER, MAX_REPORT, "the JSON", report=report, verb=verb)


def render_comment(
    reports: Mapping[str, Report], expected: Sequence[str], run_url: str | None = None
) -> Comment:
    """The comment of a pull request from the reports at hand.

    expected: verbs that must have reported; one that has not reads as undecided, never as a pass.
    """
    reported = reports.values()
    missing = [verb for verb in expected if verb not in reports]
    headline, blocked = _headline(reports, missing)
    data = _decided(reports, "check-data")
    body = _fitting(
        "comment.md.j2",
        _SHORTER,
        MAX_COMMENT,
        f"[the full reports]({run_url})" if run_url else "the full reports",
        service=service_of(reports),
        headline=headline,
        data=censored(data) if data else None,
        gate=_decided(reports, "gate-model"),
        errors={verb: report for verb, report in reports.items() if report["error"] is not None},
        skipped=missing,
        stopped=any(report["blocked"] for report in reported),
        commit=next((r["commit"] for r in reported if r.get("commit")), None),
        run_url=run_url,
        version=__version__,
    )
    return Comment(headline, blocked, body)


def _fitting(name: str, steps: Sequence[_Shown], limit: int, more: str, **values: Any) -> str:
    """A template with as much of the long lists as fits into `limit` characters.

    more: where to read on, should even the least of it not fit.
    """
    template = _environment().get_template(name)
    for shown in steps:
        text = template.render(shown=shown, **values)
        if len(text) <= limit:
            return text
    cut = text[: limit - 400].rpartition("\n")[0]
    return f"{cut}\n\n… cut here, see {more}.\n"


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
    reasons = [wording.refusal(data)] if data is not None and data["blocked"] else []
    reasons += [_gate_in_words(gate)] if gate is not None and gate["blocked"] else []
    if reasons:
        blocked = [report for report in (data, gate) if report is not None and report["blocked"]]
        unsure = all(report["verdict"] == "inconclusive" for report in blocked)
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


def _rule(check: Report) -> str:
    return rules.words(check).spelt(escape.code, escape.markdown)


def _example(example: Report, check: Report) -> str:
    """Where an example stands, and what it holds."""
    if wording.named_by_key(example, check):
        place = ", ".join(
            f"{escape.markdown(name, 60)} {escape.code(value, 60)}"
            for name, value in example["key"].items()
        )
    else:
        place = escape.markdown(wording.file_and_row(example))
    value = wording.value_of(example, check)
    if value is None:
        return f"{place} (value redacted)" if check["redacted"] else place
    return f"{place}: {escape.code(value, 80)}"


def _columns(names: Sequence[tuple[str, str | None]]) -> str:
    """Columns of a piece of advice, each once, the first few by name."""
    columns = list(dict.fromkeys(column for _, column in names if column is not None))
    return (
        f" ({wording.first_few([escape.code(column, 60) for column in columns])})"
        if columns
        else ""
    )


def _wanting(counts: Mapping[str | None, int]) -> str:
    """Columns with the number of rules that nothing is known of."""
    columns = ["the whole row" if column is None else escape.code(column, 60) for column in counts]
    shown = zip(columns, counts.values(), strict=True)
    return wording.first_few(
        [f"{column} ({numbers.plural(count, 'rule')})" for column, count in shown]
    )


def _moment(text: str | None, *, seconds: bool = False, zone: str = " UTC") -> str:
    """A time is plain digits, to be copied as they are."""
    shown = times.moment(text, seconds=seconds, zone=zone)
    return escape.markdown(shown) if shown == text else shown


def _drift_icon(found: Report) -> str:
    """Drift that merely warns does not look like a failure."""
    return "⚠️" if found["verdict"] == "fail" and not found["blocking"] else _ICONS[found["verdict"]]


def _schemas(data: Report) -> str:
    return wording.first_few([escape.code(reference) for reference in findings.schemas(data)])


def _numbered(portions: Sequence[findings.Portion]) -> bool:
    """Whether a row is named by its number anywhere."""
    return any(
        example["row"] is not None and not wording.named_by_key(example, check)
        for portion in portions
        for check in portion.items
        for example in check["examples"][:3]
    )


@cache
def _environment() -> Environment:
    # Markdown, not HTML: every value goes through `md` or `code`.
    environment = template_environment(autoescape=False, keep_trailing_newline=True)
    environment.filters |= {
        "address": escape.address,
        "md": escape.markdown,
        "code": escape.code,
        "block": escape.block,
        "figure": numbers.figure,
        "brief": numbers.brief,
        "count": numbers.count,
        "plural": numbers.plural,
        "share": numbers.share,
        "moment": _moment,
        "change": numbers.change,
        "candidate": numbers.candidate,
        "allowed": numbers.allowed,
        "budget_allowed": numbers.budget_allowed,
        "limit": numbers.limit,
        "short": numbers.short,
        "slice": lambda label: escape.markdown(slice_name(label)),
        "icon": _ICONS.__getitem__,
        "worst_first": worst_first,
        "rule": _rule,
        "example": _example,
        "columns": _columns,
        "tally": findings.tally,
        "wanting": _wanting,
        "drift_icon": _drift_icon,
        "schemas": _schemas,
        "numbered": _numbered,
    }
    environment.globals |= {
        "board": board_page,
        "findings": findings,
        "marker": marker,
        "trend": trend_chart,
        "wording": wording,
    }
    return environment
