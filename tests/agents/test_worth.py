"""What a tonne is worth to users and plants, against the equations in plain Python."""

from __future__ import annotations

from itertools import pairwise
from math import exp, inf
from statistics import NormalDist

import numpy as np
import pytest

from sim.agents.prepared import Prepared
from sim.agents.worth import CLASSES, LEAST_WORTH, Worth, class_multiples
from sim.arrays import FloatArray
from sim.world.world import World
from tests.prepared_world import Situation, behaving, need_of, offer_of, plant_of, settled


def is_user(world: World, need: int) -> bool:
    return world.facility_kind[world.need_facility[need]] == "manufacturer"


def multiples_by_hand(now: Situation, member: int) -> list[float]:
    """Quantiles of a lognormal in the middle of six equal parts, over their mean."""
    spread = now.value("worth_spread", member)
    values = [exp(spread * NormalDist().inv_cdf((k + 0.5) / CLASSES)) for k in range(CLASSES)]
    return [value / (sum(values) / CLASSES) for value in values]


def found(now: Situation, worth: Worth | None = None) -> FloatArray:
    worth = Worth(now.prepared) if worth is None else worth
    state, controls = now.state, now.controls
    return worth.now(state.gate_price, state.choice_index, controls.budget_factor, controls.own_cost_factor)


def test_classes(varied: Situation) -> None:
    multiples = class_multiples(varied.prepared)
    for member, row in enumerate(multiples[:, 0]):
        np.testing.assert_allclose(row, multiples_by_hand(varied, member), rtol=1e-9)
        assert row.mean() == pytest.approx(1.0)
        assert (np.diff(row) > 0).all()


def test_users(varied: Situation) -> None:
    """(M41) and (M43): the value that hangs on a tonne, above the base price, in classes; in their money."""
    answer = found(varied)
    for member, row in enumerate(answer):
        multiples = multiples_by_hand(varied, member)
        for b, classes in enumerate(row):
            if is_user(varied.world, b):
                over = varied.value("worth_scale", member) * (varied.world.need_worth[b] - 1)
                base = varied.prepared.benchmark.base_index[b] * varied.controls.budget_factor[member, b]
                np.testing.assert_allclose(classes, [base * (1 + over * m) for m in multiples], rtol=1e-9)


class Plants:
    """The plants of a world as its tables have them."""

    def __init__(self, prepared: Prepared) -> None:
        self.prepared, self.world = prepared, prepared.world
        self.dearest = self._dearest()

    def earned(self, facility: int) -> dict[int, float]:
        """Offer -> share of the plant's revenue."""
        world, output = self.world, self.prepared.benchmark.normal_output
        offers = np.flatnonzero(world.offer_facility == facility).tolist()
        revenue = {s: output[s] * world.base_price[world.offer_good[s]] for s in offers}
        return {s: float(value / sum(revenue.values())) for s, value in revenue.items()}

    def spent(self, facility: int) -> dict[int, float]:
        """Need -> share of revenue spent on it."""
        world, benchmark = self.world, self.prepared.benchmark
        needs = np.flatnonzero(world.need_facility == facility).tolist()
        price = world.base_price
        paid = price[world.need_good] * benchmark.base_index
        money = {b: benchmark.normal_use[b] * paid[b] for b in needs}
        offers = np.flatnonzero(world.offer_facility == facility)
        revenue = (benchmark.normal_output * price[world.offer_good])[offers].sum()
        ceiling = self.prepared.behaviour.shared("input_cost_ceiling")
        total = min(sum(money.values()) / revenue, ceiling)
        return {b: float(total * value / sum(money.values())) for b, value in money.items()}

    def replacing(self, b: int) -> list[int]:
        """A need and those of the same plant that replace it."""
        world = self.world
        names = [world.substitutes.get(good.id, good.id) for good in world.goods]
        group = names[world.need_good[b]]
        mine = np.flatnonzero(world.need_facility == world.need_facility[b]).tolist()
        return [other for other in mine if names[world.need_good[other]] == group]

    def _dearest(self) -> dict[int, float]:
        """(M42): plant -> price of its products beyond which it reckons with nobody."""
        world, benchmark = self.world, self.prepared.benchmark
        base, use = benchmark.base_index, benchmark.normal_use
        kinds = world.facility_kind
        good_most = [inf] * len(world.goods)
        most: dict[int, float] = {}
        for _ in range(len(world.goods) + 1):
            for f, kind in enumerate(kinds):
                if kind in ("processor", "trader"):
                    prices = {s: good_most[world.offer_good[s]] for s in self.earned(f)}
                    prices = {s: 1e3 if price == inf else price for s, price in prices.items()}
                    most[f] = sum(share * prices[s] for s, share in self.earned(f).items())
            after = list(good_most)
            for g in range(len(world.goods)):
                bids = []
                for b in np.flatnonzero(world.need_good == g).tolist():
                    f = int(world.need_facility[b])
                    if is_user(world, b):
                        switch = world.need_switch_share[b] > 0
                        bid = world.need_switch_multiple[b] if switch else world.need_worth[b]
                    else:
                        spent = self.spent(f)
                        own = sum(spent[other] for other in self.replacing(b))
                        left = most[f] - (sum(spent.values()) - own) - (1 - sum(spent.values()))
                        bid = max(left / own, 1.0)
                    bids.append((use[b], bid * base[b]))
                after[g] = sum(w * bid for w, bid in bids) / sum(w for w, _ in bids)
            good_most = after
        return most

    def worth(self, now: Situation, m: int, b: int) -> list[float]:
        """(M43) of a plant: what its products leave for a tonne of an input."""
        f, base = int(self.world.need_facility[b]), self.prepared.benchmark.base_index
        earned, spent = self.earned(f), self.spent(f)
        inputs, mine = sum(spent.values()), self.replacing(b)
        cost = sum(share * now.controls.own_cost_factor[m, s] for s, share in earned.items())
        value = sum(share * now.state.gate_price[m, s] for s, share in earned.items())
        value = min(value, self.dearest[f] * cost)
        paid = now.state.choice_index[m] / base
        others = sum(spent[other] * paid[other] for other in spent if other not in mine)
        classes = []
        for k in range(CLASSES):
            kept = 1 - now.value("margin_share", m) * (k + 1) / CLASSES
            left = value - others - kept * (1 - inputs) * cost
            classes.append(base[b] * max(left / sum(spent[other] for other in mine), LEAST_WORTH))
        return classes


