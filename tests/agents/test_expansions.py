"""Who builds more of what it has, and how fast it is there."""

from __future__ import annotations

from math import exp, log

import numpy as np

from sim.agents.prepared import Prepared
from tests.agents.test_adaptation import adapted
from tests.prepared_world import MONTH, behaving, settled


def test_three_times_its_cost_brings_a_quarter_more_capacity_a_year(plain: Prepared) -> None:
    """What is decided in a year is built over the years after, and no tonne of it is lost."""
    speed = {"expansion_speed": 0.25 / log(3), "building_years": 3.0, "plant_building_years": 3.0}
    now = settled(behaving(plain, entry_margin=0.0, **speed))
    now.state.offer_expected_price[:] = 3.0
    before = now.state.capacity.copy()
    once = adapted(now)
    np.testing.assert_allclose(once.state.building, 0.25 * MONTH * before)
    np.testing.assert_array_equal(once.state.capacity, before)
    once.state.offer_expected_price[:] = 1.0
    for _ in range(12):
        once = adapted(once)
    np.testing.assert_allclose(once.state.building, 0.25 * MONTH * before * exp(-1 / 3))
    np.testing.assert_allclose(once.state.building + once.state.capacity, before * (1 + 0.25 * MONTH))


def test_a_price_that_only_covers_costs_and_margin_builds_nothing(plain: Prepared) -> None:
    now = settled(behaving(plain, entry_margin=0.2))
    now.controls.own_cost_factor = np.full_like(now.controls.own_cost_factor, 1.5)
    now.state.offer_expected_price[:] = 1.5 * 1.2 * (1 - 1e-9)
    mine = ~plain.made
    assert not adapted(now).state.building[:, mine].any()
    now.state.offer_expected_price[:] = 1.5 * 1.2 * 1.01
    assert (adapted(now).state.building > 0).all()


def test_a_plant_builds_where_its_product_is_dear_beside_its_inputs(plain: Prepared) -> None:
    now = settled(behaving(plain, entry_margin=0.1))
    plant = plain.made & (plain.benchmark.activities.offer_plant >= 0)
    now.state.offer_expected_price[:] = 2.0
    apart = adapted(now).state.building[:, plant]
    now.state.need_expected_price *= 2.0
    together = adapted(now).state.building[:, plant]
    assert (apart > together).all()
    share = plain.benchmark.activities.input_cost_share[plain.benchmark.activities.offer_plant[plant]]
    over = np.log(2.0 / (1 + share) / 1.1)
    speed = now.value("expansion_speed") * MONTH
    np.testing.assert_allclose(together[0], np.maximum(over, 0.0) * speed * now.state.capacity[0, plant])
