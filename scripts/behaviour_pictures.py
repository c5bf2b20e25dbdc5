"""The pictures and tables of docs/behaviour.md: ``python -m scripts.behaviour_pictures``.

Each ``draw_*`` turns what ``behaviour_measures.py`` measures into a picture in docs/images and returns the
numbers that the page quotes. Run as a script, it writes these into the tables of the page, prints them, and
says how long it took: after a change of behaviour, run it and read the page again.
"""

from __future__ import annotations

import time as clock
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scripts.behaviour_measures import (
    MEMBERS,
    QUOTAS,
    Series,
    Stop,
    measure_by_product,
    measure_notice,
    measure_quota,
    measure_sides,
    measure_stop,
    settled,
)
from scripts.behaviour_numbers import Facts, change, count, part, share, times, weeks, when
from scripts.first_stops import draw_first_stops
from scripts.picture_tools import Lines, Panel, Values, Words, draw_panels, footer
from scripts.results_tables import table as markdown
from scripts.results_tables import with_tables
from sim.plots.style import BASELINE, GREY, INK, PALETTE, day_number, in_text

PAGE = Path(__file__).parents[1] / "docs" / "behaviour.md"


def _footer(unit: str, scenarios: str, start: str = "Axes start at 0.") -> str:
    return footer(unit, 2024, scenarios, start, MEMBERS)


ZOOMED = "Axes start at 0, but that of the enlarged price at 0.7."


OVER = "over the same member without the measure"


# -- how it is drawn ---------------------------------------------------------------------------


def draw_notice() -> Facts:
    """(1) What an announcement does before the measure binds."""
    time, found = measure_notice()
    ahead, late, dropped = (found[k] for k in ("half a year's notice", "no notice", "notice, then dropped"))
    before, ban = when(time, "2025-01", "2025-06"), when(time, "2025-07", "2026-06")
    drop = when(time, "2025-06", "2027-12")
    facts = {
        "price outside China, first month of notice": change(ahead["outside"][:, before][:, 0]),
        "price outside China, month before the ban": change(ahead["outside"][:, before][:, -1]),
        "price inside China, month before the ban": change(ahead["inside"][:, before][:, -1]),
        "exports from China, first month of notice": change(ahead["exports"][:, before][:, 0]),
        "exports from China, mean of the other months": change(ahead["exports"][:, before][:, 1:].mean(1)),
        "stock of users abroad, month before the ban": change(ahead["stock"][:, before][:, -1]),
        "highest price outside during the ban, with notice": times(ahead["outside"][:, ban].max(1)),
        "highest price outside during the ban, without": times(late["outside"][:, ban].max(1)),
        "price outside in the last month of the ban, without": times(late["outside"][:, ban][:, -1]),
        "users abroad lack, mean of the ban, with notice": share(_lack(ahead, ban)),
        "users abroad lack, mean of the ban, without": share(_lack(late, ban)),
        "price outside in the month in which the ban is dropped": change(dropped["outside"][:, drop][:, 0]),
        "price outside a year after it was dropped": change(dropped["outside"][:, drop][:, 12]),
        "lowest price outside after the ban ran out, with notice": change(
            ahead["outside"][:, when(time, "2026-07", "2027-12")].min(1)
        ),
    }
    shown = when(time, "2024-10", "2027-06")
    middle = float(np.median(ahead["outside"][:, before][:, -1]))
    stock = float(np.median(ahead["stock"][:, before][:, -1]))
    words = Words(
        f"Half a year's notice: users abroad hold {100 * (stock - 1):.0f} % more when the ban begins, and "
        f"the price has moved by {100 * (middle - 1):.0f} %",
        "China bans exports of germanium metal for a year, July 2025 to June 2026 (assumed). Announced in "
        "January 2025; on the day; or announced in January and dropped in June.",
        _footer(OVER, "baseline-2024 with an export_ban, as in docs/behaviour.md", ZOOMED),
    )  # fmt: skip
    panels = (
        Panel("Price outside China", part(found, "outside", shown), _top(found)),
        Panel("The same price, enlarged", part(found, "outside", shown), 1.3, 0.7),
        Panel("Exports from China", part(found, "exports", shown)),
        Panel("Stock of users outside China", part(found, "stock", shown)),
    )
    spans = (
        ("2025-01-01", "2025-07-01", PALETTE[4], "announced"),
        ("2025-07-01", "2026-07-01", PALETTE[0], "ban"),
    )
    draw_panels(
        "behaviour_notice.png", words, time[shown], panels,
        Lines((PALETTE[1], PALETTE[0], PALETTE[2]), height=9.4, decorate=_shade(spans)),
    )  # fmt: skip
    return facts


def _top(found: Mapping[str, Series]) -> float:
    """Upper end of an axis of prices outside, with room for words above the lines."""
    return 1.25 * max(float(np.quantile(s["outside"], 0.95, axis=0).max()) for s in found.values())


