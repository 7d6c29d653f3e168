"""The board of a shop with a history, on a real registry; and as a real browser shows it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from browser import Browser, in_a_browser
from local_github.act import ROOT
from local_github.api import LocalGitHub
from shop import Shop, command_config, copy_database, roc_auc
from tidegate.cli import main
from tidegate.gate import record as records
from tidegate.registry import GATE_REPORT_ARTIFACT
from tidegate.release import trend as trends
from tidegate.release.board import board
from tidegate.release.ledger import Ledger

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's own

PICTURES = ROOT / "build/board"
FIGURES = {4: (0.712, 0.7), 5: (0.734, 0.712), 6: (0.729, 0.734)}


def register(shop: Shop, number: int, candidate: float, baseline: float) -> None:
    """Version `number`, with a metric that is held to a baseline and one to a bound alone."""
    path = shop.candidate(number, baseline=str(number - 1))
    # As the gate writes it: the harm is told, and not judged.
    bound_alone = {"min": None, "max": 0.12, "max_regression": None, "harm": 0.003}
    results = [
        roc_auc(candidate, baseline),
        roc_auc(0.5, slice={"city": "Oslo"}),
        roc_auc(0.09 - candidate / 20, metric="expected-calibration-error", **bound_alone),
    ]
    report = json.loads(path.read_text())
    record = {name: value for name, value in report["record"].items() if name != "digest"}
    record["results_digest"] = records.figures_digest(results)
    sealed = {"results": results, "budgets": [], "record": records.seal(record)}
    path.write_text(json.dumps({**report, **sealed}))
    shop.register()


@pytest.fixture(scope="module")
def lived(stocked: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Six releases; two went to production, one came back. Staging is one ahead."""
    folder = tmp_path_factory.mktemp("lived")
    copy_database(stocked, folder)
    shop = Shop.make(folder, command_config())
    for number, (candidate, baseline) in FIGURES.items():
        register(shop, number, candidate, baseline)
        shop.clock.at += timedelta(hours=7)
    shop.ship(1)
    shop.clock.at += timedelta(days=2)
    shop.ship(3)
    shop.clock.at += timedelta(hours=5)
    shop.mover("production").rollback(None, "grace", "half of the answers are late since 03:00")
    shop.promote(2, "staging")
    shop.clock.at += timedelta(hours=1)
    yield shop
    shop.close()


@pytest.fixture
def history(lived: Shop, tmp_path: Path) -> Shop:
    """What it lived through, in a registry and a config of its own; its services run on."""
    copy_database(lived.folder, tmp_path)
    shop = Shop.make(tmp_path, (lived.folder / "tidegate.yaml").read_text())
    shop.clock.at = lived.clock.at
    return shop


def test_board__says_what_runs_where_and_how_the_metrics_went(history: Shop) -> None:
    report = board(history.config, history.context)
    staging, production = report.environments
    assert (staging["release"], production["release"]) == (history.release(2), history.release(1))
    assert production["hold"] == "rollback by grace: half of the answers are late since 03:00"
    assert (str(report.verdict), report.blocked, report.releases) == ("pass", False, 6)
    assert [event["kind"] for event in report.ledger][-2:] == ["rollback", "promotion"]

    auc, calibrated = report.trend.metrics
    assert (auc["metric"], calibrated["metric"]) == ("roc-auc", "expected-calibration-error")
    assert [point["candidate"] for point in auc["points"]] == [0.7] * 3 + [0.712, 0.734, 0.729]
    newest = auc["points"][-1]
    assert newest["release"] == history.release(6)
    assert (newest["baseline"], newest["min"], newest["max_regression"]) == (0.734, 0.6, 0.02)
    # That interval is the harm's; the other one is the value's.
    assert (newest["lower"], newest["upper"]) == (None, None)
    value = calibrated["points"][-1]
    assert value["lower"] < value["candidate"] < value["upper"]
    assert (value["max"], value["baseline"]) == (0.12, None)
    assert report.trend.unreadable == {}


def test_board__drift__is_a_verdict_and_no_refusal(history: Shop) -> None:
    history.registry.set_alias("champion", "3")
    report = board(history.config, history.context)
    assert report.environments[-1]["drift"] == [
        "the champion is version 3, the ledger says version 1"
    ]
    assert (str(report.verdict), report.blocked) == ("fail", False)


def test_board__engine_out_of_reach__is_said_and_is_no_drift(history: Shop) -> None:
    path = history.folder / "tidegate.yaml"
    lines = path.read_text().splitlines()
    staging = next(n for n, line in enumerate(lines) if "deploy: {kind: command" in line)
    lines[staging] = "    deploy: {kind: docker, port: 1}"
    path.write_text("\n".join(lines))
    history.environ["DOCKER_HOST"] = "tcp://127.0.0.1:9"
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
        report = board(history.config, history.context)
    place = report.environments[0]
    assert "what runs cannot be seen" in place["unseen"]
    assert (place["drift"], place["looked_at"]) == ([], False)
    assert (str(report.verdict), report.blocked) == ("inconclusive", False)


