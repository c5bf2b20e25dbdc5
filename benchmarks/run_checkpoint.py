"""Checkpoints of the default world with fifty members: to take one, to keep one, to go on from one.

Each program makes some months first, and takes one of each before the clock starts, as somebody does who
undoes steps. To go on from a file in a new process takes what is worked out once, too; its clock starts after
the imports, and the world's tables are read before.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from benchmarks.harness import Figure, publish, run_python

MEMBERS, MONTHS, REPEATS, PROCESSES = 50, 6, 7, 3
KEPT = """
import json, statistics, sys, time
from pathlib import Path
from sim.engine import Checkpoint, Simulation
from sim.scenario import load_scenario
from sim.world.load import load_world

members, months, repeats, path = *map(int, sys.argv[1:4]), Path(sys.argv[4])
scenario = load_scenario("baseline-2024")
world = load_world(scenario.base_year)
simulation = Simulation(world, scenario, members=members, seed=1)
for _ in range(months):
    simulation.step()

def median(action):
    action()
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        taken.append(time.perf_counter() - start)
    return 1000 * statistics.median(taken)

checkpoint = simulation.checkpoint()
print(json.dumps({
    "take": median(simulation.checkpoint),
    "write": median(lambda: checkpoint.write(path)),
    "read": median(lambda: Checkpoint.read(path)),
    "resume": median(lambda: Simulation.resume(checkpoint)),
    "megabytes": path.stat().st_size / 1e6,
}))
"""
ELSEWHERE = """
import json, sys, time
from pathlib import Path
import sim.engine
from sim.engine import Simulation
from sim.scenario import load_scenario
from sim.world.load import load_world

scenario = load_scenario("baseline-2024")
world = load_world(scenario.base_year)
start = time.perf_counter()
Simulation.resume(Path(sys.argv[1]), scenario, world)
print(json.dumps({"first": 1000 * (time.perf_counter() - start)}))
"""


def main() -> None:
    """Measure and publish."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "run.checkpoint")
        kept = run_python(KEPT, str(MEMBERS), str(MONTHS), str(REPEATS), path)
        first = statistics.median(run_python(ELSEWHERE, path)["first"] for _ in range(PROCESSES))
    publish(
        "checkpoint",
        [
            Figure(f"take a checkpoint, {MEMBERS} members", kept["take"], "ms", must=150.0),
            Figure("go on from it", kept["resume"], "ms", must=150.0),
            Figure("write it to a file", kept["write"], "ms"),
            Figure("the file", kept["megabytes"], "MB", must=40.0),
            Figure("read it", kept["read"], "ms"),
            Figure("read it and go on, in a new process", first, "ms"),
        ],
    )


if __name__ == "__main__":
    main()
