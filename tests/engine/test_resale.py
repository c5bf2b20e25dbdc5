"""What third countries sell on to those whom a ban keeps from buying: how much, how dear, and when not."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

from sim.engine import Simulation
from sim.instruments import Instrument
from sim.world.world import World
from tests.engine.banned import START, advanced, export_ban, passing, simulation
from tests.engine_events import Restriction
from tests.steps import bits, differing

GOOD = "magnet"


def ban(name: str = "ban", **fields: Any) -> Instrument:
    return export_ban(GOOD, **{"id": name, "to": ["USA"], **fields})


def share(run: Simulation) -> np.ndarray:
    (found,) = run.actors.gates.ways.resold.values()
    return found


def of(run: Simulation, country: str, values: np.ndarray) -> np.ndarray:
    """(M, n) values of the needs of the good in a country."""
    world = run.world
    here = world.need_country == world.countries.index(country)
    return values[:, here & (world.need_good == [good.id for good in world.goods].index(GOOD))]


def test_the_equations(small_world: World) -> None:
    """(M186) and (M187), from the stocks before a step."""
    run = advanced(simulation(small_world, ban()), 4)
    (gate,) = run.last.market.gates
    world, prepared = run.world, run.case.prepared
    holds = {world.countries[c] for c in world.need_country[gate.holders[0]].tolist()}
    assert holds == {"JPN", "ROW"}
    # What arrives in the step can be sold on in it.
    stock = run.state.buyer_stock[0] + run.state.transit[0, 0]
    advanced(run, 1)
    turned = 1 - np.exp(-prepared.behaviour["resale_speed"][0, 0] / 12)
    width = turned * stock[gate.holders[0]].sum()
    assert width > 0
    assert share(run)[0] == pytest.approx(width / (gate.base.sum() / 12), rel=1e-12)
    assert 0 < passing(run)[0] <= width * (1 + 1e-6)


def test_who_is_banned_pays_a_margin_and_lacks_less(small_world: World) -> None:
    tight, loose = (advanced(simulation(small_world, ban(), resale_speed=v), 8) for v in (0.0, 12.0))
    dear = of(tight, "USA", tight.state.choice_index)[0, 0]
    mild = of(loose, "USA", loose.state.choice_index)[0, 0]
    assert mild < dear
    lacks = [of(run, "USA", run.last.shortfall).sum() for run in (tight, loose)]
    assert lacks[1] < lacks[0]
    # Whoever sells on buys as much again, so sellers at home sell more.
    (gate,) = loose.last.market.gates
    sold = [run.last.clearing.sales[0, gate.offers].sum() for run in (tight, loose)]
    assert sold[1] > sold[0]
    at = [good.id for good in loose.world.goods].index(GOOD)
    margin = loose.case.prepared.behaviour["resale_margin"][0, 0]
    # Over what the same links cost without the ban.
    sellers = gate.offers - loose.world.offer_slice(at).start
    buyers = gate.needs - loose.world.need_slice(at).start
    dearer = loose.last.market.delivered[at][np.ix_(sellers, buyers)]
    base = loose.world.base_wedge(at)[np.ix_(sellers, buyers)]
    np.testing.assert_allclose(dearer / base, 1 + margin, rtol=1e-12)


def test_where_nobody_sells_on_a_ban_has_the_bits_of_closed_links(small_world: World) -> None:
    run = simulation(small_world, ban(until=dt.date(2024, 8, 31)), resale_speed=0.0)
    plain = Restriction("ban", "ban", (GOOD,), START, until=dt.date(2024, 9, 1), to=("USA",))
    shut = simulation(small_world, plain, resale_speed=0.0)
    for _ in range(12):
        run.step()
        shut.step()
        assert np.array_equal(run.last.clearing.purchases, shut.last.clearing.purchases)
        assert np.array_equal(run.state.gate_price, shut.state.gate_price)
    assert not run.actors.gates.ways.resold


@pytest.mark.parametrize(
    "fields", [{"to": "world"}, {"extraterritorial": True}], ids=["nobody is spared", "resale is barred"]
)
def test_who_must_not_sell_on_does_not(small_world: World, fields: dict[str, Any]) -> None:
    fields = fields | {"to": ["USA"] if "extraterritorial" in fields else ["world"]}
    run = advanced(simulation(small_world, ban(**fields)), 5)
    assert not run.last.market.gates
    assert not run.actors.gates.ways.resold


def test_a_country_with_a_ban_of_its_own_sells_nothing_on(small_world: World) -> None:
    run = advanced(simulation(small_world, ban(), ban("other", by="JPN")), 5)
    world = run.world
    for gate in run.last.market.gates:
        holds = {world.countries[c] for c in world.need_country[gate.holders[0]].tolist()}
        assert holds == {"ROW"}
    # Both ways together are as wide as what the third country turns over.
    width = sum(
        share * run.last.market.base_cap_flow[gate.cap] / 12
        for gate, share in zip(run.last.market.gates, run.actors.gates.ways.resold.values(), strict=True)
    )
    turned = 1 - np.exp(-run.case.prepared.behaviour["resale_speed"][0, 0] / 12)
    before = advanced(simulation(small_world, ban(), ban("other", by="JPN")), 4)
    stock = before.state.buyer_stock[0] + before.state.transit[0, 0]
    holders = run.last.market.gates[0].holders[0]
    assert width[0] == pytest.approx(turned * stock[holders].sum(), rel=1e-9)


def test_months_and_weeks_sell_on_alike(small_world: World) -> None:
    until = dt.date(2024, 12, 31)
    months = simulation(small_world, ban(until=until))
    weeks = simulation(small_world, ban(until=until), step="week")
    lacks = []
    for run, steps in ((months, 12), (weeks, 52)):
        missing = need = 0.0
        for _ in range(steps):
            run.step()
            missing += float(of(run, "USA", run.last.shortfall).sum())
            need += float(of(run, "USA", run.last.required).sum())
        lacks.append(missing / need)
    assert lacks[0] == pytest.approx(lacks[1], abs=0.03)


def test_a_checkpoint_and_a_member_alone_go_on_with_the_same_bits(small_world: World) -> None:
    event = ban(probability="60 %", leak=True)
    run = advanced(simulation(small_world, event, members=[0, 2, 5, 6]), 8)
    again = Simulation.resume(run.checkpoint())
    alone = advanced(simulation(small_world, event, members=[5]), 8)
    assert np.array_equal(share(again), share(run))
    for _ in range(6):
        one, other = bits(run.step()), bits(again.step())
        assert differing(one, other) == []
        alone.step()
        assert np.array_equal(alone.state.gate_price[0], run.state.gate_price[2])
        assert np.array_equal(share(alone)[0], share(run)[2])


def test_who_draws_that_nothing_passes_has_closed_links(small_world: World) -> None:
    """A way of no width is none: prices are those of closed links, not of a ceiling at nothing."""
    drawn = ban(extraterritorial=True, compliance={"choice": ["100 %", "50 %"]})
    together = advanced(simulation(small_world, drawn, members=6), 5)
    kept = advanced(simulation(small_world, ban(extraterritorial=True, compliance="100 %"), members=6), 5)
    nothing = share(together) == 0
    assert 0 < nothing.sum() < 6
    for found, expected in (
        (together.last.clearing.price, kept.last.clearing.price),
        (together.last.clearing.index, kept.last.clearing.index),
        (together.last.shortfall, kept.last.shortfall),
    ):
        np.testing.assert_allclose(found[nothing], expected[nothing], rtol=1e-5, atol=1e-9)
        assert not np.allclose(found[~nothing], expected[~nothing], rtol=1e-3, atol=1e-12)


def test_a_ban_that_leaks_lets_pass_both(small_world: World) -> None:
    run = advanced(simulation(small_world, ban(leak=True), leak_margin=0.01), 10)
    ways = run.actors.gates.ways
    (leak,), (resold,), (both,) = ways.leaks.values(), ways.resold.values(), ways.values()
    assert both == pytest.approx(leak + resold, rel=1e-12)


def test_who_looks_ahead_knows_what_is_sold_on(small_world: World) -> None:
    """Before a ban begins, from the base year's stocks; then as it is."""
    told = simulation(small_world, ban(announced=dt.date(2024, 1, 1)))
    advanced(told, 1)
    coming = [known.regime for known in told._outlook._priced if known.regime and known.regime.leaks]
    (gate,) = (leak for regime in coming[:1] for leak in regime.leaks)
    world, behaviour = told.world, told.case.prepared.behaviour
    good = [g.id for g in world.goods].index(GOOD)
    third = (world.need_good == good) & ~np.isin(
        world.need_country, [world.countries.index(c) for c in ("CHN", "USA")]
    )
    stock = (world.need_use * world.need_cover)[third].sum() * behaviour["cover_scale"][0, 0]
    turned = (1 - np.exp(-behaviour["resale_speed"][0, 0] / 12)) * 12
    assert coming[0].cap_tonnes[0, gate.cap] == pytest.approx(turned * stock, rel=1e-9)


def test_tonnes_balance(small_world: World) -> None:
    run = simulation(small_world, ban(), members=3)
    for _ in range(10):
        before = run.state.seller_stock.sum(1) + run.state.buyer_stock.sum(1) + run.state.transit.sum((0, 2))
        result = run.step()
        after = run.state.seller_stock.sum(1) + run.state.buyer_stock.sum(1) + run.state.transit.sum((0, 2))
        change = (result.output - result.discarded).sum(1) - result.consumed.sum(1)
        np.testing.assert_allclose(after - before, change, atol=1e-9 * before.max())
