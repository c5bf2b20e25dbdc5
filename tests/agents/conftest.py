"""Worlds and situations that the tests of decisions share; none of them writes to these."""

from __future__ import annotations

from typing import Any, cast

import pytest

from sim.agents.prepared import Prepared
from sim.world.world import World
from tests.prepared_world import Situation, prepared_world, situation, with_substitutes

VARIED: dict[str, list[float]] = {
    "sourcing_elasticity": [6.0, 4.0, 2.5],
    "offer_elasticity": [4.0, 2.0, 6.0],
    "restock_elasticity": [2.5, 1.5, 4.0],
    "restock_ceiling": [1.5, 1.2, 2.5],
    "urgent_elasticity": [6.0, 3.0, 12.0],
    "supply_elasticity": [0.3, 0.1, 1.7],
    "thrift_elasticity": [0.9, 0.5, 1.3],
    "output_stock_response": [0.4, 0.2, 0.6],
    "offer_stock_response": [1.5, 1.0, 2.0],
    "give_up_exponent": [1.0, 0.9, 1.4],
    "margin_share": [0.5, 0.3, 0.8],
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
