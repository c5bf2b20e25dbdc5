"""Rules on resale: what is kept back, what goes where, and what becomes of it when rules come and go.

Whole runs under such rules are in tests/engine/test_origins.py.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.agents.origins import Origins, _drawn, families, may_resell
from sim.agents.prepared import Prepared
from sim.arrays import FloatArray, Saved
from sim.controls import Resale
from sim.world.world import World
from tests.prepared_world import (
    GivenFlows,
    Situation,
    base_trade,
    need_of,
    offer_of,
    prepared_world,
    settled,
)

DYSPROSIUM, MAGNET = 2, 3
TRADER = "trader_singapore_dy"


def rule(world: World, compliance: float | FloatArray = 1.0, to: str = "JPN", by: str = "CHN",
         goods: tuple[int, ...] = (DYSPROSIUM,), content: bool = False) -> Resale:
    origins, destinations = (np.array([code == one for code in world.countries]) for one in (by, to))
    return Resale("e", goods, origins, destinations, compliance, content)


def started(now: Situation, *rules: Resale) -> Origins:
    (family,) = families(now.prepared, rules)
    family.start(now.prepared, now.state)
    return family


# -- families ------------------------------------------------------------------------------------


def test_rules_on_the_same_goods_share_a_family(plain: Prepared) -> None:
    world = plain.world
    rules = [rule(world), rule(world, by="ROW"), rule(world, content=True), rule(world, goods=(MAGNET,)),
             rule(world, goods=())]  # fmt: skip
    found = families(plain, rules)
    assert [(f.goods, f.content) for f in found] == [((2,), False), ((2,), True), ((3,), False)]
    assert [world.countries[c] for c in found[0].countries] == ["CHN", "ROW"]
    assert len({f.name for f in found}) == 3
    assert [found[0].covers(one) for one in rules] == [True, True, False, False, False]


def test_who_may_resell(plain: Prepared) -> None:
    world = plain.world

    def names(goods: tuple[int, ...], content: bool) -> list[str]:
        offers = np.flatnonzero(may_resell(world, goods, content))
        return [world.facilities[world.offer_facility[s]] for s in offers]

    assert names((DYSPROSIUM,), False) == [TRADER]
    assert names((MAGNET,), False) == []
    # Magnets are made of the oxide, so with content their makers may hold it.
    assert names((DYSPROSIUM, MAGNET), True) == [TRADER, "magnet_china", "magnet_japan"]


@pytest.mark.parametrize("content", [False, True])
def test_where_stocks_come_from_in_the_base_year(plain: Prepared, content: bool) -> None:
    now = settled(plain)
    family = started(now, rule(plain.world, goods=(1, DYSPROSIUM, MAGNET), content=content))
    world = plain.world
    chinese = {int(s): float(t) for s, t in zip(family.offers, family.seller[0, :, 0], strict=True)}
    for name, share in ((TRADER, 1.0), ("magnet_china", 1.0), ("magnet_japan", float(content))):
        offer = offer_of(world, name)
        assert chinese[offer] == pytest.approx(share * now.state.seller_stock[0, offer])
    assert not family.kept.any()


def test_content_counts_by_cost(plain: Prepared) -> None:
    """With dysprosium alone named, a Japanese magnet is Chinese by its share in the cost of inputs."""
    now, world = settled(plain), plain.world
    family = started(now, rule(world, goods=(DYSPROSIUM, MAGNET), content=True))
    needs = [need_of(world, "magnet_japan", good) for good in ("ndpr_oxide", "dysprosium_oxide")]
    price = world.base_price[world.need_good[needs]] * plain.benchmark.base_index[needs]
    spent = world.need_use[needs] * price
    offer = offer_of(world, "magnet_japan")
    at = family.offers.tolist().index(offer)
    share = family.seller[0, at, 0] / now.state.seller_stock[0, offer]
    assert share == pytest.approx(spent[1] / spent.sum())


# -- compliance ----------------------------------------------------------------------------------


def test_who_heeds_a_rule_keeps_that_share_of_barred_material(plain: Prepared) -> None:
    now = settled(plain)
    one = rule(plain.world, 0.6)
    family = started(now, one)
    family.comply([one])
    np.testing.assert_allclose(family.kept, 0.6 * family.seller)
    family.comply([one])
    np.testing.assert_allclose(family.kept, 0.6 * family.seller)


def test_of_two_rules_the_stricter_counts_and_others_do_not(plain: Prepared) -> None:
    now, world = settled(plain), plain.world
    rules = [rule(world, 0.3), rule(world, 0.8, to="USA"), rule(world, 0.9, goods=(MAGNET,))]
    for order in (rules, rules[::-1]):
        family = next(one for one in families(plain, order) if one.covers(rules[0]))
        family.start(plain, now.state)
        family.comply(order)
        np.testing.assert_allclose(family.kept, 0.8 * family.seller)


@given(shares=st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_what_is_kept_follows_compliance_up_and_down(plain: Prepared, shares: list[float]) -> None:
    """Without trade in between: always the share now in force, never above the stock."""
    now = settled(plain)
    family = started(now, rule(plain.world))
    for share in shares:
        family.comply([rule(plain.world, share)])
        np.testing.assert_allclose(family.kept, share * family.seller, atol=1e-9)
    family.comply([])
    np.testing.assert_allclose(family.kept, 0.0, atol=1e-9)


def test_members_heed_rules_of_their_own(plain: Prepared) -> None:
    now = settled(prepared_world(plain.world, 3))
    one = rule(plain.world, np.array([0.0, 0.5, 1.0]))
    family = started(now, one)
    family.comply([one])
    np.testing.assert_allclose(family.kept[:, :, 0].T, family.seller[:, :, 0].T * [0.0, 0.5, 1.0])


def test_admissible_is_the_stock_less_what_is_kept_back(plain: Prepared) -> None:
    now = settled(plain)
    one = rule(plain.world, 0.6)
    family = started(now, one)
    family.comply([one])
    offer = offer_of(plain.world, TRADER)
    stock = now.state.seller_stock[:, offer]
    assert family.admissible(one, offer, stock) == pytest.approx(0.4 * stock)
    assert family.admissible(one, offer, 0.5 * stock) == pytest.approx([0.0])


def test_new_output_is_kept_by_the_same_share(plain: Prepared) -> None:
    """(M63)."""
    now = settled(plain)
    one = rule(plain.world, 0.6)
    family = started(now, one)
    family.comply([one])
    before = family.kept.copy()
    new = np.ones_like(family.seller)
    family.add_output(new)
    np.testing.assert_allclose(family.kept, before + 0.6)


def test_surplus_takes_of_both_parts_alike(plain: Prepared) -> None:
    now = settled(plain)
    one = rule(plain.world, 0.6)
    family = started(now, one)
    family.comply([one])
    family.discard(0.25 * now.state.seller_stock, now.state.seller_stock)
    np.testing.assert_allclose(family.kept, 0.6 * family.seller)


# -- shipping ------------------------------------------------------------------------------------


TONNES = st.floats(0, 100)


@given(clean=TONNES, barred=TONNES, other=TONNES, share=st.floats(0, 1), part=st.floats(0, 1))
def test_what_may_not_go_leaves_last(
    clean: float, barred: float, other: float, share: float, part: float
) -> None:
    """(M61) and (M62), seller by seller: two origins, one of them barred, and material of neither."""
    held, kept = np.array([[[barred, other]]]), np.array([[[share * barred, share * other]]])
    stock = clean + barred + other
    sold = part * stock
    shipped, left = _drawn(held, kept, np.array([1.0, 0.0]), np.array([[stock]]), np.array([[sold]]))
    back = share * barred
    pool = stock - back
    first = min(sold, pool)
    from_pool = first / pool if pool > 0 else 0.0
    from_back = min((sold - first) / back, 1.0) if back > 0 else 0.0
    expected = [(barred - back) * from_pool + back * from_back, other * from_pool]
    np.testing.assert_allclose(shipped[0, 0], expected, rtol=1e-9, atol=1e-9)
    remain = [back * (1 - from_back), share * other * (1 - from_pool)]
    np.testing.assert_allclose(left[0, 0], remain, rtol=1e-9, atol=1e-9)
    assert (shipped <= held * (1 + 1e-12)).all()
    assert shipped.sum() <= sold * (1 + 1e-9) + 1e-12


def trade_of_trader(prepared: Prepared, tonnes: float, to: str) -> GivenFlows:
    """One shipment: what the trader sells to one buyer."""
    world, blocks = prepared.world, [np.zeros_like(b) for b in base_trade(prepared).blocks]
    row = offer_of(world, TRADER) - world.offer_slice(DYSPROSIUM).start
    column = need_of(world, to, "dysprosium_oxide") - world.need_slice(DYSPROSIUM).start
    blocks[DYSPROSIUM][0, row, column] = tonnes
    return GivenFlows(blocks)


@pytest.mark.parametrize(("to", "mixed"), [("magnet_japan", False), ("magnet_china", True)])
def test_only_links_under_the_rule_draw_on_the_free_part(
    plain: Prepared, to: str, mixed: bool
) -> None:
    """Half of the trader's stock is Chinese, all of that kept back: to Japan goes the other half."""
    now, world = settled(plain), plain.world
    one = rule(world)
    family = started(now, one)
    offer = offer_of(world, TRADER)
    at, stock = family.offers.tolist().index(offer), float(now.state.seller_stock[0, offer])
    family.seller[0, at] = 0.5 * stock
    family.comply([one])
    flows = trade_of_trader(plain, 0.25 * stock, to)
    by_lag = family.ship(flows.clearing, now.state.seller_stock, [one], plain.benchmark.lag_weight)
    chinese = float(by_lag.sum())
    assert chinese == pytest.approx(0.125 * stock if mixed else 0.0)
    np.testing.assert_allclose(family.shipped, by_lag.sum(0))
    assert family.seller[0, at, 0] == pytest.approx(0.5 * stock - chinese)
    assert family.kept[0, at, 0] == pytest.approx(0.5 * stock - chinese)


def test_without_rules_everything_is_mixed(plain: Prepared) -> None:
    now, world = settled(plain), plain.world
    family, mixed = started(now, rule(world)), started(now, rule(world))
    flows, lags = base_trade(plain), plain.benchmark.lag_weight
    found = family.ship(flows.clearing, now.state.seller_stock, [], lags)
    expected = super(Origins, mixed).ship(flows.clearing, now.state.seller_stock, [], lags)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_allclose(family.seller, mixed.seller, atol=1e-12)


def test_a_family_is_taken_up_where_it_was_left(plain: Prepared) -> None:
    now = settled(plain)
    one = rule(plain.world, 0.6)
    family, other = started(now, one), families(plain, [one])[0]
    family.comply([one])
    other.restore(Saved("origins", family.arrays()))
    for name, value in family.arrays().items():
        np.testing.assert_array_equal(other.arrays()[name], value)
    # The share in force comes along: falling to a half of it halves what is kept.
    for copy in (family, other):
        copy.comply([rule(plain.world, 0.3)])
    np.testing.assert_array_equal(family.kept, other.kept)
    np.testing.assert_allclose(other.kept, 0.3 * other.seller)
