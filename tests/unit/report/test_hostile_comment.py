"""A comment in which everything that others wrote is hostile, by GitHub's own renderer."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rendered_markdown import linked_by_github, read
from sample_reports import (
    budget,
    curve,
    full_data_report,
    gate_report,
    override,
    policy,
    policy_change,
    slice_result,
    undecided,
    worse_slice,
)
from terminals import Terminal, without_style
from tidegate.report import history, terminal
from tidegate.report.comment import render_comment
from tidegate.report.markdown import MAX_COMMENT, length, render_verb

RUN = "https://github.com/acme/flights/actions/runs/42"
AT = "2026-11-24T18:02:00+00:00"
# What Markdown, HTML, Mermaid or GitHub act on, more often than by chance.
WORDS = ["@octocat", "#1", "GH-1", "a/b#1", "www.x.y", "http://x.y", "::error::", "\x1b[31m",
         "\u202e", "\u200b", "<!--", "-->", "</details>", "```", "3f2a1bc9d04e", "| - |", "$$",
         "&#64;", "[x](y)", "\n## a", "\n- [ ] b", ":tada:", "~~~", "%%{init"]  # fmt: skip
HOSTILE = st.lists(
    st.sampled_from(WORDS)
    | st.text(alphabet=st.characters() | st.sampled_from("|`<>&*_[]()@#:!\\~$^-+=\n\r\t 1.")),
    max_size=6,
).map(" ".join)


def reports_of(text: str) -> dict[str, dict[str, Any]]:
    """Every report with something in each of its parts, and `text` wherever text may be."""
    changed = policy_change(path=text, before=text, after=text, effect=text, note=text)
    bar = policy(changed, why=text, commit=text)
    let = override(by=text, role=text, label=text, at=text, commit=text, run_url=text)
    followed = {"path": text, "in_repository": text, "exists": True}
    known = dict.fromkeys(
        ("version", "source", "predictions_digest", "registered_at", "release", "environment",
         "since"), text,
    )  # fmt: skip
    gate = gate_report(
        worse_slice(text, metric=text, reason=text),
        slice_result(metric=text, slice={text: None, "x": text}, verdict="inconclusive"),
        slice_result(metric=text, slice={text: text}),
        budgets=[budget(name=text, value=99.0, verdict="fail", champion=1.0)],
        notes=[text],
        baseline=known,
        policy=bar,
        override=let,
        blocked=False,
        commit=text,
        curves={"candidate": curve(), "baseline": None},
        mode=text,
        runbook=followed,
    )
    data = full_data_report(text, policy=bar, service="shop", runbook=followed)
    broken = undecided("pull-data", what=text, where=text, remedy=text)
    return {"pull-data": broken, "check-data": data, "gate-model": gate}


def comment(text: str, only: str | None = None) -> str:
    reports = {verb: r for verb, r in reports_of(text).items() if only in (None, verb)}
    earlier = f"x\n{history.line([history.entry(text, text, AT, text)])}"
    return render_comment(reports, [*reports, text], RUN, at=AT, earlier=earlier).body


def structure(markdown: str) -> list[str]:
    """Its elements, but for those that a name may be given to be seen as it is."""
    return [tag for tag in read(markdown).elements if tag not in {"span", "code", "br"}]


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(HOSTILE, st.sampled_from([None, "gate-model"]))
def test_comment__any_text_anywhere__is_shown_and_never_acted_on(text, only):
    evil = comment(f"a {text}", only)

    assert structure(evil) == structure(comment("a name", only))
    assert linked_by_github(read(evil)) == []
    assert not {"\x1b", "\u202e"} & {*evil}


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(HOSTILE)
def test_summary__any_text_in_the_gates_report__is_shown_and_never_acted_on(text):
    evil, plain = (
        render_verb("gate-model", reports_of(words)["gate-model"])
        for words in (f"a {text}", "a name")
    )

    assert structure(evil) == structure(plain)
    assert linked_by_github(read(evil)) == []


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(HOSTILE)
def test_terminal_or_log__any_text_anywhere__is_no_command_and_no_code(stream, text):
    target = stream()
    terminal.show(comment(f"a {text}"), target)
    shown = without_style(target.getvalue())

    assert not {"\x1b", "\u202e", "\x07", "\r"} & {*shown}
    if not target.isatty():  # a log, which a runner reads
        assert re.search(r"^\s*::\w|##\[", shown, re.MULTILINE) is None
    assert "```mermaid" not in shown


@pytest.mark.parametrize("name", ["x" * 400, "|@" * 200, "\U0001f9ff" * 400])
@pytest.mark.parametrize(
    ("datasets", "slices", "lists"),
    [(1, 1, 1), (40, 3, 3), (1, 1_500, 1), (1, 3, 400), (1_500, 1, 1), (300, 300, 40)],
)
def test_comment__reports_of_any_size__fit_and_say_the_verdict(datasets, slices, lists, name):
    made = reports_of(name)
    full, tolerant = made["check-data"]["datasets"]
    for part in ("checks", "drift", "contract", "profile"):
        full[part] = full[part] * lists
    data = {**made["check-data"], "datasets": [full, *[tolerant] * datasets]}
    gate = made["gate-model"]
    gate = {
        **gate,
        "results": gate["results"] * slices,
        "notes": [name * 20] * lists,
        "budgets": gate["budgets"] * min(lists, 40),
        "policy": policy(*gate["policy"]["changes"] * lists, why=name * 5),
    }
    reports = {**made, "check-data": data, "gate-model": gate}
    earlier = history.line([history.entry(name, None, AT, RUN)] * history.MAX_ENTRIES)
    body = render_comment(reports, [*reports], RUN, at=AT, earlier=earlier).body

    assert length(body) <= MAX_COMMENT
    assert len(body) <= MAX_COMMENT
    assert body.splitlines()[1].startswith("## ❌ Blocked: the data breaks")
    assert "… cut here" not in body
    assert RUN in body
    assert history.read(body)[0].headline.startswith("❌ Blocked")
