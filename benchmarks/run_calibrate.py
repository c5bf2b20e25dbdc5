"""A search for parameters: 500 draws on all past episodes, what 5,000 would take, resuming a finished one.

With ``MONAZITE_LONG=1`` the 5,000 draws are made.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from benchmarks.harness import Figure, publish, timed

DRAWS = 500
MANY = 5000
WORKERS = 2
MUST_SECONDS = 90 * 60.0


def main() -> None:
    """Measure and publish."""
    long = os.environ.get("MONAZITE_LONG") == "1"
    with tempfile.TemporaryDirectory(prefix="monazite-bench-") as folder:

        def search(draws: int) -> list[str]:
            out = str(Path(folder) / str(draws))
            words = f".venv/bin/monazite calibrate --draws {draws} --workers {WORKERS} --quiet --out {out}"
            return words.split()

        few = timed(search(DRAWS))
        again = timed(search(DRAWS))
        # What does not grow with the draws (start, tables, the runs of the ends) counts once.
        fixed = again.wall
        many = timed(search(MANY)).wall if long else fixed + (few.wall - fixed) * MANY / DRAWS
    how = "" if long else f", from {DRAWS}"
    publish(
        "calibrate",
        [
            Figure(f"{DRAWS} draws, {WORKERS} processes", few.wall, "s"),
            Figure("  processor time", few.processor, "s"),
            Figure(f"{MANY} draws, {WORKERS} processes{how}", many, "s", must=MUST_SECONDS),
            Figure(f"resume of {DRAWS} finished draws", again.wall, "s"),
        ],
    )


if __name__ == "__main__":
    main()
