"""Reports as Markdown: one verb's own, and the comment that brings them together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment

from tidegate import __version__
from tidegate.report import (
    board_page,
    escape,
    findings,
    gate_wording,
    history,
    numbers,
    rules,
    slice_chart,
    times,
    trend_chart,
    watch_wording,
    wording,
)
from tidegate.report.claim import Claim
from tidegate.report.headline import decided, headline, override
from tidegate.report.redaction import censored
from tidegate.report.templating import template_environment

MAX_COMMENT = 65_536
MAX_REPORT = 250_000  # characters, each of up to four bytes
_ICONS = {"pass": "✅", "fail": "❌", "inconclusive": "❔", None: "⚠️"}
Report = Mapping[str, Any]


@dataclass(frozen=True)
class _Shown:
    """How much of the long lists there is room for.

    bars: of the chart of slices; reasons: of a blocked model; text: characters of each text that
    others wrote, which may take nine times as many once nothing in it is active.
    """

    slices: int
    rules: int
    datasets: int
    bars: int = slice_chart.MAX_BARS
    notes: int = 200
    earlier: int = history.MAX_ENTRIES
    reasons: int = 5
    text: int = 4_000


# GitHub refuses a comment beyond MAX_COMMENT: the least important goes first.
_SHORTER = (
    _Shown(10, 30, 50),
    _Shown(3, 10, 10, notes=20, text=400),
    _Shown(0, 5, 5, bars=5, notes=5, earlier=3, reasons=3, text=200),
    _Shown(0, 2, 2, bars=0, notes=2, earlier=0, reasons=2, text=40),
)
# A verb's own report is the summary of its step, and printed; the JSON has all of it.
_FULLER = (_Shown(1_000, 100, 200), _Shown(1_000, 50, 50), _Shown(1_000, 20, 20, notes=50))


_MOST: ContextVar[int] = ContextVar("characters of a text", default=_Shown.text)


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
    reports: Mapping[str, Report],
    expected: Sequence[str],
    run_url: str | None = None,
    *,
    at: str | None = None,
    earlier: str = "",
    claim: Claim | None = None,
) -> Comment:
    """The comment of a pull request from the reports at hand.

    expected: verbs that must have reported; one that has not reads as undecided, never as a pass.
    at: now; earlier: the text of the comment as it stands, whose verdict becomes an earlier one.
    Without a time no history is kept. claim: the run without secrets that the reports come from,
    where it was one.
    """
    missing = [verb for verb in expected if verb not in reports]
    said, blocked = headline(reports, missing)
    if claim is not None:
        said, blocked = claim.headline(said, blocked)
        missing = [] if claim.refused else missing
    data, gate = decided(reports, "check-data"), decided(reports, "gate-model")
    commit = next((r["commit"] for r in reports.values() if r.get("commit")), None)
    before, last = [], ""
    if at is not None:
        now = history.entry(said, commit, at, run_url)
        before = history.before(history.read(earlier), now)
        last = history.line([now, *before]) + "\n"
    body = _fitting(
        "comment.md.j2",
        _SHORTER,
        MAX_COMMENT - len(last),
        f"[the full reports]({run_url})" if run_url else "the full reports",
        service=service_of(reports),
        headline=said,
        claim=claim,
        data=censored(data) if data else None,
        gate=gate,
        policies=_policies(reports),
        label=_label(reports),
        refused=dict.fromkeys(why for r in reports.values() if (why := r.get("override_refused"))),
        overrides=[found for report in (data, gate) if (found := override(report))],
        errors={verb: report for verb, report in reports.items() if report["error"] is not None},
        reports=reports,
        skipped=missing,
        stopped=any(report["blocked"] for report in reports.values()),
        commit=commit,
        run_url=run_url,
        repository_url=(run_url or "").partition("/actions/runs/")[0],
        before=before,
        pages=_pages(reports),
        version=__version__,
    )
    return Comment(said, blocked, body + last)


def _pages(reports: Mapping[str, Report]) -> str:
    """The pages that show more than there is room for here."""
    shown = {
        "gate-model": "`gate-model.html` (every slice with its interval, calibration, scores)",
        "check-data": "`check-data.html` (every rule, histograms)",
    }
    return " and ".join(words for verb, words in shown.items() if decided(reports, verb))


def _label(reports: Mapping[str, Report]) -> str | None:
    """The label that would let a blocked pull request through; None where none is blocked."""
    policies = [r["policy"] for r in reports.values() if r["blocked"] and r.get("policy")]
    return next((label for policy in policies if (label := policy.get("override_label"))), None)


def _policies(reports: Mapping[str, Report]) -> list[Mapping[str, Any]]:
    """Whose policy judged, and what changes in it; of data and model together where it is one."""
    merged: dict[tuple[Any, ...], list[Any]] = {}
    for report in reports.values():
        if policy := report.get("policy"):
            changes = merged.setdefault((policy["source"], policy["commit"], policy["why"]), [])
            changes += [change for change in policy["changes"] if change not in changes]
    return [
        {"source": source, "commit": commit, "why": why, "changes": changes}
        for (source, commit, why), changes in merged.items()
        if changes or why
    ]


def render_issue(
    report: Report, state: str, repository_url: str, started: Report | None = None
) -> str:
    """The issue of an incident that goes on. state: what the next run has to know, not shown.

    started: what was started for it, when, and in which run.
    """
    return _fitting(
        "incident.md.j2",
        _SHORTER,
        MAX_COMMENT,
        f"[the full report]({report['run_url']})" if report["run_url"] else "the full report",
        report=report,
        state=state,
        repository_url=repository_url,
        started=started,
        version=__version__,
    )


def render_note(what: str, report: Report, parts: Sequence[str]) -> str:
    """A comment on an incident's issue. what: ended, more (parts fail) or duplicate."""
    template = _environment().get_template("incident-note.md.j2")
    return template.render(what=what, report=report, parts=parts)


