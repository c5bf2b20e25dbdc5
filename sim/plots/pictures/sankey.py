"""The road of the material from stage to stage: what flows, is lost and is added in the worst year."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from sim.analysis.names import country_name
from sim.analysis.select import Stage, stages
from sim.explain.words import place
from sim.plots.case import Case
from sim.plots.lettering import height, stacked, width, wrapped
from sim.plots.pictures import Kind, Measured
from sim.plots.style import GREY, HALO, INK, PALETTE, STYLE, Sheet, in_text, number, percent, quoted
from sim.plots.trade import Traded, traded

__all__ = ["KIND"]

COUNTRIES = 5
"""Countries of each column that have a name; the others are added up."""
OTHERS = "others"
LEAST = 0.01
"""Share of a stage below which a change is not spoken of."""
KEPT, LOST, MORE = "#BDBDBD", PALETTE[0], PALETTE[1]
THIN = 0.001
"""Share of a stage below which a flow would be thinner than a hair; it is in the table all the same."""
BAR = 0.09
GAP = 0.035
POINTS = 8.5
PARTS = (("kept", KEPT), ("lost", LOST), ("more", MORE))


def _layers(case: Case) -> list[Stage]:
    """The good's stage between the largest before and the largest behind it, in chain order."""
    chain = stages(case.base, case.good)
    own = next(i for i, stage in enumerate(chain) if case.good in stage.goods)
    links = case.base["link_good"].values.astype(str) if "link_good" in case.base.coords else np.array([])
    traded_goods = set(links.tolist())
    kept = [stage for i, stage in enumerate(chain) if abs(i - own) <= 1 and set(stage.goods) & traded_goods]
    return kept


def _rows(found: Traded, layers: Sequence[Stage], scenario: str) -> pd.DataFrame:
    """Links of each layer between named countries, in shares of the layer's trade in the baseline."""
    frames = []
    for stage in layers:
        links = found.of(stage.goods)
        total = float(links["before"].sum())
        if not total > 0:
            continue
        for side in ("exporter", "importer"):
            size = links.groupby(side)[["before", "now"]].sum().max(axis=1).drop(index="ROW", errors="ignore")
            named = set(size.sort_values(ascending=False).index[:COUNTRIES])
            links[side] = links[side].where(links[side].isin(named), OTHERS)
        links = links.groupby(["exporter", "importer"], as_index=False)[["before", "now"]].sum()
        links = links.assign(
            kept=np.minimum(links["before"], links["now"]),
            lost=(links["before"] - links["now"]).clip(lower=0),
            more=(links["now"] - links["before"]).clip(lower=0),
        )  # fmt: skip
        links = links.assign(scenario=scenario, stage=stage.name, unit=stage.unit)
        frames.append(links.assign(year=found.year, total=total))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _finding(case: Case, table: pd.DataFrame, own: str) -> str:
    mine = table[(table["stage"] == own) & (table["exporter"] != table["importer"])]
    lost = mine.groupby("scenario")[["before", "now"]].sum()
    worst = str((lost["now"] - lost["before"]).idxmin())
    shown = next(s for s in case.lined.scenarios if s.key == worst)
    year = int(mine[mine["scenario"] == worst]["year"].iloc[0])
    before, now = (float(lost[column][worst]) for column in ("before", "now"))
    unit = str(mine["unit"].iloc[0])
    rows = mine[mine["scenario"] == worst]
    top = rows.iloc[int((rows["before"] - rows["now"]).to_numpy().argmax())]
    who = [OTHERS if c == OTHERS else place(str(c)) for c in (top["exporter"], top["importer"])]
    under = f" under {quoted(shown.name)}" if len(case.lined.scenarios) > 1 else ""
    return (
        f"{case.name}{under}: {percent(1 - now / before)} less crosses borders in {year}, {number(now)} "
        f"instead of {number(before)} {unit}; most is lost from {who[0]} to {who[1]}, "
        f"{number(float(top['lost']))} t"
    )


