"""Releases and their ledger on real MLflow servers, over SQLite and over PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from threading import Thread
from uuid import uuid4

import pytest

from servers import mlflow_server, postgres
from shop import Shop, command_config
from tidegate.release.ledger import Event, Ledger
from tidegate.release.status import status

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of MLflow's own dependencies
]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("mlflow")
    if request.param == "sqlite":
        with mlflow_server(folder, f"sqlite:///{folder}/mlflow.db") as server:
            yield server.url
        return
    with postgres() as uri, mlflow_server(folder, uri) as server:
        yield server.url


@pytest.fixture
def shop(server: str, tmp_path: Path) -> Iterator[Shop]:
    """Versions 1 to 3 of a model of its own, all released; 2 and 3 were judged against 1."""
    made = Shop.make(tmp_path, f"model: shop-{uuid4().hex[:8]}\n{command_config()}")
    made.environ["MLFLOW_TRACKING_URI"] = server
    for number, baseline in ((1, None), (2, "1"), (3, "1")):
        made.candidate(number, baseline)
        made.register()
    yield made
    made.close()


def kinds(shop: Shop) -> list[str]:
    return [event.kind for event in Ledger(shop.registry).events()]


def test_road__to_production_and_back_with_the_ledger_in_order(shop: Shop) -> None:
    shop.ship(1)
    shop.ship(2)
    assert [shop.serves("staging"), shop.serves("production"), shop.champion()] == ["2"] * 3
    report = shop.mover("production").rollback(None, "grace", "errors since 03:00")
    assert not report.blocked
    assert (shop.serves("production"), shop.champion()) == ("1", "1")
    refused = shop.promote(2, "production")
    assert "rollback by grace: errors since 03:00" in refused.steps[0].detail
    shop.mover("production").hold(release=True, reason="mended")
    assert not shop.promote(2, "production").blocked
    assert (shop.serves("production"), shop.champion()) == ("2", "2")

    state = status(shop.config, shop.context)
    assert [environment["drift"] for environment in state.environments] == [[], []]
    assert [environment["release"] for environment in state.environments] == [shop.release(2)] * 2
    moves = ["promotion"] * 4
    assert kinds(shop) == [*["release"] * 3, *moves, "rollback", "unhold", "promotion"]
    times = [datetime.fromisoformat(event.at) for event in Ledger(shop.registry).events()]
    assert times == sorted(times)
    assert len(set(times)) == len(times)


def test_promote__asked_twice_is_one_event(shop: Shop) -> None:
    first = shop.promote(1, "staging")
    assert shop.promote(1, "staging").event == first.event
    assert kinds(shop) == [*["release"] * 3, "promotion"]


def test_promote__a_wrong_release_is_put_back_and_nothing_is_written(shop: Shop) -> None:
    shop.ship(1)
    shop.promote(2, "staging")
    shop.fault(2, "wrong")
    assert shop.promote(2, "production").blocked
    assert (shop.serves("production"), shop.champion()) == ("1", "1")
    assert len(shop.moves("production")) == 1


def test_ledger__two_events_of_one_millisecond_both_stand_and_keep_their_order(shop: Shop) -> None:
    ledger = Ledger(shop.registry)
    at = shop.context.timestamp()
    for number in range(4):
        ledger.record(Event(kind="hold", at=at, environment="staging", reason=str(number)))
    reasons = [event.reason for event in ledger.events() if event.kind == "hold"]
    assert sorted(map(str, reasons)) == ["0", "1", "2", "3"]
    for _ in range(3):
        again = [event.reason for event in Ledger(shop.registry).events() if event.kind == "hold"]
        assert again == reasons


def test_ledger__events_written_at_once_are_all_there(shop: Shop) -> None:
    at = shop.context.timestamp()

    def write(number: int) -> None:
        event = Event(kind="hold", at=at, environment="staging", reason=str(number))
        Ledger(shop.registry).record(event)

    writers = [Thread(target=write, args=(number,)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    reasons = {event.reason for event in Ledger(shop.registry).events() if event.kind == "hold"}
    assert reasons == {str(number) for number in range(8)}
