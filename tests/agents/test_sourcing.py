"""How sourcing follows what has been paid: the equations, their long run, and runs."""

from __future__ import annotations

import datetime as dt
from typing import Any, cast

import numpy as np
import pytest

from sim.agents.prepared import Prepared
from sim.agents.sourcing import adapted_weight, dearness, qualified_after
from sim.agents.state import initial_state
from sim.engine import Simulation
from sim.market.clearing import Clearing
from sim.world.world import World
from tests.engine_events import PlainScenario, Restriction
from tests.prepared_world import offer_of, prepared_world

CUT: Any = (Restriction("e", "output cut", ("clay",), dt.date(2024, 3, 1), open_share=0.6),)


class Paid:
    """What a test says was traded: M members, flows (M, S, B) per good."""

    def __init__(self, prepared: Prepared, price: np.ndarray, index: np.ndarray) -> None:
        self.prepared, self.price, self.index = prepared, price, index
        self.flow = [block * prepared.step_years for block in prepared.benchmark.flow]
        self.sales = np.concatenate([block.sum(1) for block in self.flow])[None].repeat(len(price), 0)
        self.market = cast(Any, type("Market", (), {"caps": ()}))

    def to_sellers(self, dearer: Any, values: np.ndarray, include_rent: bool) -> np.ndarray:
        assert not include_rent
        world, parts = self.prepared.world, []
        for g, block in enumerate(self.flow):
            weight = block if dearer is None else block * dearer[g]
            parts.append((weight * values[:, None, world.need_slice(g)]).sum(2))
        return np.concatenate(parts, axis=1)

    @property
    def clearing(self) -> Clearing:
        return cast(Clearing, self)


def test_a_seller_is_dear_beside_what_its_buyers_pay(small_world: World) -> None:
    prepared = prepared_world(small_world, 2)
    base = prepared.benchmark.base_index
    price, index = np.ones((2, len(small_world.offer_good))), np.repeat(base[None], 2, 0)
    assert (dearness(prepared, Paid(prepared, price, index).clearing, None) == 0).all()
    seller = offer_of(small_world, "mine_abroad")
    price[1, seller] = 1.5
    dear = dearness(prepared, Paid(prepared, price, index).clearing, None)
    assert dear[1, seller] == pytest.approx(np.log(1.5))
    assert np.count_nonzero(dear) == 1
    # All prices and indices up alike, nobody is dear.
    alike = dearness(prepared, Paid(prepared, 1.2 * price, 1.2 * index).clearing, None)
    np.testing.assert_allclose(alike, dear, atol=1e-14)
    # So is one whose deliveries a tariff makes dearer.
    taxed = [np.full_like(block, 1.25) for block in prepared.benchmark.flow]
    dear = dearness(prepared, Paid(prepared, price, index).clearing, taxed)
    assert dear[0, seller] == pytest.approx(np.log(1.25))


def test_shares_come_to_answer_prices_with_the_elasticity_of_the_long_run(small_world: World) -> None:
    """Two sellers at lasting prices, one buyer: its index follows the weights, as in the market."""
    prepared = prepared_world(small_world, sourcing_elasticity=4.0, sourcing_elasticity_long=7.0)
    price, share = np.array([1.0, 1.4]), np.array([0.5, 0.5])
    weight = np.ones((1, len(small_world.offer_good)))
    first: float | None = None
    for _ in range(1000):
        pull = share * weight[0, :2] * price**-4.0
        index = pull.sum() ** (-1 / 4.0)
        dear = np.zeros_like(weight)
        dear[0, :2] = np.log(price / index)
        weight = adapted_weight(prepared, weight, dear)
        first = first or pull[1] / pull[0]
    assert first == pytest.approx(1.4**-4.0)
    assert pull[1] / pull[0] == pytest.approx(1.4**-7.0, rel=1e-6)
    assert (weight[0, 2:] == 1).all()


