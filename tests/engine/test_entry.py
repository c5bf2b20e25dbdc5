"""Facilities that stand still in the base year: they load, change nothing, open, sell, and close again."""

from __future__ import annotations

import datetime as dt
import functools
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from sim.controls import Controls
from sim.engine import Simulation
from sim.errors import MonaziteError
from sim.model import Miner, MonaziteModel
from sim.past.naive import naive_run
from sim.twin.object_model import MesaObjects
from sim.world.entrants import normal_amounts
from sim.world.load import load_world
from sim.world.restrict import restrict
from sim.world.world import World
from tests.checks_of_runs import check_record, step_balanced
from tests.engine_events import PlainScenario, Restriction
from tests.odd_worlds import (
    ENTRANTS,
    WORLDS,
    magnets_later,
    mine_later,
    one_good,
    pure_metals,
    trader_later,
    without_entrants,
)
from tests.world_sketch import Sketch

START, END = dt.date(2025, 1, 1), dt.date(2027, 1, 1)
YEARS = 4
"""Of the runs in weeks."""
Shock = tuple[str, tuple[str, ...], float, tuple[str, ...] | None]
SHOCKS: dict[str, tuple[Shock, tuple[str, ...]]] = {
    "mine": (("output cut", ("clay",), 0.4, None), ("mine_usa",)),
    "mine without cash cost": (("output cut", ("clay",), 0.4, None), ("mine_usa",)),
    "separator": (("output cut", ("dysprosium_oxide", "ndpr_oxide"), 0.4, None), ("separator_usa",)),
    "magnets": (("ban", ("magnet",), 0.0, None), ("magnet_usa",)),
    "traders": (("ban", ("dysprosium_oxide",), 0.0, ("JPN",)), ("trader_row_dysprosium_oxide",)),
    "chain": (
        ("ban", ("ndpr_oxide", "dysprosium_oxide", "magnet"), 0.0, None), ("separator_usa", "magnet_usa")
    ),
    "good": (("output cut", ("ndpr_oxide",), 0.3, None), ("mine_scrap", "plant_recycler")),
    "one good": (("ban", ("gallium",), 0.0, None), ("mine_usa",)),
    "one buyer": (("quota", ("gallium",), 0.2, None), ("mine_usa",)),
    "one seller": (("ban", ("gallium",), 0.0, None), ("mine_usa",)),
    "one country": (("output cut", ("ore",), 0.5, None), ("mine_b",)),
    "at home": (("output cut", ("ore", "tin"), 0.5, None), ("mine_b", "plant_other")),
    "substitutes": (("output cut", ("tin",), 0.3, None), ("plant_usa",)),
}  # fmt: skip
"""World -> what raises prices there for two years, and who opens."""


@functools.cache
def world(name: str) -> World:
    return load(WORLDS[name]())


def load(sketch: Sketch) -> World:
    with tempfile.TemporaryDirectory() as folder:
        return load_world(2024, sketch.write(Path(folder)))


def event(name: str) -> Restriction:
    kind, goods, share, to = SHOCKS[name][0]
    return Restriction("shock", kind, goods, START, until=END, open_share=share, to=to)


def scenario(*events: object, last: int = 2025, **changes: object) -> PlainScenario:
    return replace(PlainScenario(events=events, end=dt.date(last, 12, 31)), **changes)


def offers_of(world: World, *facilities: str) -> np.ndarray:
    return np.flatnonzero(np.isin(np.array(world.facilities)[world.offer_facility], facilities))


@pytest.mark.parametrize("name", WORLDS)
def test_without_shock_nothing_moves(name: str) -> None:
    simulation = Simulation(world(name), scenario())
    start = {key: value.copy() for key, value in simulation.state.arrays().items()}
    prepared = simulation.case.prepared
    idle = np.flatnonzero(prepared.benchmark.entrant)
    for _ in range(24):
        step_balanced(simulation)
        np.testing.assert_allclose(simulation.last.clearing.price, 1, rtol=1e-9)
        assert simulation.last.output[:, idle].max(initial=0) == 0
        assert simulation.last.clearing.sales[:, idle].max(initial=0) == 0
    for key, value in simulation.state.arrays().items():
        if key not in ("required", "shortfall"):
            np.testing.assert_allclose(value, start[key], rtol=1e-9, atol=1e-9, err_msg=key)
    assert simulation.state.shortfall.max() < 1e-9 * simulation.state.required.max()
    check_record(simulation)


def offer_names(data: xr.Dataset) -> list[tuple[str, str]]:
    return list(zip(data.offer_good.values.tolist(), data.offer_facility.values.tolist(), strict=True))


