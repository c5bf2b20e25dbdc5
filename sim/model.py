"""The Mesa model: agents as views on the arrays of :class:`sim.engine.Simulation`.

Usable as any Mesa model: ``model.agents``, ``AgentSet.select``, ``DataCollector``, ``rng=``, ``batch_run``,
and ``while model.running: model.step()``, which ends with the scenario.
The agents view one member (0 unless told). To play an agent, subclass it, override one
decision, and pass the class in ``agent_classes``; the override is then called once per member
and step with that member's numbers, whatever the number of members.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import mesa
import numpy as np

from sim.engine import Simulation
from sim.errors import MonaziteError, did_you_mean
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

    def __repr__(self) -> str:
        sells, buys = len(self.offer_positions), len(self.need_positions)
        return f"<{type(self).__name__} {self.iso3} ({self.name}): {sells} offers, {buys} needs>"

    def offers_of(self, good: str) -> IntArray:
        """Positions on the offer axis of this country's sellers of one good."""
        world = self.model.simulation.world
        wanted = [k for k, item in enumerate(world.goods) if item.id == good]
        return self.offer_positions[np.isin(world.offer_good[self.offer_positions], wanted)]

    @property
    def shortfall(self) -> float:
        """Tonnes missing in this country in the last step, all goods, viewed member."""
        missing = self.model.simulation.state.shortfall[self.model.viewed_member]
        return float(missing[self.need_positions].sum())

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

    def __repr__(self) -> str:
        trade = [
            f"{verb} {', '.join(goods)}"
            for verb, goods in (("buys", self.goods_bought), ("sells", self.goods_sold)) if goods
        ]  # fmt: skip
        return f"<{type(self).__name__} {self.facility} in {self.country}: {'; '.join(trade) or 'idle'}>"

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
        return float(self._view(self.model.simulation.state.shortfall, self.need_positions).sum())

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


@dataclass(frozen=True)
class _Override:
    """One agent's decision, as the engine calls it; an object, so that a copied model asks its own agents."""

    agent: Any
    method: str
    own: IntArray

    def __call__(self, member: int, row: FloatArray) -> FloatArray:
        changed = row.copy()
        changed[self.own] = getattr(self.agent, self.method)(member, row[self.own].copy())
        return changed