def sentence(text: str) -> str:
    """One line of somebody else's words, as a sentence."""
    return f"{escape.markdown(text[:1].upper() + text[1:])}."


def _fitting(name: str, steps: Sequence[_Shown], limit: int, more: str, **values: Any) -> str:
    """A template with as much of the long lists as fits into `limit` characters.

    more: where to read on, should even the least of it not fit.
    """
    template = _environment().get_template(name)
    for shown in steps:
        _MOST.set(shown.text)
        text = template.render(shown=shown, **values)
        if length(text) <= limit:
            return text
    cut = text[: (limit - 400) // 2].rpartition("\n")[0]
    return f"{cut}\n\n… cut here, see {more}.\n"


def length(text: str) -> int:
    """Characters as UTF-16 counts them: never fewer than GitHub does, whatever it counts."""
    return len(text.encode("utf-16-le", errors="surrogatepass")) // 2


def service_of(reports: Mapping[str, Report]) -> str:
    """The service that the reports are about; empty when none of them came to know it."""
    return next((str(r["service"]) for r in reports.values() if r.get("service")), "")


def marker(service: str) -> str:
    """What tells this service's comment from others: the first line of the comment, not shown."""
    return f"<!-- tidegate:comment service={escape.markdown(service)} -->"


def _markdown(text: object, limit: int = 400) -> str:
    return escape.markdown(text, min(limit, _MOST.get()))


def _code(text: object, limit: int = 120) -> str:
    return escape.code(text, min(limit, _MOST.get()))


def _block(text: object) -> str:
    return escape.block(text, _MOST.get())


def incident_marker(service: str) -> str:
    """What tells this service's issue from others: its first line, not shown."""
    return f"<!-- tidegate:incident service={escape.markdown(service)} -->"


def _rule(check: Report) -> str:
    return rules.words(check).spelt(_code, _markdown)


def _example(example: Report, check: Report) -> str:
    """Where an example stands, and what it holds."""
    if wording.named_by_key(example, check):
        place = ", ".join(
            f"{_markdown(name, 60)} {_code(value, 60)}" for name, value in example["key"].items()
        )
    else:
        place = _markdown(wording.file_and_row(example))
    value = wording.value_of(example, check)
    if value is None:
        return f"{place} (value redacted)" if check["redacted"] else place
    return f"{place}: {_code(value, 80)}"


def _columns(names: Sequence[tuple[str, str | None]]) -> str:
    """Columns of a piece of advice, each once, the first few by name."""
    columns = list(dict.fromkeys(column for _, column in names if column is not None))
    return f" ({wording.first_few([_code(column, 60) for column in columns])})" if columns else ""


def _wanting(counts: Mapping[str | None, int]) -> str:
    """Columns with the number of rules that nothing is known of."""
    columns = ["the whole row" if column is None else _code(column, 60) for column in counts]
    shown = zip(columns, counts.values(), strict=True)
    return wording.first_few(
        [f"{column} ({numbers.plural(count, 'rule')})" for column, count in shown]
    )


def _moment(text: str | None, *, seconds: bool = False, zone: str = " UTC") -> str:
    """A time is plain digits, to be copied as they are."""
    shown = times.moment(text, seconds=seconds, zone=zone)
    return _markdown(shown) if shown == text else shown


def _drift_icon(found: Report) -> str:
    """Drift that merely warns does not look like a failure."""
    return "⚠️" if found["verdict"] == "fail" and not found["blocking"] else _ICONS[found["verdict"]]


def _slice_chart(gate: Report, bars: int) -> slice_chart.Chart | None:
    """The worst slices; several are worth a picture."""
    slices = [r for r in gate["results"] if r["slice"] is not None] if bars else []
    if len(slices) < 2:
        return None
    worst, against = gate_wording.worst_first(slices), gate_wording.against(gate)
    return slice_chart.chart(worst, against, lambda r: gate_wording.slice_name(r["slice"]), bars)


_BASELINES = {
    "logged": "its predictions as they were logged with it",
    "scored": "scored now, in its own environment",
    "file": "from a file",
}


def _keys(gate: Report) -> str:
    """Where the bounds stand that something stands against."""
    results = {
        f"gate.{'metrics' if r['slice'] is None else 'slice-metrics'}."
        f"{r['metric'].partition('/')[0]}"
        for r in gate_wording.stopping(gate)
    }
    budgets = {f"gate.budgets.{b['name']}" for b in gate["budgets"] if b["verdict"] != "pass"}
    names = [_code(name, 80) for name in sorted(results | budgets)]
    return wording.first_few(names) or "the bound"


def _costs(reports: Mapping[str, Report]) -> str:
    """`63.1 s: check-data 1.2 s (133,201 rows), ...`; empty where no report says."""
    took = {verb: report["seconds"] for verb, report in reports.items() if report.get("seconds")}
    parts = []
    for verb, seconds in took.items():
        report = decided(reports, verb) or {}
        rows = sum(dataset["rows"] for dataset in report.get("datasets", ())) or report.get("rows")
        read = f" ({numbers.plural(rows, 'row')})" if rows else ""
        parts.append(f"{_markdown(verb)} {times.took(seconds)}{read}")
    total = times.took(sum(took.values()))
    return f"{total}: {', '.join(parts)}" if len(parts) > 1 else "".join(parts)


def _schemas(data: Report) -> str:
    return wording.first_few([_code(reference) for reference in findings.schemas(data)])


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
        "md": _markdown,
        "code": _code,
        "block": _block,
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
        "slice": lambda label: _markdown(gate_wording.slice_name(label)),
        "took": times.took,
        "icon": _ICONS.__getitem__,
        "worst_first": gate_wording.worst_first,
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
        "costs": _costs,
        "findings": findings,
        "gate_wording": gate_wording,
        "history": history,
        "slice_chart": _slice_chart,
        "how": _BASELINES,
        "keys": _keys,
        "incident_marker": incident_marker,
        "marker": marker,
        "trend": trend_chart,
        "watch": watch_wording,
        "wording": wording,
    }
    return environment
