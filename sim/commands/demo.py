"""``monazite demo``: one shock against the baseline, from the world's data to a page that can be sent."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from sim.commands.output import plural, say
from sim.paths import shown

__all__ = ["main", "register"]

BASELINE = "baseline-2024"
SCENARIO = "ree-licence-2025"
GOOD = "dysprosium"
MEMBERS = 20
SEED = 1


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``demo`` to the command line."""
    parser = subparsers.add_parser(
        "demo",
        help="run a rare-earth shock against the baseline and draw it",
        description=f"Runs {BASELINE} and {SCENARIO} with {MEMBERS} paired members, draws {GOOD}, writes "
        "a page on it.",
    )
    parser.add_argument(
        "--members", type=int, default=MEMBERS, metavar="N", help=f"paired members (default {MEMBERS})"
    )
    parser.add_argument(
        "--out", type=Path, default=None, metavar="DIR", help="where the campaign goes (default outputs/)"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    """Run, compare, draw, report; the paths of the pictures and of the page come last."""
    from sim.commands.compare import compare_runs, report
    from sim.commands.report import write_report
    from sim.commands.run import Settings, run_scenarios

    began = time.perf_counter()
    say(f"{BASELINE} and {SCENARIO}, {plural(args.members, 'paired member')}", flush=True)
    settings = Settings(args.members, SEED, args.out, quiet=args.quiet)
    campaign = run_scenarios([BASELINE, SCENARIO], settings=settings)
    say(f"saved in {shown(campaign)}, {time.perf_counter() - began:.1f} s\n", flush=True)
    (compared,) = compare_runs(campaign, BASELINE, [GOOD])
    pictures = report(*compared, campaign / "plots")
    page = write_report(campaign, BASELINE, [GOOD], campaign / "report.html")
    say(f"done in {time.perf_counter() - began:.1f} s; look at:")
    for picture in pictures:
        say(f"  {shown(picture)}")
    say(f"and at all of it on one page, in any browser:\n  {shown(page)}")
    return 0
