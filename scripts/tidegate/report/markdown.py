"""Reports as Markdown: what templates may say, in as much room as there is, and each verb's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment

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
from tidegate.report.headline import decided
from tidegate.report.redaction import censored
from tidegate.report.templating import template_environment

MAX_COMMENT = 65_536
MAX_REPORT = 250_000  # characters, each of up to four bytes
_ICONS = {"pass": "✅", "fail": "❌", "inconclusive": "❔", None: "⚠️"}
Report = Mapping[str, Any]


@dataclass(frozen=True)
class Shown:
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
SHORTER = (
    Shown(10, 30, 50),
    Shown(3, 10, 10, notes=20, text=400),
    Shown(0, 5, 5, bars=5, notes=5, earlier=3, reasons=3, text=200),
    Shown(0, 2, 2, bars=0, notes=2, earlier=0, reasons=2, text=40),
)
# A verb's own report is the summary of its step, and printed; the JSON has all of it.
_FULLER = (Shown(1_000, 100, 200), Shown(1_000, 50, 50), Shown(1_000, 20, 20, notes=50))


_MOST: ContextVar[int] = ContextVar("characters of a text", default=Shown.text)


def render_verb(verb: str, report: Report) -> str:
    """One verb's report as Markdown; a report that is a comment brings its own."""
    if "body" in report:
        return str(report["body"])
    decided = report["error"] is None
    if decided and verb == "check-data":
        report = censored(report)
    name = f"{verb}.md.j2" if decided else "error.md.j2"
    return fitting(name, _FULLER, MAX_REPORT, "the JSON", report=report, verb=verb)


def sentence(text: str) -> str:
    """One line of somebody else's words, as a sentence."""
    return f"{escape.markdown(text[:1].upper() + text[1:])}."


def fitting(name: str, steps: Sequence[Shown], limit: int, more: str, **values: Any) -> str:
    """A template with as much of the long lists as fits into `limit` characters.

    more: where to read on, should even the least of it not fit.
    """
    template = environment().get_template(name)
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


def _markdown(text: object, limit: int = 400) -> str:
    return escape.markdown(text, min(limit, _MOST.get()))


def _code(text: object, limit: int = 120) -> str:
    return escape.code(text, min(limit, _MOST.get()))


def _block(text: object) -> str:
    return escape.block(text, _MOST.get())


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
def environment() -> Environment:
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
        "trend": trend_chart,
        "watch": watch_wording,
        "wording": wording,
    }
    return environment
