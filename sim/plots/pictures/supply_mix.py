"""Who supplies each stage of a chain, over time, against the baseline's outline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from sim.analysis.metrics import supply_shares
from sim.analysis.names import country_name
from sim.analysis.run_metrics import steps_per_year, supply_by_country
from sim.analysis.select import Stage, label, stages
from sim.plots.case import Case, Shown
from sim.plots.events import LANE_INCHES, Lane, draw_lanes, event_lanes
from sim.plots.lettering import height, stacked, width, wrapped
from sim.plots.pictures import Kind, Measured
from sim.plots.style import INK, STYLE, Sheet, date_axis, in_text, number, percent, quoted
from sim.results.grouping import group_sum

__all__ = ["KIND"]

Values = npt.NDArray[np.float64]
COUNTRIES = 6
"""Countries with a colour of their own; the rest is added up as others."""
OTHERS = "others"
COLOURS = ("#D98E4A", "#5B9BD5", "#5FB49C", "#C98BB9", "#E3C567", "#8E7CC3")
GREY = "#C9C9C9"
PANELS = 3
"""Stages that are shown, besides what users outside the controlling country get."""
LEAST = 0.02
"""Bands that never reach this share of their panel are left without a name."""
MOVED = 0.01
KILOTONNES = 20_000.0
"""t/year from which a panel counts in thousand tonnes."""
LEFT, RIGHT = 0.75, 0.25
POINTS = 9.0


@dataclass(frozen=True)
class _Panel:
    """What one panel stacks: output of a stage by producer, or use outside the controlling country."""

    title: str
    unit: str
    stage: Stage | None = None

    def yearly(self, case: Case, shown: Shown, data: xr.Dataset) -> tuple[list[str], Values]:
        """Countries and the mean over members, (time, country), t/year."""
        if self.stage is not None:
            output = supply_by_country(data, self.stage.goods)
            countries, values = [str(c) for c in output["country"].values], output.values
        else:
            kinds, places = (data[f"need_{c}"].values.astype(str) for c in ("kind", "country"))
            mine = (data["need_good"].values.astype(str) == case.good) & (kinds != "trader")
            chosen = np.flatnonzero(mine & ~np.isin(places, case.controllers))
            met = data["requirement"].values[..., chosen] - data["shortfall"].values[..., chosen]
            keys, values = group_sum(met, [places[chosen]])
            countries = [key[0] for key in keys]
        if not countries:
            return [], np.zeros((data.sizes["time"], 0))
        return countries, values.mean(axis=0) * steps_per_year(data)


def _panels(case: Case) -> tuple[list[_Panel], int]:
    """The supplied stages nearest to the good, in chain order, then use abroad; and which is the good's."""
    base = case.lined.baseline
    chain = [_Panel(f"Output: {in_text(s.name)}", s.unit, s) for s in stages(case.base, case.good)]
    chain = [p for p in chain if p.yearly(case, base, base.now)[1].sum() > 0]
    own = [i for i, panel in enumerate(chain) if panel.stage and case.good in panel.stage.goods]
    if not own:
        return [], 0
    near = sorted(sorted(range(len(chain)), key=lambda i: (abs(i - own[0]), -i))[:PANELS])
    panels = [chain[i] for i in near]
    used = _Panel(f"Use outside {case.place}: {in_text(case.name)}", label(case.base, "good_unit", case.good))
    if used.yearly(case, base, base.now)[1].sum() > 0:
        panels.append(used)
    return panels, near.index(own[0])


def _named(case: Case, panels: Sequence[_Panel], own: int) -> list[str]:
    """Countries that get a colour: the largest by their best share in any panel, of base and scenarios."""
    best: dict[str, float] = {}
    for shown in case.lined.all:
        for position, panel in enumerate(panels):
            countries, values = panel.yearly(case, shown, shown.now)
            for country, share in zip(countries, supply_shares(values.sum(axis=0)), strict=True):
                # The good that was asked for decides ties about who is shown.
                weight = 2.0 if position == own else 1.0
                best[country] = max(best.get(country, 0.0), float(np.nan_to_num(share)) * weight)
    best.pop("ROW", None)
    return sorted(best, key=lambda c: (-best[c], c))[:COUNTRIES]


def _rows(case: Case, panels: Sequence[_Panel], named: Sequence[str]) -> pd.DataFrame:
    day = case.lined.time.astype("datetime64[D]").astype(str)
    frames = []
    for panel in panels:
        found = {}
        for shown in case.lined.all:
            for whose, data in (("", shown.now), ("baseline of ", shown.before)):
                if shown.key == case.lined.baseline.key and whose:
                    continue
                found[f"{whose}{shown.key}"] = panel.yearly(case, shown, data)
        top = max(float(values.sum(axis=1).max(initial=0.0)) for _, values in found.values())
        kilo = top >= KILOTONNES
        for key, (countries, values) in found.items():
            columns = {c: values[:, [x == c for x in countries]].sum(axis=1) for c in named}
            columns[OTHERS] = values[:, [x not in named for x in countries]].sum(axis=1)
            frame = pd.DataFrame(columns) / (1000 if kilo else 1)
            frame.insert(0, "time", day)
            frame = frame.melt("time", var_name="country", value_name="rate")
            unit = f"{'k' if kilo else ''}{panel.unit}/year"
            frames.append(frame.assign(scenario=key, panel=panel.title, unit=unit))
    return pd.concat(frames, ignore_index=True)


