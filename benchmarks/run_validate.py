"""How soon scenarios are checked: each in a process of its own, all of them in one, a hostile file."""

from __future__ import annotations

import compileall
import sys
import tempfile
from pathlib import Path

from benchmarks.harness import ROOT, Figure, publish, timed

REPEATS = 5
EACH_BOUND, ALL_BOUND, REFUSAL_BOUND = 0.3, 2.0, 1.0


def main() -> None:
    """Measure and publish."""
    compileall.compile_dir(ROOT / "sim", quiet=1)
    monazite = str(Path(sys.executable).parent / "monazite")
    files = sorted((ROOT / "scenarios").rglob("*.yaml"))
    each = {file.stem: timed([monazite, "validate", str(file)], REPEATS, warm_up=1) for file in files}
    slowest = max(each, key=lambda name: each[name].wall)
    together = timed([monazite, "validate", str(ROOT / "scenarios")], REPEATS, warm_up=1)
    bare = timed([sys.executable, "-c", "pass"], REPEATS, warm_up=1)
    starts = each[slowest].processor / bare.processor
    figures = [
        Figure("validate, slowest, in bare starts of Python", starts, "", must=15, aim=10),
        Figure(f"validate, slowest of {len(files)} ({slowest})", each[slowest].wall, "s", must=EACH_BOUND),
        Figure("the same, processor", each[slowest].processor, "s"),
        Figure(f"validate, all {len(files)} in one process", together.wall, "s", must=ALL_BOUND),
        Figure("the same, processor", together.processor, "s"),
    ]
    with tempfile.TemporaryDirectory() as folder:
        bomb = Path(folder) / "bomb.yaml"
        rows = ["a0: &a0 [1, 1]"]
        rows += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 100)]
        bomb.write_text("\n".join(rows))
        huge = Path(folder) / "huge.yaml"
        with huge.open("wb") as file:
            file.truncate(50_000_000)
        for name, path in (("aliases of aliases", bomb), ("50 MB", huge)):
            program = f"import sys; from sim.cli import main; sys.exit(main(['validate', {str(path)!r}]) - 2)"
            timing = timed([sys.executable, "-c", program], REPEATS, warm_up=1)
            figures.append(Figure(f"refusal of {name}", timing.wall, "s", must=REFUSAL_BOUND))
    publish("validate", figures)


if __name__ == "__main__":
    main()
