"""Which country's which user runs short: the number printed in every cell, a block for each scenario."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from sim.analysis.chains import downstream
from sim.analysis.metrics import worst_year_share
from sim.analysis.names import country_name
from sim.analysis.run_metrics import steps_per_year
from sim.analysis.select import good_name, label
from sim.explain.words import place
from sim.plots.case import Case
from sim.plots.lettering import height, width, wrapped
from sim.plots.pictures import Kind, Measured
from sim.plots.style import GREY, INK, STYLE, Sheet, in_text, percent, quoted
from sim.results.grouping import group_sum, member_statistics

__all__ = ["COLOURS", "KIND", "NOTABLE", "beside_baseline", "shortage_table"]

Values = npt.NDArray[np.float64]
COUNTRIES = {1: 14, 2: 10}
"""Rows that are shown, by the number of scenarios; fewer where there are more."""
FEWER = 7
SECTORS = {1: 10, 2: 6}
FEWER_SECTORS = 5
SECTOR_NAMES = {"ev": "electric vehicles"}
NOTABLE = 0.01
"""Unmet share below which nobody is called short."""
COLOURS = LinearSegmentedColormap.from_list(
    "shortage", ["#F6F4F1", "#FBE3D2", "#F0A878", "#D55E00", "#7A2E00"]
)
NAMED = 3
"""Other countries that the title names."""
CELL_HEIGHT = 0.32
NAMES_INCHES = 1.35
POINTS = 9.0
HEAD_POINTS = 8.5


def _product(dataset: xr.Dataset, good: str) -> str:
    """A product in few words: mineral and stage, so that variants of it share a column."""
    mineral, stage = (label(dataset, f"good_{c}", good).replace("_", " ") for c in ("mineral", "stage"))
    if stage in mineral:
        return mineral
    return f"{stage} {mineral}" if stage == "refined" else f"{mineral} {stage}"


def _columns(dataset: xr.Dataset) -> list[str]:
    """What each need serves: the end-use sector, or "makers of <product>" for a plant.

    A sweep keeps countries and kinds alone: then who uses which good.
    """
    kinds, goods = (dataset[f"need_{part}"].values.astype(str) for part in ("kind", "good"))
    if "need_facility" not in dataset.coords:
        said = {"manufacturer": "end users of", "processor": "plants that use"}
        return [
            f"{said.get(kind, kind)} {in_text(good_name(dataset, good))}"
            for kind, good in zip(kinds, goods, strict=True)
        ]
    made: dict[str, str] = {}
    sizes: dict[str, float] = {}
    output = dataset["production"].values[0].sum(axis=0, dtype=np.float64)
    for facility, good, tonnes in zip(
        dataset["offer_facility"].values.astype(str), dataset["offer_good"].values.astype(str), output,
        strict=True,
    ):  # fmt: skip
        if tonnes >= sizes.get(facility, 0.0):
            made[facility], sizes[facility] = good, float(tonnes)
    columns = []
    for facility, sector, kind in zip(
        dataset["need_facility"].values.astype(str), dataset["need_sector"].values.astype(str), kinds,
        strict=True,
    ):  # fmt: skip
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
        One row per country, user and good: ``shown``, the median over members, ``central``, quantiles, and
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


def _cells(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The scarcest good of each scenario, country and user, with the weight of what is needed."""
    parts = []
    for key, table in tables.items():
        worst = table.sort_values(["shown", "requirement"]).groupby(
            ["country", "user"], as_index=False
        ).last()
        parts.append(worst.assign(scenario=key, unit="share of need, worst 12 months"))
    return pd.concat(parts, ignore_index=True)


def _chosen(case: Case, cells: pd.DataFrame, axis: str, most: int) -> list[str]:
    """Countries or users that are shown, the worst first; the controlling country stays for contrast."""
    worst = cells.groupby(axis)["shown"].max().round(3)
    weight = cells.groupby(axis)["requirement"].sum()
    order = sorted(worst.index, key=lambda x: (-worst[x], -weight[x], str(x)))
    chosen = ([x for x in order if worst[x] >= NOTABLE / 2] or order)[:most]
    if axis == "country":
        for place in case.controllers:
            if place in order and place not in chosen:
                chosen = [*chosen[: most - 1], place]
    return chosen


