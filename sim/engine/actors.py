"""All agents of a run and what they carry: decisions, stocks and books, call by call of a step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.accounts import Orders
from sim.agents import buyers, entry, logistics, production, sellers, sourcing
from sim.agents.noise import Noise
from sim.agents.origins import Origins, families
from sim.agents.state import State, initial_state, need_rate
from sim.agents.tracers import Tracer, elements
from sim.agents.worth import Worth
from sim.arrays import FloatArray, Saved
from sim.engine.checkpoint import Checkpoint
from sim.engine.gates import Gates
from sim.engine.projects import Projects
from sim.engine.regime import Regime
from sim.engine.run import Run
from sim.engine.scrap import GoodsInUse
from sim.errors import MonaziteError
from sim.instruments.process import Process, Setting, Stage
from sim.market.clearing import Clearing, ClearingState
from sim.market.layout import Terms
from sim.market.weighed import clear_weighed, price_of_weight

__all__ = ["MARKET_TOLERANCE", "Actors", "Decisions", "Made", "Offered", "Wanted", "processes_of"]

MARKET_TOLERANCE = 1e-6
"""Excess demand left in a market, as a share of it; tonnes balance to rounding all the same."""

LARGEST_LOG = float(np.log(np.finfo(np.float64).max))
"""Of a price or a rent whose power is a number."""

Override = Callable[[int, FloatArray], FloatArray]
"""Called as ``override(member, row)`` with one member's decision; returns the changed row."""


@dataclass
class Decisions:
    """Overrides of single decisions, called once for each member.

    A user's agent subclass registers here; see ``docs/how-to`` and :mod:`sim.model`.
    """

    planned_output: list[Override] = field(default_factory=list)
    """(O,) tonnes that each offer's facility plans to make."""
    ask: list[Override] = field(default_factory=list)
    """(O,) price asked, multiple of the base price."""
    requirement: list[Override] = field(default_factory=list)
    """(N,) tonnes that each buyer needs."""


def _overridden(overrides: list[Override], decision: FloatArray) -> FloatArray:
    for override in overrides:
        decision = np.stack([override(member, row) for member, row in enumerate(decision)])
    return decision


@dataclass(frozen=True)
class Offered:
    """Decisions of sellers: (M, O) tonnes planned, and the price at which they keep their usual stock."""

    plan: FloatArray
    expected: FloatArray


@dataclass(frozen=True)
class Wanted:
    """Decisions of buyers."""

    required: FloatArray
    """(M, N) tonnes needed."""
    orders: Orders
    tiers: tuple[FloatArray, FloatArray]
    """Tonnes that would be used, prices at which they give way: :func:`~sim.agents.buyers.use_tiers`."""
    give_up: FloatArray
    """(M, N, classes) price, multiple of the base price."""
    held_back: FloatArray
    """(M, O) tonnes that wait for a licence."""


@dataclass(frozen=True)
class Made:
    """What was made (M, O), thrown away (M, O), used (M, N) and missing (M, N), tonnes."""

    output: FloatArray
    discarded: FloatArray
    consumed: FloatArray
    shortfall: FloatArray


