"""``monazite calibrate``: behavioural parameters from past episodes."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.commands.output import print_table, say, write_json
from sim.errors import MonaziteError
from sim.paths import outputs_directory, shown

if TYPE_CHECKING:
    from sim.past.posterior import LeftOut
    from sim.past.search import Found

__all__ = ["main", "register"]

DRAWS = 5000
SEED = 1
FOLDER = "calibration"
QUANTILES = {"median": 0.5, "p10": 0.1, "p90": 0.9}


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``calibrate`` to the command line."""
    parser = subparsers.add_parser(
        "calibrate",
        help="search the behavioural parameters that past episodes speak for",
        description="Approximate Bayesian computation: draws the parameters that have a prior in "
        "behaviour.csv, runs all past episodes with each draw, draws again around those that come closest to "
        "what was observed, and keeps the closest twentieth, weighted. Stop it with Ctrl-C; the same command "
        "goes on where it stopped, and the result is the same to the byte.",
        epilog="example: monazite calibrate --draws 5000 --plots pictures. With --adopt the result becomes "
        "what all other runs draw from (docs/how-to/calibrate.md).",
    )
    parser.add_argument(
        "--draws", type=int, default=None, metavar="N", help=f"draws in all (default {DRAWS})"
    )
    parser.add_argument("--seed", type=int, default=None, help=f"seed of the draws (default {SEED})")
    parser.add_argument(
        "--out", type=Path, default=None, metavar="DIR",
        help=f"folder of batches and results (default outputs/{FOLDER})",
    )  # fmt: skip
    parser.add_argument("--workers", type=int, default=None, metavar="N", help="processes (default: cores)")
    parser.add_argument(
        "--from", type=Path, default=None, metavar="DIR", dest="source",
        help="search nothing: report on the finished search in this folder",
    )  # fmt: skip
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.add_argument("--json", type=Path, default=None, metavar="FILE", help="write the tables as JSON")
    parser.add_argument(
        "--plots", type=Path, default=None, metavar="DIR",
        help="draw what the episodes say of each parameter, what the distance depends on, and residuals",
    )  # fmt: skip
    parser.add_argument(
        "--adopt", action="store_true",
        help="in a checkout: write median, p10 and p90 to behaviour.csv and the sample to data/raw/targets",
    )  # fmt: skip
    parser.set_defaults(main=main)


@contextmanager
def _progress(total: int, quiet: bool) -> Iterator[tuple[Callable[[int, int], None], Callable[[str], None]]]:
    """The progress of a sweep, counting draws."""
    from sim.commands.sweeping import live
    from sim.sweep.execute import Progress

    with live(quiet, "draws") as (draw, tell):

        def report(done: int, before: int) -> None:
            if draw is not None:
                draw(Progress(total, before, done))

        yield report, tell


def _search(args: argparse.Namespace) -> Found | int:
    """The finished search, or the exit code of a stopped one."""
    from sim.commands.exit_codes import SIGNAL
    from sim.past.episodes import episodes
    from sim.past.search import Watch, make_request, search
    from sim.sweep.execute import Stopper
    from sim.sweep.machine import cores

    draws = args.draws if args.draws is not None else DRAWS
    seed = args.seed if args.seed is not None else SEED
    out = args.out if args.out is not None else outputs_directory() / FOLDER
    known = episodes()
    request = make_request(known, draws, seed)
    say(
        f"{draws} draws of {len(request.parameters)} parameters on {len(request.targets)} targets, "
        f"seed {seed} -> {shown(out)}",
        flush=True,
    )
    began = time.perf_counter()
    workers = args.workers if args.workers is not None else cores()
    with _progress(draws, args.quiet) as (report, tell):
        stop = Stopper(tell, "draws")
        with stop.installed():
            found = search(request, known, out, workers, watch=Watch(stop, report))
    if found is None:
        again = f"monazite calibrate --draws {draws} --seed {seed} --out {shown(out)}"
        say(f"stopped; what is finished is kept. Continue with: {again}")
        return SIGNAL + stop.signal
    say(f"{time.perf_counter() - began:.0f} s", file=sys.stderr)
    return found


