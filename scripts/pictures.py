"""The five pictures of docs/scenarios.md, and the numbers in them: ``python -m scripts.pictures``.

Each ``measure_*`` runs shipped scenarios and returns arrays with the member axis first; the tests check
their signs and order. Each ``draw_*`` turns them into a picture in docs/images.
"""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np

from scripts.picture_tools import (
    IMAGES,
    MEMBERS,
    Dates,
    Lines,
    Panel,
    Values,
    Watched,
    Words,
    draw_bars,
    draw_panels,
    footer,
    less,
    line,
    one_axes,
    save,
)
from sim.plots.style import (
    BASELINE,
    DASHES,
    HALO,
    INK,
    PALETTE,
    STYLE,
    Label,
    date_axis,
    day_number,
    figure,
    line_labels,
    titles,
)
from sim.scenario import load_scenario

GALLIUM = ("gallium_low_purity", "gallium_high_purity")
MAGNETS = ("ndfeb_magnet", "ndfeb_magnet_high_temperature")
DUTY = (
    "+events.duty={type: import_tariff, by: USA, on: world, goods: [rare_earth_magnets], rate: 25 %, "
    "from: 2025-01-01, assumption: an example"
)
EXEMPT = ", exempt_countries: [JPN, DEU]"
REDESIGN = (
    "+events.redesign={type: substitution_push, countries: [JPN, KOR, USA, EU27, GBR], goods: all, "
    "share: 40 %, from: 2011-07-01, ramp: 2 years, assumption: an example}"
)


# -- what is measured --------------------------------------------------------------------------


def measure_resale(members: int = MEMBERS) -> dict[str, dict[str, Values]]:
    """US purchases of high-purity gallium during the ban, t/year: rule -> origin -> (M,)."""
    places = ("SVK", "CHN", "DEU", "JPN", "CAN", "KOR", "USA", "*")
    routes = {place: (("gallium_high_purity",), place, "USA") for place in places}
    found = {}
    for rule, overrides in (
        ("no ban", ["~events.ban-usa"]),
        ("ban alone", ["events.ban-usa.extraterritorial=false", "events.ban-usa.content=false"]),
        ("ban and rule on resale", []),
    ):
        run = Watched("ga-ge-sb-ban-usa-2024", routes, [*overrides, "time.end=2025-12"], members)
        when = run.between("2025-01-01", "2025-10-01")
        found[rule] = {place: 12 * run.tonnes[place][:, when].mean(1) for place in places}
    return found


def measure_licence(members: int = MEMBERS) -> tuple[Dates, Values, Values]:
    """Months, (M, T) Chinese gallium exports over those of 2022, and (T,) the baseline's median."""
    routes = {"exports": (GALLIUM, "CHN", "!CHN")}
    span = ["time.end=2024-12"]
    run = Watched("gallium-germanium-licence-2023", routes, span, members)
    base = Watched("baseline-2022", routes, span, members)
    before = base.tonnes["exports"][:, base.between("2022-01-01", "2022-12-01")].mean(1, keepdims=True)
    return run.time, run.tonnes["exports"] / before, np.median(base.tonnes["exports"] / before, axis=0)


def measure_announcement(members: int = MEMBERS) -> tuple[Dates, dict[str, Values]]:
    """Months, and Chinese tungsten and dysprosium exports over the baseline's (M, T), announced or not."""
    routes = {"APT": (("tungsten_apt",), "CHN", "!CHN"), "Dy": (("dysprosium_oxide",), "CHN", "!CHN")}
    span = ["time.end=2026-06"]
    halt = "primary-export-halt-chn"
    base = Watched("baseline-2024", routes, span, members)
    early = Watched(halt, routes, span, members)
    late = Watched(halt, routes, [*span, "events.halt.announced=2026-01-01"], members)
    found = {f"{good}, announced": early.tonnes[good] / base.tonnes[good] for good in routes}
    found |= {f"{good}, unannounced": late.tonnes[good] / base.tonnes[good] for good in routes}
    return base.time, found


def measure_tariff(members: int = MEMBERS) -> dict[str, dict[str, Values]]:
    """US magnet purchases in the third year of a duty, t/year: duty -> origin -> (M,)."""
    places = ("CHN", "JPN", "DEU", "VNM", "KOR", "*")
    routes = {place: (MAGNETS, place, "USA") for place in places}
    found = {}
    for name, event in (
        ("no new duty", []),
        ("25 % on all", [DUTY + "}"]),
        ("25 %, Japan and Germany exempt", [DUTY + EXEMPT + "}"]),
    ):
        run = Watched("baseline-2024", routes, [*event, "time.end=2027-12"], members)
        when = run.between("2027-01-01", "2027-12-01")
        found[name] = {place: run.tonnes[place][:, when].sum(1) for place in places}
    return found


