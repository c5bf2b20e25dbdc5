"""``python -m benchmarks [name ...]``: run all benchmarks, or those named, with or without ``run_``.

Each runs in an interpreter of its own, so one cannot warm up or fatten another.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
NOT_BENCHMARKS = {"__init__", "__main__", "harness"}


def names() -> list[str]:
    """Every benchmark, by the name of its file."""
    found = sorted(
        path.stem
        for path in FOLDER.glob("*.py")
        if path.stem not in NOT_BENCHMARKS and "\ndef main(" in path.read_text(encoding="utf-8")
    )
    return found


def main(arguments: list[str]) -> int:
    """Run the benchmarks; 1 when one of them broke, 2 for an unknown name. A missed bound is no error."""
    known = names()
    arguments = [f"run_{name}" if f"run_{name}" in known else name for name in arguments]
    unknown = [name for name in arguments if name not in known]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    broken = []
    for name in arguments or known:
        done = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{name}"], cwd=FOLDER.parent, check=False
        )
        if done.returncode:
            broken.append(name)
    if broken:
        print(f"did not finish: {', '.join(broken)}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
