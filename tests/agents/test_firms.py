"""Mark-ups of firms that answer each other: closed forms, plain loops, an independent Bertrand solve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sim.agents.firms import Owned, OwnerConcentration, Rivalry, owned_by
from sim.twin.object_markups import Firms, Sellers, new_markups
from sim.world.load import load_world
from sim.world.world import FloatArray, IntArray, World

SIGMA, ETA = 6.0, 1.2


def one(value: float) -> FloatArray:
    return np.array([[value]])


def rivalry(
    flow: Any, sigma: float = SIGMA, eta: float = ETA, weight: float = 0.0, most: float = 1e6
) -> Rivalry:
    block = np.asarray(flow, dtype=float)
    block = block if block.ndim == 3 else block[None]
    return Rivalry(block, one(sigma), one(eta), one(weight), np.full(block.shape[1], most))


def owned(firm: Sequence[int], buyers: int = 1, own: Any = None) -> Owned:
    apart = np.zeros((len(firm), buyers), dtype=bool)
    return Owned(np.array(firm), np.ones((1, len(firm))), apart if own is None else np.asarray(own))


def joined(count: int) -> Owned:
    """The first two of so many firms are one."""
    return owned([0, *range(count - 1)])


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


# -- known answers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "merged", "rival"), [(3, 11.2, 3.7), (4, 6.0, 1.0), (8, 2.3, 0.1)])
def test_equal_firms_re_solved(count: int, merged: float, rival: float) -> None:
    """Symmetric CES Bertrand, sigma 6, eta 1.2: prices of the two that merge, and of the others."""
    change = 100 * (rivalry(np.ones((count, 1))).ratio(owned(range(count)), joined(count))[0] - 1)
    assert change[:2] == pytest.approx(merged, abs=0.05)
    assert change[2:] == pytest.approx(rival, abs=0.05)


def test_a_monopolist_faces_the_demand_elasticity() -> None:
    alone = owned([0, 0, 0])
    assert rivalry(np.ones((3, 1))).usual(alone) == pytest.approx(1 / ETA)
    # Two equal firms that become the only one: from e = (sigma + eta) / 2 to e = eta.
    apart = (SIGMA + ETA) / 2
    found = rivalry(np.ones((2, 1))).ratio(owned([0, 1]), owned([0, 0]))
    assert found == pytest.approx(ETA / (ETA - 1) / (apart / (apart - 1)), rel=1e-9)


def test_a_seller_of_no_weight_faces_the_sourcing_elasticity() -> None:
    assert rivalry([[1e-9], [1.0]]).usual(owned([0, 1]))[0, 0] == pytest.approx(1 / SIGMA, rel=1e-6)


@pytest.mark.parametrize("eta", [0.0, 0.8, 1.0])
def test_inelastic_demand_ends_at_what_the_good_is_worth(eta: float) -> None:
    found = rivalry(np.ones((2, 1)), eta=eta, most=1.9).ratio(owned([0, 1]), owned([0, 0]))
    assert found == pytest.approx(1.9)


def test_without_a_common_buyer_nothing_happens() -> None:
    flow = np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
    assert (rivalry(flow).ratio(owned([0, 1, 2], 2), owned([0, 0, 1], 2)) == 1.0).all()
    # In the world's market they meet.
    assert (rivalry(flow, weight=0.5).ratio(owned([0, 1, 2], 2), owned([0, 0, 1], 2)) > 1.0).all()


def test_same_owners_ask_the_same(rng: np.random.Generator) -> None:
    flow = rng.random((4, 5, 6))
    firms = owned([0, 1, 1, 2, 3], 6)
    np.testing.assert_allclose(rivalry(flow, weight=0.5).ratio(firms, firms), 1.0, rtol=1e-14)


def test_selling_the_whole_overlap_restores_prices() -> None:
    """Two firms of two mines each merge; the mine that overlaps at each buyer goes to a new firm."""
    flow = np.array([[3.0, 0.0], [0.0, 2.0], [1.0, 0.0], [0.0, 4.0], [2.0, 2.0]])
    before = owned([0, 1, 2, 1, 3], 2)  # firm 1 sells to the second buyer alone
    merger = owned([0, 0, 1, 0, 2], 2)  # firms 0 and 1, without a common buyer
    assert rivalry(flow).ratio(before, merger) == pytest.approx(1.0)
    overlap = owned([0, 1, 0, 1, 2], 2)
    assert (rivalry(flow).ratio(owned([0, 1, 2, 1, 3], 2), overlap)[0, [0, 2]] > 1.01).all()


def test_nothing_is_marked_up_to_oneself() -> None:
    """A seller that buys its first customer sets its price for the other alone."""
    flow = np.array([[5.0, 1.0], [1.0, 5.0]])
    own = np.array([[True, False], [False, False]])
    apart, inside = owned([0, 1], 2), owned([0, 1], 2, own)
    assert rivalry(flow).usual(inside)[0, 0] == pytest.approx(1 / (SIGMA - (SIGMA - ETA) / 6))
    # The rival loses weight at that customer, and asks less there.
    assert rivalry(flow).ratio(apart, inside)[0, 1] < 1.0


def test_a_fringe_of_small_firms_asks_less_than_one_firm() -> None:
    flow = np.array([[6.0], [4.0]])
    firm = rivalry(flow).usual(owned([0, 1]))[0]
    fringe = replace(owned([0, 1]), firms_each=np.array([[1.0, 5.0]]))
    small = rivalry(flow).usual(fringe)[0]
    assert small[0] == firm[0]
    assert small[1] == pytest.approx(1 / (SIGMA * 0.92 + ETA * 0.08))


def test_a_member_alone_has_the_bits_that_it_has_among_many(rng: np.random.Generator) -> None:
    flow = rng.random((7, 6, 9))
    before, after = owned(range(6), 9), owned([0, 0, 1, 1, 2, 3], 9)
    sigma, eta = rng.uniform(2, 8, (7, 1)), rng.uniform(1.2, 2, (7, 1))
    many = Rivalry(flow, sigma, eta, one(0.5), np.full(6, 1e6)).ratio(before, after)
    for k in range(7):
        here = slice(k, k + 1)
        alone = Rivalry(flow[here], sigma[here], eta[here], one(0.5), np.full(6, 1e6))
        np.testing.assert_array_equal(alone.ratio(before, after)[0], many[k])


# -- shipped flows ---------------------------------------------------------------------------------

CHINESE = "China Northern Rare Earth", "China Rare Earth Group"
MERGERS = (
    ("cobalt_intermediate", "CMOC", "Glencore"), ("copper_concentrate", "BHP", "Anglo American"),
    ("copper_concentrate", "Rio Tinto", "Glencore"), ("iron_ore", "Rio Tinto", "BHP"),
    ("iron_ore", "Vale", "Fortescue"), ("borates", "Eti Maden", "Rio Tinto"),
    ("ndfeb_magnet", "JL MAG", "Zhong Ke San Huan"), ("neodymium_praseodymium_oxide", *CHINESE),
    ("terbium_oxide", *CHINESE), ("germanium_metal", "Teck", "Umicore"),
    ("lanthanum_cerium_oxide", "Lynas", "Shenghe Resources"),
    ("gallium_high_purity", "Dowa", "Neo Performance Materials"),
)  # fmt: skip


@pytest.fixture(scope="module")
def shipped() -> World:
    return load_world()


def firms_of(world: World, names: Sequence[str]) -> IntArray:
    """Owners once the named firms are one."""
    owner = world.firm_numbers.copy()
    mask = np.isin(np.array(world.facility_firm), names)
    owner[mask] = owner[mask].min()
    return owner


def bertrand(flow: FloatArray, before: Sequence[int], after: Sequence[int]) -> FloatArray:
    """Prices over those before, where each firm maximises its profit: first-order conditions, by themselves.

    Demand: each buyer's index is (sum K p^-sigma)^(-1/sigma), what it buys index^-eta, split by K p^-sigma.
    """
    from scipy.optimize import root

    flow = flow[:, flow.sum(0) > 0]
    sold = flow.sum(1) > 0
    share0, size = flow / flow.sum(0), flow.sum(0)

    def quantities(log_price: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        pull = share0 * np.exp(-SIGMA * log_price)[:, None]
        total = pull.sum(0)
        return pull / total, size * total ** (ETA / SIGMA), pull

    def conditions(log_price: FloatArray, cost: FloatArray, firm: Sequence[int]) -> FloatArray:
        share, bought, _ = quantities(log_price)
        price, tonnes = np.exp(log_price), share * bought
        same = np.equal.outer(np.array(firm), np.array(firm))
        # d q_r / d ln p_s = sum_b q_rb ((sigma - eta) share_sb - sigma [r = s])
        cross = (SIGMA - ETA) * tonnes @ share.T
        cross[np.diag_indices(len(cross))] -= SIGMA * tonnes.sum(1)
        gain = (same * cross * (price - cost)[:, None]).sum(0)
        found: FloatArray = (tonnes.sum(1) * price + gain) / np.maximum(tonnes.sum(1) * price, 1e-300)
        return np.where(sold, found, log_price)

    at = np.zeros(len(flow))
    start = np.full(len(flow), 0.75)
    cost = root(lambda c: conditions(at, c, before) + np.where(sold, 0.0, c), start, tol=1e-12).x
    solved = root(lambda p: conditions(p, cost, after), at + 0.01, tol=1e-12)
    assert np.abs(conditions(solved.x, cost, after)).max() < 1e-8
    prices: FloatArray = np.exp(solved.x)
    return prices


def before_and_after(world: World, merger: Sequence[str], fringe: float) -> tuple[int, Owned, Owned]:
    """Position of the good, and its sellers' owners."""
    good = [one.id for one in world.goods].index(merger[0])
    joined = firms_of(world, merger[1:])
    buyers = world.need_facility[world.need_slice(good)]
    usual, now = (owned_by(world, good, owner, one(fringe), buyers) for owner in (world.firm_numbers, joined))
    assert len(set(now.firm.tolist())) < len(set(usual.firm.tolist()))
    return good, usual, now


