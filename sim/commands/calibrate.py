"""``monazite calibrate``: behavioural parameters from past episodes."""

from __future__ import annotations

import argparse
import csv
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sim.errors import MonaziteError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main", "register", "weighted_quantile"]

DRAWS = 1000
SEED = 1


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``calibrate`` to the command line."""
    parser = subparsers.add_parser(
        "calibrate",
        help="search the behavioural parameters that past episodes speak for",
        description="Approximate Bayesian computation: draws parameters from their ranges, runs all "
        "episodes, draws again around those that come closest to what was observed, and keeps the best. "
        "Batches that are in the folder already are not run again, so a search that broke off goes on.",
    )
    parser.add_argument(
        "--draws", type=int, default=DRAWS, metavar="N", help=f"draws in all (default {DRAWS})"
    )
    parser.add_argument("--seed", type=int, default=SEED, help=f"seed of the draws (default {SEED})")
    parser.add_argument(
        "--out", type=Path, default=Path("outputs/calibration"), metavar="DIR",
        help="folder of the batches and of posterior.csv (default outputs/calibration)",
    )  # fmt: skip
    parser.set_defaults(main=main)


def weighted_quantile(values: Sequence[float], weights: Sequence[float], share: float) -> float:
    """The smallest value up to which the weights reach a share of their sum.

    >>> weighted_quantile([3.0, 1.0, 2.0], [1.0, 1.0, 2.0], 0.5)
    2.0
    """
    total, reached = sum(weights), 0.0
    for value, weight in sorted(zip(values, weights, strict=True)):
        reached += weight
        if reached >= share * total - 1e-12:
            return value
    raise ValueError("no values")


def main(args: argparse.Namespace) -> int:
    """Search, write the accepted draws, say how far each parameter and target was narrowed down."""
    from sim.agents.parameters import read_priors
    from sim.analysis.episodes import episodes
    from sim.analysis.posterior import BATCH, calibrate_on, search
    from sim.analysis.text import number, table

    known = episodes()
    targets = [target for episode in known for target in episode.targets if target.listed]
    began = time.perf_counter()

    def tell(done: int, total: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{done * BATCH} of {total * BATCH} draws", end="", file=sys.stderr, flush=True)

    sample = search(known, args.draws, args.out, args.seed, tell)
    rows = calibrate_on(sample, targets)
    path = args.out / "posterior.csv"
    try:
        with path.open("w", newline="", encoding="utf-8") as handle:
            writer = csv.DictWriter(handle, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows([{key: f"{value:.6g}" for key, value in row.items()} for row in rows])
    except OSError as error:
        raise MonaziteError(f"{path}: cannot be written: {error.strerror}") from None
    print(
        f"{len(sample.distances)} draws of {len(sample.parameters)} parameters on {len(targets)} targets, "
        f"{time.perf_counter() - began:.0f} s; {len(rows)} kept -> {path}"
    )
    weights = [row["weight"] for row in rows]
    prior = read_priors()

    def quantiles(name: str) -> list[str]:
        return [number(weighted_quantile([r[name] for r in rows], weights, q)) for q in (0.5, 0.1, 0.9)]

    cells = [
        [name, f"{number(prior[name][0])} to {number(prior[name][1])}", *quantiles(name)]
        for name in sample.parameters
    ]
    print(table(["parameter", "range before", "median", "p10", "p90"], cells))
    print()
    cells = [
        [f"{t.id}  {t.text}", number(t.observed), f"{number(t.low)} to {number(t.high)}", *quantiles(t.id)]
        for t in targets
    ]
    print(table(["target", "observed", "accepted", "median", "p10", "p90"], cells))
    best = rows[0]
    print(
        f"best draw: score {best['score']:.3f}, distance {best['distance']:.2f}, "
        f"{best['in_band']:.0f} of {len(targets)} in band; it alone would be a point fitted to the targets"
    )
    return 0