def _lack(series: Series, months: npt.NDArray[np.bool_]) -> Values:
    """(M,) share of their need that users abroad lacked over a time, from ratios to the same baseline."""
    need, use = (series[f"{k} abroad"][:, months].mean(1) for k in ("need", "use"))
    lack: Values = 1 - use / need
    return lack


def _shade(spans: Sequence[tuple[str, str, str, str]]) -> Any:
    """Shades times given as (first day, last day, colour, name), and names them in the panels of prices."""

    def decorate(axes: Any) -> None:
        for first, last, colour, _ in spans:
            axes.axvspan(day_number(first), day_number(last), color=colour, alpha=0.09, linewidth=0)
        heading = axes.get_title(loc="left")
        if not heading.startswith(("Rent", "Share")) and "weeks" not in heading:
            axes.axhline(1, color=GREY, linewidth=0.8, zorder=0)
        if heading.startswith("Price"):
            for first, _, _, name in spans:
                place = {"xycoords": ("data", "axes fraction"), "xytext": (4, -4)}
                axes.annotate(
                    name, (day_number(first), 1.0), textcoords="offset points", va="top", color=INK,
                    fontsize=9.5, **place,
                )  # fmt: skip

    return decorate


PARTS = {
    "exports": "exports from China", "output of China": "output of China",
    "output abroad": "output outside China", "use abroad": "use outside China",
}  # fmt: skip


def draw_sides() -> Facts:
    """(2) and (3) A control on exports beside a cut of output."""
    time, found = measure_sides()
    first, third = when(time, "2025-01", "2025-12"), when(time, "2027-01", "2027-12")
    quarter, after = when(time, "2025-01", "2025-03"), when(time, "2028-01", "2028-12")
    facts = {}
    for run, series in found.items():
        for side in ("outside", "inside"):
            facts[f"{run}: price {side} China, first year"] = change(series[side][:, first].mean(1))
            facts[f"{run}: price {side} China, third year"] = change(series[side][:, third].mean(1))
        gap = series["outside"][:, first].mean(1) / series["inside"][:, first].mean(1)
        facts[f"{run}: outside over inside, first year"] = times(gap)
        for what, name in PARTS.items():
            for year, months in (("first quarter", quarter), ("third year", third)):
                facts[f"{run}: {name}, {year}"] = change(series[what][:, months].mean(1))
        facts[f"{run}: lowest price outside afterwards"] = change(series["outside"][:, after].min(1))
    shown = when(time, "2024-07", "2028-12")
    control, cut = found.values()

    def median(series: Series, side: str) -> float:
        return float(np.median(series[side][:, first].mean(1)))

    words = Words(
        f"Kept from export, germanium costs {100 * (median(control, 'outside') - 1):.0f} % more outside and "
        f"{100 * (1 - median(control, 'inside')):.0f} % less inside China; not made, "
        f"{100 * (median(cut, 'outside') - 1):.0f} % and {100 * (median(cut, 'inside') - 1):.0f} % more",
        "As many tonnes less from January 2025 to December 2027: an export quota of about half of China's "
        "exports, or a cut of its output (assumed). Figures of the title: first year.",
        _footer(OVER, "baseline-2024 with an export_quota or a production_quota, as in docs/behaviour.md"),
    )  # fmt: skip
    panels = [
        Panel(
            f"Price, {name}",
            {"outside China": series["outside"][:, shown], "inside China": series["inside"][:, shown]},
            _top(found),
        )
        for name, series in found.items()
    ]
    tonnes = {"exports": cut["exports"][:, shown], "output": cut["output of China"][:, shown]}
    panels.append(Panel("Exports and output of China, cut of output", tonnes))
    spans = (("2025-01-01", "2028-01-01", PALETTE[0], "in force"),)
    draw_panels(
        "behaviour_sides.png", words, time[shown], panels,
        Lines((PALETTE[0], PALETTE[1]), height=7.8, decorate=_shade(spans)),
    )  # fmt: skip
    return facts


