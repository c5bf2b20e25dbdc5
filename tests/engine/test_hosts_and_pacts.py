"""Hosts that want more, exports that are paid for, pacts: what they do in runs, and money that adds up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from sim.engine import Simulation
from sim.world.load import load_world
from sim.world.world import World
from tests.projects_world import event, project_world, projects_of, simulation

pytestmark = pytest.mark.usefixtures("few_rounds")
FROM = {"from": "2025-01-01"}
HOST = {"by": "ROW", "goods": ["clay"]}
FIRST = 12
CLAY_PRICE = 20_000.0
CANCELLED = 6
MAGNET = 3
"""Number of the good."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return project_world(tmp_path_factory.mktemp("hosts"))


def run(world: World, *events: Any, members: Any = 3, years: int = 3, **more: Any) -> xr.Dataset:
    return simulation(world, *events, members=members, years=years, **more).run()


@pytest.fixture(scope="module")
def alone(world: World) -> xr.Dataset:
    with pytest.MonkeyPatch.context() as patch:
        from tests.checks_of_runs import price_briefly

        price_briefly(patch)
        return run(world)


def made(data: xr.Dataset, facility: str) -> np.ndarray[Any, Any]:
    """(M,) tonnes of clay in the years of the event."""
    at = [i for i, name in enumerate(data.offer_facility.values) if name == facility]
    return data.production.values[:, FIRST:, at].sum((1, 2))


def exported(data: xr.Dataset, country: str, good: str) -> np.ndarray[Any, Any]:
    """(M, T) tonnes that leave a country."""
    here = (data.outbound_country.values == country) & (data.outbound_good.values == good)
    return data.exports.values[..., here].sum(2)


# -- hosts -------------------------------------------------------------------------------------


def test_a_royalty_makes_its_mines_make_less_and_others_more(world: World, alone: xr.Dataset) -> None:
    taxed = run(world, event("host_demands", **HOST, royalty="30 %", **FROM))
    assert (made(taxed, "mine_abroad") < 0.98 * made(alone, "mine_abroad")).all()
    assert (made(taxed, "mine_china") > made(alone, "mine_china")).all()
    gate = taxed.price_gate.sel(good="clay").values / alone.price_gate.sel(good="clay").values
    assert (gate[:, FIRST:].mean(1) > 1.0).all()
    # What is taken is less than what prices would have to rise by if it were passed on in full.
    assert (gate[:, FIRST:].max(1) < 1 / 0.7).all()


def test_a_royalty_is_its_share_of_what_was_made_at_the_prices_of_the_step(world: World) -> None:
    asked = event("host_demands", **HOST, royalty={"2025-01-01": "10 %", "2025-07-01": "20 %"}, **FROM)
    case = simulation(world, asked, members=3, years=2)
    offers = (world.offer_good == 0) & (world.offer_country == world.countries.index("ROW"))
    while case.time < case.steps:
        month = case.time
        result = case.step()
        rate = 0.0 if month < 12 else 0.1 if month < 18 else 0.2
        due = rate * (result.output * result.clearing.price)[:, offers].sum(1) * CLAY_PRICE
        np.testing.assert_allclose(result.booked["host_royalty"][:, 0], due, rtol=1e-12)


def test_a_free_share_takes_of_margins_and_changes_nothing_for_a_mine_that_runs(
    world: World
) -> None:
    alone, carried = (
        run(world, event("host_demands", **HOST, carried=part, **FROM)) for part in ("0 %", "40 %")
    )
    assert not alone.host_carried.values.any()
    np.testing.assert_array_equal(carried.price_gate.values, alone.price_gate.values)
    np.testing.assert_array_equal(carried.production.values, alone.production.values)
    taken = carried.host_carried.values
    assert not taken[:, :FIRST].any()
    assert (taken[:, FIRST:].sum((1, 2)) > 0).all()
    worth = (made(alone, "mine_abroad") * CLAY_PRICE)[:, None] * 2
    assert (taken[:, FIRST:].sum(1) < 0.4 * worth).all()


