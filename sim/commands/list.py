"""``monazite list``: what there is to choose from."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from sim.commands.output import print_table, say, write_json
from sim.errors import MonaziteError, did_you_mean
from sim.paths import shown

__all__ = ["main", "register"]

Row = dict[str, str]
DEFAULT_BASE_YEAR = 2024
BY_NAME = ("goods", "instruments", "parameters", "straits")
"""Lists of which one entry can be shown by name."""
SAME_IN_ALL = ("scenarios", "instruments", "minerals", "straits")
"""Lists that no base year changes."""
GRADES = """A: output and trade of every stage are data; B: of some stages, the others follow stated rules;
C: output is data, trade follows rules. A scenario gets such a world by 'base_year' and 'minerals';
'monazite world show' says what rests on what."""
SPARE = ("format", "file", "tags", "confidence", "drawn", "example", "may have")
"""Columns that a narrow terminal does without."""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``list`` to the command line."""
    parser = subparsers.add_parser(
        "list",
        help="show scenarios, goods, minerals, countries, sectors, firms, facilities and other words",
        description="Show what there is: the words that a scenario file can use.",
        epilog="examples: monazite list scenarios --tag rare-earth; monazite list goods gallium; "
        "monazite list instruments export_quota; monazite list firms --good cobalt",
    )
    parser.add_argument("what", nargs="?", default="scenarios", choices=tuple(LISTINGS), metavar="WHAT",
                        help=f"one of: {', '.join(LISTINGS)} (default scenarios)")  # fmt: skip
    parser.add_argument("name", nargs="?", default=None, metavar="NAME",
                        help=f"one of the {', '.join(BY_NAME)}: what is known of it")  # fmt: skip
    parser.add_argument(
        "--tag", action="append", default=[], metavar="T", help="only scenarios with this tag; repeatable"
    )
    parser.add_argument(
        "--good", default=None, metavar="GOOD",
        help="firms: the largest sellers of a good or mineral, with their shares",
    )
    parser.add_argument("--base-year", type=int, default=DEFAULT_BASE_YEAR, metavar="YEAR",
                        help=f"world whose words are shown (default {DEFAULT_BASE_YEAR})")  # fmt: skip
    parser.add_argument(
        "--json", type=Path, default=None, metavar="FILE", help="write the table as JSON ('-': print it)"
    )
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    """Print one table."""
    _check_effect(args)
    rows = LISTINGS[args.what](args)
    if str(args.json) != "-":
        if rows:
            columns = list(rows[0])
            spare = [name for name in SPARE if name in columns]
            print_table(columns, [[row[column] for column in columns] for row in rows], spare=spare)
            if args.what == "minerals":
                say(GRADES)
        else:
            say(f"no {args.what}")
    write_json(args.json, rows)
    return 0


def _check_effect(args: argparse.Namespace) -> None:
    """Refuse what would change nothing."""
    if args.name is not None and args.what not in BY_NAME:
        raise MonaziteError(f"'{args.name[:60]}': names can be given of {', '.join(BY_NAME)} alone")
    if args.tag and args.what != "scenarios":
        raise MonaziteError(f"--tag has no effect on {args.what}; only scenarios have tags")
    if args.good is not None and args.what != "firms":
        raise MonaziteError(f"--good has no effect on {args.what}; only firms are shown by good")
    if args.base_year != DEFAULT_BASE_YEAR and args.what in SAME_IN_ALL:
        raise MonaziteError(f"--base-year has no effect on {args.what}: they are the same in every world")