def draw_quota() -> Facts:
    """(4) Export quotas over three years."""
    time, found = measure_quota()
    force, last = when(time, "2025-01", "2027-12"), when(time, "2027-07", "2027-12")
    early, late = when(time, "2025-01", "2025-06"), when(time, "2026-01", "2026-12")
    after, year_1, year_3 = (
        when(time, *dates)
        for dates in (("2028-01", "2029-12"), ("2025-01", "2025-12"), ("2027-01", "2027-12"))
    )
    facts = {}
    for run, series in found.items():
        peak = series["rent"][:, force].max(1)
        facts[f"{run}: highest rent, share of the gate price"] = share(peak)
        facts[f"{run}: month of the highest rent"] = count(
            series["rent"][:, force].argmax(1).astype(float) + 1, "months"
        )
        facts[f"{run}: rent in the last month"] = share(series["rent"][:, last][:, -1])
        amount = float(QUOTAS[run].removesuffix(" t"))
        used = series["t exported a year"][:, last].mean(1) / amount
        facts[f"{run}: share used, last half-year"] = share(used)
        facts[f"{run}: price outside, first half-year"] = change(series["outside"][:, early].mean(1))
        facts[f"{run}: price outside, last half-year"] = change(series["outside"][:, last].mean(1))
        for end, months in (("end of the second year", late), ("last month", last)):
            facts[f"{run}: stock of users abroad, {end}"] = change(series["stock"][:, months][:, -1])
        for year, months in (("first", year_1), ("third", year_3)):
            facts[f"{run}: output abroad, {year} year"] = change(series["output abroad"][:, months].mean(1))
        facts[f"{run}: use abroad, third year"] = change(series["use abroad"][:, year_3].mean(1))
        facts[f"{run}: lowest price outside afterwards"] = change(series["outside"][:, after].min(1))
    half = found["50 %"]
    peak, rest = (
        100 * float(np.median(v)) for v in (half["rent"][:, force].max(1), half["rent"][:, last][:, -1])
    )
    words = Words(
        f"Three years of a quota of half the exports: its rent is highest within months, at {peak:.0f} % "
        f"of the price, and falls to {rest:.0f} %",
        "Chinese exports of germanium metal under quotas of 75, 50 and 25 % of those of the base year, "
        "January 2025 to December 2027 (assumed).",
        _footer(f"exports and stocks {OVER}; rent as a multiple of the gate price",
                "baseline-2024 with an export_quota, as in docs/behaviour.md"),
    )  # fmt: skip
    shown = when(time, "2024-07", "2029-12")
    panels = (
        Panel("Price outside China", part(found, "outside", shown), _top(found)),
        Panel("Rent of the quota", part(found, "rent", shown)),
        Panel("Stock of users outside China", part(found, "stock", shown)),
    )
    spans = (("2025-01-01", "2028-01-01", PALETTE[0], "quota in force"),)
    draw_panels(
        "behaviour_quota.png", words, time[shown], panels,
        Lines((PALETTE[2], PALETTE[1], PALETTE[0]), height=7.8, decorate=_shade(spans)),
    )  # fmt: skip
    return facts


def draw_by_product() -> Facts:
    """(5) By-products and a main product under the same shock."""
    time, found = measure_by_product()
    second = when(time, "2026-01", "2026-12")
    facts = {}
    for level, runs in (("10 %", found), ("20 %", measure_by_product(level="20 %")[1])):
        for mineral, series in runs.items():
            price, output = series["price"], series["output"]
            need = f"need up by {level}"
            facts[f"{mineral}: price, highest month, {need}"] = change(price.max(1))
            facts[f"{mineral}: price, second year, {need}"] = change(price[:, second].mean(1))
            facts[f"{mineral}: output, highest month, {need}"] = change(output.max(1))
            facts[f"{mineral}: output, second year, {need}"] = change(output[:, second].mean(1))
    shown = when(time, "2024-07", "2028-12")

    def rise(mineral: str) -> str:
        return f"{100 * (float(np.median(found[mineral]['price'].max(1))) - 1):.0f} %"

    words = Words(
        f"Users need 10 % more: the price of gallium, a by-product, rises by up to {rise('gallium')}, of "
        f"lithium by {rise('lithium')}, of gallium tied to its host by {rise('gallium, tied')}",
        "All end users need 10 % more from January 2025 (assumed). Raw gallium, germanium in residues, "
        "cobalt intermediates, lithium ore and brine; only lithium is mined for itself. Tied: the scenario "
        "says that output hardly follows the price and that nobody builds.",
        _footer(OVER, "baseline-2024 with a demand_shock, as in docs/behaviour.md", "Axes start at 0.9."),
    )
    panels = (
        Panel("Price at the gate", part(found, "price", shown), 1.7, 0.9),
        Panel("Output", part(found, "output", shown), 1.3, 0.9),
    )
    spans = (("2025-01-01", "2029-01-01", PALETTE[4], "need up by 10 %"),)
    draw_panels(
        "behaviour_by-product.png", words, time[shown], panels,
        Lines((*PALETTE[:3], BASELINE, PALETTE[3]), decorate=_shade(spans)),
    )  # fmt: skip
    return facts


STOP_COLOURS = (PALETTE[2], PALETTE[0], PALETTE[3], PALETTE[1])
STOP_SPANS = (("2024-07-01", "2025-06-30", PALETTE[0], "no exports"),)


