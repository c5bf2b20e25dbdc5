"""Inputs of plants that replace each other: which pay, what is used, and by which recipe."""

from __future__ import annotations

import numpy as np
import pytest

from sim.agents import inputs, production
from sim.agents.prepared import Prepared
from tests.agents.test_adaptation import gain
from tests.agents.test_production import OXIDES, run
from tests.prepared_world import (
    MONTH,
    Situation,
    need_of,
    offer_of,
    prepared_world,
    settled,
    with_substitutes,
)

Pair = tuple[float, float]


@pytest.mark.parametrize(
    ("stock", "worth", "taken", "made", "missing"),
    [
        # Of what both need (3 and 1), in months of the base year's use; the second is worth less.
        ((1.0, 1.0), (1.0, 1.0), (3.0, 1.0), 1.0, (0.0, 0.0)),
        ((2.0, 1.0), (1.0, 0.5), (3.5, 0.5), 1.0, (0.0, 0.0)),
        ((1.0, 9.0), (1.0, 0.5), (3.0, 1.0), 1.0, (0.0, 0.0)),
        ((0.5, 9.0), (1.0, 0.5), (1.5, 2.0), 0.875, (0.375, 0.125)),
        ((0.5, 9.0), (1.0, 0.25), (1.5, 1.0), 0.625, (1.5 * 1.5 / 2.25, 1.5 * 0.75 / 2.25)),
        ((9.0, 9.0), (0.5, 0.25), (1.75, 0.25), 0.5, (1.5 * 2 / 2.25, 0.75 * 2 / 2.25)),
        ((0.0, 9.0), (1.0, 1.0), (0.0, 4.0), 1.0, (0.0, 0.0)),
        ((0.0, 0.5), (1.0, 1.0), (0.0, 0.5), 0.125, (3.0 * 1.0, 0.5 * 1.0)),
    ],
)
def test_what_does_not_pay_is_replaced_or_not_made(
    plain: Prepared, stock: Pair, worth: Pair, taken: Pair, made: float, missing: Pair
) -> None:
    """(M63) and (M69): of two inputs that replace each other."""
    now = settled(prepared_world(with_substitutes(plain.world)))
    world, prepared = now.world, now.prepared
    both = [need_of(world, "magnet_japan", good) for good in OXIDES]
    # By a recipe in which they make four together, of which the first makes three.
    usual = world.need_use[both] * MONTH
    unit = usual.sum() / 4
    use = np.array([3.0, 1.0]) * unit
    now.state.mix[0, both] = use / usual
    held, served = np.full((1, len(world.need_good)), 1e9), np.ones((1, len(world.need_good)))
    held[0, both], served[0, both] = np.array(stock) * use, worth
    output, used = run(now, held, served=served)
    np.testing.assert_allclose(used[0, both] / unit, taken, atol=1e-12)
    magnets = offer_of(world, "magnet_japan")
    assert output[0, magnets] == pytest.approx(made * world.offer_output[magnets] * MONTH)
    required = np.zeros_like(held)
    required[0, both] = use
    short = production.consume(prepared, required, served, held)[1]
    np.testing.assert_allclose(short[0, both] / unit, missing, atol=1e-12)


def test_nothing_is_given_back(plain: Prepared) -> None:
    """Where one input makes all that a plant can, rounding must not ask less than nothing of the other."""
    prepared = prepared_world(with_substitutes(plain.world))
    activities, chance = prepared.benchmark.activities, np.random.default_rng(1)
    shape = 300, len(activities.need_order)
    per_tonne = chance.uniform(0.1, 1.0, shape)
    held, worth = chance.uniform(0.0, 2.0, shape), chance.uniform(0.0, 1.0, shape)
    worth[chance.random(shape) < 0.3] *= 1e-28
    held = np.minimum(held, inputs.paying(activities, worth, per_tonne))
    most = inputs.reach(activities, held, per_tonne)
    throughput = np.minimum.reduceat(most, activities.group_plant_start, axis=1)
    used = inputs.used(activities, throughput, worth, held, per_tonne)
    assert used.min() >= 0
    assert (used <= held).all()


@pytest.mark.parametrize("which", ["varied", "replaceable"])
def test_recipe(request: pytest.FixtureRequest, which: str) -> None:
    """(M119): tonne for tonne, towards what has become cheap beside what it replaces."""
    before: Situation = request.getfixturevalue(which)
    now, world = before.copied(), before.world
    activities, base = now.prepared.benchmark.activities, now.prepared.benchmark.base_index
    production.adapt_intensity(now.prepared, now.state, now.controls)
    groups: dict[tuple[int, str], list[int]] = {}
    for b, good in enumerate(world.need_good.tolist()):
        plant, name = int(activities.need_plant[b]), world.goods[good].id
        groups.setdefault((plant, world.substitutes.get(name, f"{name} {b}")), []).append(b)
    moved = 0
    for (plant, _), group in groups.items():
        for m in range(len(now.state.mix)):
            old, found = before.state.mix[m, group], now.state.mix[m, group]
            if plant < 0 or len(group) < 2:
                np.testing.assert_array_equal(found, old)
                continue
            tonnes = activities.need_coefficient[group]
            ratio = before.state.need_expected_price[m, group] / base[group]
            liked = ratio ** -before.value("replacement_elasticity", m)
            wish = liked * tonnes.sum() / (tonnes * liked).sum()
            follow = gain(before, before.value("thrift_speed", m))
            np.testing.assert_allclose(found, old + follow * (wish - old), rtol=1e-12)
            # What all of them put into the product tends to what it was.
            assert (tonnes * wish).sum() == pytest.approx(tonnes.sum())
            moved += 1
    assert bool(moved) == (which == "replaceable")
