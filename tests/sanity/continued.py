"""What a run brings, as hashes, in a process of its own: ``python -m tests.sanity.continued FOLDER STEPS``.

The folder holds runs in the middle: ``NAME.pickle``, or ``NAME.checkpoint`` of a scenario that ships under
that name. Prints a JSON object: name of the file -> hash of what the next steps bring and what is recorded.
"""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path

from sim.engine import Simulation
from sim.scenario import load_scenario
from tests.engine.busy_run import record_tail
from tests.steps import Bits, bits, digest

__all__ = ["continued"]


def continued(simulation: Simulation, steps: int) -> str:
    """Hash of what the next steps bring, and of the record from here on."""
    first, found = simulation.time, Bits()
    for step in range(steps):
        found |= {f"{step} {name}": array for name, array in bits(simulation.step()).items()}
    return digest(found | record_tail(simulation, first))


def _opened(path: Path) -> Simulation:
    if path.suffix == ".pickle":
        simulation: Simulation = pickle.loads(path.read_bytes())
        return simulation
    return Simulation.resume(path, load_scenario(path.stem))


if __name__ == "__main__":
    paths = sorted(path for path in Path(sys.argv[1]).iterdir() if path.suffix in (".pickle", ".checkpoint"))
    print(json.dumps({path.name: continued(_opened(path), int(sys.argv[2])) for path in paths}))