def _tables(found: Found) -> None:
    from sim.analysis.text import number

    rows = found.rows
    # Kish's effective size; the weights add up to 1.
    kept = 1 / sum(row["weight"] ** 2 for row in rows)
    first = sorted(found.first_round.distances)
    say(
        f"{len(rows)} draws kept, which count as {kept:.0f} equally weighted ones; distance "
        f"{rows[0]['distance']:.2f} to {rows[-1]['distance']:.2f} (median draw from the priors "
        f"{first[len(first) // 2]:.2f})"
    )
    say()
    cells = [
        [
            line["parameter"], f"{number(line['prior_low'])} to {number(line['prior_high'])}",
            number(line["median"]), f"{number(line['p10'])} to {number(line['p90'])}",
            f"{narrowed:.2f}",
        ]
        for line, narrowed in zip(found.parameters(), found.narrowing(), strict=True)
    ]  # fmt: skip
    print_table(["parameter", "prior", "median", "p10 to p90", "width against prior"], cells)
    say()
    central = found.ends[0]
    low, high = ({t.id: number(found.quantile(t.id, q)) for t in found.request.targets} for q in (0.1, 0.9))
    cells = [
        [
            f"{t.id}  {t.text}", number(t.observed), f"{number(t.low)} to {number(t.high)}",
            number(found.quantile(t.id, 0.5)), f"{low[t.id]} to {high[t.id]}", number(central[t.id]),
            "in" if t.low <= central[t.id] <= t.high else "OUT",
        ]
        for t in found.request.targets
    ]  # fmt: skip
    head = ["target", "observed", "accepted", "median", "p10 to p90", "at the medians", "band"]
    print_table(head, cells)
    say()
    say(
        f"All parameters at their medians: distance {central['distance']:.2f}, score {central['score']:.2f}, "
        f"{central['in_band']:.0f} of {len(found.request.targets)} targets in band."
    )


def _print_left_out(rows: Sequence[LeftOut]) -> None:
    """How well each target is forecast by the other episodes."""
    from sim.analysis.text import number
    from sim.past.scoring import miss, score

    if not rows:
        return
    say()
    say("Each target by the draws that come closest to all other episodes (draws from the priors alone):")
    say()
    cells = [
        [
            row.target.id, row.target.episode, number(row.target.observed),
            f"{number(row.target.low)} to {number(row.target.high)}", number(row.prior), number(row.median),
            f"{number(row.low)} to {number(row.high)}", "in" if row.in_band else "OUT",
        ]
        for row in rows
    ]  # fmt: skip
    head = ["target", "left out", "observed", "accepted", "priors", "median", "p10 to p90", "band"]
    print_table(head, cells)
    say()
    for name, values in (
        ("priors alone", [row.prior for row in rows]), ("others' fit", [row.median for row in rows]),
    ):
        misses = [miss(v, row.target.low, row.target.high) for v, row in zip(values, rows, strict=True)]
        say(f"{name}: {sum(m == 0 for m in misses)} of {len(rows)} in band, score {score(misses):.2f}")


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    """JSON has no NaN."""
    return {key: None if value != value else value for key, value in row.items()}


def _content(found: Found, left: Sequence[LeftOut]) -> dict[str, Any]:
    return {
        "directory": str(found.directory), "draws": found.request.draws, "seed": found.request.seed,
        "kept": len(found.rows), "parameters": found.parameters(), "central": _finite(found.ends[0]),
        "targets": [
            _finite({
                "target": t.id, "observed": t.observed, "low": t.low, "high": t.high,
                **{name: found.quantile(t.id, q) for name, q in QUANTILES.items()},
            })
            for t in found.request.targets
        ],
        "left_out": [
            _finite({
                "target": row.target.id, "episode": row.target.episode, "prior": row.prior,
                "median": row.median, "p10": row.low, "p90": row.high, "in_band": row.in_band,
            })
            for row in left
        ],
    }  # fmt: skip


def main(args: argparse.Namespace) -> int:
    """Search, or open a search, then report on it."""
    from sim.past.posterior import left_out

    if args.source is not None:
        names = ("draws", "seed", "out", "workers")
        given = [f"--{name}" for name in names if getattr(args, name) is not None]
        if given:
            raise MonaziteError(f"--from searches nothing, so {' and '.join(given)} cannot stand beside it")
        from sim.past.search import open_search

        found = open_search(args.source)
    else:
        result = _search(args)
        if isinstance(result, int):
            return result
        found = result
    _tables(found)
    left = left_out(found.first_round, found.request.targets)
    _print_left_out(left)
    if args.plots is not None:
        _draw(found, args.plots)
    write_json(args.json, _content(found, left))
    if args.adopt:
        from sim.past.adopt import adopt

        for path in adopt(found):
            say(f"written: {shown(path)}")
        say("now: make data, then look at 'monazite hindcast' and commit data/raw and data/world together")
    return 0


def _draw(found: Found, directory: Path) -> None:
    from sim.plots.posterior_pictures import draw_calibration

    pictures: Sequence[Any] = draw_calibration(found, directory)
    for picture in pictures:
        say(f"{picture.png}: {picture.title}", file=sys.stderr)
