"""No value of a redacted column is shown, wherever whoever wrote the report left it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sample_reports import (
    check,
    data_change,
    data_report,
    dataset,
    drift,
    example,
    gate_report,
    profile,
    schema_change,
)
from tidegate.github.annotations import annotations_of
from tidegate.report import wording
from tidegate.report.comment import render_comment
from tidegate.report.markdown import render_verb
from tidegate.report.page import render_page
from tidegate.report.redaction import censored

SECRET = "N725XQ"
PARTITION = f"tailnum={SECRET}/part-0.parquet"


def shown(report: dict[str, Any]) -> str:
    """All that is made of a report for people."""
    reports = {"check-data": report, "gate-model": gate_report()}
    return "\n".join(
        [
            render_verb("check-data", report),
            render_comment(reports, [*reports]).body,
            render_page("check-data", report) or "",
            *map(str, annotations_of("check-data", report)),
        ]
    )


def planted(**checks: Any) -> dict[str, Any]:
    """A report with the secret in every place that could hold a value of the column."""
    sample = example(file=PARTITION, row=3, value=SECRET, key={"tailnum": SECRET, "flight": "7"})
    rules: list[dict[str, Any]] = [
        {"check": f"isin(['{SECRET}', 'N1'])"},
        {"check": f"equal_to({SECRET})"},
        {"check": f"str_startswith('{SECRET}')"},
        {"check": f"unique_values_eq(['{SECRET}'])"},
        {"check": "not_nullable"},
        {"check": "field_uniqueness", "warns": True, "verdict": "pass"},
        {"check": "dtype('String')", "verdict": "inconclusive", "failing_rows": 0},
        {"kind": "categories", "check": "no new categories"},
        {"kind": "categories", "check": "no vanished categories", "warns": True, "verdict": "pass",
         "failing_rows": 0},
        {"kind": "freshness", "check": "newest value at most 36h old", "failing_rows": 0},
        {"kind": "foreign-key", "check": "exists in planes"},
    ]  # fmt: skip
    of_column = [
        check(**{"column": "tailnum", "detail": SECRET, "examples": [sample], **rule, **checks})
        for rule in rules
    ]
    of_row = check(
        column=None,
        check="arrival follows departure",
        examples=[{**sample, "value": f"carrier=AA, tailnum={SECRET}"}],
    )
    of_other = check(column="carrier", examples=[{**sample, "value": "ZZ"}])
    return data_report(
        dataset(
            *of_column,
            of_row,
            of_other,
            verdict="fail",
            drift=[
                drift(
                    column="tailnum", kind="text", detail=SECRET, verdict=verdict, blocking=blocks
                )
                for verdict in ("fail", "inconclusive", "pass")
                for blocks in (True, False)
            ],
            contract=[
                schema_change(column="tailnum", before=SECRET, after=SECRET, note=SECRET),
                data_change(file=f"data/{PARTITION}"),
            ],
            profile=[
                profile(column="tailnum", labels=[SECRET] * 6, edges=None, detail=SECRET),
                profile(column="tailnum", labels=[SECRET] * 6, detail=SECRET),
            ],
            redacted_columns=["tailnum"],
        )
    )


def test_shown__secret_everywhere__is_nowhere():
    text = shown(planted())

    assert SECRET not in text
    # What may be known is still told: which column, how many rows, where, and why so little.
    for part in ("tailnum", "412", "redacted", "carrier", "ZZ", "flight"):
        assert part in text


def test_shown__without_redaction__has_the_secret():
    """The test above can fail: nothing but the redaction keeps the secret out."""
    report = planted()
    report["datasets"][0]["redacted_columns"] = []

    assert SECRET in shown(report)


def test_shown__column_that_only_a_check_says_to_be_redacted__is_kept_back_everywhere():
    report = planted(redacted=True)
    report["datasets"][0]["redacted_columns"] = []

    assert SECRET not in shown(report)


def test_shown__whole_row_that_is_redacted__shows_no_value():
    rule = check(column=None, redacted=True, detail=SECRET, examples=[example(value=SECRET)])

    assert SECRET not in shown(data_report(dataset(rule)))


def test_censored__nothing_redacted__is_the_report_as_it_was():
    report = data_report(dataset(check(), drift=[drift()], profile=[profile()]))

    assert censored(report) == report


def test_censored__redacted_report__keeps_every_count_and_every_other_column():
    before, after = planted(), censored(planted())
    counts = ("failing_rows", "share", "verdict", "column", "kind", "warns", "engine", "check")

    for old, new in zip(
        before["datasets"][0]["checks"], after["datasets"][0]["checks"], strict=True
    ):
        assert [old[name] for name in counts] == [new[name] for name in counts]
        assert len(old["examples"]) == len(new["examples"])
    assert [found["psi"] for found in after["datasets"][0]["drift"]] == [0.3127] * 6


def test_censored__vanished_category_of_a_redacted_column__still_warns():
    report = censored(planted())

    assert "2 warn" in wording.summary(report)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a report that holds a text or null."""
    if isinstance(value, dict):
        return [place for key, item in value.items() for place in _places(item, (*path, key))]
    if isinstance(value, list):
        return [
            place for index, item in enumerate(value) for place in _places(item, (*path, index))
        ]
    return [path] if value is None or isinstance(value, str) else []


# Names, and words that only a few of are known: no value of a column gets there.
NOT_VALUES = {
    "name", "path", "schema", "digest", "verdict", "engine", "column", "check", "kind", "file",
    "measure", "test", "what", "effect", "change",
}  # fmt: skip
PLACES = [
    place
    for place in _places(planted()["datasets"][0])
    if place[-1] not in NOT_VALUES
    and place[0] not in ("redacted_columns",)
    # What is told of other columns is theirs to tell.
    and not (place[0] == "checks" and place[1] >= 11 and place[2] == "detail")
    and not (place[0] == "checks" and place[1] == 12 and place[-1] in ("value", "flight"))
    and not (place[0] == "checks" and place[-1] == "flight")
    and not (place[0] == "contract" and place[1] == 1)
]


@settings(deadline=None)
@given(place=st.sampled_from(PLACES))
def test_shown__any_place_for_a_value__is_covered(place):
    report = json.loads(json.dumps(planted()).replace(SECRET, "harmless"))
    target = report["datasets"][0]
    for step in place[:-1]:
        target = target[step]
    target[place[-1]] = "tailnum=PLANTED"

    assert "PLANTED" not in shown(report)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("tailnum=N1/part-0.parquet", "tailnum=…/part-0.parquet"),
        ("year=2013/tailnum=N1/part-0.parquet", "year=2013/tailnum=…/part-0.parquet"),
        ("old_tailnum=N1/part-0.parquet", "old_tailnum=N1/part-0.parquet"),
        ("%74ailnum=N1/part-0.parquet", "tailnum=…/part-0.parquet"),
        ("part-0.parquet", "part-0.parquet"),
    ],
)
def test_censored__hive_partition_of_the_column__has_no_value_in_its_name(file, expected):
    rule = check(column="carrier", examples=[example(file=file, row=1, value="ZZ")])
    report = censored(data_report(dataset(rule, redacted_columns=["tailnum"])))

    assert report["datasets"][0]["checks"][0]["examples"][0]["file"] == expected
