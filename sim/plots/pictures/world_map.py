"""Where it is missing and which trade changes: countries by unmet share, arcs by change from the baseline."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from sim.analysis.metrics import worst_year_share
from sim.analysis.names import country_name, verb
from sim.analysis.run_metrics import steps_per_year
from sim.explain.words import place
from sim.plots.case import Case, Shown
from sim.plots.lettering import height, width, wrapped
from sim.plots.outlines import FRAME, middles, outlines
from sim.plots.pictures import Kind, Measured
from sim.plots.pictures.shortage_heatmap import COLOURS, NOTABLE, beside_baseline
from sim.plots.style import HALO, INK, PALETTE, STYLE, Sheet, in_text, number, percent, quoted
from sim.plots.trade import traded
from sim.results.grouping import group_sum, member_statistics

__all__ = ["KIND"]

ARCS = 12
LEAST = 0.005
"""Share of all trade across borders below which a change is no arc."""
NAMED = 4
NOWHERE = "ROW"
"""The rest of the world has no place on a map."""
LAND = "#DEDEDE"
LESS, MORE = PALETTE[0], PALETTE[1]
POINTS = 8.0


def _shares(case: Case, data: xr.Dataset) -> dict[str, float]:
    """Unmet share of the need of all users of the good by country, worst twelve months, median of members."""
    good, kind, place = (data[f"need_{part}"].values.astype(str) for part in ("good", "kind", "country"))
    mine = np.flatnonzero((good == case.good) & (kind != "trader") & (place != NOWHERE))
    if not len(mine):
        return {}
    keys, short = group_sum(data["shortfall"].values[..., mine], [place[mine]])
    _, required = group_sum(data["requirement"].values[..., mine], [place[mine]])
    stats = member_statistics(worst_year_share(short, required, steps_per_year(data)))
    return dict(zip([key[0] for key in keys], stats.get("p50", stats["central"]).tolist(), strict=True))


def _unmet(case: Case, shown: Shown) -> pd.DataFrame:
    """What is missing in each country, and what is missing there in the paired baseline."""
    now, before = _shares(case, shown.now), _shares(case, shown.before)
    if not now:
        return pd.DataFrame()
    return pd.DataFrame({
        "scenario": shown.key, "what": "unmet share", "country": list(now), "drawn": list(now.values()),
        "baseline": [before.get(country, np.nan) for country in now],
        "unit": "share of need, worst 12 months",
    })  # fmt: skip


def _arcs(case: Case, shown: Shown) -> pd.DataFrame:
    """Pairs of countries whose trade changes most, in tonnes, in the worst year."""
    found = traded(case, shown, (case.good,))
    if found is None:
        return pd.DataFrame()
    links = found.of((case.good,))
    links = links[(links["exporter"] != links["importer"])]
    total = float(links["before"].sum())
    links = links.assign(drawn=links["now"] - links["before"])
    places = sorted(middles().keys() - {NOWHERE})
    known = links["exporter"].isin(places) & links["importer"].isin(places)
    links = links[known & (links["drawn"].abs() >= LEAST * total)]
    links = links.iloc[np.argsort(-links["drawn"].abs().to_numpy(), kind="stable")[:ARCS]]
    return links.assign(scenario=shown.key, what="change of trade", unit="t", year=found.year)


def _finding(case: Case, table: pd.DataFrame) -> str:
    short = table[table["what"] == "unmet share"]
    arcs = table[table["what"] == "change of trade"]
    names = {s.key: s.name for s in case.lined.shown}
    several = len(case.lined.scenarios) > 1
    if len(short) and short["drawn"].max() >= NOTABLE:
        top = short.iloc[int(short["drawn"].to_numpy().argmax())]
        under = f" under {quoted(names[str(top['scenario'])])}" if several else ""
        lacks = verb(case.name, "is", "are")
        start = (
            f"{case.name} {lacks} missing most in {place(str(top['country']))}{under}: "
            f"{percent(float(top['drawn']))} of need in the worst 12 months"
            f"{beside_baseline(float(top['baseline']))}"
        )
        arcs = arcs[arcs["scenario"] == top["scenario"]]
    else:
        start = f"{case.name}: nobody lacks {percent(NOTABLE)} of the need"
    if len(arcs) and arcs["drawn"].min() < 0:
        row = arcs.iloc[int(arcs["drawn"].to_numpy().argmin())]
        pair = f"{place(str(row['exporter']))} to {place(str(row['importer']))}"
        start += f"; from {pair} go {number(-float(row['drawn']))} t less in {int(row['year'])}"
    return start


def measure(case: Case) -> Measured:
    """Unmet share of each country, and the changes of trade across borders that are largest."""
    if not case.lined.scenarios:
        return Measured(nothing=f"Map: no scenario stands beside {case.lined.baseline.name}.")
    frames, calm = [], []
    for shown in case.lined.scenarios:
        unmet, arcs = _unmet(case, shown), _arcs(case, shown)
        if (len(unmet) and unmet["drawn"].max() >= NOTABLE) or len(arcs):
            frames += [unmet, arcs]
        else:
            calm.append(shown)
    if not frames:
        return Measured(
            nothing=f"Map: nobody lacks {in_text(case.name)}, and trade in it changes by less than "
            f"{percent(LEAST)} between any two countries."
        )
    table = pd.concat([frame for frame in frames if len(frame)], ignore_index=True)
    note = (
        f"Arcs: the {ARCS} largest changes in the year in which most trade across borders is lost, from "
        "exporter to importer, wider for more tonnes (own scale in each map); the rest of the world has no "
        "place on a map. Outlines: Natural Earth."
    )
    if calm:
        note += f" Nothing changes under {', '.join(quoted(s.name) for s in calm)}."
    subtitle = (
        f"Countries: share of the need of users of {in_text(case.name)} that is unmet in the worst 12 "
        f"months. Arcs: trade against the baseline {quoted(case.lined.baseline_name)}"
    )
    look = {"shown": [(s.key, s.name, s.colour) for s in case.lined.scenarios if s not in calm]}
    return Measured(_finding(case, table), subtitle, case.lined.footer("% of need; t", note), table, look)


def _draw(axes: Axes, rows: pd.DataFrame, inches: tuple[float, float]) -> None:
    axes.set_axis_off()
    axes.set_xlim(FRAME[0], FRAME[1])
    axes.set_ylim(FRAME[2], FRAME[3])
    unmet = rows[rows["what"] == "unmet share"].set_index("country")["drawn"]
    shapes, colours = [], []
    for code, rings in outlines().items():
        colour: Any = COLOURS(float(unmet[code])) if code in unmet.index else LAND
        shapes += list(rings)
        colours += [colour] * len(rings)
    axes.add_collection(PolyCollection(shapes, facecolors=colours, edgecolors="#B5B5B5", linewidths=0.35))
    arcs = rows[rows["what"] == "change of trade"]
    largest = float(arcs["drawn"].abs().max()) if len(arcs) else 1.0
    for arc in arcs.to_dict("records"):
        amount = float(arc["drawn"])
        axes.add_patch(FancyArrowPatch(
            tuple(middles()[str(arc["exporter"])]), tuple(middles()[str(arc["importer"])]),
            connectionstyle="arc3,rad=0.22", arrowstyle="-|>", mutation_scale=9, shrinkA=0, shrinkB=1,
            color=LESS if amount < 0 else MORE, linewidth=0.7 + 4.0 * abs(amount) / largest, alpha=0.75,
        ))  # fmt: skip
    _names(axes, unmet, inches)


def _names(axes: Axes, unmet: pd.Series[float], inches: tuple[float, float]) -> None:
    """The countries that are hit hardest, each where its name covers no other's."""
    across, up = (FRAME[1] - FRAME[0]) / inches[0], (FRAME[3] - FRAME[2]) / inches[1]
    taken: list[tuple[float, float, float, float]] = []
    ranked = unmet[unmet >= NOTABLE].sort_values(ascending=False)
    for code, value in ranked.items():
        if len(taken) >= NAMED or str(code) not in middles():
            continue
        text = f"{country_name(str(code))} {percent(float(value))}"
        wide, tall = (width(text, POINTS) + 0.06) * across, height(text, POINTS) * up
        x, y = (float(v) for v in middles()[str(code)])
        for dx, dy in (
            (0.0, 1.2), (0.0, -1.2), (0.0, 2.2), (0.6, 0.9), (-0.6, 0.9), (0.6, -0.9), (-0.6, -0.9)
        ):
            left, low = x + dx * wide - wide / 2, y + dy * tall - tall / 2
            box = (left, low, left + wide, low + tall)
            inside = FRAME[0] < box[0] and box[2] < FRAME[1] and FRAME[2] < box[1] and box[3] < FRAME[3]
            if inside and all(
                box[0] > b[2] or b[0] > box[2] or box[1] > b[3] or b[1] > box[3] for b in taken
            ):
                taken.append(box)
                axes.text(
                    x + dx * wide, y + dy * tall, text, ha="center", va="center", fontsize=POINTS, color=INK,
                    path_effects=HALO, fontweight="normal", zorder=6,
                )  # fmt: skip
                break


