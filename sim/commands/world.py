"""``monazite world``: what a world rests on."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from sim.commands.output import plural, print_table, say, write_json
from sim.errors import MonaziteError

if TYPE_CHECKING:
    from sim.world.basis import Basis

__all__ = ["main", "register"]

ADJUSTMENTS_SHOWN = 8
BOUNDS = ("give-up price", "worth to ")
"""Adjustments of what a user would pay at the most: one for each user."""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``world`` to the command line."""
    parser = subparsers.add_parser(
        "world",
        help="show what a world rests on",
        description="show: of each good the output, trade, use and price, with source and confidence, and "
        "what the reconciliation moved.",
        epilog="examples: monazite world show nickel 2013; monazite world show gallium 2024; "
        "monazite world show my-scenario",
    )
    parser.add_argument("action", choices=("show",), metavar="show", help="what to do")
    parser.add_argument("words", nargs="*", metavar="MINERAL|YEAR|SCENARIO",
                        help="minerals and a year, or a scenario")  # fmt: skip
    parser.add_argument("--all", action="store_true", help="every adjustment, not the largest alone")
    parser.add_argument("--json", type=Path, default=None, metavar="FILE",
                        help="write it as JSON ('-': print it)")  # fmt: skip
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    """Print tables, or write them."""
    return _show(args)


def _asked(words: list[str]) -> tuple[Path, int, tuple[str, ...]]:
    """Tables, year and minerals that the words mean."""
    from sim.world.source import panel_coverage, world_tables

    years = [word for word in words if word.isdigit()]
    names = tuple(word for word in words if not word.isdigit())
    if len(years) > 1:
        raise MonaziteError(f"one year at a time, not {' and '.join(years)}")
    if years:
        year = int(years[0])
        return world_tables(year, names), year, names
    if len(names) == 1 and names[0] not in panel_coverage():
        from sim.scenario import load_scenario

        scenario = load_scenario(names[0])
        return scenario.tables, scenario.base_year, scenario.minerals
    say_so = "; name a year, too: monazite world show nickel 2013" if names else ""
    raise MonaziteError(f"world show needs minerals and a year, or one scenario{say_so}")


def _show(args: argparse.Namespace) -> int:
    from sim.paths import world_directory
    from sim.world.basis import adjusted, world_basis

    tables, year, minerals = _asked(args.words)
    found = world_basis(tables, year, minerals)
    if not found:
        names = ", ".join(minerals)
        raise MonaziteError(f"the world of {year} has no {names}; 'monazite list minerals' shows all")
    goods = list(dict.fromkeys(line.good for line in found))
    moved = adjusted(tables, year, goods)
    if str(args.json) != "-":
        kind = "curated world" if tables == world_directory() else "world from the panel"
        say(f"{kind} of {year}: {plural(len(goods), 'good')}")
        columns = ("good", "what", "amount", "of", "confidence", "source")
        print_table(columns, [_cells(line) for line in found], spare=("of",))
        _say_adjustments(moved, args.all)
    content = [vars(line) | {"confidence": dict(line.confidence)} for line in found]
    write_json(args.json, {"base_year": year, "goods": content, "adjustments": moved})
    return 0


def _cells(line: Basis) -> tuple[str, ...]:
    amount = f"{line.amount:,.0f}" if line.amount >= 100 else f"{line.amount:.3g}"
    parts = {"trade": plural(line.parts, "pair"), "price": ""}.get(line.what, f"{line.parts} countries")
    return line.good, line.what, f"{amount} {line.unit}", parts, line.sure, line.source


def _say_adjustments(moved: list[dict[str, str]], everything: bool) -> None:
    """What the reconciliation did, the largest shares first; bounds on what users pay are counted alone."""
    others = [row for row in moved if not row["item"].startswith(BOUNDS)]
    others.sort(key=lambda row: -_share(row))
    say()
    bounded = len(moved) - len(others)
    say(f"{plural(len(others), 'adjustment')} of tonnes and prices; {bounded} bounds on what users pay")
    for row in others if everything else others[:ADJUSTMENTS_SHOWN]:
        raw, now = float(row["raw"]), float(row["reconciled"])
        figures = f"{raw:,.0f} -> {now:,.0f} {row['unit']}"
        say(f"  {row['good']}, {row['country']}: {row['item']} {figures}: {row['rule']}")
    if not everything and len(others) > ADJUSTMENTS_SHOWN:
        say(f"  and {len(others) - ADJUSTMENTS_SHOWN} more; --all shows them")


def _share(row: dict[str, str]) -> float:
    raw, now = float(row["raw"]), float(row["reconciled"])
    return abs(now - raw) / max(abs(raw), abs(now), 1e-30)
