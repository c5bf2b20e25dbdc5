"""``monazite register``: who owns which mines abroad, with reserves and remaining life."""

from __future__ import annotations

import argparse
import math
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sim.commands.output import print_table, say, write_json
from sim.errors import MonaziteError, did_you_mean

if TYPE_CHECKING:
    from sim.world.register import Deposit

__all__ = ["main", "register"]

Row = dict[str, str]
WIDTH = 80
"""Characters of a line."""
BY = ("owner", "host", "mineral")
EPILOG = """examples: monazite register --owner CHN; monazite register --by owner;
monazite register --mineral cobalt --json -
Shares are those of the owner that is named first; reserves in brackets are the host's as a whole (USGS)."""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``register`` to the command line."""
    parser = subparsers.add_parser(
        "register",
        help="show who owns which mines where, with reserves and remaining life",
        description="Print the register of mines: owner, host, share, reserves and remaining life.",
        epilog=EPILOG,
    )
    parser.add_argument(
        "--owner", default=None, metavar="COUNTRY", help="owners of this country, by code or name"
    )
    parser.add_argument("--host", default=None, metavar="COUNTRY", help="mines in this country")
    parser.add_argument("--mineral", default=None, metavar="NAME", help="mines of this mineral")
    parser.add_argument("--by", choices=BY, default=None, help="count mines by owner, host or mineral")
    parser.add_argument(
        "--json", type=Path, default=None, metavar="FILE", help="write the table as JSON ('-': print it)"
    )
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    """Print the register, or counts of it."""
    from sim.world.register import read_register

    rows = read_register()
    owner, host = (_country(args, name) for name in ("owner", "host"))
    minerals = sorted({mineral for row in rows for mineral in row.minerals})
    if args.mineral is not None and args.mineral not in minerals:
        say_else = did_you_mean(args.mineral, minerals) or f"there are {', '.join(minerals)}"
        raise MonaziteError(f"--mineral: the register has no '{args.mineral[:60]}'; {say_else}")
    kept = [
        row
        for row in rows
        if (owner is None or owner in (row.owner_country, *row.other_owners))
        and (host is None or row.host == host)
        and (args.mineral is None or args.mineral in row.minerals)
    ]
    table = _counted(kept, args.by) if args.by else [_line(row) for row in kept]
    if str(args.json) != "-":
        if not table:
            say("no mine of the register fits")
        else:
            _print(table)
            _say_of_others([] if args.by else kept, owner)
    write_json(args.json, table if args.by else [vars(row) | {"share": _plain(row.share),
               "reserves": _plain(row.reserves), "life": _plain(row.life)} for row in kept])  # fmt: skip
    return 0


def _say_of_others(rows: Sequence[Deposit], owner: str | None) -> None:
    """Under the table, of which of its mines the owner and the share are those of somebody else."""
    from sim.analysis.names import country_name

    others = [row.mine for row in rows if owner not in (None, row.owner_country)]
    if others:
        where = f"Owners in {country_name(owner or '')} come second or later in {', '.join(others)}"
        what = "the share is that of the first owner, and 'register --by owner' counts them there."
        say(textwrap.fill(f"{where}: {what}", WIDTH))


def _country(args: argparse.Namespace, name: str) -> str | None:
    from sim.names import NoCountry, country_code

    word = getattr(args, name)
    if word is None:
        return None
    try:
        return country_code(word)
    except NoCountry as error:
        raise MonaziteError(f"--{name}: {error.message}; {error.remedy}") from error


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else value


def _line(row: Deposit) -> Row:
    return {
        "mine": row.mine, "mineral": ", ".join(row.minerals), "host": row.host,
        "owner": f"{row.owner_country or '-'} {row.owner}", "share": _share(row.share),
        "reserves": _reserves(row), "years": "-" if math.isnan(row.life) else f"{row.life:g}",
    }  # fmt: skip


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.0%}".replace("%", " %")


def _tonnes(value: float) -> str:
    for size, unit in ((1e9, "Gt"), (1e6, "Mt"), (1e3, "kt")):
        if value >= 0.9995 * size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g} t"


def _reserves(row: Deposit) -> str:
    from sim.world.register import read_national_reserves

    if not math.isnan(row.reserves):
        return _tonnes(row.reserves)
    national = read_national_reserves()
    known = [national[m, row.host].tonnes for m in row.minerals if (m, row.host) in national]
    return f"({_tonnes(known[0])})" if known else "-"


def _counted(rows: Sequence[Deposit], by: str) -> list[Row]:
    """Mines by owner's country, host or mineral: how many, held by whom or where, and for how long."""
    heads: dict[str, Callable[[Deposit], Sequence[str]]] = {
        "owner": lambda row: [row.owner_country or "-"], "host": lambda row: [row.host],
        "mineral": lambda row: row.minerals,
    }  # fmt: skip
    other = {"owner": ("hosts", "host")}
    groups: dict[str, list[Deposit]] = {}
    for row in rows:
        for head in heads[by](row):
            groups.setdefault(head, []).append(row)
    title, field = other.get(by, ("owners", "owner_country"))
    table = []
    for head, mine in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
        lives = sorted(row.life for row in mine if not math.isnan(row.life))
        ends = (*lives[:1], *lives[-1:])
        abroad = sum(row.owner_country not in ("", row.host) for row in mine)
        table.append({
            by: head, "mines": str(len(mine)), "owned from abroad": str(abroad),
            title: " ".join(dict.fromkeys(getattr(row, field) or "-" for row in mine)),
            "years left": " to ".join(dict.fromkeys(f"{life:g}" for life in ends)) or "-",
        })  # fmt: skip
    return table


def _print(table: Sequence[Row]) -> None:
    """The table in 80 characters: what does not fit is cut, and says so by its last letter."""
    columns = list(table[0])
    widths = [max(len(name), *(len(row[name]) for row in table)) for name in columns]
    while sum(widths) + 2 * (len(widths) - 1) > WIDTH:
        widths[widths.index(max(widths))] -= 1
    cut = [
        [_cut(cell, width) for cell, width in zip(row.values(), widths, strict=True)] for row in table
    ]
    print_table(columns, cut)


def _cut(cell: str, width: int) -> str:
    return cell if len(cell) <= width else f"{cell[: width - 1]}~"