@pytest.mark.parametrize("merger", MERGERS)
def test_as_an_independent_bertrand_solve_on_shipped_flows(shipped: World, merger: Sequence[str]) -> None:
    """Within 0.3 points for every seller of weight, where each buyer is a market."""
    good, usual, now = before_and_after(shipped, merger, 1.0)
    # Mines that sell to their owner's plants are a question of their own.
    usual, now = (replace(one, own=np.zeros_like(one.own)) for one in (usual, now))
    flow = shipped.base_flow[good]
    ours = rivalry(flow).ratio(usual, now)[0]
    theirs = bertrand(flow, usual.firm.tolist(), now.firm.tolist())
    large = flow.sum(1) > 0.005 * flow.sum()
    assert np.abs(theirs[large] - 1).max() > 0.003
    np.testing.assert_allclose(100 * ours[large], 100 * theirs[large], atol=0.3)


@pytest.mark.parametrize("merger", [*MERGERS, ("steel", "other CHN (steel_chn)", "other IND (steel_ind)")])
@pytest.mark.parametrize("fringe", [1.0, 5.0])
def test_arrays_as_plain_loops(shipped: World, merger: Sequence[str], fringe: float) -> None:
    """With vertical integration, fringes and half of the weight on the world's market."""
    good, usual, now = before_and_after(shipped, merger, fringe)
    flow = shipped.base_flow[good]
    ours = rivalry(flow, weight=0.5, most=1.2).ratio(usual, now)[0]
    sellers = Sellers(flow.tolist(), SIGMA, ETA, 0.5, 1.2)
    ends = shipped.offer_facility[shipped.offer_slice(good)], shipped.need_facility[shipped.need_slice(good)]
    small = [np.broadcast_to(who.firms_each, (1, len(ends[0])))[0].tolist() for who in (usual, now)]
    owners = shipped.firm_numbers, firms_of(shipped, merger[1:])
    firms = [
        Firms(owner[ends[0]].tolist(), owner[ends[1]].tolist(), each)
        for owner, each in zip(owners, small, strict=True)
    ]
    np.testing.assert_allclose(ours, new_markups(sellers, *firms), rtol=2e-6)


