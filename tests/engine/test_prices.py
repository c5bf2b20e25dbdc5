"""Prices that are reported: indices by hand and link by link, NaN without trade, quotes in every step."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from sim.engine import Simulation
from sim.engine.price_index import BaseYear, Deliveries
from sim.world.world import World
from tests.engine.test_rules import event, rule, simulation
from tests.engine_events import PlainScenario, Restriction

START = dt.date(2024, 3, 1)
OXIDE, CLAY, MAGNET = "dysprosium_oxide", "clay", "magnet"
MARKETS = ("gate", "inside", "outside")


def two_links(value: list[float], at_base: list[float], base: list[float], tonnes: float = 100.0) -> float:
    """The price of a market with two suppliers, whose base-year deliveries of 100 t cost ``base``."""
    usual = BaseYear(np.array([base]), np.array([[100.0 if sum(base) else 0.0]]), np.array([[sum(base)]]))
    now = Deliveries(np.array([value]), np.array([at_base]), np.array([[tonnes]]))
    found = usual.price(now, lambda rows: rows.sum(1, keepdims=True), np.array([[1e-3]]))
    return float(found[0, 0])


@pytest.mark.parametrize(
    ("value", "at_base", "expected"),
    [
        ([66, 44], [66, 44], 1.1),
        # Buyers turn to the other supplier, whose goods are dearer on arrival; nobody changes a price.
        ([6, 104], [6, 104], 1.1),
        # The first doubles its price and sells half: shares 0.6 and 0.6 of value, then 0.4 and 0.4.
        ([66, 44], [33, 44], 1.1 * 2**0.6),
        # Both double: the index doubles, whatever the mix.
        ([20, 180], [10, 90], 2.2),
        # Shares of 0.6 in the base year and 0.2 now.
        ([20, 80], [10, 80], 1.1 * 2**0.4),
        # The first has left: the other alone counts.
        ([0, 120], [0, 80], 1.1 * 1.5),
        # It delivers a trickle at a hundred times its price: its share of now, 2 in 82, counts for half.
        ([2, 80], [0.02, 80], 1.1 * 100 ** (0.5 * 2 / 82)),
    ],
)
def test_an_index_of_two_suppliers(value: list[float], at_base: list[float], expected: float) -> None:
    assert two_links(value, at_base, [66, 44]) == pytest.approx(expected, rel=1e-12)


def test_an_index_without_trade_and_without_a_base_year() -> None:
    assert np.isnan(two_links([0, 0], [0, 0], [66, 44], tonnes=0.0))
    # What nobody bought in the base year costs what its deliveries do: 120 for 100 t, at base prices 104.
    assert two_links([90, 30], [52, 52], [0, 0]) == pytest.approx(
        1.04 * (90 / 52) ** 0.75 * (30 / 52) ** 0.25, rel=1e-12
    )


@pytest.fixture(scope="module")
def squeezed(small_world: World) -> Simulation:
    """Two members in a month with a quota on magnets, an export tax on oxide and a new duty on magnets."""
    quota = event("quota", "export_quota", by="CHN", goods=[MAGNET], amount="60 t/year", to=["USA"])
    tax = event("tax", "export_tax", by="CHN", goods=[OXIDE], rate="20 %")
    duty = event("duty", "import_tariff", by="USA", on="JPN", goods=[MAGNET], rate="30 %")
    made = simulation(small_world, quota, tax, duty, members=2)
    for _ in range(6):
        made.step()
    return made


def links(made: Simulation, good: int) -> Iterator[tuple[int, int, float, float, float, float, float, float]]:
    """Of member 1: seller, buyer, tonnes, gate price, 1 + rent, CIF and delivered over FOB, usual tonnes."""
    world, last = made.world, made.last
    flow, usual = last.clearing.flow(good), made.case.prepared.benchmark.flow[good]
    sellers, buyers = world.offer_slice(good), world.need_slice(good)
    rent = np.ones(flow.shape[1:])
    for (capped, from_, to), log_rent in zip(
        ((key[0], *(np.frombuffer(part, bool) for part in key[1:])) for key in last.clearing.market.cap_keys),
        last.clearing.log_rent[1], strict=True,
    ):  # fmt: skip
        if capped == good:
            rent[np.ix_(from_, to)] *= np.exp(log_rent)
    for s in range(flow.shape[1]):
        for b in range(flow.shape[2]):
            yield (
                s, b, flow[1, s, b], last.clearing.price[1, sellers][s], rent[s, b],
                last.market.cif[good][s, b], last.market.delivered[good][s, b],
                usual[s, b] * made.case.prepared.step_years,
            )  # fmt: skip
    assert buyers.stop - buyers.start == flow.shape[2]


def by_hand(made: Simulation, good: int, buys: np.ndarray, duty: bool) -> float:
    """The index over suppliers to some of the buyers, (B,) bool, one link after the other."""
    world = made.world
    origin, destination = world.link_countries(good)
    spent, at_base, base, tonnes = (dict[int, float]() for _ in range(4))
    for s, b, flow, price, rent, cif, delivered, usual in links(made, good):
        if not buys[b]:
            continue
        usual_wedge = 1 + world.freight_share[good][s, b]
        if duty:
            taxed = 1 if world.country_duty_on_fob[destination[b]] else usual_wedge
            usual_wedge += world.base_tariff[good, origin[s], destination[b]] * taxed
        spent[s] = spent.get(s, 0.0) + flow * price * rent * (delivered if duty else cif)
        at_base[s] = at_base.get(s, 0.0) + flow * usual_wedge
        base[s] = base.get(s, 0.0) + usual * usual_wedge
        tonnes[s] = tonnes.get(s, 0.0) + usual
    counted = {s: base[s] if at_base[s] > 1e-3 * base[s] else 0.0 for s in base}
    logs = {s: np.log(spent[s] / at_base[s]) for s in base if at_base[s] > 0}
    moved = sum(
        (spent[s] / sum(spent.values()) + counted[s] / sum(counted.values())) / 2 * log
        for s, log in logs.items()
    )
    level = sum(base.values()) / sum(tonnes.values()) * world.goods[good].base_price
    return float(level * np.exp(moved))


@pytest.mark.parametrize("good", [OXIDE, MAGNET])
def test_prices_are_those_of_the_links(squeezed: Simulation, good: str) -> None:
    world = squeezed.world
    g = [item.id for item in world.goods].index(good)
    destination = world.link_countries(g)[1]
    outside = by_hand(squeezed, g, destination != squeezed.case.observer.controller[g], duty=False)
    assert squeezed.last.prices.outside[1, g] == pytest.approx(outside, rel=1e-9)
    data = squeezed.recorder.dataset().isel(member=1, time=5).sel(good=good)
    for country in np.unique(destination).tolist():
        expected = by_hand(squeezed, g, destination == country, duty=True)
        found = float(data.price_delivered.sel(importer=world.countries[country]))
        assert found == pytest.approx(expected, rel=1e-6)
    assert squeezed.last.clearing.log_rent.max() > 0.01


@pytest.fixture(scope="module")
def taxed(small_world: World) -> Simulation:
    """A duty of 25 % on magnets from Japan in the United States, on FOB, and from China in Japan, on CIF."""
    usa = event("usa", "import_tariff", by="USA", on="JPN", goods=[MAGNET], rate="25 %")
    japan = event("japan", "import_tariff", by="JPN", on="CHN", goods=[MAGNET], rate="25 %")
    quota = event("quota", "export_quota", by="CHN", goods=[MAGNET], amount="60 t/year", to=["USA"])
    made = simulation(small_world, usa, japan, quota, members=2)
    for _ in range(4):
        made.step()
    return made


def test_a_duty_is_levied_on_fob_or_on_cif(taxed: Simulation) -> None:
    """What importers pay at the border, and what they take in: 0.25 of the FOB price, or of CIF."""
    world = taxed.world
    g = [item.id for item in world.goods].index(MAGNET)
    origin, destination = (np.array(world.countries)[side] for side in world.link_countries(g))
    rate = {("JPN", "USA"): 0.25, ("CHN", "JPN"): 0.25, ("CHN", "USA"): 0.1}
    revenue, found = {"USA": 0.0, "JPN": 0.0, "ROW": 0.0, "CHN": 0.0}, set()
    for s, b, flow, price, rent, cif, delivered, _ in links(taxed, g):
        fob = price * rent
        freight = float(world.freight_share[g][s, b])
        on = fob if destination[b] == "USA" else fob * (1 + freight)
        duty = rate.get((origin[s], destination[b]), 0.0) * on
        assert fob * cif == pytest.approx(fob * (1 + freight), rel=1e-12)
        assert fob * delivered == pytest.approx(fob * (1 + freight) + duty, rel=1e-12)
        revenue[destination[b]] += flow * duty * world.goods[g].base_price
        if duty > 0 and freight > 0.01 and flow > 0:
            found.add((origin[s], destination[b]))
    assert found == set(rate)
    assert taxed.last.clearing.log_rent.max() > 0.01
    data = taxed.recorder.dataset().isel(member=1, time=3)
    for country, usd in revenue.items():
        assert float(data.tariff_revenue.sel(importer=country)) == pytest.approx(usd, rel=1e-6)


def test_freight_that_gets_dearer_is_taxed_on_cif_alone(small_world: World) -> None:
    """At unchanged rates the duty per tonne follows the freight where it is part of what is taxed."""
    shock = event("storm", "freight_shock", change="100 %", goods=[MAGNET])
    g = [item.id for item in small_world.goods].index(MAGNET)
    origin, destination = (np.array(small_world.countries)[side] for side in small_world.link_countries(g))
    here = np.ix_(origin == "CHN", destination == "USA")
    freight = small_world.freight_share[g][here]
    for on_fob, duty in ((True, 0.1 + 0 * freight), (False, 0.1 * (1 + 2 * freight))):
        levied = np.full(len(small_world.countries), on_fob)
        made = simulation(replace(small_world, country_duty_on_fob=levied), shock)
        made.step()
        while not made.last.shares:
            made.step()
        np.testing.assert_allclose(made.last.market.duty[g][here], duty, rtol=1e-12)
        np.testing.assert_allclose(made.last.market.cif[g][here], 1 + 2 * freight, rtol=1e-12)


def test_the_first_price_is_that_of_the_base_year(small_world: World) -> None:
    made = Simulation(small_world, PlainScenario())
    made.step()
    benchmark = made.case.prepared.benchmark
    g = [good.id for good in small_world.goods].index(MAGNET)
    far = small_world.link_countries(g)[1] != made.case.observer.controller[g]
    flow = benchmark.flow[g] * far
    mean = (flow * (1 + small_world.freight_share[g])).sum() / flow.sum() * small_world.goods[g].base_price
    assert made.last.prices.outside[0, g] == pytest.approx(mean, rel=1e-9)


def test_an_index_comes_back_when_a_ban_ends(small_world: World) -> None:
    """No step is chained to the one before, so nothing is left of months in which a supplier was away."""
    ban = Restriction("ban", "ban", (OXIDE,), START, until=dt.date(2024, 4, 30), to=("JPN",))
    made = Simulation(small_world, PlainScenario(events=(ban,), end=dt.date(2028, 12, 31)))
    data = made.run().isel(member=0).sel(good=OXIDE)
    assert float(data.price_outside.max()) > 1.05 * float(data.price_outside[0])
    premium = (data.price_outside / data.price_gate).values
    np.testing.assert_allclose(premium[-1], premium[0], rtol=2e-3)


@pytest.fixture(scope="module")
def banned(small_world: World) -> Simulation:
    """Exports of oxide stop in March; a rule watches clay, which nobody outside buys, another the oxide."""
    quota = event("slow", "export_quota", by="CHN", goods=[MAGNET], amount="1 t/year", dormant=True)
    watch = rule({"price": [CLAY], "below": "5 %"}, "activate", "slow")
    answer = event("fast", "export_quota", by="CHN", goods=[MAGNET], amount="1 t/year", dormant=True)
    fields = {"by": "CHN", "action": "activate", "events": "fast"}
    sees = event("sees", "reaction_rule", trigger={"price": [OXIDE], "above": "200 %"}, **fields)
    ban = Restriction("ban", "ban", (OXIDE,), START)
    # A trader outside would sell what it has left for two years.
    held = event("held", "export_ban", by="SGP", to="world", goods=[OXIDE], **{"from": START})
    scenario = PlainScenario(events=(quota, watch, answer, sees, ban, held), end=dt.date(2025, 12, 31))
    return Simulation(small_world, scenario, members=2, seed=3)


def test_what_is_not_traded_has_no_price_but_a_quote(banned: Simulation) -> None:
    data = banned.run()
    oxide, clay = (data.isel(member=0).sel(good=good) for good in (OXIDE, CLAY))
    assert np.isnan(data.price_outside.sel(good=CLAY)).all()
    np.testing.assert_array_equal(clay.quote_outside, clay.quote_gate)
    assert float(clay.quote_outside[0] / clay.good_base_price) == pytest.approx(1.0, rel=1e-6)
    assert np.isfinite(oxide.price_outside[:2]).all()
    silent = np.isnan(oxide.price_outside.values)
    assert silent.any()
    assert (oxide.quote_outside.values[silent] > 2 * float(oxide.good_base_price)).all()
    for market in MARKETS:
        quote, price = data[f"quote_{market}"].values, data[f"price_{market}"].values
        assert (quote > 0).all()
        assert not (price <= 0).any()
    # Usd of the ledger stay numbers: sellers ask, whether they sell or not.
    assert np.isfinite(data.event_flow_usd.values).all()


def test_rules_read_quotes_where_nothing_is_traded(banned: Simulation) -> None:
    """What nobody outside buys is not free: a rule on a low price does not act; one on a high bid does."""
    while banned.time < banned.steps:
        banned.step()
    acting = {name: now for name, _, now in banned.rules.acting()}
    assert not acting["rule"].any()
    assert acting["sees"].all()
    seen = banned.case.observer.seen(banned.last)
    assert np.isfinite(seen.price).all()
    assert (seen.price > 0).all()


def test_prices_do_not_depend_on_who_shares_the_batch(squeezed: Simulation, small_world: World) -> None:
    alone = simulation(small_world, *squeezed.case.scenario.events, members=[1])
    for _ in range(6):
        alone.step()
    for name, row in alone.last.prices.rows().items():
        np.testing.assert_array_equal(row[0], squeezed.last.prices.rows()[name][1], err_msg=name)
    together, single = (made.recorder.dataset().price_delivered for made in (squeezed, alone))
    np.testing.assert_array_equal(single.values[0, :6], together.values[1, :6])