class Actors:
    """Agents of all members, from the base year's steady state or from where a checkpoint stands.

    Attributes:
        state: their arrays. tracers: what stocks consist of, elements first.
        gates: books of licences and quotas. processes: what events remember. decisions: overrides.
    """

    def __init__(self, case: Run, processes: list[Process], at: Checkpoint | None = None) -> None:
        self.case, self.processes = case, processes
        prepared = case.prepared
        self.state: State = initial_state(prepared)
        barred = [rule for event in case.events if (rule := event.resale(case.world)) is not None]
        self.tracers: list[Tracer] = [elements(prepared), *families(prepared, barred)]
        if at is not None:
            self.state.restore(at.part("state"))
        for tracer in self.tracers:
            saved = at.part(f"tracers/{tracer.name}") if at is not None else None
            if saved:
                tracer.restore(saved)
            else:
                tracer.start(prepared, self.state)
        for process in processes:
            process.start(self.state, self.tracers)
        self.gates = Gates(prepared)
        self.decisions = Decisions()
        self._worth = Worth(prepared)
        self._noise = Noise(prepared, case.members, case.seed, case.steps)
        self._lots = entry.full_lots(prepared)
        self._near: tuple[FloatArray, FloatArray] = self.state.gate_price, self.state.choice_index
        self.wanted: Wanted | None = None
        self._warm: ClearingState | None = None
        if at is not None:
            for process in processes:
                process.restore(at.part(f"processes/{process.name}"))
            self.gates.restore(at.header["keys"]["gates"], at.part("gates"))
            self._warm = self._restored(at.header["keys"]["caps"], at.part("warm"))

    def _restored(self, caps: list[Any], saved: Saved) -> ClearingState | None:
        """Where the market's solver stood; None before the first step."""
        if not saved:
            return None
        price, rent = self.state.gate_price, np.zeros((len(self.state.gate_price), len(caps)))
        arrays = {
            "log_price": saved.take("log_price", price, -LARGEST_LOG, LARGEST_LOG),
            "log_rent": saved.take("log_rent", rent, 0.0, LARGEST_LOG),
        }
        try:
            return ClearingState.restored(caps, arrays)
        except (TypeError, ValueError) as error:
            raise MonaziteError(f"the checkpoint's list of caps is damaged ({error!r:.60})") from None

    @property
    def families(self) -> list[Origins]:
        """The tracers of origins."""
        return [tracer for tracer in self.tracers if isinstance(tracer, Origins)]

    def parts(self) -> tuple[dict[str, Mapping[str, npt.NDArray[Any]]], dict[str, list[Any]]]:
        """What a checkpoint holds of them: arrays by part and name, and what their rows are about."""
        warm = self._warm
        arrays: dict[str, Mapping[str, npt.NDArray[Any]]] = {
            "state": self.state.arrays(), "gates": self.gates.arrays(),
            "warm": {} if warm is None else warm.arrays(),
            **{f"tracers/{tracer.name}": tracer.arrays() for tracer in self.tracers},
            **{f"processes/{process.name}": process.arrays() for process in self.processes},
        }  # fmt: skip
        return arrays, {"gates": self.gates.keys(), "caps": [] if warm is None else warm.written_keys()}

    def expect(self, regime: Regime, before: tuple[FloatArray, FloatArray]) -> None:
        """2. What has been learnt moves prices before anybody trades: the ones that agents reckon with.

        Plants change their rates, users economise, slowly. Equation (M21), docs/model.md, for ``near_s``.
        Of it what mark-ups rose by is not counted where rates are set.

        Args:
            before: prices that sellers (M, O) and buyers (M, N) expected a step ago.
        """
        state = self.state
        offer = state.gate_price * (state.offer_expected_price / before[0])
        need = state.choice_index * (state.need_expected_price / before[1])
        self._near = offer, need
        # Who gains market power makes as much as at a price that is lower by the rise of the mark-up.
        received = offer / regime.markup_ratio
        for process in self.processes:
            received = process.paid(received, regime.controls, regime.shares)
        production.adapt_rates(self.case.prepared, state, regime.controls, (received, need))
        production.adapt_intensity(self.case.prepared, state, regime.controls)

    def offer(self, time: int, regime: Regime) -> Offered:
        """3. Mines make what they plan; sellers offer what they do not want to keep."""
        prepared, controls = self.case.prepared, regime.controls
        plan = sellers.planned_output(prepared, self.state, controls, self._noise.output(time))
        plan = _overridden(self.decisions.planned_output, plan)
        for process in self.processes:
            plan = process.bound(plan)
        logistics.mine(prepared, self.state, self.tracers, plan)
        return Offered(
            plan,
            _overridden(self.decisions.ask, self.state.offer_expected_price),
        )

    def require(self, time: int, regime: Regime) -> Wanted:
        """4. Buyers say what they would use and hold, by price.

        Exporters file for licences; states' stocks take part.
        """
        prepared, state, controls = self.case.prepared, self.state, regime.controls
        required = buyers.required_input(prepared, state, controls, self._noise.demand(time))
        required = _overridden(self.decisions.requirement, required)
        logistics.arrive(state, self.tracers)
        for process in self.processes:
            process.step(Stage(state, self.tracers, controls, regime.shares, required))
        # What a plant is paid for its products: where a state pays a part of it, more than the market does;
        # where it holds back so as to sell dear, what more sales would bring.
        paid, index = self._near[0] / (controls.ask_factor * regime.markup_ratio), self._near[1]
        worth = self._worth.now(paid, index, controls.budget_factor, controls.own_cost_factor)
        tiers = buyers.use_tiers(prepared, required, worth, controls.budget_factor)
        orders = buyers.orders(prepared, state, regime.market.need_lag, required, tiers)
        for process in self.processes:
            orders = process.add_orders(orders)
        capacity = state.capacity * controls.capacity_factor
        stocks = state.seller_stock, state.buyer_stock
        held_back = self.gates.open(regime.market, stocks, required, capacity, regime.shares)
        self.wanted = Wanted(required, orders, tiers, worth, held_back)
        return self.wanted

    def clear(self, regime: Regime, offered: Offered, wanted: Wanted) -> Clearing:
        """5. Every good's market at once: flows, prices, rents."""
        prepared, market = self.case.prepared, regime.market
        quantity, kept = sellers.offers(prepared, self.state, regime.controls, wanted.held_back)
        caps = market.cap_tonnes(prepared, self.gates.in_hand(market), regime.shares, self._resale(regime))
        orders = wanted.orders
        terms = Terms(
            quantity, offered.expected, orders.tonnes, orders.reservation, orders.elasticity, caps,
            held=orders.held, least=prepared.behaviour.shared("least_order_share"),
            kept=kept, keep_elasticity=prepared.behaviour.shared("storage_elasticity"),
        )  # fmt: skip
        weight, factor = self.state.sourcing_weight, None
        if prepared.sourcing_moves:
            factor = price_of_weight(weight * self.state.qualified, prepared.sigma_of_offers)
        clearing = clear_weighed(
            market.market, terms, factor,
            start=self._warm, tolerance=MARKET_TOLERANCE, signal_quantity=self._lots,
        )  # fmt: skip
        self._warm = clearing.state
        cleared = clearing
        clearing, gate = entry.prices_at_capacity(prepared, self.state, clearing, quantity, offered.expected)
        self.state.gate_price, self.state.choice_index = gate, clearing.index
        if prepared.sourcing_adapts:
            dear = sourcing.dearness(prepared, cleared, market.dearer)
            self.state.sourcing_weight = sourcing.adapted_weight(prepared, weight, dear)
        if prepared.benchmark.entrant.any():
            self.state.qualified = sourcing.qualified_after(prepared, self.state.qualified, cleared.sales)
        return clearing

    def _resale(self, regime: Regime) -> FloatArray | None:
        """(M, caps on resale) tonnes that third countries may sell to where a rule bars an origin."""
        for family in self.families:
            family.comply(regime.controls.resales)
        columns = [
            family.admissible(rule, offer, self.state.seller_stock[:, offer])
            for rule, offer in regime.market.resale_caps
            for family in self.families
            if family.covers(rule)
        ]
        return np.stack(columns, axis=1) if columns else None

    def ship(self, regime: Regime, clearing: Clearing, wanted: Wanted) -> FloatArray:
        """6. Sold tonnes leave the sellers' stocks, travel, and arrive after their transit time."""
        self.gates.use(regime.market, clearing.cap_flow, regime.shares)
        self.gates.ways.leak(regime.market, clearing, regime.shares)
        traffic = logistics.Traffic(
            clearing, wanted.orders, regime.market.lag_weight, regime.controls.resales
        )
        return logistics.ship(self.state, self.tracers, self.processes, traffic)

    def produce(self, regime: Regime, offered: Offered, wanted: Wanted) -> Made:
        """7. Plants run on what they have, as it pays; sectors use what is worth it; the rest is missing."""
        prepared, state = self.case.prepared, self.state
        plan, rate, held = offered.plan, need_rate(state, regime.controls), state.buyer_stock
        served = buyers.served_share(prepared, wanted.tiers, state.choice_index)
        throughput = production.planned_throughput(prepared, plan)
        state.usable = production.usable_inputs(prepared, rate, throughput, held)
        stock = self.tracers[0].buyer.stock
        output, used = production.run_plants(prepared, rate, throughput, held, stock, served)
        output = np.where(prepared.made, output * production.within_plan(prepared, plan), plan)
        consumed, shortfall = production.consume(prepared, wanted.required, served, held)
        user = prepared.benchmark.activities.need_plant < 0
        consumed = np.where(user, consumed, used)
        logistics.store(state, self.tracers, consumed, held, np.where(prepared.made, output, 0.0))
        discarded = production.discard_surplus(prepared, state, regime.controls)
        logistics.throw_away(state, self.tracers, discarded)
        state.required, state.shortfall = wanted.required, shortfall
        return Made(output, discarded, consumed, shortfall)


def processes_of(case: Run) -> list[Process]:
    """What events remember from step to step, one process for each type that does."""
    prepared = case.prepared
    setting = Setting(
        prepared.world, prepared.benchmark, prepared.behaviour, prepared.step_years, prepared.members
    )
    events = [part for event in case.events for part in event.parts()]
    kinds = dict.fromkeys(type(event) for event in events)
    made = (kind.process([e for e in events if type(e) is kind], setting) for kind in kinds)
    found = [process for process in made if process is not None]
    # Last: recyclers and projects see what the others paid.
    late: list[Process] = []
    if prepared.recycling is not None:
        late.append(GoodsInUse(prepared, prepared.recycling, found))
    if Projects.at_work(case):
        late.append(Projects(case, setting, found))
    return [*found, *late]
