"""``monazite scan``: every large supplier of many minerals, one stop of a year each, ranked."""

from __future__ import annotations

import argparse
import json
import textwrap
from typing import TYPE_CHECKING

from sim.commands.exit_codes import NOT_COMPLETE, SIGNAL, say_verdict
from sim.commands.output import plural, print_table, say, write_json
from sim.commands.sweeping import add_options, live, settings_of
from sim.errors import MonaziteError
from sim.paths import outputs_directory, shown

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["main", "register"]

DEFAULT_YEAR = 2024
ROWS_SHOWN = 20
LEAST_MONTHS = 24
"""Half a year before the stop, a year of it, half a year after."""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``scan`` to the command line."""
    parser = subparsers.add_parser(
        "scan",
        help="stop every large supplier of many minerals for a year, and rank what that costs",
        description="For each mineral of the panel and each of its largest suppliers: all exports (or all "
        "output) stop for a year, without notice. All runs are stored as one sweep: a scan that was stopped "
        "goes on when it is asked for again.",
        epilog="examples: monazite scan --country USA; monazite scan cobalt nickel tin --suppliers 5; "
        "monazite scan --base-year 2013 --stop output --weights political_risk",
    )
    parser.add_argument("minerals", nargs="*", metavar="MINERAL",
                        help="default: all that the panel has in the year")  # fmt: skip
    parser.add_argument("--base-year", type=int, default=DEFAULT_YEAR, metavar="YEAR",
                        help=f"year of the worlds (default {DEFAULT_YEAR})")  # fmt: skip
    parser.add_argument("--suppliers", type=int, default=3, metavar="N", help="of each mineral (default 3)")
    parser.add_argument("--stop", choices=("exports", "output"), default="exports",
                        help="what stops (default exports)")  # fmt: skip
    parser.add_argument("--country", default="world", metavar="WHO",
                        help="whose value lost is ranked: country, group, or world (default)")  # fmt: skip
    parser.add_argument("--weights", choices=("political_risk",), default=None,
                        help="rank value lost times the supplier's political risk (0 to 1)")  # fmt: skip
    parser.add_argument("--members", type=int, default=20, metavar="N", help="paired members (default 20)")
    parser.add_argument("--months", type=int, default=36, metavar="N", help="length of a run (default 36)")
    parser.add_argument("--seed", type=int, default=None, help="root of all draws (default 1)")
    parser.add_argument("--no-plots", action="store_true", help="table only")
    add_options(parser)
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    """Write the scenarios, run them as one sweep, rank them."""
    from sim.sweep.execute import execute
    from sim.sweep.plan import make_plan
    from sim.sweep.read import open_sweep
    from sim.sweep.request import Request
    from sim.sweep.scan import scan_minerals, scan_table, write_cases

    if args.months < LEAST_MONTHS or args.suppliers < 1:
        raise MonaziteError(f"a scan needs a supplier of each mineral, and {LEAST_MONTHS} months at least")
    minerals = scan_minerals(args.base_year, args.minerals)
    args.country, codes = _country(args.country, args.base_year)
    risk = _risk() if args.weights else None
    out = args.out if args.out is not None else outputs_directory()
    folder = out / f"scan-{args.base_year}-{args.stop}"
    settings = (args.suppliers, args.stop, args.months)
    cases = write_cases(folder / "scenarios", minerals, args.base_year, settings)
    if not cases:
        raise MonaziteError(f"nobody trades {', '.join(minerals)} in {args.base_year}; try --stop output")
    names = dict.fromkeys(name for case in cases for name in (case.calm, case.name))
    files = [str(folder / "scenarios" / f"{name}.yaml") for name in names]
    plan = make_plan(Request(files, members=args.members, seed=args.seed))
    with live(args.quiet) as (progress, tell):
        report = execute(
            plan, out, settings_of(args), fail_fast=args.fail_fast, progress=progress, tell=tell
        )
    if not report.complete:
        say(f"stopped after {report.done} of {plural(report.total, 'run')}; ask for the same scan to go on")
        return SIGNAL + report.signal if report.signal else NOT_COMPLETE
    say(f"{plural(report.total, 'run')}, {report.stored} were stored -> {shown(report.directory)}")
    sweep = open_sweep(plan.id, out)
    table = scan_table(sweep, cases, codes, risk)
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / "scan.csv", index=False, float_format="%.6g", lineterminator="\n")
    _print(table, args)
    say(shown(folder / "scan.csv"))
    if not args.no_plots:
        from sim.explain.words import place
        from sim.plots.scan import draw_matrix, draw_ranking

        whose = "the world" if args.country == "world" else place(args.country)
        note = f"Sweep {plan.id}: {args.members} paired members, worlds of {args.base_year} from the panel. "
        note += f"All {args.stop} of one supplier stop for a year, unannounced. Model results, not forecasts."
        for picture in (draw(table, folder, (whose, note)) for draw in (draw_ranking, draw_matrix)):
            say(f"{shown(picture.png)}\n  {picture.title}")
    write_json(args.json, {"sweep": plan.id, "rows": json.loads(table.to_json(orient="records"))})
    return say_verdict(len(report.failed), report.total, report.cleared, report.certified)


def _country(word: str, base_year: int) -> tuple[str, tuple[str, ...]]:
    """Code or group whose loss is ranked, and its countries; none of them for the world."""
    from sim.instruments.naming import group_word
    from sim.names import NoCountry, country_code
    from sim.paths import base_years
    from sim.world.labels import load_labels

    labels = load_labels(base_year if base_year in base_years() else base_years()[-1])
    group = group_word(word, labels)
    if group:
        return group, () if group == "world" else labels.group(group)
    try:
        code = country_code(word)
    except NoCountry as error:
        raise MonaziteError(f"--country: {error}") from None
    return code, (code,)


def _risk() -> dict[str, float]:
    from sim.paths import world_directory
    from sim.tables import read_table

    rows = read_table(world_directory() / "countries.csv", ("iso3", "political_risk"))
    return {iso3: float(value) for iso3, value in rows.pairs("iso3", "political_risk").items()}


def _print(table: pd.DataFrame, args: argparse.Namespace) -> None:
    from sim.analysis.points_needed import ENOUGH_MEMBERS, few_members

    ranked = "value_lost_weighted" if args.weights else "value_lost"
    columns = ("", "mineral", "from", "share", f"lost {args.country}, m USD", "peak", "weeks", "months")
    rows = []
    for place, row in enumerate(table.head(ROWS_SHOWN).to_dict("records"), start=1):
        low, high = (float(row[f"value_lost_{end}"]) / 1e6 for end in ("p10", "p90"))
        lost = _three(float(row[ranked]) / 1e6)
        lost += "" if args.weights else f" [{_three(low)}-{_three(high)}]"
        share, peak = f"{100 * float(row['share']):.0f} %", f"{float(row['price_peak']):.2f}"
        times = (_time(row[name]) for name in ("weeks_to_shortage", "months_to_recover"))
        rows.append((str(place), str(row["mineral"]), str(row["supplier"]), share, lost, peak, *times))
    print_table(columns, rows)
    if len(table) > ROWS_SHOWN:
        say(f"and {len(table) - ROWS_SHOWN} more in scan.csv")
    say(f"Share of all {args.stop} by value; peak: highest price over the baseline's; weeks to the first")
    say("shortage; months until the price is back for good; -: not in the run. Medians [p10-p90].")
    if few := few_members(args.members):
        say(textwrap.fill(f"Note: {few} (--members {ENOUGH_MEMBERS}).", 80))


def _three(value: float) -> str:
    """Three digits, thousands parted: 27,700 and 0.21."""
    return f"{float(f'{value:.3g}'):,.0f}" if value >= 100 else f"{value:.3g}"


def _time(value: object) -> str:
    number = float(str(value))
    return f"{number:.0f}" if number < float("inf") else "-"
