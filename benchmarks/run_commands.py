"""How soon the command line answers: wall time of whole processes, bytecode compiled."""

from __future__ import annotations

import compileall
import sys
from pathlib import Path

from benchmarks.harness import ROOT, Figure, median_seconds, publish, wall_seconds

REPEATS = 7
BOUND = 0.3


def main() -> None:
    """Measure and publish."""
    compileall.compile_dir(ROOT / "sim", quiet=1)
    monazite = str(Path(sys.executable).parent / "monazite")
    scenario = sorted((ROOT / "scenarios").rglob("ree-licence-2025.yaml"))[0]
    commands = {
        "monazite --help": [monazite, "--help"],
        "monazite list": [monazite, "list"],
        "monazite validate FILE": [monazite, "validate", str(scenario)],
    }
    figures = [
        Figure(name, median_seconds(lambda: wall_seconds(command), REPEATS), "s", must=BOUND)  # noqa: B023
        for name, command in commands.items()
    ]
    bare = median_seconds(lambda: wall_seconds([sys.executable, "-c", "pass"]), REPEATS)
    publish("commands", [*figures, Figure("for comparison: an empty Python program", bare, "s")])


if __name__ == "__main__":
    main()
