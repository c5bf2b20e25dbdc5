"""Who supplies each stage of a chain, over time, against the baseline's outline."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from sim.analysis.metrics import supply_shares
from sim.analysis.names import country_name
from sim.analysis.paired import paired
from sim.analysis.run_metrics import steps_per_year, supply_by_country
from sim.analysis.select import Stage, controller, good_name, label, own_events, stages
from sim.plots.comparison import Plot
from sim.plots.events import LANE_INCHES, draw_lanes, lane_count
from sim.plots.style import (
    GREY,
    INK,
    PALETTE,
    POINTS_PER_INCH,
    STYLE,
    Picture,
    date_axis,
    figure,
    file_name,
    footer,
    in_text,
    number,
    percent,
    save_picture,
    spread,
    titles,
)
from sim.results import Run
from sim.results.grouping import group_sum

__all__ = ["draw_supply_mix"]

Values = npt.NDArray[np.float64]
COUNTRIES = len(PALETTE)
"""Countries with a colour of their own; the rest is added up as "others"."""
OTHERS = "#C9C9C9"
PANELS = 4
COLUMNS = 2
LEAST = 0.02
"""Bands that never reach this share of their panel are left without a name."""
MOVED = 0.01
NO_BREAK = "\u00a0"
HEADING_WIDTH = 44
"""Characters in a line above a panel, its margin on the right included."""
KILOTONNES = 20_000.0
"""t/year from which a panel counts in thousand tonnes."""


@dataclass(frozen=True)
class _Panel:
    """What one panel stacks: output of a stage, or purchases outside the controlling country."""

    title: str
    unit: str
    stage: Stage | None = None
    good: str = ""
    country: str = ""

    def yearly(self, dataset: xr.Dataset) -> tuple[list[str], Values]:
        """Countries and the mean over members, (time, country), t/year."""
        if self.stage is not None:
            output = supply_by_country(dataset, self.stage.goods)
            countries, values = [str(c) for c in output["country"].values], output.values
        else:
            kinds, places = (dataset[f"need_{c}"].values.astype(str) for c in ("kind", "country"))
            chosen = np.flatnonzero(
                (dataset["need_good"].values.astype(str) == self.good)
                & (kinds != "trader")
                & (places != self.country)
            )
            keys, values = group_sum(dataset["purchases"].values[..., chosen], [places[chosen]])
            countries = [key[0] for key in keys]
        return countries, values.mean(axis=0) * steps_per_year(dataset)


def _panels(dataset: xr.Dataset, good: str, country: str) -> list[_Panel]:
    """The supplied stages nearest to the good, in chain order, then purchases outside the controller."""
    chain = [_Panel(f"Output: {in_text(s.name)}", s.unit, stage=s) for s in stages(dataset, good)]
    chain = [panel for panel in chain if panel.yearly(dataset)[1].sum() > 0]
    own = next(i for i, panel in enumerate(chain) if panel.stage and good in panel.stage.goods)
    near = sorted(range(len(chain)), key=lambda i: (abs(i - own), -i))[: PANELS - 1]
    name, unit = in_text(good_name(dataset, good)), label(dataset, "good_unit", good)
    bought = _Panel(f"Bought outside {country_name(country)}: {name}", unit, good=good, country=country)
    panels = [chain[i] for i in sorted(near)]
    return [*panels, bought] if bought.yearly(dataset)[1].sum() > 0 else panels


def _named_countries(run: xr.Dataset, panels: Sequence[_Panel], own: int) -> list[str]:
    """Countries that get a colour: the largest by their best share in any panel."""
    best: dict[str, float] = {}
    for position, panel in enumerate(panels):
        countries, values = panel.yearly(run)
        for country, share in zip(countries, supply_shares(values.sum(axis=0)), strict=True):
            # The good that was asked for decides ties about who is shown.
            best[country] = max(best.get(country, 0.0), float(share) * (2.0 if position == own else 1.0))
    best.pop("ROW", None)
    return sorted(best, key=lambda c: (-best[c], c))[:COUNTRIES]


def _stack(countries: Sequence[str], values: Values, named: Sequence[str]) -> Values:
    """(time, named + others) with the columns of ``named`` first."""
    columns = [values[:, [c == name for c in countries]].sum(axis=1) for name in named]
    rest = values[:, [c not in named for c in countries]].sum(axis=1)
    return np.column_stack([*columns, rest])


def _worst_year(values: Values, window: int) -> int:
    """First step of the ``window`` steps with the smallest sum."""
    width = min(window, len(values))
    return int(np.convolve(values, np.ones(width), "valid").argmin())


def _finding(good: str, panels: Sequence[_Panel], own: int, run: xr.Dataset, baseline: xr.Dataset) -> str:
    name = in_text(good_name(run, good))
    countries, values = panels[own].yearly(run)
    if run is baseline:
        shares = supply_shares(values.sum(axis=0))
        return f"{country_name(countries[int(shares.argmax())])} supplies {percent(shares.max())} of {name}"
    parts = []
    if panels[-1].stage is None:
        parts.append(
            _change(panels[-1], f"purchases outside {country_name(panels[-1].country)}", run, baseline)
        )
    parts.append(_change(panels[own], "world output", run, baseline))
    return f"{good_name(run, good)} at its lowest: {'; '.join(parts)}"


def _change(panel: _Panel, subject: str, run: xr.Dataset, baseline: xr.Dataset) -> str:
    """What the worst twelve months of a panel were like, against the baseline."""
    now, before = panel.yearly(run)[1].sum(axis=1), panel.yearly(baseline)[1].sum(axis=1)
    width = steps_per_year(run)
    start = _worst_year(now - before, width)
    change = now[start : start + width].sum() / before[start : start + width].sum() - 1
    if abs(change) < MOVED:
        return f"{subject} within {percent(MOVED)} of the baseline"
    last = pd.Timestamp(run["time"].values[min(start + width, len(now)) - 1]).strftime("%B %Y")
    side = "below" if change < 0 else "above"
    return f"{subject} {percent(abs(change))} {side} the baseline in the 12 months to {last}"


def _names(axes: Axes, stack: Values, names: Sequence[str], colours: Sequence[str], points: float) -> None:
    """Country names beside the bands, at the height of the band in the last step."""
    total, top = stack[-1].sum(), axes.get_ylim()[1]
    edges = np.concatenate([[0.0], np.cumsum(stack[-1])])
    largest = (stack / np.maximum(stack.sum(axis=1, keepdims=True), 1e-12)).max(axis=0)
    keep = [i for i in range(len(names)) if largest[i] >= LEAST and total > 0]
    height = axes.get_position().height * float(axes.figure.get_size_inches()[1]) * POINTS_PER_INCH  # type: ignore[union-attr]
    at = spread([(edges[i] + edges[i + 1]) / 2 / top for i in keep], points * 1.22 / height, 0.0, 1.0)
    for i, y in zip(keep, at, strict=True):
        axes.annotate(
            f"{names[i]} {percent(stack[-1, i] / total)}",
            (1.0, y),
            xycoords="axes fraction",
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=points,
            color=GREY if colours[i] == OTHERS else colours[i],
            annotation_clip=False,
        )


def _draw_panel(
    axes: Axes, time: npt.NDArray[np.datetime64], stack: Values, base: Values | None, colours: Sequence[str]
) -> None:
    axes.stackplot(time, stack.T, colors=colours, linewidth=0, alpha=0.9)
    edges = np.cumsum(stack, axis=1)
    axes.plot(time, edges[:, :-1], color="white", linewidth=0.7)
    top = edges[:, -1].max()
    if base is not None:
        outline = np.cumsum(base, axis=1)
        axes.plot(time, outline[:, :-1], color=INK, linewidth=0.6, linestyle=(0, (4, 3)))
        axes.plot(time, outline[:, -1], color=INK, linewidth=1.4)
        top = max(top, outline[:, -1].max())
    axes.set_ylim(0, top * 1.06 or 1.0)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    axes.set_axisbelow(False)
    date_axis(axes, time, every=2)


def draw_supply_mix(run: Run, baseline: Run, good: str, directory: Path) -> Picture:
    """Stacked output by country at each stage of the good's chain, up to four stages.

    Args:
        run: the scenario, or the baseline itself.
        baseline: its baseline, drawn as an outline.
        good: good id; its stage and those nearest to it are shown.
        directory: where the three files go.
    """
    same = run.scenario == baseline.scenario
    now, before = (run.dataset, run.dataset) if same else paired(run.dataset, baseline.dataset)
    panels = _panels(before, good, controller(now, good))
    own = next(i for i, panel in enumerate(panels) if panel.stage and good in panel.stage.goods)
    named = _named_countries(before, panels, own)
    names = [*(country_name(c) for c in named), "others"]
    colours = [*PALETTE[: len(named)], OTHERS]
    time = now["time"].values
    events = [] if same else own_events(run.dataset, baseline.dataset)
    title = _finding(good, panels, own, now, before)
    subtitle = f"{run.scenario}, by country, mean over members; beside each band its share in the last step"
    if not same:
        subtitle += "; black: baseline"
    columns = 1 if len(panels) == 1 else COLUMNS
    rows = -(-len(panels) // columns)
    lanes = lane_count(events, time)
    frames = []
    with mpl.rc_context(STYLE):
        fig = figure(11.0, 2.1 + 2.95 * rows + lanes * LANE_INCHES)
        runs = [run] if same else [baseline, run]
        bottom, top = titles(fig, title, subtitle, footer(runs, "above each panel", "Axes start at 0."))
        inch = 1.0 / float(fig.get_size_inches()[1])
        left, right = 0.075, 0.865
        gap, below = 0.215, 0.95 * inch
        width = (right - left - gap * (columns - 1)) / columns
        highest = top - (lanes * LANE_INCHES + 0.68) * inch
        lowest = bottom + 0.4 * inch
        height = (highest - lowest - below * (rows - 1)) / rows
        for position, panel in enumerate(panels):
            row, column = divmod(position, columns)
            x, y = left + column * (width + gap), highest - height - row * (height + below)
            axes = fig.add_axes((x, y, width, height))
            stack, base = (_stack(*panel.yearly(d), named) for d in (now, before))
            kilo = max(stack.sum(axis=1).max(), base.sum(axis=1).max()) >= KILOTONNES
            unit = f"{'k' if kilo else ''}{panel.unit}/year"
            stack, base = stack / (1000 if kilo else 1), base / (1000 if kilo else 1)
            heading = textwrap.fill(f"{panel.title}, {unit.replace(' ', NO_BREAK)}", HEADING_WIDTH)
            axes.set_title(heading, fontweight="bold" if position == own else "normal")
            _draw_panel(axes, time, stack, None if same else base, colours)
            _names(axes, stack, names, colours, 9.5)
            for values, scenario in ((stack, run.scenario), (base, baseline.scenario))[: 1 if same else 2]:
                frame = pd.DataFrame(values, columns=[*named, "others"])
                frame.insert(0, "time", time.astype("datetime64[D]").astype(str))
                frame = frame.melt("time", var_name="country", value_name="tonnes_per_year")
                frames.append(frame.assign(scenario=scenario, panel=panel.title, unit=unit))
        if lanes:
            lane = fig.add_axes((left, highest + 0.6 * inch, width, lanes * LANE_INCHES * inch))
            draw_lanes(lane, events, time)
    return save_picture(
        fig, directory, file_name("supply", good, run.scenario), title, pd.concat(frames, ignore_index=True)
    )


PLOT = Plot(
    lambda of: draw_supply_mix(of.run, of.baseline, of.good, of.directory),
    rank=2, of_each=True, needs=("production", "purchases"),
)  # fmt: skip