def measure_quota(members: int = MEMBERS) -> tuple[Dates, dict[str, Values], dict[str, Values]]:
    """Months, (M, T) Chinese exports of terbium oxide as a yearly rate, and the quota's rent, by demand."""
    routes = {"exports": (("terbium_oxide",), "CHN", "!CHN")}
    exports, rent = {}, {}
    for name, overrides in (("demand as it was", []), ("demand destroyed", [REDESIGN])):
        run = Watched("ree-embargo-chn-jpn-2010", routes, [*overrides, "time.end=2014-05"], members)
        exports[name] = 12 * run.tonnes["exports"]
        rent[name] = run.data["rent"].sel(good="terbium_oxide").values
    return run.time, exports, rent


# -- how it is drawn ---------------------------------------------------------------------------


def draw_resale() -> None:
    """What reaches the US with and without the rule on resale."""
    found = measure_resale()
    ban, rule = (
        {place: float(np.median(values)) for place, values in found[name].items()}
        for name in ("ban alone", "ban and rule on resale")
    )
    title = (
        f"The rule on resale takes {less(rule['SVK'], ban['SVK'])} off what Slovakia, a refiner of Chinese "
        f"metal, sends to the US; the total falls by {less(rule['*'], ban['*'])}"
    )
    text = (
        "US purchases of high-purity gallium by origin, January to October 2025. Others fill "
        "most of the gap: "
        "they hold enough metal of other origin, or scrap."
    )
    scenarios = "ga-ge-sb-ban-usa-2024, the same without the rule, the same without the ban"
    places = {
        "CHN": "China", "SVK": "Slovakia", "DEU": "Germany", "KOR": "Korea", "JPN": "Japan", "CAN": "Canada",
        "USA": "own",
    }  # fmt: skip
    words = Words(title, text, footer("t a year", 2022, scenarios))
    draw_bars("resale-rule.png", words, found, places, "t a year", left=0.08)


def draw_licence() -> None:
    """Exports under a licence, beside what was observed."""
    time, share, base = measure_licence()
    seen = load_scenario("gallium-germanium-licence-2023").observed["gallium-exports"].values
    before = seen[min(seen)].value.value
    middle = np.timedelta64(15, "D")
    dots = {np.datetime64(month.first) + middle: seen[month].value.value / before for month in seen}
    after = float(np.median(share[:, -6:]))
    title = (
        "Under a licence exports stop while the first applications wait, then come back bit by bit, up to "
        f"the approved share: {100 * after:.0f} % of those before"
    )
    text = (
        "Chinese gallium exports over those of 2022; dots: customs, over November 2022. "
        "Announced on 3 July, in "
        "force on 1 August 2023. That 70 % are approved is an assumption: in fact exports came "
        "back more slowly at first, "
        "then in full."
    )
    when = time.astype("datetime64[ns]")
    with mpl.rc_context(STYLE):
        fig = figure(9.0, 5.2)
        scenarios = "gallium-germanium-licence-2023, baseline-2022"
        axes = one_axes(fig, titles(fig, title, text, footer("share of 2022 exports", 2022, scenarios)), 0.88)
        axes.axvspan(day_number("2023-08-01"), day_number(str(time[-1])), color=PALETTE[0], alpha=0.05)
        axes.set_ylim(0, 1.35)
        axes.plot(time, base, color=BASELINE, linewidth=2, drawstyle="steps-post")
        label = line(axes, time, share, "licence", PALETTE[0], DASHES[0])
        dot: dict[str, Any] = {"color": INK, "markersize": 7, "markeredgecolor": "white", "zorder": 5}
        axes.plot(list(dots), list(dots.values()), "o", **dot)
        last = max(dots)
        near: dict[str, Any] = {"xytext": (8, 2), "textcoords": "offset points", "path_effects": HALO}
        axes.annotate("observed", (day_number(last), dots[last]), fontsize=10, **near)
        place = (day_number("2023-08-06"), 1.29)
        axes.annotate("licence in force", place, fontsize=10, color=PALETTE[0], va="center")
        axes.set_ylabel("exports over those of 2022")
        date_axis(axes, when)
        line_labels(axes, [Label(base, "baseline", BASELINE), label])
        save(fig, "licence-queue.png")


