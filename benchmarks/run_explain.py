"""``explain`` against the runs that it explains: a scenario of four events and its baseline, whole world.

The clock runs over the runs as ``monazite run`` makes them, and over what ``explain`` makes of the stored
result: each of the sets of events (sixteen, or fewer where some come later), of the month in which the price
is furthest from the baseline's, and of a shortage over the whole run, for which no month can be left out.
"""

from __future__ import annotations

import tempfile

from benchmarks.harness import Figure, publish, run_python

MEMBERS = 20
PROGRAM = """
import json, sys, time
from pathlib import Path
from sim.commands.run import Settings, run_scenarios
from sim.explain.attribute import Question, attribute, peak_step
from sim.results import find_runs

members, out = int(sys.argv[1]), Path(sys.argv[2])
start = time.perf_counter()
campaign = run_scenarios(
    ["baseline-2024", "framework-deal-2025"], settings=Settings(members, 1, out, "explained")
)
runs = time.perf_counter() - start
baseline, run = find_runs(campaign)
good = "dysprosium_oxide"

def taken(question):
    start = time.perf_counter()
    found = attribute(run, baseline, question)
    assert found.runs[0] <= 16 and found.runs[1] == members
    return time.perf_counter() - start

print(json.dumps({
    "runs": runs,
    "month": taken(Question(good, step=peak_step(run, baseline, good), members=members)),
    "shortage": taken(Question(good, "shortage", members=members)),
}))
"""


def main() -> None:
    """Measure and publish."""
    with tempfile.TemporaryDirectory() as folder:
        found = run_python(PROGRAM, str(MEMBERS), folder)
    made, unit = f"of 4 events, {MEMBERS} members", "times the runs"
    publish(
        "explain",
        [
            Figure("the two runs", found["runs"], "s"),
            Figure(f"explain a price {made}", found["month"] / found["runs"], unit, must=4.0),
            Figure(f"explain a shortage {made}", found["shortage"] / found["runs"], unit, must=4.0),
        ],
    )


if __name__ == "__main__":
    main()
