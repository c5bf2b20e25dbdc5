"""The state of all agents: a struct of arrays, member axis first.

Only the decisions and the logistics of a step write here. Prices are multiples of the good's base gate price;
stocks are tonnes, rates and capacities tonnes a year. What policy does to any of it stays in
:class:`sim.controls.Controls`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from sim.agents.prepared import Prepared
from sim.agents.scrap import Collection
from sim.arrays import FloatArray, IntArray, Saved
from sim.controls import Controls

__all__ = ["State", "initial_state", "need_rate"]


POSITIVE = ("offer_expected_price", "need_expected_price", "gate_price", "choice_index", "intensity",
            "mix", "markup", "sourcing_weight", "qualified")  # fmt: skip
"""What the model divides by, or takes powers or logarithms of."""


@dataclass
class State:
    """Everything that changes from step to step, but for accounts that single rules keep."""

    seller_stock: FloatArray
    """(M, O) tonnes on hand, before this step's sales."""
    buyer_stock: FloatArray
    """(M, N) tonnes on hand at the end of a step."""
    transit: FloatArray
    """(L, M, N) tonnes that arrive in 1..L steps."""
    offer_expected_price: FloatArray
    """(M, O) expected gate price."""
    need_expected_price: FloatArray
    """(M, N) expected delivered price."""
    gate_price: FloatArray
    """(M, O) last cleared gate price."""
    choice_index: FloatArray
    """(M, N) last cleared choice index."""
    capacity: FloatArray
    """(M, O) most that the facility can make, t/year."""
    building: FloatArray
    """(M, O) capacity that is being built, t/year."""
    rate: FloatArray
    """(M, O) what it makes at its current pace, t/year."""
    throughput: FloatArray
    """(M, P) input that a plant takes at its current pace, t/year."""
    practised: FloatArray
    """(M, O) pace at which it ran not long ago, and to which it can go back at once, t/year."""
    cash_cost: FloatArray
    """(M, O) price below which the facility loses cash, multiple of the base price."""
    owner: IntArray
    """(1 or M, F) number of the firm that owns each facility."""
    markup: FloatArray
    """(M, O) mark-up in the last step over that of the base year's owners."""
    sourcing_weight: FloatArray
    """(M, O) factor on the sourcing weights of a seller's links: what buyers have learnt of it."""
    qualified: FloatArray
    """(M, O) part of its full weight that a seller without base-year sales has with buyers; 1 elsewhere."""
    usable: FloatArray
    """(M, N) share of the planned input that a plant can use beside its scarcest input; 1 elsewhere."""
    intensity: FloatArray
    """(M, N) need per unit of activity relative to the base year (thrift, substitution)."""
    mix: FloatArray
    """(M, N) of an input, over its base-year part in those that replace each other; 1 elsewhere."""
    switched: FloatArray
    """(M, N) share of those who can do something else instead that do."""
    required: FloatArray
    """(M, N) tonnes needed in the last step."""
    shortfall: FloatArray
    """(M, N) of these, tonnes missing."""
    scrap_arising: FloatArray
    """(M, R) t/year that recyclers could recover of what is retired, if all were collected."""
    scrap_embodied: FloatArray
    """(M, R) t/year of the same in what comes into use."""
    scrap_collected: FloatArray
    """(M, R) share of what arises that they recover."""

    def restore(self, saved: Saved) -> None:
        """Take over what :meth:`arrays` gave in a run of the same members, with as many lags or fewer.

        Raises:
            MonaziteError: an array is missing or does not fit.
        """
        firms = float(self.owner.max(initial=0))
        for name, own in self.arrays().items():
            most = firms if name == "owner" else np.inf
            given = saved.take(name, own, most=most, free=(0,) if name == "transit" else ())
            if name in POSITIVE and not (given > 0).all():
                saved.refuse(name, "holds a number that is not above 0")
            if name == "transit":
                own[: len(given)] = given[: len(own)]
            else:
                setattr(self, name, given)

    @property
    def collection(self) -> Collection:
        """Where recyclers stand."""
        return Collection(self.scrap_arising, self.scrap_embodied, self.scrap_collected)

    def arrays(self) -> dict[str, FloatArray | IntArray]:
        """All arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def need_rate(state: State, controls: Controls) -> FloatArray:
    """(M, N) need per unit of activity over the base year's: thrift, recipe, switching, policy."""
    left = 1 - controls.world.need_switch_share * state.switched
    rate: FloatArray = state.intensity * state.mix * left * controls.intensity_factor
    return rate


def initial_state(prepared: Prepared) -> State:
    """The base year's steady state: stocks at target, pipelines full, prices at base.

    An entrant has neither stocks nor a rate; its inputs have prices all the same.
    """
    world, benchmark, members = prepared.world, prepared.benchmark, prepared.members
    offers, needs = len(world.offer_good), len(world.need_good)
    order = world.need_use * prepared.step_years
    mix = benchmark.need_lag
    # What still has to arrive in k+1 steps: every past order whose lag reaches that far.
    pipeline = np.array([order * mix[k + 1 :].sum(0) for k in range(len(mix) - 1)]).reshape(-1, needs)
    plants = benchmark.activities
    recycling, none = prepared.recycling, np.zeros((members, 0))
    scrap = Collection(none, none, none) if recycling is None else recycling.begin()
    begun = np.zeros(len(plants.facility), dtype=bool)
    begun[plants.offer_plant[prepared.made & ~benchmark.entrant]] = True
    return State(
        seller_stock=np.where(benchmark.entrant, 0.0, prepared.kept_stock)
        + np.where(prepared.made, world.offer_output * prepared.step_years, 0.0),
        buyer_stock=world.need_use * world.need_cover * prepared.behaviour["cover_scale"],
        transit=np.repeat(pipeline[:, None], members, axis=1),
        offer_expected_price=np.ones((members, offers)),
        need_expected_price=prepared.each(benchmark.base_index),
        gate_price=np.ones((members, offers)),
        choice_index=prepared.each(benchmark.base_index),
        # What may be built is not there yet.
        capacity=prepared.each(np.where(world.comes_later, 0.0, world.offer_capacity)),
        building=prepared.past.building(benchmark.entrant, prepared.building_years),
        rate=prepared.each(world.offer_output),
        throughput=prepared.each(np.where(begun, plants.throughput, 0.0)),
        practised=prepared.each(world.offer_output),
        cash_cost=prepared.each(prepared.cash_cost),
        owner=world.firm_numbers[None].copy(),
        markup=np.ones((members, offers)),
        sourcing_weight=np.ones((members, offers)),
        qualified=np.where(benchmark.entrant, prepared.behaviour["trial_share"], np.ones((members, offers))),
        usable=np.ones((members, needs)),
        intensity=np.ones((members, needs)),
        mix=np.ones((members, needs)),
        switched=np.zeros((members, needs)),
        required=np.zeros((members, needs)),
        shortfall=np.zeros((members, needs)),
        scrap_arising=scrap.arising,
        scrap_embodied=scrap.embodied,
        scrap_collected=scrap.collected,
    )