def draw_announcement() -> None:
    """Exports before an announced ban."""
    time, found = measure_announcement()
    shown = time >= np.datetime64("2025-01-01")
    most = {
        good: f"{100 * (np.median(found[f'{good}, announced'], axis=0).max() - 1):.0f} %"
        for good in ("Dy", "APT")
    }
    title = (
        f"Six months' notice of a ban: dysprosium exports rise by up to {most['Dy']}, tungsten by up to "
        f"{most['APT']} before it begins"
    )
    text = (
        "Chinese exports over the baseline's. The halt of primary exports starts in January "
        "2026; announced in "
        "July 2025 (assumed), or on the day itself."
    )
    scenarios = "primary-export-halt-chn, the same with events.halt.announced=2026-01-01, baseline-2024"
    lines = (
        ("Dy, unannounced", "no notice", BASELINE, DASHES[0]),
        ("APT, announced", "tungsten (APT)", PALETTE[1], DASHES[1]),
        ("Dy, announced", "dysprosium oxide", PALETTE[0], DASHES[0]),
    )
    with mpl.rc_context(STYLE):
        fig = figure(9.0, 5.0)
        below = footer("exports over those of the baseline", 2024, scenarios)
        axes = one_axes(fig, titles(fig, title, text, below), 0.81)
        axes.axvspan(day_number("2025-07-01"), day_number("2026-01-01"), color=PALETTE[4], alpha=0.10)
        axes.axvspan(day_number("2026-01-01"), day_number("2026-06-01"), color=PALETTE[0], alpha=0.08)
        axes.set_ylim(0, 2.4)
        labels = [
            line(axes, time[shown], found[key][:, shown], name, colour, dash)
            for key, name, colour, dash in lines
        ]
        for day, name in (("2025-07-05", "announced"), ("2026-01-05", "in force")):
            axes.annotate(name, (day_number(day), 2.32), fontsize=10, va="top")
        months = [np.datetime64(f"{year}-{month:02d}-01") for year in (2025, 2026) for month in (1, 4, 7, 10)]
        axes.set_xticks([day_number(m) for m in months[:6]], [str(m)[:7] for m in months[:6]])
        axes.set_xlim(day_number("2025-01-01"), day_number("2026-06-01"))
        axes.set_ylabel("exports over the baseline's")
        line_labels(axes, labels)
        save(fig, "announcement.png")


def draw_tariff() -> None:
    """Who delivers under a duty with exemptions."""
    found = measure_tariff()
    free, _, exempt = (
        {place: float(np.median(values)) for place, values in group.items()} for group in found.values()
    )
    title = (
        f"Exempt suppliers take over: Japan sells {exempt['JPN'] / free['JPN']:.1f} times as many "
        "magnets to the "
        f"US, China {less(exempt['CHN'], free['CHN'])} less"
    )
    text = (
        "US purchases of NdFeB magnets by origin, third year of a duty of 25 %. The same duty on everybody "
        "leaves the mix as it was."
    )
    scenarios = "baseline-2024, with an import_tariff on world, the same with exempt_countries: [JPN, DEU]"
    places = {"CHN": "China", "JPN": "Japan", "DEU": "Germany", "VNM": "Viet Nam", "KOR": "Korea"}
    words = Words(title, text, footer("t a year", 2024, scenarios))
    draw_bars("tariff-exemptions.png", words, found, places, "t a year", left=0.10)


def draw_quota() -> None:
    """Exports and rent under a quota, with demand as it was and destroyed."""
    time, exports, rent = measure_quota()
    names, colours = list(exports), (PALETTE[1], PALETTE[0])
    late = time >= np.datetime64("2013-01-01")
    full, slack = (float(np.median(exports[name][:, late].mean(1))) for name in names)
    title = (
        f"Once users need less the quota goes slack: {less(slack, full)} of it is left over and nobody pays "
        "for it any more"
    )
    text = (
        "Chinese exports of terbium oxide under the quotas of 2010 to 2015, and what the quota "
        "adds to its price "
        "abroad. Redesign takes 40 % off the need abroad from July 2011 to July 2013 (assumed)."
    )
    scenarios = "ree-embargo-chn-jpn-2010, the same with a substitution_push of 40 %"
    unit = "t a year; rent as a multiple of the gate price"
    words = Words(title, text, footer(unit, 2009, scenarios, "Axes start at 0."))
    panels = (
        Panel("Exports, t a year", exports),
        Panel("Rent of the quota, multiple of the gate price", rent),
    )
    draw_panels("quota-slack.png", words, time, panels, Lines(colours))


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    for draw in (draw_resale, draw_licence, draw_announcement, draw_tariff, draw_quota):
        draw()