@pytest.mark.parametrize("name", ENTRANTS)
def test_who_stands_still_is_not_felt_by_others(name: str) -> None:
    """In months and in weeks. Nothing moves, so a year of one and a quarter of the other say it all."""
    without = load(without_entrants(ENTRANTS[name]()))
    for step, end in (("month", dt.date(2024, 12, 31)), ("week", dt.date(2024, 3, 31))):
        here, there = (Simulation(w, scenario(step=step, end=end)) for w in (world(name), without))
        data, other = here.run(), there.run()
        for variable in ("production", "seller_stock", "price_gate", "price_outside"):
            axis = "offer" if "offer" in other[variable].dims else "good"
            theirs = other[variable]
            if axis == "good":
                mine = data[variable].sel(good=other.good)
            else:
                all_of_them = offer_names(data)
                mine = data[variable].isel(offer=[all_of_them.index(key) for key in offer_names(other)])
            np.testing.assert_allclose(mine, theirs, rtol=1e-9, err_msg=variable)


CALM = {"margin_share": 0.5}
"""Plants that stop gradually: those that stop at a small loss go on and off, prices swing with them long
after a shock, and who opens because of it is opened by that again."""


@functools.cache
def shocked(name: str, step: str, last: int = 2030) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per step and entrants' offer: rate and output over capacity, a year, and stock in tonnes."""
    case = scenario(event(name), last=last, step=step, assumptions=CALM)
    simulation = Simulation(world(name), case)
    at = np.flatnonzero(simulation.case.prepared.benchmark.entrant)
    capacity, rows = simulation.world.offer_capacity[at], []
    while simulation.time < simulation.steps:
        step_balanced(simulation)
        made = simulation.last.output[0, at] / simulation.case.prepared.step_years
        rows.append((simulation.state.rate[0, at] / capacity, made / capacity,
                     simulation.state.seller_stock[0, at]))  # fmt: skip
    check_record(simulation)
    rate, output, stock = (np.array(part) for part in zip(*rows, strict=True))
    return rate, output, stock


@pytest.mark.parametrize("name", SHOCKS)
def test_it_opens_when_the_price_rises_and_shuts_when_it_falls(name: str) -> None:
    """As fast as a rate can rise, 3 % of capacity a month: most of it within the two years of the shock."""
    here = world(name)
    rate, output, stock = shocked(name, "month")
    idle = np.flatnonzero(here.offer_output <= 0)
    names = np.array(here.facilities)[here.offer_facility[idle]]
    assert rate[:12].max() == 0
    fastest = Simulation(here, scenario()).case.prepared.behaviour["ramp_limit"][0, 0] / 12
    # Faster only back to what they ran at before they shut.
    most = np.maximum.accumulate(rate, axis=0)
    assert np.diff(most, axis=0).max() == pytest.approx(fastest)
    for opening in SHOCKS[name][1]:
        for place in np.flatnonzero(names == opening):
            share, made, held = rate[:, place], output[:, place], stock[:, place]
            assert share.max() > 0.4, opening
            assert np.isclose(np.diff(share), fastest).sum() >= 12, opening
            # A half or so of what some are ready for is cut, or lacks inputs.
            assert 0.4 * share.max() < made.max() <= share.max() + 1e-9, opening
            after = np.arange(len(share)) > share.argmax()
            shut = np.flatnonzero(after & (share == 0))
            assert len(shut), opening
            assert made[shut].max() == 0, opening
            if opening != "mine_scrap":  # nobody else buys scrap, so what it has left stays with it
                assert held[shut[0] :].min() < 0.05 * held.max(), opening


@pytest.mark.parametrize("name", ["mine", "magnets", "good", "one good"])
def test_weeks_and_months_tell_the_same_story(name: str) -> None:
    """Until a year after the shock, in which all of them have opened."""
    monthly, weekly = shocked(name, "month")[1][: 12 * YEARS], shocked(name, "week", 2023 + YEARS)[1]
    opening = monthly.max(0) > 0.5
    made = monthly.sum(0)[opening] / 12, weekly.sum(0)[opening] / 52
    # They climb alike; who shuts a month or two sooner has made less by what a quarter at the top brings.
    apart, top = np.abs(made[1] - made[0]), np.maximum(monthly.max(0), weekly.max(0))[opening]
    assert (apart <= 0.25 * np.maximum(made[0], top)).all(), made