class MonaziteModel(mesa.Model):  # type: ignore[misc]
    """A scenario as a Mesa model.

    Args:
        world: the base year; where the scenario names minerals, the model holds their chains alone.
        scenario: what happens.
        members: number of ensemble members; all are stepped together.
        viewed_member: the member that the agents show.
        agent_classes: replacements by country code, facility id, or kind
            (``country``, ``miner``, ``processor``, ``trader``, ``manufacturer``).
        rng: seed of every random stream, a whole number; None draws one (``simulation.case.seed``).

    Attributes:
        simulation: the engine, with all its arrays. running: False after the scenario's last step.

    Raises:
        MonaziteError: a key of ``agent_classes`` names nothing of this world, a class does not fit its key, a
            ``decide_`` method is no decision, the viewed member is not there, or ``rng`` is no whole number.
    """

    running: bool

    def __init__(
        self,
        world: World,
        scenario: Scenario,
        members: int = 1,
        viewed_member: int = 0,
        agent_classes: Mapping[str, type[mesa.Agent]] | None = None,
        rng: int | None = 0,
    ) -> None:
        if rng is None:
            rng = int(np.random.default_rng().integers(2**31))
        if not isinstance(rng, int | np.integer):
            raise MonaziteError(f"rng={rng!r} is no whole number; give a seed, such as rng=0")
        if not 0 <= viewed_member < members:
            raise MonaziteError(
                f"viewed_member={viewed_member} is not there; members are numbered 0 to {members - 1}"
            )
        super().__init__(rng=int(rng))
        # Mesa counts a step before it makes it: one past the end is refused before it counts.
        self._counted_step: Callable[[], None] = self.step
        self.step = self._step_or_refuse  # type: ignore[method-assign]
        self.viewed_member = viewed_member
        self.simulation = Simulation(world, scenario, members=members, seed=int(rng))
        chosen = dict(agent_classes or {})
        self._refuse_unknown(chosen)
        world = self.simulation.world
        for index, iso3 in enumerate(world.countries):
            country_class = chosen.get(iso3, chosen.get("country", Country))
            self._attach(country_class(self, index))
        for index, name in enumerate(world.facilities):
            kind = world.facility_kind[index]
            self._attach(chosen.get(name, chosen.get(kind, FACILITY_CLASSES[kind]))(self, index))

    def __repr__(self) -> str:
        simulation, world = self.simulation, self.simulation.world
        parts = (
            f"step {simulation.time} of {simulation.steps}",
            f"{len(simulation.case.members)} members, showing member {self.viewed_member}",
            f"{len(world.goods)} goods, {len(world.countries)} countries, {len(world.facilities)} facilities",
        )
        return f"<{type(self).__name__} {simulation.case.scenario.name}: {'; '.join(parts)}>"

    def _refuse_unknown(self, chosen: Mapping[str, type[mesa.Agent]]) -> None:
        """Keys that name nothing, classes that do not fit their key, and decisions that nobody asks for."""
        world = self.simulation.world
        kinds: dict[str, type[Country | Facility]] = {"country": Country, **FACILITY_CLASSES}
        for key, cls in chosen.items():
            place = f"agent_classes['{key}']"
            if key not in (*kinds, *world.countries, *world.facilities):
                say = did_you_mean(key, [*kinds, *world.countries, *world.facilities])
                minerals = ", ".join(self.simulation.case.scenario.minerals)
                where = f"the {world.base_year} world{' of ' * bool(minerals)}{minerals}"
                say = say or f"write a country code, a facility id, or one of {', '.join(kinds)}"
                raise MonaziteError(f"{place}: the key names nothing in {where}; {say}")
            base = Country if key == "country" or key in world.countries else Facility
            if not issubclass(cls, base):
                wanted = kinds.get(key, base).__name__
                raise MonaziteError(
                    f"{place}: {cls.__name__} is no {base.__name__}; derive it from sim.model.{wanted}"
                )
            known = [name for name, _, _ in DECISIONS if hasattr(base, name)]
            for name in dir(cls):
                if name.startswith("decide_") and name not in known:
                    raise MonaziteError(
                        f"{place}: nothing would call {cls.__name__}.{name}, which is no decision of a "
                        f"{base.__name__.lower()}; {did_you_mean(name, known)}"
                    )

    def _attach(self, agent: Any) -> None:
        """Register the decisions that a subclass overrides, and only those."""
        plain = Country if isinstance(agent, Country) else Facility
        for method, decision, positions in DECISIONS:
            if getattr(type(agent), method, None) in (None, getattr(plain, method, None)):
                continue
            override = _Override(agent, method, getattr(agent, positions))
            getattr(self.simulation.decisions, decision).append(override)

    @property
    def countries(self) -> mesa.agent.AgentSet:
        """All country agents."""
        return self.agents.select(lambda agent: isinstance(agent, Country))

    @property
    def total_shortfall(self) -> float:
        """Tonnes missing in the last step in the viewed member, all end users."""
        return float(self.simulation.state.shortfall[self.viewed_member].sum())

    def price(self, good: str) -> float:
        """Sales-weighted gate price of one good in the viewed member, USD per tonne.

        Raises:
            MonaziteError: the good is not in this world.
        """
        world = self.simulation.world
        ids = [item.id for item in world.goods]
        if good not in ids:
            say = did_you_mean(good, ids) or "'monazite list goods' shows all goods"
            raise MonaziteError(f"unknown good '{good}' in this model's world; {say}")
        index = ids.index(good)
        sellers = world.offer_slice(index)
        price = self.simulation.state.gate_price[self.viewed_member, sellers]
        weight = self.simulation.case.prepared.benchmark.normal_output[sellers]
        return float((price * weight).sum() / weight.sum() * world.goods[index].base_price)

    def step(self) -> None:
        """One month (or week): the engine's eight calls. ``running`` turns False with the last one.

        Raises:
            MonaziteError: the run is over.
        """
        self._refuse_past_end()
        self.simulation.step()
        if self.simulation.time >= self.simulation.steps:
            self.running = False

    def _step_or_refuse(self) -> None:
        """A step as Mesa counts it, unless the run is over."""
        self._refuse_past_end()
        self._counted_step()

    def _refuse_past_end(self) -> None:
        simulation = self.simulation
        if simulation.time >= simulation.steps:
            last = simulation.dates[-1] - dt.timedelta(days=1)
            raise MonaziteError(
                f"the run ended on {last} after {simulation.steps} steps; stop when running is False, or "
                f"give scenario '{simulation.case.scenario.name}' a later 'end'"
            )
