"""Chance: streams of members, memory, size, and which numbers move what."""

from __future__ import annotations

import weakref
import zlib
from math import exp, sqrt

import numpy as np
import pytest

from sim.agents.noise import Noise
from sim.agents.parameters import FIRST_MARKET_STREAM, NOISE_STREAM, member_generator
from sim.agents.prepared import Prepared
from sim.world.load import load_world
from sim.world.restrict import restrict
from sim.world.world import World
from tests.prepared_world import MONTH, behaving, member_of, prepared_world

MEMBERS = [0, 3, 8]
SEED = 11


@pytest.fixture(scope="module")
def prepared(small_world: World) -> Prepared:
    return prepared_world(
        small_world, 3, demand_noise=[0.02, 0.03, 0.05], output_noise=[0.01, 0.04, 0.06],
        noise_memory=[0.25, 0.1, 0.5], market_memory=[1.5, 0.8, 3.0],
    )  # fmt: skip


def test_shocks_are_those_of_the_equations(prepared: Prepared) -> None:
    """(M84), (M85), (M86) and (M118), number by number from the member's own streams."""
    world, steps = prepared.world, 5
    noise = Noise(prepared, MEMBERS, SEED, steps)
    goods, countries, facilities = len(world.goods), len(world.countries), len(world.facilities)
    for row, member in enumerate(MEMBERS):
        memory = prepared.behaviour["noise_memory"][row, 0]
        drawn = member_generator(SEED, member, NOISE_STREAM).standard_normal(
            (steps, goods + countries + facilities)
        )
        now = drawn[0] if member else np.zeros_like(drawn[0])
        lasting = prepared.behaviour["market_memory"][row, 0]
        market = {
            good.market: member_generator(
                SEED, member, FIRST_MARKET_STREAM + zlib.crc32(good.market.encode())
            ).standard_normal(steps) if member else np.zeros(steps)
            for good in world.goods
        }  # fmt: skip
        stray = dict.fromkeys(market, 0.0)
        for t in range(steps):
            for name, draw in market.items():
                stray[name] = exp(-MONTH / lasting) * stray[name]
                stray[name] += sqrt(1 - exp(-2 * MONTH / lasting)) * draw[t]
            if t and member:
                now = exp(-MONTH / memory) * now + sqrt(1 - exp(-2 * MONTH / memory)) * drawn[t]
            by_need = now[world.need_good] + now[goods + world.need_country]
            size = prepared.behaviour["demand_noise"][row, 0]
            by_good = [stray[good.market] for good in world.goods]
            by_market = (prepared.behaviour["market_noise"][row] * by_good)[world.need_good]
            np.testing.assert_allclose(noise.demand(t)[row], np.exp(size * by_need + by_market), rtol=1e-12)
            by_offer = now[goods + countries + world.offer_facility]
            size = prepared.behaviour["output_noise"][row, 0]
            np.testing.assert_allclose(noise.output(t)[row], np.exp(size * by_offer), rtol=1e-12)


def test_the_central_run_has_no_chance(prepared: Prepared) -> None:
    noise = Noise(prepared, MEMBERS, SEED, 4)
    for t in range(4):
        assert (noise.demand(t)[0] == 1).all()
        assert (noise.output(t)[0] == 1).all()
        assert (noise.demand(t)[1:] != 1).all()


def test_a_member_has_the_same_shocks_alone_and_among_others(prepared: Prepared) -> None:
    together = Noise(prepared, MEMBERS, SEED, 6)
    for row, member in enumerate(MEMBERS):
        alone = Noise(member_of(prepared, row), [member], [SEED], 6)
        for t in range(6):
            np.testing.assert_array_equal(alone.demand(t)[0], together.demand(t)[row])
            np.testing.assert_array_equal(alone.output(t)[0], together.output(t)[row])
    other = Noise(member_of(prepared, 1), [MEMBERS[1]], SEED + 1, 6)
    assert (other.demand(0) != together.demand(0)[1]).all()


def test_a_longer_run_begins_like_a_short_one(prepared: Prepared) -> None:
    short, long = (Noise(prepared, MEMBERS, SEED, steps) for steps in (3, 30))
    for t in range(3):
        np.testing.assert_array_equal(short.demand(t), long.demand(t))
        np.testing.assert_array_equal(short.output(t), long.output(t))


def test_a_world_of_some_minerals_draws_what_the_whole_one_does() -> None:
    world = load_world(2024)
    whole = Noise(prepared_world(world, 2), [0, 1], SEED, 3)
    small = restrict(world, ["gallium"])
    part = Noise(prepared_world(small, 2), [0, 1], SEED, 3)
    assert small.kept is not None
    goods = [world.goods.index(good) for good in small.goods]
    needs, offers = np.isin(world.need_good, goods), np.isin(world.offer_good, goods)
    assert 0 < needs.sum() < len(needs)
    for t in range(3):
        np.testing.assert_array_equal(part.demand(t), whole.demand(t)[:, needs])
        np.testing.assert_array_equal(part.output(t), whole.output(t)[:, offers])


