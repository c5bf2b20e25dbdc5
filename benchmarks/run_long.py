"""The long run: sixteen years of the default world with projects, a hundred members in two processes.

The clock covers everything from the command to the stored sweep. Where the processor took well below twice
as long as the clock, other work shared the machine, and half of its time is the better figure.
"""

from __future__ import annotations

import sys
import tempfile

from benchmarks.harness import Figure, publish, timed

MEMBERS, WORKERS = 100, 2
END = "time.end=2039-12"


def main() -> None:
    """Measure and publish."""
    words = [sys.executable, "-m", "sim.cli", "sweep", "baseline-long-run", END, "--quiet"]
    with tempfile.TemporaryDirectory() as folder:
        # Two members make the world of projects, which is kept, and the bytecode.
        timed([*words, "--members", "2", "--workers", "1", "--out", f"{folder}/first"])
        out = ["--out", f"{folder}/whole"]
        whole = timed([*words, "--members", str(MEMBERS), "--workers", str(WORKERS), *out])
    publish(
        "long",
        [
            Figure(f"16 years with projects, {MEMBERS} members", whole.wall, "s", must=90.0),
            Figure("  processor", whole.processor, "s"),
        ],
    )


if __name__ == "__main__":
    main()
