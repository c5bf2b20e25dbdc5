"""Step 9: the only place that writes results, and the labels that they carry."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sim.agents.firms import owner_concentration
from sim.agents.groups import Groups
from sim.controls import Controls
from sim.engine.borders import TradeBook
from sim.engine.ledger import Ledger
from sim.market.flows import FlowTotals
from sim.world.world import FloatArray, IntArray, World

if TYPE_CHECKING:
    import xarray as xr

    from sim.engine.simulation import Simulation
    from sim.scenario import Scenario

__all__ = ["Recorder", "controlling_country"]

LEAST_TRADE = 1e-3
"""Share of usual purchases below which a market is too thin to quote its trades."""
QUANTILES = (0.05, 0.5, 0.95)
PER_OFFER = {
    "production": ("t per step", "output of the facility"),
    "sales": ("t per step", "tonnes sold"),
    "seller_stock": ("t", "stock at the end of the step, goods waiting for a licence included"),
    "discarded": ("t per step", "joint product thrown away for want of buyers"),
}
PER_NEED = {
    "requirement": ("t per step", "tonnes needed"),
    "consumption": ("t per step", "tonnes used"),
    "shortfall": ("t per step", "tonnes needed but missing"),
    "purchases": ("t per step", "tonnes bought"),
    "buyer_stock": ("t", "stock at the end of the step"),
}
PER_PILE = {
    "stockpile_stock": ("t", "tonnes in a state's stockpile"),
    "stockpile_bought": ("t per step", "tonnes bought for a state's stockpile"),
    "stockpile_released": ("t per step", "tonnes released from a state's stockpile"),
}
PER_EVENT = {
    "event_tonnes": ("t per step", "base-year tonnes that the event acts on"),
    "event_usd": ("USD per step", "base-year value that the event acts on"),
    "event_flow": ("t per step", "tonnes in this run that the event acts on"),
    "event_change": ("t per step", "tonnes that the event acts on, less those of the base year"),
    "event_flow_usd": ("USD per step", "value at gate prices of the tonnes that the event acts on"),
    "event_waiting": ("t", "tonnes that wait for a decision on a licence"),
    "event_filed": ("t", "tonnes applied for under a licence so far"),
    "event_approved": ("t", "tonnes of licences given so far"),
}
PER_GOOD = {
    "price_gate": ("USD/t", "sales-weighted gate price, world"),
    "price_inside": ("USD/t", "gate price on domestic links of the controlling country"),
    "price_outside": ("USD/t", "CIF price of everybody outside the controlling country, rent included"),
    "rent": ("share of price", "largest rent of a quota or licence on this good"),
    "hhi_owners": ("0 to 10,000", "Herfindahl-Hirschman index of sales by owner"),
}


def controlling_country(world: World, scenario: Scenario) -> IntArray:
    """(G,) country whose inside price is reported: who restricts exports, else who makes most."""
    exports = np.zeros((len(world.goods), len(world.countries)))
    restricted = np.zeros_like(exports)
    scratch = Controls(world)
    for event in scenario.events:
        event.announce(scratch)
    for g in range(len(world.goods)):
        origin, _ = world.link_countries(g)
        np.add.at(exports[g], origin, world.base_flow[g].sum(1))
    restricted = exports * (scratch.risk.largest().max(2) > 0)
    chosen: IntArray = np.where(restricted.max(1) > 0, restricted.argmax(1), exports.argmax(1))
    return chosen


class Recorder:
    """Collects one row per step; :meth:`dataset` labels it all."""

    def __init__(self, simulation: Simulation) -> None:
        world = simulation.world
        self._simulation = simulation
        self._controller = controlling_country(world, simulation.scenario)
        goods, countries = len(world.goods), len(world.countries)
        self._first_need = np.searchsorted(world.need_good, np.arange(goods))
        self._first_offer = np.searchsorted(world.offer_good, np.arange(goods))
        self._outside_need = world.need_country != self._controller[world.need_good]
        self._inside_weight, link_key = [], []
        for g in range(goods):
            origin, destination = world.link_countries(g)
            at_home = (origin == self._controller[g])[:, None] & (destination == self._controller[g])
            self._inside_weight.append(at_home.astype(float))
            link_key.append((g * countries + origin[:, None]) * countries + destination)
        self._pairs = Groups(world.need_good * countries + world.need_country)
        self._importers = Groups(world.need_country)
        makers = np.array([kind == "manufacturer" for kind in world.facility_kind])
        self._user_needs = np.flatnonzero(makers[world.need_facility])
        self._users = Groups(world.need_facility[self._user_needs])
        self._year_of = np.array([date.year for date in simulation.dates[:-1]])
        self._links = Groups(np.concatenate([key.ravel() for key in link_key]))
        self.ledger = Ledger(simulation, self._links)
        self._running: FlowTotals | None = None
        self._running_steps = 0
        self._year_total: FloatArray | None = None
        self._yearly: list[FloatArray] = []
        self._allocate(simulation)

    def _allocate(self, simulation: Simulation) -> None:
        """Make room for what is kept of every step."""
        world = simulation.world
        goods, countries = len(world.goods), len(world.countries)
        members, steps = len(simulation.members), simulation.steps
        sizes = {
            **dict.fromkeys(PER_GOOD, goods),
            **dict.fromkeys(PER_OFFER, len(world.offer_good)),
            **dict.fromkeys(PER_NEED, len(world.need_good)),
            "tariff_revenue": countries,
            "value_added_at_risk": len(world.facilities),
            **dict.fromkeys(PER_EVENT, len(simulation.scenario.events)),
            **dict.fromkeys(PER_PILE, len(simulation.stockpiles.goods)),
            "origin_purchases": 0,
        }
        # Purchases by origin: one column per family, good, importer and country of origin.
        self._origin_groups = []
        self._origin_columns: list[tuple[int, int, int]] = []
        for family in simulation.origins:
            groups = Groups(world.need_good[family.needs] * countries + world.need_country[family.needs])
            self._origin_groups.append(groups)
            for key in groups.keys.tolist():
                self._origin_columns += [(*divmod(key, countries), origin) for origin in family.countries]
        sizes["origin_purchases"] = len(self._origin_columns)
        self._kept: dict[str, npt.NDArray[np.float32]] = {
            name: np.zeros((members, steps, size), dtype=np.float32) for name, size in sizes.items()
        }
        self._delivered = np.full((members, steps, goods, countries), np.nan, dtype=np.float32)
        self._residual = np.zeros((members, steps, goods))
        self._gap = np.zeros((members, steps, goods))
        self._certified = np.zeros((members, steps, goods), dtype=bool)
        self._trade = TradeBook(simulation)

    def latest(self, name: str) -> npt.NDArray[np.float32]:
        """(M, size) row of the step recorded last."""
        return self._kept[name][:, self._simulation.time - 1]

    def _by_good(self, values: FloatArray, first: IntArray) -> FloatArray:
        return np.add.reduceat(values, first, axis=1)

    def record(self, simulation: Simulation) -> None:
        """Write the step that has just ended."""
        world, t, market = simulation.world, simulation.time, simulation.market
        clearing, state, kept = simulation.cleared, simulation.state, self._kept

        for name, prices in self.prices(simulation).items():
            kept[name][:, t] = prices
        bought = self._pairs.sums(clearing.purchases)
        paid = self._pairs.sums(simulation.paid) / np.maximum(bought, 1e-300)
        good, importer = np.divmod(self._pairs.keys, len(world.countries))
        self._delivered[:, t, good, importer] = np.where(
            bought > 1e-9, paid * world.base_price[good], np.nan
        )
        duty = clearing.to_buyers(market.duty, clearing.price, include_rent=True)
        duty = self._importers.sums(duty * world.base_price[world.need_good])
        kept["tariff_revenue"][:, t, self._importers.keys] = duty
        kept["rent"][:, t] = self.rents(simulation)
        kept["hhi_owners"][:, t] = owner_concentration(
            world, simulation.controls.markup_owner, clearing.sales
        )

        kept["production"][:, t] = simulation.output
        kept["sales"][:, t] = clearing.sales
        kept["seller_stock"][:, t] = state.seller_stock
        kept["discarded"][:, t] = simulation.discarded
        kept["requirement"][:, t] = simulation.required
        kept["consumption"][:, t] = simulation.consumed
        kept["shortfall"][:, t] = simulation.shortfall
        kept["purchases"][:, t] = simulation.purchases
        kept["buyer_stock"][:, t] = state.buyer_stock
        piles = simulation.stockpiles
        kept["stockpile_stock"][:, t] = piles.tonnes.stock[..., 0]
        kept["stockpile_bought"][:, t], kept["stockpile_released"][:, t] = piles.bought, piles.released
        first = 0
        for family, groups in zip(simulation.origins, self._origin_groups, strict=True):
            members, needs, origins = family.shipped.shape
            by_need = np.swapaxes(family.shipped, 1, 2).reshape(members * origins, needs)
            sums = groups.sums(by_need).reshape(members, origins, -1)
            width = origins * sums.shape[2]
            columns = np.swapaxes(sums, 1, 2).reshape(members, -1)
            kept["origin_purchases"][:, t, first : first + width] = columns
            first += width
        kept["value_added_at_risk"][:, t, self._users.keys] = self.value_added_at_risk(simulation)
        self._trade.book(simulation)
        self._add_flows(simulation, t)
        self.ledger.book(simulation, kept["price_gate"][:, t].astype(np.float64))
        for name, column in self.ledger.columns.items():
            kept[name][:, t] = column
        self._residual[:, t], self._gap[:, t] = clearing.residual, clearing.gap
        self._certified[:, t] = clearing.certified

    def prices(self, simulation: Simulation) -> dict[str, FloatArray]:
        """Gate, inside and outside price of the step that has just ended, each (M, G) USD/t."""
        world, market = simulation.world, simulation.market
        clearing, price = simulation.cleared, simulation.world.base_price
        found = {}
        sold = self._by_good(clearing.sales, self._first_offer)
        value = self._by_good(clearing.sales * clearing.price, self._first_offer)
        weighted = self._by_good(world.offer_output * clearing.price, self._first_offer)
        plain = weighted / self._by_good(world.offer_output[None], self._first_offer)
        found["price_gate"] = price * _ratio(value, sold, plain)

        inside = clearing.to_sellers(self._inside_weight)
        tonnes = self._by_good(inside, self._first_offer)
        value = self._by_good(inside * clearing.price, self._first_offer)
        at_home = world.offer_country == self._controller[world.offer_good]
        home = self._by_good(world.offer_output * at_home * clearing.price, self._first_offer)
        home_weight = self._by_good((world.offer_output * at_home)[None], self._first_offer)
        found["price_inside"] = price * _ratio(value, tonnes, _ratio(home, home_weight, plain))

        landed = clearing.to_buyers(market.cif, clearing.price, include_rent=True)
        outside = self._outside_need
        tonnes = self._by_good(clearing.purchases * outside, self._first_need)
        usual = np.maximum(self._by_good((world.need_use * outside)[None], self._first_need), 1e-12)
        # Where practically nothing is traded there is no price; what users would pay at most stands in.
        bid = np.minimum(clearing.index, simulation.give_up[..., -1])
        signal = self._by_good(world.need_use * outside * bid, self._first_need) / usual
        value = self._by_good(landed * outside, self._first_need)
        traded = tonnes > LEAST_TRADE * usual * simulation.step_years
        found["price_outside"] = price * np.where(traded, _ratio(value, tonnes, signal), signal)
        return found

    def rents(self, simulation: Simulation) -> FloatArray:
        """(M, G) largest rent of a cap that somebody pays, share of price."""
        clearing, market = simulation.cleared, simulation.market
        rent = np.zeros((len(clearing.price), len(simulation.world.goods)))
        for cap, cap_good in enumerate(market.cap_goods):
            # A cap with no flow has no rent that anybody pays.
            paying = clearing.cap_flow[:, cap] > 1e-6 * market.base_cap_flow[cap] * simulation.step_years
            rent[:, cap_good] = np.maximum(rent[:, cap_good], np.where(paying, clearing.rent[:, cap], 0.0))
        return rent

    def value_added_at_risk(self, simulation: Simulation) -> FloatArray:
        """(M, users) USD per step: a sector loses what its scarcest good stands for (goods do not add up)."""
        world, needs, users = simulation.world, self._user_needs, self._users.keys
        missing = simulation.shortfall[:, needs] / np.maximum(simulation.required[:, needs], 1e-12)
        lost = self._users.largest(missing * world.need_dependence[needs])
        risk: FloatArray = lost * world.facility_value_added[users] * simulation.step_years
        return risk

    def _add_flows(self, simulation: Simulation, t: int) -> None:
        new_year = t > 0 and self._year_of[t] != self._year_of[t - 1]
        changed = self.ledger.set_policy(simulation.controls, simulation.shares)
        # Where policy changes at other times in other members, sums are closed at every step: their last bit
        # must not depend on who shares the batch.
        if changed or new_year or simulation.differing:
            self._close_segment()
        if new_year:
            self._close_year()
        if self._running is None:
            self._running, self._running_steps = FlowTotals(), 0
            self.ledger.open_segment()
        self._running.add(simulation.cleared)
        self._running_steps += 1

    def _close_segment(self) -> None:
        """Sum facility flows to country links: far smaller, and all that is kept."""
        if self._running is None:
            return
        blocks = self._running.totals()
        flat = np.concatenate([block.reshape(len(block), -1) for block in blocks], axis=1)
        sums = self._links.sums(flat)
        self.ledger.close_segment(sums, self._running_steps)
        self._year_total = sums if self._year_total is None else self._year_total + sums
        self._running = None

    def _close_year(self) -> None:
        self._close_segment()
        if self._year_total is not None:
            self._yearly.append(self._year_total)
        self._year_total = None

    def dataset(self) -> xr.Dataset:
        """All results, labelled, with units (``docs/results.md``)."""
        import xarray as xr

        simulation = self._simulation
        world, scenario = simulation.world, simulation.scenario
        dims = {
            **dict.fromkeys(PER_GOOD, "good"), **dict.fromkeys(PER_OFFER, "offer"),
            **dict.fromkeys(PER_NEED, "need"), "tariff_revenue": "importer",
            "value_added_at_risk": "facility", **dict.fromkeys(PER_EVENT, "event"),
            **dict.fromkeys(PER_PILE, "pile"), "origin_purchases": "origin_link",
        }
        extra = {
            "origin_purchases": ("t per step", "tonnes bought, stockpiles included, by country of origin"),
            "tariff_revenue": ("USD per step", "tariff revenue"),
            "value_added_at_risk": ("USD per step", "value added that hangs on the missing goods"),
        }
        described = {**PER_GOOD, **PER_OFFER, **PER_NEED, **PER_PILE, **PER_EVENT, **extra}
        variables: dict[str, Any] = {}
        for name, values in self._kept.items():
            if name in (*PER_PILE, "origin_purchases") and not values.shape[2]:
                continue
            unit, text = described[name]
            variables[name] = (
                ("member", "time", dims[name]), values, {"units": unit, "long_name": text}
            )
        variables["price_delivered"] = (
            ("member", "time", "good", "importer"), self._delivered,
            {"units": "USD/t", "long_name": "price paid by importers, duty and rent included"},
        )
        for name, values64, text in (
            ("certificate_residual", self._residual, "excess demand left, share of the market"),
            ("certificate_gap", self._gap, "duality gap, share of the market's value"),
        ):
            variables[name] = (("member", "time", "good"), values64, {"units": "1", "long_name": text})
        variables["certified"] = (
            ("member", "time", "good"), self._certified,
            {"units": "1", "long_name": "the market's solution carries its certificate"},
        )
        variables |= self._trade.variables()
        drawn = simulation.draws.values
        if drawn:
            variables["drawn"] = (
                ("member", "draw"), np.stack(list(drawn.values()), axis=1),
                {"units": "unit used inside the model", "long_name": "what each member drew or was given"},
            )
        self._close_year()
        links, totals = self._links.keys, np.stack(self._yearly)
        quantiles = np.quantile(totals, QUANTILES, axis=1).astype(np.float32)
        moved = quantiles.max(axis=(0, 1)) > 0
        variables["flow"] = (
            ("quantile", "year", "link"), quantiles[:, :, moved],
            {"units": "t per calendar year", "long_name": "trade between countries, quantiles over members"},
        )
        good, pair = np.divmod(links[moved], len(world.countries) ** 2)
        exporter, importer = np.divmod(pair, len(world.countries))
        codes = np.array(world.countries)
        goods = np.array([item.id for item in world.goods])
        facility = np.array(world.facilities)
        kind, sector = np.array(world.facility_kind), np.array(world.facility_sector)

        def of(attribute: str) -> npt.NDArray[np.str_]:
            return np.array([str(getattr(item, attribute)) for item in world.goods])

        coordinates: dict[str, Any] = {
            "member": list(simulation.members),
            "time": np.array(simulation.dates[:-1], dtype="datetime64[ns]"),
            "good": goods,
            "good_name": ("good", of("name")),
            "good_mineral": ("good", of("mineral")),
            "good_stage": ("good", of("stage")),
            "good_unit": ("good", of("unit")),
            "good_hs6": ("good", np.array([";".join(item.hs6) for item in world.goods])),
            "good_base_price": ("good", world.base_price, {"units": "USD/t"}),
            "good_controller": ("good", codes[self._controller]),
            "offer_good": ("offer", goods[world.offer_good]),
            "offer_facility": ("offer", facility[world.offer_facility]),
            "offer_country": ("offer", codes[world.offer_country]),
            "offer_firm": ("offer", np.array(world.facility_firm)[world.offer_facility]),
            "offer_kind": ("offer", kind[world.offer_facility]),
            "need_good": ("need", goods[world.need_good]),
            "need_facility": ("need", facility[world.need_facility]),
            "need_country": ("need", codes[world.need_country]),
            "need_sector": ("need", sector[world.need_facility]),
            "need_kind": ("need", kind[world.need_facility]),
            "facility": facility,
            "facility_country": ("facility", codes[world.facility_country]),
            "facility_sector": ("facility", sector),
            "facility_kind": ("facility", kind),
            "importer": codes,
            "event": np.array([event.id for event in scenario.events], dtype=str),
            **({"draw": np.array(list(drawn))} if drawn else {}),
            **self._trade.labels(codes, goods),
            **self._ledger_rows(variables, codes, goods),
            **self._labels_of_piles_and_origins(codes, goods),
            "year": np.unique(self._year_of),
            "quantile": list(QUANTILES),
            "link_good": ("link", goods[good]),
            "link_exporter": ("link", codes[exporter]),
            "link_importer": ("link", codes[importer]),
        }
        return xr.Dataset(variables, coords=coordinates, attrs=self._attributes())

    def _ledger_rows(
        self, variables: dict[str, Any], codes: npt.NDArray[np.str_], goods: npt.NDArray[np.str_]
    ) -> dict[str, Any]:
        """The ledger by event and link, added to the variables; its labels."""
        variables["event_agents"] = (
            ("member", "event"), self.ledger.agents,
            {"units": "facilities", "long_name": "facilities that the event acts on"},
        )  # fmt: skip
        event, link, tonnes, base = self.ledger.table()
        if not len(event):
            return {}
        for name, values, text in (
            ("ledger_tonnes", tonnes, "tonnes traded while the event was in force"),
            ("ledger_base", base, "base-year tonnes of as long a time"),
        ):
            attributes = {"units": "t, whole run", "long_name": text}
            variables[name] = (("member", "ledger"), values.astype(np.float32), attributes)
        good, pair = np.divmod(link, len(codes) ** 2)
        exporter, importer = np.divmod(pair, len(codes))
        ids = np.array([item.id for item in self._simulation.scenario.events], dtype=str)
        return {
            "ledger_event": ("ledger", ids[event]),
            "ledger_good": ("ledger", goods[good]),
            "ledger_exporter": ("ledger", codes[exporter]),
            "ledger_importer": ("ledger", codes[importer]),
        }

    def _labels_of_piles_and_origins(
        self, codes: npt.NDArray[np.str_], goods: npt.NDArray[np.str_]
    ) -> dict[str, Any]:
        """Labels of what only some scenarios have."""
        labels: dict[str, Any] = {}
        piles = self._simulation.stockpiles
        if piles:
            labels["pile_event"] = ("pile", np.array(piles.events))
            labels["pile_good"] = ("pile", goods[piles.goods])
        if self._origin_columns:
            good, importer, origin = np.array(self._origin_columns).T
            labels["origin_good"] = ("origin_link", goods[good])
            labels["origin_importer"] = ("origin_link", codes[importer])
            labels["origin_country"] = ("origin_link", codes[origin])
        return labels

    def _attributes(self) -> dict[str, Any]:
        simulation = self._simulation
        scenario = simulation.scenario
        events = [
            {
                "id": event.id, "type": event.type, "sentence": event.sentence(),
                "announced": str(event.announced or ""), "from": str(event.from_ or ""),
                "until": str(event.until or ""),
                "in_base_year": bool(getattr(event, "in_base_year", False)),
            }
            for event in scenario.events
        ]
        return {
            "scenario": scenario.name,
            "title": scenario.title,
            "base_year": simulation.world.base_year,
            "seed": simulation.seed,
            "members": len(simulation.members),
            "step": scenario.step,
            "compare_to": scenario.compare_to or "",
            "events": json.dumps(events),
        }


def _ratio(value: FloatArray, weight: FloatArray, fallback: FloatArray) -> FloatArray:
    """value / weight where there is weight, else the fallback."""
    return np.where(weight > 1e-9, value / np.maximum(weight, 1e-12), fallback)
