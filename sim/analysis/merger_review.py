"""What a competition authority asks of a deal: markets, shares, price pressure, prices, remedies, money."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sim.agents.firms import Buyers, Owned, Rivalry, owned_by
from sim.agents.parameters import BehaviourTable, Range, read_behaviour, with_assumptions
from sim.agents.prepared import Prepared
from sim.analysis.merger_figures import CentralBand, GoodReview, MarketRow, Pressure, Review, thresholds
from sim.arrays import BoolArray, FloatArray, IntArray
from sim.controls import Controls, OwnerChange
from sim.engine.run import lay_out
from sim.errors import MonaziteError
from sim.instruments import Instrument
from sim.instruments.deal import Deal
from sim.scenario import Scenario
from sim.world.world import World

__all__ = ["review"]

REGIONS = ("EU27",)
"""Groups of countries that are one market; all other countries are markets of their own."""
LEAST_SHARE = 0.01
"""Share of a market's purchases that both parties must have for it to be shown."""
LEAST_JOINT = 0.1
"""Or the share that they must have together."""
DRAWN = ("sourcing_elasticity", "markup_demand_elasticity", "world_share_weight", "fringe_firms")
LATER_YEARS = 50
"""After the last deal: by then all synergies are there."""


def review(world: World, scenario: Scenario, members: int = 1, seed: int = 1) -> Review:
    """Review the deals of a scenario as if they all closed, on the flows of the base year.

    Raises:
        MonaziteError: the scenario has none.
    """
    deals = [event for event in scenario.events if isinstance(event, Deal) and not event.in_base_year]
    if not deals:
        raise MonaziteError(
            f"{scenario.name}: no event joins owners; a review needs a merger, an acquisition, a "
            "joint_venture or a cartel"
        )
    case = lay_out(world, scenario, [0], seed)
    events = [event for event in case.events if isinstance(event, Deal) and not event.in_base_year]
    table = with_assumptions(read_behaviour(), scenario.assumptions)
    desk = _Findings(case.prepared, events, table, (members, seed))
    goods = [desk.good(good) for good in desk.touched()]
    markets = [row for good in desk.touched() for row in desk.markets(good)]
    markets.sort(key=lambda row: (row.region != "world", -row.change))
    return Review(
        scenario.name, scenario.title, tuple(deal.sentence() for deal in deals), members,
        tuple(markets), tuple(goods), tuple(_notes(events)),
    )  # fmt: skip


def _notes(deals: Sequence[Deal]) -> list[str]:
    notes = []
    for deal in deals:
        if deal.withdrawal is not None or getattr(deal, "cut", None) is not None:
            notes.append(f"{deal.id}: output closed or held back is not in these prices; run the scenario")
        if deal.withdrawn is not None:
            notes.append(f"{deal.id}: called off on {deal.withdrawn}; reviewed as if it had closed")
    return notes