def measure(case: Case) -> Measured:
    """Trade of the good's stage and of those beside it, in each scenario's worst year."""
    if not case.lined.scenarios:
        return Measured(nothing=f"Flows: no scenario stands beside {case.lined.baseline.name}.")
    layers = _layers(case)
    own = next((stage.name for stage in layers if case.good in stage.goods), "")
    frames, calm = [], []
    for shown in case.lined.scenarios:
        found = traded(case, shown, tuple(good for stage in layers for good in stage.goods))
        rows = _rows(found, layers, shown.key) if found is not None else pd.DataFrame()
        moved = (rows["lost"] + rows["more"]) / rows["total"] if len(rows) else pd.Series([0.0])
        if len(rows) and moved.groupby(rows["stage"]).sum().max() >= LEAST:
            frames.append(rows)
        else:
            calm.append(shown)
    abroad = [f[(f["stage"] == own) & (f["exporter"] != f["importer"])] for f in frames]
    if not any(rows["before"].sum() > 0 for rows in abroad):
        return Measured(
            nothing=f"Flows: trade in {in_text(case.name)} changes by less than {percent(LEAST)} in any year."
        )
    table = pd.concat(frames, ignore_index=True)
    note = (
        "Height: tonnes, each stage by itself, as a share of its trade in the baseline, trade within a "
        "country included; worst year: that in which most trade of the good across borders is lost."
    )
    if calm:
        note += f" Nothing is lost under {', '.join(quoted(s.name) for s in calm)}."
    subtitle = (
        f"From left to right {', '.join(in_text(s.name) for s in layers)}: who sells to whom in the worst "
        f"year, against the baseline {quoted(case.lined.baseline_name)}"
    )
    look = {
        "stages": [s.name for s in layers], "countries": sorted(
            set(table["exporter"]) | set(table["importer"])
        ),
        "shown": [(s.key, s.name, s.colour) for s in case.lined.scenarios if s not in calm],
    }  # fmt: skip
    title = _finding(case, table, own)
    return Measured(title, subtitle, case.lined.footer("t a year, by good", note), table, look)


Nodes = dict[str, tuple[float, float]]
"""Country -> top and height of its bar, in shares of a stage's trade, from above."""


def _columns(rows: pd.DataFrame, names: Sequence[str]) -> list[Nodes]:
    """Bars of each column: what comes in from the left or goes out to the right, whichever is more."""
    rows = rows.assign(size=(rows["kept"] + rows["lost"] + rows["more"]) / rows["total"])
    columns = []
    for k in range(len(names) + 1):
        sizes: dict[str, float] = {}
        for stage, side in ((k - 1, "importer"), (k, "exporter")):
            if 0 <= stage < len(names):
                mine = rows[rows["stage"] == names[stage]].groupby(side)["size"].sum()
                for country, size in mine.items():
                    sizes[str(country)] = max(sizes.get(str(country), 0.0), float(size))
        ranked = sorted((c == OTHERS, -size, c) for c, size in sizes.items())
        order = [country for _, _, country in ranked]
        nodes, top = {}, 0.0
        for country in order:
            nodes[country] = (top, sizes[country])
            top += sizes[country] + GAP
        columns.append(nodes)
    return columns


def _ribbon(axes: Axes, ends: tuple[float, float], tops: tuple[float, float], tall: float, part: str) -> None:
    (x0, x1), (y0, y1) = ends, tops
    middle = (x0 + x1) / 2
    points = [
        (x0, y0), (middle, y0), (middle, y1), (x1, y1), (x1, y1 + tall), (middle, y1 + tall),
        (middle, y0 + tall), (x0, y0 + tall), (x0, y0),
    ]  # fmt: skip
    codes = [
        Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4, Path.LINETO, Path.CURVE4, Path.CURVE4,
        Path.CURVE4, Path.CLOSEPOLY,
    ]  # fmt: skip
    colour = dict(PARTS)[part]
    look: dict[str, Any] = {"facecolor": colour, "linewidth": 0.0, "alpha": 0.75}
    if part == "lost":
        look = {"facecolor": "#FBEDE2", "edgecolor": colour, "linewidth": 0.25, "hatch": "//////"}
    axes.add_patch(PathPatch(Path(points, codes), **look))


