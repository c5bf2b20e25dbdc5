"""What the tests of single decisions need: a run laid out for M members with chosen behaviour, states far
from the base year, policies that touch everything, flows that a test states itself."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np

from sim.agents.parameters import (
    Behaviour,
    BehaviourTable,
    Draws,
    base_year_rules,
    draw_behaviour,
    read_behaviour,
    with_assumptions,
)
from sim.agents.prepared import Prepared
from sim.agents.state import State, initial_state
from sim.arrays import FloatArray, IntArray
from sim.controls import Controls
from sim.market.clearing import Clearing
from sim.world.benchmark import make_benchmark
from sim.world.load import load_world
from sim.world.world import World
from tests.small_world import CLAY, ELEMENTS, write_small_world

MONTH = 1 / 12
LATER = ("mine_later", "separator_later", "magnet_later")


@cache
def _table() -> BehaviourTable:
    return read_behaviour()


def prepared_world(
    world: World,
    members: int = 1,
    step_years: float = MONTH,
    delay_years: float = 0.0,
    **values: float | Sequence[float],
) -> Prepared:
    """The central behaviour in all members, but for ``values``: one number for all, or one for each."""
    shared = {name: float(value) for name, value in values.items() if isinstance(value, int | float)}
    each = {
        f"assumptions.{name}": np.asarray(value, dtype=np.float64)
        for name, value in values.items() if name not in shared
    }  # fmt: skip
    behaviour = draw_behaviour(world, with_assumptions(_table(), shared), Draws([0] * members, 0, each))
    sigma = np.asarray(behaviour.shared_or_each("sourcing_elasticity"))
    benchmark = make_benchmark(world, sigma, base_year_rules(behaviour), step_years, delay_years)
    return Prepared(world, benchmark, behaviour, step_years, members)


def behaving(prepared: Prepared, **values: float) -> Prepared:
    """The same with other behaviour of all members; what the base year depends on stays."""
    changed = {name: np.full_like(prepared.behaviour[name], value) for name, value in values.items()}
    held = prepared.behaviour
    return replace(prepared, behaviour=Behaviour({**held.values, **changed}, held.drawn))


def member_of(prepared: Prepared, row: int) -> Prepared:
    """One member alone."""
    values = {name: value[[row]] for name, value in prepared.behaviour.values.items()}
    return replace(prepared, behaviour=Behaviour(values, prepared.behaviour.drawn), members=1)


@dataclass(frozen=True)
class Situation:
    """Members, their state, and a policy."""

    prepared: Prepared
    state: State
    controls: Controls

    @property
    def world(self) -> World:
        return self.prepared.world

    def value(self, name: str, member: int = 0, good: int = 0) -> float:
        """A member's value of a parameter, of a good where it is given by good."""
        row = self.prepared.behaviour[name][member]
        return float(row[good] if len(row) > 1 else row[0])

    def alone(self, row: int) -> Situation:
        """One member of it."""
        return Situation(member_of(self.prepared, row), _row(self.state, row), _row(self.controls, row))

    def copied(self) -> Situation:
        """The same with a state that may be written to."""
        arrays = {name: value.copy() for name, value in self.state.arrays().items()}
        return Situation(self.prepared, State(**cast(Any, arrays)), self.controls)


def _row(held: Any, row: int) -> Any:
    """A copy of a dataclass with one member's part of its arrays (M, n) and (L, M, n)."""
    taken = replace(held) if isinstance(held, State) else Controls(held.world)
    for field in fields(held):
        value = getattr(held, field.name)
        if field.name == "transit":
            setattr(taken, field.name, value[:, [row]].copy())
        elif isinstance(value, np.ndarray) and len(value) > 1:
            setattr(taken, field.name, value[[row]].copy())
        elif isinstance(value, np.ndarray):
            setattr(taken, field.name, value.copy())
    return taken


def situation(prepared: Prepared, seed: int = 0) -> Situation:
    """A state in which nothing is as in the base year, under a policy that touches everything."""
    rng = np.random.default_rng(seed)
    state = initial_state(prepared)
    offers, needs = state.seller_stock.shape, state.buyer_stock.shape

    def around(shape: tuple[int, ...], low: float, high: float) -> FloatArray:
        return np.exp(rng.uniform(np.log(low), np.log(high), shape))

    normal = prepared.benchmark.normal_output * prepared.step_years
    usual = prepared.benchmark.normal_use * prepared.step_years
    state.seller_stock = (state.seller_stock + normal) * around(offers, 0.1, 6.0)
    state.buyer_stock = (state.buyer_stock + usual) * rng.choice([0.0, 0.2, 1.0, 3.0], needs)
    state.transit = (state.transit + 0.1 * usual) * around(state.transit.shape, 0.2, 2.0)
    for name, high in (
        ("offer_expected_price", 4.0), ("need_expected_price", 4.0), ("gate_price", 4.0),
        ("choice_index", 4.0), ("rate", 1.5), ("throughput", 1.5), ("practised", 1.5), ("cash_cost", 2.0),
        ("intensity", 1.2), ("capacity", 1.3),
    ):  # fmt: skip
        value = getattr(state, name)
        setattr(state, name, value * around(value.shape, 1 / high, high))
    state.building = state.capacity * rng.uniform(0, 0.5, offers)
    state.switched = rng.uniform(0, 1, needs)
    state.usable = rng.uniform(0.1, 1, needs)
    controls = Controls(prepared.world)
    for name in ("production_factor", "capacity_factor", "ask_factor", "own_cost_factor"):
        setattr(controls, name, around(offers, 0.5, 1.5))
    for name in ("demand_factor", "intensity_factor", "budget_factor"):
        setattr(controls, name, around(needs, 0.5, 1.5))
    controls.output_ceiling = rng.choice([np.inf, 0.4], offers)
    return Situation(prepared, state, controls)