def _scenarios(args: argparse.Namespace) -> list[Row]:
    from sim.scenario.find import names
    from sim.scenario.node import plain
    from sim.scenario.reader import read_document

    rows, all_tags = [], set()
    for name, path in sorted(names().items(), key=lambda item: (item[1].parent.name, item[0])):
        document = read_document(path)
        fields = plain(document.root) if document.root is not None else None
        if not isinstance(fields, dict):
            rows.append({"scenario": name, "title": "cannot be read: see 'monazite validate'",
                         "tags": "", "status": "", "format": "", "file": shown(path)})  # fmt: skip
            continue
        tags = fields.get("tags")
        tags = [tags] if isinstance(tags, str) else [str(t) for t in tags] if isinstance(tags, list) else []
        all_tags |= set(tags)
        if all(tag in tags for tag in args.tag):
            rows.append({"scenario": name, "title": str(fields.get("title", "")), "tags": ", ".join(tags),
                         "status": str(fields.get("status", "draft")),
                         "format": f"v{fields.get('format', '?')}", "file": shown(path)})  # fmt: skip
    for tag in args.tag:
        if tag not in all_tags:
            remedy = did_you_mean(tag, sorted(all_tags), list_up_to=40)
            raise MonaziteError(f"no scenario has the tag '{tag}'" + (f"; {remedy}" if remedy else ""))
    return rows


def _goods(args: argparse.Namespace) -> list[Row]:
    from sim.world.labels import load_labels

    if args.name is not None:
        from sim.commands.list_one import good

        return good(load_labels(args.base_year), args.name)
    return [
        {"good": g.id, "mineral": g.mineral, "stage": g.stage, "unit": g.unit, "HS": " ".join(g.hs6),
         "name": g.name}
        for g in load_labels(args.base_year).goods
    ]  # fmt: skip


def _countries(args: argparse.Namespace) -> list[Row]:
    from sim.world.labels import load_labels

    labels = load_labels(args.base_year)
    rows = [{"code": "world", "name": "every country", "groups": ""}]
    rows += [{"code": g, "name": f"{len(m)} countries", "groups": ""} for g, m in labels.groups.items()]
    for code, name in labels.countries.items():
        member = [group for group, members in labels.groups.items() if code in members]
        rows.append({"code": code, "name": name, "groups": ", ".join(member)})
    return rows


def _sectors(args: argparse.Namespace) -> list[Row]:
    from sim.world.labels import load_labels

    labels = load_labels(args.base_year)
    homes: dict[str, set[str]] = {sector: set() for sector in sorted(labels.sectors)}
    for facility in labels.facilities.values():
        if facility.sector:
            homes[facility.sector].add(facility.country)
    return [{"sector": sector, "countries": ", ".join(sorted(codes))} for sector, codes in homes.items()]


def _firms(args: argparse.Namespace) -> list[Row]:
    from sim.world.labels import load_labels

    labels = load_labels(args.base_year)
    if args.good is not None:
        from sim.commands.list_one import sellers

        return sellers(labels, args.good)
    sales: dict[str, set[str]] = {}
    for (good, facility), tonnes in labels.output.items():
        if tonnes > 0:
            sales.setdefault(labels.facilities[facility].firm, set()).add(good)
    return [{"firm": firm, "sells": ", ".join(sorted(sales[firm]))} for firm in sorted(sales)]


def _facilities(args: argparse.Namespace) -> list[Row]:
    from sim.world.labels import load_labels

    labels = load_labels(args.base_year)
    sells: dict[str, list[str]] = {}
    for good, facility in labels.output:
        sells.setdefault(facility, []).append(good)
    return [
        {"facility": name, "kind": f.kind, "country": f.country, "firm": f.firm,
         "sells": ", ".join(sorted(sells.get(name, [])))}
        for name, f in sorted(labels.facilities.items())
        if f.kind != "manufacturer"
    ]  # fmt: skip


def _straits(args: argparse.Namespace) -> list[Row]:
    from sim.commands.list_one import strait, strait_row
    from sim.world.labels import load_labels

    straits = load_labels(args.base_year).straits
    if args.name is not None:
        return strait(straits, args.name)
    return [strait_row(straits, name) for name in straits.names]


