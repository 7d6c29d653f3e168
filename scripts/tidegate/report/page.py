"""A report as a page: one HTML file that asks nothing of a network, and runs nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from jinja2 import Environment
from markupsafe import Markup
from markupsafe import escape as html

from tidegate import __version__
from tidegate.report import (
    board_page,
    calibration_chart,
    data_page,
    escape,
    findings,
    forest_plot,
    gate_page,
    gate_wording,
    histogram,
    numbers,
    rules,
    times,
    trend_chart,
    watch_wording,
    wording,
)
from tidegate.report.templating import template_environment

Report = Mapping[str, Any]

MAX_PAGE = 1_500_000  # characters

# Verb -> what its template, <verb>.html.j2, is given: from everything to the least of it.
_PAGES: Mapping[str, Callable[[Report], Iterator[dict[str, Any]]]] = {
    "board": board_page.contents,
    "check-data": data_page.contents,
    "gate-model": gate_page.contents,
}


def render_page(verb: str, report: Report) -> str | None:
    """The page of a verb's report, with as much on it as fits; None for a verb that has none."""
    if verb not in _PAGES:
        return None
    template, text = _environment().get_template(f"{verb}.html.j2"), ""
    for contents in _PAGES[verb](report):
        text = template.render(contents)
        if len(text) <= MAX_PAGE:
            break
    return text


def has_page(verb: str) -> bool:
    return verb in _PAGES


def _rule(check: Report) -> Markup:
    return Markup(rules.words(check).spelt(_code, lambda text: html(escape.plain(text))))  # noqa: S704 - both escape


def _code(text: object, limit: int = 120) -> Markup:
    return Markup("<code>{}</code>").format(escape.exact(text, limit))


@cache
def _environment() -> Environment:
    environment = template_environment(autoescape=True)
    environment.filters |= {
        "address": escape.address,
        "plain": escape.plain,
        "exact": escape.exact,
        "code": _code,
        "brief": numbers.brief,
        "chance": numbers.chance,
        "count": numbers.count,
        "figure": numbers.figure,
        "limit": numbers.limit,
        "candidate": numbers.candidate,
        "change_range": numbers.change_range,
        "change_words": numbers.change_words,
        "allowed": numbers.allowed,
        "budget_allowed": numbers.budget_allowed,
        "plural": numbers.plural,
        "share": numbers.share,
        "short": numbers.short,
        "rule": _rule,
        "tally": findings.tally,
    }
    environment.globals |= {
        "board": board_page,
        "calibration": calibration_chart,
        "forest": forest_plot,
        "gate_wording": gate_wording,
        "findings": findings,
        "times": times,
        "trend": trend_chart,
        "watch": watch_wording,
        "wording": wording,
        "histogram": histogram,
        "marks": data_page.marks,
        "rules": rules,
        "version": __version__,
    }
    return environment
