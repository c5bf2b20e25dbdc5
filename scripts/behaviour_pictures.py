"""The pictures and tables of docs/behaviour.md: ``python -m scripts.behaviour_pictures``.

Each ``draw_*`` turns what ``behaviour_measures.py`` measures into a picture in docs/images and returns the
numbers that the page quotes. Run as a script, it writes these into the tables of the page, prints them, and
says how long it took: after a change of behaviour, run it and read the page again.
"""

from __future__ import annotations

import re
import time as clock
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scripts.behaviour_measures import (
    MEMBERS,
    QUOTAS,
    STOPPED,
    Series,
    Stop,
    measure_by_product,
    measure_notice,
    measure_quota,
    measure_sides,
    measure_stop,
    settled,
)
from scripts.behaviour_numbers import Facts, change, count, part, share, times, when
from scripts.first_stops import draw_first_stops
from scripts.picture_tools import Lines, Panel, Values, Words, draw_panels, footer
from sim.plots.style import BASELINE, GREY, INK, PALETTE, day_number, in_text, percent

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
    after = when(time, "2025-07", "2027-12")
    facts = {
        "price outside China, month before the ban": change(ahead["outside"][:, before][:, -1]),
        "price inside China, month before the ban": change(ahead["inside"][:, before][:, -1]),
        "price outside China, first month of notice": change(ahead["outside"][:, before][:, 0]),
        "exports from China, highest month of notice": change(ahead["exports"][:, before].max(1)),
        "stock of users abroad, month before the ban": change(ahead["stock"][:, before][:, -1]),
        "highest price outside during the ban, with notice": times(ahead["outside"][:, ban].max(1)),
        "highest price outside during the ban, without": times(late["outside"][:, ban].max(1)),
        "users abroad lack, mean of the ban, with notice": share(_lack(ahead, ban)),
        "users abroad lack, mean of the ban, without": share(_lack(late, ban)),
        "lowest price outside after the ban was dropped": change(dropped["outside"][:, after].min(1)),
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
        "January 2025; on the day; or announced in January and dropped after its first day.",
        _footer(OVER, "baseline-2024 with an export_ban, as in docs/behaviour.md", ZOOMED),
    )  # fmt: skip
    panels = (
        Panel("Price outside China", part(found, "outside", shown)),
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
        if not heading.startswith(("Rent", "Share")):
            axes.axhline(1, color=GREY, linewidth=0.8, zorder=0)
        if heading.startswith("Price"):
            for first, _, _, name in spans:
                place = {"xycoords": ("data", "axes fraction"), "xytext": (4, -4)}
                axes.annotate(
                    name, (day_number(first), 1.0), textcoords="offset points", va="top", color=INK,
                    fontsize=9.5, **place,
                )  # fmt: skip

    return decorate


def draw_sides() -> Facts:
    """(2) and (3) A control on exports beside a cut of output."""
    time, found = measure_sides()
    second = when(time, "2026-01", "2026-12")
    facts = {}
    for run, series in found.items():
        for side in ("outside", "inside"):
            facts[f"{run}: price {side} China, second year"] = change(series[side][:, second].mean(1))
        gap = series["outside"][:, second].mean(1) / series["inside"][:, second].mean(1)
        facts[f"{run}: outside over inside"] = times(gap)
        facts[f"{run}: exports from China, second year"] = change(series["exports"][:, second].mean(1))
        facts[f"{run}: output of China, first quarter"] = change(
            series["output of China"][:, when(time, "2025-01", "2025-03")].mean(1)
        )
        facts[f"{run}: output of China, second year"] = change(series["output of China"][:, second].mean(1))
        facts[f"{run}: output outside China, second year"] = change(
            series["output abroad"][:, second].mean(1)
        )
    shown = when(time, "2024-07", "2028-12")
    control, cut = found.values()

    def median(series: Series, side: str) -> float:
        return float(np.median(series[side][:, second].mean(1)))

    words = Words(
        f"Kept from export, germanium costs {100 * (median(control, 'outside') - 1):.0f} % more outside and "
        f"{100 * (1 - median(control, 'inside')):.0f} % less inside China; not made, "
        f"{100 * (median(cut, 'outside') - 1):.0f} % and {100 * (median(cut, 'inside') - 1):.0f} % more",
        "As many tonnes less from January 2025 to December 2027: an export quota of about half of China's "
        "exports, or a cut of its output (assumed). Figures of the title: second year.",
        _footer(OVER, "baseline-2024 with an export_quota or a production_quota, as in docs/behaviour.md"),
    )  # fmt: skip
    top = 1.1 * max(float(np.quantile(s["outside"], 0.95, axis=0).max()) for s in found.values())
    panels = [
        Panel(
            f"Price, {name}",
            {"outside China": series["outside"][:, shown], "inside China": series["inside"][:, shown]},
            top,
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
    after = when(time, "2028-01", "2029-12")
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
        facts[f"{run}: stock of users abroad, lowest"] = change(series["stock"][:, force].min(1))
        facts[f"{run}: stock of users abroad, last month"] = change(series["stock"][:, last][:, -1])
        facts[f"{run}: output abroad, third year"] = change(
            series["output abroad"][:, when(time, "2027-01", "2027-12")].mean(1)
        )
        facts[f"{run}: use abroad, third year"] = change(
            series["use abroad"][:, when(time, "2027-01", "2027-12")].mean(1)
        )
        facts[f"{run}: lowest price outside afterwards"] = change(series["outside"][:, after].min(1))
    half = found["50 %"]
    peak, end = (
        100 * float(np.median(v)) for v in (half["rent"][:, force].max(1), half["rent"][:, last][:, -1])
    )
    words = Words(
        f"Three years of a quota of half the exports: its rent climbs to {peak:.0f} % of the price, then "
        f"falls to {end:.0f} %",
        "Chinese exports of germanium metal under quotas of 75, 50 and 25 % of those of the base year, "
        "January 2025 to December 2027 (assumed).",
        _footer(f"exports and stocks {OVER}; rent as a multiple of the gate price",
                "baseline-2024 with an export_quota, as in docs/behaviour.md"),
    )  # fmt: skip
    shown = when(time, "2024-07", "2029-12")
    panels = (
        Panel("Price outside China", part(found, "outside", shown)),
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
    for mineral, series in found.items():
        facts[f"{mineral}: price, second year, need up by 10 %"] = change(series["price"][:, second].mean(1))
        facts[f"{mineral}: output, second year, need up by 10 %"] = change(
            series["output"][:, second].mean(1)
        )
    _, large = measure_by_product(level="20 %")
    for mineral, series in large.items():
        facts[f"{mineral}: price, second year, need up by 20 %"] = change(series["price"][:, second].mean(1))
        facts[f"{mineral}: output, second year, need up by 20 %"] = change(
            series["output"][:, second].mean(1)
        )
    shown = when(time, "2024-07", "2028-12")

    def rise(mineral: str) -> str:
        return f"{100 * (float(np.median(found[mineral]['output'][:, second].mean(1))) - 1):.0f} %"

    gallium, _, _, lithium, tied = found
    words = Words(
        f"Users need 10 % more: output of gallium, a by-product, rises by {rise(gallium)} in the second "
        f"year, that of lithium by {rise(lithium)}, that of gallium tied to its host by {rise(tied)}",
        "All end users need 10 % more from January 2025 (assumed). Raw gallium, germanium in residues, "
        "cobalt intermediates, lithium ore and brine; only lithium is mined for itself. Tied: the scenario "
        "says that output hardly follows price and stock.",
        _footer(OVER, "baseline-2024 with a demand_shock, as in docs/behaviour.md", "Axes start at 0.9."),
    )
    panels = (
        Panel("Price at the gate", part(found, "price", shown), 1.6, 0.9),
        Panel("Output", part(found, "output", shown), 1.6, 0.9),
    )
    spans = (("2025-01-01", "2029-01-01", PALETTE[4], "need up by 10 %"),)
    draw_panels(
        "behaviour_by-product.png", words, time[shown], panels,
        Lines((*PALETTE[:3], BASELINE, PALETTE[3]), decorate=_shade(spans)),
    )  # fmt: skip
    return facts


def draw_stop() -> Facts:
    """(6) When users stop after a complete stop of exports, and what follows its end."""
    found = measure_stop()
    facts = {}
    for good, stop in found.items():
        first = stop.stops.min(1)
        facts[f"{good}: first user abroad stops after"] = count(first, "weeks")
        plants = STOPPED[good][2]
        if plants:
            factory = [u for u, user in enumerate(stop.users) if not user.startswith(plants)]
            later = stop.stops[:, factory].min(1)
            facts[f"{good}: first user other than refiners or magnet makers"] = count(later, "weeks")
        who = int(np.median(stop.stops, 0).argmin())
        if np.isfinite(first).mean() > 0.5:
            facts[f"{good}: that is"] = stop.users[who]
            facts[f"{good}: its stock, and under way"] = (
                f"{stop.stock[who]:.1f} and {stop.under_way[who]:.1f} weeks"
            )
        force = slice(stop.start, stop.release)
        facts[f"{good}: users abroad lack, mean of the year"] = share(stop.lack[:, force].mean(1))
        facts[f"{good}: highest price outside"] = times(stop.price[:, force].max(1))
        facts[f"{good}: price outside, first week after release"] = times(stop.price[:, stop.release])
        facts[f"{good}: highest price outside after release"] = times(stop.price[:, stop.release :].max(1))
        facts[f"{good}: users lack, last week of the stop"] = share(stop.lack[:, stop.release - 1])
        facts[f"{good}: users lack, worst week after release"] = share(stop.lack[:, stop.release :].max(1))
        facts[f"{good}: weeks after release until users lack under 1 %"] = count(
            settled(1 + stop.lack, stop.release, 0.01), "weeks"
        )
        for within in (0.1, 0.05):
            facts[
                f"{good}: weeks after release until the price outside stays within {100 * within:.0f} %"
            ] = count(settled(stop.price, stop.release, within), "weeks")
    draw_first_stops(found)
    _draw_release(found)
    return facts


def _draw_release(found: Mapping[str, Stop]) -> None:
    any_stop = next(iter(found.values()))
    time = any_stop.time
    shown = when(time, "2024-04", "2026-12")
    worst = {good: float(np.median(stop.lack[:, stop.release :].max(1))) for good, stop in found.items()}
    most = max(worst, key=worst.__getitem__)
    stop = found[most]
    before = float(np.median(stop.lack[:, stop.release - 1]))
    wait = float(np.median(settled(1 + stop.lack, stop.release, 0.01)))
    words = Words(
        f"Free exports bring the price down within a week and goods after {wait:.0f}: until then users of "
        f"{in_text(most)} lack up to {percent(worst[most])} of their need, after {percent(before)} before",
        "A stop of all Chinese exports of each good from July 2024 for 52 weeks (assumed), in steps of a "
        "week.",
        _footer(
            f"price {OVER}; share of what users outside China need",
            "baseline-2024 with an export_ban, as in docs/behaviour.md",
            ZOOMED,
        ),
    )
    prices = {good: stop.price[:, shown] for good, stop in found.items()}
    panels = (
        Panel("Price outside China", prices),
        Panel("The same price, enlarged", prices, 1.3, 0.7),
        Panel(
            "Share of their need that users outside China lack",
            {good: stop.lack[:, shown] for good, stop in found.items()},
            1.0,
        ),
    )
    spans = (("2024-07-01", "2025-06-30", PALETTE[0], "no exports"),)
    draw_panels(
        "behaviour_release.png", words, time[shown], panels,
        Lines((PALETTE[2], PALETTE[0], PALETTE[3], PALETTE[1]), height=7.8, decorate=_shade(spans)),
    )  # fmt: skip


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
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def with_tables(page: str, sections: Mapping[str, Facts]) -> str:
    """The page with the tables between ``<!-- numbers: NAME -->`` and ``<!-- end -->`` replaced."""
    for name, facts in sections.items():
        pattern = re.compile(rf"(<!-- numbers: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not pattern.search(page):
            raise ValueError(f"the page has no place for the numbers of {name!r}")
        page = pattern.sub(lambda m, facts=facts: f"{m[1]}{table(facts)}\n{m[2]}", page)  # type: ignore[misc]
    return page


def main() -> None:
    """Draw all, print all numbers and write them into the page."""
    began = clock.perf_counter()
    sections = {name: draw() for name, draw in SECTIONS.items()}
    for name, facts in sections.items():
        print(f"\n{name}")
        for what, number in facts.items():
            print(f"  {what:<75} {number}")
    if PAGE.exists():
        PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8"), sections), encoding="utf-8")
    print(f"\n{clock.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
