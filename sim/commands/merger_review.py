"""``monazite merger-review``: a merger as a competition authority would look at it."""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from sim.commands.arguments import setting, split
from sim.commands.output import print_table, say, write_json
from sim.errors import MonaziteError
from sim.paths import outputs_directory, shown

if TYPE_CHECKING:
    from sim.analysis.merger_figures import CentralBand, GoodReview, MarketRow, Review

__all__ = ["main", "register"]

MEMBERS, SEED = 50, 1
WIDTH = 80
ROWS_SHOWN = 6
"""Regions of a good, the largest changes first."""
COUNTRIES_SHOWN, FIRMS_SHOWN = 4, 3


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``merger-review`` to the command line."""
    parser = subparsers.add_parser(
        "merger-review",
        help="review a scenario's mergers as a competition authority would",
        description="Markets by good and importing region, shares and concentration before and after, lines "
        "that authorities draw, price pressure, prices once all sellers have answered, with bands over what "
        "is uncertain in demand, what remedies mend, who gains and who pays. On the base year's trade, as if "
        "all of the scenario's deals closed; nothing is run.",
        epilog="examples: monazite merger-review merger-bhp-anglo; "
        "monazite merger-review teaching-merger --members 200 --json -",
    )
    parser.add_argument(
        "words", nargs="+", metavar="NAME|KEY=VALUE", help="scenario name or file, and its overrides"
    )
    parser.add_argument(
        "--members", type=int, default=None, metavar="N",
        help=f"draws of elasticities, the first central (default {MEMBERS})",
    )
    parser.add_argument("--seed", type=int, default=None, help=f"seed of the draws (default {SEED})")
    parser.add_argument("--out", type=Path, default=None, metavar="DIR", help="folder of the pictures")
    parser.add_argument("--no-plots", action="store_true", help="tables only")
    parser.add_argument("--json", type=Path, default=None, metavar="FILE", help="write all figures as JSON")
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    """Review, print, draw."""
    from sim.analysis.merger_figures import as_json
    from sim.analysis.merger_review import review
    from sim.scenario import load_scenario
    from sim.world.load import load_world

    names, overrides = split(args.words)
    members = setting(overrides, "members", args.members)
    seed = setting(overrides, "seed", args.seed)
    members, seed = MEMBERS if members is None else members, SEED if seed is None else seed
    if len(names) != 1:
        said = "the second is " + f"'{names[1][:60]}'" if names else "there are overrides alone"
        raise MonaziteError(f"merger-review needs one scenario; {said}")
    if members < 1:
        raise MonaziteError(f"--members {members}: a review needs one at least")
    scenario = load_scenario(names[0], overrides=overrides)
    found = review(load_world(scenario.base_year, scenario.tables), scenario, members, seed)
    if str(args.json) != "-":
        _print(found)
        if not args.no_plots:
            from sim.plots.merger import draw_concentration, draw_prices

            folder = (args.out if args.out is not None else outputs_directory()) / f"review-{found.scenario}"
            for picture in (draw(found, folder) for draw in (draw_concentration, draw_prices)):
                say(f"{shown(picture.png)}\n  {picture.title}")
    write_json(args.json, as_json(found))
    return 0


def _print(found: Review) -> None:
    from sim.analysis.merger_figures import HIGH, LOW, thresholds

    say(f"{found.scenario}: {found.title}")
    for deal in found.deals:
        say(textwrap.fill(deal, WIDTH, initial_indent="- ", subsequent_indent="  "))
    if not found.goods:
        say("The parties meet in no market, and nothing changes.")
    for good in found.goods:
        _print_good(good, [row for row in found.markets if row.good == good.good])
    say()
    say(textwrap.fill(
        f"Prices: share by which they rise once all sellers have answered, before supply does; brackets: "
        f"{LOW}th to {HIGH}th percentile of {found.members} draws of elasticities and of how rivals meet. "
        "GUPPI: of a party's price, the margin on sales that go over to the other; UPP: less what it saves.",
        WIDTH,
    ))  # fmt: skip
    for line in thresholds():
        bounds = [
            f"HHI above {line.hhi_above:,.0f}" if line.hhi_above is not None else "",
            f"change above {line.change_above:,.0f}" if line.change_above else "",
            f"joint share above {100 * line.share_above:.0f} %" if line.share_above is not None else "",
        ]
        text = f"{line.authority}: {', '.join(b for b in bounds if b)}: {line.meaning} ({line.source})."
        say(textwrap.fill(text, WIDTH, initial_indent="- ", subsequent_indent="  "))
    for note in found.notes:
        say(textwrap.fill(f"Note: {note}.", WIDTH))
    text = f"Not modelled: {'; '.join(found.not_modelled)}."
    say(textwrap.fill(text, WIDTH))


def _print_good(good: GoodReview, markets: list[MarketRow]) -> None:
    from sim.analysis.names import country_name

    say()
    every = sorted(markets[0].shares, key=lambda firm: -markets[0].shares[firm])
    firms, more = every[:FIRMS_SHOWN], len(every) - FIRMS_SHOWN
    head = f"{good.good}: {', '.join(firms)}" + (f" and {more} more" if more > 0 else "")
    say(textwrap.fill(head, WIDTH, subsequent_indent="  "))
    columns = ("market", "m USD", "shares", "joint", "HHI", "change", "users pay", "lines")
    rows = []
    for row in markets[:ROWS_SHOWN]:
        shares = "+".join(_share(row.shares.get(firm, 0.0)) for firm in firms) + ("+..." if more > 0 else "")
        pays, lines = _percent(row.price.value), " ".join(row.crossed) or "-"
        place = row.region if row.region in ("world", "EU27") else country_name(row.region)
        rows.append((
            place[:14], f"{row.value / 1e6:,.0f}", shares, f"{100 * row.joint:.0f} %",
            f"{row.hhi_after:,.0f}", f"{row.change:+,.0f}", pays, lines,
        ))  # fmt: skip
    print_table(columns, rows, spare=("m USD", "joint"))
    if len(markets) > ROWS_SHOWN:
        say(f"and {len(markets) - ROWS_SHOWN} more markets (--json - prints all)")
    pressure = {one.firm: one for one in good.pressure}
    for firm in firms:
        band, one = good.parties[firm], pressure[firm]
        text = f"{firm}: price {_band(band)}, GUPPI {_band(one.gross)}, UPP {_percent(one.net.value)}"
        say(textwrap.fill(text, WIDTH, initial_indent="  ", subsequent_indent="    "))
    say(f"  rivals {_band(good.rivals)}; users pay {_band(good.users)}")
    for name, band in good.remedies.items():
        say(textwrap.fill(f"users pay with remedy: {name}: {_band(band)}", WIDTH, initial_indent="  ",
                          subsequent_indent="    "))  # fmt: skip
    passed = ", ".join(f"{product} {_percent(band.value)}" for product, band in good.passed_on.items())
    if passed:
        say(textwrap.fill(f"cost passed on: {passed}", WIDTH, initial_indent="  ", subsequent_indent="    "))
    if good.inside > 0:
        say(f"  the parties sell {100 * good.inside:.0f} % to themselves, without a mark-up")
    say(textwrap.fill(_money(good), WIDTH, initial_indent="  ", subsequent_indent="    "))


def _money(good: GoodReview) -> str:
    users = {name: band for name, band in good.gains.items() if name.startswith("users in ")}
    most = sorted(users, key=lambda name: users[name].value)[:COUNTRIES_SHOWN]
    total = sum(band.value for band in users.values())
    parts = [f"{name} {_million(good.gains[name].value)}" for name in ("parties", "rivals")]
    parts.append(f"users {_million(total)}")
    parts += [f"{name.removeprefix('users in ')} {_million(users[name].value)}" for name in most]
    return f"m USD/year: {', '.join(parts[:3])} (of them {', '.join(parts[3:])})"


def _million(value: float) -> str:
    return f"{value:+,.0f}" if abs(value) >= 100 else f"{value:+.2g}"


def _share(value: float) -> str:
    return f"{100 * value:.0f}" if value >= 0.095 else f"{100 * value:.1f}"


def _percent(value: float) -> str:
    return f"{100 * value:+.2f} %"


def _band(band: CentralBand) -> str:
    return f"{_percent(band.value)} [{100 * band.low:.2f}, {100 * band.high:.2f}]"