def _projects(args: argparse.Namespace) -> list[Row]:
    from sim.paths import world_directory
    from sim.world.past_projects import year_projects

    return [
        {
            "project": row["project"], "good": row["good"], "country": row["country"],
            "owner": " ".join(filter(None, (row["owner_country"], row["owner"]))),
            "t/year": row["capacity_t"], "state": row["state"], "confidence": row["confidence"],
        }
        for row in year_projects(world_directory(), args.base_year)
    ]  # fmt: skip


def _scrap(args: argparse.Namespace) -> list[Row]:
    from sim.world.labels import load_labels
    from sim.world.scrap import known_lifetimes

    minerals = {good.id: good.mineral for good in load_labels(args.base_year).goods}
    return [
        {
            "good": rule["good"], "recovered": rule["recovered"], "sector": life["sector"],
            "years in use": f"{life['years']} ({life['low']} to {life['high']})",
            "collected now": rule["collected_now"], "at most": rule["collected_most"],
            "confidence": life["confidence"],
        }
        for rule, life in known_lifetimes(minerals)
    ]  # fmt: skip


def _instruments(args: argparse.Namespace) -> list[Row]:
    from sim.instruments import Instrument, instrument_class, instrument_types

    if args.name is not None:
        from sim.commands.list_one import instrument

        return instrument(args.name)
    rows = []
    for name in instrument_types():
        model = instrument_class(name)
        own = [k for k in model.model_fields if k not in Instrument.model_fields]
        needed = [k for k in own if model.model_fields[k].is_required()]
        summary = (model.__doc__ or "").strip().splitlines()[0]
        optional = ", ".join(k for k in own if k not in needed)
        rows.append({"type": name, "needs": ", ".join(needed), "may have": optional, "what it does": summary})
    return rows


def _parameters(args: argparse.Namespace) -> list[Row]:
    from sim.commands.list_one import parameter, parameter_row
    from sim.world.labels import load_labels

    labels = load_labels(args.base_year)
    if args.name is not None:
        return parameter(labels, args.name)
    return [parameter_row(row) for row in labels.parameter_rows.values()]


def _minerals(args: argparse.Namespace) -> list[Row]:
    """What the panel has, and which curated worlds hold a mineral."""
    from sim.paths import base_years
    from sim.world.labels import load_labels
    from sim.world.source import panel_coverage

    curated: dict[str, list[int]] = {}
    for year in base_years():
        for mineral in dict.fromkeys(good.mineral for good in load_labels(year).goods):
            curated.setdefault(mineral, []).append(year)
    panel = panel_coverage()
    rows = []
    for mineral in sorted({*panel, *curated}):
        grades = {year: have.grade for year, have in sorted(panel.get(mineral, {}).items())}
        held = list(grades.values())
        usual = max(dict.fromkeys(held), key=held.count, default="")
        others = [
            f"{grade} {_spans([year for year in grades if grades[year] == grade])}"
            for grade in dict.fromkeys(held)
            if grade != usual
        ]
        rows.append(
            {"mineral": mineral, "panel years": _spans(list(grades)), "grade": "; ".join([usual, *others]),
             "curated": " ".join(map(str, curated.get(mineral, [])))}
        )  # fmt: skip
    return rows


def _spans(years: Sequence[int]) -> str:
    """``1996-99, 2004`` for the years 1996 to 1999 and 2004."""
    spans: list[list[int]] = []
    for year in years:
        if spans and spans[-1][1] == year - 1:
            spans[-1][1] = year
        else:
            spans.append([year, year])
    return ", ".join(str(a) if a == b else f"{a}-{b % 100:02d}" for a, b in spans)


LISTINGS: dict[str, Callable[[argparse.Namespace], list[Row]]] = {
    "scenarios": _scenarios,
    "goods": _goods,
    "countries": _countries,
    "sectors": _sectors,
    "firms": _firms,
    "facilities": _facilities,
    "straits": _straits,
    "instruments": _instruments,
    "minerals": _minerals,
    "parameters": _parameters,
    "projects": _projects,
    "scrap": _scrap,
}
