"""The engine on a small balanced world: fixed point, conservation, invariances, signs."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from sim.engine import Simulation
from sim.world.load import load_world
from sim.world.world import World
from tests.engine_events import Merger, PlainScenario, Restriction
from tests.small_world import write_small_world

OXIDE = ("dysprosium_oxide",)
START = dt.date(2025, 4, 1)


def run(world: World, *events: object, members: int = 1, years: int = 4, **changes: object) -> xr.Dataset:
    scenario = PlainScenario(events=events, end=dt.date(2023 + years, 12, 31))
    return Simulation(world, replace(scenario, **changes), members=members, seed=7).run()


def price(data: xr.Dataset, name: str, good: str, member: int = 0) -> np.ndarray:
    return data[f"price_{name}"].sel(good=good).isel(member=member).values / float(
        data.good_base_price.sel(good=good)
    )


def exported(world: World, *events: object, **changes: object) -> list[float]:
    """Tonnes of the oxide that leave China in each month of two years and a half."""
    simulation = Simulation(world, replace(PlainScenario(events=events), **changes))
    china = world.countries.index("CHN")
    sellers = world.offer_country[world.offer_slice(2)] == china
    links = np.ix_(sellers, world.need_country[world.need_slice(2)] != china)
    found = []
    for _ in range(30):
        simulation.step()
        found.append(float(simulation.last.clearing.flow(2)[0][links].sum()))
    return found


def halves(approved_later: float) -> tuple[Restriction, Restriction]:
    """A licence, and the one that replaces it after nine months; both are known from the start."""
    first = Restriction("first", "licence", OXIDE, START, until=dt.date(2026, 1, 1), open_share=0.4)
    second = replace(first, id="second", from_=first.until, until=None, announced=START)
    return first, replace(second, open_share=approved_later)


@pytest.fixture(scope="module")
def baseline(small_world: World) -> xr.Dataset:
    return run(small_world, years=10)


def test_without_shock_nothing_moves_in_ten_years(baseline: xr.Dataset) -> None:
    for name in ("price_gate", "price_inside", "price_outside", "production", "seller_stock", "buyer_stock"):
        first, last = baseline[name].isel(time=0), baseline[name].isel(time=-1)
        np.testing.assert_allclose(last, first, rtol=1e-5, err_msg=name)
    assert float(baseline.shortfall.max()) < 1e-6 * float(baseline.requirement.max())


def test_the_base_year_trades_the_base_flows(small_world: World, baseline: xr.Dataset) -> None:
    """Up to the prior on unused links, the first year's flows are those of the data."""
    modelled = baseline.flow.sel(quantile=0.5).isel(year=0)
    for g, good in enumerate(small_world.goods):
        links = modelled.where(baseline.link_good == good.id, drop=True)
        total = small_world.base_flow[g].sum()
        for link in links:
            origin = small_world.countries.index(str(link.link_exporter.values))
            destination = small_world.countries.index(str(link.link_importer.values))
            sellers = small_world.offer_country[small_world.offer_slice(g)] == origin
            buyers = small_world.need_country[small_world.need_slice(g)] == destination
            base = small_world.base_flow[g][np.ix_(sellers, buyers)].sum()
            assert abs(float(link) - base) < 0.02 * total


@pytest.mark.usefixtures("few_rounds")
@pytest.mark.parametrize("kind", ["ban", "quota", "licence", "output cut"])
def test_tonnes_and_elements_balance_through_any_shock(small_world: World, kind: str) -> None:
    """What is made or mined is sold, stocked or discarded; what is bought is used or stocked."""
    event = Restriction("x", kind, ("dysprosium_oxide", "clay"), START, open_share=0.3)
    simulation = Simulation(small_world, PlainScenario(events=(event,)), members=3, seed=1)
    for _ in range(30):
        before_sellers, before_buyers = simulation.state.seller_stock.copy(), (
            simulation.state.buyer_stock + simulation.state.transit.sum(0)
        )
        simulation.step()
        clearing, state = simulation.last.clearing, simulation.state
        made = before_sellers + simulation.last.output - clearing.sales - simulation.last.discarded
        np.testing.assert_allclose(state.seller_stock, made, rtol=1e-9, atol=1e-9)
        held = before_buyers + clearing.purchases - simulation.last.consumed
        np.testing.assert_allclose(state.buyer_stock + state.transit.sum(0), held, rtol=1e-9, atol=1e-9)
        basket = simulation.case.prepared.benchmark.basket_need
        np.testing.assert_allclose(
            simulation.actors.tracers[0].buyer.stock.sum(-1), state.buyer_stock[:, basket],
            rtol=1e-9, atol=1e-9,
        )
        sellers = simulation.case.prepared.benchmark.basket_offer
        np.testing.assert_allclose(
            simulation.actors.tracers[0].seller.sum(-1), state.seller_stock[:, sellers], rtol=1e-9, atol=1e-9
        )
        assert clearing.certified.all()


