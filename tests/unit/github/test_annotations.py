"""Annotations: the right line of the right file, the worst first, never more than GitHub shows."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sample_reports import (
    budget,
    check,
    command_report,
    data_report,
    dataset,
    drift,
    example,
    gate_report,
    no_drift,
    result,
    schema_change,
    worse_slice,
)
from tidegate.github.annotations import MAX_ANNOTATIONS, Annotation, Place, annotations_of

SCHEMA = """import pandera.polars as pa


class Flights(pa.DataFrameModel):
    carrier: str = pa.Field(isin=["9E"])
    dep_delay: float
"""
DVC = "outs:\n- md5: 2b3c.dir\n  path: flights\n"


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A service in a folder of its repository, seen from the repository's root."""
    write(tmp_path / "services/shop/src/flight_delay/schemas.py", SCHEMA)
    monkeypatch.chdir(tmp_path)
    return Path("services/shop")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def of(*datasets: dict[str, Any], service: Path = Path(), **options: Any) -> list[Annotation]:
    return annotations_of("check-data", data_report(*datasets), service, **options)


def test_annotations_of__broken_rule__says_what_where_how_many_and_what_to_do():
    (found,) = of(dataset(check()))

    assert found.message == (
        "carrier: one of '9E', 'AA', 'AS', 'B6', 'DL'; broken by 412 rows "
        "(0.3\N{NO-BREAK SPACE}%). Such as 2013-05.parquet row 17: ZZ. Correct the values where "
        "they are entered. One that is new and right belongs in the schema, and the model has "
        "never seen it."
    )
    assert (found.level, found.title) == ("error", "dataset flights, carrier")


@pytest.mark.parametrize(
    ("column", "line"), [("carrier", 5), ("dep_delay", 6), ("unknown", 4), (None, 4)]
)
def test_annotations_of__broken_rule__points_at_the_schemas_line(service, column, line):
    (found,) = of(dataset(check(column=column)), service=service)

    assert found.place == Place("services/shop/src/flight_delay/schemas.py", line)
    assert f"file=services/shop/src/flight_delay/schemas.py,line={line}::" in str(found)


def test_annotations_of__schema_that_a_module_names__is_found_below_src(service):
    (found,) = of(dataset(check(), schema="flight_delay.schemas:Flights"), service=service)

    assert found.place == Place("services/shop/src/flight_delay/schemas.py", 5)


def test_annotations_of__schema_document__is_pointed_at_too(service):
    write(
        service / "flights.yaml", "schema_type: dataframe\ncolumns:\n  carrier:\n    unique: true\n"
    )
    (found,) = of(dataset(check(), schema="flights.yaml"), service=service)

    assert found.place == Place("services/shop/flights.yaml", 3)


def test_annotations_of__schema_that_is_not_here__points_nowhere():
    (found,) = of(dataset(check(), schema="elsewhere.schemas:Flights"))

    assert found.place is None
    assert "file=" not in str(found)


def test_annotations_of__absolute_config_or_other_folder__is_relative_to_the_workspace(
    service, tmp_path, monkeypatch
):
    (found,) = of(dataset(check()), service=tmp_path / service, workspace=str(tmp_path))
    assert found.place == Place("services/shop/src/flight_delay/schemas.py", 5)

    monkeypatch.chdir(service)
    (found,) = of(dataset(check()), workspace=str(tmp_path))
    assert found.place == Place("services/shop/src/flight_delay/schemas.py", 5)


@pytest.mark.parametrize(
    ("path", "tracked"),
    [
        ("data/flights/*.parquet", "data/flights.dvc"),
        ("data/flights/*.parquet", "data.dvc"),
        ("data/flights/*.parquet", "data/flights/2013-05.parquet.dvc"),
        ("data/2013-*.parquet", "data/2013-05.parquet.dvc"),
        ("data/flights", "data/flights.dvc"),
        ("data/flights.parquet", "data/flights.parquet.dvc"),
        ("../data/flights.parquet", "../data/flights.parquet.dvc"),
    ],
)
def test_annotations_of__data_under_dvc__points_at_its_file_and_digest(
    service, tmp_path, path, tracked
):
    write(service / tracked, DVC)
    on_data = [
        found
        for found in of(dataset(check(), path=path), service=service, workspace=str(tmp_path))
        if found.place and found.place.file.endswith(".dvc")
    ]

    (found,) = on_data
    assert found.place == Place(
        (tmp_path / service / tracked).resolve().relative_to(tmp_path).as_posix(), 2
    )
    assert found.message == (
        "412 of 133,201 rows (0.3\N{NO-BREAK SPACE}%) fail, and none is tolerated. Of its rules, "
        "none of 1 holds, 1 is broken."
    )


