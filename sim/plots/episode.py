"""An episode of the past: what the members did, what was observed, when which control was in force."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from sim.analysis.select import own_events
from sim.past.episodes import EpisodeTarget
from sim.past.replay import EpisodeRun, HindcastRow
from sim.past.scoring import series_path
from sim.plots.events import LANE_INCHES, PLAIN, draw_lanes, lanes_of, shade
from sim.plots.lettering import height, wrapped
from sim.plots.style import (
    BASELINE,
    HALO,
    PALETTE,
    STYLE,
    Picture,
    Sheet,
    date_axis,
    day_number,
    file_name,
    number,
    save_picture,
)
from sim.results.grouping import member_statistics

__all__ = ["draw_episode"]

Values = npt.NDArray[np.float64]
PANEL_INCHES = 1.85
LEFT, WIDE = 1.0, 9.6
HEAD_POINTS = 10.0
LOG_RANGE = 8.0
MILLION = 1e6


def _panels(run: EpisodeRun) -> list[list[HindcastRow]]:
    """Rows that one curve can show: the same series against the same reference."""
    groups: dict[tuple[Any, ...], list[HindcastRow]] = {}
    for row in run.rows:
        statistic = row.target.statistic
        reference = statistic.reference
        same_time = reference is not None and reference.at == statistic.at
        # A total is compared with that of another time of its own: each such row has its own curve.
        when = reference.at if reference is not None and not same_time else None
        key = (statistic.series, statistic.minus, reference and reference.series, when)
        groups.setdefault(key, []).append(row)
    return list(groups.values())


def _per_step(row: HindcastRow, time: npt.NDArray[np.datetime64]) -> float:
    """Factor that brings a total over several steps to the level of the curve, which is one step's."""
    statistic = row.target.statistic
    scale = 1.0
    if statistic.how == "total":
        scale /= len(statistic.at.steps(time))
    if statistic.reference is not None and statistic.reference.how == "total":
        scale *= len(statistic.reference.at.steps(time))
    return scale


def _within(target: EpisodeTarget, other: EpisodeTarget) -> bool:
    """Whether another target has the same band over a longer time, so that its band shows this one, too."""
    inner, outer = target.statistic.at, other.statistic.at
    same = (target.low, target.high) == (other.low, other.high)
    return same and inner != outer and outer.first <= inner.first and inner.last <= outer.last


def _draw_panel(axes: Axes, run: EpisodeRun, rows: list[HindcastRow], time: Any) -> pd.DataFrame:
    first = rows[0].target.statistic
    path = series_path(run.dataset, first)
    stats = member_statistics(path)
    middle = stats.get("p50", stats["central"])
    if "p10" in stats:
        axes.fill_between(
            time, stats["p10"], stats["p90"], step="post", color=PALETTE[1],
            alpha=0.22, linewidth=0,
        )  # fmt: skip
    # A value holds for its whole step: a sloping line would move before the control begins.
    axes.plot(time, middle, color=PALETTE[1], linewidth=2.0, drawstyle="steps-post")
    values = [middle, stats.get("p90", middle)]
    for row in rows:
        target, scale = row.target, _per_step(row, time)
        window = target.statistic.at
        left, right = day_number(window.first), day_number(window.last) + 1
        if right - left < 25:
            right = left + 30
        low, seen, high = (scale * value for value in (target.low, target.observed, target.high))
        if not any(_within(target, other.target) for other in rows):
            axes.fill_between([left, right], low, high, color=PALETTE[0], alpha=0.18, linewidth=0)
        axes.plot([left, right], [seen, seen], color=PALETTE[0], linewidth=2.4)
        axes.plot([(left + right) / 2], [seen], "o", color=PALETTE[0], markeredgecolor="white")
        axes.annotate(
            target.id, ((left + right) / 2, seen), xytext=(0, 6), textcoords="offset points",
            ha="center", fontsize=9, fontweight="bold", color=PALETTE[0], path_effects=HALO,
        )  # fmt: skip
        values.append(np.array([low, seen, high] if first.minus else [seen, high]))
    if first.reference is not None:
        axes.axhline(1.0, color=BASELINE, linewidth=0.9)
    shown = np.concatenate([v[np.isfinite(v)] for v in values])
    low, high = float(shown.min()), float(shown.max())
    if low > 0 and high / low > LOG_RANGE:
        axes.set_yscale("log")
        axes.set_ylim(max(low * 0.8, 0.05), high * 1.6)
    else:
        axes.set_ylim(min(0.0, low * 1.25), high * 1.25 if high > 0 else 0.0)
    unit = MILLION if high >= MILLION else 1.0
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value / unit)))
    axes.yaxis.set_minor_formatter(FuncFormatter(lambda *_: ""))
    date_axis(axes, time)
    reference = first.reference
    apart = reference is not None and reference.at != first.at
    plain = "million\nper step" if unit > 1 else "per step"
    kind = first.series.partition(".")[0]
    plain = "share" if kind == "approved_share" else plain
    label = plain if reference is None else "relative to\nits reference" if apart else "ratio"
    axes.set_ylabel(label, fontsize=9.5)
    axes.yaxis.set_label_coords(-0.064, 0.5)
    frame = pd.DataFrame({"date": time.astype("datetime64[D]"), "series": first.series})
    for name in ("p10", "p50", "p90", "central"):
        if name in stats:
            frame[name] = stats[name]
    return frame.assign(unit="1" if reference is not None else "unit of the series")


