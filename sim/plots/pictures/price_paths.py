"""Price of one good inside and outside its controlling country, over time, and the ratio of the two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from sim.analysis.names import country_name, verb
from sim.analysis.observed import observed_prices
from sim.analysis.select import controller, price, price_unit, quote
from sim.plots.case import Case, Shown
from sim.plots.events import LANE_INCHES, Lane, draw_lanes, event_lanes, shade
from sim.plots.lettering import height, wrapped
from sim.plots.pictures import Kind, Measured
from sim.plots.style import (
    BASELINE,
    INK,
    KEY_POINTS,
    STYLE,
    Label,
    Sheet,
    date_axis,
    line_labels,
    number,
    percent,
    quoted,
)
from sim.results.grouping import member_statistics, ratio

__all__ = ["KIND", "MOVED", "Moved", "times"]

Values = npt.NDArray[np.float64]
MOVED = 0.10
"""A price path that stays this close to its baseline is called unmoved."""
LOG_RANGE = 12.0
"""Highest over lowest price from which the axis is logarithmic."""
MARKETS = ("outside", "inside")
RATIO = "outside / inside"
UNTRADED = {"outside": "outside, bid (no trade)", "inside": "inside, asked (no trade)"}
"""Market -> quotes of the steps in which nothing is traded."""
PRICED = (*MARKETS, *UNTRADED.values())
DOTS = (0, (1, 1.6))
PANEL_INCHES = {"outside": 2.9, "inside": 1.7, RATIO: 1.0}
LEFT, WIDE, BETWEEN = 0.95, 7.2, 0.42
KEY_INCHES = 2.2
NAMED = 2
"""Scenarios that the title names."""


class Moved:
    """How far the drawn median of one scenario and market leaves the baseline's, and when.

    Attributes:
        multiple: the highest multiple of the baseline in any step; NaN without trade.
        lowest: the lowest.
        peak: highest price of the drawn line.
        month: of that, as "May 2026".
    """

    def __init__(self, now: Values, before: Values, time: npt.NDArray[np.datetime64]) -> None:
        beside = ratio(now, before)
        known = np.isfinite(beside).any()
        self.multiple, self.lowest, self.peak, self.month = np.nan, np.nan, np.nan, ""
        self.short_month = ""
        if known:
            self.multiple, self.lowest = float(np.nanmax(beside)), float(np.nanmin(beside))
        if np.isfinite(now).any():
            at = int(np.nanargmax(now))
            self.peak, self.month = float(now[at]), pd.Timestamp(time[at]).strftime("%B %Y")
            self.short_month = pd.Timestamp(time[at]).strftime("%b %Y")


def times(multiple: float) -> str:
    """A multiple in words.

    >>> times(27.4), times(4.06)
    ('27 times', '4.1 times')
    """
    return f"{multiple:.0f} times" if multiple >= 10 else f"{multiple:.1f} times"


def _prices(case: Case, shown: Shown, market: str) -> Values:
    """(member, time) in the unit shown; of a baseline without the control, at the gate."""
    country = case.controllers[0] if shown.key == case.lined.baseline.key else None
    return price(shown.now, case.good, market, country) * price_unit(case.base, case.good).factor


def _quotes(case: Case, shown: Shown, market: str, prices: Values) -> Values:
    """(member, time) what is asked or bid in the steps in which no member trades, NaN in the others."""
    country = case.controllers[0] if shown.key == case.lined.baseline.key else None
    found = quote(shown.now, case.good, market, country) * price_unit(case.base, case.good).factor
    return np.where(np.isnan(prices).all(axis=0), found, np.nan)


def _table(case: Case) -> pd.DataFrame:
    unit = price_unit(case.base, case.good).name
    day = case.lined.time.astype("datetime64[D]").astype(str)
    frames = []
    for shown in case.lined.all:
        markets = {market: _prices(case, shown, market) for market in MARKETS}
        quotes = {UNTRADED[m]: _quotes(case, shown, m, prices) for m, prices in markets.items()}
        markets[RATIO] = ratio(markets["outside"], markets["inside"])
        markets |= {name: values for name, values in quotes.items() if np.isfinite(values).any()}
        for market, values in markets.items():
            stats = member_statistics(values)
            frame = pd.DataFrame({"time": day}).assign(
                scenario=shown.key, market=market, unit="1" if market == RATIO else unit,
                drawn=stats.get("p50", stats["central"]),
            )  # fmt: skip
            frames.append(frame.assign(**stats))
    return pd.concat(frames, ignore_index=True)


def line_of(table: pd.DataFrame, scenario: str, market: str, column: str = "drawn") -> Values:
    """(time,) one line of the table."""
    rows = table[(table["scenario"] == scenario) & (table["market"] == market)]
    found: Values = rows[column].to_numpy(dtype=np.float64)
    return found


def _moved(case: Case, table: pd.DataFrame, market: str) -> dict[str, Moved]:
    base = line_of(table, case.lined.baseline.key, market)
    return {
        shown.key: Moved(line_of(table, shown.key, market), base, case.lined.time)
        for shown in case.lined.scenarios
    }


def _alone(case: Case, table: pd.DataFrame) -> str:
    middle = line_of(table, case.lined.baseline.key, "outside")
    unit = price_unit(case.base, case.good).name
    if not np.isfinite(middle).any():
        return f"{case.name}: nothing trades outside {case.place}"
    low, high = number(float(np.nanmin(middle))), number(float(np.nanmax(middle)))
    span = f"at {low}" if low == high else f"between {low} and {high}"
    return f"{case.name} outside {case.place} stays {span} {unit}"


def _single(case: Case, table: pd.DataFrame) -> str:
    (shown,) = case.lined.scenarios
    outside, inside = (_moved(case, table, market)[shown.key] for market in MARKETS)
    if np.isnan(inside.multiple):
        within = "inside nothing trades"
    elif inside.multiple > 1 + MOVED:
        within = f"inside, {times(inside.multiple)}"
    elif inside.lowest < 1 - MOVED:
        within = f"inside it falls by {percent(1 - inside.lowest)}"
    else:
        within = f"inside it stays within {percent(MOVED)}"
    if np.isnan(outside.multiple):
        return f"{case.name}: outside {case.place} nothing trades; {within}"
    if outside.multiple <= 1 + MOVED:
        fall = ""
        if outside.lowest < 1 - MOVED:
            fall = f" and falls to {percent(outside.lowest)} of it"
        return (
            f"{case.name}: outside {case.place} the price never rises {percent(MOVED)} above the baseline"
            f"{fall}; {within}"
        )
    unit = price_unit(case.base, case.good).name
    peaks = verb(case.name, "peaks", "peak")
    return (
        f"{case.name} outside {case.place} {peaks} at {number(outside.peak)} {unit} in {outside.month}, "
        f"up to {times(outside.multiple)} the baseline; {within}"
    )


def _several(case: Case, table: pd.DataFrame) -> str:
    found = _moved(case, table, "outside")
    up = sorted((k for k in found if found[k].multiple > 1 + MOVED), key=lambda k: -found[k].multiple)
    down = [k for k in found if k not in up and found[k].lowest < 1 - MOVED]
    names = {shown.key: shown.name for shown in case.lined.scenarios}
    unit = price_unit(case.base, case.good).name
    if not up and not down:
        return f"{case.name}: no scenario moves the price outside {case.place} by more than {percent(MOVED)}"
    peaks = f"{verb(case.name, 'peaks', 'peak')} at "
    parts = [
        f"{peaks if not i else ''}{number(found[k].peak)}{f' {unit}' if not i else ''}, up to "
        f"{times(found[k].multiple)} the baseline, under {quoted(names[k])}"
        for i, k in enumerate(up[:NAMED])
    ]
    if len(up) > NAMED:
        parts.append(f"{len(up) - NAMED} more lift it by over {percent(MOVED)}")
    if down:
        least = min(down, key=lambda k: found[k].lowest)
        parts.append(f"falls to {percent(found[least].lowest)} of it under {quoted(names[least])}")
    return f"{case.name} outside {case.place} {'; '.join(parts)}"


def _look(case: Case, table: pd.DataFrame) -> dict[str, Any]:
    """Lines of each market from below to above, with the names that stand beside them."""
    base, unit = case.lined.baseline, price_unit(case.base, case.good).name
    lines: dict[str, list[tuple[str, str, str, Any]]] = {}
    for market in (*MARKETS, RATIO):
        moved = _moved(case, table, market)
        entries = [(base.key, "baseline", BASELINE, "solid")]
        ranked = sorted(case.lined.scenarios, key=lambda s: np.nan_to_num(moved[s.key].multiple))
        for shown in ranked:
            text = shown.name
            if market == "outside" and moved[shown.key].multiple > 1 + MOVED:
                text += f"\npeak {number(moved[shown.key].peak)} {unit}, {moved[shown.key].short_month}"
            if market == "outside" and len(case.controllers) > 1:
                text += f"\noutside {country_name(controller(shown.now, case.good))}"
            entries.append((shown.key, text, shown.colour, shown.dash))
        lines[market] = entries
    return {
        "lines": lines, "lanes": event_lanes(case), "time": case.lined.time, "unit": unit,
        "place": case.place, "observed": observed_prices([s.run for s in case.lined.all], case.good),
        "factor": price_unit(case.base, case.good).factor,
    }  # fmt: skip


def measure(case: Case) -> Measured:
    """Medians and bands of all scenarios and of the baseline."""
    if not len(case.lined.time):
        return Measured(nothing=f"{case.name}: no prices, the runs have no month in common")
    table = _table(case)
    if not np.isfinite(table["drawn"]).any():
        return Measured(nothing=f"Price paths: {case.name} is not traded in any of these runs.")
    title = {0: _alone, 1: _single}.get(len(case.lined.scenarios), _several)(case, table)
    look = _look(case, table)
    unit, observed = look["unit"], look["observed"]
    subtitle = f"{case.name}, {unit}, inside {case.place} at the gate, outside on arrival (CIF)"
    if len(case.lined.scenarios):
        subtitle += f"; grey: baseline {quoted(case.lined.baseline_name)}"
    if len(observed):
        subtitle += "; dots: observed, " + ", ".join(sorted(set(observed["source"])))
    logarithmic, low, _ = _limits(table)
    note = f"Price axis logarithmic, from {number(low)} {unit}." if logarithmic else "Price axis starts at 0."
    if table["market"].isin(list(UNTRADED.values())).any():
        note = f"Dotted: nothing is traded; outside what users would pay, inside what sellers ask. {note}"
    if case.lined.members > 1:
        note = (
            "Line: median of members in each month, of which the title speaks; bands: 25-75 and 5-95 %. "
            f"{note}"
        )
    if len(observed):
        seen = observed.assign(
            time=observed["date"], scenario="observed", unit=unit, drawn=observed["value"] * look["factor"]
        )
        table = pd.concat([table, seen[["time", "scenario", "market", "unit", "drawn"]]], ignore_index=True)
    return Measured(title, subtitle, case.lined.footer(unit, note), table, look)


def _limits(table: pd.DataFrame, markets: Sequence[str] = PRICED) -> tuple[bool, float, float]:
    """Logarithmic or not, lower and upper limit."""
    rows = table[table["market"].isin(markets)]
    known = ["p05", "p95"] if "p95" in rows else ["drawn"]
    values = rows[[*known, "drawn"]].to_numpy(dtype=np.float64)
    top, bottom = float(np.nanmax(values, initial=0)), float(np.nanmin(values, initial=np.inf))
    if top > LOG_RANGE * bottom > 0:
        return True, bottom / 1.25, top * 1.25
    return False, 0.0, (top or 1.0) * 1.08


def _set_scale(axes: Axes, logarithmic: bool, low: float, high: float) -> None:
    if logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 200 * low else (1.0,)))
        axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylim(low, high)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))


def _draw_panel(axes: Axes, measured: Measured, market: str) -> None:
    table, look = measured.table, measured.look
    time, lines = look["time"], look["lines"][market]
    alone = len(lines) == 2
    shade(axes, look["lanes"], alone or len(lines) == 1)
    labels = []
    for key, text, colour, dash in lines:
        middle = line_of(table, key, market)
        if "p95" in table and (key != lines[0][0] or len(lines) == 1):
            for low, high, alpha in (("p05", "p95", 0.11), ("p25", "p75", 0.2)):
                axes.fill_between(
                    time, line_of(table, key, market, low), line_of(table, key, market, high), step="post",
                    color=colour, alpha=alpha, linewidth=0,
                )  # fmt: skip
        # A value holds for its whole step: a sloping line would rise before the event that lifts it.
        wide = 1.6 if colour == BASELINE else 2.2
        axes.plot(time, middle, color=colour, linestyle=dash, linewidth=wide, drawstyle="steps-post")
        if "\npeak " in text:
            at = int(np.nanargmax(middle))
            axes.plot(
                time[at], middle[at], "o", color=colour, markersize=6, markeredgecolor="white", zorder=5
            )
        dotted = line_of(table, key, UNTRADED.get(market, ""))
        if len(dotted):
            axes.plot(time, dotted, color=colour, linestyle=DOTS, linewidth=1.5, drawstyle="steps-post")
            text = text if np.isfinite(middle).any() else f"{text}\n(no trade)"
            middle = np.where(np.isnan(middle), dotted, middle)
        labels.append(Label(middle, text if market != RATIO else text.split("\n")[0], colour, dash))
    seen = table[(table["scenario"] == "observed") & (table["market"] == market)]
    if len(seen):
        axes.plot(
            pd.to_datetime(seen["time"]).to_numpy(), seen["drawn"], "D", color=INK, markersize=5,
            markeredgecolor="white", zorder=6,
        )  # fmt: skip
    date_axis(axes, time)
    if market == RATIO:
        axes.axhline(1.0, color=INK, linewidth=0.8)
    else:
        line_labels(axes, labels)


def draw(measured: Measured) -> Figure:
    """Outside, inside, and the ratio of the two below each other; events in lanes above."""
    look, table = measured.look, measured.table
    lanes: list[Lane] = look["lanes"]
    texts = [wrapped(text, KEY_INCHES, KEY_POINTS) for _, text, _, _ in look["lines"]["outside"]]
    key = sum(height(text, KEY_POINTS) + 0.04 for text in texts)
    plain = [wrapped(t.split("\n")[0], KEY_INCHES, KEY_POINTS) for _, t, _, _ in look["lines"]["inside"]]
    panel = {**PANEL_INCHES, "outside": max(PANEL_INCHES["outside"], key)}
    panel["inside"] = max(panel["inside"], sum(height(text, KEY_POINTS) + 0.04 for text in plain))
    above = len(lanes) * LANE_INCHES
    room = above + sum(panel.values()) + 3 * BETWEEN + 0.3
    with mpl.rc_context(STYLE):
        sheet = Sheet(measured.title, measured.subtitle, measured.note, room)
        if lanes:
            draw_lanes(sheet.axes(LEFT, 0.0, WIDE, above), lanes, look["time"])
        y = above
        logarithmic, low, high = _limits(table)
        for market, tall in panel.items():
            y += BETWEEN
            axes = sheet.axes(LEFT, y, WIDE, tall)
            if market == RATIO:
                scale, least, most = _limits(table, [RATIO])
                _set_scale(axes, scale, least, max(most, 1.6))
                axes.yaxis.set_major_locator(LogLocator() if scale else MaxNLocator(3, min_n_ticks=2))
                axes.set_title("price outside over price inside", fontsize=10.5)
            else:
                _set_scale(axes, logarithmic, low, high)
                axes.set_title(f"{market} {look['place']}, {look['unit']}", fontsize=10.5)
            _draw_panel(axes, measured, market)
            axes.tick_params(labelbottom=market == RATIO)
            y += tall
    return sheet.fig


KIND = Kind("price", 1, measure, draw, "Price inside and outside the controlling country, with bands")