@pytest.mark.parametrize("asked", [{"royalty": "50 %"}, {"carried": "60 %"}])
def test_what_a_host_asks_for_lets_fewer_projects_begin(tmp_path: Path, asked: dict[str, str]) -> None:
    mine = {"stage": "prospect", "permit_years": "2", "capex_usd": "4000000", "risk": "0.8"}
    world = project_world(tmp_path, mine=mine)
    demands = event("host_demands", by="USA", goods=["clay"], **asked)
    begun = []
    for events in ((), (demands,)):
        stage = run(world, *events, members=12, years=8).project_stage.sel(project="mine_later").values
        begun.append(((stage >= 2) & (stage != CANCELLED)).any(1))
    assert begun[0].any()
    assert (begun[1] <= begun[0]).all()
    assert begun[1].sum() < begun[0].sum()


def test_what_a_host_takes_of_a_project_its_owners_lack(tmp_path: Path) -> None:
    mine = {"stage": "building", "start": "2024.2", "capex_usd": "1000"}
    world = project_world(tmp_path, mine=mine)
    demands = event("host_demands", by="USA", goods=["clay"], royalty="10 %", carried="30 %")
    case = simulation(world, demands, members=2, years=1)
    here = (world.offer_good == 0) & (world.offer_country == world.countries.index("USA"))
    at = int(np.flatnonzero(here)[0])
    royalty = case.case.prepared.behaviour["project_royalty"][:, 0]
    seen = 0
    while case.time < case.steps:
        before = case.state.cash_cost[:, at]
        result = case.step()
        books = result.booked
        income = result.output[:, at] * case.state.gate_price[:, at] * CLAY_PRICE
        cost = result.output[:, at] * CLAY_PRICE * before
        taken = books["host_royalty"][:, 0] + books["host_carried"][:, 0]
        margin = books["project_margin"][:, 0]
        np.testing.assert_allclose(margin, (income - taken) * (1 - royalty) - cost, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(taken, 0.1 * income + 0.3 * np.maximum(0.9 * income - cost, 0), rtol=1e-9)
        seen += int((taken > 0).sum())
    assert seen
    assert projects_of(case).money.margin.shape[0] == 2


def test_of_ore_that_must_stay_no_more_leaves_than_the_rest(world: World) -> None:
    kept = event("host_demands", **HOST, processing="60 %", **FROM)
    case, bound = simulation(world, kept, members=3, years=3), 0
    offers = (world.offer_good == 0) & (world.offer_country == world.countries.index("ROW"))
    while case.time < case.steps:
        month = case.time
        result = case.step()
        left = case.case.observer.exports(result.clearing)
        keys = case.case.observer.exporters.keys
        here = keys == world.countries.index("ROW")
        if month >= FIRST:
            most = 0.4 * world.offer_output[offers].sum() / 12
            assert (left[:, here].sum(1) <= most * (1 + 1e-9)).all()
            bound += (left[:, here].sum(1) > 0.99 * most).sum()
    # All of it was exported before, so the ceiling is what leaves: no less, as output follows it down.
    assert bound > 60


def test_what_must_stay_grows_with_the_mines(world: World) -> None:
    more = event("capacity_change", countries=["ROW"], goods=["clay"], change="50 %", **FROM)
    kept = event("host_demands", **HOST, processing="60 %", **FROM)
    small, large = (run(world, *events, years=3) for events in ((kept,), (kept, more)))
    left = [exported(one, "ROW", "clay")[:, -6:].sum(1) for one in (small, large)]
    assert (left[1] > 1.2 * left[0]).all()


def test_banned_ore_does_not_leave(world: World) -> None:
    banned = run(world, event("host_demands", **HOST, ore_ban=True, **FROM))
    assert exported(banned, "ROW", "clay")[:, :FIRST].all()
    assert not exported(banned, "ROW", "clay")[:, FIRST:].any()


def test_recyclers_and_plants_are_no_mines() -> None:
    real_world = load_world(2024)
    asked = event("host_demands", by="world", royalty="5 %")
    mines = asked.mines(real_world)
    names = {real_world.facilities[f] for f in real_world.offer_facility[mines]}
    assert {"cmoc_cobalt", "greenbushes", "bayan_obo_northern"} <= names
    assert not any(name.startswith("secondary_") for name in names)
    kinds = np.array(real_world.facility_kind)[real_world.offer_facility]
    assert (kinds[mines] == "miner").all()


def test_two_hosts_laws_take_no_more_than_there_is(world: World) -> None:
    laws = [
        event("host_demands", **HOST, royalty="20 %").model_copy(update={"id": name}) for name in ("a", "b")
    ]
    both = run(world, *laws, years=1)
    one = run(world, laws[0], years=1)
    assert both.host_event.values.tolist() == ["a", "b"]
    first, second = both.host_royalty.values[..., 0], both.host_royalty.values[..., 1]
    np.testing.assert_allclose(second, 0.8 * first, rtol=1e-12)
    assert (made_all(both) < made_all(one)).all()


def made_all(data: xr.Dataset) -> np.ndarray[Any, Any]:
    at = [i for i, name in enumerate(data.offer_facility.values) if name == "mine_abroad"]
    return data.production.values[..., at].sum((1, 2))


def test_an_announced_royalty_moves_the_price_before_it_is_due(world: World, alone: xr.Dataset) -> None:
    told = run(world, event("host_demands", **HOST, royalty="40 %", announced="2024-07-01", **FROM))
    ratio = told.price_gate.sel(good="clay").values / alone.price_gate.sel(good="clay").values
    np.testing.assert_array_equal(ratio[:, :6], 1.0)
    assert (ratio[:, 6:12].max(1) > 1.001).all()


# -- exports that are paid for -----------------------------------------------------------------


def test_a_rebate_moves_exports_up_and_costs_its_share_of_them(world: World, alone: xr.Dataset) -> None:
    given = event("export_promotion", by="CHN", goods=["magnet"], rate="20 %", **FROM)
    data = run(world, given)
    more, usual = (exported(one, "CHN", "magnet")[:, FIRST:].sum(1) for one in (data, alone))
    assert (more > 1.02 * usual).all()
    case, good = simulation(world, given, members=3, years=3), MAGNET
    sellers, buyers = world.link_countries(good)
    china = world.countries.index("CHN")
    price = world.goods[good].base_price
    while case.time < case.steps:
        month = case.time
        clearing = case.step().clearing
        worth = clearing.flow(good) * clearing.price[:, world.offer_slice(good), None] * price
        abroad = worth[:, sellers == china][..., buyers != china].sum((1, 2))
        paid = data.promotion_paid.values[:, month, 0]
        np.testing.assert_allclose(paid, 0.2 * abroad if month >= FIRST else 0.0, rtol=1e-9)


def test_money_per_tonne_is_a_share_at_the_base_price(world: World) -> None:
    magnet = next(good for good in world.goods if good.id == "magnet")
    share = event("export_promotion", by="CHN", goods=["magnet"], rate="10 %", **FROM)
    money = f"{0.1 * magnet.base_price:.10f} USD/t"
    tonnes = event("export_promotion", by="CHN", goods=["magnet"], per_tonne=money, **FROM)
    one, two = (run(world, way, years=2).promotion_paid.values for way in (share, tonnes))
    np.testing.assert_allclose(one, two, rtol=1e-6)


def test_a_fund_that_is_empty_gives_nothing_back_and_all_know_it(world: World, alone: xr.Dataset) -> None:
    given = event("export_promotion", by="CHN", goods=["magnet"], rate="20 %", fund="3 million USD", **FROM)
    data = run(world, given, years=5)
    paid = data.promotion_paid.values[..., 0]
    np.testing.assert_allclose(paid.sum(1), 3e6)
    assert not paid[:, 24:].any()
    lasting = event("export_promotion", by="CHN", goods=["magnet"], rate="20 %", **FROM)
    goes_on, before = run(world, lasting, years=5), run(world, years=5)
    ended, going = (exported(one, "CHN", "magnet")[:, -12:].sum(1) for one in (data, goes_on))
    usual = exported(before, "CHN", "magnet")[:, -12:].sum(1)
    assert (np.abs(ended / usual - 1) < 0.25 * (going / usual - 1)).all()


def test_a_run_that_goes_on_knows_what_was_paid(world: World) -> None:
    given = event("export_promotion", by="CHN", goods=["magnet"], rate="20 %", fund="3 million USD", **FROM)
    asked = event("host_demands", **HOST, royalty="10 %", carried="10 %", processing="20 %", **FROM)
    whole = run(world, given, asked)
    for step in (15, 30):
        case = simulation(world, given, asked, members=3, years=3)
        for _ in range(step):
            case.step()
        rest = Simulation.resume(case.checkpoint(), world=world).run()
        for name in ("promotion_paid", "host_royalty", "host_carried", "price_gate", "production"):
            np.testing.assert_array_equal(rest[name].values, whole[name].values[:, step:], err_msg=name)


def test_a_member_alone_has_the_same_bits(world: World) -> None:
    events = (
        event("export_promotion", by="CHN", goods=["magnet"], rate="20 %", fund="2 million USD", **FROM),
        event("host_demands", **HOST, royalty={"uniform": ["5 %", "30 %"]}, processing="20 %", **FROM),
        event("supply_pact", members=["USA", "JPN"], goods=["magnet"], preference="40 %", stock="10 t",
              stock_rate="10 t/year", floor="110 %", floor_fund="1 million USD", **FROM),
    )  # fmt: skip
    together, single = run(world, *events, members=[0, 1, 2]), run(world, *events, members=[2])
    for name in ("promotion_paid", "host_royalty", "floor_paid", "stockpile_stock", "price_gate"):
        np.testing.assert_array_equal(together[name].values[2:], single[name].values, err_msg=name)


# -- pacts -------------------------------------------------------------------------------------


def test_a_pact_is_its_parts(world: World) -> None:
    """To the bit what a bloc, a stock and a floor of the same members do side by side."""
    members = ["USA", "JPN"]
    stock = {"buy_below": "120 %", "release_above": "150 %"}
    pact = event("supply_pact", members=members, goods=["magnet"], preference="40 %", tariff_outside="3 %",
                 stock="10 t", stock_rate="10 t/year", floor="110 %", **stock, **FROM)  # fmt: skip
    parts = (
        event("bloc", members=members, goods=["magnet"], preference="40 %", tariff_outside="3 %", **FROM),
        event("stockpile", by=members, goods=["magnet"], size="10 t", rate="10 t/year", **stock, **FROM),
        event("price_floor", countries=members, goods=["magnet"], price="110 %", **FROM),
    )
    one, many = run(world, pact, years=2), run(world, *parts, years=2)
    for name in ("price_gate", "production", "purchases", "stockpile_stock", "floor_paid"):
        np.testing.assert_array_equal(one[name].values, many[name].values, err_msg=name)
    assert (one.stockpile_stock.values[:, -1] > 0).all()
    assert (one.floor_paid.values.sum((1, 2)) > 0).all()
    assert one.floor.values.tolist() == ["supply_pact"]
    assert one.pile_event.values.tolist() == ["supply_pact"]


def test_the_ledger_of_a_pact_has_its_trade_and_what_its_stock_moves(world: World) -> None:
    pact = {"members": ["USA", "JPN"], "goods": ["magnet"], **FROM}
    tilt = event("supply_pact", preference="40 %", **pact)
    stock = event("supply_pact", stock="10 t", stock_rate="10 t/year", buy_below="500 %", **pact)
    both = event("supply_pact", preference="40 %", stock="10 t", stock_rate="10 t/year",
                 buy_below="500 %", **pact)  # fmt: skip
    flow = {}
    for name, one in {"tilt": tilt, "stock": stock, "both": both}.items():
        data = run(world, one, years=2)
        flow[name] = data.event_flow.values[..., 0]
        moved = data.get("stockpile_bought")
        if name == "stock":
            assert moved is not None
            np.testing.assert_allclose(flow[name], moved.values.sum(2), rtol=1e-9)
    assert (flow["both"][:, FIRST:].sum(1) > flow["stock"][:, FIRST:].sum(1)).all()
    assert (flow["both"][:, FIRST:].sum(1) > flow["tilt"][:, FIRST:].sum(1)).all()
