"""What `tidegate watch` finds of a real release, day by day."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import polars as pl
import pytest
import yaml
from jsonschema import Draft202012Validator

from rendered_markdown import read
from tidegate.cli import main
from tidegate.cli.execution import decided
from tidegate.errors import ConfigError, RegistryError
from tidegate.registry import DATA_REPORT_ARTIFACT, GATE_REPORT_ARTIFACT, PREDICTIONS_ARTIFACT
from tidegate.report.markdown import render_verb
from tidegate.report.schemas import report_schema
from tidegate.watch.chronicle import chronicle
from tidegate.watch.history import History
from tidegate.watch.results import WatchReport
from watched import CONFIG, Watched, part

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's own


def as_json(report: WatchReport) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(json.dumps(decided("watch", report, monotonic())))
    Draft202012Validator(report_schema("watch")).validate(body)
    return body


def test_watch__nothing_wrong__passes_and_is_kept_with_its_figures(shop: Watched) -> None:
    report = shop.watch()
    assert (report.verdict, report.blocked, report.incident) == ("pass", False, None)
    assert [(one.id, one.verdict) for one in report.parts] == [
        ("data.recent", "pass"),
        ("labels.arrived", "pass"),
    ]
    assert report.release == part_release(shop)
    (kept,) = History(shop.registry).runs()
    assert kept.at == report.at
    assert kept.parts == {"data.recent": "pass", "labels.arrived": "pass"}
    assert kept.figures["labels.arrived/roc-auc"] == pytest.approx(
        part(report, "labels.arrived").results[0]["candidate"]
    )
    assert "All is well" in render_verb("watch", as_json(report))


def part_release(shop: Watched) -> str:
    report = shop.watch(record=False)
    assert report.release is not None
    return report.release


def test_watch__one_bad_day__is_suspected_and_a_second_one_is_an_incident(shop: Watched) -> None:
    good = shop.watch()
    shop.next_day()
    shop.break_inputs()
    first = shop.watch()
    assert (first.verdict, first.blocked) == ("inconclusive", False)
    assert first.standings["data.recent"].state == "suspected"
    shop.next_day()
    shop.break_inputs()
    second = shop.watch()
    assert (second.verdict, second.blocked) == ("fail", True)
    assert second.incident is not None
    assert (second.incident.since, second.incident.begun) == (first.at, second.at)
    assert second.incident.failing == ("data.recent",)
    assert second.standings["data.recent"].last_pass == good.at
    (drifted,) = [one for one in part(second, "data.recent").changes if one.verdict == "fail"]
    assert (drifted.what, drifted.detail[:5]) == ("price", "drift")
    text = render_verb("watch", as_json(second))
    assert "No release came in between" in text
    assert "docs/runbooks/drift.md" in text


def test_watch__passing_again__takes_three_days_to_end_it(shop: Watched) -> None:
    for _ in range(2):
        shop.break_inputs()
        shop.watch()
        shop.next_day()
    states = []
    for _ in range(3):
        report = shop.watch()
        states.append((report.standings["data.recent"].state, report.blocked))
        shop.next_day()
    assert states == [("recovering", True), ("recovering", True), ("passing", False)]
    assert report.incident is not None
    assert report.incident.ended == report.at
    assert report.verdict == "pass"


def test_watch__a_release_between_pass_and_fail__is_named(shop: Watched) -> None:
    shop.watch()
    shop.at += timedelta(hours=5)
    release = shop.release()
    shop.next_day()
    shop.break_labels()
    shop.watch()
    shop.next_day()
    shop.break_labels()
    report = shop.watch()
    brought = report.brought_by["labels.arrived"]
    assert brought is not None
    assert (brought["release"], brought["actor"]) == (release, "grace")
    text = read(render_verb("watch", as_json(report))).text
    assert f"Release {release} was put on production in between" in text.replace("\u200b", "")


def test_watch__one_slice_is_worse__the_slice_is_named_and_no_other(shop: Watched) -> None:
    shop.break_labels("Bergen")
    quality = part(shop.watch(), "labels.arrived")
    assert quality.verdict == "fail"
    failing = [one for one in quality.results if one["verdict"] == "fail" and one["slice"]]
    assert [one["slice"] for one in failing] == [{"city": "Bergen"}]
    assert failing[0]["harm"] > 0.1
    assert failing[0]["lower"] > failing[0]["max_regression"] == 0.1


def test_watch__few_labels__cannot_tell_and_do_not_pass(shop: Watched) -> None:
    shop.write_labels(shop.labels.head(150))
    report = shop.watch()
    assert part(report, "labels.arrived").verdict == "inconclusive"
    assert (report.verdict, report.blocked) == ("inconclusive", False)
    assert report.standings["labels.arrived"].state == "unsure"


def test_watch__a_missing_table__is_undecided_and_keeps_nothing_else_from_being_looked_at(
    shop: Watched,
) -> None:
    (shop.folder / "recent/orders.parquet").unlink()
    report = shop.watch()
    missing = part(report, "data.recent")
    assert (missing.verdict, report.verdict) == (None, None)
    assert missing.error is not None
    assert "no data file is there" in str(missing.error["what"])
    assert part(report, "labels.arrived").verdict == "pass"
    assert "could not be decided" in render_verb("watch", as_json(report))


def test_watch__undecided_runs__do_not_end_an_incident(shop: Watched) -> None:
    for _ in range(2):
        shop.break_inputs()
        shop.watch()
        shop.next_day()
    (shop.folder / "recent/orders.parquet").unlink()
    for _ in range(4):
        report = shop.watch()
        shop.at += timedelta(days=1)
    assert (report.blocked, report.verdict) == (True, "fail")


def test_watch__carrier_gone_and_nulls__are_told_though_psi_is_small(shop: Watched) -> None:
    leaking = pl.when(pl.col("id") % 8 != 0).then("weight")
    shop.write_inputs(shop.inputs.filter(pl.col("city") != "Tromsø").with_columns(leaking))
    changes = part(shop.watch(), "data.recent").changes
    told = {one.what: one.detail for one in changes if one.verdict == "fail"}
    assert set(told) == {"city", "weight"}
    assert "'Tromsø' is gone" in told["city"]
    assert told["weight"].startswith("null in 1")


def test_watch__a_redacted_column__shows_no_value(shop: Watched) -> None:
    shop.write_inputs(shop.inputs.filter(pl.col("customer") != "Grace"))
    report = shop.watch()
    assert part(report, "data.recent").verdict == "fail"
    assert "Grace" not in json.dumps(as_json(report))


def test_watch__rows_against_the_schema__fail(shop: Watched) -> None:
    shop.write_inputs(shop.inputs.with_columns(price=pl.lit(-1.0)))
    changes = part(shop.watch(), "data.recent").changes
    assert any("600 of 600 rows break" in one.detail for one in changes)


def test_watch__other_data_than_the_release_was_made_from__is_noted(shop: Watched) -> None:
    assert part(shop.watch(), "data.recent").notes == ()
    reference = shop.folder / "data/orders.parquet"
    pl.read_parquet(reference, memory_map=False).head(19_000).write_parquet(reference)
    (note,) = part(shop.watch(), "data.recent").notes
    assert "which is not the data that version 1 was made from" in note


def test_watch__old_rows__fail_freshness_in_a_part_of_its_own(shop: Watched) -> None:
    fresh = {"column": "at", "max-age": "36h"}
    shop.change_watch(
        data={"recent": {"path": "recent/orders.parquet", "dataset": "orders", "freshness": fresh,
                         "drift": {"columns": ["price"]}}}
    )  # fmt: skip
    day_old = shop.inputs.with_columns(at=pl.lit(shop.at - timedelta(hours=30)))
    shop.write_inputs(day_old)
    schema = shop.folder / "schemas.py"
    schema.write_text(
        schema.read_text().replace('"weight"', '"at": pa.Column(required=False), "weight"')
    )
    assert part(shop.watch(), "freshness.recent").verdict == "pass"
    shop.at += timedelta(hours=10)
    old = part(shop.watch(), "freshness.recent")
    assert (old.verdict, part(shop.watch(), "data.recent").verdict) == ("fail", "pass")
    (shop.folder / "recent/orders.parquet").unlink()
    assert part(shop.watch(), "freshness.recent").verdict is None


def test_watch__an_old_model__fails(shop: Watched) -> None:
    shop.change_watch(model_max_age="90d")
    made = shop.registry.version("1").created_at
    shop.at = made + timedelta(days=90)
    assert part(shop.watch(), "freshness.model").verdict == "pass"
    shop.at += timedelta(minutes=1)
    assert part(shop.watch(), "freshness.model").verdict == "fail"


def test_watch__cost_of_a_table__is_added_up_and_held_to_its_maximum(shop: Watched) -> None:
    shop.change_watch(cost={"max": 30, "table": "recent/cost.csv", "column": "eur"})
    costs = shop.folder / "recent/cost.csv"
    costs.write_text("day,eur\n1,10.5\n2,19\n")
    assert part(shop.watch(), "cost.total").verdict == "pass"
    costs.write_text("day,eur\n1,10.5\n2,19.6\n")
    assert part(shop.watch(), "cost.total").verdict == "fail"
    for text in ("day,eur\n1,\n2,3\n", "day,usd\n1,2\n", "day,eur\n"):
        costs.write_text(text)
        assert part(shop.watch(), "cost.total").verdict is None


def test_watch__edited_predictions_of_the_release__decide_nothing(shop: Watched) -> None:
    version = shop.registry.version("1")
    registry = shop.registry
    root = registry.client.get_run(version.run_id).info.artifact_uri.removeprefix("file://")
    logged = f"{root}/{PREDICTIONS_ARTIFACT}.parquet"
    kept = pl.read_parquet(logged, memory_map=False)
    try:
        kept.with_columns(pl.col("score") / 2).write_parquet(logged)
        edited = part(shop.watch(), "labels.arrived")
    finally:
        kept.write_parquet(logged)
    assert edited.verdict is None
    assert edited.error is not None
    assert "are not those that its gate record is of" in str(edited.error["what"])


@pytest.mark.parametrize("text", ["{", "{}", "[]", '{"record": {}}'])
def test_watch__damaged_records_of_the_release__decide_no_quality_and_are_noted(
    shop: Watched, text: str
) -> None:
    registry = shop.registry
    run = registry.client.get_run(registry.version("1").run_id)
    root = Path(run.info.artifact_uri.removeprefix("file://"))
    kept = {root / name: (root / name).read_text()
            for name in (GATE_REPORT_ARTIFACT, DATA_REPORT_ARTIFACT)}  # fmt: skip
    try:
        for path in kept:
            path.write_text(text)
        report = shop.watch(record=False)
    finally:
        for path, before in kept.items():
            path.write_text(before)
    assert part(report, "labels.arrived").verdict is None
    assert "not the data that version 1" in part(report, "data.recent").notes[0]


def test_watch__before_the_first_promotion__quality_is_undecided(tmp_path: Any) -> None:
    empty = Watched(tmp_path)
    config = yaml.safe_load(yaml.safe_dump(CONFIG))
    config["watch"].pop("data")
    (tmp_path / "recent").mkdir()
    empty.write_config(config)
    empty.write_labels(pl.DataFrame({"id": [1], "city": ["Oslo"], "returned": [1], "score": [0.5]}))
    report = empty.watch()
    assert report.verdict is None
    assert report.parts[0].error is not None
    assert "no release yet" in str(report.parts[0].error["what"])


def test_watch__no_registry__is_an_error_and_no_report(shop: Watched) -> None:
    shop.environ["MLFLOW_TRACKING_URI"] = "http://127.0.0.1:9"
    with pytest.raises(RegistryError):
        shop.watch()


def test_watch__a_retrain_or_a_roll_back__is_named_where_it_can_help(shop: Watched) -> None:
    shop.change_watch(on_fail="roll-back")
    shop.watch()
    for _ in range(2):
        shop.next_day()
        shop.break_labels()
        report = shop.watch()
    assert report.action is not None
    assert (report.action["kind"], report.action["workflow"]) == ("roll-back", None)
    assert "was not promoted between" in report.action["why"]
    shop.change_watch(on_fail="retrain", retrain_workflow="train.yaml")
    again = shop.watch(record=False)
    assert again.action is not None
    assert again.action["workflow"] == "train.yaml"


def test_watch__a_roll_back__is_asked_for_where_a_release_brought_it(shop: Watched) -> None:
    shop.change_watch(on_fail="roll-back")
    shop.watch()
    shop.at += timedelta(hours=1)
    release = shop.release()
    for _ in range(2):
        shop.next_day()
        shop.break_labels()
        report = shop.watch()
    assert report.action is not None
    assert report.action["workflow"] == "rollback.yml"
    assert report.action["inputs"]["environment"] == "production"
    assert release in report.action["why"]


def test_board__has_what_the_watches_found__parts_figures_and_incidents(shop: Watched) -> None:
    assert chronicle(shop.config, shop.registry) == {
        "runs": 0, "at": None, "parts": [], "figures": [], "incidents": [],
    }  # fmt: skip
    for _ in range(2):
        shop.break_labels()
        shop.watch()
        shop.next_day()
    found = chronicle(shop.config, shop.registry)
    assert found is not None
    assert found["runs"] == 2
    assert {part["part"]: part["state"] for part in found["parts"]} == {
        "data.recent": "passing", "labels.arrived": "failing",
    }  # fmt: skip
    quality = found["figures"][0]
    assert (quality["name"], quality["min"]) == ("labels.arrived/roc-auc", 0.6)
    assert [point["release"] for point in quality["points"]] == [part_release(shop)] * 2
    assert [one["ended"] for one in found["incidents"]] == [None]


def test_watch__without_a_record__leaves_no_trace(shop: Watched) -> None:
    assert shop.watch(record=False).recorded is False
    assert History(shop.registry).runs() == []


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"data": {"x": {"path": "a"}}}, "are more of, or a schema"),
        ({"data": {"x": {"path": "a", "dataset": "order"}}}, "'order' is no known dataset"),
        ({"data": {}, "labels": {}}, "nothing is watched"),
        ({"fails": 4}, "4 of 3 runs can never fail"),
        ({"objectives": {"errors": {"max": 0.1}}}, "need the address in prometheus"),
        ({"prometheus": "http://u:p@host"}, "prometheus"),
        ({"prometheus": "http://h", "objectives": {"speed": {"max": 1}}}, "without a query"),
        ({"prometheus": "http://h", "objectives": {"errors": {}}}, "decides nothing"),
        ({"environment": "prod"}, "'prod' is no known environment"),
        ({"on_fail": "rollback"}, "on-fail"),
        ({"retrain_workflow": "../x.yml"}, "retrain-workflow"),
        ({"labels": {"a": {"predictions": "p", "margins": {"auc": 1}}}}, "no known metric"),
    ],
)  # fmt: skip
def test_config__what_cannot_be_meant__is_refused_with_its_place(
    shop: Watched, keys: dict[str, Any], said: str
) -> None:
    shop.change_watch(**keys)
    with pytest.raises(ConfigError, match=r"tidegate\.yaml:[0-9]+") as error:
        shop.config  # noqa: B018
    assert said in str(error.value)


def test_command__exit_codes_and_reports(
    shop: Watched, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(shop.folder)
    for name in ("GITHUB_ACTIONS", "GITHUB_TOKEN", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    assert main(["watch"]) == 0
    report = json.loads((shop.folder / "reports/tidegate/watch.json").read_text())
    assert (report["verdict"], report["recorded"]) == ("pass", True)
    assert "All is well" in (shop.folder / "reports/tidegate/watch.md").read_text()
    (shop.folder / "recent/orders.parquet").unlink()
    capsys.readouterr()
    assert main(["watch", "--no-record", "--json"]) == 2
    printed = json.loads(capsys.readouterr().out)
    assert (printed["verdict"], printed["recorded"]) == (None, False)