def _draw(axes: Axes, rows: pd.DataFrame, names: Sequence[str], inches: tuple[float, float]) -> None:
    columns = _columns(rows, names)
    deepest = max(top + size for nodes in columns for top, size in nodes.values())
    axes.set_axis_off()
    axes.set_xlim(0, len(names))
    axes.set_ylim(deepest, 0)
    bar = BAR * len(names) / inches[0]
    for k, name in enumerate(names):
        mine = rows[rows["stage"] == name]
        left = {c: top for c, (top, _) in columns[k].items()}
        right = {c: top for c, (top, _) in columns[k + 1].items()}
        order = {c: i for i, c in enumerate([*columns[k], *columns[k + 1]])}
        at = mine["exporter"].map(order).to_numpy() * 1000 + mine["importer"].map(order).to_numpy()
        for link in mine.iloc[np.argsort(at, kind="stable")].to_dict("records"):
            seller, buyer = str(link["exporter"]), str(link["importer"])
            for part, _ in PARTS:
                tall = float(link[part]) / float(link["total"])
                if tall >= THIN:
                    _ribbon(axes, (k + bar, k + 1 - bar), (left[seller], right[buyer]), tall, part)
                if tall > 0:
                    left[seller] += tall
                    right[buyer] += tall
    for k, nodes in enumerate(columns):
        x = min(max(k - bar / 2, 0), len(names) - bar)
        for top, size in nodes.values():
            axes.add_patch(Rectangle((x, top), bar, size, color=INK, linewidth=0))
        room = height("x", POINTS) * deepest / inches[1]
        shown = [c for c in nodes if nodes[c][1] >= 0.004]
        middles = [nodes[c][0] + nodes[c][1] / 2 for c in shown]
        for country, y in zip(shown, stacked(middles, [room] * len(shown), 0, deepest), strict=True):
            text = OTHERS if country == OTHERS else country_name(country)
            beside, side = (x - 0.5 * bar, "right") if k == 0 else (x + 1.5 * bar, "left")
            axes.text(
                beside, y, text, ha=side, va="center", fontsize=POINTS, path_effects=HALO, clip_on=False
            )


def _key(sheet: Sheet) -> None:
    axes = sheet.strip()
    x = 0.0
    for (part, colour), said in zip(
        PARTS, ("flows as before", "lost against the baseline", "added"), strict=True
    ):
        look: dict[str, Any] = {"facecolor": colour, "linewidth": 0.0}
        if part == "lost":
            look = {"facecolor": "#FBEDE2", "edgecolor": colour, "linewidth": 0.4, "hatch": "//////"}
        axes.add_patch(Rectangle((x, 0.2), 0.3, 0.6, **look))
        axes.text(x + 0.37, 0.5, said, va="center", fontsize=9.0)
        x += width(said, 9.0) + 0.75


def draw(measured: Measured) -> Figure:
    """A block for each scenario, two beside each other."""
    look, table = measured.look, measured.table
    shown, names = look["shown"], look["stages"]
    across = 1 if len(shown) <= 2 else 2
    side = max(width(OTHERS if c == OTHERS else country_name(c), POINTS) for c in look["countries"]) + 0.14
    block = (10.4 - 0.3 * (across - 1)) / across
    wide, tall = block - 2 * side, (3.6 if len(shown) == 1 else 3.0) if across == 1 else 2.6
    years = table.groupby("scenario")["year"].first()
    heads = [wrapped(f"{name} ({years[key]})", block, 9.5, True) for key, name, _ in shown]
    over = [wrapped(in_text(name), wide / len(names) - 0.15, POINTS) for name in names]
    above = max(height(text, POINTS) for text in over) + 0.04
    head = max(height(text, 9.5) for text in heads) + 0.1 + above
    lines = -(-len(shown) // across)
    with mpl.rc_context({**STYLE, "hatch.linewidth": 0.5}):
        sheet = Sheet(measured.title, measured.subtitle, measured.note, 0.34 + lines * (head + tall + 0.25))
        _key(sheet)
        for i, (key, _, colour) in enumerate(shown):
            line, column = divmod(i, across)
            x, y = 0.3 + column * (block + 0.3), 0.34 + line * (head + tall + 0.25)
            sheet.text(x, y, heads[i], 9.5, color=colour, fontweight="bold")
            axes = sheet.axes(x + side, y + head, wide, tall)
            mine = table[table["scenario"] == key]
            there = [name for name in names if (mine["stage"] == name).any()]
            for k, name in enumerate(there):
                middle = x + side + (k + 0.5) * wide / len(there)
                said = over[names.index(name)]
                sheet.text(middle, y + head - 0.04, said, POINTS, ha="center", va="bottom", color=GREY)
            _draw(axes, mine, there, (wide, tall))
    return sheet.fig


KIND = Kind("flows", 3, measure, draw, "Trade from stage to stage before and in the worst year")
