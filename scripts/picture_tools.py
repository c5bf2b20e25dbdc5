"""What the scripts that measure and draw the pictures of the documents share.

Pictures run a scenario and keep what the recorder does not: tonnes over chosen routes, and states of
the simulation. The rest is their common look: footer, bands, panels, bars.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt

from sim.engine import Simulation
from sim.plots.style import (
    BASELINE,
    DASHES,
    INK,
    PALETTE,
    STYLE,
    Label,
    date_axis,
    figure,
    line_labels,
    titles,
)
from sim.scenario import load_scenario
from sim.world.load import load_world

IMAGES = Path(__file__).parents[1] / "docs" / "images"
MEMBERS, SEED = 10, 1
VERSION = version("monazite")
DOTS_PER_INCH = 110
COLOURS = (BASELINE, PALETTE[1], PALETTE[0])
Values = npt.NDArray[np.float64]
Dates = npt.NDArray[np.datetime64]
Route = tuple[Sequence[str], str, str]
"""Goods; exporter and importer, where ``!CHN`` is everybody but China and ``*`` everybody."""


class Watched:
    """One run with the tonnes of each step that went over some routes, and states that are not recorded.

    Attributes:
        world: the world it ran in. time: (T,) first day of each step. tonnes: route -> (M, T).
        states: name -> (M, T, ...). data: the recorded results.
    """

    def __init__(
        self,
        name: str,
        routes: Mapping[str, Route],
        overrides: Sequence[str] = (),
        members: int = MEMBERS,
        states: Mapping[str, Callable[[Simulation], Values]] | None = None,
    ) -> None:
        scenario = load_scenario(name, overrides=list(overrides))
        world = load_world(scenario.base_year, scenario.tables)
        simulation = Simulation(world, scenario, members=members, seed=SEED)
        weights = {key: _weights(simulation, route) for key, route in routes.items()}
        states = states or {}
        kept: dict[str, list[Values]] = {key: [] for key in (*routes, *states)}
        while simulation.time < simulation.steps:
            simulation.step()
            for key in routes:
                kept[key].append(simulation.last.clearing.to_buyers(weights[key]).sum(1))
            for key, state in states.items():
                kept[key].append(state(simulation))
        self.world = simulation.world
        self.time: Dates = np.array(simulation.dates[:-1], dtype="datetime64[D]")
        self.tonnes = {key: np.stack(kept[key], axis=1) for key in routes}
        self.states = {key: np.stack(kept[key], axis=1) for key in states}
        self.data = simulation.recorder.dataset()

    def between(self, first: str, last: str) -> npt.NDArray[np.bool_]:
        """(T,) True for steps that start in [first, last]."""
        return (self.time >= np.datetime64(first)) & (self.time <= np.datetime64(last))


def _weights(simulation: Simulation, route: Route) -> list[Values]:
    world, (goods, exporter, importer) = simulation.world, route
    codes = np.array(world.countries)

    def at(place: str, countries: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        if place == "*":
            return np.ones(len(countries), dtype=bool)
        same: npt.NDArray[np.bool_] = codes[countries] == place.lstrip("!")
        return ~same if place.startswith("!") else same

    weights = []
    for g, good in enumerate(world.goods):
        origin, destination = world.link_countries(g)
        block = np.outer(at(exporter, origin), at(importer, destination)) * (good.id in goods)
        weights.append(block.astype(np.float64))
    return weights


# -- how it is drawn ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Words:
    """What stands around a picture: the finding, what is shown, and the footer."""

    title: str
    text: str
    footer: str


@dataclass(frozen=True)
class Panel:
    """Lines over time under a heading: name -> (M, T)."""

    heading: str
    lines: Mapping[str, Values]
    top: float | None = None
    bottom: float = 0.0
    """Where the axis ends and starts."""


@dataclass(frozen=True)
class Lines:
    """How the lines of panels are drawn: a colour each, dashes in their usual order."""

    colours: Sequence[str]
    height: float = 6.2
    """Inches of the whole picture."""
    decorate: Callable[[Any], None] | None = None
    """Called with each axes before its lines are named, e.g. to shade a time."""


def footer(
    unit: str, year: int, scenarios: str, start: str = "Axis starts at 0.", members: int = MEMBERS
) -> str:
    """Unit, source, version, runs and members: what a picture needs when it travels alone."""
    return (
        f"Unit: {unit}. {start} Model results, not forecasts: Monazite {VERSION}, base year {year} built "
        f"from USGS, BACI (CEPII), IEA and BGS data. Scenarios: {scenarios}; median and 5 to 95 % of "
        f"{members} paired members, seed {SEED}."
    )


def save(fig: Any, name: str) -> None:
    """Write docs/images/NAME without a date, and say where."""
    fig.savefig(IMAGES / name, dpi=DOTS_PER_INCH, metadata={"Software": None})
    print(IMAGES / name)


def one_axes(fig: Any, room: tuple[float, float], right: float, left: float = 0.09) -> Any:
    """Axes that fill the room between the texts, with space for ticks."""
    bottom, top = room
    return fig.add_axes((left, bottom + 0.09, right - left, top - bottom - 0.13))


def line(axes: Any, time: Dates, values: Values, name: str, colour: str, dash: Any) -> Label:
    """Median over members and the band from 5 to 95 %; returns the name for the line."""
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95], axis=0)
    axes.fill_between(time, low, high, step="post", color=colour, alpha=0.15, linewidth=0)
    axes.plot(time, middle, color=colour, linestyle=dash, linewidth=2, drawstyle="steps-post")
    return Label(middle, name, colour, dash)


def _bars(axes: Any, groups: Mapping[str, Mapping[str, Values]], places: Mapping[str, str]) -> None:
    """Bars of each origin side by side, one colour for each group; whiskers from 5 to 95 %."""
    width, top = 0.8 / len(groups), 0.0
    for k, (values, colour) in enumerate(zip(groups.values(), COLOURS, strict=True)):
        for i, place in enumerate(places):
            low, middle, high = np.quantile(values[place], [0.05, 0.5, 0.95])
            x, top = i + (k - (len(groups) - 1) / 2) * width, max(top, high)
            axes.bar(x, middle, 0.92 * width, color=colour)
            axes.plot([x, x], [low, high], color=INK, linewidth=1)
            text = f"{middle:,.1f}" if middle < 10 else f"{middle:,.0f}"
            above: dict[str, Any] = {"xytext": (0, 3), "textcoords": "offset points", "ha": "center"}
            axes.annotate(text, (x, high), fontsize=8.5, **above)
    axes.set_ylim(0, 1.1 * top)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.set_xticks(range(len(places)), places.values())
    axes.tick_params(axis="x", length=0, labelsize=11, labelcolor=INK)


def key(fig: Any, top: float, colours: Mapping[str, str], left: float = 0.09) -> None:
    """Names in their colours, in a row from the left."""
    x = left
    for name, colour in colours.items():
        fig.text(x, top - 0.012, f"\u25a0 {name}", color=colour, fontsize=10.5, fontweight="bold", va="top")
        x += 0.0123 * (len(name) + 4)


def less(after: float, before: float) -> str:
    """By how much less, as a percentage."""
    return f"{100 * (1 - after / before):.0f} %"


def draw_bars(
    name: str,
    words: Words,
    groups: Mapping[str, Mapping[str, Values]],
    places: Mapping[str, str],
    unit: str,
    left: float,
) -> None:
    """A picture of bars by place, one colour for each group."""
    with mpl.rc_context(STYLE):
        fig = figure(9.0, 5.2)
        bottom, top = titles(fig, words.title, words.text, words.footer)
        axes = one_axes(fig, (bottom, top - 0.04), 0.97, left=left)
        key(fig, top, dict(zip(groups, COLOURS, strict=True)))
        _bars(axes, groups, places)
        axes.set_ylabel(unit)
        save(fig, name)


def _places(panel: Panel, first: Panel) -> list[int]:
    """Which colour each line has: that of the line of the same name in the first panel, else in order."""
    names = list(first.lines)
    return [names.index(name) if name in names else i for i, name in enumerate(panel.lines)]


def draw_panels(
    name: str,
    words: Words,
    time: Dates,
    panels: Sequence[Panel],
    look: Lines,
) -> None:
    """A picture of panels over each other on one axis of time, lines named directly."""
    when = time.astype("datetime64[ns]")
    with mpl.rc_context(STYLE):
        fig = figure(9.0, look.height)
        bottom, top = titles(fig, words.title, words.text, words.footer)
        # In shares of the height of the first such picture, so that ticks keep their room in all.
        unit = Lines.height / look.height
        each = (top - bottom - (0.14 + 0.08 * (len(panels) - 1)) * unit) / len(panels)
        for row, panel in enumerate(reversed(panels)):
            axes = fig.add_axes((0.09, bottom + (0.07 + 0.08 * row) * unit + row * each, 0.72, each))
            labels = [
                line(axes, time, values, label, look.colours[place], DASHES[place])
                for place, (label, values) in zip(_places(panel, panels[0]), panel.lines.items(), strict=True)
            ]
            axes.set_ylim(panel.bottom, panel.top)
            axes.set_title(panel.heading, fontsize=11)
            date_axis(axes, when)
            if look.decorate:
                look.decorate(axes)
            line_labels(axes, labels)
            axes.tick_params(labelbottom=row == 0)
        save(fig, name)
