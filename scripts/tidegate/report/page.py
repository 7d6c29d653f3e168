"""A report as a page: one HTML file that asks nothing of a network, and runs nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment
from markupsafe import Markup
from markupsafe import escape as html

from tidegate import __version__
from tidegate.report import escape, findings, histogram, numbers, rules, wording
from tidegate.report.redaction import censored
from tidegate.report.templating import template_environment

Report = Mapping[str, Any]

MAX_PAGE = 1_500_000  # characters
_MARKS = {"tolerated": "tolerated", "warning": "warning", "unjudged": "not judged"}


@dataclass(frozen=True)
class _Shown:
    """How much of the long lists there is room for, over all datasets."""

    datasets: int
    broken: int
    columns: int
    findings: int
    rules: int


# The least important goes first: rules that hold, then charts, then findings.
_STEPS = (
    _Shown(500, 400, 600, 1_000, 3_000),
    _Shown(500, 400, 200, 500, 500),
    _Shown(200, 200, 60, 200, 0),
    _Shown(100, 60, 20, 60, 0),
    _Shown(30, 30, 5, 30, 0),
)


@dataclass(frozen=True)
class Section:
    """One dataset on the page: as much of each of its lists as there is room for."""

    dataset: Report
    broken: findings.Portion
    unjudged: findings.Portion
    warnings: findings.Portion
    changes: findings.Portion
    files: findings.Portion
    drift: findings.Portion
    columns: findings.Portion
    rules: findings.Portion


def render_page(verb: str, report: Report) -> str | None:
    """The page of a verb's report; None for a verb that has none."""
    return _PAGES[verb](report) if verb in _PAGES else None


def has_page(verb: str) -> bool:
    return verb in _PAGES


def _data_page(report: Report) -> str:
    template = _environment().get_template("check-data.html.j2")
    if report["error"] is not None:
        return template.render(report=report, sections=[], left_out=0)
    data = censored(report)
    datasets = findings.worst_first(data["datasets"])
    text = ""
    for shown in _STEPS:
        text = template.render(
            report=data,
            sections=_sections(datasets[: shown.datasets], shown),
            left_out=max(0, len(datasets) - shown.datasets),
        )
        if len(text) <= MAX_PAGE:
            break
    return text


_PAGES: Mapping[str, Callable[[Report], str]] = {"check-data": _data_page}


def _sections(datasets: Sequence[Report], shown: _Shown) -> list[Section]:
    def of(room: int, choose: Callable[[Report], list[Report]]) -> list[findings.Portion]:
        return findings.portions(datasets, room, choose)

    lists = zip(
        of(shown.broken, findings.broken),
        of(shown.findings, findings.unjudged),
        of(shown.findings, findings.warnings),
        of(shown.findings, findings.schema_changes),
        of(shown.findings, findings.data_changes),
        of(shown.findings, findings.all_drift),
        of(shown.columns, findings.columns),
        of(shown.rules, lambda dataset: list(dataset["checks"])),
        strict=True,
    )
    return [Section(dataset, *portions) for dataset, portions in zip(datasets, lists, strict=True)]


def _rule(check: Report) -> Markup:
    return Markup(rules.words(check).spelt(_code, lambda text: html(escape.plain(text))))  # noqa: S704 - both escape


def _code(text: object, limit: int = 120) -> Markup:
    return Markup("<code>{}</code>").format(escape.exact(text, limit))


def _marks(dataset: Report) -> dict[str | None, list[tuple[str, str]]]:
    """For each column that something was found in, the badges of its card: verdict and words."""
    marks: dict[str | None, list[tuple[str, str]]] = {}
    for check in reversed(dataset["checks"]):
        state = findings.state(check, dataset)
        if state == "broken":
            marks[check["column"]] = [("fail", "broken rule")]
        elif state != "holding":
            marks.setdefault(check["column"], [(state, _MARKS[state])])
    for found in findings.drifting(dataset):
        verdict = "fail" if found["blocking"] else "warning"
        marks.setdefault(found["column"], []).append((verdict, "drift"))
    return marks


@cache
def _environment() -> Environment:
    environment = template_environment(autoescape=True)
    environment.filters |= {
        "plain": escape.plain,
        "exact": escape.exact,
        "code": _code,
        "brief": numbers.brief,
        "chance": numbers.chance,
        "count": numbers.count,
        "plural": numbers.plural,
        "share": numbers.share,
        "short": numbers.short,
        "rule": _rule,
        "tally": findings.tally,
    }
    environment.globals |= {
        "findings": findings,
        "wording": wording,
        "histogram": histogram,
        "marks": _marks,
        "rules": rules,
        "version": __version__,
    }
    return environment
