"""How soon the command line answers: wall time of whole processes, bytecode compiled."""

from __future__ import annotations

import compileall
import sys
from pathlib import Path

from benchmarks.harness import ROOT, Figure, publish, timed

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
    figures = []
    for name, command in commands.items():
        timing = timed(command, REPEATS, warm_up=1)
        figures.append(Figure(name, timing.wall, "s", must=BOUND))
        figures.append(Figure(f"{name}, processor", timing.processor, "s"))
    bare = timed([sys.executable, "-c", "pass"], REPEATS, warm_up=1)
    publish("commands", [*figures, Figure("an empty Python program", bare.wall, "s")])


if __name__ == "__main__":
    main()