@pytest.mark.usefixtures("few_rounds")
@pytest.mark.parametrize("name", ["mine", "chain", "good", "one seller", "one country"])
def test_members_differ_and_are_the_same_alone(name: str) -> None:
    """Elasticities of the market that differ by member, too."""
    values = {"assumptions.sourcing_elasticity": np.array([6.0, 3.0, 5.0, 8.0])}
    case = scenario(event(name), last=2026)
    together = Simulation(world(name), case, members=4, seed=3, values=values)
    for _ in range(36):
        step_balanced(together)
    check_record(together)
    alone = Simulation(
        world(name), case, members=[2], seed=3, values={key: row[2:3] for key, row in values.items()}
    ).run()
    data = together.recorder.dataset().isel(member=[2])
    for variable in ("price_gate", "production", "shortfall", "seller_stock"):
        np.testing.assert_array_equal(data[variable], alone[variable], err_msg=variable)


@pytest.mark.usefixtures("few_rounds")
@pytest.mark.parametrize("name", ["mine", "separator", "good", "one seller"])
def test_a_run_goes_on_from_a_checkpoint_while_it_is_open(name: str, tmp_path: Path) -> None:
    case = scenario(event(name), last=2027)
    whole = Simulation(world(name), case, members=2, seed=5)
    half = Simulation(world(name), case, members=2, seed=5)
    for _ in range(24):
        half.step()
    at = offers_of(half.world, *SHOCKS[name][1])
    assert (half.state.rate[0, at] > 0).all()
    half.checkpoint().write(tmp_path / "half.zip")
    rest = Simulation.resume(tmp_path / "half.zip", scenario=case, world=world(name)).run()
    data = whole.run().isel(time=slice(24, None))
    for variable in ("price_gate", "production", "seller_stock", "buyer_stock"):
        np.testing.assert_array_equal(data[variable], rest[variable], err_msg=variable)


def renamed(facility: str) -> str:
    kind, _, rest = facility.partition("_")
    return f"{kind}_tin_{rest}"


def test_the_chains_of_a_mineral_keep_their_entrants() -> None:
    sketch, other = one_good(), pure_metals()
    sketch.goods |= other.goods
    sketch.country |= {renamed(name): code for name, code in other.country.items()}
    for (good, seller, buyer), tonnes in other.flows.items():
        sketch.flow(good, renamed(seller), renamed(buyer), tonnes)
    sketch.later |= {(renamed(name), good): most for (name, good), most in other.later.items()}
    sketch.waiting += [(renamed(name), good) for name, good in other.waiting]
    whole = load(sketch)
    small = restrict(whole, ("gallium",))
    assert [good.id for good in small.goods] == ["gallium"]
    assert (small.offer_output == 0).sum() == 1
    case = scenario(event("one good"), last=2026)
    kept, all_of_it = (
        Simulation(whole, replace(case, minerals=minerals)).run() for minerals in (("gallium",), ())
    )
    for variable in ("price_gate", "price_outside"):
        np.testing.assert_allclose(
            kept[variable], all_of_it[variable].sel(good=["gallium"]), rtol=1e-9, err_msg=variable
        )


def test_a_mesa_model_has_it_as_an_agent() -> None:
    model = MonaziteModel(world("mine"), scenario(event("mine"), last=2026), rng=1)
    for _ in range(36):
        model.step()
    (later,) = model.agents.select(lambda agent: isinstance(agent, Miner) and agent.facility == "mine_usa")
    assert later.country == "USA"
    at = offers_of(model.simulation.world, "mine_usa")
    assert model.simulation.last.output[0, at].min() > 0


def test_the_twin_says_that_it_knows_none() -> None:
    with pytest.raises(MonaziteError, match="mine_usa has no base-year output"):
        MesaObjects(world("mine"), scenario())


class Dated(PlainScenario):
    def steps(self) -> list[tuple[dt.date, dt.date]]:
        return [(dt.date(2024, 1, 1), dt.date(2024, 2, 1)), (dt.date(2024, 2, 1), dt.date(2024, 3, 1))]


def test_naive_forecasts_know_goods_that_nobody_makes_yet() -> None:
    case = Dated(end=dt.date(2024, 2, 29))
    forecast = naive_run(world("good"), case, Simulation(world("good"), case).run())
    for name in ("price_gate", "production", "shortfall", "imports"):
        assert np.isfinite(forecast[name].values).all(), name
    assert float(forecast.production.max()) > 0


