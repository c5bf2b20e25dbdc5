"""What every shipped scenario gives, in a few figures at full precision: ``python -m scripts.golden``.

The first two years of each scenario are run, and every facility, need and good is measured against its base
year: the mean of the ratios over members, steps and agents, and the root of their mean square. So a change at
a single facility moves both, however few tonnes it makes; one that others make good for moves the second.
The test compares with ``tests/sanity/results.csv``. Run as a script, this rewrites that file and prints
what has moved, by how much.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from sim.agents.origins import Origins
from sim.arrays import FloatArray
from sim.engine import Simulation
from sim.engine.recording import Recording
from sim.engine.result import StepResult
from sim.engine.run import STEPS_PER_YEAR, Run, step_dates
from sim.instruments.process import Process
from sim.results.rounding import rounding
from sim.scenario import Scenario, load_scenario
from sim.scenario.find import names
from sim.world.load import load_world
from sim.world.world import World

__all__ = [
    "MEMBERS", "SEED", "TABLE", "Figures", "Moved", "Ratios", "machine", "measure", "moved", "read",
    "scenarios", "shortened", "tolerance",
]  # fmt: skip

TABLE = Path(__file__).resolve().parents[1] / "tests" / "sanity" / "results.csv"
MEMBERS, SEED, YEARS = 2, 1, 2
SAME_MACHINE, OTHER_MACHINE = 1e-9, 1e-4
"""Largest distances that count as rounding, as shares of a figure.

With the kernels of another processor (OPENBLAS_CORETYPE=Nehalem for Haswell, numpy without its vector
kernels) no figure moved by more than 3e-7 of itself. What the market's tolerance of 1e-6 leaves open in all,
measured with one of 1e-9, is 4e-5; rounding may end a search one sweep earlier, but not move more than that.
"""
SMALLEST = 1e-3
"""Smaller figures may move by as much as one of this size: ratios to the base year, shares, tonnes."""
Figures = dict[tuple[str, str], float]
"""Variable and ``mean`` or ``root mean square`` -> figure."""


class Ratios(Recording):
    """Sums up, step by step, ratios to the base year and their squares."""

    def __init__(self, case: Run, families: Sequence[Origins], processes: Sequence[Process]) -> None:
        prepared, world = case.prepared, case.world
        years = prepared.step_years
        self._case = case
        self._output = prepared.benchmark.normal_output * years
        self._use = prepared.benchmark.normal_use * years
        self._of_good = world.base_price, case.observer.of_offers(self._output[None])[0]
        self._sums: dict[str, list[FloatArray]] = {}

    def record(self, result: StepResult) -> None:
        """Add a step."""
        clearing, observer = result.clearing, self._case.observer
        price, made = self._of_good
        moved = sum(result.moved.values(), np.zeros((len(result.output), len(made))))
        waiting = sum((queue.waiting for queue in result.queues.values()), np.zeros(len(moved)))
        for name, values, usual in (
            ("price gate", result.prices.standing("gate"), price),
            ("price inside", result.prices.standing("inside"), price),
            ("price outside", result.prices.standing("outside"), price),
            ("rent", observer.rents(result), 1.0),
            ("moved by events", moved, made),
            ("waiting for a licence", waiting[:, None], 1.0),
            ("value added at risk", observer.value_added_at_risk(result), 1e9),
            ("output", result.output, self._output),
            ("discarded", result.discarded, self._output),
            ("sales", clearing.sales, self._output),
            ("seller stock", result.seller_stock, self._output),
            ("requirement", result.required, self._use),
            ("consumption", result.consumed, self._use),
            ("shortfall", result.shortfall, self._use),
            ("purchases", result.purchases, self._use),
            ("buyer stock", result.buyer_stock, self._use),
        ):
            ratio = values / usual
            self._sums.setdefault(name, []).append(np.array([ratio.mean(), (ratio**2).mean()]))

    def figures(self) -> Figures:
        """Means over all steps."""
        found: Figures = {}
        for name, rows in self._sums.items():
            mean, square = np.stack(rows).mean(0).tolist()
            found[name, "mean"], found[name, "root mean square"] = mean, square**0.5
        return found


@cache
def _world(year: int, tables: Path) -> World:
    return load_world(year, tables)


def scenarios() -> list[str]:
    """All shipped scenarios."""
    return sorted(names())


def shortened(scenario: Scenario) -> Scenario:
    """Its first years."""
    steps = step_dates(scenario.start, scenario.end, scenario.step)
    last = min(len(steps) - 1, YEARS * STEPS_PER_YEAR[scenario.step])
    return replace(scenario, end=min(scenario.end, steps[last] - np.timedelta64(1, "D").item()))


def measure(name: str, *overrides: str) -> Figures:
    """Figures of one scenario's first months."""
    scenario = shortened(load_scenario(name, overrides=overrides))
    world = _world(scenario.base_year, scenario.tables)
    simulation = Simulation(world, scenario, MEMBERS, SEED, recorder=Ratios)
    while simulation.time < simulation.steps:
        simulation.step()
    assert isinstance(simulation.recorder, Ratios)
    return simulation.recorder.figures()


