"""What must hold of every valid scenario: it runs, tonnes balance, no number is out of bounds."""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xarray as xr

from sim.engine import Simulation
from sim.engine.result import StepResult
from sim.instruments.piles import Piles
from sim.scenario import Scenario, check_scenario
from sim.world.load import load_world
from sim.world.restrict import restrict
from sim.world.world import World
from tests.scenario.random_scenarios import Case

__all__ = ["Fault", "faults_of"]

FloatArray = npt.NDArray[np.float64]
BALANCE = 1e-9
"""Tonnes that may be missing from a good's balance, over all tonnes of it that were there."""
MAY_BE_UNKNOWN = {"price_gate", "price_inside", "price_outside", "price_delivered"}
"""NaN where nothing is traded."""
MAY_BE_NEGATIVE = {"event_change", "certificate_gap", "drawn", "tariff_revenue"}
"""Differences, values that members draw, and what relief on duties costs."""
BY_ORDER = {"rtol": 2e-4, "atol": 1e-6}
"""Equal but for rounding: sums of several terms are rounded in another order, and markets stop within their
tolerance."""
WATCHED = ("price_gate", "production", "purchases", "shortfall", "buyer_stock", "seller_stock")


@dataclass(frozen=True)
class Fault:
    """What went wrong with one scenario."""

    number: int
    kind: str
    message: str


@cache
def _world(year: int, minerals: tuple[str, ...]) -> World:
    """Many scenarios share a world; what is left out is left out once."""
    return restrict(_whole(year), minerals)


@cache
def _whole(year: int) -> World:
    return load_world(year)