def test_at_base_prices_its_full_output_would_be_bought() -> None:
    """The weight of an entrant: put on sale at the base price, all that it can make finds buyers."""
    for name in ("mine", "separator", "one good", "traders"):
        simulation = Simulation(world(name), scenario())
        simulation.step()
        prepared = simulation.case.prepared
        kernel, index = prepared.benchmark.kernel, prepared.benchmark.base_index
        for good in range(len(simulation.world.goods)):
            sellers, buyers = simulation.world.offer_slice(good), simulation.world.need_slice(good)
            drawn = kernel[good] @ (simulation.world.need_use[buyers] * index[buyers] ** prepared.sigma[good])
            idle = prepared.benchmark.entrant[sellers]
            np.testing.assert_allclose(drawn[idle], simulation.world.offer_capacity[sellers][idle], rtol=1e-9)


def test_a_quote_is_for_the_full_capacity() -> None:
    """A seller that is open at a small rate earns more for each tonne than it would at full capacity.

    And less while it is new: its quote is that of a seller whom buyers know.
    """
    simulation = Simulation(world("one good"), scenario(event("one good"), last=2026))
    (at,) = offers_of(simulation.world, "mine_usa")
    lot = simulation.world.offer_capacity[at] / 12
    sigma = simulation.case.prepared.sigma[0]
    opened = 0
    for _ in range(36):
        qualified = simulation.state.qualified[0, at]
        simulation.step()
        clearing = simulation.last.clearing
        sold, price, signal = clearing.sales[0, at], clearing.price[0, at], simulation.state.gate_price[0, at]
        if sold > 0:
            opened += 1
            assert signal == pytest.approx(price * (sold / lot / qualified) ** (1 / sigma), rel=1e-12)
        else:
            assert signal == price
    assert opened > 12


def test_a_mine_does_not_open_below_its_cash_cost() -> None:
    dear = load(mine_later(50.0))
    simulation = Simulation(dear, scenario(event("mine"), last=2026))
    simulation.run()
    assert simulation.state.rate[0, offers_of(dear, "mine_usa")].max() == 0


def test_a_plant_does_not_open_below_its_cash_cost() -> None:
    sketch = magnets_later()
    rates = {}
    for cost in (1.5, 3.0, 20.0):
        sketch.cash["magnet_usa"] = cost
        here = load(sketch)
        simulation = Simulation(here, scenario(event("magnets"), last=2025))
        simulation.run()
        rates[cost] = float(simulation.state.rate[0, offers_of(here, "magnet_usa")].sum())
    assert rates[1.5] > rates[3.0] > rates[20.0] == 0


def test_a_ceiling_on_output_leaves_it_nothing() -> None:
    """Ceilings are multiples of base-year output."""
    here = world("one good")
    controls = Controls(here)
    controls.cap_output(np.ones(len(here.offer_good), dtype=bool), 0.8, 1.0)
    (at,) = offers_of(here, "mine_usa")
    assert controls.output_ceiling[0, at] == 0
    assert set(np.delete(controls.output_ceiling[0], at).tolist()) == {0.8}


def test_what_an_entrant_takes_is_what_others_take() -> None:
    here = world("separator")
    later = here.need_facility == here.facilities.index("separator_usa")
    full = normal_amounts(here)[1]
    clay, oxide = 1400.0, (0.4 * 1000 + 0.3 * 400) * 0.9
    assert full[later] == pytest.approx([clay / oxide * 60.0])


def test_a_trader_takes_what_it_sells() -> None:
    here = load(trader_later())
    output, use = normal_amounts(here)
    for name in ("trader_row_magnet", "trader_row_clay"):
        facility = here.facilities.index(name)
        assert use[here.need_facility == facility] == output[here.offer_facility == facility] == 20.0


def test_substitutes_share_what_an_entrant_takes() -> None:
    """Others make a tonne of tin of 24 tonnes of ore and scrap together, five sixths of it ore."""
    here = world("substitutes")
    facility = here.facilities.index("plant_usa")
    use = normal_amounts(here)[1]
    by_good = {
        here.goods[here.need_good[need]].id: use[need]
        for need in np.flatnonzero(here.need_facility == facility)
    }
    assert by_good == pytest.approx({"ore": 4 * 24 * 5 / 6, "scrap": 4 * 24 / 6})


def test_a_stated_use_goes_before_what_others_take() -> None:
    sketch = magnets_later()
    sketch.at_capacity["magnet_usa", "dysprosium_oxide"] = 3.0
    here = load(sketch)
    need = np.flatnonzero(
        (here.need_facility == here.facilities.index("magnet_usa"))
        & (here.need_good == [good.id for good in here.goods].index("dysprosium_oxide"))
    )
    assert normal_amounts(here)[1][need].tolist() == [3.0]