def beside_baseline(share: float) -> str:
    """What is missing there in the baseline, for a title; '' where that is next to nothing.

    >>> beside_baseline(0.062), beside_baseline(0.001), beside_baseline(float("nan"))
    (' (baseline: 6 %)', '', '')
    """
    return f" (baseline: {percent(share)})" if share >= NOTABLE else ""


def _anyway(case: Case, worst: pd.Series) -> float:
    """The same of the paired baseline; NaN where it has no such user."""
    before = next(s.before for s in case.lined.shown if s.key == worst["scenario"])
    cells = _cells({"": shortage_table(before, case.good)})
    same = cells[(cells["country"] == worst["country"]) & (cells["user"] == worst["user"])]
    return float(same["shown"].iloc[0]) if len(same) else float("nan")


def _finding(case: Case, cells: pd.DataFrame) -> str:
    # The rest of the world is no country: it leads only where nobody else is short.
    named = cells[cells["country"] != "ROW"]
    named = named if len(named) and named["shown"].max() >= NOTABLE else cells
    if not named["shown"].max() >= NOTABLE:
        return f"{case.name}: nobody runs short; every user is unmet by less than {percent(NOTABLE)}"
    worst = named.iloc[int(named["shown"].to_numpy().argmax())]
    same = named[named["scenario"] == worst["scenario"]].groupby("country")["shown"].max()
    ranked = same.drop(index=worst["country"]).sort_values(ascending=False)
    others = [str(country) for country, value in ranked.items() if value >= worst["shown"] / 2]
    also = f"; at least half as short, too: {', '.join(map(country_name, others[:NAMED]))}" if others else ""
    also += f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
    under = ""
    if len(case.lined.scenarios) > 1:
        under = next(f" under {quoted(s.name)}" for s in case.lined.shown if s.key == worst["scenario"])
    usual = beside_baseline(_anyway(case, worst)) if case.lined.scenarios else ""
    return (
        f"{case.name}, hit hardest{under}: {worst['user']} in {place(str(worst['country']))}, "
        f"{percent(float(worst['shown']))} of need unmet in the worst 12 months{usual}{also}"
    )


def measure(case: Case) -> Measured:
    """The worst twelve months of every user, in every scenario."""
    tables = {shown.key: shortage_table(shown.now, case.good) for shown in case.lined.shown}
    if not any(len(table) for table in tables.values()):
        return Measured(nothing=f"Shortages: nobody uses {in_text(case.name)} in these runs.")
    cells = _cells(tables)
    if not cells["shown"].max() >= NOTABLE:
        what = "in any scenario" if len(case.lined.scenarios) > 1 else "in this scenario"
        return Measured(
            nothing=f"Shortages: nobody who uses {in_text(case.name)} or what is made from it lacks "
            f"{percent(NOTABLE)} of the need in any twelve months {what}."
        )
    many = len(tables)
    calm = [k for k in tables if not cells.loc[cells["scenario"] == k, "shown"].max() >= NOTABLE]
    shown = [s for s in case.lined.shown if s.key not in calm]
    rows = _chosen(case, cells, "country", COUNTRIES.get(len(shown), FEWER))
    columns = _chosen(case, cells, "user", SECTORS.get(len(shown), FEWER_SECTORS))
    quiet = [quoted(s.name) for s in case.lined.shown if s.key in calm]
    left_out = cells["country"].nunique() - len(rows), cells["user"].nunique() - len(columns)
    statistic = "median of members" if case.lined.members > 1 else "one member"
    note = f"Number: {statistic}; the scarcest good decides; blank: no such user."
    if any(left_out):
        said = ("country", "countries"), ("kind of users", "kinds of users")
        parts = [f"{n} {two if n > 1 else one}" for n, (one, two) in zip(left_out, said, strict=True) if n]
        note += f" Left out, as less short: {', '.join(parts)}."
    if quiet:
        note += f" Nobody lacks {percent(NOTABLE)} under {', '.join(quiet)}."
    good = in_text(case.name)
    subtitle = (
        f"Unmet share of requirement in the worst 12 months, %, for users of {good} and of what is made "
        "from it"
    )
    look: dict[str, Any] = {
        "rows": rows, "columns": columns, "shown": [(s.key, s.name, s.colour) for s in shown],
        "titled": many > 1,
    }  # fmt: skip
    drawn = cells[cells["country"].isin(rows) & cells["user"].isin(columns) & ~cells["scenario"].isin(calm)]
    order = {"scenario": list(tables), "country": rows, "user": columns}
    places = pd.DataFrame({column: pd.Categorical(drawn[column], known) for column, known in order.items()})
    drawn = drawn.iloc[places.sort_values(list(order), kind="stable").index]
    return Measured(
        _finding(case, drawn), subtitle, case.lined.footer("%", note), drawn.reset_index(drop=True), look
    )