def faults_of(case: Case, alone: bool = True, order: bool = True) -> list[Fault]:
    """All that is wrong with one scenario; nothing, if all is well.

    Args:
        alone: whether to run one member alone, too. order: whether to turn the events round, too.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.yaml"
        path.write_text(case.text, encoding="utf-8")
        scenario, problems = check_scenario(path, list(case.overrides))
    wrong = [problem.render() for problem in problems if not problem.warning]
    if scenario is None or wrong:
        return [Fault(case.number, "invalid", "; ".join(wrong))]
    try:
        return [Fault(case.number, *fault) for fault in _run(case, scenario, alone, order)]
    except Exception as error:  # noqa: BLE001 (whatever it is, it is a fault of the number's scenario)
        where = traceback.extract_tb(error.__traceback__)[-1]
        name = f"{type(error).__name__} at {Path(where.filename).name}:{where.name}: {error}"
        return [Fault(case.number, "crash", name)]


def _run(case: Case, scenario: Scenario, alone: bool, order: bool) -> Iterator[tuple[str, str]]:
    world, numbers = _world(case.base_year, case.minerals), list(range(case.members))
    for event in scenario.events:
        if not event.sentence():
            yield "silent", event.id
    simulation = Simulation(world, scenario, members=numbers, seed=case.seed)
    balance = _Balance(simulation)
    with np.errstate(all="raise", under="ignore"):
        while simulation.time < simulation.steps:
            yield from balance.of(simulation.step())
    data = simulation.recorder.dataset()
    yield from _out_of_bounds(data)
    yield from _uncertified(simulation, data)
    if alone:
        member = case.number % case.members
        others = [member] if case.members > 1 else [0, 1]
        data_alone = Simulation(world, scenario, members=others, seed=case.seed).run()
        yield from _differing(data.sel(member=[member]), data_alone.sel(member=[member]))
    if order and len(scenario.events) > 1:
        turned = replace(scenario, events=scenario.events[::-1])
        yield from _reordered(data, Simulation(world, turned, members=numbers, seed=case.seed).run())


class _Balance:
    """Tonnes of each good with sellers, with buyers and under way, and in stockpiles, step by step."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation, self._world = simulation, simulation.world
        self._before = self._held()

    def _by_good(self, values: FloatArray, goods: npt.NDArray[np.int64]) -> FloatArray:
        total = np.zeros((len(values), len(self._world.goods)))
        np.add.at(total.T, goods, values.T)
        return total

    def _held(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        state, piles = self._simulation.state, np.zeros(())
        stock = self._by_good(state.seller_stock, self._world.offer_good)
        bought = self._by_good(state.buyer_stock + state.transit.sum(0), self._world.need_good)
        piles = np.zeros_like(stock)
        for process in self._piles():
            piles += self._by_good(process.tonnes.position[..., 0], np.array(process.goods))
        return stock, bought, piles

    def _piles(self) -> list[Piles]:
        return [process for process in self._simulation.actors.processes if isinstance(process, Piles)]

    def of(self, result: StepResult) -> Iterator[tuple[str, str]]:
        """What does not balance in the step that has just been made."""
        world, before, now = self._world, self._before, self._held()
        sold = self._by_good(result.clearing.sales, world.offer_good)
        bought = self._by_good(result.clearing.purchases, world.need_good)
        made = self._by_good(result.output - result.discarded, world.offer_good)
        used = self._by_good(result.consumed, world.need_good)
        piled, freed = np.zeros_like(sold), np.zeros_like(sold)
        for process in self._piles():
            piled += self._by_good(process.bought, np.array(process.goods))
            freed += self._by_good(process.released, np.array(process.goods))
        books = {
            "market": (sold, bought),
            "sellers": (before[0] + made - sold, now[0]),
            "buyers": (before[1] + bought - piled + freed - used, now[1]),
            "stockpiles": (before[2] + piled - freed, now[2]),
        }
        size = sum(before) + np.abs(made) + used + sold
        for name, (expected, found) in books.items():
            off = np.abs(expected - found) / np.maximum(size, 1e-12)
            if not (off <= BALANCE).all():
                good = world.goods[int(np.argmax(off.max(0)))].id
                yield "balance", f"{name}, {good}, step {result.time}: off by {off.max():.2g}"
        self._before = now


def _out_of_bounds(data: xr.Dataset) -> Iterator[tuple[str, str]]:
    for name, values in data.data_vars.items():
        if values.dtype.kind not in "fi":
            continue
        array = values.values
        if np.isinf(array).any() or (name not in MAY_BE_UNKNOWN and np.isnan(array).any()):
            yield "not finite", str(name)
        if name not in MAY_BE_NEGATIVE and (array < 0).any():
            yield "negative", f"{name}: {np.nanmin(array):.3g}"
    for name in ("gate", "inside", "outside"):
        if (data[f"price_{name}"].values <= 0).any() or not (data[f"quote_{name}"].values > 0).all():
            yield "negative", f"price_{name} or quote_{name} is not above 0"


def _uncertified(simulation: Simulation, data: xr.Dataset) -> Iterator[tuple[str, str]]:
    missed = ~data["certified"].values
    if missed.any():
        residual = data["certificate_residual"].values[missed]
        goods = sorted({str(data.good.values[g]) for g in np.nonzero(missed)[2]})
        yield "uncertified", f"{int(missed.sum())} markets ({', '.join(goods)}), worst {residual.max():.2g}"


def _differing(one: xr.Dataset, other: xr.Dataset) -> Iterator[tuple[str, str]]:
    for name, values in one.data_vars.items():
        if "member" in values.dims:
            theirs = other.get(name)
            floats = values.dtype.kind == "f"
            if theirs is None or not np.array_equal(values, theirs, equal_nan=floats):
                yield "bits", str(name)
                return


def _reordered(one: xr.Dataset, other: xr.Dataset) -> Iterator[tuple[str, str]]:
    for name in WATCHED:
        a, b = one[name].values, other[name].values
        # Where nothing is sold there is no price, in whatever order.
        size = np.nanmax(np.abs(a), initial=0.0)
        if not np.allclose(a, b, rtol=BY_ORDER["rtol"], atol=BY_ORDER["atol"] * (1 + size), equal_nan=True):
            yield "order", f"{name}: {np.nanmax(np.abs(a - b)) / max(size, 1e-12):.2g} of its largest"
            return
