"""How concentrated supply is at each stage: HHI, the three largest, and what is left without the first."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from sim.analysis.names import country_name
from sim.analysis.run_metrics import concentration, supply_by_country
from sim.analysis.select import Stage, stages
from sim.plots.case import Case, Shown
from sim.plots.lettering import height, wrapped
from sim.plots.pictures import Kind, Measured
from sim.plots.style import (
    BASELINE,
    KEY_POINTS,
    STYLE,
    Label,
    Sheet,
    in_text,
    line_labels,
    number,
    percent,
    quoted,
)
from sim.results.grouping import member_statistics

__all__ = ["KIND"]

Values = npt.NDArray[np.float64]
MEASURES = {
    "hhi": ("HHI, 0 to 10,000", 10_000.0),
    "top_3": ("share of the three largest, %", 100.0),
    "without_largest": ("left without the largest, %", 100.0),
}
"""Measure -> heading, and the top of its axis; shares are shown in per cent."""
STAGES = 4
LEFT, BESIDE, BETWEEN = 0.7, 2.35, 0.42
TALL = 1.25
MOVED = 0.01
"""Change of the share without the largest below which concentration is called unmoved."""


def _stages(case: Case) -> list[Stage]:
    """The stages nearest to the good that anybody supplies, in chain order."""
    chain = [
        stage
        for stage in stages(case.base, case.good)
        if supply_by_country(case.base, stage.goods).values.sum() > 0
    ]
    own = next((i for i, stage in enumerate(chain) if case.good in stage.goods), None)
    if own is None:
        return []
    near = sorted(range(len(chain)), key=lambda i: (abs(i - own), -i))[:STAGES]
    return [chain[i] for i in sorted(near)]


def _rows(shown: Shown, stage: Stage) -> list[pd.DataFrame]:
    found = concentration(shown.now, stage.goods)
    frames = []
    for measure, (_, top) in MEASURES.items():
        stats = member_statistics(found[measure].values * (1.0 if measure == "hhi" else top))
        frame = pd.DataFrame({"year": found["year"].values}).assign(
            scenario=shown.key, stage=stage.name, measure=measure,
            unit="0 to 10,000" if measure == "hhi" else "%", drawn=stats.get("p50", stats["central"]),
        )  # fmt: skip
        frames.append(frame.assign(**stats))
    return frames


def _line(table: pd.DataFrame, key: str, stage: str, measure: str, column: str = "drawn") -> Values:
    rows = table[(table["scenario"] == key) & (table["stage"] == stage) & (table["measure"] == measure)]
    found: Values = rows[column].to_numpy(dtype=np.float64)
    return found


def _finding(case: Case, table: pd.DataFrame, own: Stage) -> str:
    base = case.lined.baseline.key
    output = supply_by_country(case.base, own.goods)
    total = output.values.sum(axis=(0, 1))
    leader = country_name(str(output["country"].values[int(total.argmax())]))
    usual = _line(table, base, own.name, "without_largest")[-1]
    hhi = _line(table, base, own.name, "hhi")[-1]
    name, year = in_text(own.name), int(table["year"].max())
    start = f"Without {leader}, {percent(usual / 100)} of {name} would be left in {year} (HHI {number(hhi)})"
    if not case.lined.scenarios:
        return start
    change = {
        s.key: _line(table, s.key, own.name, "without_largest")[-1] - usual for s in case.lined.scenarios
    }
    most = max(case.lined.scenarios, key=lambda s: abs(np.nan_to_num(change[s.key])))
    moved = float(np.nan_to_num(change[most.key]))
    if abs(moved) < 100 * MOVED:
        who = "no scenario moves" if len(change) > 1 else "the scenario does not move"
        return f"{start}; {who} that by 1 point"
    after = _line(table, most.key, own.name, "without_largest")[-1]
    under = f" under {quoted(most.name)}" if len(change) > 1 else " in the scenario"
    return f"{start}; {percent(after / 100)}{under}"


def measure(case: Case) -> Measured:
    """Concentration of output by country, by stage and calendar year, of every scenario."""
    chain = _stages(case)
    if not chain:
        return Measured(nothing=f"Concentration: nobody makes {in_text(case.name)} in the baseline.")
    frames = [f for stage in chain for shown in case.lined.all for f in _rows(shown, stage)]
    table = pd.concat(frames, ignore_index=True)
    own = next(stage for stage in chain if case.good in stage.goods)
    subtitle = "Of output by country in each calendar year, median of members"
    if case.lined.scenarios:
        subtitle += f"; grey: baseline {quoted(case.lined.baseline_name)}"
    look: dict[str, Any] = {
        "stages": [stage.name for stage in chain], "own": own.name,
        "lines": [(case.lined.baseline.key, "baseline", BASELINE, "solid")]
        + [(s.key, s.name, s.colour, s.dash) for s in case.lined.scenarios],
    }  # fmt: skip
    note = "Axes start at 0. The last year counts as far as the runs go."
    return Measured(
        _finding(case, table, own), subtitle, case.lined.footer(
            "HHI 0 to 10,000; shares in %", note
        ), table, look
    )  # fmt: skip


def draw(measured: Measured) -> Figure:
    """A row for each measure, a column for each stage."""
    look, table = measured.look, measured.table
    chain, lines = look["stages"], look["lines"]
    key = sum(height(wrapped(text, 1.75, KEY_POINTS), KEY_POINTS) + 0.04 for _, text, _, _ in lines)
    tall = max(TALL, min(key, 2.6))
    wide = (11.0 - LEFT - BESIDE - 0.35 * (len(chain) - 1)) / len(chain)
    heads = [wrapped(name, wide - 0.05, 10.5, True) for name in chain]
    head = max(height(text, 10.5) for text in heads) + 0.3
    years = np.unique(table["year"])
    with mpl.rc_context(STYLE):
        sheet = Sheet(measured.title, measured.subtitle, measured.note, head + 3 * tall + 2 * BETWEEN + 0.35)
        for row, (measure_name, (said, top)) in enumerate(MEASURES.items()):
            y = head + row * (tall + BETWEEN)
            sheet.text(LEFT, y - 0.04, said, 9.5, va="bottom")
            for column, stage in enumerate(chain):
                axes = sheet.axes(LEFT + column * (wide + 0.35), y, wide, tall)
                labels = []
                for k, text, colour, dash in lines:
                    middle = _line(table, k, stage, measure_name)
                    if "p95" in table and k != lines[0][0]:
                        low, high = (_line(table, k, stage, measure_name, p) for p in ("p05", "p95"))
                        axes.fill_between(years, low, high, color=colour, alpha=0.13, linewidth=0)
                    axes.plot(
                        years, middle, color=colour, linestyle=dash, marker="o", markersize=3.2,
                        linewidth=1.6 if colour == BASELINE else 2.0,
                    )  # fmt: skip
                    labels.append(Label(middle, text, colour, dash))
                axes.set_ylim(0, top * 1.02)
                axes.set_xlim(years[0] - 0.3, years[-1] + 0.3)
                axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
                axes.yaxis.set_major_locator(MaxNLocator(4))
                axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
                axes.tick_params(labelbottom=row == 2, labelleft=column == 0)
                if row == 0:
                    weight = "bold" if stage == look["own"] else "normal"
                    sheet.text(
                        LEFT + column * (wide + 0.35), y - 0.27, heads[column], 10.5, va="bottom",
                        fontweight=weight
                    )
                if column == len(chain) - 1 and row == 0:
                    line_labels(axes, labels)
    return sheet.fig


KIND = Kind(
    "concentration", 6, measure, draw, "HHI, the three largest, and supply without the largest, by stage"
)
