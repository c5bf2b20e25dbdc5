"""Weeks of cover that users hold, and how long until they run short and until all is as before."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sim.analysis import metrics, run_metrics
from sim.analysis.paired import Band, band
from sim.analysis.select import controller, price
from sim.plots.case import Case, Shown
from sim.plots.events import LANE_INCHES, draw_lanes, event_lanes, shade
from sim.plots.lettering import height, wrapped
from sim.plots.pictures import Kind, Measured
from sim.plots.style import (
    BASELINE,
    GREY,
    INK,
    KEY_POINTS,
    STYLE,
    Label,
    Sheet,
    date_axis,
    in_text,
    line_labels,
    quoted,
)
from sim.results.grouping import member_statistics, ratio

__all__ = ["KIND"]

Values = npt.NDArray[np.float64]
WEEKS_PER_YEAR = 365.25 / 7
DURATIONS = {
    "first": ("first shortage", "o"),
    "shortage": ("supply back", "s"),
    "price": ("price back", "D"),
}
"""Duration -> what ends it, and its mark."""
LEFT, WIDE, TALL = 0.75, 7.4, 2.5
NAMES = 2.9
SOON = 0.5
"""Months that would be rounded to none."""
LOWER = 0.05
"""A fall of cover by less than this share is not spoken of."""


def _cover(case: Case, data: xr.Dataset, country: str) -> Values:
    """(member, time) weeks that stocks of users outside a country last at their need of the moment."""
    places, goods, kinds = (
        data[f"need_{part}"].values.astype(str) for part in ("country", "good", "kind")
    )  # fmt: skip
    mine = np.flatnonzero((goods == case.good) & (kinds != "trader") & (places != country))
    if not len(mine):
        mine = np.flatnonzero((goods == case.good) & (kinds != "trader"))
    stock, need = (
        data[name].values[..., mine].sum(axis=-1, dtype=np.float64) for name in ("buyer_stock", "requirement")
    )
    return ratio(stock, need) * WEEKS_PER_YEAR / run_metrics.steps_per_year(data)


def _durations(case: Case, shown: Shown) -> dict[str, Values] | None:
    """(member,) months from the first event that touches the good; None where none does."""
    start = run_metrics.first_event(case.events(shown))
    if start is None:
        return None
    months = run_metrics.months_since(start, shown.now["time"].values)
    country = controller(shown.now, case.good)
    now, before = price(shown.now, case.good, "outside"), price(shown.before, case.good, "outside", country)
    short = (run_metrics.shortage_share(data, case.good, country) for data in (shown.now, shown.before))
    excess = metrics.excess_share(*short)
    return {
        "first": metrics.months_to_first_shortfall(excess, months),
        "shortage": metrics.supply_recovery(excess, months),
        "price": metrics.price_recovery(metrics.paired_ratio(now, before), months),
    }


def _horizon(case: Case, shown: Shown) -> float:
    start = run_metrics.first_event(case.events(shown))
    assert start is not None
    return float(run_metrics.months_since(start, case.lined.time)[-1])


def _cover_rows(case: Case) -> pd.DataFrame:
    day = case.lined.time.astype("datetime64[D]").astype(str)
    frames = []
    for shown in case.lined.all:
        alone = shown.key == case.lined.baseline.key
        country = case.controllers[0] if alone else controller(shown.now, case.good)
        stats = member_statistics(_cover(case, shown.now, country))
        frame = pd.DataFrame({"time": day}).assign(
            scenario=shown.key, measure="weeks of cover", unit="weeks",
            drawn=stats.get("p50", stats["central"]), **stats,
        )  # fmt: skip
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def _duration_rows(case: Case) -> pd.DataFrame:
    rows = []
    for shown in case.lined.scenarios:
        found = _durations(case, shown)
        for key, values in (found or {}).items():
            b: Band = band(values)
            rows.append({
                "scenario": shown.key, "measure": DURATIONS[key][0], "unit": "months", "drawn": b.median,
                "p10": b.low, "p90": b.high, "horizon": _horizon(case, shown),
            })  # fmt: skip
    return pd.DataFrame(rows)


def _months(value: float, horizon: float) -> str:
    return f"more than {horizon:.0f} months" if np.isinf(value) else (
        f"{value:.0f} month{'' if round(value) == 1 else 's'}"
    )  # fmt: skip


def _finding(case: Case, cover: pd.DataFrame, durations: pd.DataFrame) -> str:
    base = cover[cover["scenario"] == case.lined.baseline.key]["drawn"].to_numpy()
    start = f"Users of {in_text(case.name)} outside {case.place} hold {base[0]:.1f} weeks of cover"
    if not case.lined.scenarios:
        return start
    lowest = {
        s.key: float(np.nanmin(cover[cover["scenario"] == s.key]["drawn"])) for s in case.lined.scenarios
    }
    worst = min(case.lined.scenarios, key=lambda s: lowest[s.key])
    rows: dict[str, tuple[float, float]] = {}
    if len(durations):
        mine = durations[durations["scenario"] == worst.key]
        ends = zip(mine["drawn"].tolist(), mine["horizon"].tolist(), strict=True)
        rows = dict(zip(mine["measure"].tolist(), ends, strict=True))
    under = f" under {quoted(worst.name)}" if len(lowest) > 1 else ""
    first, back = rows.get("first shortage"), rows.get("supply back")
    short = first is not None and bool(np.isfinite(first[0]))
    drawn = lowest[worst.key] <= base[0] * (1 - LOWER)
    if not drawn and not short:
        draws = "no scenario draws" if len(lowest) > 1 else "the scenario does not draw"
        return f"{start}; {draws} much on it"
    # Where deliveries fall short at once, stocks may stand as high as ever beside what is left to use.
    parts = [f"{start}, {lowest[worst.key]:.1f} at the lowest{under}" if drawn else f"{start}{under}"]
    if first is not None and short and back is not None:
        soon = "at once" if first[0] < SOON else f"after {_months(*first)}"
        parts.append(
            f"the first run short {soon}, and supply takes {_months(*back)} to be back"
        )
    elif first is not None:
        parts.append(f"nobody runs short within {first[1]:.0f} months")
    return "; ".join(parts)


def measure(case: Case) -> Measured:
    """Weeks of cover over time, and months to shortage and back."""
    if not (
        (case.base["need_good"].values.astype(str) == case.good) & (case.base["need_kind"].values != "trader")
    ).any():
        return Measured(nothing=f"Stocks: nobody uses {in_text(case.name)} in these runs.")
    cover, durations = _cover_rows(case), _duration_rows(case)
    if not np.isfinite(cover["drawn"]).any():
        return Measured(nothing=f"Stocks: nobody outside {case.place} needs {in_text(case.name)}.")
    subtitle = f"Above: stock over need of users outside {case.place}, weeks, median of members"
    if case.lined.scenarios:
        subtitle += f"; grey: baseline {quoted(case.lined.baseline_name)}"
    if len(durations):
        subtitle += ". Below: months since the first event that touches the good"
    note = "Axes start at 0."
    if len(durations):
        note += (
            " Short: 1 % of need unmet beyond the baseline's; back: less than that, or a price within 20 % "
            "of the baseline's, for the rest of the run. Thin lines: 10 to 90 % of members; an arrow: beyond "
            "the run."
        )
    without = [quoted(s.name) for s in case.lined.scenarios if not case.events(s)]
    if without:
        note += f" No event touches the good under {', '.join(without)}."
    look: dict[str, Any] = {
        "lines": [(case.lined.baseline.key, "baseline", BASELINE, "solid")]
        + [(s.key, s.name, s.colour, s.dash) for s in case.lined.scenarios],
        "lanes": event_lanes(case), "time": case.lined.time, "place": case.place,
        "names": {s.key: s.name for s in case.lined.scenarios},
    }  # fmt: skip
    table = pd.concat([cover, durations], ignore_index=True) if len(durations) else cover
    title = _finding(case, cover, durations)
    return Measured(title, subtitle, case.lined.footer("weeks; months", note), table, look)


def _draw_durations(axes: Axes, rows: pd.DataFrame, look: Any, colours: dict[str, str]) -> None:
    keys = [key for key in look["names"] if (rows["scenario"] == key).any()]
    horizon = float(rows["horizon"].max())
    end = horizon * 1.06
    for i, key in enumerate(keys):
        mine, colour = rows[rows["scenario"] == key].set_index("measure"), colours[key]
        ends = np.minimum(mine["drawn"].to_numpy(dtype=np.float64), end)
        axes.plot([np.nanmin(ends), np.nanmax(ends)], [i, i], color=colour, linewidth=3, alpha=0.4, zorder=1)
        for j, (said, mark) in enumerate(DURATIONS.values()):
            row = mine.loc[said]
            if not np.isfinite(row["drawn"]):
                if np.isinf(row["drawn"]):
                    axes.plot(end, i + (j - 1) * 0.24, ">", color=colour, markersize=7)
                continue
            low, high = (min(float(row[p]), end) for p in ("p10", "p90"))
            axes.plot([low, high], [i + (j - 1) * 0.24] * 2, color=colour, linewidth=1)
            axes.plot(
                row["drawn"], i + (j - 1) * 0.24, mark, color=colour, markersize=7, markeredgecolor="white"
            )  # fmt: skip
    axes.set_ylim(len(keys) - 0.4, -0.6)
    axes.set_xlim(-0.01 * end, end * 1.02)
    names = [wrapped(look["names"][key], NAMES - 0.2, KEY_POINTS) for key in keys]
    axes.set_yticks(range(len(keys)), names, fontsize=KEY_POINTS)
    for text, key in zip(axes.get_yticklabels(), keys, strict=True):
        text.set_color(colours[key])
    axes.tick_params(axis="y", length=0)
    axes.grid(True, axis="x")
    axes.grid(False, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.set_xlabel("months since the first event", fontsize=9.5)


def _mark_key(sheet: Sheet, x: float, y: float) -> None:
    """The three marks with their names, each the same in every row."""
    axes = sheet.axes(x, y, 6.0, 0.22)
    axes.set_axis_off()
    axes.set_xlim(0, 6.0)
    axes.set_ylim(-1, 1)
    at = 0.1
    for said, mark in DURATIONS.values():
        axes.plot(at, 0, mark, color=GREY, markersize=7, markeredgecolor="white", clip_on=False)
        axes.text(at + 0.13, 0, said, va="center", fontsize=KEY_POINTS, color=INK)
        at += 1.6


def draw(measured: Measured) -> Figure:
    """Cover over time above, durations as dumbbells below."""
    look, table = measured.look, measured.table
    cover, rows = (table[table["unit"] == unit] for unit in ("weeks", "months"))
    lanes, lines = look["lanes"], look["lines"]
    key = sum(height(wrapped(text, 2.0, KEY_POINTS), KEY_POINTS) + 0.04 for _, text, _, _ in lines)
    tall, above = max(TALL, key), len(lanes) * LANE_INCHES
    count = rows["scenario"].nunique()
    low = max(count * 0.62, 0.8)
    room = above + 0.32 + tall + 0.3 + ((0.42 + 0.28 + low + 0.32) if count else 0.0)
    with mpl.rc_context(STYLE):
        sheet = Sheet(measured.title, measured.subtitle, measured.note, room)
        if lanes:
            draw_lanes(sheet.axes(LEFT, 0.0, WIDE, above), lanes, look["time"])
        axes = sheet.axes(LEFT, above + 0.32, WIDE, tall)
        axes.set_title("weeks of cover", fontsize=10.5)
        shade(axes, lanes, len(lines) <= 2)
        labels = []
        for key_, text, colour, dash in lines:
            mine = cover[cover["scenario"] == key_]
            if "p95" in mine and colour != BASELINE:
                axes.fill_between(
                    look["time"], mine["p05"], mine["p95"], step="post", color=colour, alpha=0.13, linewidth=0
                )  # fmt: skip
            wide = 1.6 if colour == BASELINE else 2.2
            axes.plot(
                look["time"], mine[
                    "drawn"
                ], color=colour, linestyle=dash, linewidth=wide, drawstyle="steps-post"
            )  # fmt: skip
            labels.append(Label(mine["drawn"].to_numpy(dtype=np.float64), text, colour, dash))
        high = np.nanmax(cover[["drawn", *(["p95"] if "p95" in cover else [])]].to_numpy(dtype=np.float64))
        axes.set_ylim(0, float(high) * 1.08 or 1.0)
        date_axis(axes, look["time"])
        line_labels(axes, labels)
        if count:
            y = above + 0.32 + tall + 0.42
            _mark_key(sheet, NAMES + 0.3, y)
            lower = sheet.axes(NAMES + 0.3, y + 0.28, 10.6 - NAMES - 0.3, low)
            _draw_durations(lower, rows, look, {k: c for k, _, c, _ in lines})
    return sheet.fig


KIND = Kind("stocks", 7, measure, draw, "Weeks of cover, and months to shortage and recovery")
