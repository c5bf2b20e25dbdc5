"""Who gains and who loses what, against the paired baseline: countries, with the parts that make it up.

For one good and the whole run, with prices and tonnes of each step:

- producers: output at the price of where they sell, split exactly into what the price changed (at the output
  of the scenario) and what the output changed (at the price of the baseline);
- users: what they pay more for what they still get;
- stocks: what users and producers hold more at the end, at the price of the base year;
- apart from these, since it is of another size: value added that users of the good, and of what is made from
  it, lose to missing inputs.

Duties are left out: what a country's users pay, its treasury gets.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from sim.analysis import run_metrics
from sim.analysis.chains import downstream, users_of
from sim.analysis.names import country_name
from sim.analysis.select import controller, price
from sim.explain.words import place as in_words
from sim.plots.case import Case, Shown
from sim.plots.lettering import width
from sim.plots.pictures import Kind, Measured
from sim.plots.style import INK, STYLE, Sheet, in_text, number, quoted, signed
from sim.results.grouping import group_sum

__all__ = ["KIND", "contributions"]

Values = npt.NDArray[np.float64]
PARTS = {
    "price, producers": "#0072B2",
    "volume, producers": "#7FB6DA",
    "price, users": "#D55E00",
    "stock": "#9A9A9A",
}
"""Part of what trade in the good brings -> colour."""
TRADE = "net, trade"
LOST = "value added at risk"
LOST_COLOUR = "#8C2D04"
COUNTRIES = {1: 14, 2: 10}
FEWER = 8
POINTS = 9.0
ROW = 0.27
MILLION = 1e6
NOTABLE = 0.02
"""Share of the largest gain or loss below which a country is left out."""


def _by_country(data: xr.Dataset, axis: str, name: str, good: str, kinds: bool = True) -> dict[str, Values]:
    """Country -> (member, time) tonnes of one good; traders left out."""
    labels = {part: data[f"{axis}_{part}"].values.astype(str) for part in ("good", "country", "kind")}
    rows = np.flatnonzero((labels["good"] == good) & ((labels["kind"] != "trader") | (not kinds)))
    keys, sums = group_sum(data[name].values[..., rows], [labels["country"][rows]])
    return {key[0]: sums[..., i] for i, key in enumerate(keys)}


def _price_of(data: xr.Dataset, good: str, country: str, inside: bool) -> Values:
    """(member, time) USD/t inside or outside a controlling country; where nothing trades, the base price."""
    found = price(data, good, "inside" if inside else "outside", country)
    usual = float(data["good_base_price"].sel(good=good))
    return np.where(np.isfinite(found), found, usual)


def _producers(case: Case, shown: Shown, found: dict[str, dict[str, Values]]) -> None:
    """Sales of a country at the price of its market, now and before."""
    mine = controller(shown.now, case.good)
    now, before = (_by_country(d, "offer", "production", case.good) for d in (shown.now, shown.before))
    used_now, used = (_used(case, d) for d in (shown.now, shown.before))
    for place, made in now.items():
        made_before = before.get(place, np.zeros_like(made))
        inside = place == mine
        home, home_before = (u.get(place, np.zeros_like(made)) for u in (used_now, used))
        # The controller sells at home at the inside price, and the rest at what others pay: rent included,
        # since the price at its border is not kept.
        parts = (
            ((made, made_before, False),) if not inside else (
                (np.minimum(home, made), np.minimum(home_before, made_before), True),
                (np.maximum(made - home, 0), np.maximum(made_before - home_before, 0), False),
            )
        )  # fmt: skip
        for tonnes, usual, at_home in parts:
            p, p0 = (_price_of(d, case.good, mine, at_home) for d in (shown.now, shown.before))
            _add(found, place, "price, producers", ((p - p0) * tonnes).sum(axis=1))
            _add(found, place, "volume, producers", (p0 * (tonnes - usual)).sum(axis=1))


def _used(case: Case, data: xr.Dataset) -> dict[str, Values]:
    """Country -> (member, time) tonnes that its users get."""
    need, short = (_by_country(data, "need", name, case.good) for name in ("requirement", "shortfall"))
    return {place: need[place] - short[place] for place in need}


def _users(case: Case, shown: Shown, found: dict[str, dict[str, Values]]) -> None:
    mine = controller(shown.now, case.good)
    for place, tonnes in _used(case, shown.now).items():
        p, p0 = (_price_of(d, case.good, mine, place == mine) for d in (shown.now, shown.before))
        _add(found, place, "price, users", (-(p - p0) * tonnes).sum(axis=1))


def _stocks(case: Case, shown: Shown, found: dict[str, dict[str, Values]]) -> None:
    usual = float(shown.now["good_base_price"].sel(good=case.good))
    for axis, name in (("offer", "seller_stock"), ("need", "buyer_stock")):
        now, before = (_by_country(d, axis, name, case.good, kinds=False) for d in (shown.now, shown.before))
        for place, tonnes in now.items():
            held = tonnes[:, -1] - before.get(place, np.zeros_like(tonnes))[:, -1]
            _add(found, place, "stock", usual * held)


def _rest(case: Case, shown: Shown, found: dict[str, dict[str, Values]]) -> None:
    chain = users_of(shown.now, [case.good, *downstream(shown.now, case.good)])
    mine = np.isin(shown.now["facility"].values.astype(str), sorted(chain))
    if mine.any():
        now, before = (d.isel(facility=np.flatnonzero(mine)) for d in (shown.now, shown.before))
        lost, usual = (run_metrics.value_added_at_risk(d) for d in (now, before))
        for place in lost["group"].values.astype(str):
            _add(found, place, LOST, (usual - lost).sel(group=place).values)


def _add(found: dict[str, dict[str, Values]], place: str, part: str, usd: Values) -> None:
    mine = found.setdefault(place, {})
    mine[part] = mine[part] + usd if part in mine else usd


def contributions(case: Case, shown: Shown) -> dict[str, dict[str, Values]]:
    """Country -> part -> (member,) USD over the run that it gains against the paired baseline."""
    found: dict[str, dict[str, Values]] = {}
    _producers(case, shown, found)
    _users(case, shown, found)
    _stocks(case, shown, found)
    _rest(case, shown, found)
    return found


def _rows(case: Case) -> pd.DataFrame:
    rows = []
    for shown in case.lined.scenarios:
        for place, parts in contributions(case, shown).items():
            traded = [usd for part, usd in parts.items() if part != LOST]
            net = {TRADE: np.sum(traded, axis=0)} if traded else {}
            for part, usd in {**parts, **net}.items():
                # Means add up to the mean of the sum; medians would not.
                row = {
                    "scenario": shown.key, "country": place, "part": part,
                    "drawn": float(np.mean(usd)) / MILLION
                }
                if part not in PARTS and len(usd) > 1:
                    row["p10"], row["p90"] = (float(q) / MILLION for q in np.quantile(usd, [0.1, 0.9]))
                rows.append({**row, "unit": "million USD"})
    return pd.DataFrame(rows)


def _chosen(table: pd.DataFrame, most: int) -> list[str]:
    """Countries that gain or lose most in any scenario, by trade and by value added in turn."""
    ranked = []
    for part in (TRADE, LOST):
        mine = table[table["part"] == part]
        size = mine["drawn"].abs().groupby(mine["country"]).max().sort_values(ascending=False)
        ranked.append([str(c) for c in size.index if size[c] >= NOTABLE * size.iloc[0] > 0])
    turns = [c for pair in zip_longest(*ranked) for c in pair if c is not None]
    kept = list(dict.fromkeys(turns))[:most]
    total = table[table["part"] == TRADE].groupby("country")["drawn"].sum()
    return sorted(kept, key=lambda c: -float(total.get(c, 0.0)))


def money(million: float) -> str:
    """An amount in words: million, or billion from a thousand on.

    >>> money(-1234.0), money(56.0)
    ('1.23 bn USD', '56 million USD')
    """
    size = abs(million)
    return f"{number(size / 1000)} bn USD" if size >= 1000 else f"{number(size)} million USD"


def _finding(case: Case, table: pd.DataFrame) -> str:
    net, lost = (
        table[
            (table["part"] == part) & (table["country"] != "ROW")
        ].set_index(["scenario", "country"])["drawn"]
        for part in (TRADE, LOST)
    )
    size = {s.key: float(net.get(s.key, pd.Series([0.0])).abs().max()) for s in case.lined.scenarios}
    named = max(case.lined.scenarios, key=lambda s: size[s.key])
    mine = net.get(named.key, pd.Series(dtype=float))
    under = f" under {quoted(named.name)}" if len(case.lined.scenarios) > 1 else ""
    parts = []
    if len(mine) and mine.max() > 0:
        parts.append(f"{country_name(str(mine.idxmax()))} gains most in trade, {money(float(mine.max()))}")
    if len(mine) and mine.min() < 0:
        parts.append(f"{country_name(str(mine.idxmin()))} loses most, {money(float(mine.min()))}")
    gone = lost.get(named.key, pd.Series(dtype=float))
    if len(gone) and gone.min() < 0:
        parts.append(
            f"{money(float(gone.min()))} of value added at risk in {in_words(str(gone.idxmin()))}"
        )
    first, last = (str(case.lined.time[i])[:7] for i in (0, -1))
    return f"{case.name}{under}, {first} to {last}: {'; '.join(parts)}"


def measure(case: Case) -> Measured:
    """Gains and losses of every country, by part, in every scenario."""
    if not case.lined.scenarios:
        return Measured(nothing=f"Winners and losers: no scenario stands beside {case.lined.baseline.name}.")
    table = _rows(case)
    if not len(table) or table["drawn"].abs().max() * MILLION < 1.0:
        return Measured(
            nothing="Winners and losers: nobody gains or loses a dollar by "
            f"{in_text(case.name)} against the baseline."
        )
    countries = _chosen(table, COUNTRIES.get(len(case.lined.scenarios), FEWER))
    drawn = table[table["country"].isin(countries)].reset_index(drop=True)
    still = [
        s for s in case.lined.scenarios if drawn.loc[drawn["scenario"] == s.key, "drawn"].abs().max() < 1e-3
    ]
    note = (
        "Over the run, mean of members, at prices of the day, rent included. Not counted: costs of "
        "producers, and duties, which a country pays to itself. Each panel has its own scale."
    )
    if len(still):
        note += f" Nothing moves under {', '.join(quoted(s.name) for s in still)}."
        drawn = drawn[~drawn["scenario"].isin([s.key for s in still])].reset_index(drop=True)
    left = table["country"].nunique() - len(countries)
    note += f" Left out: {left} countries that move less." if left > 0 else ""
    band = ", with 10 to 90 % of members" if case.lined.members > 1 else ""
    subtitle = (
        f"Against the baseline {quoted(case.lined.baseline_name)}. Left: trade in {in_text(case.name)}; "
        f"black mark: net{band}. Right: value added of users of it, and of what is made "
        "from it, whatever good they lack"
    )
    look: dict[str, Any] = {
        "countries": countries,
        "shown": [(s.key, s.name, s.colour) for s in case.lined.scenarios if s not in still],
    }  # fmt: skip
    return Measured(_finding(case, drawn), subtitle, case.lined.footer("million USD", note), drawn, look)


def _scale(million: float) -> tuple[float, str]:
    """Divisor and unit in which amounts of this size are read."""
    return (1000.0, "bn USD") if million >= 2000 else (1.0, "million USD")


def _trade(axes: Axes, rows: pd.DataFrame, countries: list[str], scale: float) -> None:
    for i, place in enumerate(countries):
        mine = {str(row["part"]): row for row in rows[rows["country"] == place].to_dict("records")}
        ends = {True: 0.0, False: 0.0}
        for part, colour in PARTS.items():
            if part in mine:
                amount = float(mine[part]["drawn"]) / scale
                axes.barh(i, amount, left=ends[amount > 0], color=colour, height=0.72, linewidth=0)
                ends[amount > 0] += amount
        if TRADE in mine:
            _mark(axes, i, mine[TRADE], scale)


def _mark(axes: Axes, i: int, net: dict[Any, Any], scale: float) -> None:
    if "p10" in net and np.isfinite(net["p10"]):
        axes.plot([net["p10"] / scale, net["p90"] / scale], [i, i], color=INK, linewidth=1.1)
    axes.plot(net["drawn"] / scale, i, "D", color=INK, markersize=5, markeredgecolor="white", clip_on=False)


def _finish(axes: Axes, countries: list[str], names: bool, head: str) -> None:
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_ylim(len(countries) - 0.4, -0.6)
    axes.set_yticks(
        range(len(countries)), [country_name(c) for c in countries] if names else [], fontsize=POINTS
    )
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.grid(False, axis="y")
    axes.grid(True, axis="x")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: signed(value)))
    axes.tick_params(axis="x", labelsize=POINTS)
    axes.set_title(head, fontsize=POINTS, fontweight="normal")


def _key(sheet: Sheet, parts: list[str]) -> None:
    axes = sheet.strip()
    x = 0.0
    for part in [*parts, LOST]:
        axes.add_patch(mpl.patches.Rectangle((x, 0.2), 0.2, 0.6, color=PARTS.get(part, LOST_COLOUR)))
        axes.text(x + 0.27, 0.5, part, va="center", fontsize=POINTS)
        x += width(part, POINTS) + 0.55


def draw(measured: Measured) -> Figure:
    """A row for each scenario: trade on the left, value added on the right; the same countries in all."""
    look, table = measured.look, measured.table
    countries, shown = look["countries"], look["shown"]
    names = max(width(country_name(c), POINTS) for c in countries) + 0.2
    left = 6.3 - names
    tall, head = len(countries) * ROW + 0.1, 0.5
    parts = [p for p in PARTS if (table.loc[table["part"] == p, "drawn"].abs() > 0).any()]
    with mpl.rc_context(STYLE):
        sheet = Sheet(
            measured.title, measured.subtitle, measured.note, 0.3 + len(shown) * (head + tall + 0.36)
        )
        _key(sheet, parts)
        for i, (key, name, colour) in enumerate(shown):
            y = 0.34 + i * (head + tall + 0.36)
            sheet.text(0.3, y, name, 9.5, color=colour, fontweight="bold")
            rows = table[table["scenario"] == key]
            trade, lost = rows[rows["part"].isin([*PARTS, TRADE])], rows[rows["part"] == LOST]
            scale, unit = _scale(float(trade["drawn"].abs().max()))
            axes = sheet.axes(0.3 + names, y + head, left, tall)
            _trade(axes, trade, countries, scale)
            _finish(axes, countries, True, f"trade, {unit}")
            scale, unit = _scale(float(lost["drawn"].abs().max()) if len(lost) else 0.0)
            axes = sheet.axes(0.3 + names + left + 0.35, y + head, 10.4 - names - left - 0.35, tall)
            for row in lost.to_dict("records"):
                at = countries.index(str(row["country"]))
                axes.barh(at, row["drawn"] / scale, color=LOST_COLOUR, height=0.72)
                _mark(axes, at, row, scale)
            _finish(axes, countries, False, f"value added at risk, {unit}")
    return sheet.fig


KIND = Kind("winners", 10, measure, draw, "Gains and losses by country, with their parts")
