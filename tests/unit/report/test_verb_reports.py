"""Each verb's own report: its published schema, its Markdown, and how a terminal shows it."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from rendered_markdown import read
from sample_reports import (
    COMMIT,
    board_report,
    budget,
    check,
    chronicle,
    command_report,
    data_report,
    dataset,
    drift,
    environment,
    event,
    example,
    full_board_report,
    full_data_report,
    full_watch_report,
    gate_report,
    no_drift,
    release,
    result,
    undecided,
    watch_report,
    worse_slice,
)
from terminals import Terminal, without_style
from tidegate.cli import VERBS
from tidegate.github.runner import MAX_SUMMARY
from tidegate.report import numbers, terminal, wording
from tidegate.report.comment import render_comment
from tidegate.report.markdown import render_verb
from tidegate.report.page import render_page
from tidegate.report.schemas import FIELDS, report_schema

EVENT, RELEASE = event(), release()
MOVE = {
    "environment": "production",
    "before": "v2-9f8e7d6",
    "after": "v3-0a1b2c3",
    "steps": [
        {"name": "preflight", "verdict": "pass", "seconds": 0.4, "detail": "approved by lee"},
        {"name": "deploy", "verdict": "pass", "seconds": 3.1, "detail": "port 8080"},
    ],
    "event": EVENT,
}
INCIDENT = {
    "did": "opened",
    "detail": "opened https://github.com/acme/flight-delay/issues/4",
    "url": "https://github.com/acme/flight-delay/issues/4",
    "act": None,
    "body": "### Incident\n",
}
COMMENT = {"headline": "✅ Ready to merge", "body": "## ✅ Ready to merge\n"}
OWN: dict[str, dict[str, Any]] = {
    "register-model": {
        "model": "flight-delay",
        "version": "3",
        "run_id": "ab12",
        "alias": "challenger",
        "record_digest": "sha256:" + "be" * 32,
        "release": None,
        "scan": {"pickles": 1, "imports": ["sklearn.pipeline.Pipeline"]},
        "override": None,
    },
    "build-image": {
        "image": {
            "repository": "ghcr.io/acme/flight-delay",
            "tag": "v3",
            "id": "sha256:" + "12" * 32,
            "digest": None,
            "reference": "sha256:" + "12" * 32,
            "size_mb": 812.5,
            "labels": {"org.opencontainers.image.revision": COMMIT},
            "builder": "classic",
        },
        "release": RELEASE,
        "record": gate_report()["record"],
    },
    "test-image": {
        "image": RELEASE["image"],
        "release": "v3-0a1b2c3",
        "checks": [{"name": "ready", "verdict": "pass", "detail": "after 1.2 s"}],
        "latency": {"p50_ms": 3.2, "p95_ms": 4.8, "p99_ms": 9.9},
        "memory_mb": 211.0,
        "load": {
            "requests": 400,
            "concurrency": 4,
            "rows": 1,
            "seconds": 1.5,
            "throughput_rps": 266.7,
            "p50_ms": 12.1,
            "p95_ms": 21.6,
            "p99_ms": 40.2,
            "memory_mb": 230.5,
        },
        "budgets": [
            budget(name="throughput-rps", value=266.7, max=None, limit=None, min=100.0),
            budget(name="latency-p95-ms", value=4.8, max=50.0),
            budget(
                name="memory-mb",
                value=211.0,
                max=None,
                champion=200.0,
                max_increase="10%",
                limit=220.0,
            ),
        ],
        "notes": ["image-size-mb was not judged: there is no champion to compare it with."],
    },
    "promote": MOVE,
    "rollback": MOVE,
    "hold": {
        **MOVE,
        "before": "v3-0a1b2c3",
        "steps": [
            {
                "name": "hold",
                "verdict": "pass",
                "seconds": 0.0,
                "detail": "production takes no promotion until it is released",
            }
        ],
        "event": {**EVENT, "kind": "hold"},
    },
    "status": {
        "environments": [
            environment(drift=["the champion is version 2, the ledger says version 3"])
        ],
        "ledger": [EVENT],
        "at": None,
        "notes": [],
    },
    "card": {"path": "MODEL_CARD.md", "record_digest": "sha256:be", "body": "a card"},
    "incident": INCIDENT,
    "comment": {**COMMENT, "path": "comment.md", "url": None, "posted": False},
    "pr": {**COMMENT, "reports": {}},
    "verify-record": {
        "record": {"digest": "sha256:be"},
        "differences": [{"field": "verdict", "recorded": "pass", "found": "fail"}],
    },
    "doctor": {
        "checks": [
            {"name": "config", "verdict": "pass", "detail": "it is valid", "remedy": None},
            {"name": "registry", "verdict": "fail", "detail": "no answer", "remedy": "start it"},
            {"name": "workflows", "verdict": "note", "detail": "none", "remedy": "see the README"},
            {"name": "secrets", "verdict": "unseen", "detail": "not seen", "remedy": "a token"},
        ],
        "changes": [{"what": "make the environment production", "made": False}],
    },
}
REPORTS = {
    "board": board_report(),
    "watch": watch_report(),
    "check-data": data_report(dataset(check())),
    "gate-model": gate_report(result(), worse_slice(), budgets=[budget()], notes=["a note"]),
    "pull-data": command_report("pull-data"),
    "reproduce-pipeline": command_report("reproduce-pipeline"),
    **{verb: {**command_report(verb), **fields} for verb, fields in OWN.items()},
}


def test_schemas__every_verb_with_a_report__has_one():
    # `gate-model --verify` writes a report of its own name.
    assert set(FIELDS) == {*VERBS, "verify-record"} - {"schema"} == set(REPORTS)


@pytest.mark.parametrize("verb", REPORTS)
def test_report_schema__a_report_and_an_undecided_one__are_valid(verb):
    Draft202012Validator.check_schema(report_schema(verb))
    validator = Draft202012Validator(report_schema(verb))

    validator.validate(REPORTS[verb])
    if verb == "check-data":
        validator.validate(full_data_report())
    if verb == "board":
        validator.validate(full_board_report())
    if verb == "watch":
        validator.validate(full_watch_report())
    if verb == "pull-data":
        validator.validate(command_report(verb, command=""))
    validator.validate({**undecided(verb), "service": None})


def test_report_schema__a_report_that_lacks_its_own_fields__is_refused():
    validator = Draft202012Validator(report_schema("gate-model"))

    assert not validator.is_valid(command_report("gate-model"))
    assert not validator.is_valid(REPORTS["check-data"])


@pytest.mark.parametrize("key", ["champion", "max_increase", "limit"])
def test_report_schema__a_budget_without_its_champion_or_limit__is_refused(key):
    item = budget()
    del item[key]

    for verb in ("gate-model", "test-image"):
        validator = Draft202012Validator(report_schema(verb))
        assert validator.is_valid({**REPORTS[verb], "budgets": [budget()]})
        assert not validator.is_valid({**REPORTS[verb], "budgets": [item]})


@pytest.mark.parametrize(
    ("increase", "valid"), [("10%", True), ("10 %", True), (5, True), (None, True), ("10", False)]
)
def test_report_schema__increase_of_a_budget__is_a_number_or_a_share(increase, valid):
    report = gate_report(result(), budgets=[budget(champion=2.4, max_increase=increase)])

    assert Draft202012Validator(report_schema("gate-model")).is_valid(report) == valid


@pytest.mark.parametrize("stream", [Terminal, io.StringIO])
@pytest.mark.parametrize("verb", REPORTS)
def test_render_verb__each_verb__is_markdown_that_a_terminal_shows_too(verb, stream):
    text = render_verb(verb, REPORTS[verb])
    shown = show(text, stream())

    assert read(text).text.strip()
    assert "None" not in text
    assert "\x1b" not in shown
    assert not [tag for tag in ("<code>", "&#", "<br>", "{{") if tag in shown]


@pytest.mark.parametrize("verb", REPORTS)
def test_render_verb__undecided__says_why_and_what_to_do(verb):
    seen = read(render_verb(verb, undecided(verb, what="it is <broken>"))).text

    assert f"{verb} could not be decided" in seen
    assert "it is <broken>" in seen
    assert "what to do: see that the server runs" in seen


def test_render_verb__blocked_data__names_dataset_column_rule_count_and_rows():
    seen = read(render_verb("check-data", REPORTS["check-data"])).text

    for part in ("flights", "carrier", "one of '9E', 'AA'", "412", "2013-05.parquet row 17: ZZ"):
        assert part in seen


def test_render_verb__rules_that_could_not_be_judged__are_counted_beside_the_broken_ones():
    holding = [check(column=f"h{n}", failing_rows=0, examples=[]) for n in range(42)]
    lost = [check(column="hour", failing_rows=0, examples=[], verdict="inconclusive")] * 4
    other = check(column=None, kind="rows", check="within 10% of the reference’s rows",
                  failing_rows=0, verdict="inconclusive", examples=[],
                  detail="there is no reference: name another in its place")  # fmt: skip
    data = data_report(dataset(*[check()] * 4, *holding, *lost, other))
    seen = read(render_verb("check-data", data)).text

    assert seen.count("42 of 51 hold, 4 are broken, 5 could not be judged") == 2
    assert "because a column is lost or of another type: hour (4 rules)." in seen
    assert "within 10% of the reference’s rows: there is no reference: name another" in seen


def test_render_verb__example_with_a_key__is_named_by_it():
    rule = check(examples=[example(row=17, value="ZZ", key={"flight_id": "UA 1545", "day": "3"})])
    seen = read(render_verb("check-data", data_report(dataset(rule)))).text

    assert "flight_id UA 1545, day 3: ZZ" in seen
    assert "counted from 0" not in seen


def test_render_verb__drift_that_blocks__stands_with_what_to_do():
    blocked = dataset(drift=[drift(blocking=True)], verdict="fail")
    seen = read(render_verb("check-data", data_report(blocked))).text

    assert "where drift is to fail: drift in 1 of 1 column (dep_delay)" in seen
    assert "PSI 0.313" in seen
    assert "Drift (dep_delay): See what changed at the source" in seen


def test_render_verb__drift_that_the_rows_cannot_tell__blocks_with_what_to_do():
    unsure = drift(blocking=True, verdict="inconclusive", detail="about 900 rows would tell")
    report = data_report(dataset(drift=[unsure], verdict="inconclusive"), dataset())
    seen = read(render_verb("check-data", report)).text

    assert "❔ Data: inconclusive" in seen
    assert "about 900 rows would tell" in seen
    assert "(dep_delay): Compare more rows" in seen
    assert "mode: warn" in seen
    assert "the contract is not" not in seen
    assert "the rows cannot tell whether 1 column of the data drifts (flights)" in (
        wording.refusal(report)
    )
    assert wording.summary(report).startswith("None of 2 datasets fails, 1 could not be decided.")
    page = render_page("check-data", report)
    assert page is not None
    assert "Compare more rows" in page


def test_render_verb__nothing_to_say__says_nothing():
    seen = read(render_verb("check-data", data_report(dataset(drift=[no_drift("a")])))).text

    assert not [word for word in ("drift", "What to do", "warning", "schema") if word in seen]


@pytest.mark.parametrize("size", [50, 2_000])
def test_render_verb__huge_data__fits_a_summary(size):
    long = "🛬" * 300
    checks = [check(column=f"{long}{n}", check=f"isin(['{long}'])") for n in range(20)]
    text = render_verb(
        "check-data", data_report(*[dataset(*checks, name=f"{n}{long}") for n in range(size)])
    )

    assert len(text.encode()) <= MAX_SUMMARY
    assert "… cut here" not in text
    rows = len(re.findall("^\\| ❌ ", text, re.MULTILINE))
    more = re.findall(r"^([\d,]+) more datasets, none of them worse", text, re.MULTILINE)
    assert rows + sum(int(number.replace(",", "")) for number in more) == size


def test_render_verb__image_budgets__show_champion_limit_and_what_was_not_judged():
    shown = show(render_verb("test-image", REPORTS["test-image"])).replace(
        "\N{NO-BREAK SPACE}", " "
    )
    rows = [line.split() for line in shown.splitlines()]

    assert ["budget", "measured", "champion", "allowed"] in rows
    assert ["✅", "latency-p95-ms", "4.8", "–", "50"] in rows
    assert ["✅", "memory-mb", "211", "200", "220", "(+10", "%)"] in rows
    assert "image-size-mb was not judged: there is no champion" in shown


def test_render_verb__tested_image__shows_what_was_measured_alone_and_under_load():
    shown = read(render_verb("test-image", REPORTS["test-image"])).text

    assert "The image keeps its promises" in shown
    assert "400 of 1 row, 4 at a time" in shown
    assert "267 a second" in shown


def test_render_verb__image_that_breaks_a_promise__says_what_to_mend_first():
    broken = {"name": "bad request: <x>", "verdict": "fail", "detail": "sent: <x>; it answered 500"}
    over = budget(
        name="throughput-rps", value=20.0, max=None, limit=None, min=100.0, verdict="fail"
    )
    own = {**REPORTS["test-image"], "verdict": "fail", "blocked": True, "load": None}
    one = read(render_verb("test-image", {**own, "checks": [broken]})).text
    two = read(render_verb("test-image", {**own, "budgets": [over]})).text

    assert "The image breaks 1 promise" in one
    assert one.count("sent: <x>; it answered 500") == 1
    assert one.index("it answered 500") < one.index("see above")
    assert "The image breaks 1 budget" in two
    assert "throughput-rps is 20, and ≥ 100 is allowed" in two.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("digest", "builder", "said"),
    [
        (None, "classic", "on this engine alone"),
        ("sha256:" + "34" * 32, "buildkit", "It was pushed, and is addressed by its digest"),
        ("sha256:" + "34" * 32, "buildx", "with a list of what is inside and how it was built"),
    ],
)
def test_render_verb__built_image__says_where_it_is(digest, builder, said):
    report = REPORTS["build-image"]
    image = {**report["image"], "digest": digest, "builder": builder}

    assert said in read(render_verb("build-image", {**report, "image": image})).text


def test_render_verb__budgets_without_a_champion__have_no_column_for_it():
    assert "champion" not in render_verb("gate-model", REPORTS["gate-model"])


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "240")
    monkeypatch.setenv("TERM", "xterm")


def show(text: str, stream: io.StringIO | None = None) -> str:
    """As a terminal shows it, without its colours and links."""
    target = Terminal() if stream is None else stream
    terminal.show(text, target)
    return without_style(target.getvalue())


def test_show__a_comment__reads_without_its_html():
    reports = {"check-data": data_report(dataset(check())), "gate-model": gate_report()}
    shown = show(render_comment(reports, [*reports]).body)

    assert "❌ Blocked: the data breaks 1 rule of its contract (flights)" in shown
    assert "2013-05.parquet row 17: ZZ" in shown
    assert "What this verdict rests on" in shown
    assert not [tag for tag in ("<details", "<!--", "summary>", "\u200b") if tag in shown]


@pytest.mark.parametrize("line", ["::error::x", "  ::stop-commands::x", "a ##[error]x"])
def test_show__what_a_runner_would_obey__is_broken_up_in_a_log(line):
    shown = show(f"```\n{line}\n```\n", io.StringIO())

    assert not [word for word in shown.splitlines() if word.lstrip().startswith("::")]
    assert "##[" not in shown
    assert shown.replace("\u200b", "").strip("`\n ") == line.strip()


def test_show__values_with_markup__are_shown_as_they_are():
    value = "a | b [red] `x` <br> </code>"
    checks = [check(examples=[example(file="f.csv", row=1, value=value)])]
    shown = show(render_verb("check-data", data_report(dataset(*checks))))

    assert "[red]" in shown
    assert "</code>" in shown
    assert "<br>" in shown


def test_show__pipe_in_a_name__has_no_backslash_within_a_table_or_without():
    checks = [check(column="pipe|d"), check(column="pipe|d", verdict="inconclusive")]
    shown = show(render_verb("check-data", data_report(dataset(*checks))))

    assert len(re.findall(r"pipe\|d", shown)) >= 3
    assert "\\" not in shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (0.0, "0"),
        (0.74213, "0.7421"),
        (0.00054, "0.00054"),
        (-0.0123456, "-0.0123"),
        (27_004.0, "27004"),
        (1234.5678, "1235"),
    ],
)
def test_figure__any_size__has_the_digits_that_matter(value, shown):
    assert numbers.figure(value) == shown


@pytest.mark.parametrize(
    ("share", "shown"), [(0.0, "0.0 %"), (0.0005, "< 0.1 %"), (0.216, "21.6 %"), (1.0, "100.0 %")]
)
def test_share__small_ones__are_never_nothing(share, shown):
    assert numbers.share(share).replace("\N{NO-BREAK SPACE}", " ") == shown


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({}, "▲ 0.0023 better (▲ 0.0051 … ▼ 0.00054)"),
        ({"harm": 0.0, "lower": 0.0, "upper": 0.0}, "unchanged (0 … 0)"),
        ({"max_regression": None}, "▲ 0.0023 better"),
        ({"lower": None, "upper": None}, "▲ 0.0023 better"),
        ({"harm": None}, "–"),
    ],
)
def test_change__a_harm__says_whether_it_is_worse(fields, shown):
    assert numbers.change(result(**fields)).replace("\N{NO-BREAK SPACE}", " ") == shown


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"max": 50.0}, "50"),
        ({"max": 50.0, "champion": 48.0}, "50"),
        ({"champion": 48.0, "max": None, "max_increase": "10%", "limit": 52.8}, "52.8 (+10 %)"),
        ({"champion": 48.0, "max": None, "max_increase": " 2.5 %", "limit": 49.2}, "49.2 (+2.5 %)"),
        ({"champion": 48.0, "max": None, "max_increase": 5.0, "limit": 53.0}, "53 (+5)"),
        (
            {"champion": 48.0, "max": 50.0, "max_increase": "10%", "limit": 50.0},
            "50 (+10 %, at most 50)",
        ),
        ({"champion": None, "max": 50.0, "max_increase": "10%", "limit": 50.0}, "50"),
    ],
)
def test_budget_allowed__a_limit__says_where_it_comes_from(fields, shown):
    assert numbers.budget_allowed(budget(**fields)).replace("\N{NO-BREAK SPACE}", " ") == shown


def test_gate_model__undecided_metric_says_how_many_rows_would_settle_it() -> None:
    open_question = result(
        verdict="inconclusive", rows_needed=83_000, reason="worse by 0.004 (harm between ...)"
    )
    seen = read(render_verb("gate-model", gate_report(open_question))).text
    assert "roc-auc is 0.7421, and 0.7398 in production v3: worse by 0.004" in seen
    assert "About 83,000 rows" in seen
    assert "Enlarge the evaluation set" in seen
    assert "would settle it" not in read(render_verb("gate-model", gate_report())).text


AT = {"at": "2026-11-25T00:00:00+00:00", "notes": ["No zone was given, so it is UTC."]}


def test_render_verb__status_at_a_time__is_the_whole_answer():
    answer = environment(
        until="2026-11-25T08:00:00+00:00",
        hold="hold by ada: launch",
        held_since="2026-11-24T15:00:00+00:00",
        looked_at=False,
    )
    report = {**command_report("status"), **OWN["status"], **AT, "environments": [answer]}
    seen = read(render_verb("status", report)).text

    for part in (
        "What ran at 2026-11-25 00:00:00 UTC",
        "from 2026-11-24 14:00:00 UTC until 2026-11-25 08:00:00 UTC",
        "flight-delay, version 3",
        COMMIT,
        "sha256:1212",
        "promotion by mona",
        "lee",
        "a better model",
        "open",
        "since 2026-11-24 15:00:00 UTC: hold by ada: launch",
        "No zone was given",
    ):
        assert part in seen, part
    assert "drift" not in seen


def test_render_verb__status_before_anything_ran__says_nothing_yet():
    nothing = environment(release=None, since=None, event=None, details=None, looked_at=False)
    report = {**command_report("status"), **OWN["status"], **AT, "environments": [nothing]}

    assert "production: nothing yet" in read(render_verb("status", report)).text


@pytest.mark.parametrize("url", ["javascript:alert(1)", "file:///etc/passwd", "//x.example/a"])
def test_render_verb__run_address_that_is_not_of_the_web__is_no_link(url):
    report = {**command_report("status"), **OWN["status"], **AT}
    report["environments"] = [environment(event=event(run_url=url))]

    assert f"]({url[:4]}" not in render_verb("status", report)


def test_render_verb__board__has_what_the_watches_found():
    failing = {**chronicle()["parts"][0], "state": "failing", "since": "2026-11-25T06:00:00Z"}
    seen = read(render_verb("board", board_report(watch=chronicle(parts=[failing])))).text
    assert "objectives.errors" in seen
    assert "2026-11-25 06:00" in seen


def test_render_verb__board__has_environments_approvals_metrics_and_the_newest_events():
    events = [event(reason=f"number {n}") for n in range(30)]
    seen = read(render_verb("board", board_report(ledger=events))).text

    for part in (
        "Everything runs as the ledger says",
        "1 run waits for approval",
        "roc-auc",
        "at least 0.68",
        "lee, release-managers",
        "newest 20 of 30",
        "number 29",
    ):
        assert part in seen, part
    assert "number 9" not in seen


def test_render_verb__hold__its_headline_is_the_hold_and_not_what_runs():
    seen = read(render_verb("hold", REPORTS["hold"])).text

    assert seen.startswith("✅ production takes no promotion until it is released")
    assert "It runs v3-0a1b2c3; why: a better model." in seen


def test_render_verb__rollback__says_that_it_leaves_a_hold_and_how_it_ends():
    seen = read(render_verb("rollback", REPORTS["rollback"])).text
    hint = "tidegate hold --release --environment production"

    assert hint in seen
    assert hint not in read(render_verb("promote", REPORTS["promote"])).text
    refused = {**REPORTS["rollback"], "verdict": "fail", "blocked": True}
    assert hint not in read(render_verb("rollback", refused)).text


def test_show__a_terminal_of_80_columns__cuts_no_figure_short(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = show(render_verb("gate-model", gate_report(worse_slice(), worse_slice("DL"))))

    assert max(map(len, text.splitlines())) <= 80
    assert "xychart" not in text
    for figure in ("▼0.0529", "▼0.0312", "▼0.0746", "0.6894", "3,981"):
        assert figure in text, figure