def test_annotations_of__rules_that_could_not_be_judged__are_errors_too():
    unjudged = [check(failing_rows=0, verdict="inconclusive", column=name) for name in "ab"]
    (found,) = of(dataset(*unjudged, verdict="fail"))

    assert (found.level, found.message) == ("error", "2 rules could not be judged: a, b")


def test_annotations_of__rule_that_merely_warns__is_a_warning_though_nothing_is_blocked():
    report = dataset(check(warns=True, verdict="pass"), verdict="pass")
    (found,) = of(report)

    assert (found.level, found.title) == ("warning", "dataset flights, carrier")


def test_annotations_of__tolerated_rows__say_nothing():
    assert of(dataset(check(), verdict="pass", tolerated_rows=500)) == []


def test_annotations_of__row_count__comes_before_rules_that_few_rows_break():
    rows = check(kind="rows", check="at least 10 rows", column=None, detail="3 rows",
                 failing_rows=0, share=0.0, verdict="fail", examples=[])  # fmt: skip
    found = of(dataset(check(), rows, verdict="fail"))

    assert found[0].message == (
        "dataset: at least 10 rows; 3 rows. See whether a load was cut off or ran twice. If the "
        "size is right, change rows in tidegate.yaml."
    )


@settings(deadline=None)
@given(
    errors=st.integers(0, 30),
    warnings=st.integers(0, 30),
    seed=st.randoms(use_true_random=False),
)
def test_annotations_of__many__are_the_worst_and_count_the_rest(
    errors: int, warnings: int, seed: random.Random
):
    checks = [check(column=f"e{n}", failing_rows=n + 1, share=(n + 1) / 100) for n in range(errors)]
    checks += [
        check(column=f"w{n}", failing_rows=n + 1, share=(n + 1) / 100, verdict="pass", warns=True)
        for n in range(warnings)
    ]
    seed.shuffle(checks)
    found = of(dataset(*checks, verdict="fail" if errors else "pass")) if checks else []

    names = [f"e{n}" for n in reversed(range(errors))]
    names += [f"w{n}" for n in reversed(range(warnings))]
    fits = len(names) <= MAX_ANNOTATIONS
    shown = names if fits else names[: MAX_ANNOTATIONS - 1]
    assert len(found) == min(len(names), MAX_ANNOTATIONS)
    assert [item.title.rpartition(" ")[2] for item in found[: len(shown)]] == shown
    if not fits:
        left = names[len(shown) :]
        counts = {"e": sum(n[0] == "e" for n in left), "w": sum(n[0] == "w" for n in left)}
        said = found[-1].title.removesuffix(" more").replace("s", "").split(" and ")
        words = {"e": "error", "w": "warning"}
        assert said == [f"{number} {words[kind]}" for kind, number in counts.items() if number]
        assert found[-1].level == ("error" if counts["e"] else "warning")


def test_annotations_of__drift_and_a_breaking_change__are_warnings_where_they_are(service):
    write(service / "data/flights.dvc", DVC)
    changes = [
        schema_change(column="dep_delay", what="dtype", before="Int64", after="Float64",
                      effect="breaking"),
        schema_change(column="carrier", effect="looser"),
    ]  # fmt: skip
    found = of(dataset(drift=[drift(), no_drift("dest")], contract=changes), service=service)

    assert [(item.level, item.message.partition(". ")[0], item.place) for item in found] == [
        (
            "warning",
            "Drift in 1 of 2 columns (dep_delay)",
            Place("services/shop/data/flights.dvc", 2),
        ),
        (
            "warning",
            "a breaking change: dtype, Int64 → Float64",
            Place("services/shop/src/flight_delay/schemas.py", 6),
        ),
    ]


