"""Plans and offers of sellers, against the equations in plain Python."""

from __future__ import annotations

import numpy as np
import pytest

from sim.agents import sellers
from sim.agents.prepared import Prepared
from sim.arrays import FloatArray
from sim.world.world import World
from tests.prepared_world import MONTH, Situation, offer_of, prepared_world, settled, situation

# -- normal stock --------------------------------------------------------------------------------


def test_normal_stock(varied: Situation) -> None:
    """(M22)."""
    found, world = sellers.normal_stock(varied.prepared, varied.controls), varied.world
    for (m, s), stock in np.ndenumerate(found):
        least = varied.value("least_working_stock", m)
        size = varied.value("seller_stock_scale", m) * world.offer_stock[s]
        size += world.offer_output[s] * varied.prepared.step_years
        assert stock == pytest.approx(size * max(varied.controls.capacity_factor[m, s], least))


def test_normal_stock_of_what_is_shut_is_small_but_never_nothing(plain: Prepared) -> None:
    """Of mines it is there once they have made what they make in the step."""
    now = settled(plain)
    normal = sellers.normal_stock(plain, now.controls)
    mined = np.where(plain.made, 0.0, plain.world.offer_output * MONTH)
    np.testing.assert_allclose(normal, now.state.seller_stock + mined, rtol=1e-14)
    now.controls.capacity_factor = np.zeros_like(now.controls.capacity_factor)
    found = sellers.normal_stock(plain, now.controls)
    np.testing.assert_allclose(found, normal * now.value("least_working_stock"))


# -- planned output ------------------------------------------------------------------------------


def test_planned_output(varied: Situation) -> None:
    """(M25)."""
    state, controls, step = varied.state, varied.controls, varied.prepared.step_years
    noise = np.random.default_rng(1).uniform(0.8, 1.2, state.rate.shape)
    found = sellers.planned_output(varied.prepared, state, controls, noise)
    for (m, s), plan in np.ndenumerate(found):
        rate, capacity = state.rate[m, s], state.capacity[m, s]
        made = min(controls.production_factor[m, s] * rate, max(rate, capacity))
        made *= noise[m, s] * controls.capacity_factor[m, s] * step
        ceiling = controls.output_ceiling[m, s] * varied.world.offer_output[s] * step
        assert plan == pytest.approx(min(made, ceiling), rel=1e-12)


@pytest.mark.parametrize(
    ("rate", "factor", "capacity_factor", "ceiling", "plan"),
    [
        (1.0, 1.0, 1.0, np.inf, 1.0),
        (0.0, 2.0, 1.0, np.inf, 0.0),
        (1.0, 1.1, 1.0, np.inf, 1.1),
        (1.0, 2.0, 1.0, np.inf, 1.2),  # capacity is 1.2 times the output
        (1.3, 2.0, 1.0, np.inf, 1.3),  # what runs over capacity is not cut by a push
        (1.0, 2.0, 0.5, np.inf, 0.6),
        (1.0, 0.5, 1.0, np.inf, 0.5),
        (1.0, 2.0, 1.0, 0.7, 0.7),
        (0.5, 1.0, 1.0, 0.7, 0.5),
        (1.0, 1.0, 0.0, np.inf, 0.0),
        (1.0, 1.0, 1.0, 0.0, 0.0),
    ],
)
def test_pushes_end_at_capacity_and_ceilings_always_hold(
    plain: Prepared, rate: float, factor: float, capacity_factor: float, ceiling: float, plan: float
) -> None:
    now, output = settled(plain), plain.world.offer_output[None] * MONTH
    now.state.rate *= rate
    now.controls.production_factor = np.full_like(output, factor)
    now.controls.capacity_factor = np.full_like(output, capacity_factor)
    now.controls.output_ceiling = np.full_like(output, ceiling)
    found = sellers.planned_output(plain, now.state, now.controls, np.ones((1, 1)))
    np.testing.assert_allclose(found, plan * output, rtol=1e-12)
    lucky = sellers.planned_output(plain, now.state, now.controls, np.full((1, 1), 1.5))
    np.testing.assert_allclose(lucky, np.minimum(1.5 * plan, ceiling) * output, rtol=1e-12)


# -- offers --------------------------------------------------------------------------------------


