"""Worlds and situations that the tests of decisions share; none of them writes to these."""

from __future__ import annotations

from typing import Any, cast

import pytest

from sim.agents.prepared import Prepared
from sim.world.world import World
from tests.prepared_world import Situation, prepared_world, situation, with_substitutes

VARIED: dict[str, list[float]] = {
    "sourcing_elasticity": [6.0, 4.0, 2.5],
    "urgent_elasticity": [6.0, 3.0, 12.0],
    "instant_elasticity": [1.0, 0.7, 2.0],
    "use_elasticity": [0.1, 0.3, 0.05],
    "storage_limit": [4.0, 2.0, 7.0],
    "storage_cost": [0.1, 0.05, 0.15],
    "supply_elasticity": [0.3, 0.1, 1.7],
    "processing_elasticity": [0.6, 0.4, 1.0],
    "thrift_elasticity": [0.9, 0.5, 1.3],
    "thrift_speed": [0.3, 0.2, 0.5],
    "switch_spread": [0.4, 0.2, 0.8],
    "worth_spread": [1.0, 0.7, 1.4],
    "worth_scale": [1.0, 0.5, 2.0],
    "margin_share": [0.5, 0.3, 0.8],
    "cover_scale": [1.0, 0.8, 1.25],
    "seller_stock_scale": [1.0, 0.7, 1.3],
    "expansion_speed": [0.35, 0.1, 0.5],
}
"""Parameters in which the three members of :func:`varied` differ, roots and squares among the exponents."""


@pytest.fixture(scope="session")
def plain(small_world: World) -> Prepared:
    """One member with central behaviour."""
    return prepared_world(small_world)


@pytest.fixture(scope="session")
def varied(small_world: World) -> Situation:
    """Three members who behave differently, far from the base year."""
    return situation(prepared_world(small_world, 3, **cast(Any, VARIED)))


@pytest.fixture(scope="session")
def replaceable(small_world: World) -> Situation:
    """The same where inputs replace each other."""
    return situation(prepared_world(with_substitutes(small_world), 3, **cast(Any, VARIED)))


@pytest.fixture(scope="session")
def entering(entering_world: World) -> Situation:
    """Three members of it, far from the base year."""
    return situation(prepared_world(entering_world, 3, **cast(Any, VARIED)))
