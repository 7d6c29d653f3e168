"""What a report of check-data holds, chosen and counted: nothing gets lost."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sample_reports import check, data_report, dataset, drift, example, no_drift, profile
from tidegate.report import findings, wording


def holding(column: str) -> dict[str, Any]:
    return check(column=column, failing_rows=0, examples=[])


def unjudged(column: str, **fields: Any) -> dict[str, Any]:
    return check(column=column, failing_rows=0, examples=[], verdict="inconclusive", **fields)


def warning(column: str) -> dict[str, Any]:
    return check(column=column, verdict="pass", warns=True)


@pytest.mark.parametrize(
    ("checks", "said"),
    [
        ([holding("a")], "the one rule holds"),
        ([holding("a"), holding("b")], "all 2 hold"),
        ([holding("a"), check()], "1 of 2 holds, 1 is broken"),
        ([check(), check()], "none of 2 holds, 2 are broken"),
        (
            [holding("a"), unjudged("b"), check()],
            "1 of 3 holds, 1 is broken, 1 could not be judged",
        ),
        ([holding("a"), warning("b")], "1 of 2 holds, 1 warns"),
        ([holding("a"), unjudged("b")], "1 of 2 holds, 1 could not be judged"),
    ],
)
def test_tally__each_outcome__is_said(checks, said):
    assert str(findings.tally(dataset(*checks, verdict="fail"))) == said


def test_tally__the_readme_example__accounts_for_every_rule():
    checks = [holding("a")] * 42 + [check()] * 4 + [unjudged("b")] * 5

    assert str(findings.tally(dataset(*checks))) == (
        "42 of 51 hold, 4 are broken, 5 could not be judged"
    )


def test_tally__broken_within_what_is_tolerated__is_no_holding():
    tolerant = dataset(check(), holding("a"), verdict="pass", tolerated_rows=500)

    assert str(findings.tally(tolerant)) == "1 of 2 holds, 1 is broken within what is tolerated"


def test_tally__vanished_category_that_warns__is_a_warning_without_rows():
    rule = {"kind": "categories", "check": "no vanished categories", "warns": True}
    gone = check(**rule, failing_rows=0, detail="1 category gone", examples=[])
    kept = check(**rule, failing_rows=0, examples=[])

    assert str(findings.tally(dataset(gone, kept))) == "1 of 2 holds, 1 warns"


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(0, 40), max_size=12),
    room=st.integers(0, 100),
)
def test_portions__any_room__is_used_up_fairly_and_nothing_is_left_uncounted(sizes, room):
    datasets = [dataset(*[check()] * size) if size else dataset() for size in sizes]
    found = findings.portions(datasets, room)

    shown = [len(portion.items) for portion in found]
    assert [portion.count for portion in found] == sizes
    assert sum(shown) == min(room, sum(sizes))
    short = [n for n, portion in zip(shown, found, strict=True) if portion.left_out]
    assert not short or max(shown) - min(short) <= 1


def test_portions__little_room__keeps_the_worst():
    checks = [check(column=str(number)) for number in range(5)]
    (portion,) = findings.portions([dataset(*checks)], 2)

    assert [item["column"] for item in portion.items] == ["0", "1"]
    assert portion.left_out == 3


def test_advice__rules_of_one_kind__are_told_once_for_all_columns():
    data = data_report(
        dataset(check(column="a"), check(column="b"), check(column="a", check="greater_than(0)")),
        dataset(check(column="c"), name="weather", drift=[drift(blocking=True)]),
    )

    assert [(item.title, item.columns) for item in findings.advice(data)] == [
        ("Values outside a set", (("flights", "a"), ("flights", "b"), ("weather", "c"))),
        ("Values out of range", (("flights", "a"),)),
        ("Drift", (("weather", "dep_delay"),)),
    ]


def test_rows__without_a_partner__are_said_to_be_counted_apart():
    lacking = {"kind": "foreign-key", "check": "exists in customers"}
    orders = dataset(
        check(**lacking, failing_rows=5), check(**lacking, failing_rows=1), failing_rows=0
    )

    assert wording.rows(orders) == (
        "None of 133,201 rows fails. Counted apart: 5 rows, 1 row without a foreign key’s partner."
    )
    assert "apart" not in wording.rows(dataset(check()))


def test_advice__tolerated_rows__need_none():
    assert findings.advice(data_report(dataset(check(), verdict="pass"))) == []


def test_drift__columns__are_in_order_of_their_distance():
    gone = drift(column="gone", effect=None, tolerated=None, psi=None)
    found = dataset(
        drift=[
            no_drift("same"),
            drift(column="near", effect=0.21),
            drift(column="unknown", verdict="inconclusive"),
            drift(column="unsure", verdict="inconclusive", blocking=True),
            drift(column="far", effect=0.4, blocking=True),
            gone,
        ]
    )

    def names(items: list[Any]) -> list[str]:
        return [item["column"] for item in items]

    assert names(findings.drifting(found)) == ["gone", "far", "near"]
    assert names(findings.blocking_drift(found)) == ["far"]
    assert names(findings.stopping_drift(found)) == ["far", "unsure"]
    assert names(findings.noted_drift(found)) == ["gone", "near", "unknown"]
    assert names(findings.all_drift(found)) == [
        "gone", "far", "near", "unknown", "unsure", "same"
    ]  # fmt: skip
    assert (
        wording.drift(found)
        == "drift in 3 of 6 columns (gone, far, near); for 2 more the rows cannot tell"
    )


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([no_drift("a")], "no drift in 1 column"),
        ([no_drift("a"), drift(verdict="inconclusive")],
         "for 1 of 2 columns the rows cannot tell"),
    ],
)  # fmt: skip
def test_drift__nothing_sure__is_never_said_to_be_no_drift(found, said):
    assert wording.drift(dataset(drift=found)) == said


def test_columns__those_with_findings__come_first():
    names = ["fine", "drifting", "warned", "broken"]
    found = dataset(
        check(column="broken"),
        warning("warned"),
        drift=[drift(column="drifting")],
        profile=[profile(column=name) for name in [*names, None]],
    )

    assert [item["column"] for item in findings.columns(found)] == [
        "broken", "warned", "drifting", "fine",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("failing", "tolerated", "said"),
    [
        (0, 0, "None of 1,000 rows fails."),
        (1, 0, "1 of 1,000 rows (0.1 %) fails, and none is tolerated."),
        (1000, 10, "All 1,000 rows fail, and 10 are tolerated."),
        (999, 10, "999 of 1,000 rows (99.9 %) fail, and 10 are tolerated."),
        (3, 3, "3 of 1,000 rows (0.3 %) fail; up to 3 are tolerated."),
    ],
)
def test_rows__each_case__is_exact(failing, tolerated, said):
    shown = wording.rows(dataset(rows=1_000, failing_rows=failing, tolerated_rows=tolerated))

    assert shown.replace("\N{NO-BREAK SPACE}", " ") == said


def test_rows__all_but_one_of_many__are_not_all():
    assert "> 99.9" in wording.rows(dataset(rows=10**9, failing_rows=10**9 - 1)).replace(
        "\N{NO-BREAK SPACE}", " "
    )


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (data_report(), "The data keeps its contract"),
        (data_report(dataset(warning("a"), verdict="pass")),
         "The data keeps its contract, with 1 warning"),
        (data_report(dataset(check())), "The data breaks 1 rule of its contract (flights)"),
        (data_report(dataset(drift=[drift(blocking=True)], verdict="fail")),
         "The data drifts from its reference in 1 column (flights)"),
        (data_report(dataset(unjudged("a"), verdict="fail")),
         "1 rule of the data could not be judged (flights)"),
        (data_report(datasets=[]), "No dataset is touched"),
        (data_report(*[dataset(check(), name=f"d{n}") for n in range(7)]),
         "The data breaks 7 rules of its contract (d0, d1, d2 and 4 more)"),
    ],
)  # fmt: skip
def test_headline__each_outcome__is_one_line(report, said):
    assert wording.headline(report) == said


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"row": 17}, "2013-05.parquet row 17"),
        ({"row": 0}, "2013-05.parquet row 0"),
        ({}, "2013-05.parquet"),
        ({"row": 17, "key": {"id": "7", "day": "mon"}}, "id 7, day mon"),
        ({"row": 17, "key": {"carrier": "ZZ"}}, "2013-05.parquet row 17"),
    ],
)
def test_place__example__is_named_by_its_key_or_its_row(fields, said):
    assert wording.place(example(**fields), check()) == said


def test_place__key_that_is_there_twice__does_not_name_a_row():
    twice = check(column=None, check="multiple_fields_uniqueness")

    assert wording.place(example(row=17, key={"id": "7"}), twice) == "2013-05.parquet row 17"


def test_nulls__both_sides__are_shares_of_all_rows():
    shown = wording.nulls(profile(current=[50, 25], nulls=25, reference=[99, 0], reference_nulls=1))

    assert shown.replace("\N{NO-BREAK SPACE}", " ") == "Nulls: 25.0 % (1.0 %)."
    assert wording.nulls(profile(nulls=0, reference_nulls=0)) == ""
    assert wording.nulls(profile(nulls=0, reference=None, reference_nulls=None)) == ""
