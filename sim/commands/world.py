"""``monazite world``: what a world rests on, and worlds of one's own."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sim.commands.output import plural, print_table, say, write_json
from sim.errors import MonaziteError
from sim.paths import cache_directory, shown, world_directory

if TYPE_CHECKING:
    from sim.world.basis import Basis

__all__ = ["main", "register"]

DEFAULT_YEAR = 2024
ADJUSTMENTS_SHOWN = 8
BOUNDS = ("give-up price", "worth to ")
"""Adjustments of what a user would pay at the most: one for each user."""

OPTIONS = {
    ("good", "GOOD"): "good of the folder's prices.csv that the table is of",
    ("code", "HS"): "trade: HS code of the good, or its beginning; repeat for several, which are added up",
    ("content", "SHARE"): "trade: tonnes of the good in a tonne shipped, where its unit is contained metal",
    ("mineral", "NAME"): "output: mineral whose rows are meant, where the table holds several",
    ("stage", "NAME"): "output: stage or type whose rows are meant, as the table names it",
    ("unit", "UNIT"): "output: unit of the figures, where the table does not say it (kt, kg, short tons)",
    ("sheet", "NAME"): "output: sheet of a workbook (default: the first with cells)",
    ("column", "NAME=HEADING"): "output: heading of country, year, quantity ...; repeat for several",
    ("thousands", "SIGN"): "output: what parts thousands, ',' (default) or '.'",
}
"""Options of ``import`` -> what they mean."""
OF_TRADE = ("code", "content")
OF_OUTPUT = ("mineral", "stage", "unit", "sheet", "column", "thousands")


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``world`` to the command line."""
    parser = subparsers.add_parser(
        "world",
        help="show what a world rests on; start, fill and build a world of your own",
        description="show: of each good the output, trade, use and price, with source and confidence, and "
        "what the reconciliation moved. new: write a folder of tables to start from. import: write output "
        "by country (tables of USGS, BGS or your own, CSV or Excel) into its mines.csv, or trade (files of "
        "BACI as CEPII ships them: t,i,j,k,v,q) into its flows.csv. build: check the tables "
        "of a folder, balance them, tell every adjustment; scenarios use it by 'world: FOLDER'.",
        epilog="examples: monazite world show nickel 2013; monazite world show my-scenario; "
        "monazite world new my-world; "
        "monazite world import my-world mcs2026.csv 2024 --good rhenium_metal --mineral Rhenium; "
        "monazite world import my-world BACI_HS22_Y2024_V202601.csv 2024 --good rhenium_metal --code 811241; "
        "monazite world build my-world",
    )
    parser.add_argument("action", choices=tuple(ACTIONS), metavar="show|new|import|build", help="what to do")
    parser.add_argument("words", nargs="*", metavar="MINERAL|YEAR|SCENARIO|FOLDER|FILE",
                        help="show: minerals and a year, a folder and a year, or a scenario; new: a folder; "
                        "import: a folder, a file (of trade also several), and the year; "
                        f"build: a folder. Its year if that is not {DEFAULT_YEAR}")  # fmt: skip
    parser.add_argument("--all", action="store_true", help="every adjustment, not the largest alone")
    parser.add_argument("--json", type=Path, default=None, metavar="FILE",
                        help="write it as JSON ('-': print it)")  # fmt: skip
    group = parser.add_argument_group("import")
    for (name, word), text in OPTIONS.items():
        many = "append" if name in ("code", "column") else "store"
        signs = (",", ".") if name == "thousands" else None
        group.add_argument(
            f"--{name}", action=many, choices=signs, default=None, metavar=word, help=text
        )
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    """Print tables, or write them."""
    if args.action != "import":
        _refuse(args, [name for name, _ in OPTIONS], f"'world {args.action}'")
    return ACTIONS[args.action](args)


def _folder_and_year(args: argparse.Namespace) -> tuple[Path, int]:
    years = [word for word in args.words if word.isdigit()]
    names = [word for word in args.words if not word.isdigit()]
    if len(names) != 1 or len(years) > 1:
        raise MonaziteError(f"world {args.action} needs one folder; see 'monazite world --help'")
    return Path(names[0]), int(years[0]) if years else DEFAULT_YEAR


def _new(args: argparse.Namespace) -> int:
    from sim.world.template import write_template

    folder, _ = _folder_and_year(args)
    for path in write_template(folder):
        say(shown(path))
    say(f"README.md explains every column. Write your own rows, then: monazite world build {shown(folder)}")
    return 0


def _refuse(args: argparse.Namespace, names: Sequence[str], what: str) -> None:
    """Options that would do nothing here."""
    for name in names:
        if getattr(args, name) is not None:
            raise MonaziteError(f"--{name} does nothing in {what}; leave it out")


