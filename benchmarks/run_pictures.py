"""The ten pictures of four scenarios with 50 members: how long they take to measure, draw and write.

A campaign is run first, into a folder that goes away; that does not count. Dose and response and the indices
need a sweep, so what counts of them is how long they take to say so.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks import harness
from sim.commands.run import Settings, run_scenarios
from sim.plots import draw_all
from sim.results import find_runs

SCENARIOS = ["baseline-2024", "ree-licence-2025", "tariff-spiral-2025", "stockpile-chn", "arctic-route"]
MEMBERS = 50


def main() -> None:
    """Run, draw, publish the seconds."""
    with tempfile.TemporaryDirectory() as folder:
        campaign = run_scenarios(SCENARIOS, settings=Settings(members=MEMBERS, out=Path(folder), quiet=True))
        runs = find_runs(campaign)
        began = time.perf_counter()
        drawn = draw_all(runs, SCENARIOS[0], ["dysprosium_oxide"], campaign / "plots")
        seconds = time.perf_counter() - began
    count = len(drawn.pictures) + len(drawn.not_drawn)
    harness.publish("pictures", [harness.Figure(f"{count} pictures, 4 scenarios", seconds, "s", must=20.0)])


if __name__ == "__main__":
    main()
