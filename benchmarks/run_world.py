"""A run of the default world: 84 months, one member and fifty.

The clock starts after the imports and covers everything that a run needs: reading the world and the
scenario, the benchmark of the base year, and the steps. Peak memory is that of the whole process, imports
included.
"""

from __future__ import annotations

import statistics

from benchmarks.harness import Figure, publish, run_python

MONTHS = 84
PROGRAM = """
import json, sys, time
import xarray
from sim.engine import Simulation
from sim.scenario import load_scenario
from sim.sweep.machine import peak_bytes
from sim.world.load import load_world

start, used = time.perf_counter(), time.process_time()
scenario = load_scenario("baseline-2024")
world = load_world(scenario.base_year)
loaded = time.perf_counter()
result = Simulation(world, scenario, members=int(sys.argv[1]), seed=1).run()
end = time.perf_counter()
print(json.dumps({
    "load": loaded - start,
    "total": end - start,
    "processor": time.process_time() - used,
    "peak_mb": peak_bytes() / 1e6,
    "steps": result.sizes["time"],
}))
"""


def measure(members: int, repeats: int) -> dict[str, float]:
    """Median figures of several fresh processes.

    Raises:
        RuntimeError: the baseline is not as long as the bound supposes.
    """
    runs = [run_python(PROGRAM, str(members)) for _ in range(repeats)]
    if runs[0]["steps"] != MONTHS:
        raise RuntimeError(f"baseline-2024 has {runs[0]['steps']} steps; the bound is for {MONTHS} months")
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def main() -> None:
    """Measure and publish."""
    one, fifty = measure(members=1, repeats=5), measure(members=50, repeats=3)
    publish(
        "world",
        [
            Figure("read the world and the scenario", one["load"], "s"),
            Figure("1 member, 84 months, after import", one["total"], "s", must=1.5),
            Figure("1 member, 84 months, processor", one["processor"], "s"),
            Figure("1 member, peak memory", one["peak_mb"], "MB"),
            Figure("50 members, 84 months, after import", fifty["total"], "s", must=12.0),
            Figure("50 members, 84 months, processor", fifty["processor"], "s"),
            Figure("50 members, peak memory", fifty["peak_mb"], "MB", must=1500.0),
        ],
    )


if __name__ == "__main__":
    main()