def test_annotations_of__drift_that_stops_the_change__is_an_error():
    found = of(dataset(drift=[drift(blocking=True)], verdict="fail"))

    assert [item.level for item in found] == ["error"]


def test_annotations_of__drift_that_cannot_be_told_and_is_to_fail__is_an_error_with_its_remedy():
    unsure = drift(blocking=True, verdict="inconclusive")
    (found,) = of(dataset(drift=[unsure], verdict="inconclusive"))

    assert found.level == "error"
    assert "Compare more rows" in found.message


def test_annotations_of__redacted_column__shows_no_value():
    checks = [
        check(column="tailnum", redacted=True, detail="SECRET",
              examples=[example(row=1, value="SECRET")]),
        check(column="origin", examples=[example(row=1, value="JFK", key={"tailnum": "SECRET"})]),
    ]  # fmt: skip
    found = of(dataset(*checks, redacted_columns=["tailnum"]))

    assert len(found) == 2
    assert "SECRET" not in "".join(map(str, found))
    assert "2013-05.parquet row 1: JFK" in "".join(map(str, found))


def test_annotations_of__hostile_values__stay_inside_their_command(service):
    evil = "a,file=/etc/passwd::\r\n::stop-commands::x\n100%"
    hostile = check(
        column=evil,
        check=evil,
        detail=evil,
        examples=[example(file=evil, row=1, value=evil, key={evil: evil})],
    )
    for reference in (evil, "src/flight_delay/schemas.py:Flights"):
        (found,) = of(dataset(hostile, name=evil, schema=reference, path=evil), service=service)
        text = str(found)
        assert len(text.splitlines()) == 1
        names = [part.split("=")[0] for part in text.split("::")[1].split(",")]
        assert names == (["error title"] if reference == evil else ["error title", "file", "line"])
        assert "100%25" in text


def test_annotations_of__image_that_fails_a_check__is_named():
    failed = {"name": "predictions", "verdict": "fail", "detail": "greatest difference 0.3"}
    report = {**command_report("test-image"), "blocked": True, "checks": [failed]}

    assert [str(found) for found in annotations_of("test-image", report)] == [
        "::error title=test-image%3A predictions::greatest difference 0.3"
    ]


def test_annotations_of__many_slices__keep_the_reports_order_and_count_the_rest():
    report = gate_report(*[worse_slice(str(number)) for number in range(12)])
    found = annotations_of("gate-model", report)

    assert [item.title for item in found[:2]] == ["roc-auc, carrier=0", "roc-auc, carrier=1"]
    assert found[-1].title == "3 errors more"


CONFIG = """\
service: shop
gate:
  metrics:
    roc-auc: {min: 0.7}
  slice-metrics:
    roc-auc: {max-regression: 0.02}
  budgets:
    train-minutes: 20
"""


def test_annotations_of__metrics_and_budgets__stand_at_their_bounds_in_the_config(service):
    write(service / "gate.yaml", CONFIG)
    report = gate_report(
        result(verdict="fail"),
        worse_slice(),
        worse_slice(metric="recall-per-class/a"),
        budgets=[budget(value=30.0, verdict="fail")],
    )
    found = annotations_of("gate-model", report, service, str(Path.cwd()), "gate.yaml")

    assert [(one.title, one.place) for one in found] == [
        ("roc-auc, overall", Place("services/shop/gate.yaml", 4)),
        ("roc-auc, carrier=B6", Place("services/shop/gate.yaml", 6)),
        # Not in the config as it stands: the nearest that is.
        ("recall-per-class/a, carrier=B6", Place("services/shop/gate.yaml", 5)),
        ("budget train-minutes", Place("services/shop/gate.yaml", 8)),
    ]


@pytest.mark.parametrize("text", [None, "a: [", ":\n  - {", "\x00"])
def test_annotations_of__config_that_cannot_be_read__have_no_line(service, text):
    if text is not None:
        write(service / "tidegate.yaml", text)
    (found,) = annotations_of("gate-model", gate_report(worse_slice()), service)

    assert found.place is None or found.place.line is None
