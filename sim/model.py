"""The Mesa model: agents as views on the arrays of :class:`sim.engine.Simulation`.

Usable as any Mesa model: ``model.agents``, ``AgentSet.select``, ``DataCollector``, ``rng=``.
The agents view one member (0 unless told). To play an agent, subclass it, override one
decision, and pass the class in ``agent_classes``; the override is then called once per member
and step with that member's numbers, whatever the number of members.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import mesa
import numpy as np

from sim.engine import Simulation
from sim.world.world import FloatArray, IntArray, World

if TYPE_CHECKING:
    from sim.scenario import Scenario

__all__ = [
    "Country", "Facility", "Manufacturer", "Miner", "MonaziteModel", "Processor", "Trader",
]


class Country(mesa.Agent):  # type: ignore[misc]
    """A country: what its facilities make and lack, and one decision to override."""

    model: MonaziteModel

    def __init__(self, model: MonaziteModel, index: int) -> None:
        super().__init__(model)
        world = model.simulation.world
        self.index = index
        self.iso3 = world.countries[index]
        self.name = world.country_names[index]
        self.offer_positions: IntArray = np.flatnonzero(world.offer_country == index)
        self.need_positions: IntArray = np.flatnonzero(world.need_country == index)

    def offers_of(self, good: str) -> IntArray:
        """Positions on the offer axis of this country's sellers of one good."""
        world = self.model.simulation.world
        wanted = [k for k, item in enumerate(world.goods) if item.id == good]
        return self.offer_positions[np.isin(world.offer_good[self.offer_positions], wanted)]

    @property
    def shortfall(self) -> float:
        """Tonnes missing in this country in the last step, all goods, viewed member."""
        return float(self.model.simulation.shortfall[self.model.viewed_member, self.need_positions].sum())

    def decide_output(self, member: int, planned: FloatArray) -> FloatArray:
        """Tonnes that each facility of this country makes this step; ``planned`` is (own offers,).

        The default lets the firms decide. Override it to run a production quota of your own.
        """
        return planned


class Facility(mesa.Agent):  # type: ignore[misc]
    """A facility of any kind, viewed in one member."""

    model: MonaziteModel

    def __init__(self, model: MonaziteModel, index: int) -> None:
        super().__init__(model)
        world = model.simulation.world
        self.index = index
        self.facility = world.facilities[index]
        self.name = world.facility_names[index]
        self.country = world.countries[world.facility_country[index]]
        self.firm = world.facility_firm[index]
        self.offer_positions: IntArray = np.flatnonzero(world.offer_facility == index)
        self.need_positions: IntArray = np.flatnonzero(world.need_facility == index)
        self.goods_sold = tuple(world.goods[g].id for g in world.offer_good[self.offer_positions])
        self.goods_bought = tuple(world.goods[g].id for g in world.need_good[self.need_positions])

    def _view(self, values: FloatArray, positions: IntArray) -> FloatArray:
        row: FloatArray = values[self.model.viewed_member, positions]
        return row

    @property
    def output_stock(self) -> FloatArray:
        """(own offers,) tonnes of each good on hand to sell."""
        return self._view(self.model.simulation.state.seller_stock, self.offer_positions)

    @property
    def input_stock(self) -> FloatArray:
        """(own needs,) tonnes of each good on hand to use."""
        return self._view(self.model.simulation.state.buyer_stock, self.need_positions)

    @property
    def gate_price(self) -> FloatArray:
        """(own offers,) last gate price, USD per tonne."""
        world = self.model.simulation.world
        base = world.base_price[world.offer_good[self.offer_positions]]
        return self._view(self.model.simulation.state.gate_price, self.offer_positions) * base

    @property
    def shortfall(self) -> float:
        """Tonnes missing in the last step, all goods."""
        return float(self._view(self.model.simulation.shortfall, self.need_positions).sum())

    def decide_ask(self, member: int, ask: FloatArray) -> FloatArray:
        """Asks (own offers,), multiples of the base price. Override to price differently."""
        return ask

    def decide_output(self, member: int, planned: FloatArray) -> FloatArray:
        """Planned tonnes (own offers,). Override to hold back or push output."""
        return planned

    def decide_requirement(self, member: int, required: FloatArray) -> FloatArray:
        """Tonnes needed (own needs,). Override to save or hoard."""
        return required