def _import(args: argparse.Namespace) -> int:
    """Write a table of others into a folder of one's own."""
    from sim.world.importers.fill import Reading, fill_output, fill_trade, is_trade

    years = [word for word in args.words if word.isdigit()]
    folder, *files = [Path(word) for word in args.words if not word.isdigit()] or [Path()]
    if not files or len(years) > 1:
        raise MonaziteError("world import needs a folder, a file and a year; see 'monazite world --help'")
    if args.good is None:
        raise MonaziteError("world import needs --good, the good of prices.csv that the table is of")
    year = int(years[0]) if years else DEFAULT_YEAR
    if is_trade(files[0]):
        _refuse(args, OF_OUTPUT, "an import of trade")
        if not args.code:
            raise MonaziteError("an import of trade needs --code, an HS code of the good")
        done = fill_trade(folder, files, args.good, year, _codes(args.code), _content(args.content))
    else:
        _refuse(args, OF_TRADE, f"an import of output, and {shown(files[0])} has not the columns of BACI")
        if len(files) > 1:
            raise MonaziteError(f"one table of output at a time, not {len(files)}")
        reading = Reading(
            args.mineral or "", args.stage or "", args.unit or "", args.sheet, _columns(args.column or []),
            args.thousands or ",",
        )  # fmt: skip
        done = fill_output(folder, files[0], args.good, year, reading)
    replaced = f", in place of {plural(done.replaced, 'row')}" if done.replaced else ""
    say(f"{shown(done.path)}: {plural(done.rows, 'row')} of {done.good}, {done.tonnes:,.6g} t{replaced}")
    for note in done.notes:
        say(f"  {note}")
    content = {"table": str(done.path), "good": done.good, "year": year, "rows": done.rows,
               "replaced": done.replaced, "tonnes": done.tonnes, "notes": done.notes}  # fmt: skip
    write_json(args.json, content)
    return 0


def _codes(written: Sequence[str]) -> list[str]:
    """HS codes as digits, parts of a list with commas included."""
    from sim.names.goods import MOST_DIGITS, code_digits

    codes = []
    for word in [part.strip() for text in written for part in text.split(",")]:
        digits = code_digits(word)
        if not digits:
            raise MonaziteError(f"--code: '{word[:60]}' is no HS code; write for example 811241 or 8112")
        if len(digits) > MOST_DIGITS:
            raise MonaziteError(f"--code: '{word[:60]}' has more than six digits, which BACI has not")
        codes.append(digits)
    return codes


def _content(written: str | None) -> float:
    if written is None:
        return 1.0
    try:
        value = float(written)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1:
        raise MonaziteError(f"--content: '{written[:60]}' is no share above 0; write for example 0.6")
    return value


def _columns(written: Sequence[str]) -> dict[str, str]:
    columns = {}
    for text in written:
        name, _, heading = text.partition("=")
        if not heading.strip():
            raise MonaziteError(f"--column: '{text[:60]}' is no NAME=HEADING; write for example country=Land")
        columns[name.strip()] = heading.strip()
    return columns


def _build(args: argparse.Namespace) -> int:
    """Check a folder, build its world, tell all that was moved."""
    from sim.paths import share_root
    from sim.world.basis import adjusted, world_basis
    from sim.world.build.own import OwnTables, unit_slips
    from sim.world.load import load_world
    from sim.world.source import WorldChoice, world_tables

    folder, year = _folder_and_year(args)
    own = (folder / "prices.csv").is_file() and not (folder / "goods.csv").is_file()
    slips = unit_slips(OwnTables(share_root(), folder, year)) if own else []
    tables = world_tables(year, (), WorldChoice(folder))
    world = load_world(year, tables)
    for slip in slips:
        say(f"warning: {slip}", file=sys.stderr)
    moved = adjusted(tables, year, [good.id for good in world.goods])
    text = f"{plural(len(world.goods), 'good')}, {len(world.facilities)} facilities: balanced"
    say(f"{shown(folder)}: {text}")
    for line in world_basis(tables, year):
        if line.what == "output":
            say(f"  {line.good}: {line.amount:,.6g} {line.unit}, made in {line.parts} countries")
    _say_adjustments(moved, everything=True)
    say(f"in a scenario: base_year: {year}, world: {shown(folder)}")
    write_json(args.json, {"base_year": year, "warnings": slips, "adjustments": moved})
    return 0


def _asked(words: list[str]) -> tuple[Path, int, tuple[str, ...]]:
    """Tables, year and minerals that the words mean."""
    from sim.world.source import WorldChoice, panel_coverage, world_tables

    years = [word for word in words if word.isdigit()]
    names = tuple(word for word in words if not word.isdigit())
    if len(names) == 1 and Path(names[0]).is_dir():
        year = int(years[0]) if years else DEFAULT_YEAR
        return world_tables(year, (), WorldChoice(Path(names[0]))), year, ()
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
    from sim.world.basis import adjusted, world_basis

    tables, year, minerals = _asked(args.words)
    found = world_basis(tables, year, minerals)
    if not found:
        names = ", ".join(minerals)
        raise MonaziteError(f"the world of {year} has no {names}; 'monazite list minerals' shows all")
    goods = list(dict.fromkeys(line.good for line in found))
    moved = adjusted(tables, year, goods)
    if str(args.json) != "-":
        say(f"{_kind(tables)} of {year}: {plural(len(goods), 'good')}")
        columns = ("good", "what", "amount", "of", "confidence", "source")
        print_table(columns, [_cells(line) for line in found], spare=("of",))
        _say_adjustments(moved, args.all)
    content = [vars(line) | {"confidence": dict(line.confidence)} for line in found]
    write_json(args.json, {"base_year": year, "goods": content, "adjustments": moved})
    return 0


def _kind(tables: Path) -> str:
    if tables == world_directory():
        return "curated world"
    return "world that was built" if cache_directory() in tables.parents else "world of one's own"


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


ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {
    "show": _show, "new": _new, "import": _import, "build": _build,
}