def _grid(table: pd.DataFrame, key: str, rows: Sequence[str], columns: Sequence[str]) -> Values:
    mine = table[table["scenario"] == key].pivot(index="country", columns="user", values="shown")
    found: Values = mine.reindex(index=list(rows), columns=list(columns)).to_numpy(dtype=np.float64)
    return found


def _draw(axes: Axes, grid: Values, rows: Sequence[str], heads: Sequence[str]) -> None:
    axes.grid(False)
    axes.imshow(
        np.ma.masked_invalid(grid), cmap=COLOURS, vmin=0, vmax=1, aspect="auto",
        extent=(0, grid.shape[1], grid.shape[0], 0),
    )  # fmt: skip
    for (i, j), value in np.ndenumerate(grid):
        if np.isfinite(value):
            colour = "white" if value > 0.55 else (INK if value >= NOTABLE / 2 else GREY)
            axes.text(
                j + 0.5, i + 0.5, f"{100 * value:.0f}", ha="center", va="center", fontsize=POINTS,
                color=colour,
            )  # fmt: skip
    axes.set_xticks(np.arange(grid.shape[1]) + 0.5, list(heads), fontsize=HEAD_POINTS)
    axes.set_yticks(np.arange(grid.shape[0]) + 0.5, [country_name(c) for c in rows], fontsize=POINTS)
    axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, length=0, labelcolor=INK)
    axes.set_xticks(np.arange(1, grid.shape[1]), minor=True)
    axes.set_yticks(np.arange(1, grid.shape[0]), minor=True)
    axes.grid(True, which="minor", axis="both", color="white", linewidth=1.6)
    axes.tick_params(which="minor", length=0, top=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def draw(measured: Measured) -> Figure:
    """A block for each scenario, two beside each other, all with the same countries and users."""
    look, table = measured.look, measured.table
    rows, columns, shown = look["rows"], look["columns"], look["shown"]
    across = 1 if len(shown) == 1 else 2
    names = max(width(country_name(c), POINTS) for c in rows) + 0.2
    block = (10.5 - 0.3 * (across - 1)) / across
    cell = min((block - names) / len(columns), 1.15)
    heads = [wrapped(user, cell - 0.08, HEAD_POINTS) for user in columns]
    head = max(height(text, HEAD_POINTS) for text in heads) + 0.1
    tall = len(rows) * CELL_HEIGHT
    said = [wrapped(name, block, 9.5, True) for _, name, _ in shown]
    title = max(height(text, 9.5) for text in said) + 0.08 if look["titled"] else 0.0
    lines = -(-len(shown) // across)
    with mpl.rc_context(STYLE):
        sheet = Sheet(
            measured.title, measured.subtitle, measured.note, lines * (
                title + head + tall
            ) + 0.3 * (lines - 1) + 0.15
        )  # fmt: skip
        for i, (key, _, colour) in enumerate(shown):
            line, column = divmod(i, across)
            x, y = 0.3 + column * (block + 0.3), line * (title + head + tall + 0.3)
            if title:
                sheet.text(x, y, said[i], 9.5, color=colour, fontweight="bold")
            axes = sheet.axes(x + names, y + title + head, cell * len(columns), tall)
            _draw(axes, _grid(table, key, rows, columns), rows, heads)
    return sheet.fig


KIND = Kind("shortage", 5, measure, draw, "Unmet share of need by country and user")