def _stack(table: pd.DataFrame, scenario: str, panel: str, names: Sequence[str]) -> Values:
    """(time, country) of one panel."""
    rows = table[(table["scenario"] == scenario) & (table["panel"] == panel)]
    wide = rows.pivot(index="time", columns="country", values="rate")
    found: Values = wide[list(names)].to_numpy(dtype=np.float64)
    return found


def _change(case: Case, table: pd.DataFrame, names: Sequence[str], panel: str, key: str) -> tuple[float, str]:
    """Largest change of any twelve months against the paired baseline, and their last month."""
    now, before = (_stack(table, k, panel, names).sum(axis=1) for k in (key, f"baseline of {key}"))
    wide = min(steps_per_year(case.base), len(now))
    less = np.convolve(now - before, np.ones(wide), "valid")
    start = int(less.argmin())
    usual = before[start : start + wide].sum()
    change = float(now[start : start + wide].sum() / usual - 1) if usual > 0 else 0.0
    return change, pd.Timestamp(case.lined.time[start + wide - 1]).strftime("%B %Y")


def _finding(
    case: Case, table: pd.DataFrame, names: Sequence[str], panels: Sequence[_Panel], own: int
) -> str:
    good = in_text(case.name)
    if not case.lined.scenarios:
        total = _stack(table, case.lined.baseline.key, panels[own].title, names).sum(axis=0)
        shares = supply_shares(total[:-1])
        at = int(np.nanargmax(total[:-1])) if total[:-1].any() else -1
        if at < 0 or np.isnan(shares[at]):
            return f"Nobody supplies {good} any more"
        return f"{country_name(names[at])} supplies {percent(float(total[at] / total.sum()))} of {good}"
    focus = panels[-1] if panels[-1].stage is None else panels[own]
    what = f"use outside {case.place}" if panels[-1].stage is None else "world output"
    found = {s.key: _change(case, table, names, focus.title, s.key) for s in case.lined.scenarios}
    worst = min(case.lined.scenarios, key=lambda s: found[s.key][0])
    change, month = found[worst.key]
    if abs(change) < MOVED:
        many = "no scenario" if len(found) > 1 else "nothing"
        return f"{case.name}: {many} takes {what} more than {percent(MOVED)} below the baseline"
    under = f" under {quoted(worst.name)}" if len(found) > 1 else ""
    output, _ = _change(case, table, names, panels[own].title, worst.key)
    rest = ""
    if focus is not panels[own]:
        rest = (
            f"; world output stays within {percent(MOVED)}" if abs(output) < MOVED
            else f"; world output at its lowest {percent(abs(output))} {'below' if output < 0 else 'above'}"
        )  # fmt: skip
    return (
        f"{case.name}: {what} {percent(abs(change))} below the baseline in the 12 months to {month}{under}"
        f"{rest}"
    )


def measure(case: Case) -> Measured:
    """Supply by country of each stage, of every scenario and of its paired baseline."""
    panels, own = _panels(case)
    if not panels:
        return Measured(nothing=f"Supply mix: nobody makes {in_text(case.name)} in the baseline.")
    named = _named(case, panels, own)
    names = [*named, OTHERS]
    table = _rows(case, panels, named)
    subtitle = f"By producing country ({in_text(case.name)}: bold), mean of members"
    if panels[-1].stage is None:
        subtitle += "; last panel by country of use"
    if case.lined.scenarios:
        subtitle += f"; black outline: baseline {quoted(case.lined.baseline_name)}"
    look: dict[str, Any] = {
        "panels": [panel.title for panel in panels], "own": own, "countries": names,
        "shown": [(s.key, s.name, s.colour) for s in case.lined.shown], "time": case.lined.time,
        "alone": not case.lined.scenarios, "lanes": event_lanes(case),
    }  # fmt: skip
    title = _finding(case, table, names, panels, own)
    return Measured(title, subtitle, case.lined.footer("above each panel", "Axes start at 0."), table, look)


def _draw_panel(axes: Axes, time: npt.NDArray[np.datetime64], stack: Values, base: Values | None) -> None:
    colours = [*COLOURS[: stack.shape[1] - 1], GREY]
    axes.stackplot(time, stack.T, colors=colours, linewidth=0, step="post")
    edges = np.cumsum(stack, axis=1)
    axes.plot(time, edges[:, :-1], color="white", linewidth=0.6, drawstyle="steps-post")
    top = float(edges[:, -1].max())
    if base is not None:
        outline = np.cumsum(base, axis=1)
        axes.plot(
            time, outline[:, :-1], color=INK, linewidth=0.6, linestyle=(0, (4, 3)), drawstyle="steps-post"
        )
        axes.plot(time, outline[:, -1], color=INK, linewidth=1.4, drawstyle="steps-post")
        top = max(top, float(outline[:, -1].max()))
    axes.set_ylim(0, top * 1.06 or 1.0)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    axes.set_axisbelow(False)
    date_axis(axes, time, every=2)


