"""What is fixed during a run, in one place: every decision reads from here and from the state."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sim.agents.hosts import Hosts
from sim.agents.parameters import Behaviour
from sim.agents.past import Past
from sim.agents.scrap import Recycling
from sim.arrays import BoolArray, FloatArray
from sim.market.layout import Engine
from sim.world.benchmark import Benchmark
from sim.world.world import World

__all__ = ["Prepared"]


@dataclass(frozen=True)
class Prepared:
    """A world, its benchmark, the members' behaviour and the length of a step."""

    world: World
    benchmark: Benchmark
    behaviour: Behaviour
    step_years: float
    members: int
    engine: Engine = "numpy"
    """What clears markets."""

    @cached_property
    def sigma(self) -> FloatArray:
        """(G,) sourcing elasticity of each good, or (M, G) where it is drawn."""
        return np.asarray(self.behaviour.shared_or_each("sourcing_elasticity"))

    @cached_property
    def sigma_long(self) -> FloatArray:
        """(1 or M, G) sourcing elasticity of each good in the long run, at least that within a step."""
        each = np.atleast_2d(np.asarray(self.behaviour.shared_or_each("sourcing_elasticity_long")))
        longer: FloatArray = np.maximum(each, np.atleast_2d(self.sigma))
        return longer

    @cached_property
    def sigma_of_offers(self) -> FloatArray:
        """(O,) or (M, O) sourcing elasticity of each offer's good."""
        of_offers: FloatArray = self.sigma.take(self.world.offer_good, axis=-1)
        return of_offers

    @property
    def sourcing_moves(self) -> bool:
        """Whether sourcing weights may differ from those of the base year."""
        return self.sourcing_adapts or bool(self.benchmark.entrant.any())

    @cached_property
    def sourcing_adapts(self) -> bool:
        """Whether sourcing weights move in the run: never where members' elasticities are given alike."""
        drawn = "sourcing_elasticity_long" in self.behaviour.drawn
        return drawn or bool((self.sigma_long > np.atleast_2d(self.sigma)).any())

    @cached_property
    def resells(self) -> bool:
        """Whether third countries sell on what they hold: never where the speed is given as 0."""
        return "resale_speed" in self.behaviour.drawn or bool((self.behaviour["resale_speed"] > 0).any())

    @cached_property
    def fringe(self) -> FloatArray:
        """(1 or M, G) equal small firms behind a producer whom no table names."""
        each = np.atleast_2d(np.asarray(self.behaviour.shared_or_each("fringe_firms"), dtype=np.float64))
        return np.broadcast_to(np.maximum(each, 1.0), (len(each), len(self.world.goods)))

    @cached_property
    def past(self) -> Past:
        """Prices of the years before, and what they left behind."""
        return Past(self.world, self.behaviour)

    @cached_property
    def used_to(self) -> FloatArray:
        """(M, G) log of the price that users have adapted to as the run begins, over the base year's."""
        return self.past.seen(self.behaviour["thrift_speed"])

    @cached_property
    def made(self) -> BoolArray:
        """(O,) True for what plants make, False for what mines do."""
        return self.benchmark.activities.offer_plant >= 0

    @cached_property
    def entering(self) -> BoolArray:
        """(O,) True for what stands still and opens by itself: plants that are built as projects do not."""
        entering: BoolArray = self.benchmark.entrant & ~(self.made & (self.world.project_of_offer >= 0))
        return entering

    @cached_property
    def building_years(self) -> FloatArray:
        """(M, O) years that an expansion takes to build: of plants, and of mines."""
        behaviour = self.behaviour
        plants, mines = behaviour["plant_building_years"], behaviour["building_years"]
        return np.where(self.made, plants, mines)

    @cached_property
    def hosts(self) -> Hosts:
        """Which mines' output comes with that of others."""
        return Hosts(self.world, self.benchmark)

    @cached_property
    def recycling(self) -> Recycling | None:
        """Rules of goods in use and of scrap; None where no goods in use are followed."""
        if self.world.scrap is None:
            return None
        return Recycling(self.world, self.behaviour, self.step_years)

    @cached_property
    def kept_stock(self) -> FloatArray:
        """(M, O) tonnes that sellers hold beside a step's output in normal times.

        An entrant at full capacity holds what others do, in time of output.
        """
        world, entrant = self.world, self.benchmark.entrant
        scale = self.behaviour["seller_stock_scale"]
        if not entrant.any():
            return scale * world.offer_stock
        goods = len(world.goods)
        stock = np.bincount(world.offer_good, world.offer_stock, goods)
        output = np.bincount(world.offer_good, world.offer_output, goods)
        years = np.divide(stock, output, out=np.zeros(goods), where=output > 0)
        stock = np.where(entrant, years[world.offer_good] * self.benchmark.normal_output, world.offer_stock)
        return scale * stock

    @cached_property
    def cash_cost(self) -> FloatArray:
        """(O,) base-year cash cost, multiple of the good's base price.

        What did not run at base prices costs no less than they, what ran no more; what was not there yet may
        cost anything.
        """
        cost = self.world.offer_cash_cost / self.world.base_price[self.world.offer_good]
        known = np.where(self.benchmark.entrant, np.maximum(cost, 1.0), np.minimum(cost, 1.0))
        return np.where(self.world.comes_later, cost, known)

    def each(self, row: FloatArray) -> FloatArray:
        """(M, n) a row (n,) for every member, each its own to write in."""
        return np.repeat(row[None], self.members, axis=0)
