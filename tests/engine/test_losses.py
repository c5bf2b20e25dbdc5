"""What users lose who go without, class by class in plain Python."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from sim.agents.prepared import Prepared
from sim.agents.worth import CLASSES, class_multiples
from sim.engine.losses import Losses
from sim.world.world import World
from tests.agents.conftest import VARIED
from tests.prepared_world import Situation, need_of, prepared_world, settled, situation


def by_hand(now: Situation, m: int, b: int, required: float, shortfall: float) -> float:
    """(M91): what is missing is missing to what gives way first, then to the lowest classes."""
    prepared, budget = now.prepared, now.controls.budget_factor[m, b]
    world, value = prepared.world, now.value
    if world.facility_kind[world.need_facility[b]] != "manufacturer":
        return 0.0
    base = prepared.benchmark.base_index[b] * budget
    first = min(value("use_elasticity", m) / value("instant_elasticity", m), 1.0)
    over = value("worth_scale", m) * (world.need_worth[b] - 1)
    ladder = [(first * required, base)]
    for multiple in class_multiples(prepared)[m, 0]:
        ladder.append(((1 - first) * required / CLASSES, base * (1 + over * multiple)))
    lost, left = 0.0, shortfall
    for tonnes, price in ladder:
        lost += min(tonnes, left) * price
        left -= min(tonnes, left)
    return float(lost * world.base_price[world.need_good[b]])


def test_losses(small_world: World) -> None:
    now = situation(prepared_world(small_world, 3, **cast(Any, VARIED)))
    rng = np.random.default_rng(1)
    required = rng.uniform(1, 9, now.state.required.shape)
    shortfall = required * rng.choice([0.0, 0.05, 0.4, 1.0], required.shape)
    found = Losses(now.prepared).of(required, shortfall, now.controls.budget_factor)
    for (m, b), lost in np.ndenumerate(found):
        expected = by_hand(now, m, b, required[m, b], shortfall[m, b])
        np.testing.assert_allclose(lost, expected, rtol=1e-9)
    assert (found > 0).any()


def test_who_has_all_loses_nothing_and_each_tonne_that_is_missing_costs_more(small_world: World) -> None:
    prepared: Prepared = prepared_world(small_world)
    now, user = settled(prepared), need_of(prepared.world, "ev_usa")
    required = np.ones_like(now.state.buyer_stock)
    losses = Losses(prepared)
    by_share = [
        losses.of(required, share * required, now.controls.budget_factor)[0, user]
        for share in np.linspace(0, 1, 8)
    ]
    assert by_share[0] == 0
    assert (np.diff(by_share, n=2) > -1e-9 * by_share[-1]).all()
    # All of it is worth the mean of the classes, but for what gives way at once.
    base = prepared.benchmark.base_index[user] * prepared.world.base_price[prepared.world.need_good[user]]
    first = now.value("use_elasticity") / now.value("instant_elasticity")
    mean = 1 + now.value("worth_scale") * (prepared.world.need_worth[user] - 1)
    np.testing.assert_allclose(by_share[-1], base * (first + (1 - first) * mean))