# -- where it was measured -----------------------------------------------------------------------


def machine() -> dict[str, str]:
    """What decides how sums and powers are rounded."""
    return rounding()


# -- the table -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Moved:
    """One figure that is not what it was; None where there was none, or is none any more."""

    scenario: str
    variable: str
    figure: str
    before: float | None
    after: float | None

    def __str__(self) -> str:
        before, after = ("none" if one is None else repr(one) for one in (self.before, self.after))
        by = ""
        if self.before is not None and self.after is not None:
            by = f", by {self.after - self.before:.1e}, {_distance(self.before, self.after):.1e} of it"
        return f"{self.scenario}: {self.variable}, {self.figure}: before {before}, after {after}{by}"


def _distance(before: float, after: float) -> float:
    return abs(after - before) / max(abs(before), SMALLEST)


def moved(name: str, before: Figures, after: Figures, allowed: float = 0.0) -> list[Moved]:
    """Figures of one scenario that differ by more than a share of themselves."""
    found = []
    for key in dict.fromkeys([*before, *after]):
        old, new = before.get(key), after.get(key)
        if old is None or new is None or not _distance(old, new) <= allowed:
            found.append(Moved(name, *key, old, new))
    return found


def tolerance(noted: Mapping[str, str]) -> float:
    """How far figures may lie from those of a table that was measured on some machine."""
    return SAME_MACHINE if noted == machine() else OTHER_MACHINE


def read(path: Path = TABLE) -> tuple[dict[str, str], dict[str, Figures]]:
    """The machine that a table was made on, and its figures by scenario."""
    lines = path.read_text(encoding="utf-8").splitlines()
    head = [line.removeprefix("# ").partition(": ") for line in lines if line.startswith("#")]
    figures: dict[str, Figures] = {}
    for row in csv.DictReader(line for line in lines if not line.startswith("#")):
        figures.setdefault(row["scenario"], {})[row["variable"], row["figure"]] = float(row["value"])
    return {name: value for name, _, value in head}, figures


def written(noted: Mapping[str, str], figures: Mapping[str, Figures]) -> str:
    """A table as text."""
    text = io.StringIO()
    text.writelines(f"# {name}: {value}\n" for name, value in noted.items())
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("scenario", "variable", "figure", "value"))
    for name, some in figures.items():
        writer.writerows((name, *key, repr(value)) for key, value in some.items())
    return text.getvalue()


def main() -> None:
    """Measure all scenarios, say what has moved, and rewrite the table."""
    noted, before = read() if TABLE.exists() else ({}, {})
    after = {name: measure(name) for name in scenarios()}
    if noted and noted != machine():
        print(f"The table was made elsewhere ({noted}); differences below {OTHER_MACHINE:g} are rounding.")
    changes = [one for name in dict.fromkeys([*before, *after])
               for one in moved(name, before.get(name, {}), after.get(name, {}))]  # fmt: skip
    for one in changes:
        print(one)
    print(f"{len(changes)} of {sum(len(some) for some in after.values())} figures have moved.")
    TABLE.write_text(written(machine(), after), encoding="utf-8")


if __name__ == "__main__":
    main()
