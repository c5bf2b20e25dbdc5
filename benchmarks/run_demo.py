"""``make demo`` when everything is installed already."""

from __future__ import annotations

from benchmarks.harness import Figure, publish, wall_seconds


def main() -> None:
    """Measure and publish."""
    wall_seconds(["make", ".venv/.installed"])
    publish("demo", [Figure("make demo, installed", wall_seconds(["make", "demo"]), "s", must=40.0)])


if __name__ == "__main__":
    main()
