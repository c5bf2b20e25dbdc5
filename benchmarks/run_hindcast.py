"""All past episodes with 100 members, and what a draw of the calibration costs."""

from __future__ import annotations

import tempfile

from benchmarks.harness import Figure, publish, timed

DRAWS = 100
BOUND_DRAWS, BOUND_MINUTES = 5000, 90.0


def main() -> None:
    """Measure and publish."""
    hindcast = timed([".venv/bin/monazite", "hindcast", "--members", "100"])
    with tempfile.TemporaryDirectory() as folder:
        search = timed([".venv/bin/monazite", "calibrate", "--draws", str(DRAWS), "--out", folder])
    publish(
        "hindcast",
        [
            Figure("hindcast, all episodes, 100 members", hindcast.wall, "s", must=120.0),
            Figure(
                f"calibration of {BOUND_DRAWS} draws, from {DRAWS}",
                search.wall * BOUND_DRAWS / DRAWS / 60,
                "min",
                must=BOUND_MINUTES,
            ),
        ],
    )


if __name__ == "__main__":
    main()
