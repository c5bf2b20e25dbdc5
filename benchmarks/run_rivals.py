"""The engine against the same model as Mesa objects, and against itself member by member.

All are timed in this process, one thread, in processor seconds: building the model, every month of
``ree-licence-2025`` in the default world, and its results as a table. Members are the same ones, and the
object model is a twin: ``tests/engine/test_object_twin.py`` holds it to the engine's numbers.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import gc  # noqa: E402
import statistics  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable, Sequence  # noqa: E402
from dataclasses import replace  # noqa: E402

import numpy as np  # noqa: E402
import xarray  # noqa: E402, F401

from benchmarks.harness import Figure, publish  # noqa: E402
from benchmarks.split_world import split  # noqa: E402
from sim.engine import Simulation  # noqa: E402
from sim.scenario import Scenario, load_scenario  # noqa: E402
from sim.twin.object_model import MesaObjects  # noqa: E402
from sim.world.load import load_world  # noqa: E402
from sim.world.world import World  # noqa: E402

SCENARIO = "ree-licence-2025"
SEED = 1
STACKS = (1, 4, 16, 50, 200)
"""Members per stack."""
RUNS = {1: 9, 4: 7, 16: 5, 50: 3, 200: 1}
"""Stacks timed of each size; other members every time."""
COMPARED = 50
"""The stack that ratios are quoted for: about where a member-month costs least."""
LOOSE = 1e-4
PARTS = (1, 4, 16)
SPLIT_MONTHS, SPLIT_MEMBERS = 24, 2
NOTES = """
Same in both: world, benchmark of the base year, agents' rules and their order, draws of parameters and noise,
events, licence queues, elements in ore, the equations of the market and the tolerance to which they are met.
Not the same: the object model holds one member, clears by a tatonnement of its own (each seller's own price,
then the common level), certifies nothing, and keeps prices and shortfalls by good instead of all series.
"""


def seconds(call: Callable[[], object]) -> float:
    """Processor seconds of one call, garbage of others collected before."""
    gc.collect()
    start = time.process_time()
    call()
    return time.process_time() - start


def exponent(sizes: Sequence[float], times: Sequence[float]) -> float:
    """Slope of log time over log size."""
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def by_agents(world: World, scenario: Scenario) -> tuple[list[int], list[float]]:
    """Numbers of facilities of worlds split into parts, and seconds that a short run of each takes."""
    end = scenario.start.replace(year=scenario.start.year + SPLIT_MONTHS // 12 - 1, month=12, day=31)
    short, members = replace(scenario, end=end), range(1, 1 + SPLIT_MEMBERS)
    agents, cut = [], []
    for parts in PARTS:
        larger = split(world, parts)

        def run(larger: World = larger) -> object:
            return Simulation(larger, short, members=members, seed=SEED).run()

        agents.append(len(larger.facilities))
        cut.append(statistics.median(seconds(run) for _ in range(3 if parts < PARTS[-1] else 1)))
    return agents, cut


def main() -> None:
    """Measure and publish."""
    scenario = load_scenario(SCENARIO)
    world = load_world(scenario.base_year)

    def stacked(members: Sequence[int]) -> Callable[[], object]:
        return lambda: Simulation(world, scenario, members=members, seed=SEED).run()

    def objects(member: int, tolerance: float | None = None) -> Callable[[], object]:
        def run() -> object:
            choice = {} if tolerance is None else {"tolerance": tolerance}
            model = MesaObjects(world, scenario, member, SEED, **choice)
            model.run()
            return model.datacollector.get_model_vars_dataframe()

        return run

    seconds(stacked(range(2)))  # everything that is imported on first use
    rival = statistics.median(seconds(objects(member)) for member in (1, 2, 3))
    loose = statistics.median(seconds(objects(member, LOOSE)) for member in (1, 2, 3))
    per_run = {}
    for size in STACKS:
        first = [1 + size * i for i in range(RUNS[size])]
        per_run[size] = statistics.median(seconds(stacked(range(f, f + size))) / size for f in first)
    months = Simulation(world, scenario).steps
    best = min(per_run, key=lambda size: per_run[size])

    agents, cut = by_agents(world, scenario)

    def ratio(name: str, value: float, must: float | None = None, aim: float | None = None) -> Figure:
        return Figure(name, value, "times", must=must, aim=aim, larger_is_better=True)

    total = [size * per_run[size] for size in STACKS]
    publish(
        "rivals",
        [
            ratio(f"Mesa objects / stack of {COMPARED}, per run", rival / per_run[COMPARED], 60, 100),
            ratio(f"the same, objects stop at {LOOSE:g}", loose / per_run[COMPARED]),
            ratio(f"member by member / stack of {COMPARED}, per run", per_run[1] / per_run[COMPARED], 6, 15),
            ratio(f"member by member / stack of {best}, the best", per_run[1] / per_run[best]),
            ratio("Mesa objects / member by member", rival / per_run[1]),
            Figure(f"Mesa objects, {months} months", rival, "s per run"),
            *(Figure(f"stack of {size}, {months} months", per_run[size], "s per run") for size in STACKS),
            Figure("exponent in members, 1 to 200", exponent(STACKS, total), "1"),
            Figure("exponent in members, 50 to 200", exponent(STACKS[-2:], total[-2:]), "1"),
            *(
                Figure(f"{n} facilities, {SPLIT_MEMBERS} members, {SPLIT_MONTHS} months", t, "s")
                for n, t in zip(agents, cut, strict=True)
            ),
            Figure("exponent in agents (links grow with their square)", exponent(agents, cut), "1", must=1.0),
        ],
    )
    print(NOTES)


if __name__ == "__main__":
    main()