def _heading(rows: list[HindcastRow]) -> str:
    """What was observed, in words, with the number of each target in the table of the document."""
    return "; ".join(f"{row.target.text} ({row.target.id})" for row in rows)


def draw_episode(run: EpisodeRun, directory: Path, seed: int) -> Picture:
    """Draw one episode: a panel per observed series, events in lanes above.

    Args:
        run: what :func:`sim.past.replay.run_episode` returned.
        directory: where PNG, SVG and CSV go.
        seed: for the footer.
    """
    time = run.dataset["time"].values
    panels = _panels(run)
    events = own_events(run.dataset, None)
    # Controls of the base year act through its trade and have no date that a reader could see here.
    events = [event for event in events if not event.get("in_base_year")]
    counted = [row for row in run.rows if row.target.listed] or list(run.rows)
    inside = sum(row.in_band for row in counted)
    title = f"{run.episode.title}: {inside} of {len(counted)} targets in band"
    subtitle = (
        "Blue: median and 10th to 90th percentile of the members. Orange: observed, with the accepted band."
    )
    observed = "; ".join(dict.fromkeys(row.target.source for row in run.rows))
    note = (
        f"Model results, not forecasts. Scenario {run.episode.scenario}, {run.dataset.sizes['member']} "
        f"members, seed {seed}. Observed: {observed}."
    )
    lanes = lanes_of([(event, (PLAIN,)) for event in events], time)
    above, head = len(lanes) * LANE_INCHES, 0.42
    heads = [wrapped(_heading(panel), WIDE, HEAD_POINTS, True) for panel in panels]
    taller = [head + height(text, HEAD_POINTS) - height("", HEAD_POINTS) for text in heads]
    with mpl.rc_context(STYLE):
        sheet = Sheet(title, subtitle, note, above + sum(taller) + (PANEL_INCHES + 0.25) * len(panels) + 0.1)
        if lanes:
            draw_lanes(sheet.axes(LEFT, 0.0, WIDE, above), lanes, time)
        tables, y = [], above
        for panel, text, more in zip(panels, heads, taller, strict=True):
            y += more
            axes = sheet.axes(LEFT, y, WIDE, PANEL_INCHES)
            shade(axes, lanes, True)
            tables.append(_draw_panel(axes, run, panel, time))
            axes.set_title(text, fontsize=HEAD_POINTS)
            y += PANEL_INCHES + 0.25
    return save_picture(sheet.fig, directory, file_name("hindcast", run.episode.id), title, pd.concat(tables))
