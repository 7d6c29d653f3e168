"""What ran on an environment at a given time, past promotions, a roll-back and a hold."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from shop import Shop
from tidegate.cli import main
from tidegate.errors import TidegateError
from tidegate.release.ledger import Event, stay
from tidegate.release.status import StatusReport, status, status_at

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's own


def at_start_of(event: Event, **later: float) -> str:
    return (datetime.fromisoformat(event.at) + timedelta(**later)).isoformat()


def asked(shop: Shop, at: str, environment: str = "production") -> StatusReport:
    return status_at(shop.config, shop.context, at, environment)


def test_status_at__each_stretch__is_answered_from_the_ledger(shop: Shop) -> None:
    shop.ship(1)
    shop.mover("production").hold(release=False, reason="launch week")
    shop.mover("production").hold(release=True, reason=None)
    shop.ship(2)
    shop.mover("production").rollback(None, "grace", "errors since 03:00")
    first, hold, _, second, back = shop.moves("production")
    shop.close()  # what runs now is of no matter

    (then,) = asked(shop, at_start_of(first)).environments
    assert (then["release"], then["since"], then["until"]) == (
        shop.release(1),
        first.at,
        second.at,
    )
    assert then["event"] == first.to_dict()
    assert (then["event"]["actor"], then["event"]["approver"]) == ("grace", "grace")
    assert (then["details"]["model_version"], then["details"]["commit"]) == ("1", f"{1:040x}")
    assert then["hold"] is None

    (held,) = asked(shop, at_start_of(hold)).environments
    assert (held["release"], held["hold"], held["held_since"]) == (
        shop.release(1),
        "hold by grace: launch week",
        hold.at,
    )

    (newer,) = asked(shop, at_start_of(back, milliseconds=-1)).environments
    assert (newer["release"], newer["until"], newer["hold"]) == (shop.release(2), back.at, None)

    (last,) = asked(shop, at_start_of(back)).environments
    assert (last["release"], last["since"], last["until"]) == (shop.release(1), back.at, None)
    assert last["event"]["reason"] == "errors since 03:00"
    assert last["hold"] == "rollback by grace: errors since 03:00"


def test_status_at__does_not_look_at_what_runs_now_and_says_so(shop: Shop) -> None:
    shop.ship(1)
    shop.registry.set_alias("champion", "3")
    assert status(shop.config, shop.context).blocked

    report = asked(shop, shop.clock().isoformat())
    assert not report.blocked
    assert (report.environments[0]["drift"], report.environments[0]["looked_at"]) == ([], False)
    assert "was not looked at" in report.notes[-1]


def test_status_at__before_the_first_event__is_nothing_yet(shop: Shop) -> None:
    shop.ship(1)
    (then,) = asked(shop, at_start_of(shop.moves("production")[0], milliseconds=-1)).environments
    assert [then[name] for name in ("release", "since", "until", "event", "details")] == [None] * 5


@pytest.mark.parametrize(
    ("text", "meant", "noted"),
    [
        ("2026-02-03", "2026-02-03T00:00:00+00:00", True),
        ("2026-02-03T04:05", "2026-02-03T04:05:00+00:00", True),
        ("2026-02-03T04:05Z", "2026-02-03T04:05:00+00:00", False),
        ("2026-02-03T04:05+02:00", "2026-02-03T02:05:00+00:00", False),
    ],
)
def test_status_at__a_time_without_a_zone__is_utc_and_the_answer_says_so(
    shop: Shop, text: str, meant: str, noted: bool
) -> None:
    report = asked(shop, text)
    assert report.at == meant
    assert any("No zone was given" in note for note in report.notes) is noted


@pytest.mark.parametrize("text", ["last tuesday", "", "2026-13-01", "0001-01-01T00:00+14:00"])
def test_status_at__no_time__is_an_error_with_examples(shop: Shop, text: str) -> None:
    with pytest.raises(TidegateError, match="is no time") as caught:
        asked(shop, text)
    assert "2026-11-24T14:30+01:00" in str(caught.value.remedy)


def test_status_at__the_future__is_an_error_with_a_remedy(shop: Shop) -> None:
    with pytest.raises(TidegateError, match="is yet to come") as caught:
        asked(shop, (shop.clock() + timedelta(minutes=1)).isoformat())
    assert "leave --at out" in str(caught.value.remedy)


def test_stay__the_same_release_put_there_again__is_one_stay() -> None:
    moves = [
        Event("promotion", f"2026-03-01T{hour:02}:00:00+00:00", "production", release)
        for hour, release in enumerate(["v1", "v2", "v2", "v1"])
    ]
    then = stay(moves, "production", datetime.fromisoformat("2026-03-01T02:30:00+00:00"))
    assert then is not None
    assert (then.since, then.until, then.event) == (moves[1].at, moves[3].at, moves[2])
    assert stay(moves, "production", datetime.fromisoformat("2026-03-01T01:00:00+00:00")) == (
        type(then)(moves[1], moves[1].at, moves[3].at)
    )
    assert stay(moves, "staging") is None


def test_command__one_line_answers_what_ran_when(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.ship(1)
    monkeypatch.chdir(shop.folder)
    for name in ("GITHUB_ACTIONS", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    when = at_start_of(shop.moves("production")[0], seconds=1)
    assert main(["status", "--environment", "production", "--at", when]) == 0
    said = capsys.readouterr().out
    for part in (shop.release(1), "version 1", f"{1:040x}", "grace", "until now"):
        assert part in said, said
    assert main(["status", "--at", "2100-01-01", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["where"] == "--at"
