"""``make demo`` when everything is installed already."""

from __future__ import annotations

from benchmarks.harness import Figure, publish, timed


def main() -> None:
    """Measure and publish."""
    timed(["make", ".venv/.installed"])
    demo = timed(["make", "demo"])
    publish(
        "demo",
        [
            Figure("make demo, installed", demo.wall, "s", must=40.0),
            Figure("make demo, installed, processor", demo.processor, "s"),
        ],
    )


if __name__ == "__main__":
    main()