def _key(sheet: Sheet) -> None:
    axes = sheet.strip()
    x = 0.0
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        axes.add_patch(
            Rectangle((x, 0.2), 0.25, 0.6, facecolor=COLOURS(share), edgecolor="#B5B5B5", linewidth=0.4)
        )
        said = f"{100 * share:.0f} %" if share else "0 % unmet"
        axes.text(x + 0.31, 0.5, said, va="center", fontsize=9.0)
        x += 0.5 + width(said, 9.0)
    axes.add_patch(Rectangle((x, 0.2), 0.25, 0.6, facecolor=LAND, edgecolor="#B5B5B5", linewidth=0.4))
    axes.text(x + 0.31, 0.5, "no user", va="center", fontsize=9.0)
    x += 1.2
    for colour, said in ((LESS, "less than the baseline"), (MORE, "more")):
        axes.plot([x, x + 0.4], [0.5, 0.5], color=colour, linewidth=3)
        axes.text(x + 0.48, 0.5, said, va="center", fontsize=9.0)
        x += 0.8 + width(said, 9.0)


def draw(measured: Measured) -> Figure:
    """A map for each scenario, two beside each other."""
    look, table = measured.look, measured.table
    shown = look["shown"]
    across = 1 if len(shown) == 1 else 2
    block = (10.4 - 0.25 * (across - 1)) / across
    tall = block * (FRAME[3] - FRAME[2]) / (FRAME[1] - FRAME[0])
    heads = [wrapped(name, block, 9.5, True) for _, name, _ in shown]
    head = max(height(text, 9.5) for text in heads) + 0.08
    lines = -(-len(shown) // across)
    with mpl.rc_context({**STYLE, "axes.grid": False}):
        sheet = Sheet(measured.title, measured.subtitle, measured.note, 0.34 + lines * (head + tall + 0.12))
        _key(sheet)
        for i, (key, _, colour) in enumerate(shown):
            line, column = divmod(i, across)
            x, y = 0.3 + column * (block + 0.25), 0.34 + line * (head + tall + 0.12)
            sheet.text(x, y, heads[i], 9.5, color=colour, fontweight="bold")
            _draw(sheet.axes(x, y + head, block, tall), table[table["scenario"] == key], (block, tall))
    return sheet.fig


KIND = Kind("map", 4, measure, draw, "Unmet share by country, and changes of trade as arcs")
