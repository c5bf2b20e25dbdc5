"""``report`` on a campaign of four scenarios and three goods: time and size of the page, runs left out."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.harness import Figure, publish, run_python, timed

MEMBERS = 20
SCENARIOS = ("ree-licence-2025", "framework-deal-2025", "redesign-substitution", "tariff-spiral-2025")
GOODS = "dysprosium_oxide,terbium_oxide,ndfeb_magnet_high_temperature"
RUNS = """
import json, sys
from pathlib import Path
from sim.commands.run import Settings, run_scenarios

settings = Settings(int(sys.argv[1]), 1, Path(sys.argv[2]), "reported")
run_scenarios(["baseline-2024", *sys.argv[3:]], settings=settings)
print(json.dumps({}))
"""


def main() -> None:
    """Measure and publish."""
    monazite = str(Path(sys.executable).parent / "monazite")
    with tempfile.TemporaryDirectory() as folder:
        run_python(RUNS, str(MEMBERS), folder, *SCENARIOS)
        campaign = Path(folder) / "reported"
        taken = timed([monazite, "report", str(campaign), "--good", GOODS])
        size = (campaign / "report.html").stat().st_size
    what = f"page on {len(SCENARIOS)} scenarios, {len(GOODS.split(','))} goods, {MEMBERS} members"
    publish(
        "report",
        [
            Figure(what, taken.wall, "s", must=30.0),
            Figure("the same, processor", taken.processor, "s"),
            Figure("the page", size / 1e6, "MB", must=5.0),
        ],
    )


if __name__ == "__main__":
    main()