def test_board__edited_or_missing_gate_records__leave_named_gaps(history: Shop) -> None:
    for number in (7, 8, 9, 10):
        register(history, number, 0.734, 0.729)

    def artifact(number: int) -> Path:
        run = history.registry.version(str(number)).run_id
        root = history.registry.client.get_run(run).info.artifact_uri.removeprefix("file://")
        return Path(root, GATE_REPORT_ARTIFACT)

    artifact(7).write_text("{")
    edited = artifact(8)
    edited.write_text(edited.read_text().replace("0.734", "0.934"))
    artifact(9).unlink()
    history.registry.delete_alias("challenger")
    history.registry.client.delete_model_version("shop", "10")
    trend = board(history.config, history.context).trend
    assert trend.unreadable == {
        history.release(7): "its gate record cannot be read",
        history.release(8): "its gate record is not the one that it was made with",
        history.release(9): "it was registered without a gate record",
        history.release(10): "its version is no longer in the registry",
    }
    points = trend.metrics[0]["points"]
    assert [point["release"] for point in points] == [history.release(n) for n in range(1, 7)]


def test_board__more_releases_than_it_reads__takes_the_newest(
    history: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trends, "MAX_RELEASES", 2)
    report = board(history.config, history.context)
    assert [of.id for of in report.trend.releases] == [history.release(5), history.release(6)]
    assert report.releases == 6


def test_board__without_a_token__says_that_github_was_not_asked(history: Shop) -> None:
    approvals = board(history.config, history.context).approvals
    assert (approvals["asked"], approvals["reason"]) == (False, "GITHUB_REPOSITORY is not set")


@pytest.fixture
def github(history: Shop) -> Iterator[LocalGitHub]:
    with LocalGitHub() as local:
        history.environ |= {
            "GITHUB_REPOSITORY": "acme/shop",
            "GITHUB_TOKEN": local.token,
            "GITHUB_API_URL": local.url,
        }
        yield local


def test_board__runs_that_wait__are_on_it(history: Shop, github: LocalGitHub) -> None:
    github.add_environment("acme/shop", "production-approval", reviewers=["lee", "kim"])
    github.add_waiting_run("acme/shop", "v6 to production", "production-approval", actor="ada")
    approvals = board(history.config, history.context).approvals
    (run,) = approvals["waiting"]
    assert approvals["asked"]
    assert (run["title"], run["actor"], run["reviewers"]) == (
        "v6 to production",
        "ada",
        ["lee", "kim"],
    )


def test_board__github_refuses__says_so_and_is_made(history: Shop, github: LocalGitHub) -> None:
    history.environ["GITHUB_TOKEN"] = "expired"
    approvals = board(history.config, history.context).approvals
    assert not approvals["asked"]
    assert "401" in approvals["reason"]


def test_command__writes_the_page_where_it_is_told(
    history: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(history.folder)
    for name in ("GITHUB_ACTIONS", "GITHUB_TOKEN", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    assert main(["board", "--output", "public/index.html"]) == 0
    reports = history.folder / "reports/tidegate"
    assert (history.folder / "public/index.html").read_text().startswith("<!DOCTYPE html>")
    assert json.loads((reports / "board.json").read_text())["verdict"] == "pass"
    assert "Everything runs as the ledger says" in (reports / "board.md").read_text()
    assert not (reports / "board.html").exists()

    assert main(["board"]) == 0
    assert history.release(1) in (reports / "board.html").read_text()

    (history.folder / "mlflow.db").write_bytes(b"no database")
    assert main(["board"]) == 2
    assert "The board could not be made" in (reports / "board.html").read_text()


@in_a_browser
def test_board__in_a_browser__reads_well_in_light_dark_and_on_a_phone(
    history: Shop, github: LocalGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    github.add_environment("acme/shop", "production-approval", reviewers=["lee", "kim"])
    github.add_waiting_run("acme/shop", "v6 to production", "production-approval", actor="ada")
    from tidegate.cli.execution import decided
    from tidegate.report.page import render_page

    page = history.folder / "board.html"
    text = render_page("board", decided("board", board(history.config, history.context), 0.0))
    page.write_text(str(text))
    with Browser() as browser:
        for name, width, dark in (
            ("light", 1280, False),
            ("dark", 1280, True),
            ("phone", 375, False),
        ):
            browser.open(page, width, dark=dark)
            assert browser.value("document.documentElement.scrollWidth") == width
            seen = browser.value("document.body.innerText")
            for part in (
                "Everything runs as the ledger says",
                "On hold: production. 1 run waits for approval.",
                history.release(1),
                "half of the answers are late",
                "v6 to production",
                "expected-calibration-error",
            ):
                assert part in seen, (name, part)
            ground = browser.value("getComputedStyle(document.body).backgroundColor")
            assert (sum(map(int, ground[4:-1].split(","))) < 3 * 128) is dark
            browser.screenshot(PICTURES / f"{name}.png")
            assert (PICTURES / f"{name}.png").stat().st_size > 20_000
        assert browser.said == []
        assert set(browser.asked) == {page.as_uri()}


def test_ledger__read__is_events_and_releases_at_once(history: Shop) -> None:
    ledger = Ledger(history.registry)
    events, releases = ledger.read()
    assert (events, releases) == (ledger.events(), ledger.releases())
    assert len(releases) == 6
