"""Hostile text against a real Markdown renderer, and against what GitHub does after it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rendered_markdown import linked_by_github, read
from tidegate.report import escape

HOSTILE = [
    "**bold** _it_ ~~gone~~",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<!-- tidegate:comment service=other -->",
    "</code></details>",
    "[click](javascript:alert(1)) ![see](http://x.example/i.png)",
    "`code` ``` fence",
    "a | b | c",
    "@octocat and @acme/team",
    "#1, acme/app#2, GH-3",
    "http://x.example, https://x.example/#4, www.x.example, me@x.example",
    ":tada: :+1:",
    "$x^2$ and $$y$$",
    "&lt;b&gt; &#64;octocat &commat;octocat",
    "\\@octocat \\# \\",
    "# heading",
    "- item",
    "1. item",
    "===",
    "> quote",
    "[ ] task",
    "[^1] footnote",
    "- [x] task",
    "fixes acme/app#12, jlord@3f2a1bc, 3f2a1bc9d04e5f60718293a4b5c6d7e8f9012345 and 1234567",
    "mailto:me@x.example xmpp:me@x.example ftp://x.example",
    "<textarea><title><style>",
    "<details open><summary>x</summary>",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown__hostile_text__is_a_paragraph_that_reads_as_it_was_written(text):
    seen = read(f"{escape.markdown(text)}\n")

    assert set(seen.elements) <= {"p", "span"}
    assert seen.text.replace("\u200b", "").strip() == text
    assert linked_by_github(seen) == []


@pytest.mark.parametrize("text", HOSTILE)
def test_code__hostile_text_in_a_table__stays_in_its_cell(text):
    seen = read(f"| a | b |\n| --- | --- |\n| {escape.code(text)} | next |\n")

    assert [tag for tag in seen.elements if tag in {"td", "code"}] == ["td", "code", "td"]
    assert set(seen.elements) <= {"table", "thead", "tbody", "tr", "th", "td", "code"}
    assert text in seen.text


@pytest.mark.parametrize("text", HOSTILE)
def test_block__hostile_lines__stay_in_the_block(text):
    seen = read(f"{escape.block(f'first{chr(10)}{text}')}\n\nafter\n")

    assert set(seen.elements) == {"pre", "br", "p"}
    assert f"first{text}" in seen.text


@given(st.text(max_size=200))
def test_markdown__any_text__makes_no_element_and_no_link(text):
    seen = read(f"before {escape.markdown(text)} after\n\n{escape.markdown(text)}\n")

    assert set(seen.elements) <= {"p", "span"}
    assert linked_by_github(seen) == []


@given(st.text(alphabet="`|\\<>&*_[]()@#\n\r\t a1-", max_size=60))
def test_code__any_text__is_one_element(text):
    seen = read(f"| a | b |\n| --- | --- |\n| {escape.code(text)} | {escape.code(text)} |\n")

    assert [tag for tag in seen.elements if tag in {"td", "code"}] == ["td", "code"] * 2


def test_plain__marks_that_cannot_be_seen__are_named():
    assert escape.plain("a\u202eb\u200bc\ud800\x00") == "a⟨U+202E⟩b⟨U+200B⟩c⟨U+D800⟩␀"
    escape.plain("\ud800").encode()  # a lone surrogate would break every file it is written to


def test_plain__ansi_codes__are_left_out():
    assert escape.plain("\x1b[31mred\x1b[0m \x1b]0;title\x07end") == "red end"


def test_plain__long_text__is_cut():
    assert escape.plain("x" * 500, 10) == "x" * 9 + "…"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(" AA", "␣AA"), ("AA  ", "AA␣␣"), ("  ", "␣␣"), ("", "(empty)"), ("a\nb\tc", "a␊b␉c")],
)
def test_code__white_space__can_be_seen(value, shown):
    assert escape.code(value) == f"<code>{shown}</code>"


def test_block__long_output__is_cut_and_closed():
    block = escape.block("<&>" * 5_000)

    assert block.startswith("<pre>&#60;&#38;&#62;")
    assert block.endswith("…</pre>")
    assert len(block) < 5_000


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://github.com/a/b/actions/runs/1", "https://github.com/a/b/actions/runs/1"),
        ("http://x.example/a)b|<c>`\"'", "http://x.example/a%29b%7C%3Cc%3E%60%22%27"),
        ("javascript:alert(1)", None),
        ("JAVASCRIPT://x.example/%0aalert(1)", None),
        ("//x.example", None),
        ("https://", None),
        ("http://[", None),
        ("", None),
    ],
)
def test_address__only_of_the_web__and_without_active_characters(text, shown):
    assert escape.address(text) == shown
