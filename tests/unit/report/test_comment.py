"""The comment of a pull request. UPDATE_GOLDEN=1 writes the golden files anew: read the diff."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rendered_markdown import linked_by_github, read
from sample_reports import (
    COMMIT,
    budget,
    check,
    command_report,
    data_change,
    data_report,
    dataset,
    drift,
    example,
    full_data_report,
    gate_report,
    log_loss,
    no_drift,
    override,
    policy,
    policy_change,
    result,
    runbook,
    schema_change,
    slice_result,
    undecided,
    worse_slice,
)
from tidegate.report import wording
from tidegate.report.comment import Comment, marker, render_comment, service_of
from tidegate.report.markdown import MAX_COMMENT

GOLDEN = Path(__file__).parent / "golden"
EXPECTED = ["check-data", "reproduce-pipeline", "gate-model"]
RUN = "https://github.com/acme/flights/actions/runs/42"
PIPELINE = command_report("reproduce-pipeline")
SLICES = [
    slice_result(carrier, harm=harm)
    for carrier, harm in [("AA", -0.004), ("AS", 0.001), ("DL", 0.002), ("EV", 0.0003)]
]
NO_BASELINE = gate_report(
    result(
        baseline=None,
        harm=None,
        lower=0.735,
        upper=0.749,
        reason="0.7421 (at least 0.735, at most 0.749), minimum 0.68",
    ),
    baseline=None,
    notes=[
        "There is no baseline yet: the candidate is held to the absolute bounds alone.",
        "log-loss was not judged: its bound needs a baseline.",
    ],
)
INCONCLUSIVE = gate_report(
    result(
        baseline=0.7461,
        harm=0.004,
        lower=-0.003,
        upper=0.011,
        verdict="inconclusive",
        rows_needed=83_000,
        reason="worse by 0.004 (harm between -0.003 and 0.011), tolerated 0.005",
    ),
    log_loss(),
)
BAD_DATA = data_report(
    dataset(
        check(
            column="distance",
            check="column_in_dataframe",
            failing_rows=28_796,
            examples=[example(file="2013-05.parquet", row=None, value="distance")],
        ),
        check(
            column="hour",
            check="dtype('Int64')",
            failing_rows=28_796,
            examples=[example(file="2013-05.parquet", row=None, value="String")],
        ),
        check(),
        check(
            column="dep_delay",
            check="greater_than(0)",
            failing_rows=3,
            examples=[example(file="2013-04.parquet", row=4, value="-184")],
        ),
        check(column="tailnum", failing_rows=1, redacted=True, check="not_nullable",
              examples=[example(file="2013-04.parquet", row=9, value=None)]),
        check(column="dest", failing_rows=0, examples=[]),
    ),
    dataset(name="weather", rows=26_115, failing_rows=2, tolerated_rows=26, verdict="pass"),
    runbook=runbook("blocked-data"),
)  # fmt: skip

NOTED_DATA = data_report(
    dataset(
        check(column="origin", kind="categories", check="no new categories", warns=True,
              failing_rows=70, verdict="pass", examples=[example(row=3, value="SWF")],
              detail="1 category in 70 rows that the reference does not have: 'SWF' (70)"),
        check(column="origin", kind="categories", check="no vanished categories", warns=True,
              failing_rows=0, examples=[],
              detail="1 category of the reference gone, 12 rows there: 'TTN' (12)"),
        check(column="dest", failing_rows=0, examples=[]),
        verdict="pass",
        failing_rows=0,
        drift=[drift(), no_drift("dest"),
               drift(column="visib", verdict="inconclusive", psi=0.18, effect=0.18,
                     detail="cannot tell: PSI 0.18 (between 0.11 and 0.27, tolerated 0.2) on 900 "
                     "rows against 120,017; about 4,100 rows would tell")],
        contract=[schema_change(), schema_change(column="dep_delay", what="dtype", before="Int64",
                                                 after="Float64", effect="breaking"),
                  data_change()],
    ),
)  # fmt: skip

CASES = {
    "pass": [
        data_report(),
        PIPELINE,
        gate_report(
            result(),
            log_loss(),
            *SLICES,
            budgets=[
                budget(),
                budget(
                    name="model-size-mb",
                    value=14.2,
                    max=None,
                    champion=13.9,
                    max_increase="10%",
                    limit=15.29,
                ),
                budget(
                    name="train-cost",
                    value=3.1,
                    max=5.0,
                    champion=2.75,
                    max_increase=0.5,
                    limit=3.25,
                ),
            ],
            notes=["Slices below 200 rows were not judged: carrier=OO (32), carrier=HA (81)."],
        ),
    ],
    "blocked-data": [BAD_DATA],
    "noted-data": [NOTED_DATA, PIPELINE, gate_report()],
    "blocked-slice": [
        data_report(),
        PIPELINE,
        gate_report(
            result(),
            log_loss(),
            *SLICES,
            worse_slice(),
            budgets=[budget()],
            runbook=runbook("blocked-model"),
        ),
    ],
    "over-budget": [
        data_report(),
        PIPELINE,
        gate_report(
            result(),
            budgets=[
                budget(value=2.75, champion=2.4, max_increase="10%", limit=2.64, verdict="fail"),
                budget(name="model-size-mb", value=14.2, max=50.0, champion=13.9),
            ],
            notes=[
                "train-cost was not judged: the champion's record does not hold it (tidegate "
                "register-model logs it with each new version; for the champion, set the tag "
                "tidegate.measured.train-cost on its version in MLflow)."
            ],
        ),
    ],
    "no-baseline": [data_report(), PIPELINE, NO_BASELINE],
    "inconclusive": [data_report(), PIPELINE, INCONCLUSIVE],
    "undecided": [data_report(), PIPELINE, undecided("gate-model")],
    "missing-report": [data_report(), PIPELINE],
    "overridden": [
        data_report(),
        PIPELINE,
        gate_report(result(), log_loss(), *SLICES, worse_slice(), blocked=False,
                    override=override()),
    ],
    "policy-change": [
        data_report(policy=policy(policy_change(path="data.flights.max-failing-rows", before="0",
                                                after="5%"))),
        PIPELINE,
        gate_report(
            policy=policy(
                policy_change(),
                policy_change(path="gate.slice-metrics.roc-auc.max-regression", before="0.02",
                              after="0.01", effect="tighter"),
                policy_change(path="gate.metrics.recall", before=None, after="min: 0.4",
                              effect="tighter", note="a new metric"),
            )
        ),
    ],
    "own-policy": [
        data_report(),
        PIPELINE,
        gate_report(policy=policy(source="own", commit=None, changes=[],
                                  why="The base branch has no tidegate.yaml yet.")),
    ],
}  # fmt: skip


def comment(*reports: dict[str, Any], expected: list[str] = EXPECTED) -> Comment:
    return render_comment({report["verb"]: report for report in reports}, expected, RUN)


def test_comment__blocked__leads_to_the_runbook_as_the_base_branch_has_it():
    path = "docs/runbooks/blocked-data.md"
    assert f"[{path}](https://github.com/acme/flights/blob/HEAD/{path})" in comment(BAD_DATA).body


def test_comment__no_runbook__says_nothing_of_one():
    assert "runbook" not in comment({**BAD_DATA, "runbook": None}).body


def third_time() -> str:
    """A comment that was written twice before, on two commits."""
    first = render_comment(
        {report["verb"]: {**report, "commit": "12ab" * 10} for report in CASES["blocked-slice"]},
        EXPECTED, RUN.replace("42", "40"), at="2026-11-24T16:01:00+00:00",
    )  # fmt: skip
    text = first.body
    for at, run in (("2026-11-24T17:40:00+00:00", "41"), ("2026-11-24T18:05:00+00:00", "42")):
        chosen = CASES["undecided" if run == "41" else "pass"]
        said = {report["verb"]: report for report in chosen}
        text = render_comment(said, EXPECTED, RUN.replace("42", run), at=at, earlier=text).body
    return text


@pytest.mark.parametrize("case", [*CASES, "history"])
def test_comment__each_outcome__reads_as_in_its_golden_file(case):
    body = third_time() if case == "history" else comment(*CASES[case]).body
    path = GOLDEN / f"{case}.md"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(body, encoding="utf-8")

    assert body == path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("case", "headline", "blocked"),
    [
        ("pass", "✅ Ready to merge: data and model pass (compared with production v3)", False),
        ("blocked-data", "❌ Blocked: the data breaks 5 rules of its contract (flights)", True),
        (
            "noted-data",
            "✅ Ready to merge: data and model pass (compared with production v3)",
            False,
        ),
        ("blocked-slice", "❌ Blocked: the model is clearly worse for carrier B6", True),
        ("over-budget", "❌ Blocked: the model is over its budget for train-minutes", True),
        (
            "no-baseline",
            "✅ Ready to merge: data and model pass (no baseline yet: absolute bounds only)",
            False,
        ),
        (
            "inconclusive",
            "❔ Blocked: the evaluation set is too small to tell for roc-auc",
            True,
        ),
        (
            "undecided",
            "⚠️ Could not be decided: gate-model stopped: the registry does not answer",
            True,
        ),
        (
            "overridden",
            "⚠️ Overridden by @lee (not a pass): the model is clearly worse for carrier B6",
            False,
        ),
        ("missing-report", "⚠️ Could not be decided: gate-model did not run", True),
    ],
)
def test_comment__each_outcome__is_said_first_in_one_line(case, headline, blocked):
    written = comment(*CASES[case])

    assert (written.headline, written.blocked) == (headline, blocked)
    assert read(written.body).text.strip().replace("\u200b", "").startswith(headline)


def test_comment__data_and_model_blocked__names_both():
    headline = comment(BAD_DATA, PIPELINE, gate_report(worse_slice())).headline

    assert headline == (
        "❌ Blocked: the data breaks 5 rules of its contract (flights), and the model is clearly "
        "worse for carrier B6"
    )


def test_comment__data_that_cannot_be_decided__is_blocked_and_no_failure():
    unsure = dataset(drift=[drift(blocking=True, verdict="inconclusive")], verdict="inconclusive")

    said = comment(data_report(unsure), PIPELINE, gate_report())
    assert said.headline == (
        "❔ Blocked: the rows cannot tell whether 1 column of the data drifts (flights)"
    )
    assert said.blocked
    both = comment(data_report(unsure), PIPELINE, gate_report(worse_slice()))
    assert both.headline.startswith("❌ Blocked: the rows cannot tell")


def test_comment__many_failing_slices__names_three():
    failing = [worse_slice(carrier) for carrier in ("AA", "AS", "B6", "DL", "EV")]

    assert comment(data_report(), PIPELINE, gate_report(*failing)).headline == (
        "❌ Blocked: the model is clearly worse for carrier AA, carrier AS, carrier B6 "
        "and 2 more slices"
    )


def test_comment__over_budget__says_which():
    over = gate_report(result(), budgets=[budget(value=25.0, verdict="fail")])
    written = comment(data_report(), PIPELINE, over)

    assert written.headline == "❌ Blocked: the model is over its budget for train-minutes"
    assert "**train-minutes** is 25, and 20 is allowed" in written.body


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"champion": 2.4}, "is 25, 2.4 for the champion, and 20 is allowed"),
        (
            {"champion": 2.4, "max_increase": "10%", "max": None, "limit": 2.64},
            "is 25, 2.4 for the champion, and 2.64 (+10 %) is allowed",
        ),
        (
            {"champion": 0.0, "max_increase": 0.0, "limit": 0.0},
            "is 25, 0 for the champion, and 0 (+0, at most 20) is allowed",
        ),
    ],
)
def test_comment__over_a_budget_with_a_champion__names_its_figure(fields, said):
    over = gate_report(result(), budgets=[budget(value=25.0, verdict="fail", **fields)])
    body = comment(data_report(), PIPELINE, over).body.replace("\N{NO-BREAK SPACE}", " ")

    assert f"**train-minutes** {said}" in body


def test_comment__gate_that_warns__blocks_nothing_and_says_so():
    written = comment(data_report(), PIPELINE, gate_report(worse_slice(), mode="warn"))

    assert not written.blocked
    assert written.headline.startswith("⚠️ Not blocked, the gate only warns: the model is clearly")


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        ([], EXPECTED),
        ([], ["check-data"]),
        ([PIPELINE], ["reproduce-pipeline"]),
        ([data_report()], EXPECTED),
        ([PIPELINE, gate_report()], EXPECTED),
        ([undecided("check-data"), PIPELINE, gate_report()], EXPECTED),
        ([undecided("pull-data"), data_report(), gate_report()], ["check-data", "gate-model"]),
    ],
)
def test_comment__anything_missing_or_undecided__is_no_pass(reports, expected):
    written = comment(*reports, expected=expected)

    assert written.blocked
    assert written.headline.startswith("⚠️ Could not be decided: ")


def test_comment__report_missing_after_a_block__says_that_the_run_was_stopped():
    body = comment(BAD_DATA).body

    assert "gate-model did not run: what stands above stopped the run first" in body


def test_comment__redacted_column__shows_no_value():
    body = comment(BAD_DATA).body

    assert "2013-04.parquet row 9 (value redacted)" in body


def test_comment__huge_reports__fit_and_keep_the_verdict():
    slices = [
        worse_slice(f"carrier {number} " + "x" * 200, reason="much worse " * 40)
        for number in range(400)
    ]
    rules = [check(column="c" * 200, check="matches(" + "y" * 2_000) for _ in range(300)]
    tables = [dataset(*rules, name=f"table {number} " + "|" * 300) for number in range(10)]
    notes = ["z" * 5_000] * 400
    written = comment(data_report(*tables), PIPELINE, gate_report(*slices, notes=notes))

    assert len(written.body) <= MAX_COMMENT
    assert written.body.splitlines()[1].startswith("## ❌ Blocked")
    assert RUN in written.body


def test_comment__huge_findings_of_every_kind__fit():
    long = "|" * 300
    datasets = full_data_report(long)["datasets"] * 80
    for part in ("checks", "drift", "contract"):
        datasets[0][part] *= 200
    written = comment(data_report(*datasets), PIPELINE, gate_report())

    assert len(written.body) <= MAX_COMMENT
    assert "… cut here" not in written.body


def test_comment__rules_that_are_left_out__are_counted():
    tables = [dataset(*[check()] * (7 * n + 1), name=f"table {n}") for n in range(60)]
    body = comment(data_report(*tables), PIPELINE, gate_report()).body
    said = sum(map(int, re.findall(r"^(\d+) more broken rules? of this dataset", body, re.M)))
    shown = body.count("| <code>carrier</code> |")
    (datasets,) = re.findall(r"^(\d+) more datasets that do not pass", body, re.M)

    assert said + shown == sum(7 * n + 1 for n in range(60 - int(datasets)))


def test_comment__hostile_values__are_shown_and_never_acted_on():
    evil = "@octocat <b>x</b> | #1 `</code>`\n::error::x [a](http://x.example) </details>"
    data = data_report(
        dataset(
            check(column=evil, check=evil, examples=[example(file=evil, row=1, value=evil)]),
            name=evil,
            schema=evil,
        ),
        *full_data_report(evil)["datasets"],
        service=evil,
        commit=evil,
    )
    gate = gate_report(
        worse_slice(evil, metric=evil, reason=evil),
        budgets=[budget(name=evil, value=99.0, verdict="fail")],
        notes=[evil],
        baseline={"version": evil, "source": evil, "predictions_digest": evil},
    )
    broken = undecided("pull-data", what=evil, where=evil, remedy=evil)
    written = comment(broken, data, PIPELINE, gate)
    seen = read(written.body)

    assert not {"b", "script", "img"} & {*seen.elements}
    assert [tag for tag in seen.elements if tag == "a"] == ["a"]  # the run's own address
    assert seen.elements.count("details") == 5
    assert linked_by_github(seen) == []
    assert written.body.splitlines()[0] == marker(evil)


# What Markdown, HTML or GitHub act on, more often than by chance.
ACTIVE = st.text(alphabet=st.characters() | st.sampled_from("|`<>&*_[]()@#:!\\~$^-+=\n\r\t 1.wGH/"))


@settings(deadline=None, max_examples=60)
@given(ACTIVE)
def test_comment__any_text_in_the_data__makes_no_element_and_no_link(text):
    data = full_data_report(f"a {text}", service="shop", commit=COMMIT)
    plain = full_data_report(service="shop", commit=COMMIT)
    seen = read(comment(data, PIPELINE, gate_report()).body)

    assert [tag for tag in seen.elements if tag != "span"] == [
        tag for tag in read(comment(plain, PIPELINE, gate_report()).body).elements if tag != "span"
    ]
    assert linked_by_github(seen) == []


def test_marker__two_services__differ():
    assert marker("fraud") == "<!-- tidegate:comment service=fraud -->"
    assert not marker("fraud-eu").startswith(marker("fraud"))


def test_marker__service_name_that_ends_the_html_comment__stays_inside():
    assert marker("a --> b").count("-->") == 1


def test_service_of__undecided_reports__know_it_from_the_config():
    assert service_of({"check-data": {**undecided("check-data"), "service": "fraud"}}) == "fraud"
    assert service_of({"check-data": undecided("check-data")}) == ""


def test_comment__data_blocked_by_the_base__is_told_what_helps() -> None:
    """A schema that is changed here would not count: nobody is sent that way."""
    data = full_data_report(policy=policy())
    error = undecided("gate-model")
    body = render_comment({"check-data": data, "gate-model": error}, EXPECTED).body
    assert "in a pull request of its own: it counts once it is merged" in body
    assert "in this pull request, so that the change can be reviewed" not in body
    assert body.index("What to do") < body.index("gate-model could not be decided")


def test_again__judges_by_the_same_base_and_a_branch_cannot_add_a_command() -> None:
    assert wording.again("tidegate pr", gate_report()) == "tidegate pr"
    known = gate_report(policy=policy(ref="origin/main"))
    assert wording.again("tidegate pr", known) == "tidegate pr --base origin/main"
    evil = gate_report(policy=policy(ref="main;id"))
    assert wording.again("tidegate pr", evil) == "tidegate pr --base 'main;id'"


def test_headline__worse_than_a_table__is_not_called_production() -> None:
    table = {**gate_report()["baseline"], "version": None, "source": "file"}
    gate = gate_report(result(verdict="fail", harm=0.1), verdict="fail", blocked=True,
                       baseline=table)  # fmt: skip
    said = render_comment({"gate-model": gate}, ["gate-model"]).headline
    assert said == "❌ Blocked: the model is worse than the given table in roc-auc"
