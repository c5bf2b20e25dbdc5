"""Which country's which sector runs short: the number printed in every cell."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from sim.analysis.metrics import worst_year_share
from sim.analysis.names import country_name
from sim.analysis.paired import paired
from sim.analysis.run_metrics import steps_per_year
from sim.analysis.select import controller, downstream, good_name, label
from sim.plots.comparison import Plot
from sim.plots.style import (
    GREY,
    INK,
    STYLE,
    Picture,
    figure,
    file_name,
    footer,
    in_text,
    percent,
    save_picture,
    titles,
)
from sim.results import Run
from sim.results.grouping import group_sum, member_statistics

__all__ = ["draw_shortage_heatmap", "shortage_table"]

Values = npt.NDArray[np.float64]
COUNTRIES = 14
SECTORS = 11
SECTOR_NAMES = {"ev": "electric vehicles"}
NOTABLE = 0.01
"""Median unmet share below which nobody is called short."""
COLOURS = LinearSegmentedColormap.from_list(
    "shortage", ["#F6F4F1", "#FBE3D2", "#F0A878", "#D55E00", "#7A2E00"]
)
CELL_HEIGHT, CELL_WIDTH = 0.38, 0.92


def _product(dataset: xr.Dataset, good: str) -> str:
    """A product in few words: mineral and stage, so that variants of it share a column."""
    mineral, stage = (label(dataset, f"good_{c}", good).replace("_", " ") for c in ("mineral", "stage"))
    if stage in mineral:
        return mineral
    return f"{stage} {mineral}" if stage == "refined" else f"{mineral} {stage}"


def _columns(dataset: xr.Dataset) -> list[str]:
    """What each need serves: the end-use sector, or "makers of <product>" for a plant."""
    made: dict[str, str] = {}
    sizes: dict[str, float] = {}
    output = dataset["production"].values[0].sum(axis=0, dtype=np.float64)
    for facility, good, tonnes in zip(
        dataset["offer_facility"].values.astype(str),
        dataset["offer_good"].values.astype(str),
        output,
        strict=True,
    ):
        if tonnes >= sizes.get(facility, 0.0):
            made[facility], sizes[facility] = good, float(tonnes)
    columns = []
    for facility, sector, kind in zip(
        dataset["need_facility"].values.astype(str),
        dataset["need_sector"].values.astype(str),
        dataset["need_kind"].values.astype(str),
        strict=True,
    ):
        if kind == "manufacturer":
            columns.append(SECTOR_NAMES.get(sector, (sector or "other users").replace("_", " ")))
        elif facility in made:
            columns.append(f"makers of {_product(dataset, made[facility])}")
        else:
            columns.append(kind)
    return columns


def shortage_table(dataset: xr.Dataset, good: str) -> pd.DataFrame:
    """Unmet share of requirement in the worst 12 months by country and user.

    Users are the sectors and plants that need the good itself or a product further down its
    chain. Where a user needs several of these goods, the scarcest decides, because they are
    complements.

    Returns:
        One row per country, user and good: ``central``, quantiles over members, and
        ``requirement`` in t/year.
    """
    goods = [good, *downstream(dataset, good)]
    kinds = dataset["need_kind"].values.astype(str)
    needed = dataset["need_good"].values.astype(str)
    users = np.array(_columns(dataset))
    # Plants count where they use the good itself; what they fail to make shows further down.
    chosen = np.flatnonzero(
        np.isin(needed, goods) & ((kinds == "manufacturer") | (needed == good)) & (kinds != "trader")
    )
    labels = [needed[chosen], dataset["need_country"].values.astype(str)[chosen], users[chosen]]
    keys, short = group_sum(dataset["shortfall"].values[..., chosen], labels)
    _, required = group_sum(dataset["requirement"].values[..., chosen], labels)
    window = steps_per_year(dataset)
    stats = member_statistics(worst_year_share(short, required, window))
    table = pd.DataFrame(keys, columns=["good", "country", "user"]).assign(**stats)
    table["requirement"] = required[0].mean(axis=0) * window
    table["shown"] = stats.get("p50", stats["central"])
    return table


def _grid(table: pd.DataFrame, country: str) -> pd.DataFrame:
    """Country x user, the scarcest good of each cell, worst first, cut to what fits.

    The controlling ``country`` stays for contrast, however well it is supplied.
    """
    cells = table.pivot_table(index="country", columns="user", values="shown", aggfunc="max")
    weight = table.groupby("country")["requirement"].sum().to_dict()
    by_row, by_column = cells.max(axis=1).round(3).to_dict(), cells.max(axis=0).round(3).to_dict()
    rows = sorted(by_row, key=lambda c: (-by_row[c], -weight[c], str(c)))
    columns = sorted(by_column, key=lambda u: (-by_column[u], str(u)))
    shown = ([c for c in rows if by_row[c] >= NOTABLE / 2] or rows)[:COUNTRIES]
    if country in rows and country not in shown:
        shown = [*shown[: COUNTRIES - 1], country]
    return cells.loc[shown, columns[:SECTORS]]


def _finding(name: str, grid: pd.DataFrame) -> str:
    values = grid.to_numpy(dtype=np.float64)
    if not np.nanmax(values, initial=0.0) >= NOTABLE:
        return f"{name}: nobody runs short; every user is unmet by less than {percent(NOTABLE)}"
    # The rest of the world is no country: it leads only where nobody else is short.
    named = [i for i, country in enumerate(grid.index) if country != "ROW"]
    candidates = named if named and np.nanmax(values[named]) >= NOTABLE else list(range(len(values)))
    row = max(candidates, key=lambda i: float(np.nanmax(values[i])))
    column = int(np.nanargmax(values[row]))
    worst = float(values[row, column])
    country, user = str(grid.index[row]), str(grid.columns[column])
    others = [str(grid.index[i]) for i in named if i != row and np.nanmax(values[i]) >= worst / 2]
    more = f" and {len(others) - 4} more" if len(others) > 4 else ""
    also = f"; at least half as short: {', '.join(map(country_name, others[:4]))}{more}" if others else ""
    return (
        f"{name}, hit hardest: {user} in {country_name(country)}, {percent(worst)} of need unmet "
        f"in the worst 12 months{also}"
    )


def _draw(axes: Axes, grid: pd.DataFrame, columns: Sequence[str]) -> None:
    """The cells with their numbers, %; ``columns`` has the texts above them."""
    values = 100 * grid.to_numpy(dtype=np.float64)
    ceiling = max(float(np.nanmax(values, initial=0.0)), 20.0)
    axes.pcolormesh(
        np.ma.masked_invalid(values), cmap=COLOURS, vmin=0, vmax=ceiling, edgecolors="white", linewidth=1.5
    )
    axes.set_ylim(max(grid.shape[0], 1), 0)
    for (i, j), value in np.ndenumerate(values):
        if np.isfinite(value):
            text = "<1" if 0.05 <= value < 0.95 else f"{value:.0f}"
            # Relative luminance of the cell (ITU-R BT.709) decides between dark and white digits.
            dark = float(np.dot(COLOURS(value / ceiling)[:3], (0.2126, 0.7152, 0.0722))) < 0.5
            colour = "white" if dark else (GREY if value < 0.95 else INK)
            axes.text(j + 0.5, i + 0.5, text, ha="center", va="center", fontsize=10, color=colour)
    axes.set_xticks(np.arange(grid.shape[1]) + 0.5, columns, fontsize=9.5)
    axes.set_yticks(np.arange(grid.shape[0]) + 0.5, [country_name(str(c)) for c in grid.index])
    axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, length=0, labelcolor=INK)
    for spine in axes.spines.values():
        spine.set_visible(False)


def draw_shortage_heatmap(run: Run, baseline: Run, good: str, directory: Path) -> Picture:
    """Heat-map of unmet need by country and user of the good's chain.

    Args:
        run: the scenario, or the baseline itself.
        baseline: used to cut the run to the steps and members that both have.
        good: good id.
        directory: where the three files go.
    """
    same = run.scenario == baseline.scenario
    dataset = run.dataset if same else paired(run.dataset, baseline.dataset)[0]
    table = shortage_table(dataset, good)
    grid = _grid(table, controller(dataset, good))
    name = good_name(dataset, good)
    title = _finding(name, grid)
    rows, columns = max(grid.shape[0], 1), max(grid.shape[1], 1)
    left_out = table["country"].nunique() - grid.shape[0]
    subtitle = (
        f"{run.scenario}: unmet share of requirement in the worst 12 months, %, for users of "
        f"{in_text(name)} and of what is made from it"
    )
    statistic = "median of members" if dataset.sizes["member"] > 1 else "one member"
    note = f"Number: {statistic}; blank: no such user."
    if left_out > 0:
        note += f" Left out: {left_out} less short {'country' if left_out == 1 else 'countries'}."
    with mpl.rc_context({**STYLE, "axes.grid": False}):
        left_inches = 1.75
        cell = min(max(CELL_WIDTH, 6.0 / columns), 1.3)
        wrapped = [textwrap.fill(str(u), int(cell * 10), break_long_words=False) for u in grid.columns]
        label_inches = 0.3 + 0.17 * max((text.count("\n") + 1 for text in wrapped), default=1)
        wide = max(left_inches + columns * cell + 0.5, 9.0)
        fig = figure(wide, 2.1 + label_inches + rows * CELL_HEIGHT)
        bottom, top = titles(fig, title, subtitle, footer([run] if same else [baseline, run], "%", note))
        inch = 1.0 / float(fig.get_size_inches()[1])
        area_top = top - label_inches * inch
        height = min(rows * CELL_HEIGHT * inch, area_top - bottom - 0.15 * inch)
        axes = fig.add_axes((left_inches / wide, area_top - height, columns * cell / wide, height))
        _draw(axes, grid, wrapped)
    table = table.drop(columns="shown").assign(scenario=run.scenario, unit="1")
    return save_picture(fig, directory, file_name("shortage", good, run.scenario), title, table)


# Purchases by facility stand for all that is kept by facility: a sweep has shortfalls by country alone.
PLOT = Plot(
    lambda of: draw_shortage_heatmap(of.run, of.baseline, of.good, of.directory),
    rank=3, of_each=True, needs=("shortfall", "requirement", "purchases"),
)  # fmt: skip
