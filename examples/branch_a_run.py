"""Branch a run: go back two months, and see what a suspension of exports makes of the same world.

A checkpoint is a run in the middle. Here a run of the cobalt chain without shock is kept every month. From
the checkpoint of the end of 2025 it goes on twice: as it was, and under a scenario in which exports of cobalt
intermediates from the DR Congo stop from January 2026. Until then both are one run. Run with

    python examples/branch_a_run.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import sim
from sim.engine import Checkpoint, Simulation

PARTING, MONTHS = 24, 6
GOOD = "cobalt_intermediate"


def main() -> dict[str, float]:
    """Make both branches; return the price abroad in the second over the first, by month, median member."""
    world = sim.load_world(2024)
    calm = sim.load("baseline-2024", "minerals=[cobalt]")
    suspended = sim.load("teaching-stockpile", "~events.stock")

    run = Simulation(world, calm, members=20, seed=1)
    kept = [run.checkpoint()]
    while run.time < PARTING + 2:
        run.step()
        kept.append(run.checkpoint())
    run = Simulation.resume(kept[PARTING])  # Two months are undone.

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "2025.checkpoint"
        kept[PARTING].write(path)
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB, at {Checkpoint.read(path).header['date']}")
        branch = Simulation.resume(path, suspended, world)

    as_it_was, otherwise = run.run(), branch.run()
    ratio = (otherwise.price_outside / as_it_was.price_outside).sel(good=GOOD).median("member")
    found = {str(month)[:7]: float(ratio.sel(time=month)) for month in ratio.time.values[:MONTHS]}
    for month, times in found.items():
        print(f"{month}: {GOOD} costs {times:.2f} times what it costs without the suspension")
    return found


if __name__ == "__main__":
    main()
