"""``monazite check``: the no-shock run against what is known of the base year."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sim.commands.output import plural, say, write_json
from sim.commands.properties import check_behaviour
from sim.errors import MonaziteError

if TYPE_CHECKING:
    import xarray as xr

    from sim.analysis.base_year_check import CheckRow

__all__ = ["check_scenario", "main", "register"]

MEMBERS = 20
SEED = 1


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``check`` to the command line."""
    parser = subparsers.add_parser(
        "check",
        help="compare the no-shock run with observed shares, prices, imports and stocks",
        description="Runs a baseline for 60 months and prints every target of the base year: observed, "
        "model, band, and the reason where it is out of band. Then the share of the data that rests on "
        "assumptions. "
        "'monazite check behaviour' prints, instead, fourteen properties that must hold of any such market, "
        "each with its figure and its bound.",
    )
    parser.add_argument(
        "name", nargs="?", default="baseline-2024",
        help="baseline scenario (default baseline-2024), or 'behaviour'",
    )
    parser.add_argument(
        "--members", type=int, default=None, metavar="N", help=f"members (default {MEMBERS})"
    )
    parser.add_argument("--seed", type=int, default=None, help=f"seed of all draws (default {SEED})")
    parser.add_argument(
        "--only", action="append", metavar="TARGET",
        help="only this target, for example C2, or this property, for example 3; repeatable",
    )
    parser.add_argument("--out-of-band", action="store_true", help="leave out the rows that are in band")
    parser.add_argument("--json", type=Path, default=None, metavar="FILE", help="write all rows as JSON")
    parser.set_defaults(main=main)


def check_scenario(name: str, members: int, seed: int) -> xr.Dataset:
    """Results of a baseline cut or prolonged to the 60 months that the targets are about.

    Raises:
        MonaziteError: unknown scenario, or one that has a baseline of its own.
    """
    import numpy as np

    from sim.analysis.base_year_check import CHECKED_MONTHS
    from sim.engine import Simulation
    from sim.scenario import load_scenario
    from sim.world.load import load_world

    scenario = load_scenario(name)
    if scenario.compare_to and scenario.compare_to != scenario.name:
        raise MonaziteError(
            f"'{name}' is a shock to {scenario.compare_to}; check that: monazite check {scenario.compare_to}"
        )
    last = np.datetime64(scenario.start, "M") + (CHECKED_MONTHS - 1)
    scenario = load_scenario(name, overrides=(f"time.end={last}",))
    world = load_world(scenario.base_year, scenario.tables)
    return Simulation(world, scenario, members=members, seed=seed).run()


def _text(rows: Sequence[CheckRow]) -> str:
    from sim.analysis.text import number, table

    cells = [
        [
            row.row,
            row.target,
            number(row.observed),
            number(row.model),
            f"{number(row.low)} to {number(row.high)}",
            row.unit,
            "in" if row.in_band else "OUT",
        ]
        for row in rows
    ]
    lines = table(["row", "target", "observed", "model", "band", "unit", "band"], cells).split("\n")
    reasons = ["", *(row.reason for row in rows)]
    return "\n".join(f"{line}  {reason}".rstrip() for line, reason in zip(lines, reasons, strict=True))


def _data_text(shares: dict[str, float]) -> str:
    """One row per quantity and weight, one column per level of confidence."""
    from sim.analysis.text import table

    labels = ["seen", "derived", "memory", "assumption"]
    rows = []
    for what in dict.fromkeys(key.partition(", ")[0] for key in shares):
        rows.append([what, *(f"{100 * shares.get(f'{what}, {label}', 0.0):.1f} %" for label in labels)])
    return table(["what the world's data rest on", *labels], rows)


def main(args: argparse.Namespace) -> int:
    """Run, print all rows, count them, say what rests on assumptions. Exit code 0 in any case."""
    from sim.analysis.base_year_check import assumption_shares, check_rows
    from sim.analysis.text import table

    if args.name == "behaviour":
        for name in ("members", "seed"):
            if getattr(args, name) is not None:
                raise MonaziteError(f"--{name} has no effect on behaviour, which runs central members alone")
        return check_behaviour(args.only, args.out_of_band, args.json)
    members = MEMBERS if args.members is None else args.members
    seed = SEED if args.seed is None else args.seed
    if members < 1:
        raise MonaziteError(f"members must be at least 1, not {members}")
    if seed < 0:
        raise MonaziteError(f"seed must not be negative, not {seed}")
    dataset = check_scenario(args.name, members, seed)
    rows = check_rows(dataset)
    identifiers = list(dict.fromkeys(row.target for row in rows))
    wanted = [text.upper() for text in args.only or identifiers]
    for text in wanted:
        if text not in identifiers:
            raise MonaziteError(f"--only: no target '{text}'; allowed: {', '.join(identifiers)}")
    shown = [r for r in rows if r.target in wanted and not (args.out_of_band and r.in_band)]
    say(
        f"{args.name}: {plural(dataset.sizes['time'], 'step')} without shock, "
        f"{plural(members, 'member')}, seed {seed}"
    )
    say(_text(shown))
    say()
    counts = []
    for text in wanted:
        chosen = [row for row in rows if row.target == text]
        counts.append([text, f"{sum(row.in_band for row in chosen)} of {len(chosen)}"])
    say(table(["target", "in band"], counts))
    say(
        "C1, C2, C5 and C6 compare the run with tables that the world was built from: they say that\n"
        "the model holds its base year, not that it predicts."
    )
    shares = assumption_shares(int(dataset.attrs["base_year"]))
    say()
    say(_data_text(shares))
    write_json(args.json, {"rows": [row.as_dict() for row in rows], "data": shares})
    return 0
