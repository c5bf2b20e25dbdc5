"""All past episodes with 100 members."""

from __future__ import annotations

from benchmarks.harness import Figure, publish, timed


def main() -> None:
    """Measure and publish."""
    hindcast = timed([".venv/bin/monazite", "hindcast", "--members", "100"])
    publish("hindcast", [Figure("hindcast, all episodes, 100 members", hindcast.wall, "s", must=120.0)])


if __name__ == "__main__":
    main()