def test_a_fringe_is_one_once_it_is_joined(shipped: World) -> None:
    g = [one.id for one in shipped.goods].index("cobalt_refined")
    owner = shipped.firm_numbers.copy()
    sellers = shipped.offer_facility[shipped.offer_slice(g)]
    buyers = shipped.need_facility[shipped.need_slice(g)]
    usual = owned_by(shipped, g, owner, one(5.0), buyers)
    unnamed = np.flatnonzero(shipped.unnamed[sellers])
    assert (usual.firms_each[0, unnamed] == 5).all()
    owner[sellers[unnamed[:2]]] = owner[sellers[unnamed[0]]]
    assert (owned_by(shipped, g, owner, one(5.0), buyers).firms_each[0, unnamed[:3]] == [1, 1, 5]).all()


def test_concentration_counts_owners_and_small_firms(small_world: World) -> None:
    apart = np.arange(len(small_world.facilities))[None]
    joint = apart.copy()
    first, second = (small_world.facilities.index(f"separator_china_{x}") for x in "ab")
    joint[0, second] = first
    sales, fringe = small_world.offer_output[None], np.ones((1, len(small_world.goods)))
    concentration = OwnerConcentration(small_world)
    change = concentration.of(joint, sales, fringe) - concentration.of(apart, sales, fringe)
    sold = small_world.offer_output[small_world.offer_good == 1]
    share = sold / sold.sum()
    assert change[0, 1] == pytest.approx(1e4 * 2 * share[0] * share[1])
    # Members with owners of their own have what each has by itself.
    both = concentration.of(np.concatenate([apart, joint, apart]), np.tile(sales, (3, 1)), fringe)
    np.testing.assert_array_equal(both[1] - both[0], change[0])
    np.testing.assert_array_equal(both[0], both[2])


def test_concentration_of_a_fringe(shipped: World) -> None:
    base, sales = shipped.firm_numbers[None], shipped.offer_output[None]
    g = [one.id for one in shipped.goods].index("cobalt_refined")
    concentration = OwnerConcentration(shipped)
    one_each = concentration.of(base, sales, np.ones((1, len(shipped.goods))))[0, g]
    small = concentration.of(base, sales, np.full((1, len(shipped.goods)), 5.0))[0, g]
    sold = sales[0, shipped.offer_slice(g)]
    share, unnamed = sold / sold.sum(), shipped.unnamed[shipped.offer_facility[shipped.offer_slice(g)]]
    assert one_each - small == pytest.approx(1e4 * 0.8 * (share[unnamed] ** 2).sum())
