"""Releases on real environments: processes on this machine, put there by the command deployer."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from shop import Shop
from tidegate.errors import ConfigError, DeployError
from tidegate.registry import GATE_REPORT_ARTIFACT
from tidegate.release.deployers import deployer_for
from tidegate.release.ledger import Event, Ledger, releases_before
from tidegate.release.status import status
from tidegate.release.steps import MoveReport

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's own


def steps(report: MoveReport) -> dict[str, str]:
    return {step.name: str(step.verdict) for step in report.steps}


def refusal(report: MoveReport) -> str:
    """Why the preflight said no; nothing else may have happened."""
    assert report.blocked
    assert steps(report) == {"preflight": "fail"}
    assert report.event is None
    assert report.after == report.before
    return report.steps[0].detail


def deployments(shop: Shop, environment: str) -> list[str]:
    """Versions that the deploy command was run with."""
    log = shop.folder / f"deployed-{environment}"
    return log.read_text().split() if log.exists() else []


def test_promote__staging_then_production_and_the_champion_moves_last(shop: Shop) -> None:
    staging = shop.promote(1, "staging")
    assert not staging.blocked
    assert (staging.before, staging.after) == (None, shop.release(1))
    assert shop.serves("staging") == "1"
    assert shop.champion() is None

    production = shop.promote(1, "production")
    assert steps(production) == dict.fromkeys(("preflight", "deploy", "verify", "record"), "pass")
    assert shop.serves("production") == "1"
    assert shop.champion() == "1"
    (event,) = shop.moves("production")
    assert event == production.event
    assert (event.kind, event.release, event.before) == ("promotion", shop.release(1), None)
    assert (event.actor, event.approver, event.reason) == ("grace", "grace", "newer")


def test_promote__the_next_release_replaces_the_one_before(shop: Shop) -> None:
    shop.ship(1)
    shop.ship(2)
    assert [shop.serves("staging"), shop.serves("production"), shop.champion()] == ["2"] * 3
    assert shop.moves("production")[-1].before == shop.release(1)


def test_promote__asked_twice_is_one_event_and_one_deployment(shop: Shop) -> None:
    first = shop.promote(1, "staging")
    second = shop.promote(1, "staging")
    assert not second.blocked
    assert second.event == first.event
    assert [event.kind for event in shop.moves("staging")] == ["promotion"]
    assert deployments(shop, "staging") == ["1"]


def test_promote__cut_off_before_the_ledger_ends_in_the_same_place(shop: Shop) -> None:
    shop.ship(1)
    shop.promote(2, "staging")
    # What a run that was killed after the alias moved leaves behind:
    release = Ledger(shop.registry).release(shop.release(2))
    deployer = deployer_for(shop.config, "production", shop.registry, shop.context.environ)
    deployer.deploy(release, lambda _: None)
    shop.registry.set_alias("champion", "2")
    assert status(shop.config, shop.context, "production").environments[0]["drift"]
    assert not shop.promote(2, "production").blocked
    assert [event.release for event in shop.moves("production")] == [
        shop.release(1),
        shop.release(2),
    ]
    assert deployments(shop, "production") == ["1", "2"]


def test_promote__refuses_whom_it_must(shop: Shop) -> None:
    shop.promote(1, "staging")
    assert "cannot approve it" in refusal(shop.promote(1, "production", approver="ada"))
    assert "cannot approve it" in refusal(shop.promote(1, "production", approver="Ada"))
    assert "mallory may not approve" in refusal(shop.promote(1, "production", approver="mallory"))
    del shop.environ["GITHUB_ACTOR"]
    assert "nobody approved it" in refusal(shop.promote(1, "production", approver=""))
    assert shop.serves("production") is None


def test_promote__refuses_while_on_hold_and_takes_it_afterwards(shop: Shop) -> None:
    shop.mover("staging").hold(release=False, reason="launch week")
    assert "on hold" in (said := refusal(shop.promote(1, "staging")))
    assert "hold by grace: launch week" in said
    shop.mover("staging").hold(release=True, reason=None)
    assert not shop.promote(1, "staging").blocked


def test_promote__the_environment_before_must_hold_this_very_release(shop: Shop) -> None:
    assert "it runs nothing" in refusal(shop.promote(1, "production"))
    shop.ship(1)
    assert f"it runs {shop.release(1)}" in refusal(shop.promote(2, "production"))


def test_promote__soak_time_counts_from_the_promotion_before(shop: Shop) -> None:
    path = shop.folder / "tidegate.yaml"
    path.write_text(path.read_text().replace("soak-minutes: 0", "soak-minutes: 30"))
    shop.promote(1, "staging")
    assert "for 0 minutes, 30 are asked for" in refusal(shop.promote(1, "production"))
    shop.clock.at += timedelta(minutes=29)
    shop.promote(1, "staging")  # asked again: it has been there all the time
    assert "for 29 minutes" in refusal(shop.promote(1, "production"))
    shop.clock.at += timedelta(minutes=1)
    assert not shop.promote(1, "production").blocked


def test_promote__refuses_when_the_champion_moved_after_the_gate(shop: Shop) -> None:
    shop.ship(1)
    shop.ship(2)
    assert not shop.promote(3, "staging").blocked
    said = refusal(shop.promote(3, "production"))
    assert "compared with version 1, and the champion is now version 2" in said
    assert (shop.serves("production"), shop.champion()) == ("2", "2")


def test_promote__refuses_an_edited_gate_record(shop: Shop) -> None:
    shop.candidate(4)
    version = shop.register().version
    folder = Path(version.source.removeprefix("file://")).parent
    (record,) = folder.glob(GATE_REPORT_ARTIFACT)
    record.write_text(record.read_text().replace('"verdict": "pass"', '"verdict": "better"'))
    assert "not the one that the release was made with" in refusal(shop.promote(4, "staging"))


def test_promote__refuses_another_releases_gate_record(shop: Shop) -> None:
    other = shop.candidate(5, commit="another").read_text()
    shop.candidate(4)
    version = shop.register().version
    (record,) = Path(version.source.removeprefix("file://")).parent.glob(GATE_REPORT_ARTIFACT)
    record.write_text(other)
    assert "not the one that the release was made with" in refusal(shop.promote(4, "staging"))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("wrong", "predictions: 3 rows, greatest difference"),
        ("not a number", "predictions: "),
        ("another release", "identity: it says it is v0-0000000"),
    ],
)
def test_promote__a_release_that_answers_wrongly_is_replaced_by_the_one_before(
    shop: Shop, fault: str, said: str
) -> None:
    shop.ship(1)
    shop.promote(2, "staging")
    shop.fault(2, fault)
    report = shop.promote(2, "production")
    assert report.blocked
    assert steps(report) == {
        "preflight": "pass",
        "deploy": "pass",
        "verify": "fail",
        "put back": "pass",
    }
    assert said in report.steps[2].detail
    assert report.before == report.after == shop.release(1)
    assert (shop.serves("production"), shop.champion()) == ("1", "1")
    assert [event.release for event in shop.moves("production")] == [shop.release(1)]


def test_promote__a_service_that_does_not_name_itself_is_held_to_its_predictions(
    shop: Shop,
) -> None:
    shop.fault(1, "anonymous")
    report = shop.promote(1, "staging")
    assert not report.blocked


def test_promote__a_first_release_that_is_wrong_cannot_be_put_back_and_says_so(
    shop: Shop,
) -> None:
    shop.fault(1, "wrong")
    report = shop.promote(1, "staging")
    assert steps(report)["put back"] == "fail"
    assert f"{shop.release(1)} still runs there" in report.steps[-1].detail
    assert shop.moves("staging") == []
    (environment,) = status(shop.config, shop.context, "staging").environments
    assert environment["drift"] == [f"{shop.release(1)} runs, the ledger says nothing"]


@pytest.mark.parametrize("fault", ["fails at once", "fails halfway"])
def test_promote__a_deploy_command_that_fails_is_an_error_and_the_one_before_serves(
    shop: Shop, fault: str
) -> None:
    shop.ship(1)
    shop.promote(2, "staging")
    shop.fault(2, fault)
    with pytest.raises(DeployError, match="ended with exit code 1") as caught:
        shop.promote(2, "production")
    assert "put back: " + shop.release(1) in caught.value.what
    assert (shop.serves("production"), shop.champion()) == ("1", "1")
    assert len(shop.moves("production")) == 1


def test_promote__an_unknown_release_or_environment_is_an_error(shop: Shop) -> None:
    with pytest.raises(DeployError, match="no release is called 'v9-0000000'") as caught:
        shop.mover("staging").promote("v9-0000000")
    assert shop.release(3) in str(caught.value)
    with pytest.raises(ConfigError, match="did you mean 'staging'"):
        shop.mover("stagin")


def test_rollback__goes_to_the_release_before_and_holds(shop: Shop) -> None:
    shop.ship(1)
    shop.ship(2)
    report = shop.mover("production").rollback(None, "grace", "errors since 03:00")
    assert not report.blocked
    assert (report.before, report.after) == (shop.release(2), shop.release(1))
    assert (shop.serves("production"), shop.champion()) == ("1", "1")
    assert (shop.serves("staging"), shop.moves("production")[-1].kind) == ("2", "rollback")

    said = refusal(shop.promote(2, "production"))
    assert "rollback by grace: errors since 03:00" in said
    shop.mover("production").hold(release=True, reason="mended")
    assert not shop.promote(2, "production").blocked
    assert (shop.serves("production"), shop.champion()) == ("2", "2")


def test_rollback__asked_twice_ends_in_the_same_place(shop: Shop) -> None:
    for number in (1, 2, 3):
        shop.promote(number, "staging")
    first = shop.mover("staging").rollback(None, None, "bad")
    second = shop.mover("staging").rollback(None, None, "bad")
    assert first.after == second.after == shop.release(2)
    assert second.event == first.event
    shop.mover("staging").hold(release=False, reason="and nobody touches it")
    assert shop.mover("staging").rollback(None, None, "bad").after == shop.release(2)
    assert shop.serves("staging") == "2"
    assert [e.kind for e in shop.moves("staging")] == [*["promotion"] * 3, "rollback", "hold"]


def test_rollback__to_names_any_release_that_ran_there(shop: Shop) -> None:
    for number in (1, 2):
        shop.promote(number, "staging")
    with pytest.raises(DeployError, match="never ran"):
        shop.mover("staging").rollback(shop.release(3), None, "bad")
    shop.promote(3, "staging")
    for _ in range(2):
        report = shop.mover("staging").rollback(shop.release(1), None, "2 is bad, too")
        assert (report.after, shop.serves("staging")) == (shop.release(1), "1")
    assert len(shop.moves("staging")) == 4


def test_rollback__skips_the_gate_but_not_the_approval(shop: Shop) -> None:
    shop.ship(1)
    shop.ship(2)
    said = refusal(shop.mover("production").rollback(None, "ada", "bad"))
    assert "ada made this change" in said
    assert shop.serves("production") == "2"


def test_rollback__that_does_not_verify_leaves_what_runs(shop: Shop) -> None:
    shop.promote(1, "staging")
    shop.promote(2, "staging")
    shop.fault(1, "wrong")
    report = shop.mover("staging").rollback(None, None, "bad")
    assert report.blocked
    assert (report.after, shop.serves("staging")) == (shop.release(2), "2")
    assert [event.kind for event in shop.moves("staging")] == ["promotion"] * 2


def test_promote__on_github_nobody_approves_as_somebody_else(shop: Shop) -> None:
    shop.promote(1, "staging")
    shop.environ |= {"GITHUB_ACTIONS": "true", "GITHUB_ACTOR": "ada"}
    said = refusal(shop.promote(1, "production", approver="grace"))
    assert said == "ada started this run and cannot approve as grace"
    shop.environ["GITHUB_ACTOR"] = "Grace"
    assert not shop.promote(1, "production", approver="grace").blocked


@pytest.mark.parametrize(
    ("way", "back_to"),
    [
        ("1 2", "1"),
        ("1 2 1", "2"),
        ("1 2 2", "1"),
        ("1 2 <1 3", "1"),
        ("1 2 3 <2", "1"),
        ("1 2 3 <1 3 2", "3"),
        ("1 2 3 <1 2 <1 3", "1"),
    ],
)
def test_releases_before__the_nearest_is_what_ran_before_by_the_way_that_still_counts(
    way: str, back_to: str
) -> None:
    there = [
        Event("rollback" if step.startswith("<") else "promotion", "", "staging", step.strip("<"))
        for step in way.split()
    ]
    assert releases_before(there)[-1] == back_to


def test_rollback__after_a_promotion_of_an_earlier_release_goes_to_the_one_in_between(
    shop: Shop,
) -> None:
    for number in (1, 2, 1):
        assert not shop.promote(number, "staging").blocked
    report = shop.mover("staging").rollback(None, None, "bad")
    assert (report.after, shop.serves("staging")) == (shop.release(2), "2")


def test_rollback__without_an_earlier_release_is_an_error(shop: Shop) -> None:
    with pytest.raises(DeployError, match="no earlier release"):
        shop.mover("staging").rollback(None, None, "bad")
    shop.promote(1, "staging")
    with pytest.raises(DeployError, match="no earlier release"):
        shop.mover("staging").rollback(None, None, "bad")


def test_status__says_what_runs_where_and_sees_drift(shop: Shop) -> None:
    shop.ship(1)
    shop.mover("staging").hold(release=False, reason=None)
    state = status(shop.config, shop.context)
    staging, production = state.environments
    assert (staging["name"], staging["release"], staging["hold"]) == (
        "staging",
        shop.release(1),
        "hold by grace",
    )
    assert production["release"] == shop.release(1)
    assert (staging["drift"], production["drift"]) == ([], [])
    assert [event["kind"] for event in state.ledger] == [
        *["release"] * 3,
        "promotion",
        "promotion",
        "hold",
    ]

    shop.registry.set_alias("champion", "3")
    (production,) = status(shop.config, shop.context, "production").environments
    assert production["drift"] == ["the champion is version 3, the ledger says version 1"]
    shop.registry.set_alias("champion", "1")
    shop.close()
    drift = [e["drift"] for e in status(shop.config, shop.context).environments]
    assert drift == [[f"nothing runs, the ledger says {shop.release(1)}"]] * 2