class _Desk:
    """Works on one scenario's deals."""

    def __init__(
        self, prepared: Prepared, deals: Sequence[Deal], table: BehaviourTable, size: tuple[int, int]
    ) -> None:
        self.prepared, self.world, self.deals = prepared, prepared.world, deals
        self.base = self.world.firm_numbers
        controls = self._controls(deals)
        self.changes = sorted(controls.owner_changes, key=lambda change: change.event)
        self.after = self._owner(self.changes)
        self.cost = np.log(controls.own_cost_factor[0])
        self.table, (self.members, seed) = table, size
        self._buyers_of: dict[int, Buyers] = {}
        self._rivalry_of: dict[int, Rivalry] = {}
        self._owned_of: dict[tuple[int, bytes], Owned] = {}
        self._prices_of: dict[tuple[int, bytes], FloatArray] = {}
        self.uniform = np.random.default_rng(seed).random((len(DRAWN), max(size[0] - 1, 0)))
        firms = dict.fromkeys(self.world.facility_firm)
        self.names = dict(enumerate(firms))
        self.parties = np.zeros(len(self.base), dtype=bool)
        for deal in deals:
            self.parties |= deal.parties(self.world)
            taker = getattr(deal, "by", None)
            if taker is not None:
                self.parties |= np.array([firm == taker for firm in self.world.facility_firm])

    def _controls(self, deals: Sequence[Instrument]) -> Controls:
        """All deals in force, years after they closed: synergies are there, integration is over."""
        controls = Controls(self.world)
        latest = max((deal.from_ for deal in deals if deal.from_ is not None), default=controls.date)
        controls.date = latest.replace(year=latest.year + LATER_YEARS, day=1)
        controls.end = controls.date.replace(day=28)
        for deal in deals:
            deal.apply(controls, 1.0)
        return controls

    def _owner(self, changes: Sequence[OwnerChange]) -> IntArray:
        owner: IntArray = self.base[None]
        for change in changes:
            owner = change.where(owner, np.ones(1, dtype=bool))
        row: IntArray = owner[0]
        return row

    # -- one good ------------------------------------------------------------------------------

    def touched(self) -> list[int]:
        """Goods whose sellers' owners change, or whose parties save costs."""
        found = []
        for good in range(len(self.world.goods)):
            before, after = self._owned(good, self.base), self._owned(good, self.after)
            joined = not np.array_equal(before.together, after.together)
            cost = self.cost[self.world.offer_slice(good)]
            if joined or cost.any() or not np.array_equal(before.own, after.own):
                found.append(good)
        return found

    # Every figure of a good asks for these again: each is made once.

    def _buyers(self, good: int) -> Buyers:
        if good not in self._buyers_of:
            self._buyers_of[good] = Buyers.of(self.world, good)
        return self._buyers_of[good]

    def _owned(self, good: int, owner: IntArray) -> Owned:
        key = good, owner.tobytes()
        if key not in self._owned_of:
            fringe = self._drawn("fringe_firms", good)
            self._owned_of[key] = owned_by(self.world, good, owner, fringe, self._buyers(good).facility)
        return self._owned_of[key]

    def _drawn(self, name: str, good: int) -> FloatArray:
        """(M, 1) a parameter over its range, the first the central value."""
        span = self.table.get((name, self.world.goods[good].mineral), self.table[name, "all"])
        # Of what is held the range says what is plausible, which is what a band is about.
        free = replace(span, held=False) if isinstance(span, Range) else span
        values = [free.quantile(float(u)) for u in self.uniform[DRAWN.index(name)]]
        return np.array([span.central, *values])[:, None]

    def _rivalry(self, good: int) -> Rivalry:
        if good not in self._rivalry_of:
            self._rivalry_of[good] = self._new_rivalry(good)
        return self._rivalry_of[good]

    def _new_rivalry(self, good: int) -> Rivalry:
        world = self.world
        flow = self._buyers(good).groups.sums(world.base_flow[good])[None]
        worth = max(float(world.need_worth[world.need_slice(good)].max(initial=1.0)), 1.0)
        sigma, eta, weight = (self._drawn(name, good) for name in DRAWN[:3])
        return Rivalry(flow, sigma, eta, weight, np.full(flow.shape[1], worth), self._own_cost(good))

    def _own_cost(self, good: int) -> FloatArray:
        """(S,) change of the log of unit costs: of plants without what their inputs cost."""
        sellers = self.world.offer_slice(good)
        activities = self.prepared.benchmark.activities
        plant = activities.offer_plant[sellers]
        own = np.where(plant >= 0, 1 - activities.input_cost_share[np.maximum(plant, 0)], 1.0)
        change: FloatArray = np.log1p(own * np.expm1(self.cost[sellers]))
        return change

    def _prices(self, good: int, owner: IntArray) -> FloatArray:
        """(M, S) prices over those before."""
        key = good, owner.tobytes()
        if key not in self._prices_of:
            rivalry = self._rivalry(good)
            ratio = rivalry.ratio(self._owned(good, self.base), self._owned(good, owner))
            assert rivalry.cost is not None
            self._prices_of[key] = ratio * np.exp(rivalry.cost)
        return self._prices_of[key]

    def _index(self, good: int, prices: FloatArray, buyers: BoolArray) -> FloatArray:
        """(M,) change of what some buyers (B,) pay, as a share, split among sellers as they then do."""
        rivalry = self._rivalry(good)
        flow = rivalry.flow[0][:, buyers]
        bought = flow.sum(0)
        share = np.divide(flow, bought, out=np.zeros_like(flow), where=bought > 0)
        pull = (share[None] * prices[..., None] ** -rivalry.sigma[..., None]).sum(1)
        index = np.where(bought > 0, pull, 1.0) ** (-1 / rivalry.sigma)
        mean: FloatArray = index @ (bought / bought.sum()) - 1
        return mean



