"""Rounds of the market of tomorrow, on maps of which the fixed point is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from sim.agents.prepared import Prepared
from sim.agents.rounds import Chains, Mixing, Priced
from sim.arrays import BoolArray, FloatArray
from tests.prepared_world import Situation

GOODS, OFFER_GOOD, NEED_GOOD = 6, [0, 1, 2, 2, 3, 4, 5], [0, 0, 1, 2, 3, 4, 4]
OFFER_PLANT, NEED_PLANT = [-1, 0, -1, -1, -1, 1, -1], [0, 0, -1, -1, 1, 2, 2]
"""Plant 0 makes good 1 of good 0, plant 1 good 4 of good 3; plant 2 sells nothing. Nobody needs good 5."""
CHAIN = [0, 0, 1, 2, 2, 3]
NEAR = 1e-6

Round = Callable[[Priced], Priced]


def chains_of(offer_plant: list[int], need_plant: list[int]) -> Chains:
    offers, needs = np.array(offer_plant), np.array(need_plant)
    world = SimpleNamespace(
        goods=["a good"] * GOODS, offer_good=np.array(OFFER_GOOD), need_good=np.array(NEED_GOOD)
    )
    activities = SimpleNamespace(offer_plant=offers, need_plant=needs)
    benchmark = SimpleNamespace(activities=activities)
    return Chains(cast(Any, SimpleNamespace(world=world, benchmark=benchmark, made=offers >= 0)))


@pytest.fixture(scope="module")
def chains() -> Chains:
    return chains_of(OFFER_PLANT, NEED_PLANT)


def drawn(seed: int, members: int = 1) -> Priced:
    """Any prices, and shares on both sides of one half."""
    rng = np.random.default_rng(seed)
    offers, needs = (members, len(OFFER_GOOD)), (members, len(NEED_GOOD))
    nothing = np.zeros(offers)
    return Priced(
        rng.normal(0, 1, offers), rng.normal(0, 1, needs), nothing, np.zeros(needs),
        rng.uniform(0.1, 1.2, offers), nothing,
    )  # fmt: skip


def linear(chains: Chains, end: Priced, slope: FloatArray | float) -> Round:
    """Rounds that find ``end + slope (now - end)``, in what rounds are about; ``slope`` by column."""

    def found(now: Priced) -> Priced:
        at, to = chains.joined(now), chains.joined(end)
        return chains.parted(to + slope * (at - to), now, everything(chains, len(at)))

    return found


def apart(chains: Chains, one: Priced, other: Priced) -> float:
    return float(np.abs(chains.joined(one) - chains.joined(other)).max())


def everything(chains: Chains, members: int = 1) -> BoolArray:
    return np.ones((members, chains.count), dtype=bool)


def mixed(chains: Chains, found: Round, start: Priced, most: int = 400) -> tuple[Priced, int]:
    """Where rounds arrive, and how many they are."""
    now, mixing = start, Mixing(chains, everything(chains, len(start.offer)), NEAR)
    for number in range(most):
        now = mixing.step(now, found(now))
        if not mixing.going.any():
            return now, number + 1
    return now, most


def repeated(chains: Chains, found: Round, start: Priced, most: int = 400) -> int:
    """How many rounds it takes to go all the way in each."""
    now = start
    for number in range(most):
        following = found(now)
        if apart(chains, now, following) <= NEAR:
            return number + 1
        now = following
    return most


def same_bits(one: Priced, other: Priced) -> bool:
    pairs = zip(one.arrays().values(), other.arrays().values(), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


# -- chains --------------------------------------------------------------------------------------


def test_chains_are_what_plants_link(chains: Chains) -> None:
    assert chains.of_good.tolist() == CHAIN
    assert chains.count == 4


def test_a_plant_between_two_chains_makes_them_one() -> None:
    one = chains_of(OFFER_PLANT, [0, 0, 1, -1, 1, 2, 2])
    assert one.of_good.tolist() == [0, 0, 1, 0, 0, 2]


@pytest.mark.parametrize("world", ["varied", "entering"])
def test_chains_of_a_world_are_those_of_its_plants(world: str, request: pytest.FixtureRequest) -> None:
    """Two goods are in a chain where one is reached from the other over facilities that buy and sell."""
    prepared: Prepared = cast(Situation, request.getfixturevalue(world)).prepared
    data = prepared.world
    linked = np.eye(len(data.goods), dtype=bool)
    for facility in set(data.offer_facility.tolist()) & set(data.need_facility.tolist()):
        sold = data.offer_good[data.offer_facility == facility]
        bought = data.need_good[data.need_facility == facility]
        goods = np.concatenate([sold, bought])
        linked[np.ix_(goods, goods)] = True
    for _ in data.goods:
        linked = linked @ linked
    of_good = Chains(prepared).of_good
    np.testing.assert_array_equal(of_good[:, None] == of_good, linked)


def test_sums_and_maxima_are_those_of_each_chain(chains: Chains) -> None:
    values = chains.joined(drawn(1, members=2))
    chain = np.array(CHAIN)
    column = np.concatenate([chain[OFFER_GOOD], chain[NEED_GOOD], chain[OFFER_GOOD]])
    for number in range(chains.count):
        here = values[:, column == number]
        np.testing.assert_allclose(chains.sums(values)[:, number], here.sum(1))
        np.testing.assert_array_equal(chains.largest(np.abs(values))[:, number], np.abs(here).max(1))


def test_prices_come_apart_as_they_were_joined(chains: Chains) -> None:
    start, going = drawn(2, members=2), everything(chains, 2)
    again = chains.parted(chains.joined(start), start, going)
    for one, other in zip(again.arrays().values(), start.arrays().values(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-14)
    none = chains.parted(chains.joined(start) - 50, start, going)
    assert (none.reach == 0).all()
    much = chains.parted(chains.joined(start) + 1, start, going)
    assert (much.reach > 1).any()


# -- rounds --------------------------------------------------------------------------------------


@pytest.mark.parametrize("slope", [0.5, 0.9, -0.9])
def test_a_contraction_ends_in_far_fewer_rounds_than_repetition(chains: Chains, slope: float) -> None:
    end, start = drawn(3), drawn(4)
    found = linear(chains, end, slope)
    there, rounds = mixed(chains, found, start)
    assert apart(chains, there, end) < 2 * NEAR / abs(1 - slope)
    assert rounds <= 9
    assert 2 * rounds < repeated(chains, found, start)


@pytest.mark.parametrize("slope", [-3.0, -10.0])
def test_rounds_find_a_point_around_which_repetition_swings_ever_wider(chains: Chains, slope: float) -> None:
    """As where a dear product lets a plant run, whose output makes it cheap."""
    end = drawn(3)
    start = replace(end, offer=end.offer + 0.1, need=end.need - 0.2)
    found = linear(chains, end, slope)
    there, rounds = mixed(chains, found, start)
    assert apart(chains, there, end) < NEAR
    assert rounds <= 10
    assert apart(chains, found(found(found(start))), end) > 20 * apart(chains, start, end)


def test_slopes_of_many_kinds_in_one_chain(chains: Chains) -> None:
    """As many as rounds remember: each column of a chain has one of five."""
    end, start = drawn(5), drawn(6)
    columns = chains.joined(end).shape[1]
    slope = np.array([0.8, 0.4, -0.5, -1.5, -3.0])[np.arange(columns) % 5]
    there, rounds = mixed(chains, linear(chains, end, slope), start)
    assert apart(chains, there, end) < 10 * NEAR
    assert rounds < 60


def test_where_no_end_is_in_sight_rounds_go_all_the_way(chains: Chains) -> None:
    """As where a price climbs by what it costs to pass it on, until somebody gives up."""
    start = drawn(7)
    top = start.offer.max() + 3.0

    def climbs(now: Priced) -> Priced:
        return replace(now, offer=np.minimum(now.offer + 0.2, top))

    there, rounds = mixed(chains, climbs, start)
    np.testing.assert_allclose(there.offer, top, atol=1e-5)
    assert rounds <= repeated(chains, climbs, start) + 6


def test_a_way_that_shortens_slowly_is_gone_as_by_repetition(chains: Chains) -> None:
    """Such rounds look alike, and no straight line is drawn from them: no fewer rounds, but no more."""
    found, start = linear(chains, drawn(3), 0.97), drawn(4)
    there, rounds = mixed(chains, found, start)
    assert apart(chains, there, drawn(3)) < 1.5 * NEAR / 0.03
    assert rounds <= repeated(chains, found, start) + 1


def test_the_last_round_guesses_nothing(chains: Chains) -> None:
    """It ends between where it began and what it found, as none follows to see whether a guess was good."""
    end, now = drawn(3), drawn(4)
    found, mixing = linear(chains, end, -0.9), Mixing(chains, everything(chains), NEAR)
    now = mixing.step(now, found(now))
    guessed = Mixing(chains, everything(chains), NEAR)
    guessed.step(drawn(4), found(drawn(4)))
    change = chains.joined(found(now)) - chains.joined(now)
    last = mixing.step(now, found(now), last=True)
    np.testing.assert_allclose(chains.joined(last), chains.joined(now) + change, atol=1e-12)
    assert apart(chains, guessed.step(now, found(now)), last) > 0.01


# -- who influences whom -------------------------------------------------------------------------


def test_a_chain_goes_its_way_whatever_others_do(chains: Chains) -> None:
    end, start = drawn(3), drawn(4)
    chain = np.array(CHAIN)
    columns = np.concatenate([chain[OFFER_GOOD], chain[NEED_GOOD], chain[OFFER_GOOD]])
    own = [np.where(columns == 0, -2.0, other) for other in (0.5, -3.0)]
    ways = []
    for slope in own:
        found, mixing, now = linear(chains, end, slope), Mixing(chains, everything(chains), NEAR), start
        way = []
        for _ in range(6):
            now = mixing.step(now, found(now))
            way.append(chains.joined(now)[0])
        ways.append(np.array(way))
    one, other = ways
    np.testing.assert_array_equal(one[:, columns == 0], other[:, columns == 0])
    assert (one[:, columns != 0] != other[:, columns != 0]).any()


def test_the_bits_of_a_member_do_not_depend_on_the_others(chains: Chains) -> None:
    """Nor on how many rounds the others take."""
    end, start = drawn(3, members=40), drawn(4, members=40)
    slope = np.linspace(-3.0, 0.9, 40)[:, None]
    together, _ = mixed(chains, linear(chains, end, slope), start)
    rounds = []
    for member in range(40):
        one = [Priced(**{k: v[[member]] for k, v in of.arrays().items()}) for of in (end, start)]
        alone, taken = mixed(chains, linear(chains, one[0], slope[[member]]), one[1])
        rounds.append(taken)
        mine = Priced(**{k: v[[member]] for k, v in together.arrays().items()})
        assert same_bits(alone, mine), member
    assert len(set(rounds)) > 1


def test_chains_at_rest_keep_their_bits(chains: Chains) -> None:
    end, start = drawn(3, members=200), drawn(4, members=200)
    going = everything(chains, 200)
    going[:, 0] = False
    mixing, now = Mixing(chains, going, NEAR), start
    found = linear(chains, end, 0.5)
    left = mixing.left()
    assert left.chains.tolist() == [1, 2, 3]
    assert left.goods.tolist() == [good for good, chain in enumerate(CHAIN) if chain]
    for _ in range(3):
        now = mixing.step(now, found(now))
    offers, needs = np.array(CHAIN)[OFFER_GOOD] == 0, np.array(CHAIN)[NEED_GOOD] == 0
    for name, mine in (("offer", offers), ("reach", offers), ("need", needs)):
        before, after = getattr(start, name), getattr(now, name)
        np.testing.assert_array_equal(after[:, mine], before[:, mine], err_msg=name)
        assert (after[:, ~mine] != before[:, ~mine]).any()


def test_rounds_go_on_with_those_left_as_if_all_had_stayed(chains: Chains) -> None:
    """Members and chains that have arrived are left out on the way, whenever that is: bits stay."""
    end, start = drawn(3, members=40), drawn(4, members=40)
    slope = np.linspace(-3.0, 0.9, 40)[:, None] * np.linspace(0.2, 1.0, chains.count)
    slope = chains.spread(slope)
    together, rounds = mixed(chains, linear(chains, end, slope), start)
    mixing, found, sizes = Mixing(chains, everything(chains, 40), NEAR), start.copied(), []
    part = chains.part(mixing.going)
    some, some_chains, some_end, some_slope = start, chains, end, slope
    taken = 0
    while mixing.going.any():
        taken += 1
        some = mixing.step(some, linear(some_chains, some_end, some_slope)(some))
        found.put(some, part)
        left = mixing.left()
        if len(left.rows) and left.size < 0.8 * part.size:
            part, some, some_end = left.within(part), some.some(left), some_end.some(left)
            some_slope = some_slope[left.rows][:, some_chains.columns(left)]
            some_chains = some_chains.some(left)
            mixing.narrow(left)
            sizes.append(left.size)
    assert taken == rounds
    assert len(sizes) > 2
    assert same_bits(found, together)


def test_what_has_moved_is_told_by_chain(chains: Chains) -> None:
    base = drawn(8, members=2)
    changed = replace(base, need=base.need.copy())
    changed.need[1, 5] += 1e-9
    assert chains.moved(changed, base).tolist() == [[False] * 4, [False, False, True, False]]
