"""Price of one good inside and outside its controlling country, over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from sim.analysis import metrics
from sim.analysis.names import country_name
from sim.analysis.observed import observed_prices
from sim.analysis.paired import band, paired
from sim.analysis.run_metrics import peak_price
from sim.analysis.select import PriceUnit, controller, good_name, own_events, price, price_unit, quote
from sim.plots.comparison import Plot, Subject
from sim.plots.events import LANE_INCHES, draw_lanes, lane_count, shade
from sim.plots.style import (
    BASELINE,
    DASHES,
    INK,
    PALETTE,
    STYLE,
    Label,
    Picture,
    date_axis,
    figure,
    file_name,
    footer,
    line_labels,
    number,
    percent,
    save_picture,
    titles,
)
from sim.results import Run
from sim.results.grouping import member_statistics, ratio

__all__ = ["draw_price_paths"]

Values = npt.NDArray[np.float64]
MOVED = 0.10
"""A price path that stays this close to its baseline is called unmoved."""
LOG_RANGE = 12.0
"""Highest over lowest price from which the axis is logarithmic."""
MARKETS = ("outside", "inside")
UNTRADED = (0, (1, 1.6))
"""Dashes of quotes in place of a price."""


@dataclass(frozen=True)
class _Line:
    name: str
    values: Values
    """(member, time) in the unit shown."""
    colour: str
    dash: Any
    width: float = 2.0
    banded: bool = True
    quoted: Values | None = None
    """(member, time) what is asked or bid where nothing is traded, else NaN."""

    @property
    def untraded(self) -> Values | None:
        """(time,) median quote of steps in which no member trades, NaN in the others; None without such."""
        if self.quoted is None:
            return None
        silent = np.isnan(self.values).all(axis=0)
        if not (silent & ~np.isnan(self.quoted).all(axis=0)).any():
            return None
        stats = member_statistics(np.where(silent, self.quoted, np.nan))
        return np.asarray(stats.get("p50", stats["central"]), dtype=np.float64)


def _draw(axes: Axes, time: npt.NDArray[np.datetime64], line: _Line) -> Label:
    """Draw median and bands of one line; return what to label."""
    stats = member_statistics(line.values)
    middle = stats.get("p50", stats["central"])
    if line.banded and "p50" in stats:
        for low, high, alpha in (("p05", "p95", 0.13), ("p25", "p75", 0.24)):
            axes.fill_between(
                time, stats[low], stats[high], step="post", color=line.colour, alpha=alpha, linewidth=0
            )
    # A value holds for its whole step: a sloping line would rise before the event that lifts it.
    axes.plot(
        time, middle, color=line.colour, linestyle=line.dash, linewidth=line.width, drawstyle="steps-post"
    )
    untraded = line.untraded
    if untraded is None:
        return Label(middle, line.name, line.colour)
    axes.plot(
        time, untraded, color=line.colour, linestyle=UNTRADED, linewidth=1.5, drawstyle="steps-post"
    )
    name = line.name if np.isfinite(middle).any() else f"{line.name}\n(no trade)"
    return Label(np.where(np.isnan(middle), untraded, middle), name, line.colour)


def _limits(lines: Sequence[_Line], unit: str) -> tuple[bool, float, float, str]:
    """Logarithmic or not, lower and upper limit, and the sentence that says so."""
    stats = [member_statistics(line.values) for line in lines]
    quotes = [untraded for line in lines if (untraded := line.untraded) is not None]
    top = max(float(np.nanmax(v, initial=0)) for v in (*(s.get("p95", s["central"]) for s in stats), *quotes))
    lowest = (*(s.get("p05", s["central"]) for s in stats), *quotes)
    bottom = min(float(np.nanmin(values, initial=np.inf)) for values in lowest)
    if top > LOG_RANGE * bottom > 0:
        low, high = bottom / 1.25, top * 1.25
        return True, low, high, f"Price axis logarithmic, from {number(low)} {unit}."
    return False, 0.0, (top or 1.0) * 1.08, "Price axis starts at 0."


def _set_scale(axes: Axes, logarithmic: bool, low: float, high: float) -> None:
    if logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylim(low, high)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))


def _multiple(run: xr.Dataset, baseline: xr.Dataset, good: str, market: str) -> tuple[float, float]:
    """Medians over members of the largest and the smallest multiple of the paired baseline."""
    own = price(run, good, market)
    base = price(baseline, good, market, controller(run, good))
    return band(metrics.highest_multiple(own, base)).median, band(metrics.lowest_multiple(own, base)).median


def _times(multiple: float) -> str:
    return f"{multiple:.0f} times" if multiple >= 10 else f"{multiple:.1f} times"


def _finding(good: str, pairs: dict[str, tuple[xr.Dataset, xr.Dataset]], base: xr.Dataset, place: str) -> str:
    name = good_name(base, good)
    name += "," if "," in name else ""
    if not pairs:
        stats = member_statistics(price(base, good, "outside"))
        middle = stats.get("p50", stats["central"])
        shown = price_unit(base, good)
        low, high = (number(float(v) * shown.factor) for v in (np.nanmin(middle), np.nanmax(middle)))
        span = f"at {low}" if low == high else f"between {low} and {high}"
        return f"{name} outside {place} stays {span} {shown.name} without a new shock"
    rises = {scenario: _multiple(*pair, good, "outside")[0] for scenario, pair in pairs.items()}
    if len(pairs) > 1:
        moved = sorted((s for s in rises if rises[s] > 1 + MOVED), key=lambda s: -rises[s])
        if not moved:
            limit = percent(MOVED)
            return (
                f"{good_name(base, good)}: no scenario lifts the price outside {place} by more than {limit}"
            )
        reached: dict[str, list[str]] = {}
        for scenario in moved[:3]:
            reached.setdefault(_times(rises[scenario]), []).append(scenario)
        return f"{name} outside {place} reaches " + "; ".join(
            f"{times} the baseline in {' and '.join(group)}" for times, group in reached.items()
        )
    ((scenario, (run, baseline)),) = pairs.items()
    shown = price_unit(run, good)
    inside_high, inside_low = _multiple(run, baseline, good, "inside")
    if inside_high > 1 + MOVED:
        inside = f"inside, {_times(inside_high)}"
    elif inside_low < 1 - MOVED:
        inside = f"inside it falls by {percent(1 - inside_low)}"
    elif np.isnan(inside_high):
        inside = "inside nothing trades"
    else:
        inside = f"inside it stays within {percent(MOVED)}"
    rise = rises[scenario]
    if not rise > 1 + MOVED:
        text = (
            "nothing trades"
            if np.isnan(rise)
            else f"the price never rises {percent(MOVED)} above the baseline"
        )
        return f"{good_name(base, good)}: outside {place} {text}; {inside}"
    peak = peak_price(run, good, "outside")
    highest = band(peak["price"].values * shown.factor).median
    day = np.nanmedian(peak["date"].values.astype("datetime64[D]").astype(np.float64))
    month = pd.Timestamp(np.datetime64(round(float(day)), "D")).strftime("%B %Y")
    return (
        f"{name} outside {place} peaks at {number(highest)} {shown.name} about {month}, "
        f"{_times(rise)} its baseline; {inside}"
    )


def _table(lines: Sequence[tuple[str, str, Values, str]], time: npt.NDArray[np.datetime64]) -> pd.DataFrame:
    frames = []
    for scenario, market, values, unit in lines:
        stats = member_statistics(values)
        frame = pd.DataFrame({"time": time.astype("datetime64[D]").astype(str)})
        frame["scenario"], frame["market"], frame["unit"] = scenario, market, unit
        frames.append(frame.assign(**stats))
    return pd.concat(frames, ignore_index=True)


def _merged(labels: Sequence[Label]) -> list[Label]:
    """One name for the two baseline lines where they run together."""
    grey = [label for label in labels if label.colour == BASELINE]
    others = [label for label in labels if label.colour != BASELINE]
    if len(grey) == 2 and np.nanmax(np.abs(grey[0].values / grey[1].values - 1), initial=0) <= 0.08:
        grey = [Label(grey[0].values, "baseline", BASELINE)]
    return [*grey, *others]


def _dots(axes: Axes, observed: pd.DataFrame, market: str, factor: float, colour: str) -> None:
    rows = observed[observed["market"] == market]
    if len(rows):
        when = pd.to_datetime(rows["date"]).to_numpy()
        style: dict[str, Any] = {"markersize": 6, "markeredgecolor": "white", "markeredgewidth": 0.8}
        axes.plot(when, rows["value"] * factor, "o", color=colour, zorder=5, **style)


def _ratio_strip(axes: Axes, lines: Sequence[_Line], time: npt.NDArray[np.datetime64]) -> None:
    logarithmic, low, high, _ = _limits(lines, "")
    _set_scale(axes, logarithmic, low, max(high, 1.6))
    axes.yaxis.set_major_locator(LogLocator() if logarithmic else MaxNLocator(3, min_n_ticks=2))
    axes.axhline(1.0, color=INK, linewidth=0.8)
    for line in lines:
        _draw(axes, time, line)
    date_axis(axes, time)
    axes.set_ylabel("outside\n/ inside", fontsize=9.5)


@dataclass(frozen=True)
class _Subject:
    """What one picture is about."""

    good: str
    baseline: str
    data: dict[str, xr.Dataset]
    """Scenario -> results cut to what all share, the baseline first."""
    pairs: dict[str, tuple[xr.Dataset, xr.Dataset]]
    """Scenario -> its results and those of the baseline."""
    events: list[dict[str, Any]]

    @classmethod
    def of(cls, runs: Sequence[Run], baseline: str, good: str) -> _Subject:
        """Pair the runs with the baseline among them."""
        base = next(run for run in runs if run.scenario == baseline).dataset
        pairs = {run.scenario: paired(run.dataset, base) for run in runs if run.scenario != baseline}
        first = next(iter(pairs.values()))[1] if pairs else base
        data = {baseline: first, **{name: pair[0] for name, pair in pairs.items()}}
        found = [e for run, _ in pairs.values() for e in own_events(run, base)]
        events = list({(str(e["id"]), str(e.get("from"))): e for e in found}.values())
        return cls(good, baseline, data, pairs, events)

    @property
    def base(self) -> xr.Dataset:
        """The baseline."""
        return self.data[self.baseline]

    @property
    def time(self) -> npt.NDArray[np.datetime64]:
        """First days of the steps."""
        return self.base["time"].values

    @property
    def country(self) -> str:
        """The controlling country of the first scenario."""
        return controller(next(iter(self.pairs.values()))[0] if self.pairs else self.base, self.good)

    @property
    def unit(self) -> PriceUnit:
        """Unit of the prices shown."""
        return price_unit(self.base, self.good)

    @property
    def together(self) -> bool:
        """Whether inside and outside stand in one panel."""
        return len(self.pairs) <= 1

    def prices(self, name: str, market: str) -> Values:
        """(member, time) in the unit shown."""
        return price(self.data[name], self.good, market, self.country) * self.unit.factor

    def quotes(self, name: str, market: str) -> Values:
        """(member, time) in the unit shown; NaN where something is traded."""
        return quote(self.data[name], self.good, market, self.country) * self.unit.factor

    def ratio(self, name: str) -> Values:
        """(member, time) price outside over price inside."""
        return ratio(*(price(self.data[name], self.good, m, self.country) for m in MARKETS))

    def panels(self) -> list[tuple[str, list[_Line]]]:
        """Each with its title and its lines; the baseline is drawn first, so lies below."""
        place = country_name(self.country)
        if self.together:
            lines = [
                _Line(
                    f"baseline,\n{m}", self.prices(self.baseline, m), BASELINE, dash, 1.6, not self.pairs,
                    self.quotes(self.baseline, m),
                )
                for m, dash in zip(MARKETS, DASHES, strict=False)
            ]
            for name in self.pairs:
                for market, colour, dash in zip(MARKETS, PALETTE, DASHES, strict=False):
                    prices, quotes = self.prices(name, market), self.quotes(name, market)
                    lines.append(
                        _Line(f"{market}\n{place}", prices, colour, dash, 2.4, quoted=quotes)
                    )
            return [("", lines)]
        panels = []
        for market in MARKETS:
            prices, quotes = self.prices(self.baseline, market), self.quotes(self.baseline, market)
            lines = [_Line("baseline", prices, BASELINE, "solid", 1.6, False, quotes)]
            for i, name in enumerate(self.pairs):
                colour, dash = PALETTE[i % len(PALETTE)], DASHES[i % len(DASHES)]
                prices, quotes = self.prices(name, market), self.quotes(name, market)
                lines.append(_Line(name, prices, colour, dash, 2.2, quoted=quotes))
            panels.append((f"{market} {place}", lines))
        return panels

    def strip(self) -> list[_Line]:
        """The lines of the strip of ratios."""
        lines = [_Line("baseline", self.ratio(self.baseline), BASELINE, "solid", 1.6, False)]
        for i, name in enumerate(self.pairs):
            colour, dash = (INK, "solid") if self.together else (PALETTE[i % 6], DASHES[i % 6])
            lines.append(_Line(name, self.ratio(name), colour, dash, 1.8))
        return lines

    def table(self) -> pd.DataFrame:
        """The plotted numbers."""
        rows = [
            (name, market, self.prices(name, market), self.unit.name)
            for name in self.data
            for market in MARKETS
        ]
        for name in self.data:
            for market, word in zip(MARKETS, ("bid", "asked"), strict=True):
                quotes = self.quotes(name, market)
                if not np.isnan(quotes).all():
                    rows.append((name, f"{market}, {word} (no trade)", quotes, self.unit.name))
        rows += [(name, "outside / inside", self.ratio(name), "1") for name in self.data]
        return _table(rows, self.time)


def _subtitle(subject: _Subject, observed: pd.DataFrame | None) -> str:
    name, place = good_name(subject.base, subject.good), country_name(subject.country)
    text = f"{name}, {subject.unit.name}, inside {place} at the gate, outside on arrival (CIF)"
    if observed is not None and len(observed):
        text += "; dots: observed, " + ", ".join(sorted(set(observed["source"])))
    return text


def _draw_panel(
    axes: Axes,
    subject: _Subject,
    panel: tuple[str, list[_Line]],
    limits: tuple[bool, float, float],
    observed: pd.DataFrame | None,
) -> None:
    heading, lines = panel
    axes.set_title(heading)
    axes.set_ylabel(subject.unit.name)
    _set_scale(axes, *limits)
    shade(axes, subject.events, subject.time)
    labels = [_draw(axes, subject.time, line) for line in lines]
    date_axis(axes, subject.time)
    axes.tick_params(labelbottom=False)
    line_labels(axes, subject.time, _merged(labels))
    if observed is not None:
        for market, colour in zip(MARKETS, PALETTE, strict=False):
            if subject.together or heading.startswith(market):
                shown = colour if subject.together else INK
                _dots(axes, observed, market, subject.unit.factor, shown)


def draw_price_paths(
    runs: Sequence[Run], baseline: str, good: str, directory: Path, observed: pd.DataFrame | None = None
) -> Picture:
    """Draw one good: lines with bands, event spans, and the ratio outside / inside below.

    With one scenario, inside and outside stand in one panel; with several, side by side.

    Args:
        runs: the baseline and the scenarios, paired.
        baseline: scenario id of the baseline.
        good: good id.
        directory: where the three files go.
        observed: rows ``date``, ``market`` (inside or outside), ``value`` in USD/t, ``source``.
    """
    subject = _Subject.of(runs, baseline, good)
    panels, together, events, time = subject.panels(), subject.together, subject.events, subject.time
    lines = [line for _, panel in panels for line in panel]
    scale, low, high, note = _limits(lines, subject.unit.name)
    if any(line.untraded is not None for line in lines):
        note = f"Dotted: nothing is traded; outside what users would pay, inside what sellers ask. {note}"
    if subject.base.sizes["member"] > 1:
        bands = "Line: median of members; bands: 25-75 % and 5-95 %; title: median of each member's own peak."
        note = f"{bands} {note}"
    title = _finding(good, subject.pairs, subject.base, country_name(subject.country))
    lanes = lane_count(events, time)
    with mpl.rc_context(STYLE):
        fig = figure(11.0, (6.3 if together else 8.2) + lanes * LANE_INCHES)
        bottom, top = titles(fig, title, _subtitle(subject, observed), footer(runs, subject.unit.name, note))
        inch = 1.0 / float(fig.get_size_inches()[1])
        left, width, between = 0.09, 0.775, (0.0 if together else 0.42) * inch
        strip_bottom = bottom + 0.42 * inch
        lowest = strip_bottom + 1.17 * inch
        highest = top - (lanes * LANE_INCHES + (0.16 if together else 0.46)) * inch
        height = (highest - lowest - between * (len(panels) - 1)) / len(panels)
        for row, panel in enumerate(panels):
            axes = fig.add_axes((left, highest - height - row * (height + between), width, height))
            _draw_panel(axes, subject, panel, (scale, low, high), observed)
        strip = fig.add_axes((left, strip_bottom, width, 1.0 * inch))
        shade(strip, events, time)
        _ratio_strip(strip, subject.strip(), time)
        if lanes:
            lane_bottom = highest + (0.1 if together else 0.38) * inch
            lane = fig.add_axes((left, lane_bottom, width, lanes * LANE_INCHES * inch))
            draw_lanes(lane, events, time)
    name = file_name("price", good, *subject.pairs or [baseline])
    return save_picture(fig, directory, name, title, subject.table())


def _draw_subject(of: Subject) -> Picture:
    observed = observed_prices(of.runs, of.good)
    return draw_price_paths(of.runs, of.baseline.scenario, of.good, of.directory, observed)


PLOT = Plot(_draw_subject, rank=1, of_each=False, needs=("price_gate", "price_inside", "price_outside"))
