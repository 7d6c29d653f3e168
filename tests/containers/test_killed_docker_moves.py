"""Promotions and roll-backs of containers that are killed at every point, on a real engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from docker_shop import names
from kill_points import Move, effects_of, kill_and_repeat
from shop import Shop

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = [
    pytest.mark.docker,
    pytest.mark.nightly,  # `make test` kills the same moves with another deployer
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # MLflow's own
]


def test_killed_at_every_point_and_made_again__ends_in_the_same_place_and_loses_nothing(
    shop: Shop, engine: DockerClient
) -> None:
    shop.leave_production_alone()
    assert not shop.promote(1, "production").blocked
    points = {move: len(effects_of(shop, move)) + 1 for move in (Move(2), Move(None))}
    assert min(points.values()) > 10
    shop.mover("production").hold(release=True, reason=None)
    without_service = set()
    for point in range(max(points.values())):
        for move, before, after in ((Move(2), "1", "2"), (Move(None), "2", "1")):
            outcome = kill_and_repeat(shop, move, min(point, points[move] - 1), before, after)
            assert outcome.lost == [], f"{move} killed after {outcome.after}"
            assert names(engine, shop) == {"production", "production-previous"}
            if outcome.served is None:
                without_service.add(outcome.after)
        shop.mover("production").hold(release=True, reason=None)
    # Nothing serves only between the stop of the old container and the start of the new one.
    assert without_service <= {"_post stop", "_post create", "_post start"}, without_service
