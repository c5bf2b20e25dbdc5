"""Goods in use and scrap in runs: tonnes balance, nothing moves of itself, prices and policy act."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.agents.scrap import Recycling
from sim.arrays import FloatArray
from sim.engine import Simulation
from sim.engine.policy import active_controls
from sim.instruments import instrument_class
from sim.world.world import World
from tests.checks_of_runs import check_record, step_balanced
from tests.engine.test_origins import everything
from tests.engine_events import Restriction
from tests.scrap_world import RECYCLER, TODAY, goods_in_use, policy, scrap_world, simulation
from tests.steps import differing

STOOD_STILL: Any = {"past_growth_scale": 0.0}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return scrap_world(tmp_path_factory.mktemp("scrap"))


def rules(run: Simulation) -> Recycling:
    found = run.case.prepared.recycling
    assert found is not None
    return found


def recycler(world: World) -> int:
    """Place of the recycler of the base year among recyclers."""
    assert world.scrap is not None
    names = [world.facilities[at] for at in world.offer_facility[world.scrap.offers]]
    return names.index(RECYCLER)


def cut() -> Restriction:
    """Separators make less of dysprosium."""
    return Restriction("cut", "output cut", ("dysprosium_oxide",), dt.date(2024, 7, 1), open_share=0.5)


def test_a_world_that_has_always_stood_still_goes_on_standing_still(world: World) -> None:
    run = simulation(world, members=1, **STOOD_STILL)
    first = goods_in_use(run).in_use.copy()
    while run.time < run.steps:
        result = run.step()
        assert result.clearing.price == pytest.approx(1, abs=1e-6)
    assert goods_in_use(run).in_use == pytest.approx(first, rel=1e-9)
    assert world.scrap is not None
    made = result.output[:, world.scrap.offers]
    assert made[0, recycler(world)] * 12 == pytest.approx(TODAY)
    # Who is new recovers nothing beside what goes round today.
    assert made[:, world.scrap.new] == pytest.approx(0)


def test_scrap_drifts_only_as_far_as_use_leaves_the_path_that_it_was_on(world: World) -> None:
    """Where use goes on growing as it has, what arises grows with it from the first step; where it stops,
    what arises goes on growing towards what is used, and never beyond."""
    kept = rules(simulation(world, members=1))
    assert world.scrap is not None
    use = world.need_use[world.scrap.needs] / 12
    yearly = 1 + np.expm1(world.scrap.past_growth / 12)
    assert (yearly > 1).all()
    growing, standing = kept.first(), kept.first()
    whole = world.need_use[world.scrap.needs][None] / 12
    before = kept.begin().arising
    for step in range(120):
        growing, gone = kept.age(growing, (use * yearly**step)[None])
        standing, left = kept.age(standing, whole)
        if step == 0:
            first = gone
        np.testing.assert_allclose(gone, first * yearly**step, rtol=1e-9)
        assert (left <= whole).all()
    np.testing.assert_allclose(kept.arising(first), before * yearly[0], rtol=1e-9)
    assert (kept.arising(left) > 1.1 * before).all()
    for _ in range(1200):
        standing, left = kept.age(standing, whole)
    np.testing.assert_allclose(left, whole, rtol=1e-3)


def test_what_was_used_is_in_use_or_retired_and_no_more_comes_out_than_arises(world: World) -> None:
    run = simulation(world, cut(), policy(collection="70 %"), members=3, years=6)
    held, kept = goods_in_use(run), rules(run)
    assert world.scrap is not None
    start = held.in_use.sum(1)
    used, retired = np.zeros_like(start), np.zeros_like(start)
    due = run.state.scrap_arising / 12
    while run.time < run.steps:
        result = run.step()
        used = used + result.consumed[:, world.scrap.needs]
        retired = retired + held.retired
        made = result.output[:, world.scrap.offers]
        assert (made <= due * kept.most * (1 + 1e-12)).all()
        assert held.arose == pytest.approx(due, rel=1e-12)
        due = run.state.scrap_arising / 12
    assert held.in_use.sum(1) + retired == pytest.approx(start + used, rel=1e-9)
    assert made[:, recycler(world)].min() > 0


def test_scrap_of_growing_use_goes_on_growing_without_a_jump(world: World) -> None:
    run = simulation(world, members=1, years=10)
    arising = []
    while run.time < run.steps:
        arising.append(run.state.scrap_arising[0].copy())
        run.step()
    growth = np.diff(np.log(arising), axis=0) * 12
    # Use grew by 5 % a year; it stands still now, and scrap follows for years.
    assert growth[0] == pytest.approx(0.05, abs=0.003)
    assert (growth[:60] > 0).all()
    assert (growth[-1] < growth[0]).all()


def test_months_and_weeks_retire_alike(world: World) -> None:
    totals = []
    for step in ("month", "week"):
        run = simulation(world, members=1, years=2, step=step)
        total = np.zeros_like(goods_in_use(run).retired)
        while run.time < run.steps:
            run.step()
            total = total + goods_in_use(run).retired / (run.steps / 2) * (12 if step == "month" else 52)
        totals.append(total / 2)
    assert totals[0] == pytest.approx(totals[1], rel=0.02)


def test_dearer_scrap_is_collected_more_from_the_next_step_on(world: World) -> None:
    run = simulation(world, cut(), members=3, years=4, **STOOD_STILL)
    at = recycler(world)
    shares, prices = [run.state.scrap_collected.copy()], []
    while run.time < run.steps:
        run.step()
        shares.append(run.state.scrap_collected.copy())
        prices.append(run.state.gate_price[:, rules(run).scrap.offers].copy())
    rises = np.array(prices).max(0) > 1.3
    assert rises[:, at].all()
    assert (shares[-1][:, at] > 1.1 * shares[0][:, at]).all()
    dear = np.array([run.world.goods[g].id == "dysprosium_oxide"
                     for g in run.world.offer_good[rules(run).scrap.offers]])  # fmt: skip
    # New recyclers begin, and never collect more than can be.
    assert (shares[-1][:, dear] > shares[0][:, dear]).all()
    assert (shares[-1] <= rules(run).most).all()


def made_by(run: Simulation, good: str = "") -> FloatArray:
    """(M,) t recovered in the last year of a run that is run to its end, of a good or in all."""
    made, offers = [], rules(run).scrap.offers
    names = np.array([run.world.goods[g].id for g in run.world.offer_good[offers]])
    offers = offers[names == good] if good else offers
    while run.time < run.steps:
        made.append(run.step().output[:, offers].sum(1))
    total: FloatArray = np.sum(made[-12:], axis=0)
    return total


@pytest.mark.parametrize(
    "fields",
    [{"collection": "60 %"}, {"recycled_content": "30 %"}, {"subsidy": "400000 USD/t"}],
)
def test_each_policy_brings_more_scrap_back(world: World, fields: dict[str, str]) -> None:
    alone = made_by(simulation(world, members=3, years=5))
    with_it = made_by(simulation(world, policy(**fields), members=3, years=5))
    assert (with_it > 1.2 * alone).all()


def test_a_target_is_reached_and_not_passed(world: World) -> None:
    run = simulation(world, policy(collection="60 %"), members=1, years=16, **STOOD_STILL)
    made_by(run)
    reached = run.state.scrap_collected + rules(run).uncounted
    assert reached == pytest.approx(0.6, abs=0.01)
    # Nothing is collected beyond what can be.
    run = simulation(world, policy(collection="100 %"), members=1, years=16)
    made_by(run)
    assert run.state.scrap_collected + rules(run).uncounted == pytest.approx(0.8, abs=0.01)


def test_a_duty_holds_at_any_price(world: World) -> None:
    """Where nobody needs dysprosium any more, who has no duty stops; who has one pays for it."""
    gone = instrument_class("substitution_push").model_validate(
        {"id": "gone", "type": "substitution_push", "from": dt.date(2024, 2, 1), "share": "80 %",
         "goods": ["dysprosium_oxide"], "ramp": "1 months"}
    )  # fmt: skip
    made = {}
    for name, events in {"free": (gone,), "duty": (gone, policy(collection="60 %"))}.items():
        run = simulation(world, *events, members=2, years=5)
        made[name] = made_by(run, "dysprosium_oxide")
        prices = run.state.gate_price[:, rules(run).scrap.offers[recycler(world)]]
        assert (prices < 0.8).all()
    assert (made["duty"] > 3 * made["free"]).all()


def test_recycled_content_is_a_share_of_what_is_used(world: World) -> None:
    run = simulation(world, policy(recycled_content="20 %"), members=1, years=16, **STOOD_STILL)
    made_by(run)
    state, kept = run.state, rules(run)
    share = state.scrap_arising * (state.scrap_collected + kept.uncounted) / state.scrap_embodied
    made = state.scrap_arising * state.scrap_collected / state.scrap_embodied
    # Unless today's price brings more already.
    assert (made > 0.195).all()
    assert made[0, recycler(world)] == pytest.approx(max(0.2, share[0, recycler(world)]), abs=0.02)


def test_subsidies_are_paid_for_what_comes_out_and_end_with_their_fund(world: World) -> None:
    per_tonne, fund = 300_000.0, 2e6
    free = simulation(world, policy(subsidy=f"{per_tonne:g} USD/t"), members=2, years=3).run()
    makers = [*map(str, free["recycler"].values)]
    assert RECYCLER in makers
    made = free.production.values[:, :, goods_offers(world)].sum(2)
    paid = free.recycling_paid.values[:, :, 0]
    in_force = np.arange(paid.shape[1]) >= 6
    assert paid[:, ~in_force] == pytest.approx(0)
    assert paid[:, in_force] == pytest.approx(made[:, in_force] * per_tonne, rel=1e-5)
    bound = simulation(
        world, policy(subsidy=f"{per_tonne:g} USD/t", fund=f"{fund:g} USD"), members=2, years=3
    ).run()
    assert bound.recycling_paid.values.sum((1, 2)) == pytest.approx(fund, rel=1e-9)
    assert (bound.production.values[:, -1, goods_offers(world)].sum(1) < made[:, -1]).all()


def test_nobody_counts_on_a_subsidy_that_is_spent_while_its_duty_goes_on(world: World) -> None:
    paid = {"choice": ["1 USD/t", "400000 USD/t"]}
    asked = policy(collection="30 %", subsidy=paid, fund="1 million USD")
    run = simulation(world, asked, members=6, years=3)
    while run.time < run.steps:
        run.step()
    (books,) = (one for one in run.actors.processes if one.name == "recycling_policy")
    spent = books.out_of_money()["policy"]
    assert spent.any()
    assert not spent.all()
    # Who looks ahead takes what is in force, as the rules have it.
    controls, _ = active_controls(world, run.rules.eased(), run.case.dates[-2:])
    offers = goods_offers(world)
    pays = controls.recovery_subsidy[:, offers] > 0
    assert pays.shape == (6, len(offers))
    assert not pays[spent].any()
    assert pays[~spent].all()
    assert controls.collection_target[..., offers] == pytest.approx(0.3)


def goods_offers(world: World) -> list[int]:
    assert world.scrap is not None
    return [int(at) for at in world.scrap.offers]


def test_the_market_of_tomorrow_knows_a_policy_that_is_announced(world: World) -> None:
    told = {"announced": dt.date(2024, 1, 1), "from": dt.date(2025, 1, 1)}
    run = simulation(world, policy(subsidy="2000000 USD/t", **told), members=1, **STOOD_STILL)
    run.step()
    good = [g.id for g in world.goods].index("dysprosium_oxide")
    stands = (world.offer_good == good) & (world.offer_output > 0)
    assert (run.state.offer_expected_price[0, stands] < 0.995).all()
    # Before it begins, nobody collects more.
    first = simulation(world, members=1, **STOOD_STILL).state.scrap_collected
    assert run.state.scrap_collected[0, recycler(world)] <= first[0, recycler(world)]


def test_a_member_does_not_depend_on_the_others(world: World) -> None:
    drawn = {"uniform": ["40 %", "60 %"]}
    events = cut(), policy(
        collection={dt.date(2024, 7, 1): drawn, dt.date(2025, 7, 1): "70 %"},
        recycled_content={dt.date(2024, 7, 1): {"uniform": ["5 %", "20 %"]}},
        subsidy={dt.date(2024, 7, 1): {"uniform": ["50000 USD/t", "200000 USD/t"]}}, fund="3 million USD",
    )  # fmt: skip
    together = simulation(world, *events, members=[0, 4, 2], years=2).run()
    alone = simulation(world, *events, members=[4], years=2).run()
    names = "production", "goods_in_use", "scrap_collected", "scrap_arising", "recycling_paid", "price_gate"
    for name in names:
        assert np.array_equal(together[name].values[1], alone[name].values[0], equal_nan=True), name


def test_a_copy_goes_on_as_the_original(world: World, tmp_path: Path) -> None:
    events = cut(), policy(collection="50 %", subsidy="100000 USD/t", fund="3 million USD")
    run = simulation(world, *events, members=3, years=2)
    for _ in range(13):
        run.step()
    run.checkpoint().write(tmp_path / "at")
    from_file = Simulation.resume(tmp_path / "at", run.case.scenario, world)
    others = [Simulation.resume(run.checkpoint()), from_file]
    for _ in range(6):
        mine = run.step()
        for other in others:
            theirs = other.step()
            assert np.array_equal(mine.output, theirs.output)
            assert np.array_equal(mine.clearing.price, theirs.clearing.price)
    for other in others:
        assert differing(run.checkpoint().arrays, other.checkpoint().arrays) == []


@pytest.mark.parametrize("content", [False, True])
def test_what_comes_out_balances_and_is_of_the_country_of_its_recycler(world: World, content: bool) -> None:
    asked = policy(collection="60 %", **{"from": dt.date(2024, 2, 1)})
    named = everything(by=["CHN", "JPN", "ROW"], content=content)
    run = simulation(world, named, asked, members=2, years=2)
    while run.time < run.steps:
        step_balanced(run)
    (family,) = run.actors.families
    assert world.scrap is not None
    # Recyclers in the countries that are named: what they hold is of their country alone.
    places = [world.countries[country] for country in family.countries]
    offers = family.offers.tolist()
    for offer in world.scrap.offers.tolist():
        country = world.countries[world.offer_country[offer]]
        if country in places:
            held, stock = family.seller[:, offers.index(offer)], run.state.seller_stock[:, offer]
            np.testing.assert_allclose(held[:, places.index(country)], stock, rtol=1e-9)
            np.testing.assert_allclose(held.sum(1), stock, rtol=1e-9)
    check_record(run)
