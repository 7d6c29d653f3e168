"""What goes wrong beside a move, and what the environment, the aliases and the ledger say then."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from kill_points import Move, at_once
from shop import Shop
from tidegate.errors import DeployError, RegistryError
from tidegate.release import lease
from tidegate.release.deployers import command
from tidegate.release.ledger import Event, Ledger, time_after
from tidegate.release.status import status

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's own


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """Production alone, which runs version 1."""
    shop.leave_production_alone()
    assert not shop.promote(1, "production").blocked
    return shop


def holder(**changes: Any) -> dict[str, Any]:
    return {"kind": "promotion", "actor": "ada", "run_url": None, **changes}


def claim(shop: Shop, process: str) -> lease.Lease:
    """A claim on production as another process, of this machine or another, leaves it."""
    ledger = Ledger(shop.registry)
    taken = ledger.lease("production", shop.context.timestamp(), holder())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lease, "process_identity", lambda: process)
        taken.__enter__()
    taken._left.set()  # it beats no more
    return taken


def test_two_promotions_at_once__one_is_made_and_the_other_touches_nothing(shop: Shop) -> None:
    for _ in range(3):
        reports = at_once(shop, [Move(2), Move(3)])
        made = [report["after"] for report in reports if report["event"]]
        refused = [report for report in reports if not report["event"]]
        assert len(made) <= 1
        assert {step["verdict"] for report in refused for step in report["steps"]} == {"fail"}
        assert all(len(report["steps"]) == 1 for report in refused)
        if made:
            break
    (release,) = made
    version = release.partition("-")[0][1:]
    assert shop.production() == (version, version, [shop.release(1), release])
    assert not status(shop.config, shop.context).blocked


def test_the_same_promotion_twice_at_once__is_one_event(shop: Shop) -> None:
    at_once(shop, [Move(2), Move(2)])
    assert not shop.promote(2, "production").blocked
    assert shop.production() == ("2", "2", [shop.release(1), shop.release(2)])


def test_somebody_else_moves_it__is_a_refusal_that_names_them(shop: Shop) -> None:
    ledger = Ledger(shop.registry)
    url = "https://github.com/acme/shop/actions/runs/7"
    with ledger.lease("production", shop.context.timestamp(), holder(run_url=url)):
        report = shop.promote(2, "production")
        moving = status(shop.config, shop.context).environments[0]["moving"]
    assert report.blocked
    assert [step.name for step in report.steps] == ["preflight"]
    for said in (report.steps[0].detail, moving):
        assert "production is being moved: promotion by ada since 2026-" in said
        assert url in said
    assert shop.production() == ("1", "1", [shop.release(1)])
    assert not shop.promote(2, "production").blocked


def test_a_claim_of_a_process_that_ended_here__is_cleared_away_at_once(shop: Shop) -> None:
    machine, _, _ = lease.process_identity().split(" ")
    left = claim(shop, f"{machine} 999999999 1")
    assert not shop.promote(2, "production").blocked
    assert left.is_lost()
    assert status(shop.config, shop.context).environments[0]["moving"] is None


def test_a_claim_of_another_machine__is_watched_before_it_is_cleared_away(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lease, "LOST_SECONDS", 0.5)
    claim(shop, "another-boot/1 1 1")
    assert not shop.promote(2, "production").blocked
    assert "seeing whether it still is" in capsys.readouterr().err


def test_a_claim_of_another_machine_that_beats__is_left_alone(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "BEAT_SECONDS", 0.1)
    monkeypatch.setattr(lease, "process_identity", lambda: "another-boot/1 1 1")
    with Ledger(shop.registry).lease("production", shop.context.timestamp(), holder()):
        assert shop.promote(2, "production").blocked
    assert shop.production() == ("1", "1", [shop.release(1)])


def test_one_that_stood_still_and_was_overtaken__touches_nothing_more(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = command.run

    def stand_still(*arguments: Any) -> float:
        took = run(*arguments)
        (mine,) = lease.claims(
            shop.registry, shop.registry.experiment("tidegate/shop"), "production"
        )
        shop.registry.client.set_terminated(mine.run_id, "KILLED")  # as the other does
        return took

    monkeypatch.setattr(command, "run", stand_still)
    with pytest.raises(DeployError, match="another run took production over"):
        shop.promote(2, "production")
    assert shop.production()[1:] == ("1", [shop.release(1)])


def test_a_clock_that_is_slow__puts_no_event_before_those_it_follows(shop: Shop) -> None:
    shop.mover("production").hold(release=False, reason="launch week")
    shop.clock.at -= timedelta(hours=1)
    shop.mover("production").hold(release=True, reason=None)
    assert [event.kind for event in shop.moves("production")] == ["promotion", "hold", "unhold"]
    assert not shop.promote(2, "production").blocked
    late = Event("hold", "2026-03-01T12:00:00.000+00:00")
    now = shop.clock.at.replace(year=2020)
    assert time_after([late], now) == "2026-03-01T12:00:00.001+00:00"


def test_a_reason_that_no_ledger_takes__is_an_error_before_anything_is_done(shop: Shop) -> None:
    with pytest.raises(DeployError, match="the reason has 3,000 characters, at most 2,000"):
        shop.mover("production").promote(shop.release(2), "grace", "x" * 3_000)
    with pytest.raises(DeployError, match="the reason has 3,000 characters"):
        shop.mover("production").hold(release=False, reason="x" * 3_000)
    assert shop.production() == ("1", "1", [shop.release(1)])


@contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process grows any more, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk__is_an_error_and_nothing_moves(shop: Shop) -> None:
    with full_disk(), pytest.raises((RegistryError, OSError)):
        shop.promote(2, "production")
    assert shop.production() == ("1", "1", [shop.release(1)])
    assert not shop.promote(2, "production").blocked


def test_a_disk_that_is_full_when_the_ledger_is_written__puts_the_one_before_back(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify = type(shop.mover("production"))._verify
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill_then_verify(*arguments: Any) -> None:
        verify(*arguments)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))

    monkeypatch.setattr("tidegate.release.promotion.Mover._verify", fill_then_verify)
    try:
        with pytest.raises(DeployError) as caught:
            shop.promote(2, "production")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "put back" in caught.value.what
    assert shop.production()[1:] == ("1", [shop.release(1)])