def offered(now: Situation, held_back: FloatArray | float = 0.0) -> tuple[FloatArray, FloatArray]:
    """Tonnes that sellers have, and that they keep at the price that they expect."""
    return sellers.offers(now.prepared, now.state, now.controls, held_back + 0 * now.state.rate)


def test_offers(varied: Situation) -> None:
    """(M26) and (M27)."""
    held_back = np.random.default_rng(4).uniform(0, 1.2, varied.state.rate.shape) * varied.state.seller_stock
    quantity, kept = offered(varied, held_back)
    assert (quantity == 0).any()
    for (m, s), tonnes in np.ndenumerate(quantity):
        free = varied.state.seller_stock[m, s] - held_back[m, s]
        assert tonnes == pytest.approx(max(free, 0), rel=1e-12)
        factor = max(varied.controls.capacity_factor[m, s], varied.value("least_working_stock", m))
        usual = varied.value("seller_stock_scale", m) * varied.world.offer_stock[s] * factor
        assert kept[m, s] == pytest.approx(usual, rel=1e-12)


def test_in_the_base_year_what_is_not_kept_is_a_step_s_output(plain: Prepared) -> None:
    now = settled(plain)
    quantity, kept = offered(now)
    made = np.where(plain.made, plain.world.offer_output * MONTH, 0.0)
    np.testing.assert_allclose(quantity - kept, made[None], rtol=1e-12, atol=1e-12)


def test_an_empty_store_offers_nothing(plain: Prepared) -> None:
    now = settled(plain)
    now.state.seller_stock[:] = 0.0
    quantity, kept = offered(now)
    assert (quantity == 0).all()
    assert (kept > 0).all()


def test_what_waits_for_a_licence_is_not_for_sale(plain: Prepared) -> None:
    now = settled(plain)
    before, kept = offered(now)
    found, still = offered(now, 0.25 * before)
    np.testing.assert_allclose(found, 0.75 * before)
    np.testing.assert_array_equal(kept, still)
    assert (offered(now, 3 * now.state.seller_stock)[0] == 0).all()


def test_weeks_keep_as_much_of_a_stock_as_months(small_world: World) -> None:
    """What is for sale beside a step's output does not depend on the step, nor does what is kept."""
    found = []
    for step in (MONTH, 1 / 52):
        prepared = prepared_world(small_world, step_years=step)
        quantity, kept = offered(settled(prepared))
        found.append((quantity - np.where(prepared.made, small_world.offer_output * step, 0.0), kept))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9)


@pytest.mark.parametrize("pace", [0.0, 0.4, 1.0, 2.0])
def test_what_entrants_have_on_sale(entering: Situation, pace: float) -> None:
    """(M93) and (M94), one by one; the others as before."""
    now, step = entering.copied(), entering.prepared.step_years
    full = now.prepared.benchmark.normal_output
    now.state.rate = pace * full + np.zeros_like(now.state.rate)
    now.state.seller_stock *= np.array([[1.0], [0.01], [1e-4]])
    quantity, kept = offered(now)
    seen = set()
    for m, s in np.ndindex(*quantity.shape):
        stock, entrant = now.state.seller_stock[m, s], bool(now.prepared.benchmark.entrant[s])
        usual = now.prepared.kept_stock[m, s]
        usual *= max(now.controls.capacity_factor[m, s], now.value("least_working_stock", m))
        if entrant:
            # Nobody sells at any price: a shut one keeps minutes of its output where it gets what it expects.
            usual = max(usual * min(pace, 1.0), sellers.LEAST_KEPT * full[s])
            stock = 0.0 if stock < now.value("least_entrant_rate", m) * full[s] * step else stock
            seen.add(stock > 0)
        assert quantity[m, s] == pytest.approx(stock, rel=1e-12)
        assert kept[m, s] == pytest.approx(usual, rel=1e-12)
    assert seen == {False, True}
    assert offer_of(now.world, "mine_china") == 0


def test_entrants_hold_in_time_of_output_what_others_do(entering: Situation) -> None:
    now = situation(entering.prepared)
    now.controls.capacity_factor = np.ones_like(now.controls.capacity_factor)
    weeks = sellers.normal_stock(now.prepared, now.controls) / now.prepared.benchmark.normal_output
    # The small world holds six weeks of everything.
    scale = now.prepared.behaviour["seller_stock_scale"]
    np.testing.assert_allclose(weeks, scale * 6 / 52 + MONTH + 0 * weeks, rtol=1e-3)