def _names(axes: Axes, stack: Values, countries: Sequence[str]) -> None:
    """Country and share beside the bands, at the height of the band in the last step."""
    total, top = float(stack[-1].sum()), axes.get_ylim()[1]
    if not total > 0:
        return
    edges = np.concatenate([[0.0], np.cumsum(stack[-1])])
    largest = (stack / np.maximum(stack.sum(axis=1, keepdims=True), 1e-12)).max(axis=0)
    keep = [i for i in range(len(countries)) if largest[i] >= LEAST]
    page = axes.figure.get_size_inches()  # type: ignore[union-attr]
    tall = axes.get_position().height * float(page[1])
    room = height("x", POINTS) / tall
    middles = [(edges[i] + edges[i + 1]) / 2 / top for i in keep]
    for i, y in zip(keep, stacked(middles, [room] * len(keep), 0.0, 1.0), strict=True):
        name = OTHERS if countries[i] == OTHERS else country_name(countries[i])
        axes.annotate(
            f"{name} {percent(stack[-1, i] / total)}", (1.0, y), xycoords="axes fraction", xytext=(5, 0),
            textcoords="offset points", va="center", fontsize=POINTS, annotation_clip=False,
            color=mpl.colors.to_rgb(_dark((*COLOURS[: len(countries) - 1], GREY)[i])),
        )  # fmt: skip


def _dark(colour: str) -> tuple[float, float, float]:
    """The colour dark enough for text on white."""
    red, green, blue = mpl.colors.to_rgb(colour)
    return red * 0.62, green * 0.62, blue * 0.62


def _key(sheet: Sheet, countries: Sequence[str], y: float) -> None:
    """Colours and names in one line, where there is no room beside the panels."""
    x = LEFT
    for colour, country in zip((*COLOURS[: len(countries) - 1], GREY), countries, strict=True):
        name = OTHERS if country == OTHERS else country_name(country)
        patch = mpl.patches.Rectangle(
            (x / sheet.width, sheet.up(y + 0.17)), 0.16 / sheet.width, 0.13 / sheet.tall, color=colour,
            transform=sheet.fig.transFigure,
        )  # fmt: skip
        sheet.fig.add_artist(patch)
        sheet.text(x + 0.22, y + 0.02, name, POINTS)
        x += width(name, POINTS) + 0.5


def draw(measured: Measured) -> Figure:
    """A row for each scenario, a column for each stage; a single scenario has its names beside the bands."""
    look, table = measured.look, measured.table
    panels, shown, names = look["panels"], look["shown"], look["countries"]
    single = len(shown) == 1
    columns = min(2, len(panels)) if single else len(panels)
    rows = -(-len(panels) // columns) if single else len(shown)
    tall, between = (2.1, 0.62) if single else (1.25, 0.62)
    beside = 1.55 if single else 0.0
    wide = (11.0 - LEFT - RIGHT - beside * columns - 0.62 * (columns - 1)) / columns
    units = table.drop_duplicates("panel").set_index("panel")["unit"]
    heads = [wrapped(f"{panel}, {units[panel]}", wide + beside - 0.1, 10.5, True) for panel in panels]
    head = max(height(text, 10.5) for text in heads) + 0.06
    lanes: list[Lane] = look["lanes"] if single else []
    above = len(lanes) * LANE_INCHES + (0.06 if single else 0.32)
    room = above + (head + tall) * rows + between * (rows - 1) + 0.35 if single else (
        above + head + (tall + between) * rows
    )  # fmt: skip
    with mpl.rc_context(STYLE):
        sheet = Sheet(measured.title, measured.subtitle, measured.note, room)
        if lanes:
            draw_lanes(sheet.axes(LEFT, 0.0, wide, len(lanes) * LANE_INCHES), lanes, look["time"])
        if not single:
            _key(sheet, names, 0.0)
        for row, (key, name, colour) in enumerate(shown):
            for i, panel in enumerate(panels):
                line, column = divmod(i, columns) if single else (row, i)
                x = LEFT + column * (wide + beside + 0.62)
                y = above + head + line * (tall + between + (head if single else 0.0))
                y += 0.0 if single else 0.24
                axes = sheet.axes(x, y, wide, tall)
                stack = _stack(table, key, panel, names)
                base = None if look["alone"] else _stack(table, f"baseline of {key}", panel, names)
                _draw_panel(axes, look["time"], stack, base)
                weight = "bold" if i == look["own"] else "normal"
                if single or row == 0:
                    up = 0.04 if single else 0.3
                    sheet.text(x, y - up, heads[i], 10.5, fontweight=weight, va="bottom")
                if single:
                    _names(axes, stack, names)
                elif i == 0:
                    sheet.text(x, y - 0.04, name, 9.5, color=colour, va="bottom", fontweight="bold")
    return sheet.fig


KIND = Kind("supply", 2, measure, draw, "Output by country at each stage of the chain")