def test_months_and_weeks_adapt_alike(small_world: World) -> None:
    dear = np.full((1, len(small_world.offer_good)), 0.3)
    after = []
    for steps in (12, 52):
        prepared = prepared_world(small_world, step_years=1 / steps)
        weight = np.ones_like(dear)
        for _ in range(steps):
            weight = adapted_weight(prepared, weight, dear)
        after.append(weight)
    np.testing.assert_allclose(after[0], after[1], rtol=1e-12)
    assert (after[0] < 0.95).all()


def test_a_long_run_below_the_short_one_is_the_short_one(small_world: World) -> None:
    prepared = prepared_world(small_world, sourcing_elasticity=6.0, sourcing_elasticity_long=3.0)
    assert not prepared.sourcing_adapts
    dear = np.full((1, len(small_world.offer_good)), 0.3)
    assert (adapted_weight(prepared, np.ones_like(dear), dear) == 1).all()


def run(world: World, events: Any, months: int = 24, **assumptions: float) -> Simulation:
    scenario: Any = PlainScenario(events=events, assumptions=assumptions)
    simulation = Simulation(world, scenario)
    for _ in range(months):
        simulation.step()
    return simulation


def test_in_a_calm_year_nobody_learns_anything(small_world: World) -> None:
    assert (np.abs(np.log(run(small_world, ()).state.sourcing_weight)) < 1e-9).all()


def test_who_becomes_dear_is_bought_from_less(small_world: World) -> None:
    """Mines in China lose two fifths of their output: their buyers, and those of others, turn away."""
    simulation = run(small_world, CUT)
    weight, price = simulation.state.sourcing_weight[0], simulation.state.gate_price[0]
    clay = small_world.offer_slice(0)
    dearest, cheapest = price[clay].argmax(), price[clay].argmin()
    assert price[clay].max() > 1.02 * price[clay].min()
    assert weight[clay][dearest] < 0.999 < 1.001 < weight[clay][cheapest]
    fixed = run(small_world, CUT, sourcing_elasticity_long=6.0)
    assert (fixed.state.sourcing_weight == 1).all()
    assert not np.allclose(fixed.state.gate_price, simulation.state.gate_price, rtol=1e-4)


def test_who_sells_is_qualified_in_time(entering_world: World) -> None:
    prepared = prepared_world(entering_world, 2, qualification_years=[1.0, 0.5], trial_share=0.2)
    entrant = prepared.benchmark.entrant
    qualified = initial_state(prepared).qualified
    assert (qualified[:, entrant] == 0.2).all()
    assert (qualified[:, ~entrant] == 1).all()
    sales = np.ones_like(qualified)
    idle = np.flatnonzero(entrant)[0]
    sales[:, idle] = 0
    for _ in range(12):
        qualified = qualified_after(prepared, qualified, sales)
    others = entrant.copy()
    others[idle] = False
    np.testing.assert_allclose(1 - qualified[0, others], 0.8 * np.exp(-1))
    np.testing.assert_allclose(1 - qualified[1, others], 0.8 * np.exp(-2))
    assert (qualified[:, idle] == 0.2).all()


def test_a_new_seller_sells_for_less_until_it_is_known(entering_world: World) -> None:
    """Clay of a mine that opens in the shortage: the same tonnes fetch less, and as much in the end."""
    mine = offer_of(entering_world, "mine_later")
    known, new = (run(entering_world, CUT, 9, trial_share=share) for share in (1.0, 0.1))
    assert new.state.rate[0, mine] > 0
    assert new.last.clearing.sales[0, mine] > 0
    assert new.state.rate[0, mine] == pytest.approx(known.state.rate[0, mine], rel=0.1)
    assert 0.1 < new.state.qualified[0, mine] < 1
    sigma, part = 6.0, new.state.qualified[0, mine]
    prices = [simulation.last.clearing.price[0, mine] for simulation in (new, known)]
    assert prices[0] / prices[1] == pytest.approx(part ** (1 / sigma), rel=0.1)