def draw_stop() -> Facts:
    """(6) When users stop after a complete stop of exports, and what follows its end."""
    found = measure_stop()
    facts = {}
    for good, stop in found.items():
        force, before = slice(stop.start, stop.release), stop.start - 1
        lack, held = stop.lack["end users"], stop.held["end users"]
        facts[f"{good}: end users hold, and under way, on the day before"] = (
            f"{np.median(held[:, before]):.1f} and {stop.under_way['end users']:.1f} weeks"
        )
        facts[f"{good}: end users lack, first week"] = share(lack[:, stop.start])
        facts[f"{good}: end users lack, mean of the year"] = share(lack[:, force].mean(1))
        facts[f"{good}: end users hold, last week of the stop"] = weeks(held[:, stop.release - 1])
        if "plants" in stop.lack:
            early = slice(stop.start, stop.start + 4)
            facts[f"{good}: plants lack, first four weeks"] = share(stop.lack["plants"][:, early].mean(1))
            facts[f"{good}: plants lack, mean of the year"] = share(stop.lack["plants"][:, force].mean(1))
            facts[f"{good}: plants hold, last week of the stop"] = weeks(
                stop.held["plants"][:, stop.release - 1]
            )
        facts[f"{good}: price outside, first week"] = times(stop.price[:, stop.start])
        facts[f"{good}: highest price outside"] = times(stop.price[:, force].max(1))
        facts[f"{good}: price outside, last week of the stop"] = times(stop.price[:, stop.release - 1])
        facts[f"{good}: price outside, first week after release"] = times(stop.price[:, stop.release])
        facts[f"{good}: price outside, a year after release"] = times(stop.price[:, stop.release + 52])
        facts[f"{good}: end users lack, worst week after release"] = share(lack[:, stop.release :].max(1))
        facts[f"{good}: weeks after release until end users lack under 2 %"] = count(
            settled(1 + lack, stop.release, 0.02), "weeks"
        )
    draw_first_stops(found, STOP_COLOURS, _shade(STOP_SPANS))
    _draw_release(found)
    return facts


def _draw_release(found: Mapping[str, Stop]) -> None:
    stop = next(iter(found.values()))
    shown = when(stop.time, "2024-04", "2026-12")
    week = {good: float(np.median(s.price[:, s.release])) for good, s in found.items()}
    year = [float(np.median(s.price[:, s.release + 52])) for s in found.values()]
    slow = max(week, key=week.__getitem__)
    words = Words(
        f"Free exports bring prices down within a week, but that of {in_text(slow)}; a year later they lie "
        f"{100 * (1 - max(year)):.0f} to {100 * (1 - min(year)):.0f} % below the old level",
        "A stop of all Chinese exports of each good from July 2024 for 52 weeks (assumed), in steps of a "
        "week.",
        _footer(f"price {OVER}", "baseline-2024 with an export_ban, as in docs/behaviour.md", ZOOMED),
    )  # fmt: skip
    prices = {good: s.price[:, shown] for good, s in found.items()}
    panels = (Panel("Price outside China", prices, _room(found)),
              Panel("The same price, enlarged", prices, 1.5, 0.7))  # fmt: skip
    draw_panels(
        "behaviour_release.png", words, stop.time[shown], panels,
        Lines(STOP_COLOURS, height=6.4, decorate=_shade(STOP_SPANS)),
    )  # fmt: skip


def _room(found: Mapping[str, Stop]) -> float:
    """Upper end of the axis of prices, with room for words."""
    return 1.25 * max(float(np.quantile(s.price, 0.95, axis=0).max()) for s in found.values())


SECTIONS = {
    "notice": draw_notice,
    "sides": draw_sides,
    "quota": draw_quota,
    "by-product": draw_by_product,
    "stop": draw_stop,
}


def table(facts: Facts) -> str:
    """The numbers as a table of the page; ``RUN: WHAT`` stands in a column of its run."""
    runs = list(dict.fromkeys(what.partition(": ")[0] for what in facts if ": " in what))
    if not runs:
        rows: list[tuple[str, ...]] = [(what, number) for what, number in facts.items()]
        head: tuple[str, ...] = ("what", "median of the members (5 to 95 %)")
    else:
        asked = list(dict.fromkeys(what.partition(": ")[2] for what in facts))
        rows = [(what, *(facts.get(f"{run}: {what}", "") for run in runs)) for what in asked]
        head = ("median of the members (5 to 95 %)", *runs)
    return markdown(head, rows)


def main() -> None:
    """Draw all, print all numbers and write them into the page."""
    began = clock.perf_counter()
    sections = {name: draw() for name, draw in SECTIONS.items()}
    for name, facts in sections.items():
        print(f"\n{name}")
        for what, number in facts.items():
            print(f"  {what:<75} {number}")
    if PAGE.exists():
        made = {f"numbers of {name}": table(facts) for name, facts in sections.items()}
        PAGE.write_text(with_tables(PAGE, made), encoding="utf-8")
    print(f"\n{clock.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