class _Findings(_Desk):
    """What is said of each good and market."""

    def good(self, good: int) -> GoodReview:
        """All that is said of a good."""
        world = self.world
        prices = self._prices(good, self.after)
        sellers = world.offer_facility[world.offer_slice(good)]
        output = world.offer_output[world.offer_slice(good)]
        party = self.parties[sellers]
        every = np.ones(len(self._buyers(good).facility), dtype=bool)
        firms = dict.fromkeys(self.names[number] for number in self.base[sellers[party]])
        own = self._owned(good, self.after).own
        inside = self._buyers(good).groups.sums(world.base_flow[good])
        users = CentralBand.of(self._index(good, prices, every))
        return GoodReview(
            good=world.goods[good].id,
            parties={
                firm: CentralBand.of(_mean(prices - 1, output * self._named(sellers, firm))) for firm in firms
            },
            rivals=CentralBand.of(_mean(prices - 1, output * ~party)),
            users=users,
            pressure=self._pressure(good, party, tuple(firms)),
            remedies=self._remedies(good, every),
            passed_on=self._passed_on(good, prices),
            gains=self._gains(good, prices, party),
            inside=float((inside * own)[party].sum() / max(inside[party].sum(), 1e-300)),
        )

    def _named(self, sellers: IntArray, firm: str) -> BoolArray:
        mask: BoolArray = np.array([self.world.facility_firm[place] == firm for place in sellers], dtype=bool)
        return mask

    def _pressure(self, good: int, party: BoolArray, firms: Sequence[str]) -> tuple[Pressure, ...]:
        """What each party gains of the sales that it would lose to the others, as a share of its price."""
        rivalry, before = self._rivalry(good), self._owned(good, self.base)
        after = self._owned(good, self.after)
        margin = rivalry.usual(before)
        share = rivalry.flow / np.maximum(rivalry.bought, 1e-300)
        met = rivalry.meetings(rivalry.flow, share, before)
        steep = (rivalry.sigma - rivalry.eta)[..., None]
        own = np.diagonal(met, axis1=-2, axis2=-1)[..., None]
        diverted = steep * met / (rivalry.sigma[..., None] - steep * own)
        joined = (after.firm[:, None] == after.firm) & (before.firm[:, None] != before.firm)
        guppi = (diverted * joined * margin[:, None, :]).sum(-1)
        assert rivalry.cost is not None
        saved = -np.expm1(rivalry.cost) * (1 - margin)
        sellers = self.world.offer_facility[self.world.offer_slice(good)]
        output = self.world.offer_output[self.world.offer_slice(good)]
        found = []
        for firm in firms:
            weight = output * self._named(sellers, firm)
            gross, net = _mean(guppi, weight), _mean(guppi - saved, weight)
            found.append(Pressure(firm, CentralBand.of(gross), CentralBand.of(net)))
        return tuple(found)

    def _remedies(self, good: int, every: BoolArray) -> dict[str, CentralBand]:
        """What users pay with no remedy of this good, and with each alone; nothing where there is none."""
        sellers = self.world.offer_facility[self.world.offer_slice(good)]
        sales = [
            change for change in self.changes if self._is_sale(change) and change.facilities[sellers].any()
        ]
        if not sales:
            return {}
        joins = [change for change in self.changes if all(change is not sale for sale in sales)]
        cases = {"none": joins}
        for sale in sales:
            names = [self.world.facilities[k] for k in np.flatnonzero(sale.facilities)]
            cases[f"selling {', '.join(names)}"] = [*joins, sale]
        if len(sales) > 1:
            cases["all of them"] = [*joins, *sales]
        return {
            name: CentralBand.of(self._index(good, self._prices(good, self._owner(changes)), every))
            for name, changes in cases.items()
        }

    def _is_sale(self, change: OwnerChange) -> bool:
        """The first change of a deal joins, the others sell."""
        first = next(one for one in self.changes if one.event == change.event)
        return change is not first

    def _passed_on(self, good: int, prices: FloatArray) -> dict[str, CentralBand]:
        """Change of the cost of each product that plants make of the good."""
        world, activities = self.world, self.prepared.benchmark.activities
        buyers, found = self._buyers(good), {}
        index = self._by_buyer(good, prices)
        spent: dict[str, list[tuple[int, float]]] = {}
        value: dict[str, float] = {}
        for b, facility in enumerate(buyers.facility.tolist()):
            offers = np.flatnonzero(world.offer_facility == facility)
            plant = world.facility_kind[facility] != "trader"
            made = [o for o in offers if activities.offer_plant[o] >= 0 and plant]
            for offer in made[:1]:
                product = world.goods[world.offer_good[offer]].id
                paid = float(self._rivalry(good).flow[0][:, b].sum()) * world.goods[good].base_price
                spent.setdefault(product, []).append((b, paid))
                worth = sum(world.offer_output[o] * world.goods[world.offer_good[o]].base_price for o in made)
                value[product] = value.get(product, 0.0) + float(worth)
        for product, parts in spent.items():
            rise = sum(index[:, b] * paid for b, paid in parts) / max(value[product], 1e-300)
            found[product] = CentralBand.of(np.asarray(rise))
        return found

    def _by_buyer(self, good: int, prices: FloatArray) -> FloatArray:
        """(M, B) change of what each buyer pays."""
        bought = self._rivalry(good).flow[0].sum(0)
        columns = []
        for b, tonnes in enumerate(bought):
            one = np.arange(len(bought)) == b
            columns.append(self._index(good, prices, one) if tonnes > 0 else np.zeros(self.members))
        return np.stack(columns, axis=1)

    def _gains(self, good: int, prices: FloatArray, party: BoolArray) -> dict[str, CentralBand]:
        """Million USD a year: profits of parties and rivals, and what users of each country are spared."""
        world, rivalry = self.world, self._rivalry(good)
        before, after = self._owned(good, self.base), self._owned(good, self.after)
        assert rivalry.cost is not None
        margin = rivalry.usual(before)
        cost = (1 - margin) * np.exp(rivalry.cost)
        sold = rivalry.sold(before, after, prices / np.exp(rivalry.cost)).sum(-1)
        profit = (prices - cost) * sold - margin * rivalry.flow.sum(-1)
        million = world.goods[good].base_price / 1e6
        found = {
            "parties": CentralBand.of((profit[:, party]).sum(1) * million),
            "rivals": CentralBand.of((profit[:, ~party]).sum(1) * million),
        }
        paid = self._by_buyer(good, prices) * rivalry.flow[0].sum(0) * million
        country = world.facility_country[self._buyers(good).facility]
        for place in np.unique(country).tolist():
            found[f"users in {world.countries[place]}"] = CentralBand.of(-paid[:, country == place].sum(1))
        return found

    # -- markets -------------------------------------------------------------------------------

    def markets(self, good: int) -> list[MarketRow]:
        """The world's market, and those of regions in which at least two parties sell."""
        world, buyers = self.world, self._buyers(good)
        region = self._regions(world.facility_country[buyers.facility])
        prices = self._prices(good, self.after)
        rows = [self._market(good, "world", np.ones(len(region), dtype=bool), prices)]
        for name in dict.fromkeys(region):
            row = self._market(good, name, np.array([r == name for r in region]), prices)
            both = sum(share >= LEAST_SHARE for share in row.shares.values()) >= 2
            if both or row.joint >= LEAST_JOINT:
                rows.append(row)
        return rows

    def _regions(self, countries: IntArray) -> list[str]:
        groups = {code: name for name in REGIONS for code in self.world.groups.get(name, ())}
        codes = [self.world.countries[place] for place in countries]
        return [groups.get(code, code) for code in codes]

    def _market(self, good: int, region: str, buyers: BoolArray, prices: FloatArray) -> MarketRow:
        world, rivalry = self.world, self._rivalry(good)
        bought = rivalry.flow[0][:, buyers].sum(1)
        total = max(float(bought.sum()), 1e-300)
        sellers = world.offer_facility[world.offer_slice(good)]
        before, after = self._owned(good, self.base), self._owned(good, self.after)
        party = self.parties[sellers]
        shares: dict[str, float] = {}
        for place, tonnes in zip(sellers[party], bought[party], strict=True):
            firm = world.facility_firm[place]
            shares[firm] = shares.get(firm, 0.0) + float(tonnes) / total
        group = [after.firm[k] for k in np.flatnonzero(party)]
        joint = max((float(bought[after.firm == g].sum()) / total for g in set(group)), default=0.0)
        index, index_after = (_hhi(bought, one) for one in (before, after))
        crossed = [
            line.authority for line in thresholds() if line.crossed(index_after, index_after - index, joint)
        ]
        return MarketRow(
            good=world.goods[good].id, region=region, value=total * world.goods[good].base_price,
            shares=shares, joint=joint, hhi=index, hhi_after=index_after,
            price=CentralBand.of(self._index(good, prices, buyers)), crossed=tuple(dict.fromkeys(crossed)),
        )  # fmt: skip


def _hhi(bought: FloatArray, owned: Owned) -> float:
    """Herfindahl-Hirschman index of owners, a fringe as so many small firms."""
    total = max(float(bought.sum()), 1e-300)
    small = owned.firms_each[0]
    by_firm = np.bincount(owned.firm, bought / total)
    each = np.bincount(owned.firm, small, minlength=len(by_firm)) / np.maximum(np.bincount(owned.firm), 1)
    return float(1e4 * (by_firm**2 / each).sum())


def _mean(values: FloatArray, weight: FloatArray) -> FloatArray:
    """(M,) weighted mean of (M, S); 0 without weight."""
    total = weight.sum()
    mean: FloatArray = values @ (weight / total) if total > 0 else np.zeros(len(values))
    return mean