@pytest.mark.parametrize("memory", [0.05, 0.5])
def test_size_and_memory_in_the_long_run(small_world: World, memory: float) -> None:
    """Log shocks have the stated deviation from the first step on, and correlate by exp(-dt / memory)."""
    members, steps = range(1, 101), 60
    plain = prepared_world(small_world, 100, demand_noise=0.03, output_noise=0.05, noise_memory=memory)
    plain = behaving(plain, market_noise=0.0)
    noise = Noise(plain, members, SEED, steps)
    output = np.log([noise.output(t) for t in range(steps)])
    demand = np.log([noise.demand(t) for t in range(steps)])
    assert output.std() == pytest.approx(0.05, rel=0.05)
    assert output[0].std() == pytest.approx(0.05, rel=0.1)
    # By good and by country, two numbers of the same size.
    assert demand.std() == pytest.approx(0.03 * sqrt(2), rel=0.05)
    correlation = np.corrcoef(output[:-1].ravel(), output[1:].ravel())[0, 1]
    assert correlation == pytest.approx(exp(-MONTH / memory), abs=0.05)


@pytest.mark.parametrize("memory", [0.5, 1.5])
def test_a_market_strays_the_farther_the_longer_it_goes_on(small_world: World, memory: float) -> None:
    """From the base year, which is known, to the stated deviation; all needs of a market alike."""
    members, steps = range(1, 201), 96
    plain = behaving(
        prepared_world(small_world, 200, demand_noise=0.0, market_memory=memory), market_noise=0.1
    )
    noise = Noise(plain, members, SEED, steps)
    goods = small_world.goods
    demand = np.log([noise.demand(t) for t in range(steps)])
    for t in (0, 5, 23, 95):
        found = sqrt((demand[t] ** 2).mean())
        assert found == pytest.approx(0.1 * sqrt(1 - exp(-2 * (t + 1) * MONTH / memory)), rel=0.1)
    later = demand[-36:]
    year = np.corrcoef(later[:-12].ravel(), later[12:].ravel())[0, 1]
    assert year == pytest.approx(exp(-1 / memory), abs=0.1)
    market = np.array([goods[g].market for g in small_world.need_good])
    for name in set(market):
        assert (np.ptp(demand[:, :, market == name], axis=2) < 1e-12).all()


def test_minerals_that_are_mined_together_stray_together() -> None:
    world = load_world(2024)
    alone = {good.market for good in world.goods if good.market == good.mineral}
    assert {"copper", "gallium", "lithium"} <= alone
    together = {good.mineral for good in world.goods if good.market == "rare_earths"}
    assert {"dysprosium", "samarium", "yttrium", "rare_earth_magnets"} <= together
    prepared = behaving(prepared_world(world), market_noise=0.2, demand_noise=0.0)
    factor = Noise(prepared, [3], SEED, 12).demand(11)[0]
    by_market = {
        name: {
            float(f) for f, g in zip(factor, world.need_good, strict=True) if world.goods[g].market == name
        }
        for name in ("rare_earths", "copper", "gallium")
    }
    assert [len(values) for values in by_market.values()] == [1, 1, 1]
    assert len(set.union(*by_market.values())) == 3


def test_one_facility_has_one_shock_and_one_good_moves_its_needs_together(prepared: Prepared) -> None:
    noise, world = Noise(prepared, MEMBERS, SEED, 2), prepared.world
    output = noise.output(1)[1]
    for facility in range(len(world.facilities)):
        assert len(set(output[world.offer_facility == facility].tolist())) <= 1
    demand = noise.demand(1)[1]
    same = {}
    for b in range(len(demand)):
        same.setdefault((world.need_good[b], world.need_country[b]), set()).add(float(demand[b]))
    assert all(len(values) == 1 for values in same.values())
    assert len({next(iter(values)) for values in same.values()}) == len(same)


def test_no_size_no_shock(prepared: Prepared) -> None:
    still = behaving(prepared, demand_noise=0.0, output_noise=0.0, market_noise=0.0)
    noise = Noise(still, MEMBERS, SEED, 3)
    assert (noise.demand(2) == 1).all()
    assert (noise.output(2) == 1).all()


def test_runs_that_are_alike_share_their_shocks(prepared: Prepared) -> None:
    """As long as one of them is there; whatever they follow from tells others apart."""
    one, alike = (Noise(prepared, MEMBERS, SEED, 6) for _ in range(2))
    assert one._draws is alike._draws
    with pytest.raises(ValueError, match="read-only"):
        one._draws[:] = 0
    longer, other = Noise(prepared, MEMBERS, SEED, 7), Noise(prepared, MEMBERS, SEED + 1, 6)
    np.testing.assert_array_equal(longer.demand(5), one.demand(5))
    assert (other.demand(5)[1:] != one.demand(5)[1:]).all()
    kept = weakref.ref(one._draws)
    del one, alike
    assert kept() is None