class Miner(Facility):
    """A mine, or a source of secondary material: sells, buys nothing."""


class Processor(Facility):
    """A plant: turns inputs into outputs."""


class Trader(Facility):
    """A re-exporter: buys and sells the same good."""


class Manufacturer(Facility):
    """An end-use sector in a country: buys, and loses value added when goods are missing."""

    @property
    def sector(self) -> str:
        """Sector id, as in the world's table."""
        return str(self.model.simulation.world.facility_sector[self.index])


FACILITY_CLASSES: Mapping[str, type[Facility]] = {
    "miner": Miner, "processor": Processor, "trader": Trader, "manufacturer": Manufacturer,
}
DECISIONS = (
    ("decide_output", "planned_output", "offer_positions"),
    ("decide_ask", "ask", "offer_positions"),
    ("decide_requirement", "requirement", "need_positions"),
)


class MonaziteModel(mesa.Model):  # type: ignore[misc]
    """A scenario as a Mesa model.

    Args:
        world: the base year.
        scenario: what happens.
        members: number of ensemble members; all are stepped together.
        viewed_member: the member that the agents show.
        agent_classes: replacements by country code, facility id, or kind
            (``country``, ``miner``, ``processor``, ``trader``, ``manufacturer``).
        rng: seed of every random stream, as for any Mesa model.
    """

    def __init__(
        self,
        world: World,
        scenario: Scenario,
        members: int = 1,
        viewed_member: int = 0,
        agent_classes: Mapping[str, type[mesa.Agent]] | None = None,
        rng: int = 0,
    ) -> None:
        super().__init__(rng=rng)
        self.viewed_member = viewed_member
        self.simulation = Simulation(world, scenario, members=members, seed=rng)
        chosen = dict(agent_classes or {})
        for index, iso3 in enumerate(world.countries):
            country_class = chosen.get(iso3, chosen.get("country", Country))
            self._attach(country_class(self, index))
        for index, name in enumerate(world.facilities):
            kind = world.facility_kind[index]
            self._attach(chosen.get(name, chosen.get(kind, FACILITY_CLASSES[kind]))(self, index))

    def _attach(self, agent: Any) -> None:
        """Register the decisions that a subclass overrides, and only those."""
        plain = Country if isinstance(agent, Country) else Facility
        for method, decision, positions in DECISIONS:
            if getattr(type(agent), method, None) in (None, getattr(plain, method, None)):
                continue
            own: IntArray = getattr(agent, positions)
            decide = getattr(agent, method)

            def override(
                member: int, row: FloatArray, own: IntArray = own, decide: Any = decide
            ) -> FloatArray:
                changed = row.copy()
                changed[own] = decide(member, row[own].copy())
                return changed

            getattr(self.simulation.decisions, decision).append(override)

    @property
    def countries(self) -> mesa.agent.AgentSet:
        """All country agents."""
        return self.agents.select(lambda agent: isinstance(agent, Country))

    @property
    def total_shortfall(self) -> float:
        """Tonnes missing in the last step in the viewed member, all end users."""
        return float(self.simulation.shortfall[self.viewed_member].sum())

    def price(self, good: str) -> float:
        """Sales-weighted gate price of one good in the viewed member, USD per tonne."""
        world = self.simulation.world
        index = [item.id for item in world.goods].index(good)
        sellers = world.offer_slice(index)
        price = self.simulation.state.gate_price[self.viewed_member, sellers]
        weight = world.offer_output[sellers]
        return float((price * weight).sum() / weight.sum() * world.goods[index].base_price)

    def step(self) -> None:
        """One month (or week): the engine's nine calls."""
        self.simulation.step()
