"""``monazite resume``: go on with a sweep that was stopped, whatever stopped it."""

from __future__ import annotations

import argparse
from pathlib import Path

from sim.commands.exit_codes import HELP
from sim.commands.output import plural, say
from sim.commands.sweeping import add_options, check_effect, run_and_report
from sim.errors import MonaziteError
from sim.paths import shown

__all__ = ["main", "register"]


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``resume`` to the command line."""
    parser = subparsers.add_parser(
        "resume",
        help="go on with a sweep that was stopped",
        description="Checks what is stored, computes what is missing or damaged, completes the sweep. The "
        "result is the same to the byte as if nothing had happened.",
        epilog=f"example: monazite resume a41f9c2e. {HELP}",
    )
    parser.add_argument("sweep", metavar="ID|DIR", help="id of the sweep, its beginning, or its folder")
    add_options(parser)
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    """Open the sweep and run what is missing."""
    from sim.sweep.read import open_sweep

    check_effect(args)
    if args.out is not None and (Path(args.sweep) / "sweep.json").is_file():
        raise MonaziteError("--out has no effect beside the folder of a sweep, which is where it goes on")
    sweep = open_sweep(args.sweep, args.out)
    plan = sweep.plan()
    args.out = sweep.directory.resolve().parent
    if not args.quiet:
        say(f"sweep {plan.id}: {plural(plan.total, 'run')}, {shown(sweep.directory)}", flush=True)
    return run_and_report(plan, args)
