"""Promotions and roll-backs that are killed at every point, by processes on this machine."""

from __future__ import annotations

import pytest

from kill_points import Move, effects_of, kill_and_repeat
from shop import Shop

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's own


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """Production alone, which runs version 1."""
    shop.leave_production_alone()
    assert not shop.promote(1, "production").blocked
    return shop


def test_killed_at_every_point_and_made_again__ends_in_the_same_place_and_loses_nothing(
    shop: Shop,
) -> None:
    points = len(effects_of(shop, Move(2))) + 1
    assert points > 5
    assert len(effects_of(shop, Move(None))) + 1 == points
    shop.mover("production").hold(release=True, reason=None)
    for point in range(points):
        for move, before, after in ((Move(2), "1", "2"), (Move(None), "2", "1")):
            outcome = kill_and_repeat(shop, move, point, before, after)
            assert outcome.lost == [], f"{move} killed after {outcome.after}"
        shop.mover("production").hold(release=True, reason=None)
