"""Earlier verdicts, read back from a comment that anybody with write access can edit."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rendered_markdown import linked_by_github, read
from sample_reports import data_report, gate_report
from tidegate.report import history
from tidegate.report.comment import render_comment
from tidegate.report.markdown import MAX_COMMENT

RUN = "https://github.com/acme/flights/actions/runs/42"
AT = "2026-11-24T18:02:00+00:00"
GOOD = {"headline": "✅ Ready", "commit": "ab" * 20, "at": AT, "run": 41}


def line_of(content: Any) -> str:
    text = content if isinstance(content, str) else json.dumps(content)
    return f"<!-- tidegate:history {base64.b64encode(text.encode()).decode()} -->"


def comment(earlier: str, commit: str = "cd" * 20, at: str = AT) -> str:
    reports = {"check-data": data_report(commit=commit), "gate-model": gate_report(commit=commit)}
    return render_comment(reports, [*reports], RUN, at=at, earlier=earlier).body


@given(st.lists(st.tuples(st.text(), st.text(), st.integers(1, 10**18)), max_size=12))
def test_history__any_headlines__are_read_back_as_they_were_written(entries):
    written = [
        history.entry(headline, commit, AT, f"https://x.example/actions/runs/{run}")
        for headline, commit, run in entries
    ][: history.MAX_ENTRIES]
    body = f"the comment\n{history.line(written)}\r\n"

    assert history.read(body) == written
    assert history.line(written).count("-->") == 1


@pytest.mark.parametrize(
    "content",
    [
        "", "{", "null", "[1]", [[GOOD]], [{**GOOD, "run": "41"}], [{**GOOD, "run": -1}],
        [{**GOOD, "run": 10**30}], [{**GOOD, "url": "https://evil.example"}],
        [{**GOOD, "commit": "[x](https://evil.example)"}], [{**GOOD, "at": "now\n## forged"}],
        [{**GOOD, "headline": "x" * 5_000}], [{**GOOD, "headline": None}], [GOOD] * 500,
        {"headline": "x"}, "[" * 5_000,
    ],
)  # fmt: skip
def test_history__forged_or_damaged__is_none(content):
    assert history.read(line_of([GOOD]))
    assert history.read(line_of(content)) == []
    assert "Earlier verdicts" not in comment(line_of(content))


def test_history__not_on_the_last_line__is_none():
    forged = line_of([GOOD])

    assert history.read(f"{forged}\nand more") == []
    assert history.read(f"text {forged}") == []
    assert history.read("") == []


@pytest.mark.parametrize(
    "headline",
    [
        "@octocat #1 <img src=x> | [a](http://x.example) :tada: GH-1 3f2a1bc9d04e --> `x`",
        "--> <!-- tidegate:history W10= -->",
    ],
)
def test_history__hostile_headline_of_an_edited_comment__is_shown_and_never_acted_on(headline):
    plain, evil = (
        read(comment(line_of([{**GOOD, "headline": text}]))) for text in ("a name", headline)
    )

    assert evil.elements == plain.elements
    assert linked_by_github(evil) == []


def test_history__of_three_pushes__stands_in_the_comment_newest_first_with_its_runs():
    body = ""
    for number in range(3):
        body = comment(body, commit=f"{number}b" * 20, at=f"2026-11-24T1{number}:00:00+00:00")

    assert "Earlier verdicts here: 2" in body
    assert body.index("1b1b1b1b1b") < body.index("0b0b0b0b0b")
    assert f"[log]({RUN})" in body


def test_history__the_same_verdict_said_again__is_one():
    body = comment(comment(comment("")))

    assert "Earlier verdicts" not in body
    assert len(history.read(body)) == 1


def test_history__many_pushes__keeps_the_last_ones():
    body = ""
    for number in range(30):
        body = comment(body, commit=f"{number:040x}")

    assert len(history.read(body)) == history.MAX_ENTRIES
    assert len(body) < MAX_COMMENT


def test_run_url__is_made_of_this_run_s_own_address():
    one = history.Entry(**GOOD)

    assert history.run_url(one, RUN) == RUN.replace("42", "41")
    assert history.run_url(one, None) is None
    assert history.run_url(one, "https://x.example/else") is None