def settled(prepared: Prepared) -> Situation:
    """The base year."""
    return Situation(prepared, initial_state(prepared), Controls(prepared.world))


def offer_of(world: World, facility: str, good: str = "") -> int:
    """Position of an offer; of a facility that sells one good without naming it."""
    return _position(world, (world.offer_facility, world.offer_good), facility, good)


def need_of(world: World, facility: str, good: str = "") -> int:
    """Position of a need; of a facility that buys one good without naming it."""
    return _position(world, (world.need_facility, world.need_good), facility, good)


def _position(world: World, axis: tuple[IntArray, IntArray], facility: str, good: str) -> int:
    there = axis[0] == world.facilities.index(facility)
    if good:
        there &= axis[1] == [one.id for one in world.goods].index(good)
    (position,) = np.flatnonzero(there).tolist()
    return int(position)


def plant_of(prepared: Prepared, facility: str) -> int:
    """Position of a plant on the axis of plants."""
    facilities = prepared.benchmark.activities.facility.tolist()
    return int(facilities.index(prepared.world.facilities.index(facility)))


def siblings(facility: IntArray, position: int) -> list[int]:
    """Positions of the same facility's offers or needs."""
    return np.flatnonzero(facility == facility[position]).tolist()


class GivenFlows:
    """Trade that a test states: per good (M, S, B) tonnes."""

    def __init__(self, flows: Sequence[FloatArray]) -> None:
        self.blocks = [np.asarray(block, dtype=np.float64) for block in flows]
        self.sales = np.concatenate([block.sum(2) for block in self.blocks], axis=1)
        self.purchases = np.concatenate([block.sum(1) for block in self.blocks], axis=1)

    def flow(self, good: int) -> FloatArray:
        return self.blocks[good]

    def to_buyers(self, link_weights: Sequence[FloatArray]) -> FloatArray:
        parts = [block * weights for block, weights in zip(self.blocks, link_weights, strict=True)]
        return np.concatenate([part.sum(1) for part in parts], axis=1)

    @property
    def clearing(self) -> Clearing:
        """As what the market gives; only flows, sales, purchases and sums by buyer are there."""
        return cast(Clearing, self)


def base_trade(prepared: Prepared) -> GivenFlows:
    """A step's trade of the base year, the same for all members."""
    blocks = [np.repeat(b[None], prepared.members, 0) * prepared.step_years for b in prepared.benchmark.flow]
    return GivenFlows(blocks)


def add_rows(path: Path, rows: Iterable[dict[str, str]]) -> None:
    """Add rows to a table; cells that a row leaves out are those of the table's last row."""
    with path.open(newline="", encoding="utf-8") as handle:
        table = list(csv.DictReader(handle))
    table += [{**table[-1], **row} for row in rows]
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(table[0]))
        writer.writeheader()
        writer.writerows(table)


def world_with_entrants(folder: Path) -> World:
    """The small world with a mine, a separator and a magnet plant that made nothing in the base year."""
    year = write_small_world(folder) / "2024"
    blank = {"sector": "", "value_added_usd": "0"}
    kinds = zip(LATER, ("miner", "processor", "processor"), ("USA", "JPN", "USA"), strict=True)
    add_rows(year / "facilities.csv", [
        {"facility": name, "name": name, "kind": kind, "country": country, "firm": name, **blank}
        for name, kind, country in kinds
    ])
    add_rows(year / "outputs.csv", [
        {"facility": name, "good": good, "output_t": "0", "capacity_t": tonnes, "cash_cost_usd_t": cost}
        for name, good, tonnes, cost in (
            ("mine_later", "clay", "100", "26000"), ("separator_later", "ndpr_oxide", "30", "1"),
            ("separator_later", "dysprosium_oxide", "8", "1"), ("magnet_later", "magnet", "200", "1"),
        )
    ])
    add_rows(year / "inputs.csv", [
        {"facility": name, "good": good, "use_t": "0"}
        for name, good in (("separator_later", "clay"), ("magnet_later", "ndpr_oxide"),
                           ("magnet_later", "dysprosium_oxide"))
    ])
    add_rows(year / "composition.csv", [
        {"facility": "mine_later", "good": "clay", "element": element, "share": repr(share)}
        for element, share in zip(ELEMENTS, CLAY["mine_abroad"], strict=True)
    ])
    return load_world(2024, folder)


def with_substitutes(world: World) -> World:
    """The small world in which the two oxides replace each other in a magnet plant."""
    return replace(world, substitutes={"ndpr_oxide": "oxide", "dysprosium_oxide": "oxide"})