@pytest.mark.parametrize("which", ["varied", "replaceable"])
def test_plants(request: pytest.FixtureRequest, which: str) -> None:
    now: Situation = request.getfixturevalue(which)
    answer, plants = found(now), Plants(now.prepared)
    floor = 0
    for m, b in np.ndindex(answer.shape[:2]):
        if not is_user(now.world, b):
            np.testing.assert_allclose(answer[m, b], plants.worth(now, m, b), rtol=1e-9)
            floor += int((answer[m, b] == now.prepared.benchmark.base_index[b] * LEAST_WORTH).any())
    # Some products do not cover other costs, some do.
    assert 0 < floor < len(answer) * 6


def test_at_base_prices_a_plant_gives_up_part_of_its_margin_and_no_more(plain: Prepared) -> None:
    now = settled(behaving(plain, margin_share=0.6))
    answer, base = found(now), plain.benchmark.base_index
    activities = plain.benchmark.activities
    b = need_of(plain.world, "separator_china_a")
    share = activities.input_cost_share[plant_of(plain, "separator_china_a")]
    given = [0.6 * (k + 1) / CLASSES * (1 - share) / share for k in range(CLASSES)]
    np.testing.assert_allclose(answer[0, b], base[b] * (1 + np.array(given)))


def test_dearer_products_are_worth_no_more_beyond_what_their_users_pay(plain: Prepared) -> None:
    """Magnets beyond three times their base price, where all users' next best way pays."""
    now, worth = settled(plain), Worth(plain)
    at = need_of(plain.world, "magnet_japan", "ndpr_oxide")
    answers = []
    for price in (1.0, 2.0, 2.99, 4.0, 40.0):
        now.state.gate_price[:] = price
        answers.append(found(now, worth)[0, at])
    assert all((low < high).all() for low, high in pairwise(answers[:4]))
    np.testing.assert_array_equal(answers[3], answers[4])


def test_a_plant_takes_more_than_in_the_base_year_where_that_pays_more_than_then(plain: Prepared) -> None:
    """Price of an input at which products at a margin above costs leave all other costs in full."""
    now, worth = settled(plain), Worth(plain)
    state, controls = now.state, now.controls
    over = np.full((1, 1), 1.2)
    for price in (1.2, 1.8):
        state.gate_price[:] = price
        answer = worth.more(state.gate_price, state.choice_index, controls.own_cost_factor, over)
        at = worth.plant_needs.tolist().index(b := need_of(plain.world, "separator_china_a"))
        share = plain.benchmark.activities.input_cost_share[plant_of(plain, "separator_china_a")]
        expected = plain.benchmark.base_index[b] * (price / 1.2 - (1 - share)) / share
        assert answer[0, at] == pytest.approx(expected)
    assert plain.world.offer_good[offer_of(plain.world, "mine_china")] == plain.world.need_good[b]