def test_an_export_ban_raises_the_price_outside_and_lowers_it_inside(
    small_world: World, baseline: xr.Dataset
) -> None:
    data = run(small_world, Restriction("ban", "ban", OXIDE, START))
    after = slice(18, None)
    # Only a trader has something left, which it parts with slowly and dearly; what users would pay stands
    # beside the price, and where there is none.
    outside = price(data, "outside", OXIDE[0])[after]
    assert (outside[np.isfinite(outside)] > 2).all()
    abroad = (data.need_country != "CHN") & (data.need_good == OXIDE[0])
    bought = data.purchases.isel(member=0).where(abroad, drop=True).sum("need").values
    assert bought[-12:].max() < 0.02 * bought[0]
    bid = data.quote_outside.sel(good=OXIDE[0]).isel(member=0) / data.good_base_price.sel(good=OXIDE[0])
    assert (bid[after] > 2).all()
    assert (price(data, "inside", OXIDE[0])[after] < 1).all()
    japan = (data.need_country == "JPN") & (data.need_good == OXIDE[0])
    assert float(data.shortfall.isel(member=0).where(japan, drop=True).sum()) > 0


def test_an_output_cut_raises_both_prices(small_world: World) -> None:
    """At once and for a year; in the years after that others build, and users go over to something else."""
    data = run(small_world, Restriction("cut", "output cut", OXIDE, START, open_share=0.7))
    for name in ("inside", "outside"):
        path = price(data, name, OXIDE[0])
        assert path[15:27].min() > 1.25
        assert path[15:20].min() > 2
        assert path[-12:].max() < 0.7 * path.max()


def test_a_licence_stops_exports_until_the_delay_is_over(small_world: World) -> None:
    event = Restriction("lic", "licence", OXIDE, START, open_share=1.0, delay_years=2.5 / 12)
    data = run(small_world, event)
    on_time = {"licence_overrun": 0.0}
    tonnes = exported(small_world, event, assumptions=on_time)
    assert max(tonnes[15:17]) < 0.01 * tonnes[0]
    assert tonnes[18] > 0.4 * tonnes[0]
    assert float(data.certified.min()) == 1


@pytest.mark.usefixtures("few_rounds")
def test_approved_exports_never_exceed_the_permits(small_world: World) -> None:
    event = Restriction("lic", "licence", OXIDE, START, open_share=0.4)
    simulation = Simulation(small_world, PlainScenario(events=(event,)), members=2)
    for _ in range(30):
        simulation.step()
        for queue in simulation.actors.gates.queues.values():
            assert (queue.permits >= -1e-12).all()
            assert (queue.waiting >= 0).all()
        assert (simulation.state.seller_stock >= simulation.last.held_back - 1e-9).all()


def test_a_licence_that_replaces_another_takes_over_its_queue(small_world: World) -> None:
    """The rule cut into two events starts no second drought; easing it brings relief."""
    two = exported(small_world, *halves(0.4))
    assert two[24] > 0.9 * two[23] > 0
    relief = price(run(small_world, *halves(0.9)), "outside", OXIDE[0])
    assert relief[24:].max() <= relief[23] * 1.01
    assert relief[-1] < 0.8 * relief[23]


def test_no_drought_is_foreseen_where_a_licence_replaces_another(small_world: World) -> None:
    """The same rule cut into two events, both known from the start, gives the same prices."""
    whole = Restriction("lic", "licence", OXIDE, START, open_share=0.4)
    one, two = (price(run(small_world, *e), "outside", OXIDE[0])[15:24] for e in ((whole,), halves(0.4)))
    np.testing.assert_allclose(one, two, rtol=0.02)


def test_a_tariff_moves_trade_from_the_taxed_link_to_others(small_world: World, baseline: xr.Dataset) -> None:
    data = run(small_world, Restriction("duty", "tariff", ("magnet",), START, rate=0.5, to=("USA",)))
    moved = data.flow.sel(quantile=0.5).isel(year=-1) - baseline.flow.sel(quantile=0.5).isel(year=2)
    of = moved.where((data.link_good == "magnet") & (data.link_importer == "USA"), drop=True)
    change = dict(zip(of.link_exporter.values.tolist(), of.values.tolist(), strict=True))
    assert change["CHN"] < 0 < change["JPN"]
    assert float(data.tariff_revenue.sel(importer="USA").isel(time=-1).min()) > float(
        baseline.tariff_revenue.sel(importer="USA").isel(time=0).min()
    )


def test_a_merger_acts_only_where_the_firms_meet(small_world: World, baseline: xr.Dataset) -> None:
    strangers = run(small_world, Merger(("mine_china", "magnet_japan"), START))
    np.testing.assert_array_equal(strangers.price_gate, run(small_world).price_gate)
    # The dearer good is built for and replaced in the years after; the mark-up acts at once.
    rivals = run(small_world, Merger(("separator_china_a", "separator_china_b"), START))
    assert price(rivals, "gate", OXIDE[0])[15:24].min() > 1.005


def test_doubling_tonnes_and_dollars_changes_no_share(small_world: World, tmp_path: Path) -> None:
    event = Restriction("lic", "licence", OXIDE, START, open_share=0.4)
    twice = run(load_world(2024, write_small_world(tmp_path, tonnes=2.0, dollars=2.0)), event, members=2)
    once = run(small_world, event, members=2)
    np.testing.assert_allclose(twice.price_outside, 2 * once.price_outside, rtol=1e-5)
    np.testing.assert_allclose(twice.shortfall, 2 * once.shortfall, rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("few_rounds")
def test_a_member_is_the_same_alone_and_in_a_batch(small_world: World) -> None:
    event = Restriction("lic", "licence", OXIDE, START, open_share=0.4)
    scenario = PlainScenario(events=(event,), end=dt.date(2026, 12, 31))
    together = Simulation(small_world, scenario, members=5, seed=3).run()
    alone = Simulation(small_world, scenario, members=[3], seed=3).run()
    for name in ("price_gate", "price_outside", "production", "shortfall", "buyer_stock", "seller_stock"):
        np.testing.assert_array_equal(together[name].sel(member=3), alone[name].sel(member=3), err_msg=name)


def test_members_differ_and_share_their_draws_between_scenarios(small_world: World) -> None:
    base = run(small_world, members=3)
    shocked = run(small_world, Restriction("ban", "ban", OXIDE, START), members=3)
    before = slice(0, 15)
    np.testing.assert_array_equal(
        base.price_gate.isel(time=before), shocked.price_gate.isel(time=before)
    )
    assert float(base.price_gate.isel(time=-1).std("member").max()) > 0


def test_weekly_steps_tell_the_same_story(small_world: World) -> None:
    event = Restriction("quota", "quota", OXIDE, START, open_share=0.5)
    monthly, weekly = run(small_world, event), run(small_world, event, step="week")
    level, first_year = (
        [
            float(np.log(price(data, "outside", OXIDE[0])[since(data.time.values, until)]).mean())
            for data in (monthly, weekly)
        ]
        for until in (dt.date(2028, 1, 1), dt.date(2026, 4, 1))
    )
    assert first_year[0] > 1
    # Logs of a price at twice the base year's.
    assert level[1] == pytest.approx(level[0], abs=0.12)


def since(time: np.ndarray, until: dt.date) -> np.ndarray:
    return (time >= np.datetime64(START)) & (time < np.datetime64(until))


def test_an_event_on_no_trade_touches_nothing(small_world: World) -> None:
    data = run(small_world, Restriction("idle", "ban", ("clay",), START), years=2)
    assert float(data.event_tonnes.max()) == 0
    busy = run(small_world, Restriction("busy", "ban", OXIDE, START), years=2)
    assert float(busy.event_tonnes.isel(time=-1).min()) > 0
    assert float(busy.event_tonnes.isel(time=0).max()) == 0
